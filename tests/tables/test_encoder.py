"""The encoder, against scikit-learn."""

import decimal
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from descend.errors import DataError
from descend.tables.encoder import Encoder
from descend.tables.encoding import MOST_LEVELS


def transform(encoder, frame):
    """The numbers alone, and the notes."""
    x, noted = encoder.transform(frame)
    return x.numbers, noted


def encode(frame, other=None, **options):
    return transform(Encoder.fit(frame, **options), frame if other is None else other)[0]


def test_numbers_are_standardised_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(5, [1, 100, 1e-6, 1e6], (50, 4)), columns=list("abcd"))
    other = frame + 1.0
    expected = StandardScaler().fit(frame).transform(other)
    np.testing.assert_allclose(encode(frame, other), expected, rtol=1e-5)


def test_a_missing_number_is_the_median_and_is_marked():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0, 8.0]})
    x = encode(frame)
    assert x.shape == (4, 2)
    scaler = StandardScaler().fit(frame)  # ignores what is missing
    np.testing.assert_allclose(x[:, :1], scaler.transform(frame.fillna(3.0)), rtol=1e-6)
    assert x[:, 1].tolist() == [0, 1, 0, 0]


def test_missing_only_later_is_filled_and_counted():
    encoder = Encoder.fit(pd.DataFrame({"a": [1.0, 2.0, 6.0]}))
    x, noted = transform(encoder, pd.DataFrame({"a": [np.nan, 2.0]}))
    assert x.shape == (2, 1)
    assert x[0] == x[1]
    assert noted["a"].missing == 1


def test_categories_are_one_hot_as_scikit_learn_does():
    train = pd.DataFrame({"town": list("bacabb"), "size": pd.Categorical(list("lmlmsl"))})
    later = pd.DataFrame({"town": ["a", "z", "c"], "size": ["s", "l", "xl"]})
    expected = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    expected = expected.fit(train.astype(str)).transform(later)
    # the levels' shares stand in for one that training did not see
    expected[1, :3], expected[2, 3:] = [2 / 6, 3 / 6, 1 / 6], [3 / 6, 2 / 6, 1 / 6]
    x, noted = transform(Encoder.fit(train), later)
    np.testing.assert_allclose(x, expected, rtol=1e-6)
    assert (noted["town"].unseen, noted["town"].example) == (1, "z")
    assert (noted["size"].unseen, noted["size"].example) == (1, "xl")
    assert Encoder.fit(train).names()[:3] == ["town=a", "town=b", "town=c"]


def test_missing_categories_are_marked():
    x = encode(pd.DataFrame({"town": ["a", None, "b", "a"]}))
    expected = [[1, 0, 0], [2 / 3, 1 / 3, 1], [0, 1, 0], [1, 0, 0]]
    np.testing.assert_allclose(x, expected, rtol=1e-6)


def test_codes_that_lose_their_neighbours_are_still_the_same_level():
    train = pd.DataFrame({"code": pd.Categorical([1, 2, 2, 1])})
    for later in ([2, 1], [2.0, None], ["2", "1"]):
        x, noted = transform(Encoder.fit(train), pd.DataFrame({"code": later}))
        assert x[0].tolist() == [0, 1]
        assert not ("code" in noted and noted["code"].unseen)


@pytest.mark.parametrize("later", [[True, False], ["true", "False"], [1, 0], [1.0, None]])
def test_booleans_are_zero_and_one(later):
    encoder = Encoder.fit(pd.DataFrame({"a": [True, False, False]}))
    second = 1 / 3 if later[1] is None else 0  # the share of true stands in for a missing one
    x = transform(encoder, pd.DataFrame({"a": later}))[0]
    np.testing.assert_allclose(x, [[1], [second]], rtol=1e-6)


def test_rare_levels_beyond_the_limit_are_all_zeros():
    names = [f"n{i}" for i in range(MOST_LEVELS + 5)]
    frame = pd.DataFrame({"a": names[:MOST_LEVELS] * 2 + names[MOST_LEVELS:]})
    x, noted = transform(Encoder.fit(frame), frame)
    assert x.shape[1] == MOST_LEVELS
    assert noted["a"].unseen == 5


