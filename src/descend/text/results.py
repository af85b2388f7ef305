"""What a language model says of a text, and what it writes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from descend.text.training import perplexity


@dataclass(frozen=True)
class Score:
    """How well a text was told, token by token, beside counting.

    Args:
        nats: mean of -log p over the tokens.
        tokens: number of tokens that were told, all but the text's first.
        characters: characters of the text, so that tokens of other kinds can be compared.
        unit: what a token is called, "character".
        unknown: how many of the tokens stand for what was not learned.
        grams: nats of the Kneser-Ney n-gram on the same tokens; None where none was counted.
        order: n.
        mixed: nats of both mixed evenly, -log (p/2 + q/2): where it is below the nats of either,
            network and counting know different things.

    Raises:
        Nothing of its own.

    Source: hull-2023, "Loss Functions"; bits and perplexity as in Shannon 1951; Bates and Granger
    1969, The Combination of Forecasts.

    Example:
        >>> from descend.text import Score
        >>> print(Score(nats=1.5, tokens=99, characters=100, unit="character", grams=1.6, order=7))
        1.5 nats a character (2.164 bits, perplexity 4.482) over 99; counting (7-grams) 1.6
    """

    nats: float
    tokens: int
    characters: int
    unit: str = "token"
    unknown: int = 0
    grams: float | None = None
    order: int | None = None
    mixed: float | None = None

    @property
    def bits(self) -> float:
        """In bits a token."""
        return self.nats / math.log(2)

    @property
    def perplexity(self) -> float:
        """e^nats: among how many equally likely tokens it is like choosing."""
        return perplexity(self.nats)

    @property
    def nats_a_character(self) -> float:
        """The same for all tokens together, by the text's characters."""
        return self.nats * self.tokens / max(self.characters, 1)

    def __str__(self) -> str:
        words = (
            f"{self.nats:.4g} nats a {self.unit} ({self.bits:.4g} bits, perplexity "
            f"{self.perplexity:.4g}) over {self.tokens:,}"
        )
        if self.unit != "character":
            words += f", {self.nats_a_character:.4g} a character"
        if self.unknown:
            words += f"; {self.unknown:,} of them were never learned"
        if self.grams is not None:
            words += f"; counting ({self.order}-grams) {self.grams:.4g}"
        if self.mixed is not None:
            words += f"; both mixed evenly {self.mixed:.4g}"
        return words


@dataclass(frozen=True)
class Written:
    """What a language model has written.

    Args:
        prompt: text it was given.
        continuation: text it went on with.
        copied: longest run of the continuation that stands in the training text.
        copied_tokens: tokens of that run; None where the training text is not at hand.
        tokens: tokens of the continuation.

    Raises:
        Nothing of its own.

    Source: descend's own.

    Example:
        >>> from descend.text import Written
        >>> print(Written(prompt="To be", continuation=", or not to be.", copied=" to be",
        ...               copied_tokens=6, tokens=15))
        To be, or not to be.
    """

    prompt: str
    continuation: str
    copied: str
    copied_tokens: int | None
    tokens: int

    @property
    def text(self) -> str:
        """The prompt and what came after it."""
        return self.prompt + self.continuation

    def __str__(self) -> str:
        return self.text
