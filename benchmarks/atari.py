"""DQN on a game of Atari at the full setting of Mnih et al. 2015: for a machine with a GPU.

    python benchmarks/atari.py --estimate            what it would cost on this machine, in a minute
    python benchmarks/atari.py --game breakout       the run itself: days
    python benchmarks/atari.py --resume run.descend  to go on with it

It needs ale-py (`pip install ale-py`). The estimate measures what a step of the game, a decision
and an update take here, and works out hours and memory of the run; it is written to
benchmarks/results/atari.json and .md. The run itself writes its agents beside its checkpoint.

What differs from the paper is listed in the page.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import jax
import numpy as np
from machine import machine, versions

from descend.agents import DQN
from descend.agents.adapters import from_atari, nature_network
from descend.agents.host import Copies
from descend.train.engine.runtime import prepare
from descend.train.rules import RMSProp

RESULTS = Path(__file__).parent / "results"
STEPS = 50_000_000  # of the agent: 200 million pictures of the console
CAPACITY = 1_000_000
PAPER = {"Breakout, DQN": 401.2, "Breakout, a person": 31.8, "Breakout, at random": 1.7}
DEVIATIONS = (
    "Four games side by side, each a step between updates; the paper plays one game, four steps.",
    "The slow copy moves by 1/10,000 at every update; the paper copies it every 10,000.",
    "The policy that acts is up to 32 updates old: games are played while the device learns.",
    "The replay keeps two pictures a step (one and what it led to), not one.",
    "Pictures are made smaller by areas, of the console's grey values.",
)


def setting(**changes: int) -> DQN:
    """The DQN of Mnih et al. 2015, extended data table 1."""
    return DQN(
        **{
            "hidden": nature_network(),
            "optimizer": RMSProp(2.5e-4, rho=0.95, epsilon=0.01, centered=True),
            "anneal": False,
            "double": False,
            "huber": True,
            "gamma": 0.99,
            "tau": 1e-4,
            "epsilon": 1.0,
            "epsilon_end": 0.1,
            "exploring": 1_000_000 / STEPS,
            "lookahead": 1,
            "environments": 4,
            "updates": 1,
            "batch": 32,
            "capacity": CAPACITY,
            "warmup": 50_000,
            **changes,
        }
    )


def seconds_each(call, times: int) -> float:
    """Seconds of a call, the first one, which compiles, left out."""
    call()
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


def measured(game: str) -> dict[str, float]:
    """Seconds of a step of the game, of a decision for all games, of an update."""
    environment = from_atari(game)
    task = setting(capacity=2000, warmup=64).task(environment, 10_000)
    task.feed(1)
    copies, draw = Copies(environment, 1), np.random.default_rng(0)
    copies.begin(0, 0)

    def play() -> None:
        if copies.step(0, np.asarray(draw.integers(environment.actions.n)))[2]:
            copies.begin(0)

    state = jax.jit(task.init)(jax.random.key(0), task.numbers(task.hyper()))
    state = state._replace(written=jax.numpy.int32(2000))
    luck = jax.random.uniform(jax.random.key(1), (1, 32))
    keys = jax.random.split(jax.random.key(2), 1)
    update = jax.jit(lambda s: task.learned(s, luck, keys)[0]._replace(replay=()))
    add = jax.tree.map(lambda a: a[None], (state.params, state.hyper))
    seen = np.zeros((1, 4, *environment.observation[0]), environment.observation[1])
    seeds = np.zeros(1, np.uint32)
    return {
        "a step of a game": seconds_each(play, 500),
        "a decision": seconds_each(lambda: task.chosen(*add, seeds, seen, 10_000), 50),
        "an update": seconds_each(lambda: jax.block_until_ready(update(state)), 20),
    }


def estimate(game: str) -> dict:
    """The cost of the run on this machine."""
    prepare()
    seconds = measured(game)
    rounds = STEPS / 4  # of a step in each game, a decision, an update
    walking = rounds * (4 * seconds["a step of a game"] + seconds["a decision"])
    learning = rounds * seconds["an update"]
    # what an update needs beside the replay is small: 1.7 million weights, three times
    replay = 2 * 84 * 84 * CAPACITY / 1e9
    return {
        "run": {
            "command": "python benchmarks/atari.py --estimate",
            "date": date.today().isoformat(),
            "device": jax.devices()[0].device_kind,
            "load": os.getloadavg()[0],  # of other work: above the cores, all times are too long
            **machine(),
            **versions("jax", "jaxlib", "ale-py"),
        },
        "game": game,
        "seconds": seconds,
        "hours": {
            "playing": walking / 3600,
            "learning": learning / 3600,
            "together, one while the other": max(walking, learning) / 3600,
        },
        "replay GB": replay,
    }


def page(found: dict) -> str:
    """The estimate as Markdown."""
    seconds, hours, run = found["seconds"], found["hours"], found["run"]
    lines = [
        f"# What {found['game']} at the full setting of Mnih et al. 2015 costs",
        "",
        f"Written by `{run['command']}` on {run['date']}: {run['cpu']}, {run['cores']} cores (load "
        f"{run['load']:.0f}), device {run['device']}, JAX {run['jax']}, ale-py {run['ale-py']}. "
        f"**The run was not made**: this is the cost of {STEPS:,} steps, worked out from what was "
        "measured. A GPU makes the update shorter; playing stays on the host.",
        "",
        "| | measured |",
        "|---|---|",
        *(f"| {what}, ms | {1000 * value:.3g} |" for what, value in seconds.items()),
        *(f"| {what}, hours | {value:,.0f} |" for what, value in hours.items()),
        f"| replay of {CAPACITY:,} steps, GB | {found['replay GB']:.1f} |",
        "",
        "A checkpoint holds the replay, and needs its size once more while it is written.",
        "",
        "Published: " + ", ".join(f"{who} {score}" for who, score in PAPER.items()) + ".",
        "",
        "Where it differs from the paper:",
        "",
        *(f"- {one}" for one in DEVIATIONS),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Estimate, or run."""
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--game", default="breakout")
    given.add_argument("--estimate", action="store_true")
    given.add_argument("--steps", type=int, default=STEPS)
    given.add_argument("--checkpoint", default="atari-run.descend")
    given.add_argument("--resume")
    options = given.parse_args()
    if options.estimate:
        found = estimate(options.game)
        text = json.dumps(found, indent=1) + "\n"
        (RESULTS / "atari.json").write_text(text, encoding="utf-8")
        (RESULTS / "atari.md").write_text(page(found), encoding="utf-8")
        print(page(found))
        return
    agents = setting().learn(
        from_atari(options.game),
        options.steps,
        evaluations=math.ceil(options.steps / 250_000),
        episodes=30,
        checkpoint=options.checkpoint,
        resume=options.resume,
    )
    agents.save(Path(options.checkpoint).with_suffix(".agents.descend"))
    print(agents.evaluate(episodes=30, which="best"))


if __name__ == "__main__":
    main()
