"""Real-time macro-economic data: `python benchmarks/sequences_macro.py`.

    --uk FOLDER      that of fer_outturns.parquet and fer_forecasts.parquet; by default that of the
                     package forecast_evaluation (MIT), which holds them (data/files)
    --fredmd FOLDER  that of fredmd-2019-01.csv.gz and fredmd-2022-08.csv.gz
    --quick          one variable, few updates, nothing written

United Kingdom: 90 quarterly vintages. At each the methods see what was published then, and are
fitted anew; outcomes are those of the last vintage. Beside them stand the forecasts that the Bank
of England's Monetary Policy Committee published with the same vintage. United States: FRED-MD as it
was in January 2019, its next twelve months as they stood in August 2022.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import importlib.util
import io
import json
import os
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from machine import machine, versions

from descend.errors import DataError, DataWarning
from descend.forecasting import (
    AR,
    ARIMA,
    ETS,
    Forecaster,
    LinearForecaster,
    Method,
    Vintages,
    backtest,
)

RESULTS = Path(__file__).resolve().parent / "results"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "series"
VARIABLES = {"cpisa": "consumer prices", "gdpkp": "output (GDP)"}
STEPS = (1, 4, 8)  # quarters
UNTIL = "2019-12-31"  # the last outcome: before the pandemic
COMMITTEE = "committee"
# whose forecasts stand in the file: its name there, and here
GIVEN = {
    "mpr": COMMITTEE,
    "baseline ar(p) model": "AR of the file",
    "baseline random walk model": "random walk of the file",
}
PAIRS = (
    ("AR", "Naive"),
    ("mlp", "AR"),
    ("linear", "AR"),
    (COMMITTEE, "AR"),
    ("mlp", COMMITTEE),
)
SEEDS = 5


@dataclass(frozen=True)
class Given(Method):
    """Forecasts that somebody made, by the last date that was known when they were made.

    `table` holds tuples (date as text, forecasts of the next quarters).
    """

    label: str = COMMITTEE
    table: tuple = field(default=(), repr=False)

    @property
    def name(self) -> str:
        return self.label

    def backtest(self, panel, origins, horizon, levels, refit=True):
        made = dict(self.table)
        out = np.full((1, *origins.shape, horizon, 1 + len(levels)), np.nan)
        for i, s in zip(*np.nonzero(origins), strict=True):
            last = str(panel.times[panel.starts[s] + origins[i, s] - 1])[:10]
            values = made.get(last, ())[:horizon]
            out[0, i, s, : len(values), 0] = values
        return out


def uk_folder(given: str | None) -> Path:
    """Where the two tables are."""
    if given:
        return Path(given)
    found = importlib.util.find_spec("forecast_evaluation")
    if found is None or not found.submodule_search_locations:
        raise DataError(
            "the data are part of the package forecast_evaluation: pip install it, or give the "
            "folder of fer_outturns.parquet (--uk)"
        )
    return Path(found.submodule_search_locations[0]) / "data" / "files"


def growth(levels: pd.DataFrame) -> pd.DataFrame:
    """Per cent on the year, within each vintage."""
    rows = levels.sort_values(["vintage_date", "date"])
    before = rows.groupby("vintage_date")["value"].shift(4)
    rows = rows.assign(value=100 * (rows["value"] / before - 1))
    return rows.dropna(subset=["value"])[["date", "vintage_date", "value"]]


def uk(folder: Path, variable: str) -> tuple[pd.DataFrame, list[Given]]:
    """Growth on the year by vintage, and the forecasts of it that stand in the file."""
    outturns = pd.read_parquet(folder / "fer_outturns.parquet")
    forecasts = pd.read_parquet(folder / "fer_forecasts.parquet")
    own = outturns[outturns["variable"] == variable][["date", "vintage_date", "value"]]
    listed = []
    for source, label in GIVEN.items():
        said = forecasts[(forecasts["variable"] == variable) & (forecasts["source"] == source)]
        made = []
        for vintage, known in own.groupby("vintage_date"):
            last = known["date"].max()
            later = said[(said["vintage_date"] == vintage) & (said["date"] > last)]
            both = growth(pd.concat([known, later[["date", "vintage_date", "value"]]]))
            values = both[both["date"] > last]["value"]
            if len(values):
                made.append((str(last.date()), tuple(values)))
        listed.append(Given(label, tuple(made)))
    frame = growth(own)
    return frame[frame["date"] <= UNTIL], listed


def origins_of(frame: pd.DataFrame, horizon: int) -> int:
    """Vintages whose outcomes are all there, and that have ten years of history."""
    last = frame.groupby("vintage_date")["date"].max()
    dates = np.sort(frame["date"].unique())
    usable = last[last <= dates[-1 - horizon]]
    counts = frame.groupby("vintage_date")["date"].count()
    return int((counts[usable.index] >= 40).sum())


def measure_uk(folder: Path, variable: str, quick: bool) -> dict:
    frame, given = uk(folder, variable)
    horizon = max(STEPS)
    count = 12 if quick else origins_of(frame, horizon)
    updates = 50 if quick else 1000
    methods = [
        AR(),
        ETS(),
        ARIMA(season=1),
        LinearForecaster(),
        Forecaster(horizon=horizon, network="mlp", updates=updates, seeds=SEEDS),
        Forecaster(horizon=horizon, network="linear", updates=updates, seeds=SEEDS),
        *given,
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # they are in the remarks
        done = backtest(
            methods,
            frame,
            time="date",
            target="value",
            vintage="vintage_date",
            horizon=horizon,
            origins=count,
            season=1,
            outcome="last",
        )
        names = {name.partition("(")[0]: name for name in done.methods}
        tests = {f"{a} - {b}": done.compare(names[a], names[b]) for a, b in PAIRS}
    figures = done.by_horizon()
    rows = []
    for name in done.methods:
        each = [figures.loc[(name, h)] for h in STEPS]
        rows.append(
            {
                "method": name,
                "rmse": [float(one["RMSE"]) for one in each],
                "mae": [float(one["MAE"]) for one in each],
                "coverage": [float(one["coverage 90 %"]) for one in each],
                "seconds": done.seconds[name],
            }
        )
    moments = done.histories.moments
    return {
        "variable": variable,
        "origins": count,
        "from": str(moments[0])[:10],
        "to": str(moments[-1])[:10],
        "judged": int(done.judged.sum() / horizon),
        "rows": rows,
        "tests": [
            {
                "pair": pair,
                "step": int(h),
                "statistic": float(table.loc[h, "statistic"]),
                "p_value": float(table.loc[h, "p_value"]),
                "origins": int(table.loc[h, "origins"]),
            }
            for pair, table in tests.items()
            for h in STEPS
        ],
        "remarks": done.remarks,
    }


def fredmd(folder: Path) -> pd.DataFrame:
    """Both vintages as rows (series, month, published, value), transformed as their codes say."""
    frames = []
    for vintage in ("2019-01", "2022-08"):
        text = gzip.decompress((folder / f"fredmd-{vintage}.csv.gz").read_bytes())
        raw = pd.read_csv(io.BytesIO(text)).dropna(how="all")
        codes = raw.iloc[0, 1:].astype(float).astype(int)
        months = pd.to_datetime(raw["sasdate"].iloc[1:], format="%m/%d/%Y")
        values = raw.iloc[1:, 1:].astype(float).set_index(months)
        for name in values:
            series = transformed(values[name], codes[name]).dropna()
            frames.append(
                pd.DataFrame(
                    {
                        "series": name,
                        "month": series.index,
                        "published": pd.Timestamp(vintage) + pd.offsets.MonthEnd(),
                        "value": series.to_numpy(),
                    }
                )
            )
    both = pd.concat(frames, ignore_index=True)
    times = both.groupby("series")["published"].nunique()
    return both[both["series"].isin(times[times == 2].index)]


def transformed(x: pd.Series, code: int) -> pd.Series:
    """McCracken and Ng's codes 1 to 7; logarithms in per cent."""
    if code in (4, 5, 6):
        x = 100 * np.log(x.where(x > 0))
    if code == 7:
        return 100 * x.pct_change(fill_method=None).diff()
    return x if code in (1, 4) else x.diff() if code in (2, 5) else x.diff().diff()


