"""Frames of pandas, polars and Arrow as tables."""

import numpy as np
import pandas as pd
import pytest

from descend.data.frames import Pieces, load_frame
from descend.errors import DataError

FRAME = pd.DataFrame(
    {"age": [41, 25, 33], "town": ["Ulm", None, "Köln"], "paid": [True, False, True]}
)


def test_a_pandas_frame_is_taken_as_it_is_and_left_alone():
    given = FRAME.set_axis([5, 6, 7]).rename_axis("key")
    before = given.copy()
    table = load_frame(given, name="loans", target="paid", labels={"age": "in years"})
    pd.testing.assert_frame_equal(table.frame, FRAME)
    pd.testing.assert_frame_equal(given, before)
    table.frame.loc[0, "age"] = 99
    assert given["age"].tolist() == [41, 25, 33]
    assert (table.name, table.target, table.labels) == ("loans", "paid", {"age": "in years"})
    assert table.note == "pandas frame; its index key is not used"


def test_the_same_values_have_the_same_digest():
    assert load_frame(FRAME).digest == load_frame(FRAME.copy(), name="other").digest
    assert load_frame(FRAME).digest != load_frame(FRAME.assign(age=1)).digest
    assert len(load_frame(pd.DataFrame({"a": [[1], [2]]})).digest) == 64


def test_polars_frames():
    pl = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    rating = pl.Series("rating", ["low", "high", None], dtype=pl.Enum(["low", "high", "top"]))
    kind = pl.Series("kind", ["a", "b", "a"], dtype=pl.Categorical)
    day = pl.Series("day", ["2020-01-01", "2021-02-03", None]).str.to_date()
    frame = pl.DataFrame({"n": [1, 2, 3], "x": [1.5, None, 2.5], "s": ["a", None, "c"]})
    frame = frame.with_columns(rating, kind, day)
    for one in (frame, frame.lazy()):
        table = load_frame(one)
        assert table.note == "polars frame"
        found = table.frame
        assert found["n"].tolist() == [1, 2, 3]
        np.testing.assert_array_equal(found["x"], [1.5, np.nan, 2.5])
        assert found["s"].isna().tolist() == [False, True, False]
        assert found["rating"].cat.ordered
        assert found["rating"].cat.categories.tolist() == ["low", "high", "top"]
        assert found["rating"].astype("str").tolist()[:2] == ["low", "high"]
        assert not found["kind"].cat.ordered
        assert pd.to_datetime(found["day"]).dt.year.tolist()[:2] == [2020, 2021]


def test_an_arrow_table():
    pa = pytest.importorskip("pyarrow")
    table = load_frame(pa.table({"a": [1, 2], "b": ["x", None]}))
    assert table.frame["a"].tolist() == [1, 2]
    assert table.note == "pyarrow frame"


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.iloc[:0], "no rows"),
        (pd.DataFrame(index=[1, 2]), "no columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column called 'a'"),
        (pd.DataFrame([[1, 2]], columns=[1, "1"]), "more than one column called '1'"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "of 2 levels"),
        ([[1, 2]], "expected a pandas or polars frame, got list"),
    ],
)
def test_a_bad_frame_is_one_clear_error(frame, message):
    with pytest.raises(DataError, match=message):
        load_frame(frame)


def test_labels_and_target_must_be_columns():
    with pytest.raises(DataError, match="Did you mean 'town'"):
        load_frame(FRAME, labels={"twon": "where"})
    with pytest.raises(DataError, match="no column 'price'"):
        load_frame(FRAME, target="price")


def test_pieces_with_other_columns_are_missing_elsewhere():
    pieces = Pieces()
    pieces.add(pd.DataFrame({"a": [1, 2]}))
    pieces.add(pd.DataFrame({"a": [3], "b": ["x"]}))
    pieces.add(pd.DataFrame({"b": ["y"], "c": pd.to_datetime(["2020-01-01"])}))
    found = pieces.frame()
    np.testing.assert_array_equal(found["a"], [1, 2, 3, np.nan])
    assert found["b"].fillna("-").tolist() == ["-", "-", "x", "y"]
    assert found["c"].isna().tolist() == [True, True, True, False]
    assert pd.api.types.is_datetime64_any_dtype(found["c"].dtype)
    assert pieces.mixed == set()
