"""Average marginal effects against coefficients, statsmodels' get_margeff and the delta method."""

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from descend.errors import DataError, DescendError
from descend.tables.judging.effects import average_marginal_effects


def affairs():
    """Extramarital affairs (Fair 1978), 1,500 of its rows: a real logit."""
    data = sm.datasets.fair.load_pandas().data.sample(1500, random_state=0)
    data = data.reset_index(drop=True)
    return data.assign(affair=(data.pop("affairs") > 0).astype(float))


@pytest.fixture(scope="module")
def logit():
    data = affairs()
    names = ["rate_marriage", "age", "yrs_married", "religious", "educ"]
    fitted = sm.Logit(data["affair"], sm.add_constant(data[names])).fit(disp=0)
    return data[names], fitted, lambda f: fitted.predict(sm.add_constant(f, has_constant="add"))


@pytest.fixture(scope="module")
def of_logit(logit):
    x, _, predict = logit
    return average_marginal_effects(predict, x, target="affair", statistics={"r2": 0.5})


def test_of_a_linear_model_they_are_its_coefficients():
    x, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    model = LinearRegression().fit(x, y)
    found = average_marginal_effects(model.predict, x, kinds={"sex": "number"}, resamples=20)
    frame = found.to_frame().set_index("column")
    # a difference over .02 standard deviations loses two digits of double precision
    np.testing.assert_allclose(frame.loc[list(x), "estimate"], model.coef_, rtol=1e-9)
    # a constant slope has no spread over rows
    np.testing.assert_allclose(frame["high"] - frame["low"], 0, atol=1e-9)


def test_of_a_logit_they_are_statsmodels(logit, of_logit):
    x, fitted, _ = logit
    theirs = fitted.get_margeff(at="overall", method="dydx").margeff
    # the error of the central difference is h^2/6 f'''/f', h = .01 sd: below 1e-4
    np.testing.assert_allclose(of_logit.to_frame()["estimate"], theirs, rtol=1e-4)
    assert of_logit.rows == len(x)
    # intervals over rows: the spread of single effects over sqrt(n)
    p = np.asarray(fitted.predict())
    single = p * (1 - p) * fitted.params["age"]
    error = of_logit.to_frame().set_index("name").loc["age", "error"]
    assert error == pytest.approx(single.std() / np.sqrt(len(x)), rel=0.1)


def test_dummies_of_a_logit_are_statsmodels():
    data = affairs()
    data["old"] = (data["age"] > 30).astype(int)
    names = ["old", "religious"]
    fitted = sm.Logit(data["affair"], sm.add_constant(data[names])).fit(disp=0)
    theirs = fitted.get_margeff(at="overall", dummy=True).margeff
    predict = lambda f: fitted.predict(sm.add_constant(f, has_constant="add"))
    found = average_marginal_effects(predict, data[names], resamples=20).to_frame()
    np.testing.assert_allclose(found["estimate"], theirs, rtol=1e-4)
    assert found.loc[0, ["name", "level", "base"]].tolist() == ["old", "1", "0"]
    as_truth = data[names].assign(old=data["old"] == 1)
    again = average_marginal_effects(
        lambda f: predict(f.assign(old=f["old"].astype(int))), as_truth, resamples=20
    ).to_frame()
    np.testing.assert_allclose(again["estimate"], found["estimate"], rtol=1e-9)
    assert again.loc[0, ["name", "level", "base"]].tolist() == ["old", "True", "False"]


