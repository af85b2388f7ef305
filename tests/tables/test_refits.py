"""Refitted networks: the error that they state is the error there is, over samples of the truth."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from descend.data.table import Table
from descend.errors import DescendError
from descend.tables.choosing.refits import _drawn, refit
from descend.tables.judging.effects import average_marginal_effects
from descend.tables.network import batch_size, compile_for, network
from descend.tables.options import FitOptions
from descend.tables.prepare import prepare_table
from descend.tables.recipe import fit_prepared
from descend.train.callbacks import EarlyStopping
from descend.train.many.sweeping import Ensemble, sweep

BETA = 1.0  # of x in the logit; the mean of p (1 - p) over x, z ~ N(0, 1) is taken by quadrature
HOW = {"recipe": "mlp", "hidden": (), "epochs": 25, "learning_rate": 0.05, "batch_size": 32}


def drawn(seed, n):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    y = rng.random(n) < expit(-0.3 + BETA * x - 0.5 * z)
    frame = pd.DataFrame({"x": x, "z": z, "y": np.where(y, "yes", "no")})
    return Table("drawn", "drawn", frame, None, "", f"{seed}")


def prepared(seed, n):
    options = FitOptions(target="y", seed=seed, **HOW)  # weights and split differ as the rows do
    return prepare_table(drawn(seed, n), options)


def true_effect():
    nodes, w = np.polynomial.hermite_e.hermegauss(60)
    x, z = np.meshgrid(nodes, nodes)
    p = expit(-0.3 + BETA * x - 0.5 * z)
    return BETA * float(np.sum(np.outer(w, w) * p * (1 - p)) / np.sum(np.outer(w, w)))


def first(prep, model):
    """The network of the table itself, in the program of the refits."""
    head, train = prep.target.head, prep.part(prep.split.train)
    checks = prep.part(prep.split.validation)
    many = sweep(
        model,
        [{"seed": prep.options.seed}],
        train.x.inputs(),
        train.y,
        batch_size=batch_size(len(train.y), prep.options),
        epochs=prep.options.chosen("epochs"),
        validation_data=(checks.x.inputs(), checks.y),
        callbacks=[EarlyStopping("val_loss", patience=prep.options.waits)],
    )
    networks = Ensemble(many.members, 1)

    def predict(frame):
        outputs = networks.predict_all(prep.encoder.transform(frame, "it")[0].inputs())
        return head.predict(outputs[0][:, None])[:, 1]

    return predict


def covered(samples, count, n):
    """A row a sample: (refits' interval holds the truth, rows' interval does, estimate, error)."""
    truth, model, found = true_effect(), None, []
    for seed in range(samples):
        prep = prepared(seed, n)
        if model is None:
            model = network(prep.encoder, prep.target.head, prep.options)
            compile_for(model, prep.target.head, prep.options, len(prep.split.train))
        anew = refit(prep, count, tempered=False, model=model)
        frame = prep.inputs.iloc[prep.split.test]
        effect = average_marginal_effects(
            first(prep, model),
            frame,
            predict_refits=lambda f, anew=anew: anew.predict(f)[:, :, 1],
            columns=["x"],
            steps={"x": 0.05},
            resamples=200,
        ).effects[0]
        held = effect.low <= truth <= effect.high
        old = effect.spread_low <= truth <= effect.spread_high
        found.append((held, old, effect.estimate, effect.error))
    return np.array(found, float).T


@pytest.mark.slow
def test_intervals_of_refits_hold_the_truth_and_those_of_rows_do_not():
    of_refits, of_rows, *_ = covered(samples=12, count=12, n=300)
    # 95 %: fewer than 9 of 12 has the probability 2e-4
    assert of_refits.sum() >= 9
    assert of_rows.sum() <= 8


@pytest.mark.slow
def test_over_120_samples_the_stated_95_percent_are_95():
    of_refits, of_rows, estimates, errors = covered(samples=120, count=20, n=300)
    # binomial: 114 with a standard deviation of 2.4; three of them
    assert 106 <= of_refits.sum() <= 120
    assert of_rows.sum() < 80
    # 120 samples know a standard deviation to 6 %; a bootstrap sample holds two thirds of the rows
    # once or more, so that a network trained on it is less sure than one trained on all
    assert 0.85 < errors.mean() / estimates.std() < 1.4


def test_no_error_below_that_of_least_squares():
    """Gauss and Markov; the epoch chosen on validation rows and the batches add to it."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=400), "z": rng.normal(size=400)})
    frame["y"] = 1 + 2 * frame["x"] - frame["z"] + rng.normal(size=400)
    fitted = fit_prepared(
        prepare_table(Table("t", "t", frame, None, "", ""), FitOptions(target="y", **HOW))
    )
    prep = fitted.prepared
    found = average_marginal_effects(
        fitted.predictor.values,
        prep.inputs.iloc[prep.split.test],
        predict_refits=refit(prep, 12).predict,
        resamples=100,
    )
    train = frame.iloc[prep.split.train]
    ols = sm.OLS(train["y"], sm.add_constant(train[["x", "z"]])).fit()
    for effect in found.effects:
        # 12 refits know a standard deviation to a fifth; two and a half of them
        assert effect.error > 0.5 * ols.bse[effect.name]
        assert abs(effect.estimate - ols.params[effect.name]) < 3 * effect.error
        assert effect.spread < 0.05 * effect.error  # a line has one slope in every row


def test_whole_groups_are_drawn():
    frame = pd.DataFrame(
        {
            "x": np.arange(60.0) ** 2 % 17,
            "firm": np.repeat(np.arange(20), 3),
            "y": np.arange(60.0) % 7,
        }
    )
    options = FitOptions(target="y", group="firm", task="regression", **HOW)
    prep = prepare_table(Table("t", "t", frame, None, "", ""), options)
    rows = _drawn(prep, prep.split.train, np.random.default_rng(0))
    firms = frame["firm"].to_numpy()[rows]
    assert set(rows) < set(prep.split.train)
    assert all(count % 3 == 0 for count in np.unique(firms, return_counts=True)[1])
    assert len(np.unique(firms)) < len(firms) / 3  # some twice, some not at all


@pytest.mark.parametrize("count", [1, 0, 2.5, True])
def test_fewer_than_two_are_refused(count):
    with pytest.raises(DescendError, match="whole number >= 2"):
        refit(prepared(7, 100), count)
