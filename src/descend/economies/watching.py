"""Judging seeds while they are trained, and keeping the best weights of each.

Weights that are kept are those that did best under the finer rule, seed by seed; the cost of
training decides nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.learner import TrainingState
from descend.economies.problem import Problem, on_host, quick
from descend.economies.progress import Log
from descend.economies.system import Position
from descend.train.callbacks import Callback
from descend.train.saving.checkpoint import save_checkpoint

WATCHED = 512  # points that a policy is judged on while it is trained
MARGIN = 0.8  # of an aim: with this much on those few points training stops; others may be worse
CHECKS = 12  # how often, in each stage


class Check:
    """The figures of one seed's weights on few points, by the finer rule."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self._program = quick(self._figures)

    def __call__(self, state: TrainingState, seed: int | None) -> tuple[dict[str, float], Any]:
        """(figures, weights) of one seed of a state; `seed` is None where the state holds one."""
        # by way of the host: whatever devices it lies on, one program judges it
        params, hyper = on_host((state.params, state.hyper))
        if seed is not None:
            params, hyper = jax.tree.map(lambda a: a[seed], (params, hyper))
        numbers = {name: hyper[f"parameter.{name}"] for name in self.problem.system.traced}
        key = jax.random.key(self.problem.plan.seed + 1_000_003)
        figures = self._program(params, numbers, key)
        return {name: float(value) for name, value in figures.items()}, params

    def score(self, figures: Mapping[str, float]) -> float:
        """At most 1 where the residuals are below every aim, on these points.

        With paths that leave the box by far it is above 1, whatever the residuals.
        """
        score = np.max([figures[words] / aim for words, aim in self.problem.aims.items()])
        if figures["set back"] > 0:
            score = max(score, 1.0) + figures["set back"]
        return score if np.isfinite(score) else np.inf

    def _figures(self, params: Any, numbers: Any, key: jax.Array) -> dict[str, jax.Array]:
        """The figures that an aim may name, and the share of periods that were set back."""
        judge, paths = self.problem.judge, 64
        points, back = judge.ergodic(params, numbers, key, paths, 100, WATCHED // paths, 10)
        sets = {"ergodic": points}
        named = " ".join(self.problem.aims)
        if "box" in named:
            sets["box"] = judge.box(key, WATCHED)
        if "stressed" in named:
            sets["stressed"] = judge.stressed(params, numbers, key, WATCHED // 16, 16)[0]
        figures: dict[str, jax.Array] = {"set back": back}
        for name, points in sets.items():
            residuals = judge.evaluate("conditions", params, numbers, points)
            size = jnp.abs(jnp.concatenate(list(residuals.values()), axis=1))
            figures |= {  # of the worst condition, as in Accuracy
                f"{name} mean": jnp.max(jnp.mean(size, axis=0)),
                f"{name} median": jnp.max(jnp.median(size, axis=0)),
                f"{name} p99": jnp.max(jnp.percentile(size, 99, axis=0)),
                f"{name} p99.9": jnp.max(jnp.percentile(size, 99.9, axis=0)),
                f"{name} max": jnp.max(size),
            }
        return figures


class Candidates:
    """The best weights of every seed so far: what one stage hands to the next.

    Attributes:
        params: the weights, NumPy arrays with a leading axis of seeds.
        figures: result of the check of each seed's weights; empty before its first check.
        scores: `Check.score` of each seed, (seeds,).
        residuals: mean residual of the worst condition on simulated states, (seeds,).
        paths: positions of each seed's paths before the stage: a polishing begins there.
        repairs: counts of periods that were set back in the first stage, and of all, (seeds, 2).
    """

    def __init__(self, check: Check, state: TrainingState):
        self.check = check
        count = check.problem.plan.seeds
        self.params: Any = jax.tree.map(np.array, state.params)
        self.figures: list[dict[str, float]] = [{} for _ in range(count)]
        self.scores = np.full(count, np.inf)
        self.residuals = np.full(count, np.nan)
        self.paths: Any = on_host(state.paths)
        self.repairs = np.asarray(state.repairs, float)

    @property
    def judged(self) -> bool:
        """Whether every seed has been checked at least once."""
        return not np.isnan(self.residuals).any()

    def judge(self, state: TrainingState, seeds: Sequence[int], together: bool = True) -> None:
        """Check some seeds of a state, and keep what is better than before.

        Args:
            together: True where the state holds all seeds, False where it holds one.
        """
        for seed in seeds:
            figures, params = self.check(state, seed if together else None)
            score = self.check.score(figures)
            if score < self.scores[seed] or np.isnan(self.residuals[seed]):
                self.figures[seed] = figures
                self.scores[seed], self.residuals[seed] = score, figures["ergodic mean"]
                olds, news = jax.tree.leaves(self.params), jax.tree.leaves(params)
                for old, new in zip(olds, news, strict=True):
                    old[seed] = np.asarray(new)

    def of(self, seed: int) -> Any:
        """The best weights of one seed."""
        return jax.tree.map(lambda a: np.asarray(a[seed]), self.params)

    def met(self, seeds: Sequence[int]) -> bool:
        """Whether training may stop: these seeds meet every aim with a margin."""
        return bool((self.scores[list(seeds)] <= MARGIN).all())

    def saved(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {
            "best": self.params,
            "scores": self.scores,
            "residuals": self.residuals,
            "paths": self.paths._asdict(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take up what `saved` gave."""
        self.params = jax.tree.map(np.array, saved["best"])
        self.scores, self.residuals = np.array(saved["scores"]), np.array(saved["residuals"])
        self.paths = Position(*(saved["paths"][name] for name in Position._fields))


class Watch(Callback):
    """Judges the seeds of a stage every few epochs; ends it when all met the aim, or none moves.

    Args:
        candidates: the best weights of each seed.
        log: the log that is told the progress.
        stage, number: name of the stage, and of its one seed or None.
        seeds: positions of the seeds that the stage trains.
        steps, every: updates of an epoch; epochs from one judgement to the next.
        patience: judgements without a seed's getting better by a tenth before the stage is ended.
        waiting: seeds that will be trained one after the other behind this one.
        checkpoint: file that holds the run after every judgement, or None.
    """

    def __init__(
        self,
        candidates: Candidates,
        log: Log,
        stage: str,
        number: int | None,
        seeds: Sequence[int],
        *,
        steps: int,
        every: int,
        patience: float = np.inf,
        waiting: int = 0,
        checkpoint: Path | None = None,
    ):
        self.candidates, self.log, self.stage, self.number = candidates, log, stage, number
        self.seeds, self.steps, self.every, self.patience = seeds, steps, every, patience
        self.waiting, self.checkpoint = waiting, checkpoint
        self.stale = np.array([np.inf, 0.0])  # the score to be beaten, judgements since it was set
        self.clock: tuple[int, float] | None = None  # epoch and time after the first epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Judge, tell, perhaps stop."""
        if self.clock is None:  # the first epoch compiled
            self.clock = (epoch, time.perf_counter())
        last = epoch + 1 == self.run.epochs
        if (epoch + 1) % self.every and not last:
            return
        candidates = self.candidates
        candidates.judge(self.run.state, self.seeds, self.run.members is not None)
        done = candidates.met(self.seeds)
        score = candidates.scores[list(self.seeds)].min()
        better = score < 0.9 * self.stale[0]
        mark, since = self.stale
        self.stale = np.array([score, 0.0] if better else [mark, since + 1])
        stalled = not done and not last and self.stale[1] >= self.patience
        lines_every = -(-self.run.epochs // CHECKS)
        if (epoch + 1) % lines_every == 0 or last or done or stalled:
            self._tell(epoch, done or stalled)
        if done:
            self.run.stop("the residuals are below the aim")
        elif stalled:
            self.run.stop(f"no better by a tenth in {self.patience} judgements")
        if self.checkpoint is not None:
            save_checkpoint(self.run, self.checkpoint)

    def _tell(self, epoch: int, ends: bool) -> None:
        candidates = self.candidates
        residuals = candidates.residuals[list(self.seeds)]
        self.log.add(
            stage=self.stage,
            seed=self.number,
            done=(epoch + 1) * self.steps,
            of=self.run.epochs * self.steps,
            residual=float(np.min(residuals)),
            median=float(np.median(residuals)) if len(residuals) > 1 else None,
            below=int((candidates.scores <= 1).sum()),
            seeds=len(candidates.scores),
            left=self._left(epoch, ends),
        )

    def _left(self, epoch: int, ends: bool) -> float | None:
        """Seconds until the last update of the stage, and of the seeds that wait, at most."""
        assert self.clock is not None
        first, began = self.clock
        if epoch == first:
            return None
        each = (time.perf_counter() - began) / (epoch - first)
        here = 0 if ends else self.run.epochs - epoch - 1
        return each * (here + self.waiting * self.run.epochs)

    def saved(self) -> dict[str, Any]:
        """What is best of every seed, and where the polishing begins."""
        return {**self.candidates.saved(), "stale": self.stale}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take up what `saved` gave."""
        self.stale = np.array(saved["stale"])
        self.candidates.restore(saved)