@pytest.mark.parametrize("typed", ["str", "category", "object"])
def test_levels_against_a_base(typed):
    """A linear model's coefficients of C(occupation), against the base by default and another."""
    data = affairs()
    data["work"] = ("w" + data["occupation"].astype(int).astype(str)).astype(typed)
    fitted = smf.ols("affair ~ C(work, Treatment('w3')) + age", data.astype({"work": str})).fit()
    predict = lambda f: fitted.predict(f.astype({"work": str}))
    found = average_marginal_effects(predict, data[["work", "age"]], resamples=20).to_frame()
    assert data["work"].value_counts().index[0] == "w3"  # the most frequent is the base
    expected = {name.split("[T.")[1][:-1]: b for name, b in fitted.params.items() if "[T." in name}
    levels = found[found["column"] == "work"].set_index("level")
    assert set(levels.index) == set(expected) == {"w1", "w2", "w4", "w5", "w6"}
    np.testing.assert_allclose(
        levels["estimate"], [expected[v] for v in levels.index], rtol=1e-9, atol=1e-12
    )
    assert levels.loc["w1", "name"] == "work[w1]"
    other = average_marginal_effects(
        predict, data[["work", "age"]], base={"work": "w1"}, resamples=20
    ).to_frame()
    moved = other.set_index("name")["estimate"]
    assert moved["work[w3]"] == pytest.approx(-expected["w1"])
    assert moved["age"] == pytest.approx(fitted.params["age"])


def test_the_interval_of_an_ensemble_is_wider_by_its_members():
    """Slopes b_m x: the error over members is sd(b) / sqrt(m), over rows there is none."""
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"x": rng.normal(size=300)})
    slopes = rng.normal(2, 0.5, 16)

    def members(frame):
        return slopes[:, None] * frame["x"].to_numpy()[None]

    found = average_marginal_effects(
        lambda f: members(f).mean(axis=0), x, predict_members=members, resamples=4000
    )
    effect = found.effects[0]
    assert effect.estimate == pytest.approx(slopes.mean())
    # 4,000 draws: 1.1 %
    assert effect.error == pytest.approx(slopes.std() / 4, rel=0.05)
    assert (found.members, found.drawn) == (16, "bootstrap over rows and members")
    one = average_marginal_effects(
        lambda f: members(f).mean(axis=0), x, predict_members=lambda f: members(f)[:1], resamples=20
    )
    assert one.effects[0].error == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_covers_the_effect_in_the_population(seed):
    """f = x^2: the effect is 2 mean(x), its error 2 sd(x) / sqrt(n)."""
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(100):
        x = pd.DataFrame({"x": rng.normal(1, 1, 100)})
        found = average_marginal_effects(lambda f: f["x"] ** 2, x, resamples=200, confidence=0.9)
        effect = found.effects[0]
        assert effect.estimate == pytest.approx(2 * x["x"].mean(), rel=1e-9)
        hits += effect.low <= 2.0 <= effect.high
    assert 82 <= hits <= 97  # binomial standard deviation 3


def test_missing_values_weights_clusters_and_steps():
    x = pd.DataFrame({"x": [1.0, 2.0, np.nan, 4.0], "z": [1, 5, 2, 8]})
    predict = lambda f: f["x"].fillna(0) ** 2 + f["z"]
    found = average_marginal_effects(predict, x, columns=["x"], resamples=50)
    assert found.effects[0].estimate == pytest.approx(2 * np.mean([1, 2, 4]))
    assert found.effects[0].rows == 3
    heavy = average_marginal_effects(predict, x, columns=["x"], weights=[0, 1, 5, 3], resamples=50)
    assert heavy.effects[0].estimate == pytest.approx(2 * (2 + 3 * 4) / 4)
    whole = average_marginal_effects(
        lambda f: np.floor(f["z"]), x, columns=["z"], steps={"z": 1.0}, resamples=50
    )
    assert whole.effects[0].estimate == 1  # a step function needs a whole step
    rng = np.random.default_rng(0)
    y = np.repeat(rng.normal(size=50), 8)
    rows, grouped = (
        average_marginal_effects(lambda f: f["x"] ** 2, pd.DataFrame({"x": y}), clusters=c)
        for c in (None, np.repeat(np.arange(50), 8))
    )
    ratio = grouped.effects[0].error / rows.effects[0].error
    assert ratio == pytest.approx(np.sqrt(8), rel=0.15)
    assert (grouped.clusters, grouped.drawn) == (50, "bootstrap over clusters")


