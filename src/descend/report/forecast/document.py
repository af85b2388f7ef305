"""The numbers of the report on a forecaster as plain JSON; the page is made of these."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import pandas as pd

from descend.errors import DescendError
from descend.forecasting import dates, fans
from descend.forecasting.backtested import Backtest
from descend.forecasting.forecaster import Forecaster
from descend.forecasting.recipe import FittedSeries
from descend.forecasting.scores import Interval, repeats_last_value
from descend.report.agents.words import call, documented
from descend.report.forecast import conclusions
from descend.report.forecast.data import data
from descend.report.table.numbers.identity import versions
from descend.tables.judging.plain import plain
from descend.train.model.summary import summary

FORMAT = 1
LOSS = "absolute"  # of the tests of equal accuracy, as that of MASE
COVERAGE = 0.9  # of calibrated intervals where a forecaster has none of its own
MOST_CURVE = 200  # points of a learning curve


def document_of(fitted: FittedSeries, command: str | None = None) -> dict[str, Any]:
    """All numbers of the report, by section.

    Args:
        fitted: whose last part is open.
        command: command line that fitted it.

    Raises:
        DescendError: the last part is sealed, or there is none.
    """
    test = fitted.test
    if test is None:
        raise DescendError(
            "the last part of these series is sealed, and a report shows what was forecast of it: "
            "open it first (`descend report` does that)"
        )
    target = fitted.prepared.panel.columns[1]
    found: dict[str, Any] = {
        "format": FORMAT,
        "title": f"{target}, {_steps(fitted.prepared.horizon)} ahead: a tested forecaster",
        "identity": identity(fitted, command),
        "forecast": forecast(fitted, test),
        "test": tested(fitted, test),
        "by_horizon": by_horizon(test),
        "intervals": intervals(fitted, test),
        "tests": tests(fitted, test),
        "last_value": last_value(fitted, test),
        "by_series": by_series(test, fitted),
        "data": data(fitted, test),
        "learning": learning(fitted.forecaster),
        "settings": settings(fitted.forecaster),
        "reproduce": {
            "command": command or fitted.command,
            "python": python(fitted),
            "versions": versions(),
        },
    }
    found["summary"] = conclusions.summary(found)
    found["warnings"] = conclusions.warnings_of(found, fitted)
    found["limitations"] = conclusions.limitations(found)
    result: dict[str, Any] = plain(found)
    return result


def _steps(count: int) -> str:
    return f"{count:,} step{'s' * (count != 1)}"


def identity(fitted: FittedSeries, command: str | None) -> dict[str, Any]:
    """What was fitted, when, from what, and each opening of its last part."""
    described, prepared = fitted.describe(), fitted.prepared
    assert fitted.seal is not None
    time, target, by = prepared.panel.columns
    return {
        "forecaster": fitted.forecaster.name,
        "target": target,
        "time": time,
        "by": by,
        "known": list(prepared.columns["known"]),
        "observed": list(prepared.columns["observed"]),
        "calendar": list(prepared.panel.calendar),
        "horizon": prepared.horizon,
        "when": described["when"],
        "seconds": fitted.seconds,
        "trained_before": fitted.trained_before,
        "source": described["data"]["source"],
        "data_sha256": described["data"]["sha256"],
        "test_sha256": fitted.seal.digest,
        "test_rows": fitted.seal.rows,
        "openings": [dataclasses.asdict(o) for o in fitted.seal.openings],
        "warning": fitted.seal.warning,
        "command": command or fitted.command,
    }


# -- the forecast --------------------------------------------------------------------------------


def forecast(fitted: FittedSeries, test: Backtest) -> dict[str, Any]:
    """What is forecast behind the table, and, of the same series, behind the last origin."""
    ahead, series = fitted.predict(), fitted.prepared.panel
    time, _, by = series.columns
    column = by or "series"
    quantiles = [c for c in ahead if str(c).startswith("q")]
    rows = {}
    for name in series.names:
        own = ahead if column not in ahead else ahead[ahead[column] == name]
        rows[name] = {
            "times": [dates.shown(t) for t in own[time].to_numpy()],
            "forecast": own["forecast"],
            "quantiles": {c: own[c] for c in quantiles},
            "spread": own.get("spread"),
        }
    return {
        "dated": series.times.dtype.kind == "M",
        "levels": [float(str(c)[1:]) for c in quantiles],
        "series": [
            {
                "name": name,
                "why": why,
                "past": _past(fitted, name),
                "ahead": _listed(rows[name]),
                "tested": _tested(fitted, test, name),
            }
            for name, why in shown(test).items()
        ],
        "all": {name: _listed(one) for name, one in rows.items()},
    }


def _listed(one: dict[str, Any]) -> dict[str, Any]:
    """Columns of a frame as lists."""
    return {
        k: _listed(v) if isinstance(v, dict) else v.tolist() if isinstance(v, pd.Series) else v
        for k, v in one.items()
    }


def shown(test: Backtest) -> dict[str, str]:
    """The series whose forecasts are drawn: {name: why}; of many those forecast best and worst."""
    errors = test.by_series()["MASE"]
    names = (errors.dropna() if errors.notna().any() else errors).index.tolist()
    if len(names) == 1:
        return {names[0]: ""}
    if len(names) == 2:
        return {names[0]: "the lower MASE", names[1]: "the higher MASE"}
    return {
        names[0]: "the lowest MASE",
        names[len(names) // 2]: "the median MASE",
        names[-1]: "the highest MASE",
    }


def _past(fitted: FittedSeries, name: str) -> dict[str, Any]:
    series = fitted.prepared.panel
    s = series.names.index(name)
    end = int(series.starts[s] + series.lengths[s])
    rows = slice(max(int(series.starts[s]), end - fans.back(fitted.prepared.horizon)), end)
    return {"times": [dates.shown(t) for t in series.times[rows]], "values": series.values[rows]}


def _tested(fitted: FittedSeries, test: Backtest, name: str) -> dict[str, Any]:
    """The forecast from the last origin in which the series takes part, and what came."""
    past, own = test.histories, fitted.forecaster.name
    s = past.names.index(name)
    i = int(np.flatnonzero(past.places[:, s] >= 0)[-1])
    start = int(past.panel.starts[past.places[i, s]])
    end = start + int(past.known[i, past.places[i, s]])
    rows = slice(max(start, end - fans.back(past.horizon)), end)
    given = test.forecasts[own][:, i, s].mean(axis=0)
    return {
        "origin": dates.shown(past.moments[i]),
        "past": {
            "times": [dates.shown(t) for t in past.panel.times[rows]],
            "values": past.panel.values[rows],
        },
        "times": [dates.shown(t) for t in past.times[i, s]],
        "outcome": past.truth[i, s],
        "forecast": given[:, 0],
        "levels": list(test.levels),
        "quantiles": given[:, 1:].T,
    }


# -- how good such forecasts were ----------------------------------------------------------------


def tested(fitted: FittedSeries, test: Backtest) -> dict[str, Any]:
    """The figures of all methods over all origins, series and steps."""
    frame = test.table()
    own, past = fitted.forecaster.name, test.histories
    return {
        "forecaster": own,
        "naive": test.naive,
        "origins": [dates.shown(m) for m in past.moments],
        "step": fitted.prepared.step,
        "horizon": past.horizon,
        "series": len(past.names),
        "season": past.season,
        "forecasts": int(test.judged.sum()),
        "methods": [
            {"method": name, "forecaster": name == own, **row}
            for name, row in frame.to_dict("index").items()
        ],
    }


def by_horizon(test: Backtest) -> dict[str, Any]:
    """{method: {figure: [of each step]}}, "forecasts" among them."""
    frame = test.by_horizon()
    return {name: frame.loc[[name]].to_dict("list") for name in test.methods}


def intervals(fitted: FittedSeries, test: Backtest) -> dict[str, Any]:
    """How often intervals held the outcome: the forecaster's own, and calibrated ones."""
    own = fitted.forecaster.name
    widest = Interval.of(test.levels)
    coverage = COVERAGE if widest is None else widest.coverage
    frame = test.conformal(coverage).xs(own)
    rows = frame.reset_index().to_dict("records")
    column = f"coverage {100 * coverage:g} %"
    mine = test.by_horizon().xs(own)
    covered = mine[column].tolist() if column in mine and mine[column].notna().any() else None
    return {
        "coverage": coverage,
        "own": covered,
        "widths": mine[f"width {100 * coverage:g} %"].tolist() if covered else None,
        "forecasts": mine["forecasts"].tolist(),
        "calibrated": [{str(k).replace(" ", "_"): v for k, v in row.items()} for row in rows],
    }


