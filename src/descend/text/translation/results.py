"""What a translator says of translations: how well they are told, and where it looked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.text.training import perplexity
from descend.visible import on_one_line

if TYPE_CHECKING:
    import pandas as pd

SHADES = " .:-=+*#%@"  # of weights from 0 to 1, as text


@dataclass(frozen=True)
class TranslationScore:
    """How well translations were told, and how good the translator's own are.

    Args:
        nats: mean of -log p over the tokens, ends counted, each given the **true** ones before it.
        tokens: number of tokens.
        sentences: number of pairs.
        unit: what a token is called, "byte pair".
        unknown: how many of the tokens stand for what was not learned.
        nats_on_own: the same tokens, each given what the translator itself had written before it;
            None where that was not asked for. Errors then add up: it is another quantity, which
            cannot be set beside `nats`.
        bleu: BLEU of the translator's own translations, 0 to 100, by sacreBLEU on the texts; None
            where that was not asked for.
        signature: how sacreBLEU was told to count, to be stated with the figure.

    Raises:
        Nothing of its own.

    Source: Papineni et al. 2002 (BLEU); Post 2018 (sacreBLEU).

    Example:
        >>> from descend.text import TranslationScore
        >>> print(TranslationScore(nats=1.25, tokens=1000, sentences=80, unit="word"))
        1.25 nats a word (perplexity 3.49) given the true ones before, over 1,000 of 80 sentences
    """

    nats: float
    tokens: int
    sentences: int
    unit: str = "token"
    unknown: int = 0
    nats_on_own: float | None = None
    bleu: float | None = None
    signature: str = ""

    @property
    def perplexity(self) -> float:
        """e^nats: among how many equally likely tokens it is like choosing."""
        return perplexity(self.nats)

    def __str__(self) -> str:
        words = (
            f"{self.nats:.4g} nats a {self.unit} (perplexity {self.perplexity:.4g}) given the true "
            f"ones before, over {self.tokens:,} of {self.sentences:,} sentences"
        )
        if self.unknown:
            words += f"; {self.unknown:,} of them were never learned"
        if self.nats_on_own is not None:
            words += f"; {self.nats_on_own:.4g} nats given its own"
        if self.bleu is not None:
            words += f"; BLEU {self.bleu:.1f} ({self.signature})"
        return words


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where a translator looked in the source when it told each token of a translation.

    Args:
        source, target: tokens, in their order; the last is the end.
        weights: weights of attention (layers, heads, target, source); each row sums to one.
        layers: names of the layers that attend.

    Raises:
        Nothing of its own.

    Source: hull-2023, "Specialized Layer: Attention Mechanisms"; Bahdanau, Cho and Bengio 2015,
    figure 3.

    Example:
        >>> import numpy as np
        >>> from descend.text import Alignment
        >>> weights = np.array([[0.75, 0.25], [0.0, 1.0]])[None, None]
        >>> look = Alignment(("ein", "Hund"), ("a", "dog"), weights, ("attention",))
        >>> look.looked_at()
        ('ein', 'Hund')
        >>> look.to_frame().loc["a", "Hund"]
        np.float64(0.25)
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: np.ndarray
    layers: tuple[str, ...]

    @property
    def mean(self) -> np.ndarray:
        """The mean over layers and heads, (target, source)."""
        mean: np.ndarray = self.weights.mean(axis=(0, 1))
        return mean

    def looked_at(self) -> tuple[str, ...]:
        """For each token of the translation, the token of the source with the largest weight."""
        return tuple(self.source[i] for i in self.mean.argmax(axis=1))

    def to_frame(self) -> pd.DataFrame:
        """The mean over layers and heads: a row a token of the translation, a column of the
        source."""
        import pandas as pd

        return pd.DataFrame(
            self.mean,
            index=pd.Index(self.target, name="translation"),
            columns=pd.Index(self.source, name="source"),
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the mean over layers and heads: the source from left to right, the translation
        downwards.

        Args:
            ax: axes of matplotlib; by default those of a new figure.

        Returns:
            The axes.
        """
        if ax is None:
            from matplotlib.figure import Figure

            size = (1.5 + 0.4 * len(self.source), 1.0 + 0.35 * len(self.target))
            ax = Figure(figsize=size, layout="constrained").subplots()
        shown = ax.imshow(self.mean, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        for axis, tokens, name in (
            (ax.xaxis, self.source, "token of the source"),
            (ax.yaxis, self.target, "token of the translation"),
        ):
            # a $ would begin a formula
            labels = [on_one_line(token).replace("$", r"\$") for token in tokens]
            axis.set_ticks(range(len(tokens)), labels=labels)
            axis.set_label_text(name)
        ax.tick_params(axis="x", labelrotation=60)
        ax.figure.colorbar(shown, ax=ax, label="weight of attention")
        return ax

    def __str__(self) -> str:
        """The weights as text: a row a token of the translation, darker signs for larger ones."""
        wide = max(map(len, self.target))
        columns = [on_one_line(token) for token in self.source]
        lines = []
        for token, row in zip(self.target, self.mean, strict=True):
            place = np.minimum((row * len(SHADES)).astype(int), len(SHADES) - 1)
            cells = (SHADES[p].center(len(c)) for p, c in zip(place.tolist(), columns, strict=True))
            lines.append(f"{on_one_line(token):>{wide}} | {' '.join(cells)}".rstrip())
        return "\n".join([f"{'':>{wide}} | {' '.join(columns)}", *lines])
