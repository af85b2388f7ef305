"""Checks of the data: each finds the leak that was put in, and nothing where there is none."""

import json

import numpy as np
import pandas as pd
import pytest
from statsmodels.sandbox.stats.runs import runstest_1samp

from descend.data.sources import load
from descend.data.splits import split_rows
from descend.errors import DataError
from descend.tables.baselines.raw_columns import PlainColumns
from descend.tables.checks import leakage, parts
from descend.tables.checks.of_data import check_data
from descend.tables.checks.one_column import most_related
from descend.tables.checks.runs import runs_z


def table(n=400, seed=0):
    """Inputs of all kinds, a class and a value that depend on them with noise."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": rng.lognormal(3, 0.5, n),
            "age": rng.integers(18, 70, n),
            "region": rng.choice(["north", "south", "east"], n),
            "owner": rng.random(n) < 0.4,
            "savings": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        }
    )
    value = np.log(frame["income"]) + 0.02 * frame["age"] + rng.normal(0, 1, n)
    return frame, value.to_numpy(), (value > value.median()).to_numpy().astype(int)


def split(n, seed=0):
    s = split_rows(n, seed=seed)
    return s.train, s.validation, s.test


# -- repeated rows -------------------------------------------------------------------------------


def repeated(frame, y, rows):
    train, validation, test = rows
    later = {"validation": frame.iloc[validation], "test": frame.iloc[test]}
    targets = {"validation": y[validation], "test": y[test]}
    return leakage.repeated_rows(frame.iloc[train], later, y[train], targets)


@pytest.mark.parametrize("seed", range(3))
def test_repeated_rows_are_counted(seed):
    frame, y, _ = table(seed=seed)
    rows = train, validation, test = split(len(frame), seed)
    assert repeated(frame, y, rows).status == "passed"
    leaked, target = frame.copy(), y.copy()
    leaked.iloc[test[:7]] = frame.iloc[train[:7]].to_numpy()
    leaked = leaked.astype(frame.dtypes)
    leaked.iloc[validation[0]] = leaked.iloc[train[9]]
    target[test[:3]] = y[train[:3]]
    found = repeated(leaked, target, rows)
    assert (found.status, found.level) == ("failed", "issue")
    assert found.figures == {"repeated": 8.0, "share": 8 / 160}
    assert "7 of 80 test rows have the inputs of a training row, 3 its target too" in found.words
    assert "1 of 80 validation rows" in found.words


def test_units_of_a_survey_that_look_alike_are_no_repeated_rows():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 6, (300, 3)), columns=list("abc"))
    rows = train, _, test = split(300)
    found = repeated(frame, np.zeros(300), rows)
    assert found.status == "passed"
    assert "among the training rows" in found.words
    copied = frame.copy()
    copied.iloc[test] = frame.iloc[train[: len(test)]].to_numpy()
    found = repeated(copied, np.zeros(300), rows)
    assert (found.status, found.level) == ("failed", "tip")
    # a measured target decides
    value = rng.normal(size=300)
    assert repeated(frame, value, rows).status == "passed"
    value[test] = value[train[: len(test)]]
    assert repeated(copied, value, rows).level == "issue"


# -- nearly alone --------------------------------------------------------------------------------


def alone(frame, y, rows, classifies):
    train, validation, _ = rows
    return leakage.nearly_alone(
        frame.iloc[train], y[train], frame.iloc[validation], y[validation], classifies=classifies
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_copy_of_the_target_is_found(seed):
    frame, value, label = table(seed=seed)
    rng = np.random.default_rng(seed)
    rows = split(len(frame), seed)
    assert alone(frame, value, rows, False).status == "passed"
    assert alone(frame, label, rows, True).status == "passed"
    copy = frame.assign(paid=np.exp(value))
    found = alone(copy, value, rows, False)
    assert (found.status, found.level) == ("failed", "issue")
    assert "'paid'" in found.words
    words = frame.assign(state=np.where(label == 1, rng.choice(["late", "gone"], 400), "good"))
    found = alone(words, label, rows, True)
    assert (found.status, found.level) == ("failed", "issue")
    assert "'state' (1.000)" in found.words


@pytest.mark.parametrize("seed", range(3))
def test_a_noisy_copy_far_ahead_is_a_tip(seed):
    frame, value, _ = table(1000, seed)
    noisy = frame.assign(guess=value + np.random.default_rng(seed).normal(0, 0.2, 1000))
    found = alone(noisy, value, split(1000, seed), False)
    assert (found.status, found.level) == ("failed", "tip")
    assert "'guess'" in found.words


def test_the_r2_of_ranks_by_its_closed_form():
    """Normal x, y of correlation r: Var(E[F(y) | x]) / Var(F(y)) = 6 / pi arcsin(r^2 / 2)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000)
    y = np.exp(x + rng.normal(size=20_000))
    frame = pd.DataFrame({"c": pd.cut(x, 40).astype(str), "copy": -y})
    found = leakage.strengths(
        frame[:10_000], y[:10_000], frame[10_000:], y[10_000:], classifies=False
    )
    # the sampling error of an R2 at 10,000 rows is 0.007, 40 levels lose less than that
    assert abs(found["c"] - 6 / np.pi * np.arcsin(0.25)) < 0.03
    assert found["copy"] > 0.9999


