"""Which cells a spreadsheet would run, and which it would not."""

import pandas as pd
import pytest

from descend.cells import as_text, frame_as_text


@pytest.mark.parametrize(
    "cell", ["=1+2", "@SUM(A1)", "+cmd|' /C calc'!A0", "-1+1", "-2 (A1)", "--", "\t=1", "\r=1"]
)
def test_marked(cell):
    assert as_text(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell",
    [
        *("-3", "+.5", "-1,234.5", "-1e-9", "-inf", "-9%", "-", "a=b", "", " =1", 3, -2.5, None),
        *("-0.55 (-0.6 to -0.5)", "-0.01 (-0.02 to 0.003), A is better"),
    ],
)
def test_left_alone(cell):
    assert as_text(cell) is cell


def test_a_table():
    frame = pd.DataFrame({"=a": [-1.0, 2.0], "b": ["@x", None], "c": pd.Categorical(["-y", "z"])})
    found, changed = frame_as_text(frame)
    assert changed == 3
    assert list(found.columns) == ["'=a", "b", "c"]
    assert found.iloc[0].tolist() == [-1.0, "'@x", "'-y"]
    assert list(frame.columns) == ["=a", "b", "c"]
