"""Metrics by Keras's names equal Keras's numbers, by hand and in `evaluate`; the user's own."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend import Dense, EarlyStopping, Input, Model, Sequential, load_model, sweep
from descend.errors import DescendError, ShapeError
from descend.train import metrics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TensorFlow's import warns about its own dependencies
    keras = pytest.importorskip("keras", exc_type=ImportError)

DRAW = np.random.default_rng(4)
N, K = 60, 5
BITS = DRAW.integers(0, 2, (N, 1)).astype(np.float32)
PROBABILITY = np.clip(BITS * 0.2 + DRAW.uniform(0, 0.8, (N, 1)), 0, 1).astype(np.float32)
PROBABILITY[:6] = PROBABILITY[6:12]  # ties
BINARY = BITS, PROBABILITY
EDGES = BITS, np.where(DRAW.uniform(size=(N, 1)) < 0.4, BITS, PROBABILITY).astype(np.float32)
SEVERAL = DRAW.integers(0, 2, (N, 3)).astype(np.float32), DRAW.uniform(size=(N, 3)).astype("f4")
CLASSES = DRAW.integers(0, K, N)
ONE_HOT = np.eye(K, dtype=np.float32)[CLASSES], DRAW.dirichlet(np.ones(K), N).astype("f4")
SPARSE = CLASSES, ONE_HOT[1]
REAL = DRAW.normal(size=(N, 2)).astype("f4"), DRAW.normal(size=(N, 2)).astype("f4")
ABOVE = np.abs(REAL[0]), np.abs(REAL[1])
LOGITS = BITS, DRAW.normal(size=(N, 1)).astype("f4")

CASES = [
    ("AUC", {}, BINARY),
    ("AUC", {}, EDGES),
    ("AUC", {"num_thresholds": 7, "summation_method": "minoring"}, BINARY),
    ("AUC", {"summation_method": "majoring"}, BINARY),
    ("AUC", {"curve": "PR"}, BINARY),
    ("AUC", {"curve": "PR", "summation_method": "majoring", "num_thresholds": 20}, BINARY),
    ("AUC", {"thresholds": [0.3, 0.6]}, BINARY),
    ("AUC", {"from_logits": True}, LOGITS),
    ("AUC", {"multi_label": True, "num_labels": 3}, SEVERAL),
    ("AUC", {"curve": "PR", "multi_label": True, "label_weights": [1.0, 2.0, 3.0]}, SEVERAL),
    ("AUC", {}, SEVERAL),
    ("Precision", {}, BINARY),
    ("Precision", {"thresholds": [0.2, 0.7]}, BINARY),
    ("Precision", {"top_k": 2}, ONE_HOT),
    ("Precision", {"class_id": 1}, SEVERAL),
    ("Recall", {}, BINARY),
    ("Recall", {"top_k": 2, "class_id": 3}, ONE_HOT),
    ("Recall", {"thresholds": 0.9}, BINARY),
    ("TruePositives", {}, BINARY),
    ("FalsePositives", {"thresholds": [0.1, 0.5]}, BINARY),
    ("TrueNegatives", {}, SEVERAL),
    ("FalseNegatives", {"thresholds": 0.6}, BINARY),
    ("SensitivityAtSpecificity", {"specificity": 0.6}, EDGES),
    ("SpecificityAtSensitivity", {"sensitivity": 0.7, "num_thresholds": 9}, BINARY),
    ("PrecisionAtRecall", {"recall": 0.5}, BINARY),
    ("RecallAtPrecision", {"precision": 0.6}, BINARY),
    ("F1Score", {}, ONE_HOT),
    ("F1Score", {"average": "macro", "threshold": 0.3}, SEVERAL),
    ("F1Score", {"threshold": 0.5}, BINARY),
    ("FBetaScore", {"average": "weighted", "beta": 2.0}, ONE_HOT),
    ("FBetaScore", {"average": "micro", "beta": 0.5, "threshold": 0.4}, SEVERAL),
    ("BinaryAccuracy", {"threshold": 0.3}, BINARY),
    ("BinaryAccuracy", {}, SEVERAL),
    ("CategoricalAccuracy", {}, ONE_HOT),
    ("SparseCategoricalAccuracy", {}, SPARSE),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, SPARSE),
    ("Accuracy", {}, (CLASSES, (CLASSES * (CLASSES > 1)).astype("f4"))),
    ("MeanSquaredError", {}, REAL),
    ("RootMeanSquaredError", {}, REAL),
    ("MeanAbsoluteError", {}, REAL),
    ("MeanAbsolutePercentageError", {}, REAL),
    ("MeanSquaredLogarithmicError", {}, ABOVE),
    ("LogCoshError", {}, REAL),
    ("CosineSimilarity", {}, REAL),
    ("Poisson", {}, ABOVE),
    ("KLDivergence", {}, ONE_HOT),
    ("Hinge", {}, LOGITS),
    ("SquaredHinge", {}, LOGITS),
    ("CategoricalHinge", {}, ONE_HOT),
    ("BinaryCrossentropy", {}, BINARY),
    ("BinaryCrossentropy", {"from_logits": True}, LOGITS),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT),
    ("SparseCategoricalCrossentropy", {}, SPARSE),
    ("R2Score", {}, REAL),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, REAL),
    ("R2Score", {"class_aggregation": None, "num_regressors": 3}, LOGITS),
]
CLOSE = {"rtol": 2e-5, "atol": 1e-6}  # Keras adds up in float32


@pytest.mark.parametrize(("name", "options", "data"), CASES)
def test_numbers_equal_keras(name, options, data):
    """In two batches; then weighted, where Keras's weights are by row."""
    y, p = data
    ours, theirs = getattr(metrics, name)(**options), getattr(keras.metrics, name)(**options)
    assert ours.name == theirs.name or theirs.name.rstrip("0123456789_") == ours.name.rstrip("_")
    weight = DRAW.uniform(0.5, 2, N).astype("f4")
    for w in (None, weight):
        if w is not None and name in ("FBetaScore", "F1Score", "R2Score"):
            continue
        with jax.numpy_rank_promotion("allow"):
            for part in (slice(0, 23), slice(23, N)):
                own = None if w is None else w[part]
                theirs.update_state(y[part], p[part], own)
                ours.update_state(y[part], p[part], own)
            want = theirs.result()
        np.testing.assert_allclose(ours.result(), want, **CLOSE)
        ours.reset_state()
        theirs.reset_state()


