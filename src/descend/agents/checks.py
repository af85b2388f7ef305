"""What is wrong with an environment, and where, before an agent learns in it.

First the shapes and types of everything, by tracing; then a walk of random legal actions, whose
numbers are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents.environment import Box, Choice, Environment
from descend.agents.host import HostEnvironment, walk
from descend.agents.walking import advance, begun
from descend.errors import DescendError
from descend.nn.checks import is_number
from descend.statement import StatementError, author

STEPS, WALKS = 256, 16  # of the random walk


@dataclass(frozen=True)
class Checked:
    """What an environment is like.

    Args:
        actions: `Choice` or `Box`.
        observation: shape of an observation.
        dtype: name of its type.
        legal: whether it says which actions are legal.
        state: number of numbers in its state.
    """

    actions: Any
    observation: tuple[int, ...]
    dtype: str
    legal: bool
    state: int


def check_environment(environment: Environment, seed: int = 0) -> Checked:
    """Look for what is wrong with an environment, and say where.

    Args:
        environment: environment to be looked at.
        seed: number that the random walk follows from.

    Returns:
        What it is like: actions, shape and type of an observation.

    Raises:
        DescendError: no Environment; a method that is missing, cannot be traced (the line is
            named), or returns something else than the contract says; a state, observation or
            reward that is not finite, a state without a legal action, an action that no state of a
            walk of 4,096 steps allows.

    Source: descend's own.

    Example:
        >>> from descend.agents import check_environment, make
        >>> check_environment(make("cart-pole")).observation
        (4,)
    """
    checked = inspect(environment)
    if isinstance(environment, HostEnvironment):
        walk(environment, seed)
    else:
        _walk(environment, checked, seed)
    return checked


def inspect(environment: Environment) -> Checked:
    """What an environment is like, by tracing alone; raises DescendError."""
    if not isinstance(environment, Environment):
        what = f"the class {environment.__name__}" if isinstance(environment, type) else environment
        raise DescendError(
            f"an environment is an instance of a subclass of Environment, got {what}"
        )
    label = environment.label
    with author(environment, "actions"):
        actions = environment.actions
    if not isinstance(actions, (Choice, Box)):
        raise DescendError(f"{label}.actions must be Choice(n) or Box(low, high), got {actions!r}")
    with author(environment, "discount"):
        gamma = environment.discount
    if gamma is not None and not (is_number(gamma) and 0 <= gamma <= 1):
        raise DescendError(f"{label}.discount must be a number from 0 to 1, or None, got {gamma!r}")
    if isinstance(environment, HostEnvironment):  # there is nothing to be traced
        return Checked(actions, *environment.observation, legal=False, state=0)
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = _traced(environment, "reset", key)
    if not jax.tree.leaves(state):
        raise DescendError(
            f"{label}.reset must return a state with at least one array, got {state}"
        )
    seen = _traced(environment, "observe", state)
    if not hasattr(seen, "dtype"):
        raise DescendError(f"{label}.observe must return one array, got {type(seen).__name__}")
    if not (jnp.issubdtype(seen.dtype, jnp.floating) or seen.dtype == jnp.uint8):
        raise DescendError(
            f"{label}.observe must return floats (or uint8 for pictures), got {seen.dtype} of "
            f"shape {seen.shape}. Write .astype(float); a class is jax.nn.one_hot(state, n)"
        )
    if not seen.shape:
        raise DescendError(
            f"{label}.observe must return an array with an axis, got {seen.dtype} of shape (); "
            "write x[None], or jax.nn.one_hot(state, n)"
        )
    legal = _traced(environment, "legal", state)
    if legal is not None:
        wanted = (actions.n,) if isinstance(actions, Choice) else None
        if wanted is None or getattr(legal, "shape", None) != wanted or legal.dtype != bool:
            expected = f"booleans of shape {wanted}" if wanted else "None, for actions of a Box"
            raise DescendError(f"{label}.legal must return {expected}, got {_words(legal)}")
    action = jax.eval_shape(actions.draw, key)
    with author(environment, "step"):
        result = environment.step  # what it returns is looked at before it is a pytree
        shapes = jax.eval_shape(
            lambda s, a, k: _three(environment, result(s, a, k)), state, action, key
        )
    new, reward, terminated = shapes
    _alike(environment, state, new)
    for name, value, kinds in (
        ("reward", reward, "a number"),
        ("terminated", terminated, "a boolean"),
    ):
        right = value.shape == () and (name == "reward" or value.dtype == bool)
        if not right:
            cure = "" if value.shape else ". Write a comparison, such as (steps >= 10)"
            raise DescendError(
                f"{label}.step: {name} must be {kinds}, got {_words(value)}"
                + (". Write jnp.sum or an index, one environment has one" if value.shape else cure)
            )
    size = sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(state))
    return Checked(actions, tuple(seen.shape), str(seen.dtype), legal is not None, size)


def _three(environment: Environment, result: Any) -> Any:
    if not isinstance(result, tuple) or len(result) != 3:
        what = f"{len(result)} values" if isinstance(result, tuple) else type(result).__name__
        raise DescendError(
            f"{environment.label}.step must return (state, reward, terminated), got {what}. "
            "Truncation is by `limit`; a sixth value of Gymnasium or gymnax has no place here"
        )
    state, reward, terminated = result
    return state, jnp.asarray(reward), jnp.asarray(terminated)


def _traced(environment: Environment, method: str, *arguments: Any) -> Any:
    with author(environment, method):
        return jax.eval_shape(getattr(environment, method), *arguments)


def _alike(environment: Environment, state: Any, new: Any) -> None:
    """Raise DescendError unless a step leads to a state as `reset` returns it."""
    label = environment.label
    before, after = jax.tree.structure(state), jax.tree.structure(new)
    if str(before) != str(after):
        raise DescendError(
            f"{label}.step must return a state made as that of reset, {jax.tree.structure(state)}, "
            f"got {jax.tree.structure(new)}"
        )
    places = jax.tree_util.tree_flatten_with_path(state)[0]
    for (path, one), other in zip(places, jax.tree.leaves(new), strict=True):
        if one.shape != other.shape or one.dtype != other.dtype:
            name = jax.tree_util.keystr(path) or "the state"
            raise DescendError(
                f"{label}.step: {name} is {_words(other)} after a step and {_words(one)} after "
                "reset; both must be the same (jnp.int32(0), jnp.float32(0) say a type)"
            )


def _words(value: Any) -> str:
    if not hasattr(value, "dtype"):
        return type(value).__name__
    return f"{value.dtype} of shape {tuple(value.shape)}"


def _walk(environment: Environment, checked: Checked, seed: int) -> None:
    """Raise DescendError for what a walk of random legal actions shows."""
    actions = checked.actions

    def choose(state: Any, key: jax.Array) -> Any:
        if not checked.legal:
            return actions.draw(key), jnp.ones((1,), bool)
        legal = environment.legal(state)
        return jax.random.categorical(key, jnp.where(legal, 0.0, -jnp.inf)), legal

    def one(place: Any, key: jax.Array) -> Any:
        act, chance, again = jax.random.split(key, 3)
        action, legal = choose(place.state, act)
        new, passed, _ = advance(environment, place, action, chance, environment.reset(again))
        return new, (place.state, passed, legal)

    def walk(key: jax.Array) -> Any:
        first, key = jax.random.split(key)
        start = begun(environment.reset(first))
        return jax.lax.scan(one, start, jax.random.split(key, STEPS))[1]

    label = environment.label
    try:
        keys = jax.random.split(jax.random.key(seed), WALKS)
        states, passed, legal = jax.device_get(jax.jit(jax.vmap(walk))(keys))
    except StatementError:
        raise
    except Exception as error:
        text = str(error).splitlines()[0]
        raise DescendError(
            f"{label} cannot be walked through: {type(error).__name__}: {text}"
        ) from error
    for name, tree in (
        ("reset or step: a number of the state", states),
        ("observe: an entry", passed.observation),
        ("observe: an entry", passed.after),
        ("step: the reward", passed.reward),
    ):
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
            if np.issubdtype(leaf.dtype, np.floating) and not np.isfinite(leaf).all():
                at = tuple(np.argwhere(~np.isfinite(leaf))[0])
                raise DescendError(
                    f"{label}.{name}{jax.tree_util.keystr(path)} is {leaf[at]} in step {at[1] + 1} "
                    f"of a random walk, from the state {_at(states, at)} by the action "
                    f"{_at(passed.action, at)}"
                )
    if checked.legal:
        if not legal.any(axis=-1).all():
            at = tuple(np.argwhere(~legal.any(axis=-1))[0])
            raise DescendError(f"{label}.legal allows no action in the state {_at(states, at)}")
        never = np.flatnonzero(~legal.any(axis=(0, 1)))
        if never.size:
            names = ", ".join(actions.name(int(a)) for a in never)
            raise DescendError(
                f"{label}.legal allows the action {names} in no state of a random walk of "
                f"{STEPS * WALKS:,} steps"
            )


def _at(tree: Any, at: tuple[Any, ...]) -> Any:
    """The numbers of one step of one walk."""
    return jax.tree.map(lambda a: a[at[0], at[1]].tolist(), tree)