def test_what_has_no_effect_is_said():
    frame = pd.DataFrame(
        {
            "x": np.arange(40.0),
            "day": pd.date_range("2024-01-01", periods=40),
            "same": 1.5,
            "word": "a",
            "none": np.nan,
            "key": [f"k{i}" for i in range(40)],
        }
    )
    found = average_marginal_effects(lambda f: f["x"], frame, resamples=20)
    assert [e.name for e in found.effects] == ["x"]
    assert set(found.left_out) == {"day", "same", "word", "none", "key"}
    assert "40 levels" in found.left_out["key"]
    with pytest.raises(DataError, match="'day' has no effect: it holds dates"):
        average_marginal_effects(lambda f: f["x"], frame, columns=["day"])


def test_numbers_written_as_text_may_be_called_numbers():
    frame = pd.DataFrame({"x": ["1", "2", "?", "7"]})
    predict = lambda f: 3 * pd.to_numeric(f["x"], errors="coerce").fillna(0)
    found = average_marginal_effects(predict, frame, kinds={"x": "number"}, resamples=20)
    assert (found.effects[0].estimate, found.effects[0].rows) == (pytest.approx(3), 3)


def test_float32_predictions_keep_four_digits(logit, of_logit):
    """A network computes in float32; the step is large enough for it."""
    x, _, predict = logit
    found = average_marginal_effects(lambda f: np.asarray(predict(f), np.float32), x, resamples=20)
    np.testing.assert_allclose(
        found.to_frame()["estimate"], of_logit.to_frame()["estimate"], rtol=1e-3, atol=1e-6
    )


def test_the_plug_in_protocol(of_logit):
    table = of_logit.__maketables_coef_table__
    assert list(table.columns) == ["b", "se", "t", "p", "ci95l", "ci95u"]
    assert table.index.name == "Coefficient"
    assert table[["t", "p"]].isna().all(axis=None)
    assert of_logit.__maketables_stat__("N") == 1500
    assert of_logit.__maketables_stat__("r2") == 0.5
    assert of_logit.__maketables_stat__("fvalue") is None
    assert of_logit.__maketables_depvar__ == "affair"


def test_maketables_shows_them_beside_a_regression(logit, of_logit):
    maketables = pytest.importorskip("maketables")
    _, fitted, _ = logit
    table = maketables.ETable([fitted, of_logit])
    shown = table.make(type="tex")
    assert "affair" in shown
    frame = of_logit.to_frame().set_index("name")
    assert f"{frame.loc['age', 'estimate']:.3f}" in shown
    assert f"({frame.loc['age', 'error']:.3f})" in shown


def test_as_json(of_logit):
    described = json.loads(json.dumps(of_logit.to_json(), allow_nan=False))
    assert described["effects"][0]["name"] == "rate_marriage"
    assert described["effects"][0]["level"] is None
    assert described["statistics"] == {"r2": 0.5}


def test_seeds_repeat(logit):
    x, _, predict = logit
    how = {"columns": ["age"], "resamples": 50}
    first = average_marginal_effects(predict, x, **how)
    assert average_marginal_effects(predict, x, **how) == first
    assert average_marginal_effects(predict, x, seed=1, **how) != first


FRAME = pd.DataFrame({"x": [1.0, 2, 3], "t": ["a", "b", "b"]})


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"columns": ["y"]}, "unknown column 'y'"),
        ({"base": {"town": "a"}}, "unknown column 'town'"),
        ({"base": {"t": "c"}}, "unknown level of 't'"),
        ({"kinds": {"x": "numeric"}}, "unknown kind"),
        ({"steps": {"x": 0.0}}, "must be above 0"),
        ({"confidence": 95}, "confidence must be"),
        ({"predict_members": lambda f: np.ones(len(f))}, r"shape \(members, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(how, match):
    with pytest.raises(DescendError, match=match):
        average_marginal_effects(lambda f: f["x"], FRAME, resamples=5, **how)


def test_one_number_a_row():
    with pytest.raises(DataError, match="one number a row"):
        average_marginal_effects(lambda f: np.ones((len(f), 2)), FRAME, columns=["x"])
