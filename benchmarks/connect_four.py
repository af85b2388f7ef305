"""Connect four learnt by self-play and judged by exact play: `python benchmarks/connect_four.py`.

    --steps N        moves of self-play; by default those of `descend agent train connect-four`
    --load FILE      judge saved players instead of training some
    --save FILE      where to keep those that were trained
    --games 100      games against each opponent and side
    --quick          a training of seconds and few positions, nothing written

Moves are judged on positions in which some move loses something, by a solver of this folder (needs
Numba): a move is right if it keeps what the position is worth (a win, a draw or a loss). Positions
come from games in which nobody missed a win: 3 of 5 moves block a loss and give no win away, the
others are drawn evenly. The opening is judged from its eleventh move on, and by its first move, of
which the answer is known: the moves between them would take the solver hours.

Writes results/connect_four.json and connect_four.md; positions and their values are kept in
connect_four_positions.json and solved again where that file is missing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine, versions

RESULTS = Path(__file__).resolve().parent / "results"
POSITIONS = Path(__file__).resolve().parent / "connect_four_positions.json"
# moves behind which a position is of this phase, and how many positions are judged
PHASES = {"opening": (10, 13, 60), "middle": (14, 25, 200), "end": (26, 37, 200)}
SIMULATIONS = (1, 32, 128, 512)
OPPONENTS = ("random", "one-ply", "depth-4")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--load", type=Path)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--games", type=int, default=100)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()

    load = round(os.getloadavg()[0], 1)
    players, training = trained(given)
    if given.save:
        players.save(given.save)
    positions = solved(given.quick)
    results: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "command": " ".join(["python benchmarks/connect_four.py", *sys.argv[1:]]),
        "machine": machine(),
        "load_before": load,
        "versions": versions("jax", "mctx", "numpy", "numba"),
        "training": training,
        "positions": {phase: len(rows) for phase, rows in positions.items()},
        "play": [],
    }
    for simulations in SIMULATIONS[:2] if given.quick else SIMULATIONS:
        row = judged(players, positions, simulations, 4 if given.quick else given.games)
        results["play"].append(row)
        print(json.dumps(row), flush=True)
    if given.quick:
        print(markdown(results))
        return
    write(RESULTS / "connect_four.json", json.dumps(results, indent=1) + "\n")
    write(RESULTS / "connect_four.md", markdown(results))


def trained(given: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The players, and how they were trained."""
    from descend.agents import load_agents, make
    from descend.agents.alphazero import SelfPlay
    from descend.agents.presets import preset

    if given.load:
        players = load_agents(given.load)
    else:
        chosen = preset("connect-four")
        steps = given.steps or (8192 if given.quick else chosen.steps)
        players = SelfPlay(**chosen.options()).learn(make("connect-four"), steps, seeds=1)
    history = players[0].history.history
    moves = players[0].task.steps_after(len(history["loss"]))
    games = moves / float(np.nanmean(history["length"]))
    return players, {
        "settings": {
            name: value
            for name, value in players.algorithm.parameters().items()
            if isinstance(value, (int, float, str))
        },
        "layers": [
            f"{type(h).__name__}({h.filters}, {h.kernel_size})" if hasattr(h, "filters") else h
            for h in players.algorithm.hidden
        ],
        "moves": moves,
        "games": round(games),
        "seconds": players.seconds,
        "games_a_second": games / players.seconds,
    }


# -- positions and what they are worth ------------------------------------------------------------


def solved(quick: bool) -> dict[str, list[dict[str, Any]]]:
    """{phase: positions with their moves and the value of each column}."""
    if POSITIONS.exists():
        every = json.loads(POSITIONS.read_text())
        return {phase: rows[: 10 if quick else None] for phase, rows in every.items()}
    from connect_four_solver import Solver

    solver, found = Solver(), {}
    for phase, (low, high, count) in PHASES.items():
        if quick and phase == "opening":
            continue
        rng, rows, began = random.Random(low), [], time.perf_counter()
        while len(rows) < (10 if quick else count):
            moves = line(rng, rng.randint(low, high))
            values = solver.values(moves) if moves else []
            if len({v for v in values if v is not None}) > 1:  # something can be lost
                rows.append({"moves": moves, "values": values})
        found[phase] = rows
        print(f"{phase}: {len(rows)} positions, {time.perf_counter() - began:.0f} s", flush=True)
    if not quick:
        write(POSITIONS, json.dumps(found) + "\n")
    return found


