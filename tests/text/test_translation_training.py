"""How a translator is trained: pairs that are none, seeds, runs that go on, the best weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from descend.errors import DescendError
from descend.text import Characters, Translator
from descend.text.translation.learning import RULE
from descend.text.translation.networks import network
from descend.text.translation.pairs import learned
from descend.text.translation.task import NextOfTranslation, nats_of
from descend.train.callbacks import Callback

SOURCES = ["ab", "ba", "abb", "bab", "aab", "bbbb", "a", "b"] * 3
TARGETS = [text[::-1].upper() for text in SOURCES]
SIZES = {"units": 8, "seed": 1, "dropout": 0.1}
QUICK = {"passes": 2, "batch_tokens": 16, "buckets": 2, "learning_rate": 0.01, "verbose": 0}


def made(**options):
    return Translator("recurrent", "characters", **SIZES, **options)


@pytest.fixture(scope="module")
def run():
    return made().fit(SOURCES, TARGETS, **QUICK)


def test_a_seed_is_a_run(run):
    again = made().fit(SOURCES, TARGETS, **QUICK)
    assert again.history.history == run.history.history
    for a, b in zip(again.model.get_weights(), run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_killed_and_resumed_is_the_same_run(run, tmp_path):
    class Kill(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError("killed")

    file = tmp_path / "run.descend"
    with pytest.raises(RuntimeError, match="killed"):
        made().fit(SOURCES, TARGETS, **QUICK, checkpoint=file, callbacks=[_Last(), Kill()])
    again = made().fit(SOURCES, TARGETS, **QUICK, resume=file, callbacks=[_Last()])
    assert again.history.history == run.history.history
    for a, b in zip(again.model.get_weights(), run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(DescendError, match="belongs to another run: its pairs"):
        made().fit(SOURCES[2:], TARGETS[2:], **QUICK, resume=file, callbacks=[_Last()])


class _Last(Callback):
    """Nothing, so that both calls have as many callbacks."""


def test_the_best_weights_are_kept(run):
    best = min(run.history.history["val_loss"])
    n = len(SOURCES) - 2
    score = run.score(SOURCES[n:], TARGETS[n:])
    assert score.nats == pytest.approx(best, abs=1e-5)


def test_smoothing_is_the_formula():
    z = jax.random.normal(jax.random.key(0), (2, 3, 5))
    target = jnp.array([[1, 4, 0], [2, 0, 0]])
    log_p = jax.nn.log_softmax(z)
    nats, count, spread = nats_of(z, target)
    real = [(0, 0, 1), (0, 1, 4), (1, 0, 2)]
    assert float(count) == 3
    assert float(nats) == pytest.approx(-sum(float(log_p[i]) for i in real), rel=1e-5)
    means = [-float(log_p[i, t].mean()) for i, t, _ in real]
    assert float(spread) == pytest.approx(sum(means), rel=1e-5)


def test_a_fit_goes_on(run):
    before = run.score(SOURCES, TARGETS).nats
    other = made().fit(SOURCES, TARGETS, **QUICK)
    other.fit(SOURCES, TARGETS, **{**QUICK, "passes": 6})
    assert other.score(SOURCES, TARGETS).nats < before


def test_minutes_end_it(capsys):
    translator = made()
    translator.fit(SOURCES, TARGETS, **{**QUICK, "verbose": 1}, minutes=0.001, validation=0)
    assert "minutes are over" in translator.history.stopped
    assert "perplexity" in capsys.readouterr().err


def test_pairs_share_one_table_and_words_have_two():
    both = learned("pairs", 258, SOURCES, TARGETS)
    assert both.shared
    assert _tables(both) == ["embedding"]
    assert _tables(learned("words", None, SOURCES, TARGETS)) == [
        "given_embedding",
        "source_embedding",
    ]


def _tables(languages):
    model = network("recurrent", languages, 0, {"units": 4})
    return sorted(name for name in model.layer_names if "embedding" in name)


def test_the_task_needs_a_rule_of_one_rate(run):
    with pytest.raises(DescendError, match="unknown"):
        NextOfTranslation(run.model, "adma")
    assert RULE.global_clipnorm == 1.0


@pytest.mark.parametrize(
    ("sources", "targets", "words"),
    [
        (["a", "b"], ["A"], "2 sources and 1 targets"),
        ([], [], "no pair of sentences"),
        ("ab", ["A"], "sources should be a list of sentences, got one text"),
        (["a"], "A", "targets should be a list of sentences, got one text"),
        (["a", "", "b"], ["A", "B", "C"], r"pair 1 \(counted from 0\) has an empty source"),
        (["a", "b"], ["A", "  "], r"pair 1 \(counted from 0\) has an empty target"),
        (["a", None], ["A", "B"], r"text 1 \(counted from 0\) is missing"),
        (["a", 3.5], ["A", "B"], "should be a text"),
        ([b"a"], ["A"], "bytes"),
        (3, ["A"], "expected a text or a list of texts, got int"),
        (["a" * 1025, "b"], ["A", "B"], r"source 0 \(counted from 0\) has 1,025 tokens"),
    ],
)
def test_pairs_that_are_none(sources, targets, words):
    with pytest.raises(DescendError, match=words) as error:
        made().fit(sources, targets, validation=0, verbose=0)
    assert "\n" not in str(error.value)


def test_pandas_columns_in_another_order_are_refused():
    source = pd.Series(["a", "b"])
    with pytest.raises(DescendError, match="in another order"):
        made().fit(source, pd.Series(["B", "A"], index=[1, 0]), verbose=0)


def test_what_a_given_tokeniser_has_not_learned_is_named():
    tokens = Characters.learn("ab"), Characters.learn("AB")
    translator = Translator("recurrent", tokens, units=4)
    with pytest.raises(DescendError, match=r"target 1 \(counted from 0\): the character 'Z'"):
        translator.fit(["a", "b"], ["A", "Z"], validation=0, verbose=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"validation": 1.5}, r"validation must be a share in \[0, 1\)"),
        ({"validation": 0.99}, "none is left to learn from"),
        ({"validation": (["a"],)}, "validation must be a share or"),
        ({"validation": (["a"], ["A", "B"])}, "1 sources and 2 targets"),
        ({"passes": 0}, "passes must be a finite number > 0"),
        ({"minutes": -1}, "minutes must be a finite number > 0"),
        ({"batch_tokens": 0}, "batch_tokens must be a whole number >= 1"),
        ({"smoothing": 1.0}, r"smoothing must be a share in \[0, 1\)"),
        ({"learning_rate": 0}, "learning_rate must be a finite number > 0"),
        ({"rule": "adma"}, "Did you mean"),
    ],
)
def test_options_that_make_no_sense(options, words):
    with pytest.raises(DescendError, match=words):
        made().fit(SOURCES[:4], TARGETS[:4], **{"verbose": 0, **options})


@pytest.mark.parametrize(
    "ask",
    [
        lambda t: t.translate(["a"]),
        lambda t: t.score(["a"], ["A"]),
        lambda t: t.attention("a"),
        lambda t: t.save("nothing.descend"),
        lambda t: t.weights,
    ],
)
def test_nothing_learned(ask):
    with pytest.raises(DescendError, match=r"call fit\(sources, targets\) first"):
        ask(made())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"beam": 0}, "beam must be a whole number >= 1"),
        ({"length_penalty": -1}, "length_penalty must be a finite number >= 0"),
        ({"limit": 0}, "limit must be a whole number >= 1"),
    ],
)
def test_searches_that_make_no_sense(run, options, words):
    with pytest.raises(DescendError, match=words):
        run.translate(["ab"], **options)
    with pytest.raises(DescendError, match="should be a list of sentences"):
        run.translate("ab")
