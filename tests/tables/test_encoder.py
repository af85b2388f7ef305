"""The encoder, against scikit-learn."""

import decimal
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from descend.errors import DataError
from descend.tables.encoder import MOST_LEVELS, Encoder


def encode(frame, other=None):
    return Encoder.fit(frame).transform(frame if other is None else other)[0]


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
    x, noted = encoder.transform(pd.DataFrame({"a": [np.nan, 2.0]}))
    assert x.shape == (2, 1)
    assert x[0] == x[1]
    assert noted["a"].missing == 1


def test_categories_are_one_hot_as_scikit_learn_does():
    train = pd.DataFrame({"town": list("bacabb"), "size": pd.Categorical(list("lmlmsl"))})
    later = pd.DataFrame({"town": ["a", "z", "c"], "size": ["s", "l", "xl"]})
    expected = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    expected = expected.fit(train.astype(str)).transform(later)
    x, noted = Encoder.fit(train).transform(later)
    np.testing.assert_array_equal(x, expected)
    assert (noted["town"].unseen, noted["town"].example) == (1, "z")
    assert (noted["size"].unseen, noted["size"].example) == (1, "xl")
    assert Encoder.fit(train).names()[:3] == ["town=a", "town=b", "town=c"]


def test_missing_categories_are_marked():
    x = encode(pd.DataFrame({"town": ["a", None, "b", "a"]}))
    assert x.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_codes_that_lose_their_neighbours_are_still_the_same_level():
    train = pd.DataFrame({"code": pd.Categorical([1, 2, 2, 1])})
    for later in ([2, 1], [2.0, None], ["2", "1"]):
        x, noted = Encoder.fit(train).transform(pd.DataFrame({"code": later}))
        assert x[0].tolist() == [0, 1]
        assert not ("code" in noted and noted["code"].unseen)


@pytest.mark.parametrize("later", [[True, False], ["true", "False"], [1, 0], [1.0, None]])
def test_booleans_are_zero_and_one(later):
    encoder = Encoder.fit(pd.DataFrame({"a": [True, False, False]}))
    assert encoder.transform(pd.DataFrame({"a": later}))[0].tolist() == [[1], [0]]


def test_rare_levels_beyond_the_limit_are_all_zeros():
    names = [f"n{i}" for i in range(MOST_LEVELS + 5)]
    frame = pd.DataFrame({"a": names[:MOST_LEVELS] * 2 + names[MOST_LEVELS:]})
    x, noted = Encoder.fit(frame).transform(frame)
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
            "day": pd.date_range("2020-01-01", periods=n),
            "written": ["2020-01-31", "2021-02-28"] * (n // 2),
            "none": np.nan,
            "lists": [[1, 2]] * n,
        }
    )
    encoder = Encoder.fit(frame)
    assert [c.name for c in encoder.columns] == ["good"]
    assert "constant, 3.5" in encoder.dropped["one"]
    assert "constant, 'yes'" in encoder.dropped["same"]
    assert "identifier" in encoder.dropped["name"]
    assert "numbers the rows" in encoder.dropped["row"]
    assert "dates" in encoder.dropped["day"]
    assert "dates" in encoder.dropped["written"]
    assert "missing" in encoder.dropped["none"]
    assert "neither" in encoder.dropped["lists"]


def test_years_are_not_row_numbers_but_row_numbers_of_some_rows_are():
    assert Encoder.fit(pd.DataFrame({"year": [1990, 1991, 1992, 1993]})).columns
    frame = pd.DataFrame({"id": np.arange(1, 21), "x": np.arange(20) ** 2}).iloc[[3, 7, 9, 15]]
    assert list(Encoder.fit(frame).dropped) == ["id"]


def test_a_few_words_among_numbers_count_as_missing():
    frame = pd.DataFrame({"power": ["130", "165", "?", *map(str, range(100, 120))]})
    x, noted = Encoder.fit(frame).transform(frame)
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
    np.testing.assert_array_equal(again.transform(frame)[0], encoder.transform(frame)[0])


@pytest.mark.parametrize(
    ("later", "message"),
    [
        ({"A": [1.0], "b": ["x"]}, "Did you mean 'A'"),
        ({"c": [1.0]}, "lacks 2 columns that the model needs: 'a', 'b'"),
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
