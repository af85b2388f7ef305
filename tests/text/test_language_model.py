"""A language model: what it scores and writes is what the whole forward pass says."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases.case import jit

from descend import LSTM, Dense, Input, Sequential, load_model
from descend.errors import CheckpointError, DescendError, NotFittedError
from descend.nn.layers import Bidirectional, Conv1D, Embedding
from descend.text import Characters, LanguageModel, Words
from descend.text.feeds import Streams, Whole, Windows
from descend.text.generating import Drawing, narrowed
from descend.text.task import NextToken

RNG = np.random.default_rng(0)
WORDS = ("the", "cat", "sat", "on", "a", "mat", "and", "saw", "me")
TEXT = " ".join(RNG.choice(WORDS, 600)) + "."
QUICK = {"passes": 2, "batch_size": 4, "learning_rate": 0.01, "verbose": 0}


@pytest.fixture(scope="module")
def gru():
    return LanguageModel(context=16, network="gru", units=24, seed=1).fit(TEXT, **QUICK)


@pytest.fixture(scope="module")
def transformer():
    lm = LanguageModel(context=16, network="transformer", units=16, layers=1, seed=1)
    return lm.fit(TEXT, **QUICK)


@pytest.fixture(params=["gru", "transformer"])
def lm(request):
    return request.getfixturevalue(request.param)


def told(lm, ids):
    """log p of each next token by the whole forward pass, (tokens, vocabulary)."""
    key = id(lm.model)
    if key not in PASSES:
        PASSES[key] = jit(
            lambda params, layers, x: jax.nn.log_softmax(lm.model.apply(params, layers, x)[0][0])
        )
    # one length, one program: no token tells of those behind it
    longer = max(len(ids), 16 if lm.model.name == "transformer" else 47)
    x = np.pad(ids, (0, longer - len(ids)), "edge")
    return np.asarray(PASSES[key](*lm.model.current_weights(), x[None]))[: len(ids)]


PASSES = {}


# -- scores ------------------------------------------------------------------------------------


def test_a_score_is_that_of_the_true_tokens_and_of_all_but_the_first(lm):
    text = TEXT[300:317]  # as many as a transformer of 16 reads and tells
    ids = lm.tokeniser.encode(text)
    p = told(lm, ids[:-1])[np.arange(len(ids) - 1), ids[1:]]
    score = lm.score(text)
    assert score.nats == pytest.approx(-p.mean(), abs=1e-5)
    assert score.tokens == len(text) - 1
    assert score.bits == pytest.approx(score.nats / np.log(2))
    assert score.perplexity == pytest.approx(np.exp(score.nats))
    assert score.order == 7
    counted = lm.grams.log_probabilities(ids.astype(int) - 1)[1:]
    assert score.grams == pytest.approx(-counted.mean())
    even = (np.exp(p) + np.exp(counted)) / 2
    assert score.mixed == pytest.approx(-np.log(even).mean(), abs=1e-5)
    assert "counting (7-grams)" in str(score)
    assert f"both mixed evenly {score.mixed:.4g}" in str(score)


def test_a_long_text_is_read_once_with_what_stood_before(gru):
    text = TEXT[:1900]
    ids = gru.tokeniser.encode(text)
    p = told(gru, ids[:-1])[np.arange(len(ids) - 1), ids[1:]]
    assert gru.score(text).nats == pytest.approx(-p.mean(), abs=1e-3)


def drawn(feed, data, row):
    """The tokens of a step; feeds of one key share a program, as they do in the engine."""
    if feed.key not in DRAWS:
        DRAWS[feed.key] = jit(lambda data, row: feed.draw(None, None, data, row)[1].data)
    return DRAWS[feed.key](data, row)


DRAWS = {}


@pytest.mark.parametrize("n", [2, 3, 16, 17, 18, 33, 100])
@pytest.mark.parametrize("before", [0, 5, 8])
@pytest.mark.parametrize("rows", [1, 4])
def test_every_token_but_the_first_counts_once(n, before, rows):
    feed = Whole(np.arange(n), rows, 16, before)
    counted, context = [], []
    for chunk in feed.chunks(0):
        for step in range(feed.steps):
            row = jax.tree.map(lambda a, step=step: a[step], chunk.order)
            tokens = drawn(feed, chunk.data, row)
            for y, real in zip(np.asarray(tokens.y), np.asarray(tokens.real), strict=True):
                counted += y[real].tolist()
                context += (np.flatnonzero(real)).tolist()
    assert sorted(counted) == list(range(1, n))
    for token, place in zip(counted, context, strict=True):
        assert place >= min(before, token - 1)


def test_rows_spread_over_a_text_are_part_of_it():
    feed = Whole(np.arange(1000), 4, 20, 10, most=200)
    ends = feed.places(0).end
    assert 150 <= (ends - feed.places(0).first)[ends > 0].sum() <= 220


# -- the feeds ---------------------------------------------------------------------------------


def test_streams_go_on_where_they_stood():
    ids = np.arange(100)
    feed = Streams(ids, rows=3, length=5, steps=4, seed=7)
    places = [feed.places(epoch) for epoch in range(4)]
    at = np.concatenate([p.at for p in places])
    begins = np.concatenate([p.begins for p in places])
    assert feed.a_pass == 6
    assert begins[:, 0].tolist() == [i % 6 == 0 for i in range(16)]
    goes_on = ~begins[1:, 0]
    assert (np.diff(at, axis=0)[goes_on] == 5).all()
    assert at.max() + 5 <= 99
    assert len({int(at[i, 0]) for i in (0, 6, 12)}) > 1  # a pass begins at another place


def test_rows_begin_anew_in_turns():
    """Else a network that never began with nothing would be judged from nothing."""
    begins = Streams(np.arange(8 * 400), rows=8, length=5, steps=64).places(0).begins
    assert begins[0].all()
    assert (begins[1:].sum(axis=0) >= 3).all()
    assert (begins[1:].sum(axis=1) <= 1).all()


def test_nothing_but_one_array_of_tokens_is_held():
    """One-hot windows of 40 characters would be 40 x 57 times as many numbers."""
    for kind in (Streams, Windows):
        feed = kind(np.arange(1000) % 50, 4, 32, 3)
        (chunk,) = feed.chunks(0)
        assert chunk.data is feed.ids
        assert chunk.data.size == 1000
        assert chunk.order.at.shape == (3, 4)  # a number a row, not 32


def test_a_stream_remembers_what_it_read():
    """With a rate of 0 the losses of two steps are those of both read at once."""
    ids = RNG.integers(1, 6, size=41)
    model = LanguageModel(Characters(tuple("abcde")), network="lstm", units=8)
    model = model._network_for(model.tokeniser)
    feed = Streams(ids, rows=2, length=10, steps=2)
    task = NextToken(model, "sgd", rows=2)
    state = task.init(jax.random.key(0), {"learning_rate": 0.0})
    (chunk,) = feed.chunks(0)
    step = jit(lambda state, data, row: task.step(*feed.draw(task, state, data, row)))
    losses = []
    for i in range(2):
        row = jax.tree.map(lambda a, i=i: a[i], chunk.order)
        state, logs = step(state, chunk.data, row)
        losses.append(float(logs["loss"][0]))
    starts = chunk.order.at[0]
    whole = 0.0
    for at in starts:
        z, _ = model.apply(state.params, {}, jnp.asarray(ids[None, at : at + 20]))
        p = jax.nn.log_softmax(z[0])
        whole -= float(p[np.arange(20), ids[at + 1 : at + 21]].sum())
    assert sum(losses) == pytest.approx(whole, rel=1e-5)


# -- writing -----------------------------------------------------------------------------------


def test_the_likeliest_tokens_are_those_of_the_whole_pass(lm):
    """Past its context a transformer reads the last half again."""
    written = lm.generate("the cat", 40, temperature=0)
    ids, at = lm.tokeniser.encode(written.text), len("the cat")
    if lm.model.name == "transformer":
        windows = [(0, 16), (8, 24), (16, 32), (24, 40), (32, 47)]
    else:
        windows = [(0, 47)]
    for begin, end in windows:
        z = told(lm, ids[begin:end])
        first = max(at, begin + 9 if begin else 0)  # the first that was written from this window
        wanted = z[first - begin - 1 :, 1:].argmax(axis=-1) + 1
        assert wanted[: len(ids) - first].tolist() == ids[first : end + 1].tolist()


def test_a_seed_is_a_text(lm):
    one, same, other = (lm.generate("on a ", 60, seed=s).text for s in (3, 3, 4))
    assert one == same != other
    assert one.startswith("on a ")
    assert lm.generate("on a ", 20, seed=3).text == one[:25]  # whatever its length
    assert lm.generate("on a ", 30, top_k=1).text == lm.generate("on a ", 30, temperature=0).text
    assert lm.generate("on a ", 30, top_p=1e-6).text == lm.generate("on a ", 30, temperature=0).text


def test_all_that_is_written_is_one_program(gru):
    before = set(gru._writers)
    for n in (10, 50, 100):
        gru.generate("a mat", n, temperature=n / 100, seed=n)
    assert len(set(gru._writers) - before) <= 1


def test_what_is_drawn_from():
    z = jnp.log(jnp.array([0.5, 0.3, 0.15, 0.05]))

    def shares(*how):
        return pytest.approx(np.asarray(jax.nn.softmax(narrowed(z, *how))), abs=1e-4)

    assert shares(1.0, Drawing()) == [0.5, 0.3, 0.15, 0.05]
    assert shares(1.0, Drawing(top_k=2)) == [0.625, 0.375, 0, 0]
    assert shares(1.0, Drawing(top_p=0.7)) == [0.625, 0.375, 0, 0]
    assert shares(1.0, Drawing(top_p=0.5)) == [1, 0, 0, 0]
    assert shares(0.5, Drawing()) == [x / 0.365 for x in (0.25, 0.09, 0.0225, 0.0025)]


def test_padding_is_never_written(gru):
    params = jax.tree.map(jnp.zeros_like, gru.model.params)
    params["next"]["bias"] = jnp.zeros_like(params["next"]["bias"]).at[0].set(50.0)
    kept = gru.model.params
    gru.model.params = params
    try:
        assert len(gru.generate("a", 50).text) == 51
    finally:
        gru.model.params = kept


def test_copies_are_reported(gru):
    written = gru.generate("the cat sat", 80, temperature=0)
    train = gru.tokeniser.decode(gru._ids)
    assert written.copied_tokens == len(written.copied) > 2
    assert written.copied in written.continuation
    assert written.copied in train
    longer = [written.continuation[i : i + written.copied_tokens + 1] for i in range(80)]
    assert not any(
        run in train[: len(gru._ids)] for run in longer if len(run) > len(written.copied)
    )


# -- files -------------------------------------------------------------------------------------


def test_a_file_holds_the_vocabulary_and_the_context(lm, tmp_path):
    lm.save(tmp_path / "a.descend")
    again = LanguageModel.load(tmp_path / "a.descend")
    assert again.tokeniser == lm.tokeniser
    assert (again.context, again.order) == (16, 7)
    assert again.score(TEXT[:400]) == lm.score(TEXT[:400])
    assert again.generate("the ", 50, seed=2) == lm.generate("the ", 50, seed=2)
    x = np.ones((1, 16), int)
    model = load_model(tmp_path / "a.descend")
    np.testing.assert_array_equal(model.predict(x), lm.model.predict(x))


def test_a_file_without_the_text(gru, tmp_path):
    gru.save(tmp_path / "a.descend", text=False)
    again = LanguageModel.load(tmp_path / "a.descend")
    assert again.score(TEXT[:100]).grams is None
    assert again.generate("the ", 10).copied_tokens is None
    again.model.save(tmp_path / "plain.descend")
    with pytest.raises(CheckpointError, match="no language model"):
        LanguageModel.load(tmp_path / "plain.descend")


# -- networks ----------------------------------------------------------------------------------


def test_words_and_a_network_of_ones_own():
    tokens = Words.learn(TEXT)
    model = Sequential(
        [
            Input((8,), dtype="int32"),
            Embedding(len(tokens), 8),
            Conv1D(8, 3, padding="causal"),
            Dense(len(tokens), "softmax"),
        ]
    )
    lm = LanguageModel(tokens, context=8, network=model).fit(TEXT, **QUICK)
    score = lm.score(TEXT[:200])
    assert (score.unit, score.order) == ("word", 3)
    assert score.nats_a_character == pytest.approx(score.nats * score.tokens / 200)
    assert lm.score("the zebra sat on me").unknown == 1
    assert " never learned" in str(lm.score("the zebra sat on me"))
    assert len(lm.generate("the cat", 5).continuation.split()) == 5


def test_a_fit_goes_on_and_improves():
    lm = LanguageModel("pairs", context=8, network="rnn", units=16, vocabulary=270, order=0)
    first = lm.fit(TEXT, **QUICK).validation.nats
    assert lm.fit(TEXT, **QUICK).validation.nats < first
    assert lm.validation.grams is None


V = len(Characters.learn(TEXT))
REFUSED = [
    (lambda: Sequential([Input((8,), dtype="int32"), Embedding(V, 4), Dense(3)]), "Dense"),
    (lambda: Sequential([Input((8, 2)), Dense(V)]), "token numbers"),
    (lambda: Sequential([Input((8,), dtype="int32"), Embedding(V, 4), LSTM(V)]), "token"),
    (lambda: Sequential([Input((9,), dtype="int32"), Embedding(V, V)]), "context=9"),
    (
        lambda: Sequential([Input((8,), dtype="int32"), Embedding(V, 4), Dense(V, "relu")]),
        "logits",
    ),
    (
        lambda: Sequential(
            [
                Input((8,), dtype="int32"),
                Embedding(V, 4),
                Bidirectional(LSTM(4, return_sequences=True)),
                Dense(V),
            ]
        ),
        "both ends",
    ),
]


@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_networks_that_are_none_of_a_language(make, words):
    with pytest.raises(DescendError, match=words):
        LanguageModel(context=8, network=make()).fit(TEXT, **QUICK)


def test_nothing_learned():
    with pytest.raises(NotFittedError, match="fit"):
        LanguageModel().score("a text")
    with pytest.raises(NotFittedError, match="fit"):
        LanguageModel().generate("a")
