"""Training, validation and test rows."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descend.data.splits import split_rows
from descend.errors import DataError


def parts(split):
    return split.train, split.validation, split.test


@pytest.mark.parametrize("n", [10, 11, 150, 997])
@pytest.mark.parametrize("shares", [(0.2, 0.2), (0.25, 0.3)])
def test_every_row_is_in_one_part(n, shares):
    split = split_rows(n, validation_share=shares[0], test_share=shares[1], seed=3)
    rows = np.concatenate([split.train, split.validation, split.test])
    assert np.array_equal(np.sort(rows), np.arange(n))
    assert abs(len(split.test) - shares[1] * n) <= 1
    assert abs(len(split.validation) - shares[0] * n) <= 1


def test_classes_keep_their_shares():
    labels = np.repeat([0, 1, 2], [100, 60, 40])
    split = split_rows(200, labels=labels)
    for part, size in ((split.train, 120), (split.validation, 40), (split.test, 40)):
        assert np.bincount(labels[part]).tolist() == [size // 2, size * 3 // 10, size // 5]
    assert split.how == "drawn at random, equal shares of the classes, seed 0"


def test_the_seed_decides():
    a, b, c = (split_rows(100, seed=s).test for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize(
    ("n", "options", "message"),
    [
        (9, {}, "at least 10"),
        (100, {"test_share": 0.0}, "between 0 and 1"),
        (100, {"test_share": float("nan")}, "between 0 and 1"),
        (100, {"test_share": 0.6, "validation_share": 0.4}, "nothing to train on"),
        (20, {"test_share": 0.01}, "at least 2"),
        (20, {"labels": np.repeat([0, 1], [19, 1])}, "has 1 row"),
        (40, {"labels": np.arange(40) % 13}, "13 classes and only 8 rows"),
    ],
)
def test_what_cannot_be_split(n, options, message):
    with pytest.raises(DataError, match=message):
        split_rows(n, **options)


# -- by whole groups ----------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=15, max_size=60),
    seed=st.integers(0, 1000),
    classes=st.integers(0, 3),
)
def test_no_group_is_in_two_parts_and_no_row_is_lost(sizes, seed, classes):
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat([f"g{i}" for i in range(len(sizes))], sizes))
    labels = None
    if classes > 1:
        labels = np.resize(np.arange(classes), len(groups))
        homes = [len(np.unique(groups[labels == c])) for c in range(classes)]
        if min(homes) < 3:
            return
    split = split_rows(len(groups), groups=groups, labels=labels, seed=seed)
    rows = np.concatenate(parts(split))
    assert np.array_equal(np.sort(rows), np.arange(len(groups)))
    held = [set(groups[part]) for part in parts(split)]
    assert not held[0] & held[1]
    assert not held[0] & held[2]
    assert not held[1] & held[2]
    for part, share in zip(parts(split), (0.6, 0.2, 0.2), strict=True):
        assert len(part) >= share * len(groups) / 2


@pytest.mark.parametrize("seed", range(5))
def test_groups_keep_shares_of_rows_and_classes(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(200), rng.integers(1, 20, 200))
    labels = (rng.random(200) < 0.3)[groups].astype(int)  # a class belongs to its whole group
    split = split_rows(len(groups), groups=groups, labels=labels, seed=seed)
    for part, share in zip(parts(split), (0.6, 0.2, 0.2), strict=True):
        # whole groups of up to 19 rows: five points of about 2000 rows
        assert abs(len(part) / len(groups) - share) < 0.05
        assert abs(labels[part].mean() - labels.mean()) < 0.05
    assert "whole groups drawn at random" in split.how


def test_a_giant_group_goes_to_training():
    groups = np.concatenate([np.zeros(55, int), np.repeat(np.arange(1, 16), 3)])
    for seed in range(5):
        split = split_rows(100, groups=groups, seed=seed)
        assert 0 in groups[split.train]
        assert abs(len(split.test) - 20) <= 9


def test_many_groups_are_dealt_quickly_and_stay_whole():
    groups = np.random.default_rng(0).integers(0, 20_000, 60_000)
    split = split_rows(60_000, groups=groups)
    held = [set(groups[part]) for part in parts(split)]
    assert not held[0] & held[1]
    assert not held[0] & held[2]
    assert not held[1] & held[2]
    for part, share in zip(parts(split), (0.6, 0.2, 0.2), strict=True):
        assert abs(len(part) / 60_000 - share) < 0.01  # 2000 lots of about 30 rows each


def test_the_seed_decides_about_groups():
    groups = np.arange(100) // 2
    a, b, c = (split_rows(100, groups=groups, seed=s).test for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": np.zeros(100)}, "there is one group in 100 rows; at least 3"),
        ({"groups": np.arange(100) % 2}, "only 2 groups"),
        ({"groups": np.where(np.arange(100) < 90, 1, np.arange(100))}, "largest group has 90 of"),
        ({"groups": [None, *range(99)]}, "row 1 has no group"),
        ({"groups": np.arange(99)}, "99 groups for 100 rows"),
        ({"groups": np.arange(100), "time": np.arange(100)}, "not by both"),
        (
            {"groups": np.arange(100) // 10, "labels": (np.arange(100) < 20).astype(int)},
            r"class '1' is found in 2 group\(s\) only",
        ),
    ],
)
def test_groups_that_cannot_be_divided(options, message):
    with pytest.raises(DataError, match=message):
        split_rows(100, **options)


# -- by time ------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    times=st.lists(st.integers(0, 400), min_size=30, max_size=120),
    shares=st.sampled_from([(0.2, 0.2), (0.1, 0.3), (0.3, 0.1)]),
)
def test_later_parts_are_later_and_ties_are_not_cut(times, shares):
    times = np.asarray(times)
    if np.unique(times, return_counts=True)[1].max() > 0.04 * len(times):
        return
    split = split_rows(len(times), time=times, validation_share=shares[0], test_share=shares[1])
    assert np.array_equal(np.sort(np.concatenate(parts(split))), np.arange(len(times)))
    assert times[split.train].max() < times[split.validation].min()
    assert times[split.validation].max() < times[split.test].min()
    for part, share in ((split.validation, shares[0]), (split.test, shares[1])):
        assert abs(len(part) - share * len(times)) <= 0.04 * len(times) + 1


def test_dates_by_hand():
    """Ten months of ten rows: six to train on, two each to validate and test on."""
    months = pd.date_range("2020-01-01", periods=10, freq="MS").repeat(10)
    order = np.random.default_rng(0).permutation(100)
    split = split_rows(100, time=months[order])
    assert set(months[order][split.test]) == {pd.Timestamp(2020, 9, 1), pd.Timestamp(2020, 10, 1)}
    assert [len(p) for p in parts(split)] == [60, 20, 20]
    assert split.how == (
        "by time: training 2020-01-01 to 2020-06-01, validation 2020-07-01 to 2020-08-01, "
        "test 2020-09-01 to 2020-10-01"
    )


@pytest.mark.parametrize(
    "convert",
    [
        lambda t: t,
        lambda t: t.tz_localize("Europe/Zurich"),
        lambda t: pd.Series(t, index=range(7, 107)),
        lambda t: t.strftime("%Y-%m-%d"),
        lambda t: pd.Categorical(t.strftime("%Y-%m-%d")),
        lambda t: [d.date() for d in t],
        lambda t: t.to_period("D"),
        lambda t: np.asarray(t.day_of_year),
        lambda t: pd.array(t.day_of_year, dtype="Int64"),
    ],
)
def test_times_of_every_kind_split_alike(convert):
    times = pd.date_range("2021-01-01", periods=100).repeat(1)
    order = np.random.default_rng(1).permutation(100)
    split = split_rows(100, time=convert(times[order]))
    assert np.array_equal(np.sort(order[split.test]), np.arange(80, 100))
    assert np.array_equal(np.sort(order[split.validation]), np.arange(60, 80))


@pytest.mark.parametrize("gap", ["5 days", datetime.timedelta(days=5), pd.Timedelta(5, "D")])
def test_a_gap_keeps_days_apart(gap):
    times = pd.date_range("2021-01-01", periods=100)
    split = split_rows(100, time=times, gap=gap)
    # rows 60 and 80 begin the later parts: kept are those at least five days before
    assert np.array_equal(split.train, np.arange(56))
    assert np.array_equal(split.validation, np.arange(60, 76))
    assert np.array_equal(split.test, np.arange(80, 100))
    assert np.array_equal(split.left_out, [56, 57, 58, 59, 76, 77, 78, 79])
    assert "8 rows within the gap of" in split.how


def test_a_gap_in_numbers():
    split = split_rows(100, time=np.arange(100) / 2, gap=1.5)
    assert np.array_equal(split.left_out, [58, 59, 78, 79])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": np.zeros(100)}, r"all times are equal \(0\)"),
        ({"time": np.arange(100) % 2}, "only two times"),
        ({"time": np.maximum(np.arange(100), 70)}, "71 of 100 rows are of 70"),
        ({"time": [np.nan, *range(99)]}, "row 1 has no time"),
        ({"time": ["2020-01-01", "31.12.2020"] * 50}, "row 2 is '31.12.2020'"),
        ({"time": np.arange(100), "gap": 90}, "leaves 0 of 60 training rows"),
        ({"time": np.arange(100), "gap": -1}, "not negative"),
        ({"time": np.arange(100), "gap": "5 days"}, "a number, as the times are"),
        ({"time": pd.date_range("2020", periods=100), "gap": 5}, "time span"),
        ({"time": pd.date_range("2020", periods=100), "gap": "soon"}, "time span"),
        ({"gap": 5}, "needs a time column"),
        (
            {"time": np.arange(100), "labels": (np.arange(100) >= 80).astype(int)},
            "no row of the class '1' is left for training",
        ),
        (
            {"time": np.arange(100), "labels": (np.arange(100) < 10).astype(int)},
            "all 20 rows of the validation part are of the class '0'",
        ),
    ],
)
def test_times_that_cannot_be_divided(options, message):
    with pytest.raises(DataError, match=message):
        split_rows(100, **options)


# -- a test table of the user's own --------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"labels": np.arange(100) % 3},
        {"groups": np.arange(100) // 4},
        {"time": np.arange(100)},
        {"time": np.arange(100), "gap": 3},
    ],
)
def test_the_rows_of_an_own_test_follow(options):
    split = split_rows(100, own_test=37, **options)
    assert np.array_equal(split.test, np.arange(100, 137))
    rows = np.concatenate([split.train, split.validation, split.left_out])
    assert np.array_equal(np.sort(rows), np.arange(100))
    assert len(split.validation) == 20
    assert split.how.endswith("; the test is a table of its own")


def test_two_rows_of_a_class_are_enough_beside_an_own_test():
    labels = np.repeat([0, 1, 2], [50, 48, 2])
    split = split_rows(100, labels=labels, own_test=10)
    assert sorted(labels[split.train])[-1] == 2
    with pytest.raises(DataError, match="at least 3"):
        split_rows(100, labels=labels)


def test_an_empty_own_test():
    with pytest.raises(DataError, match="has no rows"):
        split_rows(100, own_test=0)