def test_every_metric_has_a_case():
    assert {name for name, *_ in CASES} == set(metrics.BY_NAME)


def test_by_hand():
    mean, total = metrics.Mean(), metrics.Sum()
    theirs = keras.metrics.Mean()
    for values, weight in (([1.0, 2.0, 6.0], None), ([4.0, 5.0], [1.0, 3.0]), (7.0, None)):
        mean.update_state(values, weight)
        theirs.update_state(values, weight)
        total.update_state(values, weight)
    assert mean.result() == pytest.approx(float(theirs.result()))
    assert total.result() == 9 + 19 + 7
    precision = metrics.Precision()
    assert precision.result() == 0
    assert precision([0, 1, 1], [1, 0, 1]) == 0.5
    precision.reset_state()
    assert precision.result() == 0
    with pytest.raises(ShapeError, match="must be equal"):
        precision.update_state(CLASSES, ONE_HOT[1])


def classifier(asked, units=1):
    model = Sequential([Input((1,)), Dense(units, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=asked)
    model.set_weights([np.full((1, units), 1.0), np.zeros(units)])
    return model


@pytest.mark.parametrize("batch_size", [7, 60])
def test_through_evaluate_and_fit(batch_size):
    """Sums over ragged batches: the numbers are those of all rows at once, as by hand."""
    asked = [
        "AUC",
        metrics.AUC(curve="PR", name="pr"),
        metrics.Precision(0.4),
        "recall",
        metrics.F1Score(threshold=0.5),
        metrics.TruePositives(),
        metrics.RootMeanSquaredError(),
        metrics.R2Score(),
        "BinaryAccuracy",
    ]
    model = classifier(asked)
    x, y = LOGITS[1], BITS
    logs = model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True)
    p = model.predict(x)
    for metric in model.task.outputs[0].metrics:
        hand = type(metric)(*metric._arguments[0], **metric._arguments[1])
        assert logs[metric.name] == pytest.approx(hand(y, p), rel=1e-5)
    assert list(logs)[:3] == ["loss", "auc", "pr"]
    history = model.fit(
        x, y, epochs=2, batch_size=batch_size, verbose=0, validation_data=(x, y), shuffle=False
    ).history
    after = model.evaluate(x, y, verbose=0, return_dict=True)
    for name, value in after.items():
        assert history[f"val_{name}"][-1] == pytest.approx(value, rel=1e-5)
    assert 0 < history["true_positives"][0] <= BITS.sum()


def test_members_have_each_their_own():
    """A sweep gives vectors of sums a leading axis."""
    asked = ["auc", metrics.Recall(name="r")]
    options = {"epochs": 2, "batch_size": 16, "validation_data": (LOGITS[1], BITS)}
    rates = [0.01, 1.0]
    many = sweep(classifier(asked), {"learning_rate": rates}, LOGITS[1], BITS, **options)
    for rate, member in zip(rates, many, strict=True):
        model = Sequential([Input((1,)), Dense(1, "sigmoid")])
        model.compile({"name": "sgd", "learning_rate": rate}, "binary_crossentropy", metrics=asked)
        alone = model.fit(LOGITS[1], BITS, verbose=0, **options).history
        for name, values in alone.items():
            np.testing.assert_allclose(member.history.history[name], values, rtol=1e-4)


def test_metrics_of_masked_steps_and_several_outputs():
    first = Input((3,))
    model = Model(first, [Dense(1, "sigmoid", name="a")(first), Dense(2, name="b")(first)])
    model.compile("sgd", ["binary_crossentropy", "mse"], metrics={"a": ["auc"], "b": ["rmse"]})
    x = DRAW.normal(size=(N, 3)).astype("f4")
    logs = model.evaluate(x, [BITS, REAL[0]], verbose=0, return_dict=True)
    assert list(logs) == ["loss", "a_loss", "b_loss", "a_auc", "b_rmse"]
    assert logs["a_auc"] == pytest.approx(metrics.AUC()(BITS, model.predict(x)[0]), rel=1e-5)


def test_a_saved_model_has_its_metrics(tmp_path):
    model = classifier(["accuracy", metrics.Precision(0.3, name="p"), "AUC"])
    model.save(tmp_path / "m.descend")
    again = load_model(tmp_path / "m.descend")
    for m in (model, again):
        assert [type(v).__name__ for v in m.task.outputs[0].metrics] == [
            "BinaryAccuracy",
            "Precision",
            "AUC",
        ]
    a, b = (m.evaluate(LOGITS[1], BITS, verbose=0) for m in (model, again))
    assert a == pytest.approx(b)


def test_early_stopping_knows_the_direction():
    stop = EarlyStopping("val_recall", patience=1)
    classifier(["recall"]).fit(
        LOGITS[1], BITS, verbose=0, validation_data=(LOGITS[1], BITS), callbacks=[stop]
    )
    assert stop.sign == 1
    assert stop.best >= 0


@pytest.mark.parametrize(
    ("metric", "units", "message"),
    [
        ("categorical_accuracy", 1, "always the first"),
        ("top_k_categorical_accuracy", 1, "always the first"),
        (metrics.F1Score(), 3, "average='macro'"),
        (metrics.F1Score(), 1, "threshold=0.5"),
        (metrics.Precision([0.1, 0.2]), 1, "one threshold"),
        (metrics.Mean(), 1, "by hand"),
        ("SensitivityAtSpecificity", 1, "needs an argument"),
        (lambda y, p: np.abs(y - p), 1, "jax.numpy"),
    ],
)
def test_what_an_output_has_not_got(metric, units, message):
    with pytest.raises((DescendError, ShapeError), match=message):
        classifier([metric], units)


def test_two_of_one_name_are_refused():
    with pytest.raises(DescendError, match="called 'precision'; give a metric a name"):
        classifier([metrics.Precision(0.2), metrics.Precision(0.8)])


# -- the user's own, written for Keras ----------------------------------------------------------


def share_above(base, sums, initial="zeros"):
    class ShareAbove(base):
        def __init__(self, limit=0.4, name="share_above", **options):
            super().__init__(name=name, **options)
            self.limit = limit
            self.above = self.add_weight(name="above", initializer=initial)
            self.count = self.add_weight(name="count", initializer=initial)

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.above.assign_add(sums(y_pred > self.limit))
            self.count.assign_add(y_pred.shape[0])

        def result(self):
            return self.above / self.count

    return ShareAbove


def test_a_class_written_for_keras():
    own = share_above(metrics.Metric, jnp.sum)()
    model = classifier([own])
    got = model.evaluate(LOGITS[1], BITS, batch_size=7, verbose=0, return_dict=True)
    p = model.predict(LOGITS[1])
    assert got["share_above"] == pytest.approx((p > 0.4).mean())
    by_hand, theirs = (
        share_above(metrics.Metric, jnp.sum)(),
        share_above(keras.metrics.Metric, jnp.sum)(),
    )
    for metric in (by_hand, theirs):
        metric.update_state(BITS, p)
        metric.update_state(BITS[:9], p[:9])
    assert float(by_hand.result()) == pytest.approx(float(theirs.result()))
    by_hand.reset_state()
    assert float(by_hand.count.numpy()) == 0


def test_a_class_that_does_not_add_up_is_refused():
    with pytest.raises(DescendError, match="does not add up over rows.*assign_add with sums"):
        classifier([share_above(metrics.Metric, jnp.mean)()])

    class Last(metrics.Metric):
        def __init__(self):
            super().__init__()
            self.last = self.add_weight()

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.last.assign(jnp.max(y_pred))

        def result(self):
            return self.last.value

    with pytest.raises(DescendError, match="does not add up"):
        classifier([Last()])
    with pytest.raises(DescendError, match="jax.numpy"):
        classifier([share_above(metrics.Metric, np.count_nonzero)()])
    model = classifier([type("Empty", (metrics.Metric,), {})()])
    with pytest.raises(DescendError, match="has no formula"):
        model.evaluate(LOGITS[1], BITS, verbose=0)


def test_own_rows_and_finish():
    class Worst(metrics.Metric):
        def rows(self, y, prediction):
            return jnp.concatenate([jnp.abs(y - prediction), jnp.ones_like(y)], axis=-1)

        def finish(self, total, weight):
            return total[..., 0] / total[..., 1]

    model = classifier([Worst()])
    got = model.evaluate(LOGITS[1], BITS, batch_size=7, verbose=0, return_dict=True)
    assert got["worst"] == pytest.approx(np.abs(BITS - model.predict(LOGITS[1])).mean(), rel=1e-5)