def test_three_classes_by_a_category():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    frame = pd.DataFrame({"c": np.asarray(["b", "c", "a"])[y], "x": rng.normal(size=600)})
    found = leakage.strengths(frame[:400], y[:400], frame[400:], y[400:], classifies=True)
    assert found["c"] == 1.0
    assert abs(found["x"] - 0.5) < 0.1


def test_few_validation_rows_tell_nothing():
    frame, value, _ = table(50)
    assert alone(frame, value, split(50), False).status == "not run"


# -- identifiers ---------------------------------------------------------------------------------


def test_identifiers_of_each_kind():
    frame, _, _ = table()
    assert leakage.identifiers(frame).status == "passed"
    rng = np.random.default_rng(0)
    text_id = frame.assign(name=[f"n{i}" for i in rng.permutation(400)])  # asked for with --kind
    found = leakage.identifiers(text_id)
    assert (found.status, found.level) == ("failed", "tip")
    rising = frame.assign(account=np.cumsum(rng.integers(1, 9, 400)))
    found = leakage.identifiers(rising)
    assert (found.status, found.level) == ("failed", "issue")
    assert "'account'" in found.words
    day = pd.date_range("2020-01-01", periods=400, freq="h")
    assert leakage.identifiers(frame.assign(day=day)).level == "tip"
    assert leakage.identifiers(frame.assign(day=day[rng.permutation(400)])).status == "passed"
    assert leakage.identifiers(frame.assign(day=day), time="day").status == "passed"
    shuffled = rng.permutation(400) + 1000
    assert leakage.identifiers(frame.assign(customer_id=shuffled)).failed
    assert not leakage.identifiers(frame.assign(balance=shuffled)).failed
    assert not leakage.identifiers(frame.assign(paid=shuffled)).failed  # "id" within a word


@pytest.mark.parametrize("name", ["diabetes", "breast_cancer", "wine"])
def test_real_tables_have_no_identifier(name):
    loaded = load(name)
    assert leakage.identifiers(loaded.frame.drop(columns=[loaded.target])).status == "passed"


# -- columns unknown at prediction time -----------------------------------------------------------


def test_columns_unknown_at_prediction():
    frame, value, label = table()
    amount = np.where(label == 1, np.random.default_rng(0).random(400), np.nan)

    def check(f, y=label, **options):
        return leakage.unknown_at_prediction(f, y, "default", classifies=True, **options)

    assert check(frame).status == "passed"
    found = check(frame, known_later=["owner", "not there"])
    assert (found.status, found.level) == ("failed", "issue")
    assert "'owner': said to be known only later" in found.words
    for name in ("Default_Date", "DefaultDate", "daysindefault", "in default"):
        found = check(frame.assign(**{name: 1.0}))
        assert (found.status, found.level) == ("failed", "tip")
    for target, column in (("use", "house"), ("rat", "operator"), ("rice", "a pricelist")):
        told = frame.assign(**{column: 1.0})
        assert not leakage.unknown_at_prediction(told, label, target, classifies=True).failed
    found = check(frame.assign(recovered=amount))
    assert (found.status, found.level) == ("failed", "issue")
    assert "'recovered': missing exactly" in found.words
    almost = amount.copy()
    almost[np.flatnonzero(label == 1)[0]] = np.nan
    assert check(frame.assign(recovered=almost)).status == "passed"
    zero = np.where(label == 1, value, 0.0)
    found = leakage.unknown_at_prediction(
        frame.assign(recovered=amount), zero, "loss", classifies=False
    )
    assert found.failed
    with pytest.raises(DataError, match="400 rows of inputs and 3"):
        check(frame, y=label[:3])


