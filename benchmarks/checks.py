"""How often each coded check errs: `python benchmarks/checks.py`.

    --tables 400      simulated tables for each figure; those that fit forests take a quarter of it
    --only L007,D009  codes
    --name after      under which the figures are kept in results/checks.json
    --write           also into the package's table, which the report's page shows

For each check two worlds are simulated: one in which what it looks for is not there (its null), and
one in which it is. The first gives its false-alarm rate, the second its power. What is simulated is
what the check is given: columns, targets, or predictions as a good or a bad network would make
them; nothing is trained. The script also runs on the package as it was before the checks were
revised (with PYTHONPATH on it), which gives the figures called "before".
"""

from __future__ import annotations

import argparse
import inspect
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from descend.tables.checks import leakage
from descend.tables.checks import of_network as network
from descend.tables.judging import stability as stable

try:  # the package as it is
    from descend.tables.checks import parts
    from descend.tables.checks.blocks import block_error
    from descend.tables.checks.calibrated import calibration
    from descend.tables.checks.too_good import too_good

    NOW = True
except ImportError:  # the package as it was
    parts, NOW = leakage, False

RESULTS = Path(__file__).resolve().parent / "results" / "checks.json"
TABLE = Path(__file__).resolve().parents[1] / "src/descend/tables/checks/error_rates.json"
World = Callable[[np.random.Generator], bool | None]  # whether the check failed; None: not run


@dataclass(frozen=True)
class Simulation:
    """A check with its null and what it should find.

    Attributes:
        null, alternative: what was simulated, in words.
        calm, wrong: one table of each -> whether the check failed.
        share: of the tables that are simulated.
    """

    code: str
    null: str
    alternative: str
    calm: World
    wrong: World
    share: float = 1.0


def failed(check: Any, *given: Any, **named: Any) -> bool | None:
    """Whether a check failed, given those of the arguments that it knows."""
    known = inspect.signature(check).parameters
    found = check(*given, **{k: v for k, v in named.items() if k in known})
    return None if found.status == "not run" else found.failed


# -- tables ---------------------------------------------------------------------------------------


def table(rng: np.random.Generator, n: int, groups: np.ndarray | None = None) -> pd.DataFrame:
    """A bank's kind of columns; with groups, the same for all rows of a group but for the last."""
    of = np.arange(n) if groups is None else groups
    k = int(of.max()) + 1
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 70, k),
            "income": rng.lognormal(3, 0.5, k).round(2),
            "educ": rng.integers(8, 20, k),
            "region": rng.choice(list("abcdefgh"), k),
            "name": [f"n{i}" for i in (rng.pareto(1.2, k) * 40).astype(int) % 400],
        }
    ).iloc[of]
    return frame.assign(hours=rng.normal(size=n)).reset_index(drop=True)