def tests(fitted: FittedSeries, test: Backtest) -> dict[str, Any]:
    """Diebold-Mariano of the forecaster against every other method, by step and on average."""
    own, rivals = fitted.forecaster.name, []
    for name in test.methods:
        if name == own:
            continue
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            frame = test.compare(own, name, loss=LOSS)
        rows = frame.reset_index().to_dict("records")
        notes = [str(w.message) for w in told]
        rivals.append({"rival": name, "steps": rows, "warning": notes[0] if notes else None})
    return {"loss": LOSS, "rivals": rivals}


def last_value(fitted: FittedSeries, test: Backtest) -> dict[str, Any] | None:
    """Whether the forecast one step ahead is the last value; None where origins are too few."""
    past = test.histories
    point = test.forecasts[fitted.forecaster.name][:, :, :, 0, 0].mean(axis=0)
    truth = past.truth[:, :, 0]
    there = np.isfinite((truth - point) / past.scale).any(axis=1)
    try:
        found = repeats_last_value(truth / past.scale, point / past.scale, past.last / past.scale)
    except DescendError:
        return None
    return {
        "to_last": found.to_last,
        "to_outcome": found.to_outcome,
        "p_value": found.p_value,
        "repeats": found.repeats,
        "origins": int(there.sum()),
    }