# -- sorted files --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_number_of_runs_is_that_of_statsmodels(seed):
    rng = np.random.default_rng(seed)
    codes = (rng.random(200) < 0.3).astype(int)
    expected, _ = runstest_1samp(codes, cutoff=0.5, correction=False)
    np.testing.assert_allclose(runs_z(codes), expected, rtol=1e-12)


def test_runs_of_many_values_are_standard_normal_under_shuffling():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2, 3], [70, 50, 30, 10])
    z = np.asarray([runs_z(rng.permutation(codes)) for _ in range(4000)])
    assert abs(z.mean()) < 4 / np.sqrt(4000)
    assert abs(z.std() - 1) < 4 / np.sqrt(8000)


def test_sorted_files():
    _, value, label = table()
    assert parts.sorted_by_target(value, classifies=False).status == "passed"
    assert parts.sorted_by_target(label, classifies=True).status == "passed"
    iris = load("iris").frame["species"].astype("category").cat.codes.to_numpy()
    found = parts.sorted_by_target(iris, classifies=True)
    assert (found.status, found.level) == ("failed", "tip")
    assert "sorted by the target, or nearly" in found.words
    walk = np.cumsum(np.random.default_rng(0).normal(size=400))
    found = parts.sorted_by_target(walk, classifies=False, at_random=False)
    assert (found.status, found.level) == ("failed", "issue")
    assert parts.sorted_by_target(np.sort(value), classifies=False).failed
    assert parts.sorted_by_target(np.zeros(400), classifies=False).status == "not run"


# -- groups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("classifies", [False, True])
def test_groups_in_two_parts(classifies):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 10)
    y = rng.normal(size=100)[groups] + rng.normal(0, 0.5, 1000)  # ICC 0.8
    if classifies:
        y = (rng.random(100) < 0.5).astype(int)[groups]
    at_random, whole = split_rows(1000), split_rows(1000, groups=groups)

    def check(s, g=groups):
        later = np.concatenate([s.validation, s.test])
        return parts.groups_in_parts(g, y, s.train, later, classifies=classifies)

    assert check(whole).status == "passed"
    found = check(at_random)
    assert (found.status, found.level) == ("failed", "issue")
    told = found.figures["explained"]
    # ICC 0.8, less what the mean of six noisy rows misses (0.2 / 6); all of a class of a group
    assert told == 1.0 if classifies else abs(told - (0.8 - 0.2 / 6)) < 0.05
    assert check(at_random, None).status == "not run"


# -- drift ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_parts_drawn_at_random_cannot_be_told_apart(seed):
    frame, _, _ = table(600, seed)
    train, _, test = split(600, seed)
    assert parts.told_apart(frame.iloc[train], frame.iloc[test], seed=seed).status == "passed"


@pytest.mark.parametrize("seed", range(3))
def test_a_column_that_runs_on_gives_the_part_away(seed):
    frame, _, _ = table(600, seed)
    frame["quarter"] = np.arange(600) // 20
    by_time = split_rows(600, time=frame["quarter"])
    found = parts.told_apart(
        frame.iloc[by_time.train], frame.iloc[by_time.test], at_random=False, seed=seed
    )
    assert (found.status, found.level) == ("failed", "tip")
    assert "most by 'quarter'" in found.words
    assert found.figures["auc"] > 0.99
    assert parts.told_apart(frame[:19], frame[:300]).status == "not run"


def test_columns_that_are_nearly_constant():
    frame, _, _ = table(2000)
    assert leakage.nearly_constant(frame).status == "passed"
    rare = frame.assign(rare=[1.0] + [0.0] * 1999, gone=np.nan)
    found = leakage.nearly_constant(rare)
    assert "'rare', 'gone'" in found.words
    json.dumps(found.to_json(), allow_nan=False)


