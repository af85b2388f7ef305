"""What a reader should conclude of a forecaster, in a few sentences, and what not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.forecasting.recipe import FittedSeries
from descend.report.table.words import digits, percent

SHORT = 0.1  # by which intervals may hold the outcome less often than they say
SIGNIFICANT = 0.05


def summary(d: Mapping[str, Any]) -> list[str]:
    """What was found, in a few sentences."""
    test, methods = d["test"], d["test"]["methods"]
    own = next(m for m in methods if m["forecaster"])
    naive = next(m for m in methods if m["method"] == test["naive"])
    first, last = test["origins"][0], test["origins"][-1]
    said = [
        f"From {len(test['origins'])} earlier dates ({first} to {last}), 1 to {test['horizon']} "
        f"step{'s' * (test['horizon'] > 1)} ahead and trained anew at each on what was known there,"
        f" {test['forecaster']} has a MASE of {digits(own['MASE'])}; the better naive forecast "
        f"({test['naive']}) has {digits(naive['MASE'])}: "
        + (
            f"{percent(own['skill'])} of its error is taken away."
            if own["skill"] > 0
            else "NOTHING is gained over it."
        )
    ]
    best = methods[0]
    if not best["forecaster"]:
        said.append(f"{best['method']} does better still: {digits(best['MASE'])}.")
    else:
        second = methods[1]
        said.append(f"Next comes {second['method']} with {digits(second['MASE'])}.")
    chance = _against(d, best["method"] if not best["forecaster"] else methods[1]["method"])
    if chance:
        said.append(chance)
    found = d["intervals"]
    if found["own"]:
        said.append(
            f"Intervals that say {found['coverage']:.0%} held {own[_column(found)]:.0%} of the "
            "outcomes."
        )
    return said


def _column(found: Mapping[str, Any]) -> str:
    return f"coverage {100 * found['coverage']:g} %"


def _against(d: Mapping[str, Any], rival: str) -> str:
    """What the test of equal accuracy says of one rival, over all steps."""
    of = next((r for r in d["tests"]["rivals"] if r["rival"] == rival), None)
    if of is None:
        return ""
    mean = of["steps"][-1]
    if mean["note"]:
        return f"Whether the difference to {rival} is chance cannot be tested on so few origins."
    clear = mean["p_value"] < SIGNIFICANT
    return (
        f"The difference to {rival} {'is' if clear else 'may well be'} "
        f"{'more than ' if clear else ''}chance (Diebold-Mariano, p = {mean['p_value']:.2f})."
    )


def warnings_of(d: Mapping[str, Any], fitted: FittedSeries) -> list[str]:
    """What speaks against the forecaster, or against believing the figures."""
    said, test = [], fitted.test
    assert test is not None
    name = fitted.forecaster.name
    own = next(m for m in d["test"]["methods"] if m["forecaster"])
    if d["identity"]["warning"]:
        said.append(d["identity"]["warning"])
    if own["skill"] <= 0:
        said.append(
            f"{name} is no better than {d['test']['naive']}, which needs no training: use that."
        )
    found = d["intervals"]
    if found["own"] and own[_column(found)] < found["coverage"] - SHORT:
        said.append(
            f"Its intervals are too narrow: they say {found['coverage']:.0%} and held "
            f"{own[_column(found)]:.0%} of the outcomes."
        )
    of_fits = test.remarks[len(test.histories.remarks) :]
    said += [line for line in of_fits if line.startswith(f"{name}:")]
    gone = [s["seed"] for s in d["learning"]["seeds"] if s["diverged"]]
    if gone:
        said.append(f"Training diverged, and is left out: seed {', '.join(map(str, gone))}.")
    if len(d["learning"]["seeds"]) == 1:
        said.append("One seed: another may forecast otherwise, and nothing says by how much.")
    said += fitted.remarks
    said += [f"Of a rival: {line}" for line in of_fits if not line.startswith(f"{name}:")]
    return said


def limitations(d: Mapping[str, Any]) -> list[str]:
    """What a reader should not conclude."""
    identity, test = d["identity"], d["test"]
    lines = [
        f"The figures are of {len(test['origins'])} origins between {test['origins'][0]} and "
        f"{test['origins'][-1]}. They overlap, so that they say less than so many separate "
        "forecasts would, and they hold for times like these.",
        "Figures of the test are of networks trained anew at each origin; the forecast is by "
        + (
            f"one that was trained on what was known on {identity['trained_before']}."
            if identity["trained_before"]
            else "one that was trained on all of the series, which has seen more."
        ),
        "The tables are as they are known today: where figures are revised, what was known at an "
        "origin was less than this (`backtest(vintage=...)`).",
    ]
    if identity["known"]:
        lines.append(
            f"{', '.join(identity['known'])} count as known in advance, at each origin too; where "
            "they are forecasts themselves, the figures flatter."
        )
    if len(d["tests"]["rivals"]) > 1:
        lines.append(
            f"{len(d['tests']['rivals'])} rivals are tested side by side: at 5 % one in twenty "
            "differences without meaning looks like one."
        )
    if len(identity["openings"]) > 1:
        lines.append(
            f"The last part was opened {len(identity['openings'])} times; if a choice was made in "
            "between, the figures flatter."
        )
    if d["data"]["judged"]["without_a_scale"]:
        lines.append(
            "Series that never change have no unit of MASE and are not in it: "
            f"{', '.join(map(repr, d['data']['judged']['without_a_scale'][:5]))}."
        )
    return lines
