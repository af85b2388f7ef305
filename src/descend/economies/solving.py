"""The work of `solve`: first-order updates of all seeds, homotopy, polishing, judging.

Weights that are kept are those that did best under the finer rule, seed by seed; the cost of
training decides nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies import expectations
from descend.economies.accuracy import SETS, Accuracy, Judge, Measure, Size
from descend.economies.checks import check_statement
from descend.economies.learner import Learner, Living
from descend.economies.plan import Plan
from descend.economies.points import Ground, Position
from descend.economies.polish import RESIDUALS, GaussNewton
from descend.economies.solution import Seed, Solution
from descend.errors import CheckpointError, DescendError
from descend.files import writable
from descend.nn.graph import Graph
from descend.train import placement
from descend.train.callbacks import Callback
from descend.train.checkpoint import read, save_checkpoint
from descend.train.engine import train
from descend.train.feeds import Steps
from descend.train.optimizers import LBFGS
from descend.train.runtime import quick_compile

WATCHED = 512  # points that a policy is judged on while it is trained
MARGIN = 0.8  # of an aim: with this much on those few points training stops; others may be worse
CHECKS = 12  # how often, in each stage
APART = 10  # periods between the points of a path that are polished on: nearer ones are too alike
STALLED = 25  # polishing steps without getting better by a tenth: the seed is done
STRIDE = 0.25  # of the way, the longest step of a homotopy
FOLLOWED = 1e-2  # a step has succeeded when some seed's mean residual is below this


class Solving:
    """One call of `solve`: its log, and the best weights of each seed."""

    def __init__(self, ground: Ground, plan: Plan, size: Size, verbose: Any):
        self.ground, self.plan, self.size, self.verbose = ground, plan, size, verbose
        self.graph: Graph = plan.network.graph(ground)
        dimensions = ground.law.dimensions
        self.rule = expectations.rule(plan.rule, dimensions)
        self.judge = Judge(ground, self.graph, expectations.rule(plan.judged_by, dimensions))
        self.log: list[str] = []
        self.began = time.perf_counter()
        self.best: Any = None  # weights, with a leading axis of seeds
        self.scores = np.full(plan.seeds, np.inf)
        self.residuals = np.full(plan.seeds, np.nan)
        self.paths: Any = None  # that the polishing begins from
        self.checkpoint: Path | None = None
        self.stopped = False  # by Ctrl-C
        self._judging: Any = None

    def say(self, line: str) -> None:
        """A line of the log, shown at once."""
        line = f"{time.perf_counter() - self.began:6.1f} s  {line}"
        self.log.append(line)
        if callable(self.verbose):
            self.verbose(line)
        elif self.verbose:
            print(line, file=sys.stderr, flush=True)

    def run(self, start_from: Any, homotopy: Mapping, checkpoint: Any, resume: Any) -> Solution:
        """All stages; the arguments are those of `solve`."""
        plan, ground = self.plan, self.ground
        aims = ", ".join(f"{words} {value:.0e}" for words, value in plan.aim.items())
        self.say(f"aim: {aims}" + (f" ({plan.aim_of})" if plan.aim_of else ""))
        check_statement(ground, self.graph, self.rule, self.say)
        if checkpoint is not None:
            self.checkpoint = writable(checkpoint)
        began_in = None if resume is None else self._stage_of(resume)
        learner = Learner(ground, self.graph, self.rule, plan.optimizer, plan.sampling)
        state = self._beginning(learner, start_from)
        if homotopy and began_in is None:
            state = self._follow(learner, state, homotopy)
        self.best = jax.tree.map(np.array, state.params)
        if began_in is None:  # a solution to start from may be the best, or all that is asked for
            self._check(state, range(plan.seeds), many=True)
        for name, task, updates in self._stages(learner):
            if not updates or self._done:
                continue
            if task is not learner:
                self._polished(name, task, state, updates, began_in, resume)
            elif began_in in (None, name):
                state = self._trained(name, task, state, updates, resume if began_in else None)
                began_in = None
        if np.isnan(self.residuals).any():  # nothing was trained: what it began with is judged
            self._check(state, range(plan.seeds), many=True)
        return self._judged(state)

    def _stages(self, learner: Learner) -> Iterator[tuple[str, Learner, int]]:
        """(name, task, updates): first-order updates, then the polishing."""
        plan = self.plan
        yield plan.optimizer.name, learner, plan.updates
        if plan.polish and self.rule.sampled:
            self.say("a rule that draws its nodes gives no equations to polish: left out")
        elif plan.polish:
            yield plan.polish, self._polisher(), plan.polishing_steps

    @property
    def _done(self) -> bool:
        return self.stopped or self.met(range(self.plan.seeds))

    def met(self, seeds: Sequence[int]) -> bool:
        """Whether training may stop: these seeds meet every aim with a margin."""
        return bool((self.scores[list(seeds)] <= MARGIN).all())

    def _beginning(self, learner: Learner, start_from: Solution | None) -> Living:
        plan = self.plan
        keys = jax.vmap(jax.random.key)(np.arange(plan.seed, plan.seed + plan.seeds))
        hyper = learner.hyper()
        if start_from is None:
            return _jit(jax.vmap(lambda k: learner.init(k, hyper)))(keys)
        start_from.fits(self.ground)
        params = jax.tree.map(jnp.asarray, start_from.params)
        return _jit(jax.vmap(lambda k: learner.start(params, k, hyper)))(keys)

    def _polisher(self) -> Learner:
        plan, rows = self.plan, self.plan.sampling
        ground, graph, rule = self.ground, self.graph, self.rule
        if plan.polish == "lbfgs":
            periods = max(rows.periods, -(-1024 // rows.paths))
            more = replace(rows, batch=1024, periods=periods)
            return Learner(ground, graph, rule, LBFGS(), more)
        shapes = jax.eval_shape(self.graph.init, jax.random.key(0))[0]
        size = sum(leaf.size for leaf in jax.tree.leaves(shapes))
        points = max(min(3 * size, RESIDUALS) // self._conditions(), 32)
        periods = APART * -(-points // rows.paths)
        more = replace(rows, batch=points, periods=periods)
        return GaussNewton(ground, graph, rule, plan.optimizer, more)

    def _conditions(self) -> int:
        """How many residuals a point has."""
        network = lambda f: jnp.zeros(self.ground.raw)  # noqa: E731
        numbers = {n: self.ground.economy.parameters()[n] for n in self.ground.traced}

        def at_one(key: jax.Array) -> Any:
            point = jax.tree.map(lambda a: a[0], self.ground.begin(key, 1))
            return self.ground.residuals(network, point, self.rule, numbers)

        found = jax.eval_shape(at_one, jax.random.key(0))
        return sum(leaf.size for leaf in jax.tree.leaves(found))

    # -- stages ---------------------------------------------------------------------------------

    def _trained(
        self, name: str, task: Learner, state: Living, updates: int, resume: Any
    ) -> Living:
        """All seeds as one program."""
        steps = _steps(task)
        epochs = -(-updates // steps)
        self.paths = jax.tree.map(np.asarray, state.paths)
        watch = _Watch(self, name, steps, max(1, epochs // CHECKS), range(self.plan.seeds))
        run = train(
            task,
            Steps(steps),
            epochs,
            state=state,
            callbacks=[watch],
            members=self.plan.seeds,
            identity=self._identity(name),
            resume=resume,
        )
        if run.diverged:
            lost = f"{len(run.diverged)} of {self.plan.seeds} seeds"
            self.say(f"{lost} became non-finite and stopped")
        self._interrupted(run)
        return run.state

    def _polished(
        self, name: str, task: Learner, state: Living, updates: int, began_in: Any, resume: Any
    ) -> None:
        """One seed after the other, from its best weights: a step's system fills all cores."""
        hyper = {k: jnp.asarray(v, jnp.result_type(float)) for k, v in task.hyper().items()}
        self.paths = jax.tree.map(np.asarray, state.paths)
        # away from the devices that the members were spread over, else all of them repeat it
        for i in range(self.plan.seeds):
            stage = f"{name}, seed {self.plan.seed + i}"
            if self.stopped or self.met([i]) or began_in not in (None, stage):
                continue
            key = jax.random.fold_in(jax.random.key(self.plan.seed + i), 1)
            own = state._replace(params=self.best, paths=self.paths)
            own = jax.tree.map(lambda a, i=i: a[i], own)._replace(key=key)
            own = task.begin(placement.on_one(own), hyper)
            run = train(
                task,
                Steps(1),
                updates,
                state=placement.on_one(own),
                callbacks=[_Watch(self, stage, 1, 1, [i], STALLED)],
                identity=self._identity(stage),
                resume=resume if began_in else None,
            )
            began_in = None
            self._interrupted(run)

    def _interrupted(self, run: Any) -> None:
        """Ctrl-C ends the training; what is best so far is still judged."""
        if run.history.interrupted:
            self.say("interrupted: the best policies so far are judged")
            self.stopped = True

    # -- from an easier economy to this one -----------------------------------------------------

    def _follow(self, learner: Learner, state: Living, homotopy: Mapping[str, float]) -> Living:
        """Solve where `homotopy` begins, then in steps to the economy itself.

        A step that leaves no seed with a residual below FOLLOWED is halved and tried again.
        """
        target = {name: self.ground.economy.parameters()[name] for name in homotopy}
        reached, stride = 0.0, STRIDE

        def moved(state: Living, share: float, updates: int) -> Living:
            way = {n: (1 - share) * homotopy[n] + share * target[n] for n in target}
            return self._moved(learner, state, way, updates)

        state = moved(state, 0.0, self.plan.updates)
        while reached < 1.0:
            aim = min(reached + stride, 1.0)
            ahead = moved(state, aim, self.plan.updates // 4)
            residual = min(self._residuals(ahead))
            if residual <= FOLLOWED:
                state, reached = ahead, aim
                stride = min(2 * stride, STRIDE)
                self.say(f"homotopy: {reached:.1%} of the way, mean residual {residual:.1e}")
                continue
            stride /= 2
            self.say(f"homotopy: {aim:.1%} of the way failed ({residual:.1e}); the step is halved")
            if stride < STRIDE / 32:
                raise DescendError(
                    f"homotopy: stuck at {reached:.1%} of the way from {dict(homotopy)} to "
                    f"{target}. Begin nearer, or give more updates."
                )
        return self._moved(learner, state, target, 0)

    def _moved(self, learner: Learner, state: Living, way: Mapping, updates: int) -> Living:
        """The state after some updates of the economy with the parameters `way`."""
        hyper = learner.hyper() | {f"parameter.{name}": value for name, value in way.items()}
        numbers = {k: jnp.asarray(v, jnp.result_type(float)) for k, v in hyper.items()}
        state = placement.on_one(state)
        state = _jit(jax.vmap(lambda s: learner.begin(s, numbers)))(state)
        if not updates:
            return state
        epochs = max(1, updates // _steps(learner))
        feed = Steps(_steps(learner))
        run = train(  # half of a way is no solution: Ctrl-C ends the call
            learner,
            feed,
            epochs,
            state=state,
            members=self.plan.seeds,
            on_interrupt="raise",
        )
        return run.state

    def _residuals(self, state: Living) -> list[float]:
        """Every seed's mean residual under its own parameters; infinite where it is not finite."""
        found = [self._judge(state, i)[0]["ergodic mean"] for i in range(self.plan.seeds)]
        return [r if np.isfinite(r) else np.inf for r in found]

    # -- checkpoints ----------------------------------------------------------------------------

    def _identity(self, stage: str) -> dict[str, Any]:
        """What tells this run from another in a checkpoint."""
        economy = self.ground.economy
        described = {
            "economy": economy.label,
            "parameters": economy.parameters(),
            "over": self.ground.over,
            "plan": {**asdict(self.plan), "optimizer": repr(self.plan.optimizer)},
            "stage": stage,
        }
        return json.loads(json.dumps(described, default=float))

    def _stage_of(self, path: Any) -> str:
        """The stage that a checkpoint was written in."""
        described, _ = read(path)
        identity = described.get("identity")
        identity = identity if isinstance(identity, dict) else {}
        if described["kind"] != "checkpoint" or "stage" not in identity:
            raise CheckpointError(f"{path} is not a checkpoint of `solve`")
        return identity["stage"]

    # -- judging while training -----------------------------------------------------------------

    def _judge(self, state: Living, i: int, many: bool = True) -> tuple[dict[str, float], Any]:
        """(figures, weights) of one seed, by the finer rule."""
        if self._judging is None:
            self._judging = _jit(self._figures)
        # by way of the host: whatever devices it lies on, one program judges it
        params, hyper = jax.tree.map(np.asarray, (state.params, state.hyper))
        if many:
            params, hyper = jax.tree.map(lambda a: a[i], (params, hyper))
        numbers = {name: hyper[f"parameter.{name}"] for name in self.ground.traced}
        key = jax.random.key(self.plan.seed + 1_000_003)
        return {k: float(v) for k, v in self._judging(params, numbers, key).items()}, params

    def _check(self, state: Living, seeds: Sequence[int], many: bool) -> None:
        """Judge some seeds; keep what is better than before."""
        for i in seeds:
            found, params = self._judge(state, i, many)
            score = self._score(found)
            if score < self.scores[i] or np.isnan(self.residuals[i]):
                self.scores[i], self.residuals[i] = score, found["ergodic mean"]
                olds, news = jax.tree.leaves(self.best), jax.tree.leaves(params)
                for old, new in zip(olds, news, strict=True):
                    old[i] = np.asarray(new)

    def _figures(self, params: Any, numbers: Any, key: jax.Array) -> dict[str, jax.Array]:
        """The figures that an aim may name, of one seed, on few points."""
        paths, named = 64, " ".join(self.plan.aim)
        points, back = self.judge.ergodic(params, numbers, key, paths, 100, WATCHED // paths, 10)
        sets = {"ergodic": points}
        if "box" in named:
            sets["box"] = self.judge.box(key, WATCHED)
        if "stressed" in named:
            sets["stressed"] = self.judge.stressed(params, numbers, key, WATCHED // 16, 16)[0]
        found: dict[str, jax.Array] = {"set back": back}
        for name, points in sets.items():
            said = self.judge.said("conditions", params, numbers, points)
            every = jnp.abs(jnp.concatenate(list(said.values()), axis=1))
            found |= {  # of the worst condition, as in Accuracy
                f"{name} mean": jnp.max(jnp.mean(every, axis=0)),
                f"{name} median": jnp.max(jnp.median(every, axis=0)),
                f"{name} p99": jnp.max(jnp.percentile(every, 99, axis=0)),
                f"{name} p99.9": jnp.max(jnp.percentile(every, 99.9, axis=0)),
                f"{name} max": jnp.max(every),
            }
        return found

    def _score(self, found: Mapping[str, float]) -> float:
        """At most 1 where the residuals are below every aim, on these points.

        With paths that leave the box by far it is above 1, whatever the residuals.
        """
        score = np.max([found[words] / aim for words, aim in self.plan.aim.items()])
        score = max(score, 1.0) + found["set back"] if found["set back"] > 0 else score
        return score if np.isfinite(score) else np.inf

    def progress(self, name: str, updates: int, of: int, seeds: Sequence[int]) -> None:
        """A line of the log: where some seeds are."""
        shown = self.residuals[list(seeds)]
        line = f"{name}, {updates:,} of {of:,}: mean residual {np.min(shown):.1e}"
        if len(shown) > 1:
            line += f" (best seed), {np.median(shown):.1e} (median)"
        below = int((self.scores <= 1).sum())
        self.say(f"{line}; below the aim: {below} of {self.plan.seeds} seeds")

    # -- the end --------------------------------------------------------------------------------

    def _judged(self, state: Living) -> Solution:
        """The solution: the first seed, by its score, that is solved; else the first of all."""
        plan = self.plan
        numbers = {n: self.ground.economy.parameters()[n] for n in self.ground.traced}
        measure = Measure(self.judge, self.size, plan.rule, plan.seed + 2_000_003)
        ranked = np.argsort(self.scores, kind="stable").tolist()
        judged: dict[int, Accuracy] = {}
        for i in ranked:
            params = jax.tree.map(lambda a, i=i: np.asarray(a[i]), self.best)
            judged[i] = measure(params, numbers, plan.aim)
            if judged[i].verdict.solved:
                break
        winner = i if judged[i].verdict.solved else ranked[0]
        params, accuracy = (
            jax.tree.map(lambda a: np.asarray(a[winner]), self.best),
            judged[winner],
        )
        repairs = np.asarray(state.repairs, float)
        seeds = [
            Seed(
                seed=plan.seed + i,
                residual=float(self.residuals[i]),
                reached=judged[i].verdict.solved if i in judged else bool(self.scores[i] <= 1),
                set_back=float(repairs[i, 0] / max(repairs[i, 1], 1)),
            )
            for i in range(plan.seeds)
        ]
        self.say(accuracy.status)
        count = sum(s.reached for s in seeds)
        kept = f"seed {seeds[winner].seed} is kept"
        self.say(f"{count} of {plan.seeds} seeds reached the aim; {kept}")
        for name, least in accuracy.sets["box"]["slack"].items():
            if not any(accuracy.sets[s]["binding"][name] for s in SETS):
                self.say(
                    f"warning: the constraint {name!r} never binds on any set (slack at least "
                    f"{least:.2g}): can the policy reach it?"
                )
        return Solution(
            economy=self.ground.economy,
            network=plan.network,
            params=params,
            dtype=plan.dtype,
            over=self.ground.over,
            rule=plan.rule,
            judged_by=plan.judged_by,
            accuracy=accuracy,
            seeds=seeds,
            log=self.log,
            seconds=time.perf_counter() - self.began,
        )


def _steps(task: Learner) -> int:
    """Updates of an epoch: as many batches as its paths pass."""
    how = task.sampling
    return max(1, how.paths * how.periods // how.batch)


def _jit(function: Callable) -> Callable:
    return jax.jit(function, compiler_options=quick_compile())


class _Watch(Callback):
    """Judges the seeds of a run every few epochs; stops it when all met the aim, or none moves.

    Args:
        steps, every: updates of an epoch; epochs from one judgement to the next.
        patience: judgements without a seed's getting better by a tenth before the run is stopped.
    """

    def __init__(
        self,
        solve: Solving,
        name: str,
        steps: int,
        every: int,
        seeds: Sequence[int],
        patience: float = np.inf,
    ):
        self.solve, self.name, self.steps, self.every = solve, name, steps, every
        self.seeds, self.patience = seeds, patience
        self.stale = np.array([np.inf, 0.0])  # the score to be beaten, judgements since it was set

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Judge, say, perhaps stop."""
        last = epoch + 1 == self.run.epochs
        if (epoch + 1) % self.every and not last:
            return
        solve = self.solve
        solve._check(self.run.state, self.seeds, self.run.members is not None)
        done = solve.met(self.seeds)
        score = solve.scores[list(self.seeds)].min()
        better = score < 0.9 * self.stale[0]
        mark, since = self.stale
        self.stale = np.array([score, 0.0] if better else [mark, since + 1])
        stalled = not done and not last and self.stale[1] >= self.patience
        tenth = max(1, self.run.epochs // CHECKS)
        if (epoch + 1) % tenth == 0 or last or done or stalled:
            of = self.run.epochs * self.steps
            solve.progress(self.name, (epoch + 1) * self.steps, of, self.seeds)
        if done:
            self.run.stop("the residuals are below the aim")
        elif stalled:
            self.run.stop(f"no better by a tenth in {self.patience} judgements")
        if solve.checkpoint is not None:
            save_checkpoint(self.run, solve.checkpoint)

    def saved(self) -> dict[str, Any]:
        """What is best of every seed, and where the polishing begins."""
        solve = self.solve
        return {
            "best": solve.best,
            "scores": solve.scores,
            "residuals": solve.residuals,
            "paths": solve.paths._asdict(),
            "stale": self.stale,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take up what `saved` gave."""
        solve = self.solve
        self.stale = np.array(saved["stale"])
        solve.best = jax.tree.map(np.array, saved["best"])
        solve.scores, solve.residuals = np.array(saved["scores"]), np.array(saved["residuals"])
        solve.paths = Position(*(saved["paths"][name] for name in Position._fields))
