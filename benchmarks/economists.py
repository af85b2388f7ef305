"""Agents beside exact answers: `python benchmarks/economists.py`.

    --seeds 10        agents of each row
    --only NAME,...   environments
    --quick           one row, two seeds, nothing written

Each agent learns with the settings that `descend agent train` takes (found on seeds 100 to 109),
from seeds 0 to 9; what of value it loses against the exact answer is shown for every seed.
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

from descend.agents import Agents, make
from descend.agents.presets import preset
from descend.agents.registry import algorithm

RESULTS = Path(__file__).resolve().parent / "results"
AIM = 1e-3  # of value
ROWS = (
    ("job-search", "q-learning"),
    ("job-search", "dqn"),
    ("inventory", "ppo"),
    ("brock-mirman", "ppo"),
    ("linear-quadratic", "ppo"),
)


def measure(environment: str, name: str, seeds: int) -> dict:
    chosen = preset(environment, name)
    began = time.process_time()
    agents = algorithm(name)(**chosen.options()).learn(
        make(environment), chosen.steps, seeds=seeds, evaluations=2, episodes=4, verbose=0
    )
    cpu = time.process_time() - began
    found = [agent.compare() for agent in agents]
    worst = max(found, key=lambda one: one.mean)
    return {
        "environment": environment,
        "algorithm": name,
        "steps": chosen.steps,
        "seeds": seeds,
        "seconds": agents.seconds,
        "cpu_seconds": cpu,
        "lost": [one.mean for one in found],
        "lost_at_worst": [one.worst for one in found],
        "error": [one.error for one in found],
        "worst_seed": [] if worst.error is not None else rows_of(worst.to_frame()),
        "read_off": read_off(environment, agents),
    }


def rows_of(frame) -> list[dict]:
    """The states where another action is better, in words and numbers."""
    return [
        {k: float(v) if isinstance(v, float) else str(v) for k, v in row.items()}
        for row in frame.to_dict("records")
    ]


def read_off(environment: str, agents: Agents) -> dict:
    """What an economist asks: the reservation wage, the orders, the share saved, the rule."""
    if environment == "job-search":
        seen = np.eye(len(make(environment).wages()))
        # of rejecting, which is worth the reservation wage whatever is offered
        worth = [np.median(agent.thoughts(seen)["q"][:, 0]) for agent in agents]
        return {"reservation wage": worth, "exact": make(environment).reservation_wage()}
    if environment == "inventory":
        shop = make(environment)
        legal = np.asarray(shop.exact().legal)
        orders = [agent.act(np.eye(len(legal)), legal=legal) for agent in agents]
        return {
            "orders for stocks 0 to 3": [o[:4].tolist() for o in orders],
            "exact": shop.exact().policy[:4].tolist(),
        }
    if environment == "brock-mirman":
        planner = make(environment)
        states = {"k": np.linspace(0.1, 0.3, 9), "a": np.zeros(9)}
        saved = []
        for agent in agents:
            policy = agent.task.policy(agent.weights(), agent.hyper)
            saved.append(planner.policies(policy, states)["saving"].mean())
        return {"share saved": saved, "exact": planner.economy.alpha * planner.economy.beta}
    bank, step = make(environment), 0.05
    gains = []
    for agent in agents:
        ends = agent.act(step * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]))[:, 0]
        gains.append([-(ends[i] - ends[i + 1]) / (2 * step) for i in (0, 2)])
    return {"gain at zero": gains, "exact": bank.exact().gain[0].tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", default=",".join(dict(ROWS)))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rows = [row for row in ROWS if row[0] in options.only.split(",")]
    if options.quick:
        rows, options.seeds = rows[:1], 2
    where = machine()
    results: dict = {
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["python benchmarks/economists.py", *sys.argv[1:]]),
        "machine": f"{where['cpu']}, {where['cores']} cores",
        "load_before": os.getloadavg()[0],
        "versions": versions("jax", "numpy"),
        "rows": [],
    }
    for environment, name in rows:
        row = measure(environment, name, options.seeds)
        results["rows"].append(json.loads(json.dumps(row, default=float)))
        lost = " ".join(f"{100 * x:.3g}" for x in row["lost"])
        print(f"{environment}, {name}: {row['seconds']:.0f} s, lost in % {lost}", flush=True)
    text = markdown(results)
    print(text)
    if not options.quick:
        (RESULTS / "economists.json").write_text(json.dumps(results, indent=1) + "\n")
        (RESULTS / "economists.md").write_text(text)


def markdown(results: dict) -> str:
    with_what = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    lines = [
        "# Agents beside exact answers",
        "",
        "Written by `benchmarks/economists.py`; do not edit. The share of the exact value that an "
        "agent loses where an episode begins: of job search and inventory by evaluating its policy "
        "in all states, of growth (Brock and Mirman) and linear-quadratic control by playing it "
        "and the best policy through the same chance. Settings are the presets, found on other "
        "seeds.",
        "",
        f"{results['machine']}; {with_what}; load {results['load_before']:.1f} before the start.",
        "",
        "| environment | algorithm | steps | seeds | lost: median, worst seed | below .1 % | "
        "seconds, all seeds (of processors) |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in results["rows"]:
        lost = np.array(row["lost"])
        lines.append(
            f"| {row['environment']} | {row['algorithm']} | {row['steps']:,} | {row['seeds']} | "
            f"{100 * np.median(lost):.3f} %, {100 * lost.max():.3f} % | {(lost < AIM).sum()} of "
            f"{len(lost)} | {row['seconds']:.0f} ({row['cpu_seconds']:.0f}) |"
        )
    for row in results["rows"]:
        lines += ["", f"## {row['environment']}, {row['algorithm']}", ""]
        lost = ", ".join(f"{100 * x:.3f}" for x in row["lost"])
        lines.append(f"Lost by seed, in %: {lost}.")
        for name, values in row["read_off"].items():
            lines += ["", f"{name[0].upper()}{name[1:]}: {shown(values)}."]
        if row["worst_seed"]:
            lines += [
                "",
                "The states where the worst seed does not do the best: visited is the share of "
                "discounted time that is spent there, costs what is lost of the state's value by "
                "that action alone, lost what its policy loses from there on.",
                "",
            ]
            heads = list(row["worst_seed"][0])
            lines += [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
            for one in row["worst_seed"]:
                cells = [
                    f"{100 * v:.3f} %" if isinstance(v, float) else str(v) for v in one.values()
                ]
                lines.append(f"| {' | '.join(cells)} |")
        elif row["error"][0] is None:
            lines += ["", "The worst seed does the best in every state."]
    return "\n".join([*lines, "", f"`{results['command']}`, {results['date']}.", ""])


def shown(value) -> str:
    if isinstance(value, list):
        inside = ", ".join(shown(v) for v in value)
        return f"({inside})" if value and not isinstance(value[0], list) else inside
    return f"{value:.4f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
