"""The population stability index by hand, and its level where nothing has shifted."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import special

from descend.errors import DescendError
from descend.tables.judging.stability import shift, stability


def test_by_hand():
    before = np.repeat(["a", "b"], [50, 50])
    after = np.repeat(["a", "b"], [75, 25])
    found = shift(before, after)
    assert found.index == pytest.approx(0.25 * np.log(1.5) - 0.25 * np.log(0.5))
    assert found.index == pytest.approx(0.27465307)
    assert dict(zip(found.parts, found.reference, strict=True)) == {"a": 0.5, "b": 0.5}
    assert found.band == "large shift"


def test_it_is_both_divergences_of_the_quantile_bins():
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=5000), rng.normal(0.5, 1, 3000)
    found = shift(before, after)
    inner = np.sort(before)[np.arange(500, 5000, 500) - 1]  # a tenth of the rows up to each
    edges = np.array([-np.inf, *inner, np.inf])
    a, b = (np.histogram(-v, -edges[::-1])[0] / len(v) for v in (before, after))
    # SciPy's Kullback-Leibler divergence, both ways (bins closed on the right, as ours)
    both = special.kl_div(a, b).sum() + special.kl_div(b, a).sum()
    assert found.index == pytest.approx(both, rel=1e-12)
    np.testing.assert_allclose(found.reference, 0.1, atol=1e-9)
    # of two normals half a standard deviation apart it is .25 before binning
    assert found.index == pytest.approx(0.25, abs=0.05)


def test_without_a_shift_it_stays_within_its_noise():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(300, 2, 400))
    found = [shift(a, b) for a, b in values]
    indices = np.array([f.index for f in found])
    # a chi-squared of 9 times (1/400 + 1/400)
    assert indices.mean() == pytest.approx(9 / 200, rel=0.1)
    assert np.mean(indices > found[0].noise) == pytest.approx(0.05, abs=0.04)


def test_bands():
    rng = np.random.default_rng(0)
    base = rng.normal(size=20_000)
    bands = [shift(base, base + d).band for d in (0.0, 0.4, 1.0)]
    assert bands == ["stable", "some shift", "large shift"]
    # samples so small that most differ by more than .25 without any shift
    few = [shift(a, b) for a, b in rng.normal(size=(200, 2, 40))]
    assert np.mean([f.index > 0.25 for f in few]) > 0.5
    assert np.mean([f.band in ("stable", "within noise") for f in few]) > 0.9


def test_gaps_new_levels_and_empty_parts():
    before = pd.Series(["a"] * 6 + ["b"] * 3 + [None])
    after = pd.Series(["a"] * 5 + ["c"] * 5)
    found = shift(before, after)
    table = found.to_frame().set_index("part")
    assert table.loc["(new levels)"].tolist() == [0, 0.5]
    assert table.loc["(missing)"].tolist() == [0.1, 0]
    assert table.loc["b"].tolist() == [0.3, 0]
    assert np.isfinite(found.index)
    numbers = shift([1.0, 2, 3, np.nan], [1.0, np.nan, np.nan, np.nan], bins=2).to_frame()
    assert numbers.set_index("part").loc["(missing)"].tolist() == [0.25, 0.75]


def test_few_values_and_large_close_ones():
    flags = shift([0] * 90 + [1] * 10, [0] * 80 + [1] * 20)
    expected = (0.8 - 0.9) * np.log(0.8 / 0.9) + (0.2 - 0.1) * np.log(2)
    assert flags.index == pytest.approx(expected)
    # names of parts round, the parts do not
    large = 1e9 + np.arange(1000) / 1000
    assert len(shift(large, large).parts) == 10
    assert shift(large, large).index == 0
    assert shift(np.ones(5), np.ones(9)).index == 0


def test_many_levels_are_put_together():
    names = np.array([f"n{i}" for i in range(80)])
    before = np.repeat(names, np.arange(80, 0, -1))
    found = shift(before, before)
    assert found.index == 0
    assert len(found.parts) == 51
    assert sum(found.reference) == pytest.approx(1)


def test_a_table():
    rng = np.random.default_rng(0)
    n = 2000
    before = pd.DataFrame(
        {
            "age": rng.integers(20, 60, n),
            "income": rng.lognormal(size=n),
            "town": pd.Categorical(rng.choice(["Ulm", "Bonn"], n)),
            "member": rng.random(n) < 0.5,
            "day": pd.date_range("2020-01-01", periods=n, tz="Europe/Berlin"),
        }
    )
    after = before.sample(n, replace=True, random_state=1).reset_index(drop=True)
    after["income"] *= 2
    found = stability(before, after)
    frame = found.to_frame().set_index("name")
    assert frame.index[0] == "income"
    assert frame.loc["income", "band"] == "large shift"
    assert (frame["band"].drop("income") == "stable").all()
    days = next(s for s in found.shifts if s.name == "day")
    assert len(days.parts) == 10
    assert days.parts[0].startswith("<= 2020-")
    described = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert described["shifts"][0]["band"] == "large shift"
    assert [s.name for s in stability(before, after, columns=["age"]).shifts] == ["age"]


def test_a_kind_may_be_said():
    before, after = pd.Series(["1", "2", "3", "x"]), pd.Series(["1", "2", "3", "4"])
    assert "(missing)" in shift(before, after, kind="number", bins=2).parts
    codes = shift([1, 2, 3] * 10, [1, 2, 3] * 10, kind="category")
    assert set(codes.parts) == {"1", "2", "3"}


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: shift([], [1.0]), "0 reference rows"),
        (lambda: shift([1.0], [1.0], bins=1), "bins must be"),
        (lambda: shift([1.0], [1.0], kind="text"), "unknown kind"),
        (
            lambda: stability(pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
            "unknown column 'a'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, match):
    with pytest.raises(DescendError, match=match):
        call()
