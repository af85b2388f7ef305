"""Firms that learn to price (Calvano et al. 2020): `python benchmarks/collusion.py`.

    --sessions 1000   sessions, members of one program
    --seed 0
    --quick           32 sessions of a small game, nothing written

Both firms' Q-tables by the paper's numbers, each session until no firm's best price has changed in
any state for 100,000 periods: profit gains beside the published mean, how many sessions are
equilibria, and prices after one firm is made to cut its price for one period.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from machine import machine, versions

from descend.agents.collusion import Sessions, learn_prices
from descend.agents.environments.duopoly import Duopoly

RESULTS = Path(__file__).resolve().parent / "results"
PUBLISHED = 0.85  # mean profit gain, two firms
EDGES = np.linspace(0.3, 1.0, 15)
SHOWN = 15  # periods after the cut
EXACT = 1e-9  # a gain of less, as a share of value, is the arithmetic's


def judged(found: Sessions) -> dict:
    frame = found.to_frame()
    gain = frame["gain"].to_numpy()
    path = found.impulse(periods=SHOWN)
    return {
        "sessions": len(found),
        "converged": int(found.converged.sum()),
        "periods": quantiles(found.periods),
        "gain": {
            "mean": float(gain.mean()),
            "standard_error": float(gain.std(ddof=1) / len(gain) ** 0.5),
            "published": PUBLISHED,
            **quantiles(gain),
            "edges": EDGES.tolist(),
            "counts": np.histogram(gain, EDGES)[0].tolist(),
            "every": np.round(gain, 4).tolist(),
        },
        "cycle": {str(n): int(k) for n, k in frame["cycle"].value_counts().sort_index().items()},
        "shares": {
            "no single deviation pays on the path": float((frame["once"] <= EXACT).mean()),
            "it pays less than 1 % of value": float((frame["once"] <= 0.01).mean()),
            "Nash equilibrium on the path": float(frame["equilibrium"].mean()),
            "Nash equilibrium in every state": float(frame["perfect"].mean()),
        },
        "best_reply_gains": quantiles(frame["lost"].to_numpy()),
        "states_where_a_best_reply_is_played": float(frame["best replies"].mean()),
        "after_a_cut": path.tolist(),
        "nash": found.game.nash(),
        "monopoly": found.game.monopoly(),
    }


def quantiles(values: np.ndarray) -> dict:
    names = ("least", "quarter", "median", "three_quarters", "most")
    found = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    return dict(zip(names, found.tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    where = machine()
    results: dict = {
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["python benchmarks/collusion.py", *sys.argv[1:]]),
        "machine": f"{where['cpu']}, {where['cores']} cores",
        "load_before": os.getloadavg()[0],
        "versions": versions("jax", "numpy"),
    }
    began = time.process_time()
    if options.quick:
        found = learn_prices(Duopoly(prices=6), 32, beta=2e-5, patience=20_000)
    else:
        found = learn_prices(Duopoly(), options.sessions, seed=options.seed)
    results |= {"seconds": found.seconds, "cpu_seconds": time.process_time() - began}
    began = time.perf_counter()
    results |= judged(found)
    results["judging_seconds"] = time.perf_counter() - began
    text = markdown(results)
    print(text)
    if not options.quick:
        (RESULTS / "collusion.json").write_text(json.dumps(results, indent=1) + "\n")
        (RESULTS / "collusion.md").write_text(text)
        picture(results).savefig(RESULTS / "collusion.png", dpi=150, bbox_inches="tight")


def markdown(r: dict) -> str:
    with_what = ", ".join(f"{k} {v}" for k, v in r["versions"].items())
    gain, shares, periods = r["gain"], r["shares"], r["periods"]
    path = r["after_a_cut"]
    lines = [
        "# Firms that learn to collude",
        "",
        "Written by `benchmarks/collusion.py`; do not edit. The pricing duopoly of Calvano et al. "
        "2020: two firms, 15 prices, each a Q-table that learns from its own profits alone (rate "
        ".15, random prices with probability exp(-4e-6 t)), until no best price of either has "
        "changed in any state for 100,000 periods. Profit gain: 0 is the one-shot equilibrium "
        f"(price {r['nash']:.3f}), 1 the monopoly (price {r['monopoly']:.3f}).",
        "",
        f"{r['machine']}; {with_what}; load {r['load_before']:.1f} before the start.",
        "",
        f"| | {r['sessions']:,} sessions | published |",
        "|---|---:|---:|",
        f"| mean profit gain | {gain['mean']:.3f} (standard error {gain['standard_error']:.3f}) | "
        f"{gain['published']:.2f} |",
        f"| quartiles | {gain['quarter']:.3f}, {gain['median']:.3f}, "
        f"{gain['three_quarters']:.3f} | |",
        f"| least, most | {gain['least']:.3f}, {gain['most']:.3f} | |",
        f"| sessions that ended by the rule | {r['converged']:,} | |",
        f"| periods, median (least to most) | {periods['median']:,.0f} ({periods['least']:,.0f} to "
        f"{periods['most']:,.0f}) | |",
        f"| no single deviation pays on the path | {100 * shares[PAYS]:.1f} % | about half |",
        f"| the best one gains at most 1 % of value | {100 * shares[LITTLE]:.1f} % | |",
        f"| Nash equilibrium on the path | {100 * shares[NASH]:.1f} % | |",
        f"| Nash equilibrium in every state | {100 * shares[EVERY]:.1f} % | |",
        f"| seconds | {r['seconds']:.0f} ({r['cpu_seconds']:.0f} of processors) | |",
        "",
        "A single deviation: another price for one period, then its strategy again. A Nash "
        "equilibrium asks more: that no other strategy, for ever, does better against the rival's. "
        "Such a reply leads the rival through states that play does not come to, where its prices "
        "were hardly ever put right; on the path it gains "
        f"{100 * r['best_reply_gains']['median']:.0f} % of value in the median session. In "
        f"{100 * r['states_where_a_best_reply_is_played']:.0f} % of states the strategies are best "
        "replies. What is published, known here at second hand, is near the first of the two.",
        "",
        "Profit gains, sessions by class:",
        "",
        "| from | to | sessions |",
        "|---:|---:|---:|",
        *(
            f"| {low:.2f} | {high:.2f} | {count} |"
            for low, high, count in zip(
                gain["edges"], gain["edges"][1:], gain["counts"], strict=False
            )
        ),
        "",
        "Prices where one firm is made to charge, for one period, what would be best if nothing "
        "came of it (mean over sessions; 0 is before):",
        "",
        "| period | who deviates | its rival |",
        "|---:|---:|---:|",
        *(f"| {t} | {own:.3f} | {rival:.3f} |" for t, (own, rival) in enumerate(path)),
        "",
        f"`{r['command']}`, {r['date']}.",
        "",
    ]
    return "\n".join(lines)


PAYS = "no single deviation pays on the path"
LITTLE = "it pays less than 1 % of value"
NASH, EVERY = "Nash equilibrium on the path", "Nash equilibrium in every state"


def picture(r: dict):
    """Profit gains of the sessions, and prices after a cut."""
    from matplotlib.figure import Figure

    from descend.palette import BLACK, BLUE, ORANGE

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.hist(r["gain"]["every"], EDGES, color=BLUE, edgecolor="white")
    left.axvline(r["gain"]["mean"], color=BLACK, label=f"mean {r['gain']['mean']:.2f}")
    left.axvline(PUBLISHED, color=ORANGE, ls="--", label=f"published {PUBLISHED:.2f}")
    left.set(xlabel="profit gain (0 one-shot equilibrium, 1 monopoly)", ylabel="sessions")
    left.legend(frameon=False, loc="upper left")
    path = np.array(r["after_a_cut"])
    right.plot(path[:, 0], "o-", ms=3, color=ORANGE, label="who deviates in period 1")
    right.plot(path[:, 1], "s-", ms=3, color=BLUE, label="its rival")
    for price, name in ((r["nash"], "one-shot equilibrium"), (r["monopoly"], "monopoly")):
        right.axhline(price, color=BLACK, lw=0.8, ls=":")
        right.annotate(name, (len(path) - 1, price), ha="right", va="bottom")
    right.set(xlabel="period", ylabel="price, mean of sessions")
    right.legend(frameon=False, loc="center right")
    return figure


if __name__ == "__main__":
    main()
