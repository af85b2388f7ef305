"""The training of a language model: its end, its files, its bad input; texts read in pieces."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from descend.errors import DescendError
from descend.text import LanguageModel
from descend.text.corpus import corpus, whole_words
from descend.text.reading import blocks, read_text
from descend.text.training import HOLD, LEAST, WARM, rate
from descend.train.callbacks import Callback

RNG = np.random.default_rng(1)
TEXT = " ".join(RNG.choice(["to", "be", "or", "not", "that", "is", "the"], 500))
QUICK = {"batch_size": 4, "learning_rate": 0.01, "verbose": 0}


def small(**options):
    return LanguageModel(context=12, network="gru", units=12, **options)


def arrays(lm):
    return jax.tree.leaves(lm.model.params)


# -- the end -----------------------------------------------------------------------------------


def test_the_rate_rises_stays_and_falls():
    assert rate(0.0) == LEAST
    assert rate(WARM) == rate(HOLD) == 1
    assert 0.4 < rate((1 + HOLD) / 2) < 0.6
    assert rate(1.0) == LEAST
    shares = np.linspace(WARM, 1, 50)
    assert (np.diff([rate(s) for s in shares]) <= 0).all()


def test_minutes_and_an_aim_end_a_training():
    lm = small().fit(TEXT, minutes=0.03, **QUICK)
    assert "minutes are over" in lm.history.stopped
    assert 1.7 < lm.seconds < 30
    lm = small().fit(TEXT, passes=1000, aim=2.5, **QUICK)
    assert "has reached" in lm.history.stopped
    assert lm.history.history["val_loss"][-1] <= 2.5


def test_the_best_weights_are_kept():
    lm = small().fit(TEXT, passes=4, **QUICK)
    best = min(lm.history.history["val_loss"])
    assert lm.validation.nats == pytest.approx(best, abs=1e-3)
    assert lm.validation.nats < np.log(20)


def test_progress_names_what_counting_has(capsys):
    small().fit(TEXT, passes=1, **{**QUICK, "verbose": 1})
    said = capsys.readouterr().err
    assert "counting (7-grams)" in said
    assert "perplexity" in said
    assert "nats a character" in said


# -- what it learns from -----------------------------------------------------------------------


def test_the_last_part_is_judged_and_not_learned_from():
    text = TEXT[:1000] + " ZZ"
    found = corpus(text, "characters", None, 0.1)
    whole = found.tokeniser.decode(found.ids) + found.tokeniser.decode(found.judged)
    assert whole.replace("�", "Z") == text
    assert len(found.judged) < 0.11 * len(text)
    assert "Z" not in found.tokeniser.tokens  # it was seen in the last part alone
    assert "Z" in found.remarks[0]
    canary = corpus(text[:930] + "Q" * 73, "characters", None, 0.1)
    assert "Q" in canary.remarks[0]
    assert canary.tokeniser.tokens == found.tokeniser.tokens
    np.testing.assert_array_equal(canary.ids, found.ids)


def test_words_are_not_cut():
    found = corpus(TEXT, "words", None, 0.1)
    assert set(found.tokeniser.tokens) <= {"", "[UNK]", *TEXT.split()}
    assert not (found.judged == found.tokeniser.unknown).any()


def test_parts_end_between_words_even_of_a_very_long_line():
    parts = ["to be o", "r not", " to be\nthat"]
    cut = list(whole_words(parts))
    assert "".join(cut) == "".join(parts)
    assert cut[0] == "to be"
    line = ["x" * 2**22] * 13  # 50 MB without a space
    lengths = [len(part) for part in whole_words(line)]
    assert sum(lengths) == 13 * 2**22
    assert max(lengths) < 2**25


# -- killed and resumed ------------------------------------------------------------------------


class Kill(Callback):
    """Ends the process's work after a number of chunks."""

    def __init__(self, after):
        self.left = after

    def on_chunk_end(self, chunk, logs=None):
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("killed")


