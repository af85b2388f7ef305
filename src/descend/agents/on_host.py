"""Learning in environments on the host: the host walks, the device learns what it is handed.

A chunk of the feed `HostFeed` is what the host has walked with one compiled policy; the program
draws a step of it where it otherwise would have walked by itself. From there on everything is as
for environments inside the program: the same updates, members, files.

Why not callbacks from inside the program (`jax.experimental.io_callback`): the engine runs a
program again where it wants an epoch's state once more, and the environment would step twice; what
lies behind a callback is in no checkpoint; and a callback that touches JAX can wait for the program
that waits for it.

*Act once, learn once* walks ahead: while the device learns from a chunk, the host walks the next
with the weights from before. A policy is so up to two chunks old; a replay does not mind. *Walk,
then learn* takes turns, because what it learns from must be the present policy's.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.host import Copies, HostEnvironment
from descend.agents.off_policy import OffPolicy, OffPolicyState
from descend.agents.on_policy import OnPolicy, OnPolicyState, Walked
from descend.agents.task import AgentTask, Lived
from descend.agents.walking import Episodes, Played, Transition
from descend.train.callbacks import Callback
from descend.train.engine import placement
from descend.train.engine.feeds import Chunk, Feed
from descend.train.engine.runtime import quick_compile
from descend.train.engine.task import Batch, Logs

CHUNK = 16  # steps that are walked with the same weights, where every step is learned from
SIDE = 8  # episodes of an agent that are judged side by side


class Walk(NamedTuple):
    """What the host lived through: leaves (members, steps, environments, ...).

    passed, chance, real: as in `Walked`; episodes: what ended at each step; steps: those that were
    behind in each episode.
    """

    passed: Transition
    steps: Any
    chance: Any
    real: Any
    episodes: Episodes


class HostTask(AgentTask):
    """What tasks on the host share: how they are judged, and what the host is told to do."""

    environment: HostEnvironment
    turns = False  # whether walking and learning take turns; else the host walks ahead
    whole = False  # whether a chunk is one episode in every copy

    def choose(
        self, params: Any, hyper: Mapping[str, Any], seen: Any, key: Any, progress: Any, random: Any
    ) -> tuple[Any, Any, Any]:
        """What to do in each copy: (action, the action as the environment takes it, log pi).

        Args:
            progress: share of the budget that is used.
            random: whether to act at random.
        """
        raise NotImplementedError

    def told(self, clock: int) -> dict[str, Any]:
        """What `choose` is told in a step, counted from the beginning: progress and random."""
        raise NotImplementedError

    def absorb(self, state: Any, walked: Any) -> tuple[Any, Any]:
        """Return (the state, the data of the updates that one draw of a walk gives)."""
        raise NotImplementedError

    def judged(self, seeds: np.ndarray, feed: Any) -> tuple[None, list[Callback]]:
        """How it is judged on the way: by a callback, which plays on the host."""
        return None, [OnHost(self, seeds, feed)]

    # -- acting ---------------------------------------------------------------------------------

    def chosen(
        self, params: Any, hyper: Any, seeds: Any, seen: Any, clock: int, **more: Any
    ) -> Any:
        """`choose` for all members, compiled; on the host's own device, which is not learning."""
        if "choose" not in self.programs:

            def one(params: Any, hyper: Any, seed: Any, seen: Any, clock: Any, more: Any) -> Any:
                key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), 1), clock)
                return self.choose(params, hyper, seen, key, **more)

            each = jax.vmap(one, in_axes=(0, 0, 0, 0, None, None))
            self.programs["choose"] = jax.jit(each, compiler_options=quick_compile())
        program = self.programs["choose"]
        return jax.device_get(
            program(params, hyper, seeds, seen, np.uint32(clock), self.told(clock))
        )

    def decided(self, params: Any, hyper: Any, seeds: Any, steps: Any, seen: Any) -> np.ndarray:
        """What is done without exploring: arrays (members, episodes, ...)."""
        if "decide" not in self.programs:

            def one(params: Any, hyper: Any, seed: Any, step: Any, seen: Any) -> Any:
                key = jax.random.fold_in(jax.random.key(seed), step)
                return self.policy(params, hyper)(seen, None, key)

            episodes = jax.vmap(one, in_axes=(None, None, 0, 0, 0))
            each = jax.vmap(episodes)
            self.programs["decide"] = jax.jit(each, compiler_options=quick_compile())
        return np.asarray(self.programs["decide"](params, hyper, seeds, steps, seen))

    # -- how it is judged -----------------------------------------------------------------------

    def played(
        self, params: Any, hyper: Mapping[str, Any], seeds: Any, members: Any = None
    ) -> Played:
        """Episodes of members (all by default), (members, seeds); others have NaN."""
        params, hyper = placement.on_cpu((params, self.numbers(hyper)))
        count, seeds = len(next(iter(hyper.values()))), np.asarray(seeds, np.uint32)
        members = range(count) if members is None else members
        side = min(SIDE, len(seeds))
        returns: Any = np.full((count, len(seeds)), np.nan)
        lengths: Any = np.zeros((count, len(seeds)), np.int32)
        terminated: Any = np.zeros((count, len(seeds)), bool)
        at = np.tile(np.arange(side), (count, 1))  # the episode that each copy is in
        shape, dtype = self.environment.observation
        seen = np.zeros((count, side, *shape), dtype)
        steps = np.zeros((count, side), np.int32)
        copies: dict[int, Copies] = {}
        try:
            for m in members:
                copies[m] = Copies(self.environment, side, judged=True)
                for i in range(side):
                    copies[m].begin(i, int(seeds[i]))
            going = {(m, i) for m in members for i in range(side)}
            while going:
                for m, own in copies.items():
                    seen[m], steps[m] = own.seen, own.steps
                given = seeds[np.minimum(at, len(seeds) - 1)]
                actions = self.decided(params, hyper, given, steps, seen)
                for m, i in sorted(going):
                    own, episode = copies[m], at[m, i]
                    _, over, ended = own.step(i, actions[m, i])
                    if not ended:
                        continue
                    returns[m, episode], lengths[m, episode] = own.totals[i], own.steps[i]
                    terminated[m, episode] = over
                    at[m, i] = episode = at[m].max() + 1
                    if episode < len(seeds):
                        own.begin(i, int(seeds[episode]))
                    else:
                        going.remove((m, i))
        finally:
            for own in copies.values():
                own.close()
        return Played(returns, lengths, terminated)

    def lived(self, params: Any, hyper: Mapping[str, Any], seed: int) -> Lived:
        """One episode, step by step; its states are what was seen."""
        add = lambda tree: jax.tree.map(lambda a: jnp.asarray(a)[None], tree)  # noqa: E731
        params, hyper = placement.on_cpu((add(params), add(self.numbers(hyper))))
        copies = Copies(self.environment, 1, judged=True)
        seeds = np.full((1, 1), seed, np.uint32)
        try:
            copies.begin(0, seed)
            states, actions, rewards, ended = [copies.seen[0].copy()], [], [], False
            while not ended:
                seen, steps = copies.seen[None], copies.steps[None]
                action = self.decided(params, hyper, seeds, steps, seen)[0, 0]
                reward, terminated, ended = copies.step(0, action)
                states.append(copies.seen[0].copy())
                actions.append(action)
                rewards.append(reward)
        finally:
            copies.close()
        seen = np.stack(states)
        return Lived(seen, seen[:-1], np.stack(actions), np.asarray(rewards), terminated)