def test_what_says_nothing_is_dropped_with_its_reason():
    n = 12
    frame = pd.DataFrame(
        {
            "good": np.arange(n) ** 2,
            "one": 3.5,
            "same": "yes",
            "name": [f"person {i}" for i in range(n)],
            "row": np.arange(1, n + 1),
            "day": pd.Timestamp("2020-01-01"),
            "none": np.nan,
            "lists": [[1, 2]] * n,
        }
    )
    encoder = Encoder.fit(frame)
    assert [c.name for c in encoder.columns] == ["good"]
    assert encoder.dropped["one"] == "constant: '3.5' in every training row"
    assert encoder.dropped["same"] == "constant: 'yes' in every training row"
    assert "identifier" in encoder.dropped["name"]
    assert "numbers the rows" in encoder.dropped["row"]
    assert encoder.dropped["day"].startswith("constant: '2020-01-01")
    assert encoder.dropped["none"] == "empty: missing in all 12 training rows"
    assert encoder.dropped["lists"] == "other: holds list, no numbers or text"


def test_years_are_not_row_numbers_but_row_numbers_of_some_rows_are():
    assert Encoder.fit(pd.DataFrame({"year": [1990, 1991, 1992, 1993]})).columns
    frame = pd.DataFrame({"id": np.arange(1, 21), "x": np.arange(20) ** 2}).iloc[[3, 7, 9, 15]]
    assert list(Encoder.fit(frame).dropped) == ["id"]


def test_a_few_words_among_numbers_count_as_missing():
    frame = pd.DataFrame({"power": ["130", "165", "?", *map(str, range(100, 120))]})
    x, noted = transform(Encoder.fit(frame), frame)
    assert x.shape == (23, 2)
    assert (noted["power"].unreadable, noted["power"].example) == (1, "?")
    assert noted["power"].missing == 0
    assert x[2, 1] == 1


def test_numbers_in_other_clothes():
    frame = pd.DataFrame({"a": [decimal.Decimal(i) for i in (1, 2, 4)]})
    np.testing.assert_allclose(encode(frame), encode(frame.astype(float)))
    nullable = pd.DataFrame({"a": pd.array([1, None, 4], dtype="Int64")})
    np.testing.assert_allclose(encode(nullable), encode(nullable.astype(float)))


def test_json_there_and_back():
    frame = pd.DataFrame(
        {"a": [1.0, np.nan, 3.0], "b": ["x", "y", "x"], "c": [True, False, True], "d": 1}
    )
    encoder = Encoder.fit(frame)
    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again == encoder
    np.testing.assert_array_equal(transform(again, frame)[0], transform(encoder, frame)[0])


# -- RealMLP's encoding -------------------------------------------------------------------------