@pytest.mark.parametrize("piece", [None, 700])
def test_killed_and_resumed_is_the_same_run(tmp_path, piece):
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    options = {"passes": 2, "piece": piece, **QUICK}
    whole = small().fit(text, **options)
    run = tmp_path / "run.descend"
    with pytest.raises(RuntimeError, match="killed"):
        small().fit(text, checkpoint=run, callbacks=[Kill(3)], **options)
    again = small().fit(text, checkpoint=run, resume=run, **options)
    for a, b in zip(arrays(whole), arrays(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole.history.history == again.history.history
    with pytest.raises(DescendError, match="another run"):
        small(seed=2).fit(text, resume=run, **options)


def test_pieces_are_the_text(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(TEXT.replace("be", "bé"), encoding="utf-8")
    found = corpus(text, "characters", None, 0.2, piece=100)
    got = np.concatenate(list(found.pieces()))
    read = found.tokeniser.decode(got) + found.tokeniser.decode(found.judged)
    assert read == TEXT.replace("be", "bé")


# -- bad input ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lm():
    model = LanguageModel(context=8, network="transformer", units=8, layers=1)
    return model.fit(TEXT, passes=1, **QUICK)


FITS = [
    ("", "empty"),
    (" \n ", "empty"),
    (None, "missing"),
    (b"bytes", "decode"),
    (7, "text"),
    ("to be", "too short"),
]


@pytest.mark.parametrize(("text", "words"), FITS)
def test_texts_that_are_none(text, words):
    with pytest.raises(DescendError, match=words):
        small().fit(text, **QUICK)


OPTIONS = [
    ({"passes": 0}, "passes"),
    ({"minutes": -1}, "minutes"),
    ({"validation": 1}, "validation"),
    ({"batch_size": 0}, "batch_size"),
    ({"learning_rate": 0}, "learning_rate"),
    ({"batch_size": 400}, "too short"),
]


@pytest.mark.parametrize(("options", "words"), OPTIONS)
def test_options_that_make_no_sense(options, words):
    with pytest.raises(DescendError, match=words):
        small().fit(TEXT, **{**QUICK, **options})


MADE = [
    ({"context": 1}, "context"),
    ({"units": 0}, "units"),
    ({"dropout": 1.0}, "dropout"),
    ({"order": -1}, "order"),
    ({"seed": -1}, "seed"),
]


@pytest.mark.parametrize(("options", "words"), MADE)
def test_models_that_make_no_sense(options, words):
    with pytest.raises(DescendError, match=words):
        LanguageModel(**options)


def test_names_are_suggested():
    with pytest.raises(DescendError, match="characters"):
        LanguageModel("caracters")
    with pytest.raises(DescendError, match="lstm"):
        LanguageModel(network="lsmt").fit(TEXT, **QUICK)


ASKED = [
    (lambda lm: lm.score(""), "cannot be scored"),
    (lambda lm: lm.score("t"), "cannot be scored"),
    (lambda lm: lm.score("to be ß"), "'ß'"),
    (lambda lm: lm.score(None), "missing"),
    (lambda lm: lm.generate(""), "one at least"),
    (lambda lm: lm.generate("€"), "'€'"),
    (lambda lm: lm.generate("to be or not"), "12 characters, and the network reads 8"),
    (lambda lm: lm.generate("to", 0), "n must"),
    (lambda lm: lm.generate("to", 2.5), "n must"),
    (lambda lm: lm.generate("to", temperature=-1), "temperature"),
    (lambda lm: lm.generate("to", top_k=0), "top_k"),
    (lambda lm: lm.generate("to", top_p=0), "top_p"),
    (lambda lm: lm.generate("to", top_p=1.1), "top_p"),
    (lambda lm: lm.generate("to", seed=-1), "seed"),
]


@pytest.mark.parametrize(("ask", "words"), ASKED)
def test_what_cannot_be_scored_or_gone_on_from(lm, ask, words):
    with pytest.raises(DescendError, match=words):
        ask(lm)


FILES = [
    (b"caf\xe9", "utf-8", "not written in utf-8: byte 0xe9"),
    ("text".encode("utf-16"), "utf-8", "not written in utf-8"),
    ("text".encode("utf-16-le"), "utf-8", "bytes of 0"),
    (b"text", "uft-9", "no encoding"),
]


@pytest.mark.parametrize(("content", "encoding", "words"), FILES)
def test_files_that_are_no_text(tmp_path, content, encoding, words):
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(DescendError, match=words):
        read_text(path, encoding)


def test_files_that_are_read(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"caf\xe9")
    assert read_text(path, "latin-1") == "café"
    with pytest.raises(DescendError, match="No such file"):
        read_text(tmp_path / "missing.txt")
    with pytest.raises(DescendError, match="cannot be read"):
        small().fit(tmp_path / "missing.txt", **QUICK)
    path.write_text("é" * 10, encoding="utf-8")
    assert "".join(blocks(path, "utf-8", 4, 8)) == "éé"
