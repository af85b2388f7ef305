"""A translator: from pairs of sentences to a network that tells, and writes, translations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import jax
import numpy as np

from descend.described import conforms
from descend.errors import (
    CheckpointError,
    DataError,
    DescendError,
    MissingExtraError,
    NotFittedError,
)
from descend.nn.checks import number, whole
from descend.nn.layers.base import Layer
from descend.text.tokenisers import tokeniser_from
from descend.text.translation.learning import RULE, Settings, judging, train_on
from descend.text.translation.looking import Looker
from descend.text.translation.networks import network, sized
from descend.text.translation.pairs import (
    LONGEST,
    Ids,
    Languages,
    encoded,
    given_languages,
    learned,
    paired,
    sentences,
)
from descend.text.translation.results import Alignment, TranslationScore
from descend.text.translation.task import NextOfTranslation, require_network
from descend.text.translation.writing import Writer
from descend.train.callbacks.base import listed, shown_as
from descend.train.engine.history import History
from descend.train.engine.program import evaluation, finished
from descend.train.engine.runtime import prepare
from descend.train.model import Model
from descend.train.saving import checkpoint as files
from descend.train.saving.loading import load_with_extra

UNITS = {"Characters": "character", "Words": "word", "BytePairs": "byte pair"}
JUDGED = 4096  # tokens that are judged at a time


class Described(TypedDict):
    """What a file says of a translator, besides its network."""

    source: dict[str, Any]
    target: dict[str, Any]
    longest: list[int]


class Translator:
    """A network that tells each token of a translation from the sentence and those before it.

        p(y_1 .. y_n | x) = prod_t p(y_t | y_1 .. y_{t-1}, x)

    Args:
        network: "transformer"; "attention": recurrent, the decoder looks back at every step of the
            encoder; "recurrent": the encoder hands over its last state alone; or a Model of two
            inputs, token numbers of the source and of the translation so far, to logits or
            probabilities (time, numbers). Numbers are 0 for padding, those of the tokeniser, and
            one more, len(tokeniser), for the end; the same number is the beginning.
        tokens: kind of token, learned from the training pairs: "pairs" of bytes, of both languages
            together, so that one table of vectors serves both; "words" or "characters" of each; or
            a Tokeniser that has learned, or two, (source, target).
        vocabulary: most tokens that are learned, of each tokeniser; None: 4,000 pairs, 10,000
            words, all characters.
        units: numbers in a layer of a network given by name; None: the usual number.
        layers: layers, or blocks, of encoder and decoder each, of a network given by name.
        heads: heads of a transformer's attention.
        wide: rows of the network inside a transformer's block; None: 2 units.
        dropout: share that is dropped in training in a network given by name.
        seed: seed of the weights, of the order of the pairs, and of noise.

    Attributes:
        languages: the tokenisers, (source, target), once there are some.
        model: the network as a Model, once there is one.
        history: the History of the last training.
        seconds: time of the last training.

    Raises:
        DescendError: an unknown network or kind of token, a number out of range.
        ShapeError: a Model that does not read two sequences, or does not tell each next token.

    Source: Sutskever, Vinyals and Le 2014; Luong, Pham and Manning 2015; Vaswani et al. 2017;
    hull-2023, "Specialized Layer: Attention Mechanisms".

    Example:
        >>> from descend.text import Translator
        >>> words = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier"}
        >>> english = [f"{a} {b}" for a in words for b in words]
        >>> german = [" ".join(words[w] for w in text.split()) for text in english]
        >>> t = Translator("attention", "words", units=32, dropout=0)
        >>> _ = t.fit(english, german, validation=0, passes=60, learning_rate=0.02, verbose=0)
        >>> t.translate(["four one", "two three"])
        ['vier eins', 'zwei drei']
        >>> t.attention("four one").looked_at()[0]
        'four'
    """

    def __init__(
        self,
        network: str | Model = "transformer",
        tokens: Any = "pairs",
        *,
        vocabulary: int | None = None,
        units: int | None = None,
        layers: int | None = None,
        heads: int | None = None,
        wide: int | None = None,
        dropout: float | None = None,
        seed: int = 0,
    ):
        sizes = {"units": units, "layers": layers, "heads": heads, "wide": wide}
        for name, value in (*sizes.items(), ("vocabulary", vocabulary)):
            if value is not None:
                whole(name, value, 1, optional=True)
        if dropout is not None and number("dropout", dropout, least=0) >= 1:
            raise DescendError(f"dropout must be a number in [0, 1), got {dropout!r}")
        self.seed = whole("seed", seed, 0)
        self.vocabulary = vocabulary
        self._network, self._tokens = network, tokens
        self._sizes: dict[str, Any] = {**sizes, "dropout": dropout}
        self.languages: Languages | None = given_languages(tokens)
        self.model: Model | None = network if isinstance(network, Model) else None
        self.history: History | None = None
        self.seconds = 0.0
        self._longest = (0, 0)  # tokens of a source and of a target that were learned from
        self._judge: NextOfTranslation | None = None
        self._writer: Writer | None = None
        self._looker: Looker | None = None
        if self.model is None:
            sized(network, self._sizes)
        elif self.languages is not None:
            require_network(self.model, self.languages.sizes)

    # -- learning -----------------------------------------------------------------------------

    def fit(
        self,
        sources: Any,
        targets: Any,
        *,
        validation: float | tuple[Any, Any] = 0.05,
        passes: float = 20,
        minutes: float | None = None,
        batch_tokens: int = 2048,
        buckets: int = 6,
        learning_rate: float = 0.002,
        rule: Any = RULE,
        smoothing: float = 0.1,
        patience: int = 40,
        checkpoint: str | Path | None = None,
        resume: str | Path | None = None,
        callbacks: Any = (),
        verbose: int | bool | str = "auto",
    ) -> Translator:
        """Learn from pairs; a second fit goes on with the same tokens and weights.

        Args:
            sources, targets: sentences, and the translation of each at the same place.
            validation: share of the pairs, the last ones, that are not learned from, or pairs of
                their own, (sources, targets): they choose the best weights. 0 for none.
            passes: passes over the pairs, behind which the learning rate has fallen to nearly 0.
            minutes: time in the place of passes: the rate falls with it.
            batch_tokens: tokens of a step, padding counted.
            buckets: shapes of batches at most; each is compiled, more of them pad less.
            learning_rate: the largest learning rate: it grows for a fiftieth of the training and
                falls from three tenths on.
            rule: update rule, by name or object; its learning rate is `learning_rate`.
            smoothing: share of the cost that asks for equal probabilities of all tokens.
            patience: validations without improvement (there are up to four in a pass) after which
                training ends.
            checkpoint: file that the run is kept in while it goes on.
            resume: checkpoint of the same run to go on from.
            callbacks: callbacks (`descend.train.callbacks`).
            verbose: verbosity: 0 silent, else progress on standard error.

        Returns:
            Itself.

        Raises:
            DataError: no lists of sentences, lists of different lengths, an empty sentence, one
                that is longer than the network reads, what a given tokeniser has not learned.
            DescendError: a number out of range.
            DivergenceError: a NaN.
            CheckpointError: `resume` cannot be used.
        """
        prepare()
        number("passes", passes, above=0)
        if minutes is not None:
            number("minutes", minutes, above=0)
        whole("batch_tokens", batch_tokens, 1), whole("buckets", buckets, 1)
        whole("patience", patience, 0)
        number("learning_rate", learning_rate, above=0)
        if number("smoothing", smoothing, least=0) >= 1:
            raise DescendError(f"smoothing must be a share in [0, 1), got {smoothing!r}")
        pairs, judged = _parts(paired(sources, targets), validation)
        if self.languages is None:
            self.languages = learned(self._tokens, self.vocabulary, *pairs)
        if self.model is None:
            self.model = self._made(self.languages)
        require_network(self.model, self.languages.sizes)
        ids = self._encoded(*pairs)
        self._longest = (max(map(len, ids[0])), max(map(len, ids[1])))
        run, self.seconds = train_on(
            self.model,
            self.languages.end,
            ids,
            self._encoded(*judged) if judged else None,
            Settings(
                passes=passes,
                minutes=minutes,
                batch_tokens=batch_tokens,
                buckets=buckets,
                learning_rate=learning_rate,
                rule=rule,
                smoothing=smoothing,
                patience=patience,
                seed=self.seed,
            ),
            unit=self.unit,
            checkpoint=checkpoint,
            resume=resume,
            callbacks=listed(callbacks),
            verbose=shown_as(verbose),
        )
        self.model.history = self.history = run.history
        return self

    def _made(self, languages: Languages) -> Model:
        return network(self._network, languages, self.seed, self._sizes)

    def _encoded(self, sources: Sequence[str], targets: Sequence[str]) -> tuple[Ids, Ids]:
        languages = self._ready()[1]
        return (
            encoded(languages.source, sources, "source"),
            encoded(languages.target, targets, "target"),
        )

    def _ready(self) -> tuple[Model, Languages]:
        if self.model is None or self.languages is None:
            raise NotFittedError(
                "the translator has not learned yet: call fit(sources, targets) first"
            )
        return self.model, self.languages

    @property
    def weights(self) -> int:
        """How many numbers the network has learned."""
        return sum(a.size for a in jax.tree.leaves(self._ready()[0].params))

    @property
    def unit(self) -> str:
        """What a token of a translation is called."""
        kind = None if self.languages is None else type(self.languages.target).__name__
        return UNITS.get(str(kind), "token")

    # -- writing ------------------------------------------------------------------------------

    def translate(
        self,
        texts: Any,
        *,
        beam: int = 4,
        length_penalty: float = 1.0,
        limit: int | None = None,
    ) -> list[str]:
        """Write the translation of each sentence, by beam search; one of nothing is nothing.

        Args:
            texts: list of sentences.
            beam: partial translations that are gone on with; 1 takes the likeliest token each time.
            length_penalty: exponent a >= 0: translations of n tokens are compared by log p / n^a.
                0 favours short ones.
            limit: most tokens of a translation; None: as many as the longest that was learned from
                had, and more by as much as a source is longer than those were.

        Returns:
            The translations.

        Raises:
            NotFittedError: nothing was learned.
            DescendError: a number out of range, a network that cannot be read step by step.
            DataError: no list of texts, a character that was not learned, a sentence that is longer
                than the network reads.
        """
        languages = self._ready()[1]
        said = sentences(texts, "texts")
        real = [i for i, text in enumerate(said) if text.strip()]
        ids = encoded(languages.source, [said[i] for i in real], "text")
        found, _ = self._found(ids, beam, length_penalty, limit)
        result = [""] * len(said)
        for i, tokens in zip(real, found, strict=True):
            result[i] = languages.target.decode(tokens)
        return result

    def _found(
        self, ids: Ids, beam: int, length_penalty: float, limit: int | None
    ) -> tuple[Ids, np.ndarray]:
        """The tokens of each translation, without its end, and its log p."""
        number("length_penalty", length_penalty, least=0)
        for name, value in (("beam", beam), ("limit", limit)):
            if (value is not None or name == "beam") and whole(name, value, 1) > LONGEST:
                raise DescendError(
                    f"{name} must be a whole number from 1 to {LONGEST:,}, got {value:,}"
                )
        model, languages = self._ready()
        prepare()
        if self._writer is None:
            self._writer = Writer(model, languages)
        return self._writer.write(ids, beam, length_penalty, limit, self._longest)

    # -- scores -------------------------------------------------------------------------------

    def score(
        self,
        sources: Any,
        targets: Any,
        *,
        own: bool = False,
        bleu: bool = False,
        beam: int = 4,
        length_penalty: float = 1.0,
    ) -> TranslationScore:
        """Score given translations: every real token once, given the true ones before it.

        Args:
            sources, targets: sentences, and the translation of each at the same place.
            own: whether the same tokens are also told given what the translator itself writes
                (greedily) before them.
            bleu: whether the translator's own translations are held against the targets, by
                sacreBLEU, which counts in texts and not in this translator's tokens. Needs
                `pip install 'descend[translation]'`.
            beam, length_penalty: as for `translate`, for BLEU.

        Returns:
            The TranslationScore.

        Raises:
            NotFittedError: nothing was learned.
            DataError: as for `fit`.
            MissingExtraError: BLEU without sacreBLEU.
        """
        languages = self._ready()[1]
        prepare()
        metric = _sacrebleu() if bleu else None
        left, right = paired(sources, targets)
        ids = self._encoded(left, right)
        unknown = languages.target.unknown
        figure, signature = None, ""
        if metric is not None:
            said = self.translate(left, beam=beam, length_penalty=length_penalty)
            figure = metric.corpus_score(said, [right]).score
            signature = str(metric.get_signature())
        on_own = None
        if own:
            on_own = self._nats(ids, self._found(ids[0], 1, 1.0, None)[0])
        return TranslationScore(
            nats=self._nats(ids),
            tokens=sum(map(len, ids[1])),
            sentences=len(left),
            unit=self.unit,
            unknown=0 if unknown is None else sum(int((row == unknown).sum()) for row in ids[1]),
            nats_on_own=on_own,
            bleu=figure,
            signature=signature,
        )

    def _nats(self, ids: tuple[Ids, Ids], given: Ids | None = None) -> float:
        """The mean of -log p over the tokens of the translations."""
        model, languages = self._ready()
        if self._judge is None:
            self._judge = NextOfTranslation(model, "sgd")
        task, feed = self._judge, judging(model, languages.end, ids, JUDGED, given)
        state = task.start(*model.current_weights(), jax.random.key(0), task.hyper())
        return float(finished(task, evaluation(task, feed)(state))["loss"])

    def attention(self, source: str, target: str | None = None, *, beam: int = 4) -> Alignment:
        """Show where the network looks in the source as it tells each token of a translation.

        Args:
            source: sentence.
            target: its translation; None: the translator's own.
            beam: as for `translate`.

        Returns:
            The Alignment: a table, a picture, text.

        Raises:
            NotFittedError: nothing was learned.
            DescendError: a network that does not attend.
            DataError: an empty sentence, or as for `translate`.
        """
        model, languages = self._ready()
        prepare()
        if target is None:
            target = self.translate([source], beam=beam)[0]
            if not target.strip():
                raise DataError("the sentence, or its translation, is empty: give a target")
        ids = self._encoded(*paired([source], [target]))
        if self._looker is None:
            self._looker = Looker(model, languages)
        return self._looker.look(ids[0][0], ids[1][0])

    # -- on disk ------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write network and vocabularies to one file.

        Args:
            path: file, conventionally `*.descend`; written to a temporary name and renamed.
                `load_model` reads the network alone from it.

        Raises:
            NotFittedError: nothing was learned.
            DescendError: the file cannot be written.
        """
        model, languages = self._ready()
        own: Described = {
            "source": languages.source.config(),
            "target": languages.target.config(),
            "longest": list(self._longest),
        }
        model.save(path, extra={"translation": own})

    @classmethod
    def load(cls, path: str | Path, custom: Mapping[str, type[Layer]] | None = None) -> Translator:
        """Read a file of `save`; nothing in it is executed.

        Args:
            path: file.
            custom: classes {name: class} for layers of the user's own.

        Returns:
            The Translator, as it was saved.

        Raises:
            CheckpointError: no such file, or another one.
        """
        model, extra = load_with_extra(path, custom)
        with files.understood(path, "description"):
            if "translation" not in extra:
                raise CheckpointError(f"{path} holds a model, and no translator")
            own = extra["translation"]
            conforms(own, Described, "the translator")
            new = cls(model, [tokeniser_from(own[side]) for side in ("source", "target")])
            source, target = own["longest"]
            if not (source >= 0 and target >= 0):
                raise CheckpointError(f"{path}: its longest sentences have {own['longest']} tokens")
            new._longest = source, target
        new.history = model.history
        return new


def _parts(
    pairs: tuple[list[str], list[str]], validation: Any
) -> tuple[tuple[list[str], list[str]], tuple[list[str], list[str]] | None]:
    """The pairs that are learned from, and those that judge."""
    if isinstance(validation, (tuple, list)):
        if len(validation) != 2:
            raise DescendError(
                f"validation must be a share or (sources, targets), got {len(validation)} things"
            )
        return pairs, paired(*validation)
    if not 0 <= number("validation", validation, least=0) < 1:
        raise DescendError(f"validation must be a share in [0, 1), got {validation!r}")
    n = len(pairs[0])
    cut = n - math.ceil(n * validation)
    if not cut:
        raise DataError(
            f"of {n} pair(s) the last {n} would be the validation, and none is left to learn from"
        )
    if cut == n:
        return pairs, None
    return (pairs[0][:cut], pairs[1][:cut]), (pairs[0][cut:], pairs[1][cut:])


def _sacrebleu() -> Any:
    try:
        from sacrebleu.metrics import BLEU
    except ImportError:
        raise MissingExtraError("sacrebleu", "translation", "BLEU") from None
    return BLEU()
