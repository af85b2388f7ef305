"""Gaps in text files, words for nothing, and numbers in the dress of money and shares."""

import numpy as np
import pytest

from descend.data.sources import load
from descend.errors import DataError


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path


# -- gaps, money and shares -----------------------------------------------------------------------


def test_a_blank_line_of_a_one_column_file_is_a_row(tmp_path):
    """One prediction a row of DATA needs them; of several columns, blank lines divide."""
    path = write(tmp_path / "a.csv", "k\n1\n2\n\n4\n")
    table = load(path)
    np.testing.assert_array_equal(table.frame["k"], [1, 2, np.nan, 4])
    assert "1 blank line(s) are rows of this one column, with a missing entry" in table.note
    assert len(load(write(tmp_path / "a.csv", "k,j\n1,1\n\n4,4\n")).frame) == 2
    words = load(write(tmp_path / "a.csv", "sep=;\n\nk\nUlm\n   \n\nBonn\n")).frame["k"]
    assert words.fillna("-").tolist() == ["Ulm", "-", "-", "Bonn"]


def test_words_for_nothing_are_said_and_can_be_kept(tmp_path):
    path = write(tmp_path / "a.csv", "country,x,y\nNA,1,2\nDE,NA,3\nNA,2,4\n,3,5\n")
    table = load(path)
    assert table.frame["country"].isna().sum() == 3
    assert "read as missing: country 2 x 'NA' (--keep-na country keeps" in table.note
    kept = load(path, keep_na=("country",))
    assert kept.frame["country"].fillna("-").tolist() == ["NA", "DE", "NA", "-"]
    np.testing.assert_array_equal(kept.frame["x"], [1, np.nan, 2, 3])
    assert "read as missing" not in kept.note
    with pytest.raises(DataError, match="Did you mean 'country'"):
        load(path, keep_na=("Contry",))


DRESSED = {
    "dollars": (["$1,234.50", "$12.00", "-$3.50", "($1,000.00)"], [1234.5, 12, -3.5, -1000]),
    "euros": (["1.234,50 €", "12,00 €", "-3,50 €", "0,99 €"], [1234.5, 12, -3.5, 0.99]),
    "codes": (["EUR 1200.5", "EUR 7", "EUR 1", ""], [1200.5, 7, 1, np.nan]),
    "shares": (["9%", "8.5 %", "-1%", "120%"], [0.09, 0.085, -0.01, 1.2]),
    "brackets": (["(1.2)", "0.4", "(-0.5)", "3"], [-1.2, 0.4, -0.5, 3]),
    "minus": (["\u22121.5", "2", "($3)", "$4"], [-1.5, 2, -3, 4]),
}


@pytest.mark.parametrize("kind", DRESSED)
def test_money_percentages_and_brackets_are_numbers(tmp_path, kind):
    words, numbers = DRESSED[kind]
    path = write(tmp_path / "a.csv", "a;b\n" + "".join(f'"{w}";x\n' for w in words))
    table = load(path)
    np.testing.assert_allclose(table.frame["a"].to_numpy(float), numbers, rtol=1e-12)
    assert "a: " in table.note


@pytest.mark.parametrize(
    "words",
    [
        ["(1)", "(2)", "(3)", "(1)"],  # labels
        ["$5", "€5", "$7", "€9"],  # two currencies
        ["9%", "9", "8%", "7"],  # nobody knows which of them are shares
        ["5%", "$5", "6%", "$6"],
        ["(1", "2)", "(3", "4)"],
        ["kr", "$", "%", "()"],
    ],
)
def test_what_may_mean_something_else_stays_text(tmp_path, words):
    path = write(tmp_path / "a.csv", "a;b\n" + "".join(f'"{w}";x\n' for w in words))
    assert load(path).frame["a"].tolist() == words
