"""Time series by built-in name: classics that are at hand, and sets that are fetched once."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from descend.data.fetch import File, Source
from descend.data.table import Table, frame_digest
from descend.errors import DataError

ETTH1 = Source(
    "etth1",
    "ETTh1",
    (
        File(
            "ETTh1.csv",
            2_589_657,
            "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
        ),
    ),
    ("https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small",),
    ending="",
)
M4_HOURLY = Source(
    "m4_hourly",
    "M4 hourly",
    (
        File(
            "Train/Hourly-train.csv",
            2_347_115,
            "ea59b7783573c49077a835ab6465c7d66f1474783360f310988a9a737fbca62f",
        ),
        File(
            "Test/Hourly-test.csv",
            132_820,
            "71a57fccb15e534d973626ada4fb87febf789e9317715b7cc6dd3b5f90db6f42",
        ),
    ),
    ("https://raw.githubusercontent.com/Mcompetitions/M4-methods/master/Dataset",),
    ending="",
)

# thousands of passengers a month, 1949 to 1960
PASSENGERS = (
    *(112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118),
    *(115, 126, 141, 135, 125, 149, 170, 170, 158, 133, 114, 140),
    *(145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166),
    *(171, 180, 193, 181, 183, 218, 230, 242, 209, 191, 172, 194),
    *(196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201),
    *(204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229),
    *(242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278),
    *(284, 277, 317, 313, 318, 374, 413, 405, 355, 306, 271, 306),
    *(315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336),
    *(340, 318, 362, 348, 363, 435, 491, 505, 404, 359, 310, 337),
    *(360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405),
    *(417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432),
)


def load_series(name: str, *, download: bool = True) -> Table:
    """A table of series by its built-in name (see `SERIES`).

    Sets that are not at hand are read from the user's cache folder (`DESCEND_DATA` names another
    one), and fetched once if they are not there; every file is checked by its SHA-256.

    Args:
        name: a name in `SERIES`.
        download: False: never use the network.

    Raises:
        DataError: not there and not to be fetched, or a file in the folder that is another one.
    """
    note, target, make = SERIES[name]
    frame = make(download)
    return Table(name, name, frame, target, note, frame_digest(frame))


def _airpassengers(download: bool) -> pd.DataFrame:
    month = pd.date_range("1949-01", periods=len(PASSENGERS), freq="MS")
    return pd.DataFrame({"month": month, "passengers": PASSENGERS})


def _macrodata(download: bool) -> pd.DataFrame:
    from statsmodels.datasets import macrodata

    frame = macrodata.load_pandas().data
    quarter = frame["year"].astype(int).astype(str) + "Q" + frame["quarter"].astype(int).astype(str)
    frame = frame.drop(columns=["year", "quarter"])
    frame.insert(0, "quarter", quarter)
    return frame


def _sunspots(download: bool) -> pd.DataFrame:
    from statsmodels.datasets import sunspots

    frame = sunspots.load_pandas().data.set_axis(["year", "sunspots"], axis="columns")
    return frame.astype({"year": int})


def _etth1(download: bool) -> pd.DataFrame:
    content = ETTH1.read(download=download)["ETTh1.csv"]
    return pd.read_csv(io.BytesIO(content), parse_dates=["date"])


def _m4_hourly(download: bool) -> pd.DataFrame:
    """A row an hour: the 414 series, each with the 48 hours that were to be forecast."""
    content = M4_HOURLY.read(download=download)
    parts = []
    for name, part in zip((f.name for f in M4_HOURLY.files), ("train", "test"), strict=True):
        wide = pd.read_csv(io.BytesIO(content[name]), index_col=0)
        long = wide.stack().reset_index(level=0).set_axis(["series", "value"], axis="columns")
        if set(wide.index) != {f"H{i}" for i in range(1, 415)}:
            raise DataError(f"M4 hourly, {name}: expected the series H1 to H414")
        parts.append(long.assign(part=part))
    frame = pd.concat(parts, ignore_index=True)
    number = frame["series"].str[1:].astype(int)
    # the training rows of a series stand before those of its test
    order = np.lexsort((frame.index, number))
    frame = frame.iloc[order].reset_index(drop=True)
    frame.insert(1, "hour", frame.groupby("series", sort=False).cumcount())
    return frame[["series", "hour", "value", "part"]]


class Set(NamedTuple):
    """What a set is, the column that is usually forecast, and how it is made."""

    note: str
    target: str
    make: Callable[[bool], pd.DataFrame]


SERIES: dict[str, Set] = {
    "airpassengers": Set(
        "airline passengers a month, 1949 to 1960, thousands (Box and Jenkins 1976, series G)",
        "passengers",
        _airpassengers,
    ),
    "macrodata": Set(
        "United States, quarters 1959 to 2009: GDP, inflation, interest, ... (statsmodels)",
        "infl",
        _macrodata,
    ),
    "sunspots": Set("sunspots a year, 1700 to 2008 (statsmodels)", "sunspots", _sunspots),
    "etth1": Set(
        "load and oil temperature of a transformer, hours 2016 to 2018 (Zhou et al. 2021)",
        "OT",
        _etth1,
    ),
    "m4_hourly": Set(
        "M4 competition, 414 hourly series and the 48 hours to forecast (Makridakis et al. 2020)",
        "value",
        _m4_hourly,
    ),
}