def line(rng: random.Random, length: int) -> list[int] | None:
    """So many moves of a game in which nobody could win; None where somebody could before."""
    from connect_four_solver import BOTTOM, COLUMN, COLUMNS, HEIGHT, bits, winning

    moves: list[int] = []
    while len(moves) < length:
        own, taken = bits(moves)
        cells = {c: (taken + BOTTOM) & (COLUMN << HEIGHT * c) for c in range(COLUMNS)}
        free = [c for c, cell in cells.items() if cell]
        mine, theirs = (winning(who, taken) for who in (own, own ^ taken))
        if any(cells[c] & mine for c in free):
            return None
        blocks = [c for c in free if cells[c] & theirs]
        safe = [c for c in free if not (cells[c] << 1) & theirs]
        moves.append(rng.choice((blocks or safe or free) if rng.random() < 0.6 else free))
    return moves


def states_of(rows: Sequence[dict[str, Any]]) -> Any:
    """The positions as the game holds them."""
    from descend.agents.environments.connect_four import Stacks

    stones = np.zeros((len(rows), 2, 7), np.int32)
    for i, row in enumerate(rows):
        for turn, column in enumerate(row["moves"]):
            height = int(stones[i, :, column].sum()).bit_length()
            stones[i, turn % 2, column] |= 1 << height
    return Stacks(stones, np.array([len(row["moves"]) for row in rows], np.int32))


# -- how well it plays ----------------------------------------------------------------------------


def judged(players: Any, positions: dict[str, Any], simulations: int, games: int) -> dict[str, Any]:
    """Shares of right moves by phase, and games against opponents."""
    player, row = players[0], {"simulations": simulations}
    for phase, rows in positions.items():
        values = np.array([[-9 if v is None else v for v in one["values"]] for one in rows])
        right = values == values.max(axis=1, keepdims=True)
        states = states_of(rows)
        moves = player.act(states, simulations=simulations)
        row[phase] = float(right[np.arange(len(rows)), moves].mean())
        row[f"{phase} by chance"] = float((right.sum(axis=1) / (values > -9).sum(axis=1)).mean())
    began = time.perf_counter()
    row["first move"] = int(player.act(players.environment.position([]), simulations=simulations))
    results = players.evaluate(2 * games, against=OPPONENTS, simulations=simulations)
    row["games"] = {
        f"{other}, {side}": results.counts(other, side)
        for other in OPPONENTS
        for side in ("first", "second")
    }
    row["seconds of games"] = time.perf_counter() - began
    return row


def markdown(results: dict[str, Any]) -> str:
    """connect_four.json as tables."""
    training, where = results["training"], results["machine"]
    with_what = ", ".join(f"{k} {v}" for k, v in results["versions"].items())
    counts = ", ".join(f"{n} {phase}" for phase, n in results["positions"].items())
    lines = [
        "# Connect four by self-play",
        "",
        "Written by `benchmarks/connect_four.py`; do not edit.",
        "",
        f"`{results['command']}`, {results['date']}. {where['cpu']}, {where['cores']} cores, load "
        f"before {results['load_before']}; {with_what}.",
        "",
        f"Trained by {training['moves']:,} moves of self-play, {training['games']:,} games, in "
        f"{training['seconds'] / 60:.1f} minutes: {training['games_a_second']:.0f} games a second, "
        f"compilation and evaluations included. Layers: {', '.join(map(str, training['layers']))}; "
        + ", ".join(f"{name} {value}" for name, value in training["settings"].items())
        + ".",
        "",
        "Right is a move that keeps what the position is worth, by exact play (opening: behind 10 "
        f"to 13 moves, middle: 14 to 25, end: 26 to 37; {counts} positions in which something can "
        "be lost; in brackets by chance). Before the eleventh move only the first is judged: 3, "
        "the middle, is the only one that wins.",
        "",
        "| positions a search | opening | middle | end | first move |",
        "|---|---|---|---|---|",
    ]
    for row in results["play"]:
        shares = [f"{row[p]:.1%} ({row[p + ' by chance']:.0%})" for p in results["positions"]]
        lines.append(f"| {row['simulations']} | {' | '.join(shares)} | {row['first move']} |")
    lines += ["", "Games: won-drawn-lost.", ""]
    names = list(results["play"][0]["games"])
    lines.append("| positions a search | " + " | ".join(names) + " |")
    lines.append("|---" * (len(names) + 1) + "|")
    for row in results["play"]:
        cells = ["-".join(map(str, row["games"][name])) for name in names]
        lines.append(f"| {row['simulations']} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "random draws its moves; one-ply takes a win, blocks a loss and else draws; depth-4 "
        "follows all lines of four moves, counts open lines of four where it stops, and draws "
        "among moves of nearly the same value, so that games differ.",
    ]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    from descend.files import write_atomically

    write_atomically(path, text.encode())


if __name__ == "__main__":
    main()
