"""Breakout at MinAtar's size: the ablation of Mnih et al. 2015 in small, and a policy gradient.

    python benchmarks/breakout.py              all parts that are not measured yet
    python benchmarks/breakout.py --quick      few frames, two seeds: only to see that it works
    python benchmarks/breakout.py --report     only write page and picture again

DQN with replay and target network, without either, without both, and linear in what is seen; five
seeds each, the same frames. "Without target" moves the target network all the way at every update;
"without replay" keeps no more steps than a batch is large, so that each is learned from while it is
fresh. PPO has the settings of `descend agent train breakout`, found on another seed. Scores are
means of 30 episodes without exploring, by the last weights. Resumable: results/breakout.json holds
what has been measured; page and picture are breakout.md and .png.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine, versions

from descend.agents import DQN, PPO, make
from descend.agents.presets import preset
from descend.nn.layers import Flatten

SEEDS, EPISODES = 5, 30
RESULTS = Path(__file__).resolve().parent / "results"
BATCH = 32
MEMORY: dict[str, Any] = {"capacity": 100_000, "warmup": 5_000}
NONE: dict[str, Any] = {"capacity": BATCH, "warmup": BATCH}
SHARED: dict[str, Any] = {
    "hidden": (64,),
    "optimizer": "adam",
    "environments": 4,
    "updates": 1,
    "batch": BATCH,
    "lookahead": 3,
    "exploring": 0.1,
    "epsilon_end": 0.02,
}
RATE = 1e-3
FRAMES = {"dqn": 300_000, "ppo": 600_000}
# name -> (settings, step of the target network)
ABLATION = {
    "replay and target": (MEMORY, 0.005),
    "without target": (MEMORY, 1.0),
    "without replay": (NONE, 0.005),
    "without both": (NONE, 1.0),
    "linear": ({**MEMORY, "hidden": (Flatten(),)}, 0.005),
}


def measure(name: str, quick: bool) -> dict[str, Any]:
    """Scores of all seeds, their learning curves, and the seconds of training."""
    game = make("breakout")
    grid: dict[str, list[float]] = {}
    if name == "PPO":
        algorithm: Any = PPO(**preset("breakout", "ppo").options())
        frames = FRAMES["ppo"]
    else:
        settings, tau = ABLATION[name]
        algorithm = DQN(**{**SHARED, **settings, "tau": tau})
        grid, frames = {"learning_rate": [RATE]}, FRAMES["dqn"]
    frames = frames // 20 if quick else frames
    began = time.process_time()
    agents = algorithm.learn(
        game, frames, seeds=2 if quick else SEEDS, grid=grid or None, evaluations=10, episodes=10
    )
    used = time.process_time() - began
    scores = np.asarray(agents.evaluate(EPISODES).returns).mean(axis=-1)
    curves = [np.asarray(agent.history.history["val_return"]).tolist() for agent in agents]
    steps = [int(agents[0].task.steps_after(e + 1)) for e in range(len(curves[0]))]
    return {
        "frames": frames,
        "seconds": agents.seconds,
        "cpu_seconds": used,
        "scores": scores.tolist(),
        "steps": steps,
        "curves": curves,
    }


def page(results: dict[str, Any]) -> str:
    """What was measured, as Markdown."""
    at = results["machine"]
    lines = [
        "# Breakout at MinAtar's size",
        "",
        f"Written by `python benchmarks/breakout.py`; do not edit. {at['cpu']}, {at['cores']} "
        "cores; CPU seconds of all seeds side by side, compilation included. Score: bricks of an "
        f"episode, mean of {EPISODES} episodes without exploring. Atari: Mnih et al. 2015, "
        "extended data, tables 3 and 4 (10 million frames).",
        "",
        "| | frames | CPU s | mean score | every seed | Atari |",
        "|---|---:|---:|---:|---|---:|",
    ]
    atari = dict(zip(ABLATION, ("316.8", "240.7", "10.2", "3.2", "3.0"), strict=True))
    for name, row in results["rows"].items():
        every = ", ".join(f"{s:.1f}" for s in row["scores"])
        lines.append(
            f"| {name} | {row['frames']:,} | {row['cpu_seconds']:.0f} "
            f"| {np.mean(row['scores']):.1f} | {every} | {atari.get(name, '')} |"
        )
    lines += ["", "![learning curves](breakout.png)", ""]
    return "\n".join(lines)


def draw(results: dict[str, Any], path: Path) -> None:
    """Learning curves: the mean over seeds, each seed thin."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from descend import palette

    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for (name, row), colour in zip(results["rows"].items(), palette.COLOURS, strict=False):
        curves = np.asarray(row["curves"])
        axes.plot(row["steps"], curves.T, color=colour, lw=0.5, alpha=0.5)
        axes.plot(row["steps"], curves.mean(axis=0), color=colour, lw=2, label=name)
    axes.set_xlabel("frames")
    axes.set_ylabel("bricks of an episode")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


def main() -> None:
    """Measure what is not there yet; write after every part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few frames; nothing is written")
    parser.add_argument("--report", action="store_true", help="only write page and picture")
    args = parser.parse_args()
    path = RESULTS / "breakout.json"
    results: dict[str, Any] = {"rows": {}}
    if path.exists() and not args.quick:
        results = json.loads(path.read_text())
    results |= {"machine": machine(), "versions": versions("jax", "jaxlib")}
    for name in ("PPO", *ABLATION):
        if args.report or name in results["rows"]:
            continue
        results["rows"][name] = measure(name, args.quick)
        print(f"{name}: {results['rows'][name]['scores']}", flush=True)
        if not args.quick:
            path.write_text(json.dumps(results, indent=1) + "\n")
    if args.quick:
        print(page(results))
        return
    (RESULTS / "breakout.md").write_text(page(results))
    draw(results, RESULTS / "breakout.png")


if __name__ == "__main__":
    main()