def by_series(test: Backtest, fitted: FittedSeries) -> list[dict[str, Any]]:
    """The forecaster's figures for each series beside the naive forecast's MASE; [] for one."""
    if len(test.histories.names) == 1:
        return []
    own = test.by_series(fitted.forecaster.name)
    naive = test.by_series(test.naive)["MASE"].to_dict()
    rows = own.reset_index().to_dict("records")
    return [
        {**{str(k): v for k, v in row.items()}, "naive MASE": naive[row["series"]]} for row in rows
    ]


# -- what was trained ----------------------------------------------------------------------------


def learning(forecaster: Forecaster) -> dict[str, Any]:
    """Costs of the training by seed, on the windows' own scale."""
    networks = forecaster.fitted.networks
    curves = forecaster.curves
    seeds = []
    for i, best in enumerate(networks.best):
        own = curves[curves["seed"] == forecaster.seed + i]
        own = own.iloc[:: -(-len(own) // MOST_CURVE)]
        seeds.append(
            {
                "seed": forecaster.seed + i,
                "updates": own["updates"].tolist(),
                "loss": own["loss"].tolist(),
                "val_loss": own["val_loss"].tolist() if "val_loss" in own else None,
                "best": best * networks.steps,
                "diverged": bool(networks.diverged[i]),
            }
        )
    return {"loss": forecaster.loss, "seeds": seeds}


def settings(forecaster: Forecaster) -> dict[str, Any]:
    """Every setting with its value and what it is, and the network that they made."""
    networks = forecaster.fitted.networks
    found = {"context": networks.shape.context, "season": networks.shape.scaling.season}
    rows = []
    for field in dataclasses.fields(Forecaster):
        value = getattr(forecaster, field.name)
        if field.name == "network" and not isinstance(value, str):
            value = value.name
        usual = field.name in ("hidden", "batch_size") and value is None
        what = field.metadata.get("doc") or documented(Forecaster, field.name).partition(". ")[0]
        rows.append(
            {
                "name": field.name,
                "value": value if isinstance(value, (int, float, str)) else call(value),
                "used": "the usual" if usual else found.get(field.name),
                "what": what,
            }
        )
    return {"rows": rows, "summary": summary(networks.graph)}


def python(fitted: FittedSeries) -> str:
    """The Python that does the same."""
    prepared, forecaster = fitted.prepared, fitted.forecaster
    given = []
    for field in dataclasses.fields(Forecaster):
        value = getattr(forecaster, field.name)
        if field.name == "horizon" or value != field.default:
            words = call(value) if isinstance(value, (str, tuple)) else repr(value)
            own = field.name == "network" and not isinstance(value, str)
            given.append(f"{field.name}={'...' if own else words}")
    columns = {k: v for k, v in prepared.columns.items() if v not in (None, [], False)}
    columns |= {"origins": prepared.origins, "step": prepared.step}
    columns |= {"rivals": fitted.rivals} if isinstance(fitted.rivals, str) else {}
    lines = [
        "from descend.data.sources import load",
        "from descend.forecasting import Forecaster, fit_series",
        "",
        f"forecaster = Forecaster({', '.join(given)})",
        f"table = load({prepared.table.source!r})",
        "fitted = fit_series(",
        "    table,",
        "    forecaster,",
        *(f"    {name}={value!r}," for name, value in columns.items()),
        ")",
    ]
    return "\n".join(lines)