class HostOffPolicy(HostTask, OffPolicy):
    """Act once, learn once, on the host: the first steps fill the replay at random."""

    @functools.cached_property
    def passing(self) -> Transition:
        """The shapes of a transition."""
        shape, dtype = self.environment.observation
        seen: Any = jax.ShapeDtypeStruct(shape, dtype)
        flag: Any = jax.ShapeDtypeStruct((), bool)
        number: Any = jax.ShapeDtypeStruct((), jnp.result_type(float))
        key = jax.eval_shape(lambda: jax.random.key(0))
        action = jax.eval_shape(self.actions.draw, key)
        return Transition(seen, action, number, seen, None, flag, flag)

    def init(self, key: jax.Array, hyper: Mapping[str, Any]) -> OffPolicyState:
        """Draw the weights; the replay is empty."""
        draw, key = jax.random.split(key)
        return self.blank(draw, (), key, self.numbers(hyper))

    def feed(self, evaluations: int) -> tuple[Any, int]:
        """Epochs of equally many chunks, before the first of which the replay is filled."""
        super().feed(evaluations)  # raises where the budget is too small
        first, rounds = self.sizes[0], self.budget // self.algorithm.environments
        length = min(CHUNK, self.per_epoch)
        if rounds // length <= -(-first // length):
            length = 1  # so small a budget that no chunk is left behind those at random
        before = -(-first // length)
        chunks = rounds // length - before
        self.evaluations, epochs = evaluations, min(evaluations, chunks)
        each = chunks // epochs
        self.before, self.per_epoch = before * length, each * length
        self.learning = epochs * self.per_epoch
        return HostFeed(self, length, each, before), epochs

    def steps_after(self, epochs: int) -> int:
        """Steps of the environment that are behind so many epochs of `feed`."""
        return (self.before + epochs * self.per_epoch) * self.algorithm.environments

    def progress(self, state: Any) -> Any:
        """Share of the budget that is used, 0 to 1."""
        return state.steps / self.learning

    def told(self, clock: int) -> dict[str, Any]:
        """What `choose` is told in a step, counted from the beginning."""
        share = max(clock - self.before, 0) / self.learning
        return {"progress": np.float32(share), "random": np.bool_(clock < self.before)}

    def choose(
        self, params: Any, hyper: Mapping[str, Any], seen: Any, key: Any, progress: Any, random: Any
    ) -> tuple[Any, Any, Any]:
        """What the algorithm does, or anything."""
        a = self.algorithm
        noise = a.noise(self, key, (a.environments,))
        action = jax.lax.cond(
            random,
            lambda: a.random(self, None, noise),
            lambda: a.act(self, params, seen, None, noise, hyper, progress),
        )
        return action, a.within(self, action), jnp.zeros(a.environments)

    def absorb(self, state: OffPolicyState, walked: Walk) -> tuple[OffPolicyState, Any]:
        """Draw the rows that are learned from after a step of the walk."""
        a = self.algorithm
        rows, update, key = jax.random.split(state.key, 3)
        luck = jax.random.uniform(rows, (a.updates, a.batch)), jax.random.split(update, a.updates)
        return state._replace(key=key), (walked, *luck)

    def resumed(self, state: OffPolicyState, steps: Any) -> OffPolicyState:
        """The state, in which what came before the first step of an episode is of another one.

        It is already, unless the run was resumed in between: its copies then began anew.
        """
        ended = state.recent.ended
        recent = state.recent._replace(ended=ended.at[-1].set(ended[-1] | (steps == 0)))
        return state._replace(recent=recent)

    def step(self, state: OffPolicyState, batch: Batch) -> tuple[OffPolicyState, Logs]:
        """Write a step of the walk, and make the updates where the replay is full enough."""
        walked, luck, keys = batch.data
        state = self.remembered(self.resumed(state, walked.steps), walked.passed, walked.steps)
        a = self.algorithm
        learns = state.written >= (self.before + 2 - a.lookahead) * a.environments
        learned, logs = self.learned(state, luck, keys)
        own = ("params", "target", "optimizer", "steps")  # the replay is not copied for a choice
        pick = functools.partial(jnp.where, learns)
        changed = {n: jax.tree.map(pick, getattr(learned, n), getattr(state, n)) for n in own}
        logs = {n: (pick(v, 0.0), pick(w, 0.0)) for n, (v, w) in logs.items()}
        episodes = jax.tree.map(jnp.sum, walked.episodes)
        return state._replace(**changed), {**logs, **episodes.logs()}


class HostOnPolicy(HostTask, OnPolicy):
    """Walk, then learn, on the host: a chunk is a round."""

    turns = True

    @property
    def whole(self) -> bool:  # type: ignore[override]
        """Whether a walk is one episode."""
        return not self.algorithm.walk

    def init(self, key: jax.Array, hyper: Mapping[str, Any]) -> OnPolicyState:
        """Draw the weights."""
        draw, key = jax.random.split(key)
        numbers, params = self.numbers(hyper), self.draw(draw)
        memory = self.algorithm.memories(params, numbers)
        nowhere: Any = ()  # where it stands, the host knows
        return OnPolicyState(params, memory, nowhere, key, numbers, jnp.zeros((), jnp.int32))

    def feed(self, evaluations: int) -> tuple[Any, int]:
        """Epochs of equally many walks; the budget is not exceeded."""
        epochs = super().feed(evaluations)[1]
        return HostFeed(self, self.walk, self.per_epoch, per_draw=self.per_round), epochs

    def told(self, clock: int) -> dict[str, Any]:
        """What `choose` is told in a step, counted from the beginning."""
        share = clock // self.walk / self.rounds
        return {"progress": np.float32(share), "random": np.False_}

    def choose(
        self, params: Any, hyper: Mapping[str, Any], seen: Any, key: Any, progress: Any, random: Any
    ) -> tuple[Any, Any, Any]:
        """What the policy draws."""
        a = self.algorithm
        keys = jax.random.split(key, a.environments)
        action, chance = a.drawn(self, params, seen, None, keys, hyper, progress)
        return action, a.within(self, action), chance

    def absorb(self, state: OnPolicyState, walked: Walk) -> tuple[OnPolicyState, Any]:
        """Make the batches of a round."""
        deal, key = jax.random.split(state.key)
        lived = Walked(walked.passed, None, walked.chance, walked.real)
        episodes = jax.tree.map(jnp.sum, walked.episodes)
        return state._replace(key=key), self.dealt(state, lived, episodes, deal)


class HostFeed(Feed):
    """A pass of chunks that the host walks; see the head of the file.

    Resuming in the middle begins new episodes: what an environment holds is not in a checkpoint.

    Args:
        task: task that learns.
        length: steps of a chunk in every copy.
        each: chunks of an epoch.
        before: chunks before the first epoch's own, which fill the replay.
        per_draw: updates that a draw gives data for.
    """

    whole = False
    moves = True

    def __init__(self, task: Any, length: int, each: int, before: int = 0, per_draw: int = 1):
        self.task, self.length, self.each, self.before = task, length, each, before
        self.per_draw = per_draw
        self.run: Any = None
        self._seeds = np.zeros(0, np.uint32)
        self._copies: dict[int, Copies] = {}

    @property
    def per_member(self) -> bool:
        """Every member lives in copies of its own."""
        return True

    def order_by(self, seeds: np.ndarray) -> None:
        """Let what the members live through follow from these seeds."""
        self._seeds = np.asarray(seeds, np.uint32)

    def draw(self, task: Any, state: Any, data: Any, row: Any) -> tuple[Any, Batch]:
        """Return what the task makes of a part of a walk."""
        state, values = task.absorb(state, row)
        if task.turns and self.per_draw == 1:  # the batch of the only update
            values = jax.tree.map(lambda a: a[0], values)
        return state, Batch(values, None)

    def chunks(self, epoch: int, after: int = 0) -> Iterator[Chunk]:
        """Yield walks; where the task allows it, the next is walked while one is learned from."""
        end = self.before + (epoch + 1) * self.each
        begin = (end - self.each if epoch else 0) + after
        with ThreadPoolExecutor(1) as pool:
            ahead: Future[Walk] | None = None
            for number in range(begin, end):
                walked = self._walk(number, *self._now()) if ahead is None else ahead.result()
                ahead = None
                if number + 1 < end and not self.task.turns:
                    ahead = pool.submit(self._walk, number + 1, *self._now())
                yield Chunk(None, walked)

    def close(self) -> None:
        """Close all copies."""
        for copies in self._copies.values():
            copies.close()
        self._copies = {}

    # -- walking --------------------------------------------------------------------------------

    def _now(self) -> tuple[Any, Any, list[int], bool]:
        """What a walk is made with: weights, numbers, members that learn, whether in float64."""
        state = self.run.state
        params, hyper = placement.on_cpu((state.params, state.hyper))
        return params, hyper, np.flatnonzero(self.run.active).tolist(), _in_float64()

    def _opened(self, member: int, number: int) -> Copies:
        """The copies of a member, their first episodes begun."""
        count = self.task.algorithm.environments
        if member not in self._copies:
            self._copies[member] = copies = Copies(self.task.environment, count)
            # the chunk, so that a resumed run does not live its first episodes once more
            draw = np.random.SeedSequence([int(self._seeds[member]), number])
            for i, seed in enumerate(draw.generate_state(count, np.uint32) >> 1):
                copies.begin(i, int(seed))
        return self._copies[member]

    def _walk(self, number: int, params: Any, hyper: Any, members: list[int], x64: bool) -> Walk:
        task = self.task
        everyone = {m: self._opened(m, number) for m in members}
        # those that fill the devices, or learn no more, are handed what the first lived through
        sources = [m if m in everyone else members[0] for m in range(len(self._seeds))]
        if task.whole:
            for copies in everyone.values():
                copies.begin_again()
        steps: list[Walk] = []
        real = np.ones((len(sources), task.algorithm.environments), jnp.result_type(float))
        with jax.enable_x64(x64):  # a setting of the thread that asked
            for clock in range(number * self.length, (number + 1) * self.length):
                if task.whole and not real.any():  # every episode is over: nothing more counts
                    steps += [_idle(steps[-1])] * (self.length - len(steps))
                    break
                seen, behind = stacked([(everyone[m].seen, everyone[m].steps) for m in sources])
                action, given, chance = task.chosen(params, hyper, self._seeds, seen, clock)
                lived = {m: copies.advance(given[m]) for m, copies in everyone.items()}
                passed, episodes = stacked([lived[m] for m in sources])
                episodes = jax.tree.map(lambda a, real=real: a * real, episodes)
                steps.append(Walk(passed._replace(action=action), behind, chance, real, episodes))
                if task.whole:
                    real = real * ~passed.ended
        walked = stacked(steps, axis=1)
        return jax.tree.map(lambda a: a[:, None], walked) if task.turns else walked


def _in_float64() -> bool:
    return bool(jnp.result_type(float) == jnp.float64)


def stacked(trees: Sequence[Any], axis: int = 0) -> Any:
    """Trees of arrays as one, with an axis more."""
    return jax.tree.map(lambda *leaves: np.stack(leaves, axis), *trees)


def _idle(last: Walk) -> Walk:
    """A step that does not count."""
    nothing = lambda a: np.zeros_like(a)  # noqa: E731
    return last._replace(real=nothing(last.real), episodes=jax.tree.map(nothing, last.episodes))


class OnHost(Callback):
    """Gives the feed its run, judges members after every epoch, closes the copies at the end.

    Args:
        task: task in training.
        seeds: seeds of the episodes that they are judged by.
        feed: what they learn from.
    """

    def __init__(self, task: HostTask, seeds: np.ndarray, feed: HostFeed):
        self._task, self._seeds, self._feed = task, seeds, feed

    def set_run(self, run: Any) -> None:
        """Receive the run."""
        super().set_run(run)
        self._feed.run = run

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add return and length of the episodes to the logs."""
        state, active = self.run.state, np.asarray(self.run.active)
        going = np.flatnonzero(active).tolist()
        played = self._task.played(state.params, state.hyper, self._seeds, going)
        logs["val_return"] = played.returns.mean(axis=1)
        logs["val_length"] = np.where(active, played.steps.mean(axis=1), np.nan)

    def on_train_end(self, logs: Any = None) -> None:
        """Close the copies."""
        self._feed.close()