def test_robust_numbers_follow_the_formula():
    """RealMLP: s = (x - median) / IQR, s / sqrt(1 + (s / 3)^2); never beyond 3."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.lognormal(0, [0.5, 3], (200, 2)), columns=list("ab"))
    low, middle, high = np.percentile(frame, [25, 50, 75], axis=0)
    s = (frame.to_numpy() - middle) / (high - low)
    expected = s / np.sqrt(1 + (s / 3) ** 2)
    np.testing.assert_allclose(encode(frame, scaling="robust"), expected, rtol=1e-5, atol=1e-7)
    far = encode(frame, pd.DataFrame({"a": [1e300], "b": [-1e300]}), scaling="robust")
    np.testing.assert_allclose(far, [[3, -3]], rtol=1e-6)


def test_numbers_without_a_middle_half_are_scaled_by_their_range():
    frame = pd.DataFrame({"a": [0.0] * 9 + [8.0]})  # both quartiles are 0: half the range is 4
    x = encode(frame, scaling="robust")[:, 0]
    np.testing.assert_allclose(x, [0] * 9 + [2 / np.sqrt(1 + 4 / 9)], rtol=1e-6)


def test_categories_of_many_levels_are_looked_up():
    frame = pd.DataFrame({"town": [f"t{i % 12:02}" for i in range(60)], "x": np.arange(60) ** 2})
    encoder = Encoder.fit(frame, one_hot=9)
    assert encoder.embedded == {"town": 13}
    assert encoder.names() == ["x"]
    later = pd.DataFrame({"town": ["t00", "t11", "t99", None], "x": [0, 1, 4, 9]})
    x, noted = encoder.transform(later)
    assert x.codes.tolist() == [[1], [12], [0], [0]]  # 0: not known
    assert (noted["town"].unseen, noted["town"].missing) == (1, 1)
    assert Encoder.fit(frame, one_hot=12).embedded == {}
    gaps = pd.DataFrame({"town": [*frame["town"], None]})
    encoder = Encoder.fit(gaps, one_hot=9)
    assert encoder.names() == ["town missing"]
    assert encoder.embedded == {"town": 14}  # rare, twelve levels, missing
    x, _ = encoder.transform(gaps)
    assert (x.codes[-1, 0], x.numbers[-1, 0], x.numbers[0, 0]) == (13, 1, 0)


def test_ordered_levels_say_whether_they_are_reached():
    levels = pd.CategoricalDtype(["low", "middle", "high", "never"], ordered=True)
    frame = pd.DataFrame(
        {"a": pd.Categorical(["high", "low", "middle", None, "low"], dtype=levels)}
    )
    encoder = Encoder.fit(frame)
    assert encoder.names() == ["a>=middle", "a>=high", "a missing"]
    # missing: the shares that reach each level, and the mark
    expected = [[1, 1, 0], [0, 0, 0], [1, 0, 0], [1 / 2, 1 / 4, 1], [0, 0, 0]]
    np.testing.assert_allclose(transform(encoder, frame)[0], expected, rtol=1e-6)
    later, noted = transform(encoder, pd.DataFrame({"a": ["never", "low", None]}))
    # there, but not known: neither the lowest level nor missing
    np.testing.assert_allclose(later, [[1 / 2, 1 / 4, 0], [0, 0, 0], [1 / 2, 1 / 4, 1]], rtol=1e-6)
    assert (noted["a"].unseen, noted["a"].missing, noted["a"].example) == (1, 1, "never")


def test_the_order_of_levels_that_have_none_of_their_own_is_by_size_or_name():
    frame = pd.DataFrame({"a": ["10", "2", "9", "2"], "b": ["mid", "low", "high", "low"]})
    encoder = Encoder.fit(frame, kinds={"a": "ordered", "b": "ordered"})
    assert [c.levels for c in encoder.columns] == [("2", "9", "10"), ("high", "low", "mid")]


MISSING_LATER = {
    "number": ([1.0, 2.0, 6.0, 7.0], "median, 4"),
    "boolean": ([True, False, False, False], "average"),
    "category": (["a", "b", "b", "b"], "average"),
    "ordered": (pd.Categorical(["a", "b", "c", "c"], ordered=True), "average"),
    "date": (pd.to_datetime(["2020-01-01", "2020-05-01", "2020-07-02", "2021-01-01"]), "average"),
}


@pytest.mark.parametrize("kind", MISSING_LATER)
@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_what_training_never_misses_is_told_as_the_middle_and_said(kind, scaling):
    """In the middle of the training rows' own inputs, whatever the kind: no extreme, no level."""
    values, told = MISSING_LATER[kind]
    train = pd.DataFrame({"a": values})
    encoder = Encoder.fit(train, scaling=scaling)
    assert encoder.columns[0].kind == kind
    x, noted = transform(encoder, train.reindex([0, 99]))
    known = transform(encoder, train)[0]
    middle = known.mean(axis=0)
    if kind == "number":
        middle = transform(encoder, pd.DataFrame({"a": [4.0]}))[0][0]
    np.testing.assert_allclose(x[1], middle, rtol=1e-5, atol=1e-6)
    (line,) = encoder.remarks(noted)
    assert "1 missing, which no training row is" in line
    assert told in line


def test_numbers_far_outside_of_training_are_remarked_on():
    train = pd.DataFrame({"age": [18.0, 40, 90], "day": pd.date_range("2020-01-01", periods=3)})
    encoder = Encoder.fit(train)
    later = pd.DataFrame(
        {"age": [20, 125, 127, -1e6, None], "day": ["2020-01-02"] * 4 + ["2031-01-01"]}
    )
    lines = encoder.remarks(encoder.transform(later)[1])
    assert lines[1:] == [
        "age: 2 far outside of the training rows' 18 to 90, such as 127.0 in row 3; a prediction "
        "there is a guess",
        "day: 1 far outside of the training rows' 2020-01-01 to 2020-01-03, such as 2031-01-01 in "
        "row 5; a prediction there is a guess",
    ]