def test_of_many_columns_those_that_go_with_the_target_come_first():
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    frame = pd.DataFrame(rng.normal(size=(300, 80)), columns=[f"x{i}" for i in range(80)])
    frame["x70"] = y + rng.normal(size=300)
    frame["town"] = np.where(y + rng.normal(size=300) > 0, "Ulm", "Bonn")
    frame["none"] = np.nan
    chosen = most_related(frame, y, 5, classifies=False)
    assert len(chosen) == 5
    assert set(chosen[:2]) == {"x70", "town"}
    assert set(most_related(frame, y > 0, 5, classifies=True)[:2]) == {"x70", "town"}
    both = np.stack([rng.normal(size=300), y], axis=1)
    assert set(most_related(frame, both, 5, classifies=False)[:2]) == {"x70", "town"}
    assert most_related(frame[["none", "x1"]], y, 5, classifies=False) == ["none", "x1"]
    found = leakage.nearly_alone(
        frame[:200], y[:200], frame[200:], y[200:], classifies=False, most=5
    )
    assert "5 of 82 columns were looked at" in found.words


# -- reading columns -----------------------------------------------------------------------------


def test_plain_columns_of_every_kind():
    n = 30
    frame = pd.DataFrame(
        {
            "x": [np.nan, *range(n - 1)],
            "yes": ["true", "false", None] * 10,
            "town": ["Ulm", "Bonn", None] * 10,
            "id": [f"i{i}" for i in range(n)],
            "when": pd.date_range("2020-01-06", periods=n),
            "said": pd.date_range("2020-01-06", periods=n).strftime("%Y-%m-%d"),
            "same": 1,
            "none": None,
            7: np.arange(n) % 4,
        }
    )
    columns = PlainColumns.fit(frame)
    assert set(columns.dropped) == {"id", "same", "none"}
    read = columns.read(frame)
    assert read["when"].iloc[0] == 18267  # days from 1970-01-01 to 2020-01-06
    assert read["when weekday"].tolist()[:8] == [0, 1, 2, 3, 4, 5, 6, 0]  # a Monday
    assert read["said"].tolist() == read["when"].tolist()
    assert read["town"].cat.categories.tolist() == ["Bonn", "Ulm"]
    other = columns.read(frame.assign(town="Kiel").iloc[::-1])
    assert other["town"].isna().all()
    assert other["7"].tolist() == read["7"].tolist()[::-1]
    with pytest.raises(DataError, match=r"lack the column\(s\) 'x'"):
        columns.read(frame.drop(columns="x"))
    with pytest.raises(DataError, match="no column can be used"):
        PlainColumns.fit(frame[["same"]])


# -- all of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("classifies", [False, True])
def test_all_checks_pass_on_a_clean_table_and_find_what_is_put_in(classifies):
    frame, value, label = table(600)
    y = label if classifies else value
    whole = split_rows(600)
    how = {"target": "default", "classifies": classifies}
    found = check_data(frame, y, whole, **how)
    assert [c.code for c in found] == [f"L00{i}" for i in range(1, 10)]
    assert [c.status for c in found] == ["passed"] * 5 + ["not run"] + ["passed"] * 3
    leaky = frame.assign(rowid=np.arange(600), default_amount=-3 * y, rare=0)
    groups = np.argsort(np.argsort(value)) // 10  # of like targets
    found = check_data(leaky, y, whole, groups=groups, known_later=["owner"], **how)
    assert [c.code for c in found if c.failed] == ["L002", "L003", "L004", "L006", "L008"]


def test_test_rows_change_no_check_of_columns():
    """An own test of nonsense is told apart; what is said of the columns stays."""
    frame, value, _ = table(400)
    nonsense = frame.iloc[:100].assign(income=-1.0, region="moon", age=999)
    both = pd.concat([frame, nonsense], ignore_index=True)
    whole = split_rows(400, own_test=100)
    how = {"target": "y", "classifies": False}
    found = check_data(both, np.append(value, np.full(100, 1e9)), whole, **how)
    mild = check_data(
        pd.concat([frame, frame.iloc[:100]], ignore_index=True),
        np.append(value, value[:100]),
        whole,
        **how,
    )
    assert [c.code for c in found if c.failed] == ["L007", "L009"]
    assert [found[i] for i in (1, 2, 3, 4, 7)] == [mild[i] for i in (1, 2, 3, 4, 7)]
    assert mild[0].failed
