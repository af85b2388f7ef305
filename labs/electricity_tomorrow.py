"""Tomorrow's electricity, given recent days: a network beside yesterday.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "RECURRENT NEURAL NETS" (used for
forecasting: "weather, given recent weather") and "EXAMPLE" (given what was seen, can we predict
what comes?).

A transformer's load by the hour, and each midnight the question what the next 24 hours will bring.
Whoever repeats yesterday is hard to beat, so yesterday stands beside every method; a small error by
itself says nothing. All is judged at many midnights, each method knowing what came before and
nothing else. The slides name the task and print no figures. The data are fetched once from their
address:

    descend lab run electricity_tomorrow
"""

# %%
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from descend.data.series import load_series
from descend.errors import DataWarning
from descend.forecasting import (
    AR,
    ETS,
    Backtest,
    Forecaster,
    LinearForecaster,
    Naive,
    SeasonalNaive,
    backtest,
)
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION

# %% [markdown]
# ## The load
# Two years of hours. The last days are forecast one by one; what lies before is learned from.

# %%
DAY = 24
LEVELS = (0.05, 0.5, 0.95)


def load(days: int) -> pd.DataFrame:
    """The last days of the high useful load, a row an hour."""
    frame = load_series("etth1").frame[["date", "HUFL"]]
    frame = frame.rename(columns={"HUFL": "load"})
    whole = len(frame) // DAY * DAY  # up to a midnight
    return frame.iloc[whole - days * DAY : whole].reset_index(drop=True)


# %% [markdown]
# ## The methods
# The network sees a week of hours, and the hour and the weekday of those to come; it puts out three
# quantiles of each hour: a median, and an interval that should hold nine of ten outcomes. The
# linear forecaster sees the same week and is fitted in closed form. AR and ETS (a level and 24
# hourly effects, smoothed) are the classics; the naive ones repeat the last hour, or the last day.


# %%
def methods(quick: bool) -> list:
    network = Forecaster(
        horizon=DAY,
        context=7 * DAY,
        network="mlp",
        loss="quantiles",
        levels=LEVELS,
        seeds=1 if quick else 3,
        updates=150 if quick else 1500,
    )
    rest = [] if quick else [ETS()]
    return [network, LinearForecaster(context=7 * DAY), AR(), *rest, SeasonalNaive(), Naive()]


def judge(frame: pd.DataFrame, nights: int, methods: list) -> Backtest:
    """Forecasts from the last midnights; parameters are those of the first, histories grow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # they are among the remarks
        return backtest(
            methods,
            frame,
            time="date",
            target="load",
            calendar=("hour", "weekday"),
            horizon=DAY,
            origins=nights,
            step=DAY,
            refit=False,
            levels=LEVELS,
            verbose=0,
        )


# %% [markdown]
# ## The pictures


# %%
def draw(done: Backtest, network: str, out: Path) -> None:
    figure, (left, right) = axes(2, width=6, height=4)
    past, given = done.histories, done.forecasts[network].mean(axis=0)[-1, 0]
    hours = np.arange(DAY)
    before = past.panel.values[past.known[-1, 0] - 3 * DAY : past.known[-1, 0]]
    left.plot(np.arange(-3 * DAY, 0), before, color=BLACK, lw=1, label="known")
    left.fill_between(hours, given[:, 1], given[:, 3], color=SKY, alpha=0.5, label="90 % interval")
    left.plot(hours, given[:, 0], color=BLUE, label="network")
    left.plot(hours, past.truth[-1, 0], "o", ms=3, color=VERMILION, label="what came")
    left.set(xlabel="hours from midnight", ylabel="load (units of the file)", title="the last day")
    left.legend(frameon=False, fontsize=8)
    errors = done.by_horizon()["MAE"]
    for name, colour in zip(done.methods, (BLUE, ORANGE, GREEN, SKY, BLACK, PURPLE), strict=False):
        style = "--" if "Naive" in name else "-"
        right.plot(1 + hours, errors.loc[name], style, color=colour, label=name.partition("(")[0])
    right.set(xlabel="hours ahead", ylabel="mean absolute error (load)", ylim=(0, None))
    right.set_title(f"{len(past.moments)} midnights")
    right.legend(frameon=False, fontsize=8)
    save(figure, out, "electricity_tomorrow.png")


# %% [markdown]
# ## The comparison
# The last day's error is counted by hand. Diebold and Mariano's test says whether the network's
# lead over yesterday could be luck. A value of absurd size behind the last midnights shows that
# nothing of the future is seen: no forecast may move.


# %%
def spoilt(frame: pd.DataFrame, nights: int) -> float:
    """How far a linear forecast moves when the day that it is asked for is replaced."""
    method = [LinearForecaster(context=7 * DAY)]
    changed = frame.assign(load=frame["load"].where(frame.index < len(frame) - DAY, 1e6))
    both = [judge(f, nights, method).forecasts for f in (frame, changed)]
    name = next(iter(both[0]))
    return float(np.abs(both[0][name][..., 0] - both[1][name][..., 0]).max())


def main(out: Path, quick: bool = False) -> list[Check]:
    frame = load(120 if quick else 400)
    nights = 20 if quick else 100
    done = judge(frame, nights, methods(quick))
    network = next(iter(done.methods))
    table = done.table()
    for remark in done.remarks:
        print(f"note: {remark}")
    print(table[["skill", "MASE", "MAE", "coverage 90 %"]].round(3).to_string())
    test = done.compare(network, "SeasonalNaive", loss="absolute").loc["mean"]
    lead = "the network" if test["mean"] < 0 else "yesterday"
    said = lead if test["p_value"] < 0.05 else "neither, surely"
    print(f"who is ahead, by Diebold and Mariano's test: {said} (p {test['p_value']:.3f})")
    draw(done, network, out)

    values = frame["load"].to_numpy()
    days = values[-(nights + 1) * DAY :].reshape(-1, DAY)
    by_hand = np.abs(np.diff(days, axis=0)).mean()
    rows = done.to_frame().query("method == @network")
    inside = rows["outcome"].between(rows[0.05], rows[0.95]).mean()
    moved = spoilt(frame, 5)
    return [
        Check(
            "error of repeating yesterday, counted by hand",
            f"not printed; {by_hand:.4f}",
            f"{table.loc['SeasonalNaive', 'MAE']:.4f}",
            bool(np.isclose(by_hand, table.loc["SeasonalNaive", "MAE"], rtol=1e-9)),
        ),
        Check(
            "network beside yesterday: skill",
            "'weather, given recent weather': above 0",
            f"{table.loc[network, 'skill']:+.2f}",
            table.loc[network, "skill"] > 0,
        ),
        Check(
            "network beside the last hour repeated: error",
            "not printed; below it",
            f"{table.loc[network, 'MAE']:.2f} against {table.loc['Naive', 'MAE']:.2f}",
            table.loc[network, "MAE"] < table.loc["Naive", "MAE"],
        ),
        Check(
            "share of outcomes inside the 90 % interval",
            "not printed; 0.80 to 0.97",
            f"{inside:.3f}",
            0.80 < inside < 0.97,
        ),
        Check(
            "coverage, counted from the table of forecasts",
            f"not printed; {inside:.3f}",
            f"{table.loc[network, 'coverage 90 %']:.3f}",
            bool(np.isclose(inside, table.loc[network, "coverage 90 %"], atol=1e-9)),
        ),
        Check(
            "forecast moved by changing the future",
            "may not",
            f"{moved:.1e}",
            moved == 0,
        ),
    ]


if __name__ == "__main__":
    run(main)