def two(rng: np.random.Generator, n: int, m: int, groups: bool = False) -> tuple[Any, ...]:
    """(training part, test part, their groups): drawn at random, or by whole groups of eight."""
    if not groups:
        frame = table(rng, n + m)
        rows = rng.permutation(n + m)
        return frame.iloc[rows[:n]], frame.iloc[rows[n:]], None
    unit = np.repeat(np.arange((n + m) // 8), 8)
    frame = table(rng, len(unit), unit)
    later = np.isin(unit, rng.permutation(unit.max() + 1)[: m // 8])
    return frame[~later], frame[later], (unit[~later], unit[later])


def moved(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(income=frame["income"] * 1.5)


def labels(rng: np.random.Generator, n: int, rate: float) -> np.ndarray:
    return (rng.random(n) < rate).astype(int)


def repeated(rng: np.random.Generator, copies: int, coarse: bool) -> bool | None:
    train, test, _ = two(rng, 400, 100)
    if coarse:
        train, test = (f[["educ", "region"]] for f in (train, test))
    y, z = labels(rng, 400, 0.3), labels(rng, 100, 0.3)
    test = test.copy()
    if copies:
        test.iloc[:copies] = train.iloc[:copies].to_numpy()
        test = test.astype(train.dtypes)
    return failed(leakage.repeated_rows, train, {"test": test}, y, {"test": z})


def alone(rng: np.random.Generator, leak: bool) -> bool | None:
    """Twenty columns of noise and one of honest strength, a class of 5 %, 400 validation rows."""
    y = labels(rng, 1000, 0.05)
    frame = pd.DataFrame(rng.normal(size=(1000, 20)), columns=[f"x{i}" for i in range(20)])
    frame["score"] = y * 1.5 + rng.normal(size=1000)  # AUC .86
    if leak:
        frame["x3"] = np.where(y == 1, rng.random(1000) + 5, rng.random(1000))
    return failed(leakage.nearly_alone, frame[:600], y[:600], frame[600:], y[600:], classifies=True)


def identified(rng: np.random.Generator, key: bool) -> bool | None:
    """Measured whole numbers of a wide range, called no and index; or a key with 10 repeats."""
    n = 500
    frame = pd.DataFrame(
        {
            "index": rng.integers(0, 100_000, n),
            "price": np.sort(rng.integers(0, 10_000, n)),
            "no": rng.poisson(40, n),
            "x": rng.normal(size=n),
        }
    )
    if key:
        frame["CustomerId"] = 10**7 + rng.choice(200_000, n, replace=False)
        frame.iloc[rng.choice(n, 10, replace=False)] = frame.iloc[0].to_numpy()
    return failed(leakage.identifiers, frame)


def later_known(rng: np.random.Generator, leak: bool) -> bool | None:
    frame, y = table(rng, 300), labels(rng, 300, 0.2)
    frame["mileage"] = rng.normal(size=300)
    frame["gap"] = np.where(rng.random(300) < 0.2, np.nan, 1.0)
    if leak:
        frame["recovered"] = np.where(y == 1, rng.random(300), np.nan)
    return failed(
        leakage.unknown_at_prediction, frame, y, "age2" if leak else "age3", classifies=True
    )


def in_order(rng: np.random.Generator, phi: float) -> bool | None:
    y = rng.normal(size=500)
    for i in range(1, 500):
        y[i] += phi * y[i - 1]
    return failed(parts.sorted_by_target, y, classifies=False)


def grouped(rng: np.random.Generator, icc: float) -> bool | None:
    groups = np.repeat(np.arange(60), 8)
    y = np.sqrt(icc) * rng.normal(size=60)[groups] + np.sqrt(1 - icc) * rng.normal(size=480)
    rows = rng.permutation(480)
    return failed(parts.groups_in_parts, groups, y, rows[:300], rows[300:], classifies=False)


def apart(rng: np.random.Generator, groups: bool, shift: bool, n: int = 300) -> bool | None:
    train, test, units = two(rng, n, n // 2, groups)
    if shift:
        test = moved(test)
    return failed(parts.told_apart, train, test, groups=units, trees=20)


def constant(rng: np.random.Generator, rate: float) -> bool | None:
    frame = table(rng, 2000).assign(rare=labels(rng, 2000, rate))
    return failed(leakage.nearly_constant, frame)


def target(rng: np.random.Generator, rate: float, groups: bool = False) -> bool | None:
    if not NOW:
        return None
    if groups:
        unit = np.repeat(np.arange(200), 5)
        level = rng.normal(size=200)[unit]
        later = np.isin(unit, rng.permutation(200)[:50])
        y = (level + 0.5 * rng.normal(size=1000) > 1 + (0 if rate == 0.2 else later)).astype(int)
        return failed(
            parts.target_differs,
            y[~later],
            {"test": y[later]},
            classes=["no", "yes"],
            groups=(unit[~later], {"test": unit[later]}),
        )
    y, z = labels(rng, 1000, 0.2), labels(rng, 300, rate)
    return failed(parts.target_differs, y, {"test": z}, classes=["no", "yes"])


# -- predictions ----------------------------------------------------------------------------------


def costs(rng: np.random.Generator, n: int, m: int, r2: float, r2_test: float) -> dict[str, Any]:
    """Squared errors of a network of such R2 on training and test rows, target N(0, 1)."""
    y = rng.normal(size=m)
    held = (1 - r2_test) * rng.normal(size=m) ** 2
    train = (1 - r2) * rng.normal(size=n) ** 2
    return {"train": train, "held": held, "trivial": held * 0 + y**2}


def overfit(rng: np.random.Generator, r2_test: float, m: int = 60) -> bool | None:
    c = costs(rng, 300, m, 0.5, r2_test)
    error = 0.0
    if NOW:
        each = [block_error(lambda r, v=c[k]: v[r].mean(), len(c[k])) for k in ("train", "held")]
        error = float(np.hypot(*each))
    given = c["train"].mean(), c["held"].mean(), c["trivial"].mean()
    return failed(network.overfit, *given, error=error)


def underfit(rng: np.random.Generator, r2: float) -> bool | None:
    y = rng.normal(size=400)
    left = y - np.sqrt(r2) * (np.sqrt(r2) * y + np.sqrt(1 - r2) * rng.normal(size=400))
    return failed(network.underfit, float(np.mean(left**2)), float(np.mean((y - y.mean()) ** 2)))


def trivial(rng: np.random.Generator, r2: float, noise: float) -> bool | None:
    """A signal of variance r2 in a target of variance one, predicted with some noise of its own."""
    m = 150
    signal = np.sqrt(r2) * rng.normal(size=m)
    y = signal + np.sqrt(1 - r2) * rng.normal(size=m)
    own, mean = (y - signal - noise * rng.normal(size=m)) ** 2, y**2
    error = block_error(lambda r: (own - mean)[r].mean(), m) if NOW else 0.0
    return failed(network.beats_trivial, own.mean(), mean.mean(), error=error)


def boosting(rng: np.random.Generator, better: float) -> bool | None:
    from descend.tables.judging.bootstrap import compare

    y = rng.normal(size=200)
    own, other = (y + rng.normal(size=200) * s for s in (1.0, 1.0 - better))
    pair = compare("mse", y, own, other, resamples=400, seed=int(rng.integers(2**31)))
    ends = pair.difference.low, pair.difference.high
    return failed(network.weaker_than_boosting, pair.difference.estimate, ends)


def slower(rng: np.random.Generator, gain: float) -> bool | None:
    difference = -gain + 0.02 * rng.normal()
    ends = difference - 0.02 * 1.96, difference + 0.02 * 1.96
    return failed(network.slower_than_baseline, 30.0, 1.0, ends)


def rare(rng: np.random.Generator, rate: float) -> bool | None:
    events = int(rng.binomial(600, rate))
    return failed(network.imbalance, {"no": 600 - events, "yes": events})


def golden(rng: np.random.Generator, real: bool) -> bool | None:
    """Importances of eight columns: noise alone, or one that holds nearly all."""
    error = 0.01
    size = error * rng.normal(size=8)
    size[0] += 0.5 if real else 0.0
    low = {str(i): v - 1.96 * error for i, v in enumerate(size)}
    return failed(network.golden_feature, {str(i): v for i, v in enumerate(size)}, low=low)


def calibrated(
    rng: np.random.Generator, mean: float, n: int, off: float = 0.0, slope: float = 1.0
) -> bool | None:
    """Probabilities of logit N(mean, 1); off and slope are those of the truth."""
    logit = mean + rng.normal(size=n)
    p = 1 / (1 + np.exp(-logit))
    y = rng.random(n) < 1 / (1 + np.exp(-(off + mean + slope * (logit - mean))))
    if NOW:
        return failed(calibration, y, p)
    from descend.tables.judging.calibration import reliability

    found = reliability(y, p)
    return network.calibration(found.expected_error, n, len(found.count)).failed


def drifted(rng: np.random.Generator, n: int, m: int, groups: bool, shift: bool) -> bool | None:
    train, test, units = two(rng, n, m, groups)
    if shift:
        test = moved(test)
    seed = int(rng.integers(2**31))
    train, test = train.reset_index(drop=True), test.reset_index(drop=True)
    if NOW:
        found = stable.stability(train, test, units=units, seed=seed)
        return network.drift({s.name: (s.index, s.chance) for s in found.shifts}).failed
    shifts = stable.stability(train, test).shifts
    beyond = {s.name: s.index for s in shifts if s.index > s.noise}
    return bool(beyond) and network.drift(beyond).failed


def small(rng: np.random.Generator, rows: int) -> bool | None:
    return failed(network.small_test, rows, int(rng.binomial(rows, 0.2)))


def seeds(rng: np.random.Generator, sd: float) -> bool | None:
    return failed(network.seed_dispersion, (0.5 + sd * rng.normal(size=5)).tolist(), 0.6)


def ended(rng: np.random.Generator, rising: bool) -> bool | None:
    """Validation costs of a cosine schedule that falls to zero: the best epoch is near its end."""
    best = int(rng.integers(50, 65)) if not rising else 200
    return failed(
        network.ended, *((200, 200, best) if rising else (64, 64, best)), scheduled=not rising
    )


def covered(rng: np.random.Generator, n: int, m: int, spread: float) -> bool | None:
    """Split-conformal intervals of 90 % from n rows, and the hits among m new ones."""
    k = int(np.ceil((n + 1) * 0.9))
    margin = np.sort(np.abs(rng.normal(size=n)))[k - 1]
    hits = int((np.abs(spread * rng.normal(size=m)) <= margin).sum())
    return failed(network.coverage, hits, m, 0.9, calibrated_on=n)


def opened(rng: np.random.Generator, times: int) -> bool | None:
    return failed(network.opened_once, times)


def perfect(rng: np.random.Generator, separation: float) -> bool | None:
    """Class scores that are so many sd apart, 400 test rows, three in ten events."""
    if not NOW:
        return None
    from sklearn.metrics import log_loss, roc_auc_score

    y = labels(rng, 400, 0.3)
    logit = separation * (separation * y + rng.normal(size=400) - separation / 2) - 0.85
    p = 1 / (1 + np.exp(-logit))
    simple = log_loss(y, np.full(400, y.mean()))
    return failed(
        too_good, log_loss(y, p), simple, auc=roc_auc_score(y, p), events=int(y.sum()), rows=400
    )


SIMULATIONS = (
    Simulation(
        "L001",
        "400 + 100 different rows of two coarse columns",
        "10 of 100 test rows copied from 400 training rows of six columns",
        lambda rng: repeated(rng, 0, True),
        lambda rng: repeated(rng, 10, False),
    ),
    Simulation(
        "L002",
        "20 columns of noise and one of AUC .86, a class of 5 %, 400 validation rows",
        "one of them tells the class without error",
        lambda rng: alone(rng, False),
        lambda rng: alone(rng, True),
        0.25,
    ),
    Simulation(
        "L003",
        "500 rows of measured whole numbers, one called index, one that the file is sorted by",
        "a key CustomerId beside them, 10 rows repeated",
        lambda rng: identified(rng, False),
        lambda rng: identified(rng, True),
    ),
    Simulation(
        "L004",
        "a class of 20 %, a column missing at random, names that hold no other name",
        "an amount that is there exactly where the class is 1",
        lambda rng: later_known(rng, False),
        lambda rng: later_known(rng, True),
    ),
    Simulation(
        "L005",
        "500 rows in random order",
        "neighbours correlated by .5",
        lambda rng: in_order(rng, 0.0),
        lambda rng: in_order(rng, 0.5),
    ),
    Simulation(
        "L006",
        "60 groups of 8 rows that say nothing of the target, in both parts",
        "groups that explain 30 % of its variance",
        lambda rng: grouped(rng, 0.0),
        lambda rng: grouped(rng, 0.3),
    ),
    Simulation(
        "L007",
        "300 + 150 rows drawn at random",
        "the same with income half as high again in the test",
        lambda rng: apart(rng, False, False),
        lambda rng: apart(rng, False, True),
        0.5,
    ),
    Simulation(
        "L007 by groups",
        "300 + 150 rows drawn by whole groups of 8 rows that share all columns but one",
        "1,600 + 800 such rows with income half as high again in the test",
        lambda rng: apart(rng, True, False),
        lambda rng: apart(rng, True, True, 1600),
        0.5,
    ),
    Simulation(
        "L008",
        "a 0/1 column that is 1 in 1 % of 2,000 rows",
        "1 in 0.02 % of them",
        lambda rng: constant(rng, 0.01),
        lambda rng: constant(rng, 0.0002),
    ),
    Simulation(
        "L009",
        "a class of 20 % in 1,000 training and 300 test rows",
        "30 % in the test",
        lambda rng: target(rng, 0.2),
        lambda rng: target(rng, 0.3),
        0.25,
    ),
    Simulation(
        "L009 by groups",
        "200 groups of 5 rows that nearly share their class, 50 of them in the test",
        "a class less frequent by one sd of the groups' level in the test",
        lambda rng: target(rng, 0.2, True),
        lambda rng: target(rng, 0.3, True),
        0.25,
    ),
    Simulation(
        "D001",
        "R2 .5 on 300 training and 60 test rows",
        "R2 .5 on training, .1 on 300 test rows",
        lambda rng: overfit(rng, 0.5),
        lambda rng: overfit(rng, 0.1, 300),
    ),
    Simulation(
        "D002",
        "R2 .05 on 400 training rows",
        "R2 of nothing",
        lambda rng: underfit(rng, 0.05),
        lambda rng: underfit(rng, 0.0),
    ),
    Simulation(
        "D003",
        "R2 .3 on 150 test rows",
        "a network that knows nothing and guesses with an sd of .1",
        lambda rng: trivial(rng, 0.3, 0.0),
        lambda rng: trivial(rng, 0.0, 0.1),
    ),
    Simulation(
        "D004",
        "boosting as good on 200 test rows",
        "boosting's error smaller by 20 %",
        lambda rng: boosting(rng, 0.0),
        lambda rng: boosting(rng, 0.2),
    ),
    Simulation(
        "D005",
        "a network 3.3 standard errors better, 30 times slower",
        "a network as good, 30 times slower",
        lambda rng: slower(rng, 0.066),
        lambda rng: slower(rng, 0.0),
    ),
    Simulation(
        "D006",
        "a class of 8 % in 600 rows",
        "a class of 3 %",
        lambda rng: rare(rng, 0.08),
        lambda rng: rare(rng, 0.03),
    ),
    Simulation(
        "D007",
        "eight columns that matter nothing",
        "one that matters and seven that do not",
        lambda rng: golden(rng, False),
        lambda rng: golden(rng, True),
    ),
    Simulation(
        "D008",
        "right probabilities around 27 %, 500 test rows",
        "a slope of .6 in place of 1",
        lambda rng: calibrated(rng, -1.0, 500),
        lambda rng: calibrated(rng, -1.0, 500, slope=0.6),
    ),
    Simulation(
        "D008 rare events",
        "right probabilities around 3 %, 300 test rows",
        "probabilities five times too high, 1,500 test rows",
        lambda rng: calibrated(rng, -4.0, 300),
        lambda rng: calibrated(rng, -4.0, 1500, off=-1.6),
    ),
    Simulation(
        "D009",
        "300 + 100 rows drawn at random, six columns, one of hundreds of levels",
        "900 + 300 rows, income half as high again in the test",
        lambda rng: drifted(rng, 300, 100, False, False),
        lambda rng: drifted(rng, 900, 300, False, True),
    ),
    Simulation(
        "D009 by groups",
        "300 + 100 rows drawn by whole groups of 8",
        "1,600 + 800 rows, income half as high again in the test",
        lambda rng: drifted(rng, 300, 100, True, False),
        lambda rng: drifted(rng, 1600, 800, True, True),
    ),
    Simulation(
        "D010",
        "400 test rows, a class of 20 %",
        "60 test rows",
        lambda rng: small(rng, 400),
        lambda rng: small(rng, 60),
    ),
    Simulation(
        "D011",
        "five seeds whose sd is a quarter of the gain",
        "an sd as large as the gain",
        lambda rng: seeds(rng, 0.025),
        lambda rng: seeds(rng, 0.1),
    ),
    Simulation(
        "D012",
        "rates that fall to zero at the last of 64 epochs, best epoch 50 to 64",
        "a constant rate, the last of 200 epochs the best",
        lambda rng: ended(rng, False),
        lambda rng: ended(rng, True),
    ),
    Simulation(
        "D013",
        "200 calibration and 200 test rows of one law",
        "test errors half as large again, 200 and 200 rows",
        lambda rng: covered(rng, 200, 200, 1.0),
        lambda rng: covered(rng, 200, 200, 1.5),
    ),
    Simulation(
        "D014",
        "opened once",
        "opened twice",
        lambda rng: opened(rng, 1),
        lambda rng: opened(rng, 2),
    ),
    Simulation(
        "D015",
        "a network of AUC .98 with right probabilities, 400 test rows",
        "classes ten sd apart",
        lambda rng: perfect(rng, 2.9),
        lambda rng: perfect(rng, 10.0),
    ),
)


def measure(one: Simulation, tables: int) -> dict[str, Any]:
    """Both rates with the number of tables; a check that did not run raised no alarm."""
    count = max(int(tables * one.share), 20)
    found: dict[str, Any] = {"null": one.null, "alternative": one.alternative, "tables": count}
    for name, world in (("false_alarms", one.calm), ("power", one.wrong)):
        outcomes = [world(np.random.default_rng((place, len(name)))) for place in range(count)]
        absent = all(o is None for o in outcomes) and not NOW
        found[name] = None if absent else float(np.mean([bool(o) for o in outcomes]))
    return found


def markdown(results: dict[str, Any]) -> str:
    """Before and after, a row a check."""
    lines = [
        "# How often each coded check errs",
        "",
        "Written by `benchmarks/checks.py`; do not edit. False alarms: the share of simulated",
        'tables of the null in which the check failed. Power: of the alternative. "Before": the',
        'package as it was before the checks were revised; "-" where it had no such check.',
        "",
        "| check | null | false alarms before | after | alternative | power before | after |"
        " tables |",
        "|---|---|---|---|---|---|---|---|",
    ]
    before, after = results.get("before", {}), results.get("after", {})
    for one in SIMULATIONS:
        rates = [r.get(one.code, {}) for r in (before, after)]
        cell = lambda r, k: "-" if r.get(k) is None else f"{r[k]:.1%}"  # noqa: E731
        lines.append(
            f"| {one.code} | {one.null} | {cell(rates[0], 'false_alarms')} | "
            f"{cell(rates[1], 'false_alarms')} | {one.alternative} | {cell(rates[0], 'power')} | "
            f"{cell(rates[1], 'power')} | {rates[1].get('tables', '-')} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=400)
    parser.add_argument("--only", default="")
    parser.add_argument("--name", default="after")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    wanted = [w for w in options.only.split(",") if w]
    for one in SIMULATIONS:
        if wanted and not any(one.code.startswith(w) for w in wanted):
            continue
        began = time.perf_counter()
        found = measure(one, options.tables)
        results.setdefault(options.name, {})[one.code] = found
        took = time.perf_counter() - began
        print(one.code, found["false_alarms"], found["power"], f"{took:.0f} s", flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(markdown(results))
    if options.write:
        TABLE.write_text(json.dumps(results[options.name], indent=1) + "\n")


if __name__ == "__main__":
    main()
