"""The model of music: what a step's likelihood means, how it writes, its file."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from descend import Dense, Embedding, Input, Model
from descend.errors import CheckpointError, DescendError, NotFittedError
from descend.music import MusicModel, copied_bars, piece_from
from descend.music.model import SETTINGS
from descend.music.pieces import END, text_of_piece, tokeniser
from descend.music.scores import score_of, token_nats
from descend.text import LanguageModel

FIRST = piece_from("C5 G4 E4 C3 B4 G4 D4 G3 A4 F4 C4 F3 G4 E4 C4 E3 " * 4)
SECOND = piece_from("D5 A4 F4 D3 E5 B4 G4 E3 F5 C5 A4 F3 " * 3)
PIECES = [FIRST, SECOND] * 3


@pytest.fixture(scope="module")
def learned():
    """A small network that has learned two pieces by heart."""
    model = MusicModel("gru", units=64, context=16, seed=1)
    return model.fit(
        PIECES, transpose=False, passes=20, batch_size=2, learning_rate=0.02, verbose=0
    )


def by_hand(model, piece):
    """-log p of each of a piece's tokens, from one forward pass over it alone."""
    ids = model.language.tokeniser.encode(f"{END} {text_of_piece(piece)}")
    z = np.asarray(model.language.model.predict(ids[None, :-1]), np.float64)[0]
    told = (
        z
        - np.log(np.exp(z - z.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - z.max(-1, keepdims=True)
    )
    return -told[np.arange(len(ids) - 1), ids[1:]]


def test_each_piece_is_scored_from_its_own_start(learned):
    """By hand, piece by piece; the order and the company of pieces change nothing."""
    score = learned.score([FIRST, SECOND])
    nats = [by_hand(learned, piece) for piece in (FIRST, SECOND)]
    steps = [n[:-1].reshape(-1, 4).sum(axis=1) for n in nats]
    assert score.nats_a_step == pytest.approx(np.concatenate(steps).mean(), rel=1e-4)
    assert score.end_of_piece == pytest.approx(np.mean([n[-1] for n in nats]), rel=1e-4)
    turned = learned.score([SECOND, FIRST])
    assert turned.each == pytest.approx(score.each[::-1], rel=1e-4)
    assert learned.score([SECOND]).each[0] == pytest.approx(score.each[1], rel=1e-4)


def test_the_meanings_of_a_steps_likelihood_differ():
    """Over steps or pieces, with the first step or without: by hand."""
    long = np.r_[4.0 * np.ones(4), 1.0 * np.ones(8), 0.5]  # steps of 16, 4, 4; its end
    short = np.r_[2.0 * np.ones(4), 3.0 * np.ones(4), 1.5]  # steps of 8, 12
    score = score_of([long, short], None, None)
    assert score.nats_a_step == (16 + 4 + 4 + 8 + 12) / 5
    assert score.without_first == (4 + 4 + 12) / 3
    assert score.by_piece == (8 + 10) / 2
    assert score.each == (8, 10)
    assert (score.end_of_piece, score.steps) == (1.0, 5)


def test_a_fixed_context_reads_all_of_a_piece_once():
    """Windows of a network that sees one token only tell what one pass does."""
    x = Input((8,), dtype="int32")
    words = len(tokeniser())
    model = Model(x, Dense(words)(Embedding(words, 4)(x)), seed=0)
    ids = tokeniser().encode(f"{END} {text_of_piece(FIRST)}")
    windows = token_nats(model, [ids, ids[:6]], 8)
    z = np.asarray(model.predict(np.resize(ids[:-1], (-(-len(ids) // 8), 8))), np.float64)
    told = np.asarray(jax.nn.log_softmax(z.reshape(-1, words)))[: len(ids) - 1]
    assert windows[0] == pytest.approx(-told[np.arange(len(ids) - 1), ids[1:]], rel=1e-4)
    assert windows[1] == pytest.approx(windows[0][:5], rel=1e-4)


def test_a_trained_model_tells_its_pieces_and_counting_stands_beside(learned):
    score = learned.score([FIRST])
    assert score.nats_a_step < 1  # guessing: 4 log 90 = 18
    assert score.order == 8
    assert score.counted < 1
    assert "counting (8-grams)" in str(score)


def test_the_likeliest_note_always_leads_round_in_a_ring(learned):
    """argmax: a piece that has come back to where it was goes round for ever; draws do not."""
    ring = learned.generate(48, temperature=0)
    assert np.array_equal(ring, learned.generate(48, temperature=0, seed=5))
    assert len({tuple(map(tuple, learned.generate(16, seed=s))) for s in range(4)}) > 1
    assert len(np.unique(ring, axis=0)) < len(ring) / 4


def test_what_is_learned_by_heart_is_found_to_be_copied(learned):
    """Trap: copies of training pieces pass for compositions."""
    piece = learned.generate(16, FIRST[:4], temperature=0)
    assert np.array_equal(piece[:4], FIRST[:4])
    assert copied_bars(piece, PIECES).mean() > 0.5
    random = np.random.default_rng(0).integers(40, 80, (16, 4))
    assert not copied_bars(random, PIECES).any()


def test_a_piece_begins_as_it_is_told_to_and_ends(learned):
    piece = learned.generate(6, FIRST[:5], temperature=0)
    assert piece.shape[1] == 4
    assert 5 <= len(piece) <= 11
    assert len(learned.generate(500, seed=0)) < 500  # "end" ends it


def test_the_file_holds_the_model(learned, tmp_path):
    path = tmp_path / "bach.descend"
    learned.save(path)
    read = MusicModel.load(path)
    assert not read.hold
    assert read.score([SECOND]) == learned.score([SECOND])
    assert np.array_equal(read.generate(8, seed=3), learned.generate(8, seed=3))


def test_the_validation_is_the_pieces_that_were_given():
    model = MusicModel("rnn", units=4, context=8, hold=True, order=0)
    model.fit(PIECES, [SECOND], passes=0.1, batch_size=2, verbose=0)
    tokens = SECOND.size + 1
    assert model.language.validation.tokens == tokens - 1
    assert model.hold
    assert model.score([SECOND]).counted is None


def test_bad_input_is_one_clear_error(learned, tmp_path):
    with pytest.raises(NotFittedError, match="not learned"):
        MusicModel().generate(4)
    with pytest.raises(NotFittedError, match="not learned"):
        MusicModel().score([FIRST])
    with pytest.raises(DescendError, match="hold must be True or False"):
        MusicModel(hold=1)
    with pytest.raises(DescendError, match="network"):
        MusicModel("lstn").fit(PIECES)
    with pytest.raises(DescendError, match="setting of a training 'epochs'"):
        MusicModel().fit(PIECES, epochs=3)
    with pytest.raises(DescendError, match="list is empty"):
        MusicModel().fit([])
    with pytest.raises(DescendError, match="one step each"):
        learned.score([FIRST[:1]])
    with pytest.raises(DescendError, match="steps must be a whole number"):
        learned.generate(0)
    with pytest.raises(DescendError, match="begin should be whole numbers"):
        learned.generate(4, [1, 2])
    text = LanguageModel("characters", network="rnn", units=4, context=4)
    text.fit("to be or not to be. " * 9, passes=0.1, batch_size=2, verbose=0)
    text.save(tmp_path / "text.descend")
    with pytest.raises(CheckpointError, match="not one of music"):
        MusicModel.load(tmp_path / "text.descend")


def test_settings_are_those_of_the_language_model():
    assert {"passes", "minutes", "patience", "verbose"} <= set(SETTINGS)
    assert not {"self", "text", "validation"} & set(SETTINGS)
