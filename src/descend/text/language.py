"""A language model: from a text to a network that tells, and writes, the next token."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import jax
import numpy as np

from descend.described import conforms
from descend.errors import CheckpointError, DataError, DescendError, NotFittedError, unknown
from descend.nn.checks import number, whole
from descend.nn.layers.base import Layer
from descend.text.copied import Copies
from descend.text.corpus import KINDS, corpus
from descend.text.generating import Drawing, writer
from descend.text.learning import Settings, judging, train_on
from descend.text.networks import endless, network
from descend.text.ngrams import NGrams
from descend.text.reading import read_text
from descend.text.results import Score, Written
from descend.text.task import require_network
from descend.text.telling import Telling
from descend.text.tokeniser import Tokeniser, require_text
from descend.text.tokenisers import tokeniser_from
from descend.train.callbacks.base import listed, shown_as
from descend.train.engine.history import History
from descend.train.engine.runtime import prepare
from descend.train.model import Model
from descend.train.saving import checkpoint as files
from descend.train.saving.loading import load_with_extra

UNITS = {"Characters": "character", "Words": "word", "BytePairs": "pair"}
ORDERS = {"character": 7, "word": 3, "pair": 4}  # of the n-grams beside
COUNTED = 5_000_000  # tokens that n-grams are counted of, and that a file holds, at most
WRITTEN = 10_000_000  # tokens that are written at once, at most
ROUND = 128  # tokens to which the length of what is written is rounded up: programs then serve
SORTED = 2048  # tokens of a copied run that are found at least


class Described(TypedDict):
    """What a file says of a language model, besides its network."""

    tokeniser: dict[str, Any]
    context: int
    order: int


class LanguageModel:
    """A network that tells the next token of a text, and so scores and writes texts.

        p(x_1 .. x_n) = prod_t p(x_t | x_1 .. x_{t-1})

    Args:
        tokens: kind of token, learned from the training text: "characters", "words" or "pairs" (of
            bytes); or a Tokeniser that has learned.
        context: tokens that a step of training reads; what a transformer, or a Model with an Input
            of that size, sees at most. A recurrent network remembers beyond it.
        network: "lstm", "gru", "rnn", "transformer", or a Model from token numbers (context,) to
            logits or probabilities (context, tokens), tokens being len(tokeniser).
        units: numbers in a layer of a network given by name; None: the usual number.
        layers: layers (of a transformer: blocks) of a network given by name; None: as usual.
        dropout: share that is dropped in training between the layers of a network given by name.
        vocabulary: most tokens that are learned; None: all characters, 10,000 words, 512 pairs.
        order: n of the Kneser-Ney n-grams that stand beside every score; None: 7 for characters, 3
            for words, 4 for pairs; 0: none.
        seed: seed of the weights, of the places that are read, and of noise.

    Attributes:
        tokeniser: the Tokeniser, once it has learned.
        model: the network as a Model, once there is one.
        history: the History of the last training.
        remarks: what was to be said of the text.
        seconds: time of the last training.
        validation: Score of the last part of the text, which was not learned from; None where
            there was none.

    Raises:
        DescendError: an unknown network or kind of token, a number out of range, a network that
            cannot be read step by step because a layer looks ahead.
        ShapeError: a Model that does not read tokens or tell each next one.

    Source: scheidegger-2020, "RECURRENT NEURAL NETS"; Shannon 1951.

    Example:
        >>> from descend.text import LanguageModel
        >>> lm = LanguageModel("characters", context=8, network="gru", units=16)
        >>> _ = lm.fit("to be or not to be. " * 50, passes=8, batch_size=4, verbose=0)
        >>> lm.score("to be or not").nats < 1.0
        True
        >>> written = lm.generate("to be", 6, temperature=0)
        >>> written.prompt, written.tokens
        ('to be', 6)
    """

    def __init__(
        self,
        tokens: str | Tokeniser = "characters",
        *,
        context: int = 64,
        network: str | Model = "lstm",
        units: int | None = None,
        layers: int | None = None,
        dropout: float | None = None,
        vocabulary: int | None = None,
        order: int | None = None,
        seed: int = 0,
    ):
        self.context = whole("context", context, 2)
        self.seed = whole("seed", seed, 0)
        self.vocabulary = vocabulary
        for name, value in (("units", units), ("layers", layers), ("vocabulary", vocabulary)):
            if value is not None:
                whole(name, value, 1, optional=True)
        if order is not None:
            whole("order", order, 0, optional=True)
        if dropout is not None and number("dropout", dropout, least=0) >= 1:
            raise DescendError(f"dropout must be a number in [0, 1), got {dropout!r}")
        self._tokens, self._order = tokens, order
        self._network = network
        self._sizes = {"units": units, "layers": layers, "dropout": dropout}
        self.tokeniser: Tokeniser | None = tokens if isinstance(tokens, Tokeniser) else None
        self.model: Model | None = network if isinstance(network, Model) else None
        self.history: History | None = None
        self.remarks: list[str] = []
        self.seconds = 0.0
        self.validation: Score | None = None
        self._ids: np.ndarray | None = None  # of the training text, as far as it is kept
        self._grams: NGrams | None = None
        self._copies: Copies | None = None
        self._writers: dict[Any, Any] = {}
        self._telling: Telling | None = None
        if self.tokeniser is None and tokens not in KINDS:
            raise unknown("kind of token", tokens, KINDS)

    # -- learning -----------------------------------------------------------------------------

    def fit(
        self,
        text: str | Path,
        *,
        validation: float = 0.1,
        passes: float = 10,
        minutes: float | None = None,
        aim: float | None = None,
        batch_size: int = 32,
        learning_rate: float = 0.002,
        rule: Any = "adam",
        patience: int = 20,
        encoding: str = "utf-8",
        piece: int | None = None,
        checkpoint: str | Path | None = None,
        resume: str | Path | None = None,
        callbacks: Any = (),
        verbose: int | bool | str = "auto",
    ) -> LanguageModel:
        """Learn from a text; a second fit goes on with the same tokens and weights.

        Args:
            text: text, or the Path of a file. A file of more than 16 MiB is read in pieces.
            validation: share of the text, its last part, that is not learned from: it chooses the
                best weights. 0 for none.
            passes: passes over the text, after which the learning rate has fallen to nearly 0.
            minutes: time in the place of passes: the rate falls with it.
            aim: nats a token of the validation at which training ends.
            batch_size: rows that are read side by side.
            learning_rate: the largest learning rate.
            rule: update rule, by name or object; its learning rate is `learning_rate`.
            patience: validations without improvement (there are ten in a pass, or one every 50
                steps where that is less) after which training ends.
            encoding: how a file is written.
            piece: tokens of a file that are held at a time; the file is then read in pieces,
                whatever its size, and its validation is made after every pass.
            checkpoint: file that the run is kept in while it goes on.
            resume: checkpoint of the same run to go on from.
            callbacks: callbacks (`descend.train.callbacks`).
            verbose: verbosity: 0 silent, else progress on standard error.

        Returns:
            Itself.

        Raises:
            DataError: an empty or too short text, a file that cannot be read, a character that the
                tokeniser has not learned.
            DivergenceError: a NaN.
            CheckpointError: `resume` cannot be used.
        """
        prepare()
        if not 0 <= number("validation", validation, least=0) < 1:
            raise DescendError(f"validation must be a share in [0, 1), got {validation!r}")
        number("passes", passes, above=0)
        if minutes is not None:
            number("minutes", minutes, above=0)
        if aim is not None:
            number("aim", aim)
        whole("batch_size", batch_size, 1), whole("patience", patience, 0)
        if piece is not None:
            whole("piece", piece, 1, optional=True)
        number("learning_rate", learning_rate, above=0)
        tokens = self._tokens if self.tokeniser is None else self.tokeniser
        found = corpus(text, tokens, self.vocabulary, validation, encoding, piece)
        self.tokeniser, self.remarks = found.tokeniser, found.remarks
        model = self._network_for(found.tokeniser)
        self._ids = found.ids[:COUNTED].astype(_smallest(len(found.tokeniser)))
        self._grams = self._copies = None
        counted = self._counted(found.judged) if verbose else None
        run, self.seconds = train_on(
            model,
            found,
            self.context,
            Settings(
                passes, minutes, batch_size, learning_rate, rule, patience, aim, self.seed, piece
            ),
            unit=self.unit,
            grams=None if counted is None else (self.order, -float(counted.mean())),
            checkpoint=checkpoint,
            resume=resume,
            callbacks=listed(callbacks),
            verbose=shown_as(verbose),
        )
        self.history = run.history
        self.validation = self._scored(found.judged) if len(found.judged) > 1 else None
        return self

    def _network_for(self, tokeniser: Tokeniser) -> Model:
        if self.model is None:
            assert isinstance(self._network, str)
            self.model = network(
                self._network, len(tokeniser), self.context, self.seed, **self._sizes
            )
        require_network(self.model, len(tokeniser))
        steps = self.model.input_shapes[0][0]
        if steps not in (None, self.context):
            raise DescendError(
                f"{self.model.name} reads {steps} tokens; say so: LanguageModel(context={steps})"
            )
        endless(self.model)  # raises where a layer looks ahead
        return self.model

    @property
    def weights(self) -> int:
        """How many numbers the network has learned."""
        return sum(a.size for a in jax.tree.leaves(self._ready()[0].params))

    @property
    def unit(self) -> str:
        """What a token is called."""
        return UNITS.get(type(self.tokeniser).__name__, "token")

    @property
    def order(self) -> int:
        """n of the n-grams beside; 0: none."""
        return ORDERS.get(self.unit, 4) if self._order is None else self._order

    @property
    def grams(self) -> NGrams | None:
        """The n-grams of the training text; None where there are none, or it is not at hand.

        Their tokens are numbered from 0: 1 less than the tokeniser's, whose 0 is padding.
        """
        ids = self._ids
        if self._grams is None and ids is not None and len(ids) >= self.order > 0:
            size = len(self._ready()[1]) - 1
            self._grams = NGrams(self.order, size).fit(ids.astype(np.int64) - 1)
        return self._grams

    def _counted(self, ids: np.ndarray) -> np.ndarray | None:
        """log p by counting, of all tokens of a text but the first."""
        if self.grams is None or len(ids) < 2:
            return None
        return self.grams.log_probabilities(ids.astype(np.int64) - 1)[1:]

    def _ready(self) -> tuple[Model, Tokeniser]:
        if self.model is None or self.tokeniser is None:
            raise NotFittedError("the language model has not learned yet: call fit(text) first")
        return self.model, self.tokeniser

    # -- scores -------------------------------------------------------------------------------

    def score(self, text: str | Path, *, encoding: str = "utf-8") -> Score:
        """Score a text: every token but the first, once, given the true tokens before it.

        A recurrent network has read at least four contexts (512 tokens or more) before a token, a
        network of a fixed context half of it, or all that there is.

        Args:
            text: text, or the Path of a file.
            encoding: how a file is written.

        Returns:
            The Score, with that of counting beside it.

        Raises:
            NotFittedError: nothing was learned.
            DataError: an empty text, a character that was not learned.
        """
        tokeniser = self._ready()[1]
        prepare()
        text = read_text(text, encoding) if isinstance(text, Path) else text
        require_text(text)
        ids = tokeniser.encode(text)
        if len(ids) < 2:
            raise DataError(
                f"a text of {len(ids)} {self.unit}(s) cannot be scored: a score needs two, one to "
                "be given and one to be told"
            )
        return self._scored(ids, len(text))

    def _scored(self, ids: np.ndarray, characters: int | None = None) -> Score:
        """The score of a text's tokens."""
        model, tokeniser = self._ready()
        if self._telling is None or self._telling.model is not model:
            self._telling = Telling(model, lambda ids: judging(model, ids, self.context))
        told, counted = self._telling(ids), self._counted(ids)
        other = tokeniser.unknown
        score = Score(
            nats=-float(told.mean()),
            tokens=len(told),
            characters=len(tokeniser.decode(ids)) if characters is None else characters,
            unit=self.unit,
            unknown=0 if other is None else int((ids[1:] == other).sum()),
        )
        if counted is None:
            return score
        mixed = np.logaddexp(told, counted) - math.log(2)
        grams, both = -float(counted.mean()), -float(mixed.mean())
        return replace(score, grams=grams, order=self.order, mixed=both)

    # -- writing ------------------------------------------------------------------------------

    def generate(
        self,
        prompt: str,
        n: int = 500,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> Written:
        """Write on, token after token, each drawn from what the network tells; one compiled scan.

        A network of a fixed context that is full reads the last half of what is written again.

        Args:
            prompt: text to begin with, at least a token.
            n: number of tokens to write.
            temperature: number that the logits are divided by: below 1 likely tokens become
                likelier; 0 takes the likeliest each time.
            top_k: how many of the likeliest tokens may come; None: all.
            top_p: share of the probability; only the likeliest tokens that make it up may come.
            seed: seed of the draws.

        Returns:
            The Written text, with the longest run that it has copied from the training text.

        Raises:
            NotFittedError: nothing was learned.
            DescendError: a number out of range.
            DataError: an empty prompt, a character that was not learned, a prompt that is longer
                than a fixed context.
        """
        model, tokeniser = self._ready()
        prepare()
        whole("seed", seed, 0)
        if whole("n", n, 1) > WRITTEN:
            raise DescendError(f"n must be a whole number from 1 to {WRITTEN:,}, got {n:,}")
        number("temperature", temperature, least=0)
        if top_k is not None:
            whole("top_k", top_k, 1, optional=True)
        if top_p is not None and not 0 < number("top_p", top_p) <= 1:
            raise DescendError(f"top_p must be a share in (0, 1], got {top_p!r}")
        require_text(prompt, "the prompt")
        ids = tokeniser.encode(prompt)
        if not len(ids):
            raise DataError(
                "the prompt holds no token; give one at least to go on from, such as a line break"
            )
        limit = None if endless(model) else self.context
        if limit is not None and len(ids) > limit:
            raise DataError(
                f"the prompt has {len(ids)} {self.unit}s, and the network reads {limit}: give the "
                f"last {limit} of it"
            )
        total = -(-(len(ids) + n) // ROUND) * ROUND
        drawing = Drawing(float(temperature > 0), top_k, top_p)
        write = self._writers.get((total, drawing))
        if write is None:
            write = jax.jit(writer(model, total, limit, drawing))
            self._writers[total, drawing] = write
        padded = np.zeros(total, np.int32)
        padded[: len(ids)] = ids
        arguments = (padded, np.int32(len(ids)), np.float32(temperature), jax.random.key(seed))
        text = np.asarray(write(*model.current_weights(), *arguments))
        new = text[len(ids) : len(ids) + n]
        joint = " " if self.unit == "word" else ""
        copied, length = "", None
        if self._ids is not None:
            if self._copies is None or n > SORTED:
                self._copies = Copies(self._ids.astype(np.int64), max(n, SORTED))
            found = self._copies.longest(new)
            length = found.length
            copied = tokeniser.decode(new[found.at : found.at + found.length])
        return Written(prompt, joint + tokeniser.decode(new), copied, length, n)

    # -- on disk ------------------------------------------------------------------------------

    def save(self, path: str | Path, *, text: bool = True) -> None:
        """Write network, vocabulary and the training text's tokens to one file.

        Args:
            path: file, conventionally `*.descend`; written to a temporary name and renamed.
                `load_model` reads the network alone from it.
            text: whether the tokens of the training text (its first five million) are in the file:
                counting beside a score, and what was copied, are known from them.

        Raises:
            NotFittedError: nothing was learned.
            DescendError: the file cannot be written.
        """
        model, tokeniser = self._ready()
        params, layers = model.current_weights()
        arrays = files.flatten(params, "params") | files.flatten(layers, "layers")
        if text and self._ids is not None:
            arrays["text/ids"] = self._ids
        own = {"tokeniser": tokeniser.config(), "context": self.context, "order": self.order}
        description: dict[str, Any] = {"model": model.describe(), "extra": {"language": own}}
        if self.history is not None:
            h = self.history
            description |= {"history": h.history, "epochs": h.epoch, "logged": h.logged}
        files.write(path, "model", description, arrays)

    @classmethod
    def load(
        cls, path: str | Path, custom: Mapping[str, type[Layer]] | None = None
    ) -> LanguageModel:
        """Read a file of `save`; nothing in it is executed.

        Args:
            path: file.
            custom: classes {name: class} for layers of the user's own.

        Returns:
            The LanguageModel, as it was saved.

        Raises:
            CheckpointError: no such file, or another one.
        """
        model, extra = load_with_extra(path, custom)
        with files.understood(path, "description"):
            if "language" not in extra:
                raise CheckpointError(f"{path} holds a model, and no language model")
            own = extra["language"]
            conforms(own, Described, "the language model")
            tokeniser = tokeniser_from(own["tokeniser"])
            require_network(model, len(tokeniser))
            new = cls(tokeniser, context=own["context"], network=model, order=own["order"])
        new.history = model.history
        ids = files.read(path)[1].get("text/ids")
        if ids is not None:
            with files.understood(path, "text"):
                if ids.ndim != 1 or ids.dtype.kind != "u" or not ids.size:
                    raise CheckpointError(f"the text is {ids.dtype} of shape {ids.shape}")
                if ids.min() < 1 or ids.max() >= len(tokeniser):
                    raise CheckpointError("the text holds tokens that the vocabulary has not")
            new._ids = ids
        return new


def _smallest(size: int) -> Any:
    """The smallest type of number for so many tokens."""
    return np.uint8 if size <= 2**8 else np.uint16 if size <= 2**16 else np.uint32
