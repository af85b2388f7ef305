"""One rule for identifiers: found by name and values together, never by the name alone."""

import numpy as np
import pandas as pd
import pytest

from descend.tables.columns import numbers
from descend.tables.describe import judge, overview
from descend.tables.encoder import Encoder
from descend.tables.identifiers import fewer_repeats_than_chance, key_name, numbers_rows

NAMES = {
    "yes": (
        "customer_id", "CustomerId", "customerId", "CUSTOMERID", "customerid", "userID", "id",
        "RowNumber", "row_no", "ROWNUMBER", "Kunden-Nr.", "Kundennummer", "IBAN", "orderNo",
        "account number", "Unnamed: 0", "loan_key", "uuid",
    ),
    "perhaps": ("no", "NR", "index", "house_number", "shuffled row"),
    "": ("paid", "PAID", "COVID", "humid", "grid", "NumOfProducts", "number_of_claims", "income"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "found"), [(n, k) for k, names in NAMES.items() for n in names])
def test_names_of_keys_in_any_style(name, found):
    assert key_name(name) == found


def a_bank(n=2000, repeats=15, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "CustomerId": 15_500_000 + rng.choice(300_000, n, replace=False),
            "RowNumber": np.arange(1, n + 1),
            "Surname": [f"name {i}" for i in (rng.pareto(1.2, n) * 400).astype(int) % 900],
            "Geography": rng.choice(["France", "Spain"], n),
            "Salary": rng.integers(10_000, 200_000, n),
        }
    )
    again = frame.iloc[rng.choice(n, repeats, replace=False)]
    return pd.concat([frame.iloc[: n // 2], again, frame.iloc[n // 2 :]], ignore_index=True)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("repeats", [0, 1, 15])
def test_repeated_rows_hide_no_identifier(seed, repeats):
    frame = a_bank(repeats=repeats, seed=seed)
    rows = np.sort(np.random.default_rng(seed).permutation(len(frame))[: len(frame) * 6 // 10])
    for part in (frame, frame.iloc[rows]):
        kinds = {name: judge(name, part[name]).kind for name in part}
        assert kinds == {
            "CustomerId": "identifier",
            "RowNumber": "identifier",
            "Surname": "identifier",
            "Geography": "category",
            "Salary": "number",
        }


def test_an_identifier_comes_back_when_asked_for():
    frame = a_bank()
    dropped = Encoder.fit(frame).dropped
    assert set(dropped) == {"CustomerId", "RowNumber", "Surname"}
    assert "levels of" in dropped["Surname"]
    kinds = {"Surname": "category", "CustomerId": "number"}
    assert set(Encoder.fit(frame, kinds=kinds).dropped) == {"RowNumber"}


@pytest.mark.parametrize("name", ["id", "no", "number", "index", "CustomerId"])
def test_a_name_alone_drops_nothing(name):
    rng = np.random.default_rng(0)
    for values in (
        rng.integers(0, 60, 300),  # counts
        rng.normal(size=300).round(4),  # no whole numbers
        np.repeat(rng.choice(10**6, 100, replace=False), 3),  # three rows a person
    ):
        assert judge(name, pd.Series(values)).kind == "number"


@pytest.mark.parametrize("name", ["no", "index", "price"])
def test_measured_numbers_that_happen_to_differ_stay(name):
    """Sparse in their range: that all differ says nothing."""
    assert judge(name, pd.Series(np.random.default_rng(0).choice(10**7, 200, False))).kind == (
        "number"
    )


def test_years_and_ranks_stay():
    rng = np.random.default_rng(0)
    assert judge("year", pd.Series(np.arange(1950, 2021))).kind == "number"
    assert judge("rank", pd.Series(rng.permutation(500) + 1)).kind == "number"
    assert judge("row", pd.Series(rng.permutation(500) + 1)).kind == "identifier"
    assert judge("anything", pd.Series(np.arange(500))).kind == "identifier"


def test_freely_drawn_numbers_are_rarely_called_unrepeated():
    """The bound of the docstring: p below 1e-4 in no more than 1e-4 of tables, here of 3,000."""
    rng = np.random.default_rng(0)
    n, reach = 200, 2000
    p = np.array([fewer_repeats_than_chance(rng.integers(0, reach, n)) for _ in range(3000)])
    assert (p < 1e-2).mean() < 1e-2 + 3 * np.sqrt(1e-2 / 3000)
    assert (p < 1e-4).sum() <= 2
    keys = [fewer_repeats_than_chance(rng.choice(reach, n, replace=False)) for _ in range(50)]
    assert max(keys) < 1e-3  # no repeats where 10 are expected: exp(-10)


def test_a_key_that_is_missing_for_many_is_no_identifier():
    values = numbers(pd.Series([*range(1, 51), *[None] * 50]))[0]
    assert not numbers_rows("loan_id", values)


def test_duplicates_that_a_numbering_hides():
    frame = a_bank(repeats=0)
    twice = pd.concat([frame, frame.iloc[:40]], ignore_index=True)
    twice["RowNumber"] = np.arange(len(twice))
    found = overview(twice.drop(columns=["CustomerId", "Surname"]))
    assert (found.duplicates, found.identifiers) == (0, ("RowNumber",))
    assert found.hidden >= 40
