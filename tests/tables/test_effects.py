"""Average marginal effects against coefficients, statsmodels' get_margeff and the delta method."""

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats
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
    np.testing.assert_allclose(frame["spread_high"] - frame["spread_low"], 0, atol=1e-9)
    assert frame["error"].isna().all()  # one model: nothing is known of its error


def test_of_a_logit_they_are_statsmodels(logit, of_logit):
    x, fitted, predict = logit
    theirs = fitted.get_margeff(at="overall", method="dydx").margeff
    found = of_logit.to_frame().set_index("name")
    slopes = found["estimate"].where(found["kind"] == "slope", found["other"])
    # the error of the central difference is h^2/6 f'''/f', h = .01 sd: below 1e-4
    np.testing.assert_allclose(slopes, theirs, rtol=1e-4)
    assert of_logit.rows == len(x)
    # over draws of rows: the spread of single effects over sqrt(n)
    p = np.asarray(fitted.predict())
    single = p * (1 - p) * fitted.params["age"]
    spread = found.loc["age", "spread"]
    assert spread == pytest.approx(single.std() / np.sqrt(len(x)), rel=0.1)
    # whole numbers: one more, where that was seen
    whole = {"rate_marriage", "religious"}  # ages, years and educ have halves
    assert set(found.index[found["kind"] == "unit"]) >= whole
    for name in whole:
        rows = x[name] < x[name].max()
        up = predict(x.assign(**{name: x[name] + 1})) - p
        assert found.loc[name, "estimate"] == pytest.approx(up[rows].mean(), rel=1e-9)
        assert found.loc[name, "rows"] == rows.sum()


def test_dummies_of_a_logit_are_statsmodels():
    data = affairs()
    data["old"] = (data["age"] > 30).astype(int)
    names = ["old", "religious"]
    fitted = sm.Logit(data["affair"], sm.add_constant(data[names])).fit(disp=0)
    theirs = fitted.get_margeff(at="overall", dummy=True).margeff
    predict = lambda f: fitted.predict(sm.add_constant(f, has_constant="add"))
    found = average_marginal_effects(predict, data[names], resamples=20).to_frame()
    ours = [found.loc[0, "estimate"], found.loc[1, "other"]]  # a level, a slope
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
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
    assert effect.spread == pytest.approx(slopes.std() / 4, rel=0.05)
    assert (found.members, found.drawn) == (16, "rows and members")
    one = average_marginal_effects(
        lambda f: members(f).mean(axis=0), x, predict_members=lambda f: members(f)[:1], resamples=20
    )
    assert one.effects[0].spread == pytest.approx(0, abs=1e-9)


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
        hits += effect.spread_low <= 2.0 <= effect.spread_high
    assert 82 <= hits <= 97  # binomial standard deviation 3


def test_one_more_product_is_not_the_slope():
    """Customers have 1 or 2 products, few 3 or 4: most leave with one less, all with more."""
    share = np.array([0.30, 0.13, 0.75, 0.89])
    products = np.repeat([1, 2, 3, 4], [50, 45, 4, 1])
    frame = pd.DataFrame({"products": products})
    smooth = lambda f: np.interp(f["products"], [1, 1.9, 2.1, 3, 4], share[[0, 1, 1, 2, 3]])
    found = average_marginal_effects(smooth, frame, resamples=20).effects[0]
    one_more = np.diff(share)[products[products < 4] - 1].mean()
    assert (found.kind, found.rows) == ("unit", 99)
    assert found.estimate == pytest.approx(one_more)
    assert found.other < 0 < found.estimate
    assert found.curved


def test_the_next_level_of_an_order():
    rating = pd.Categorical(
        ["BB", "A", "AAA", "A", None, "BB"], categories=["AAA", "A", "BB"], ordered=True
    )
    frame = pd.DataFrame({"rating": rating, "z": np.arange(6.0)})
    chance = {"AAA": 0.01, "A": 0.03, "BB": 0.2}
    predict = lambda f: f["rating"].astype(object).map(chance).fillna(0.5).to_numpy(float)
    found = average_marginal_effects(predict, frame, columns=["rating"], resamples=20)
    up, *levels = found.effects
    assert (up.name, up.kind, up.rows) == ("rating", "level up", 3)
    assert up.estimate == pytest.approx(np.mean([0.17, 0.02, 0.17]))
    assert [e.name for e in levels] == ["rating[AAA]", "rating[A]"]  # BB is the first of the most
    words = frame.assign(rating=frame["rating"].astype(object))
    asked = {"columns": ["rating"], "kinds": {"rating": "ordered"}, "resamples": 20}
    by_letter = average_marginal_effects(predict, words, **asked).effects[0]
    assert by_letter.estimate == pytest.approx(np.mean([-0.02, -0.02, 0.19]))  # A, AAA, BB