def measure_us(folder: Path, quick: bool) -> dict:
    frame = fredmd(folder)
    if quick:
        frame = frame[frame["series"].isin(frame["series"].unique()[:10])]
    updates = 50 if quick else 2000
    methods = [
        AR(),
        LinearForecaster(context=24),
        Forecaster(horizon=12, context=24, network="mlp", updates=updates, seeds=3),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        done = backtest(
            methods,
            frame,
            time="month",
            target="value",
            by="series",
            vintage="published",
            horizon=12,
            origins=1,
            season=1,
        )
    past = done.histories
    each = {
        name: np.nanmean(
            np.abs(past.truth[0] - given[:, 0, ..., 0].mean(axis=0)) / past.scale[0, :, None],
            axis=1,
        )
        for name, given in done.forecasts.items()
    }
    there = np.all([np.isfinite(e) for e in each.values()], axis=0)
    return {
        "series": int(there.sum()),
        "left_out": [n for n, kept in zip(past.names, there, strict=True) if not kept],
        "rows": [
            {
                "method": name,
                "mase": float(e[there].mean()),
                "median": float(np.median(e[there])),
                "better_than_naive": float(np.mean(e[there] < each["Naive"][there])),
                "seconds": done.seconds[name],
            }
            for name, e in each.items()
        ],
        "revised": revised(frame),
    }


def revised(frame: pd.DataFrame) -> dict:
    """How far the second vintage moved what the first had published."""
    table = Vintages(frame, time="month", published="published", by="series")
    first = table.at("2019-01-31").set_index(["series", "month"])["value"]
    last = table.at("2022-08-31").set_index(["series", "month"])["value"]
    both = pd.concat([first, last], axis=1, keys=["first", "last"]).dropna()
    recent = both[both.index.get_level_values("month") >= "2018-01"]
    spread = both["first"].groupby("series").std()
    moved = (recent["last"] - recent["first"]).abs().groupby("series").mean() / spread
    return {"share": float((moved > 1e-6).mean()), "median": float(moved.median())}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--uk")
    parser.add_argument("--fredmd", default=str(SHARED))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    folder = uk_folder(options.uk)
    where = machine()
    results: dict = {
        "date": datetime.date.today().isoformat(),
        "command": "python benchmarks/sequences_macro.py",
        "machine": f"{where['cpu']}, {where['cores']} cores",
        "load_before": os.getloadavg()[0],
        "versions": versions("jax", "numpy", "pandas", "statsmodels"),
        "uk": [],
    }
    for variable in list(VARIABLES)[: 1 if options.quick else None]:
        began = time.perf_counter()
        results["uk"].append(measure_uk(folder, variable, options.quick))
        print(f"{variable}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    results["us"] = measure_us(Path(options.fredmd), options.quick)
    results = json.loads(json.dumps(results).replace("NaN", "null"))
    text = markdown(results)
    print(text)
    if not options.quick:
        (RESULTS / "sequences_macro.json").write_text(json.dumps(results, indent=1) + "\n")
        (RESULTS / "sequences_macro.md").write_text(text)


def markdown(results: dict) -> str:
    """The page of the results."""
    with_what = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    lines = [
        "# Real-time macro-economic data",
        "",
        "Written by `benchmarks/sequences_macro.py`; do not edit. Every forecast is made from what "
        "had been published at its vintage, by a method fitted there and then.",
        "",
        f"{results['machine']}; {with_what}.",
        "",
    ]
    for found in results["uk"]:
        lines += uk_part(found)
    lines += us_part(results["us"])
    return "\n".join(lines) + "\n"


def uk_part(found: dict) -> list[str]:
    heads = " | ".join(f"h = {h}" for h in STEPS)
    lines = [
        f"## United Kingdom: {VARIABLES[found['variable']]}, per cent on the year",
        "",
        f"{found['judged']} vintages, {found['from']} to {found['to']}; outcomes up to "
        f"{UNTIL[:4]}, as the last vintage has them. h counts quarters from the last one that was "
        "published, so that h = 1 is the quarter of the vintage itself, in which the committee "
        "already saw monthly figures. RMSE; of networks, which are trained on absolute errors, the "
        f"mean over {SEEDS} seeds. AR and random walk of the file are those that its authors give.",
        "",
        f"| method | {heads} |",
        "|---|" + "---:|" * len(STEPS),
    ]
    for row in found["rows"]:
        lines.append(f"| {row['method']} | " + " | ".join(f"{v:.2f}" for v in row["rmse"]) + " |")
    lines += [
        "",
        "Diebold-Mariano on squared errors (negative: the first is better), two-sided p in "
        "brackets:",
        "",
        f"| pair | {heads} |",
        "|---|" + "---:|" * len(STEPS),
    ]
    for pair in dict.fromkeys(t["pair"] for t in found["tests"]):
        cells = [
            f"{t['statistic']:.2f} ({t['p_value']:.2f})" if t["p_value"] is not None else "refused"
            for t in found["tests"]
            if t["pair"] == pair
        ]
        lines.append(f"| {pair} | " + " | ".join(cells) + " |")
    tested = [t for t in found["tests"] if t["p_value"] is not None]
    networks = [t for t in tested if t["pair"] in ("mlp - AR", "linear - AR")]
    better = [t for t in networks if t["p_value"] < 0.05 and t["statistic"] < 0]
    worse = [t for t in networks if t["p_value"] < 0.05 and t["statistic"] > 0]
    lines += [
        "",
        f"Of {len(networks)} comparisons of a network with AR, {len(better)} find the network "
        f"better at 5 %, {len(worse)} find it worse; the others find no significant difference. "
        "AR contains the last value as a special case: that row's test speaks against AR.",
        "",
    ]
    return lines


def us_part(found: dict) -> list[str]:
    moved = found["revised"]
    lines = [
        "## United States: FRED-MD, the next twelve months",
        "",
        f"{found['series']} series, transformed by their codes, known as of January 2019, each to "
        "its own last month; outcomes as of August 2022. One origin: there is no test of a "
        f"difference. Of the series, {100 * moved['share']:.0f} % had their values of 2018 "
        f"revised, half of them by more than {moved['median']:.2f} standard deviations on average.",
        "",
        "| method | mean MASE | median | better than the last value |",
        "|---|---:|---:|---:|",
    ]
    naive = next(row for row in found["rows"] if row["method"] == "Naive")
    for row in found["rows"]:
        lines.append(
            f"| {row['method']} | {row['mase']:.3f} | {row['median']:.3f} | "
            + (f"{100 * row['better_than_naive']:.0f} % of series |" if row != naive else "|")
        )
    return [*lines, ""]


if __name__ == "__main__":
    main()