@pytest.mark.parametrize("written", [False, True])
def test_dates_become_years_and_waves(written):
    days = pd.Series(pd.date_range("2020-01-01", "2021-12-31", freq="D"))
    frame = pd.DataFrame({"day": days.dt.strftime("%Y-%m-%d") if written else days})
    encoder = Encoder.fit(frame)
    names = ["day years", "day month sin", "day month cos", "day weekday sin", "day weekday cos"]
    assert encoder.names() == names
    x, _ = transform(encoder, frame)
    assert x[0, 0] == 0
    assert x[-1, 0] == pytest.approx(1)  # of the span
    middle = days.dt.month == 7  # half a turn behind January
    np.testing.assert_allclose(x[middle, 1:3], np.tile([0, -1], (middle.sum(), 1)), atol=1e-6)
    mondays = days.dt.day_of_week == 0
    np.testing.assert_allclose(x[mondays, 3:], np.tile([0, 1], (mondays.sum(), 1)), atol=1e-6)


def test_dates_with_hours_gaps_and_nonsense():
    when = ["2024-03-01 00:00", "2024-03-01 06:00", "2024-03-01 18:00", None]
    encoder = Encoder.fit(pd.DataFrame({"t": pd.to_datetime(pd.Series(when))}))
    assert encoder.names() == ["t years", "t hour sin", "t hour cos", "t missing"]
    later = pd.DataFrame({"t": ["2024-03-01 12:00", "soon", "2024-03-02 00:00"]})
    x, noted = transform(encoder, later)
    assert (noted["t"].unreadable, noted["t"].example, noted["t"].missing) == (1, "soon", 0)
    assert x[0].tolist() == pytest.approx([12 / 18, 0, -1, 0], abs=1e-6)
    assert x[1, 3] == 1
    assert x[2, 0] == pytest.approx(24 / 18)


def test_day_or_month_first_is_learned_from_the_training_rows():
    """A later row that could be either is read as those were."""
    later = pd.DataFrame({"t": ["03/04/2020"]})
    for written, month in ((["13/04/2020", "01/02/2020"], 4), (["04/13/2020", "01/02/2020"], 3)):
        encoder = Encoder.fit(pd.DataFrame({"t": written * 3}))
        x, _ = transform(encoder, later)
        angle = 2 * np.pi * (month - 1) / 12
        place = encoder.names().index("t month sin")
        assert x[0, place : place + 2] == pytest.approx([np.sin(angle), np.cos(angle)], abs=1e-6)
        assert Encoder.from_json(encoder.to_json()) == encoder


def test_kinds_can_be_told():
    frame = pd.DataFrame({"zip": [10115, 10117, 10115, 20095], "id": [1, 2, 3, 4], "y": 1.5})
    assert Encoder.fit(frame).names() == ["zip"]
    told = Encoder.fit(frame, kinds={"zip": "category", "id": "number"})
    assert told.names() == ["zip=10115", "zip=10117", "zip=20095", "id"]


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ({"A": [1.0], "b": ["x"]}, "Did you mean 'A'"),
        (
            {"C": [1.0], "B": [1.0]},
            r"lacks 2 columns that the model needs: 'a', 'b' \(is 'B' meant",
        ),
        ({"a": [np.inf], "b": ["x"]}, "1 infinite"),
        ({"a": ["red", "green"], "b": ["x", "y"]}, "should hold numbers"),
        ({"a": [], "b": []}, "no rows"),
    ],
)
def test_rows_that_cannot_be_encoded(later, message):
    encoder = Encoder.fit(pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": ["x", "y", "x"]}))
    with pytest.raises(DataError, match=message):
        encoder.transform(pd.DataFrame(later))


def test_tables_that_teach_no_encoding():
    for frame, message in (
        (pd.DataFrame({"a": [1, 1, 1]}), "no column is left"),
        (pd.DataFrame({"a": [1.0, np.inf, 3.0]}), "infinite"),
        (pd.DataFrame({"a": [1e308, -1e308, 3.0]}), "too large"),
    ):
        with pytest.raises(DataError, match=message):
            Encoder.fit(frame)