def test_a_unit_too_small_to_be_seen_is_a_slope():
    """Incomes in whole euros: float32 could not tell one euro more."""
    income = np.random.default_rng(0).integers(10_000, 90_000, 300)
    frame = pd.DataFrame({"income": income})
    predict = lambda f: np.float32(np.sqrt(f["income"]))
    found = average_marginal_effects(predict, frame, resamples=20).effects[0]
    assert found.kind == "slope"
    assert found.estimate == pytest.approx(np.mean(0.5 / np.sqrt(income)), rel=1e-3)
    sd = income.std()
    rows = income + sd <= income.max()
    step = (np.sqrt(income + sd) - np.sqrt(income))[rows].mean() / sd
    assert found.other == pytest.approx(step, rel=1e-3)
    assert not found.curved


def test_the_error_of_refits():
    """Slopes b_r x^2 / 2: the variance over refits and over rows, and Student's t."""
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"x": rng.normal(1, 1, 400)})
    slopes = rng.normal(2, 0.3, 8)
    refits = lambda f: slopes[:, None] * f["x"].to_numpy()[None] ** 2 / 2
    found = average_marginal_effects(
        lambda f: f["x"] ** 2, x, predict_refits=refits, resamples=4000
    )
    effect = found.effects[0]
    over_rows = 2 * x["x"].std() / np.sqrt(400)
    expected = np.hypot((slopes * x["x"].mean()).std(ddof=1), over_rows)
    assert effect.error == pytest.approx(expected, rel=0.02)  # 4,000 draws: 1.1 %
    assert effect.spread == pytest.approx(over_rows, rel=0.05)
    assert (effect.high - effect.low) / 2 == pytest.approx(stats.t.ppf(0.975, 7) * effect.error)
    assert (found.refits, found.estimated) == (8, "8 networks trained anew")
    with pytest.raises(DataError, match="one refit has no spread"):
        average_marginal_effects(
            lambda f: f["x"], x, predict_refits=lambda f: refits(f)[:1], resamples=20
        )


def test_missing_values_weights_clusters_and_steps():
    x = pd.DataFrame({"x": [1.0, 2.0, np.nan, 4.0], "z": [1, 5, 2, 8]})
    predict = lambda f: f["x"].fillna(0) ** 2 + f["z"]
    found = average_marginal_effects(predict, x, columns=["x"], steps={"x": 0.1}, resamples=50)
    assert found.effects[0].estimate == pytest.approx(2 * np.mean([1, 2, 4]))
    assert found.effects[0].rows == 3
    unit = average_marginal_effects(predict, x, columns=["x"], resamples=50).effects[0]
    assert unit.estimate == pytest.approx(np.mean([4 - 1, 9 - 4]))  # 4 + 1 was not seen
    assert (unit.kind, unit.rows, unit.other) == ("unit", 2, pytest.approx(2 * np.mean([1, 2, 4])))
    seen = average_marginal_effects(predict, x, columns=["x"], seen={"x": (0, 9)}, resamples=50)
    assert seen.effects[0].estimate == pytest.approx(np.mean([3, 5, 9]))
    heavy = average_marginal_effects(
        predict, x, columns=["x"], steps={"x": 0.1}, weights=[0, 1, 5, 3], resamples=50
    )
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
    ratio = grouped.effects[0].spread / rows.effects[0].spread
    assert ratio == pytest.approx(np.sqrt(8), rel=0.15)
    assert (grouped.clusters, grouped.drawn) == (50, "clusters")


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
    assert (found.effects[0].estimate, found.effects[0].rows) == (pytest.approx(3), 2)


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
    assert table[["se", "t", "p"]].isna().all(axis=None)
    assert of_logit.__maketables_stat__("se_type") == "none: one network"
    assert of_logit.__maketables_stat__("N") == 1500
    assert of_logit.__maketables_stat__("r2") == 0.5
    assert of_logit.__maketables_stat__("fvalue") is None
    assert of_logit.__maketables_depvar__ == "affair"


def test_maketables_shows_them_beside_a_regression(logit, of_logit):
    maketables = pytest.importorskip("maketables")
    x, fitted, predict = logit
    anew = lambda f: np.outer([0.9, 1, 1.1], predict(f))
    found = average_marginal_effects(predict, x, predict_refits=anew, target="affair", resamples=20)
    shown = maketables.ETable([fitted, found]).make(type="tex")
    assert "affair" in shown
    frame = found.to_frame().set_index("name")
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
