"""`learn`: from settings and an environment to trained agents, all seeds one program."""

from __future__ import annotations

import dataclasses
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from descend.agents.agents import Agents
from descend.agents.checks import inspect
from descend.agents.environment import Environment
from descend.agents.game import Game
from descend.agents.group import Group
from descend.agents.settings import Settings
from descend.agents.task import PREFIX, AgentTask
from descend.agents.trained import agents_of
from descend.errors import DescendError, DivergenceError, unknown
from descend.nn.checks import whole
from descend.train.callbacks import Callback, EarlyStopping, ModelCheckpoint
from descend.train.callbacks.base import listed
from descend.train.many import train_task
from descend.train.many.arguments import settings_of

CHOSEN = 1_000_000  # seeds of the episodes that choose the best weights begin here
BRIEF = 0.2  # seconds behind the first evaluation that are too few for a speed


def learn(
    algorithm: Settings,
    environment: Environment,
    steps: int,
    *,
    seeds: int | Sequence[int] = 1,
    grid: Any = None,
    evaluations: int = 20,
    episodes: int = 20,
    callbacks: Sequence[Any] = (),
    checkpoint: str | Path | None = None,
    resume: str | Path | None = None,
    verbose: int = 1,
) -> Agents:
    """What `Algorithm.learn` does; see there."""
    for name, value in (("steps", steps), ("evaluations", evaluations), ("episodes", episodes)):
        whole(name, value, 1)
    inspect(environment)
    if isinstance(environment, Game) and not algorithm.plays_games:
        raise DescendError(
            f"{environment.label} is for two players in turns, and {algorithm.label} plays alone; "
            "descend.agents.alphazero.SelfPlay learns from games against itself"
        )
    numbers = _seeds(seeds)
    combined = settings_of(grid) if grid is not None else [{}]
    combined = _discounted(algorithm, environment, combined)
    settings = [{**one, "seed": seed} for one in combined for seed in numbers]
    groups: dict[Any, list[int]] = {}
    structures = [_structure(algorithm, environment, one) for one in combined]
    for i, one in enumerate(settings):
        structure = structures[i // len(numbers)]
        groups.setdefault(tuple(sorted((k, repr(one[k])) for k in structure)), []).append(i)
    if len(groups) > 1 and (checkpoint is not None or resume is not None):
        raise DescendError(
            "checkpoint and resume are of one program; a grid over "
            f"{', '.join(sorted({k for s in structures for k in s}))} makes {len(groups)}"
        )
    trained = []
    for places in groups.values():
        structure = structures[places[0] // len(numbers)]
        a, e = _with(algorithm, environment, {k: settings[places[0]][k] for k in structure})
        plain = [{k: v for k, v in settings[i].items() if k not in structure} for i in places]
        traced = sorted({k.removeprefix(PREFIX) for one in plain for k in one if PREFIX in k})
        task = a.task(e, steps, traced)
        feed, epochs = task.feed(evaluations)
        best = _Best()
        chosen = np.arange(CHOSEN, CHOSEN + episodes, dtype=np.uint32)
        validation, judges = task.judged(chosen, feed)
        extra: list[Any] = [*judges, best, *listed(callbacks)]
        if verbose:
            extra.append(Progress(task, epochs, len(places)))
        if checkpoint is not None:
            extra.append(ModelCheckpoint(checkpoint, scratch=True))
        began = time.perf_counter()
        members = train_task(
            task,
            plain,
            feed,
            epochs,
            validation=validation,
            callbacks=extra,
            identity=_identity(a, e, steps, plain, evaluations, episodes),
            resume=resume,
        )
        seconds = time.perf_counter() - began
        last = members[0].states.params
        weights = best.best_weights
        trained.append(
            Group(
                task=task,
                places=places,
                settings=[settings[i] for i in places],
                histories=[m.history for m in members],
                diverged=[m.diverged_in for m in members],
                last=last,
                best=last if weights is None else weights["params"],
                best_epochs=np.asarray(best.best_epoch)[: len(places)],
                episodes=episodes,
                seconds=seconds,
            )
        )
        if any(m.history.interrupted for m in members):
            break  # what has been trained so far is the result
    _tell_divergence(algorithm, environment, trained)
    ranks = {place: i for i, place in enumerate(sorted(p for g in trained for p in g.places))}
    for group in trained:
        group.places = [ranks[place] for place in group.places]
    return agents_of(trained)


def _tell_divergence(algorithm: Settings, environment: Environment, trained: list[Group]) -> None:
    """A warning where agents ended without a number; the error where none was ever without."""
    ends = [end for group in trained for end in group.diverged]
    gone = [end for end in ends if end is not None]
    if not gone:
        return
    words = (
        f"{len(gone)} of {len(ends)} agents by {algorithm.label} in {environment.label} came to "
        "values that are no numbers, and were stopped there"
    )
    cure = "a smaller learning_rate; check_environment looks for rewards that are no numbers"
    if len(gone) == len(ends) and max(gone) == 1:
        raise DivergenceError(f"{words}, all before the first evaluation. Try {cure}")
    warnings.warn(f"{words} (see to_frame()). Try {cure}", stacklevel=4)


def _seeds(seeds: Any) -> list[int]:
    """The seeds that a count or a list stands for."""
    if isinstance(seeds, (list, tuple, range, np.ndarray)):
        numbers = [int(whole("seeds", s, 0)) for s in seeds]
        if max(numbers, default=0) >= 2**32:
            raise DescendError(f"a seed must be below 2^32, got {max(numbers)}")
        if not numbers:
            raise DescendError("seeds is empty; expected a number of seeds, or a list of them")
        if twice := [s for s in numbers if numbers.count(s) > 1]:
            raise DescendError(
                f"seeds has {twice[0]} twice: agents of one seed are the same agent, and what is "
                "said of several would look surer than it is"
            )
        return numbers
    return list(range(int(whole("seeds", seeds, 1))))


def _discounted(
    algorithm: Any, environment: Environment, settings: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The settings, each with its gamma where a sweep of the environment changes its discount."""
    if algorithm.gamma is not None or environment.discount is None:
        return settings
    followed = []
    for one in settings:
        own = {k.removeprefix(PREFIX): v for k, v in one.items() if k.startswith(PREFIX)}
        gamma = float(environment.with_parameters(own).discount)
        followed.append({**one, "gamma": one.get("gamma", gamma)})
    swept = any(one["gamma"] != environment.discount for one in followed)
    return followed if swept else settings


def _structure(
    algorithm: Settings, environment: Environment, setting: Mapping[str, Any]
) -> frozenset[str]:
    """The settings that make another program: what is no number to be swept."""
    numbers = {**algorithm.numbers(), **_rule_numbers(algorithm)}
    fields = {f.name for f in dataclasses.fields(algorithm)}
    parameters = environment.parameters()
    floats = {f.name for f in dataclasses.fields(environment) if isinstance(f.default, float)}
    structure = set()
    for name in setting:
        if not isinstance(name, str):
            raise DescendError(f"the grid needs names of settings, got {name!r}")
        if name == "seed":
            raise DescendError("seeds are no part of the grid: learn(..., seeds=[1, 2])")
        if name.startswith(PREFIX):
            own = name.removeprefix(PREFIX)
            if own not in parameters:
                raise unknown(f"parameter of {environment.label}", own, parameters)
            if own not in floats:
                structure.add(name)
        elif name in fields and name not in numbers:
            structure.add(name)
        elif name not in numbers:
            every = {*fields, *numbers, *(PREFIX + p for p in parameters)}
            raise unknown(f"setting of {algorithm.label}", name, every)
    return frozenset(structure)


def _rule_numbers(algorithm: Settings) -> dict[str, float]:
    return {
        f"{rule}.{name}" if rule else name: value
        for rule, one in algorithm.rules().items()
        for name, value in one.numbers().items()
    }


def _with(
    algorithm: Settings, environment: Environment, structure: Mapping[str, Any]
) -> tuple[Settings, Environment]:
    own = {k: v for k, v in structure.items() if not k.startswith(PREFIX)}
    other = {k.removeprefix(PREFIX): v for k, v in structure.items() if k.startswith(PREFIX)}
    return algorithm.with_parameters(own), environment.with_parameters(other)


def _identity(
    algorithm: Settings,
    environment: Environment,
    steps: int,
    settings: list[dict[str, Any]],
    evaluations: int,
    episodes: int,
) -> dict[str, Any]:
    """What tells this training from another, in JSON."""
    return {
        "algorithm": repr(algorithm),
        "environment": repr(environment),
        "steps": steps,
        "settings": [{k: repr(v) for k, v in one.items()} for one in settings],
        "evaluations": evaluations,
        "episodes": episodes,
    }


class _Best(EarlyStopping):
    """Keeps the weights of each member's best evaluation; stops nothing, puts nothing back."""

    def __init__(self) -> None:
        super().__init__("val_return", patience=sys.maxsize, mode="max")

    def on_train_end(self, logs: Any = None) -> None:
        """Leave the last weights where they are."""


def _duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


class Progress(Callback):
    """What `learn(verbose=1)` shows: a bar in a terminal, else ten lines; on standard error.

    Speed and the time left are those since the first evaluation: compiling came before it.

    Args:
        task: task in training.
        epochs: evaluations in all.
        members: runs that train side by side.
    """

    def __init__(self, task: AgentTask, epochs: int, members: int):
        self._task, self._epochs, self._members = task, epochs, members
        self._bar: Any = None
        self._tenths = 0
        self._start: Any = None  # (time, epoch) at which this call began

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock and the bar before the first epoch of this call, resumed or not."""
        if self._start is not None:
            return
        self._start = self._compiled = time.perf_counter(), epoch
        what = f"{self._task.algorithm.label} in {self._task.environment.label}"
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=12),
                TextColumn("{task.fields[words]}", markup=False),
                console=Console(stderr=True),
            )
            self._line = self._bar.add_task(f"{what}: compiling", total=self._epochs, words="")
            self._bar.start()
            return
        agents = f"{self._members} agents" if self._members > 1 else "one agent"
        print(
            f"{what}: {agents}, {self._task.budget:,} steps each; compiling ...",
            file=sys.stderr,
            flush=True,
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show steps, return, speed and the time left."""
        done = self._task.steps_after(epoch + 1)
        now, (began, first) = time.perf_counter(), self._start
        if self._compiled == self._start:
            self._compiled = now, epoch + 1
        elif now - self._compiled[0] > BRIEF:  # several evaluations may come at once
            began, first = self._compiled
        seconds = max(now - began, 1e-9)
        speed = (done - self._task.steps_after(first)) * self._members / seconds
        left = seconds / (epoch + 1 - first) * (self._epochs - epoch - 1)
        values = np.atleast_1d(logs["val_return"])
        values = values[np.isfinite(values)]
        words = "diverged"
        if values.size:
            words = f"return {np.median(values):.4g}"
            if self._members > 1:
                words += f" (median of {self._members}; worst {values.min():.4g})"
        words += f", {speed:,.0f} steps/s, {_duration(left)} left"
        if self._bar is not None:
            self._bar.update(
                self._line, completed=epoch + 1, description=f"{done:,} steps", words=words
            )
            return
        tenths = (epoch + 1) * 10 // self._epochs
        if tenths > self._tenths:
            self._tenths = tenths
            print(f"{done:,} of {self._task.budget:,} steps: {words}", file=sys.stderr, flush=True)

    def on_train_end(self, logs: Any = None) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
