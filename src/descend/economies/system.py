"""One point of an economy in arrays: packing, the network's input, and the conditions there.

`System` is an economy with its sizes worked out. Everything it computes is for one point; callers
map it over many. A point is a `Position`.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.expectations import Rule
from descend.economies.outputs import Output
from descend.economies.point import Point
from descend.economies.shocks import Law
from descend.economies.statement import Economy, law_of, named
from descend.errors import DescendError, ShapeError
from descend.statement import StatementError, author

SPANS = 10.0  # a box from a to more than SPANS a, a > 0, is seen by the network in logarithms
WIDER = 1.0  # a path that leaves its box by so many widths on a side is set back


class Position(NamedTuple):
    """Where an economy is.

    values (n,): all states one behind the other. chains (c,): positions of the chains, int32.
    extra (p,): values of the parameters that are states too.
    """

    values: Any
    chains: Any
    extra: Any


class Draw(NamedTuple):
    """One period's luck: standard normals (dimensions,) and a uniform number a chain."""

    z: jax.Array
    u: jax.Array


def flattened(many: Position) -> Position:
    """Positions (a, b, ...) as (a b, ...)."""
    # an economy without chains has arrays of no elements: -1 would not do
    return jax.tree.map(lambda x: x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]), many)


def either(which: jax.Array, yes: Position, no: Position) -> Position:
    """Row by row one of two sets of positions."""
    pick = lambda a, b: jnp.where(which.reshape(-1, *[1] * (a.ndim - 1)), a, b)  # noqa: E731
    return jax.tree.map(pick, yes, no)


def outputs_of(economy: Economy) -> dict[str, Output]:
    """The economy's policies; raises StatementError where they are none, or make no sense."""
    with author(economy, "policies"):
        outputs = named(economy, "policies", economy.policies())
        for name, output in outputs.items():
            if not isinstance(output, Output):
                raise DescendError(
                    f"policy {name!r} must be Share(), Positive(), Bounded(), Simplex() or "
                    f"Free(), got {output!r}"
                )
            output.check(name)
    return outputs


class System:
    """An economy with its sizes.

    Args:
        economy: the statement.
        over: {parameter: (low, high)}: parameters that are states too, constant along a path.
        traced: names of parameters that are handed in as traced numbers (homotopy).

    Raises:
        DescendError: see `descend.economies.checks`.
    """

    def __init__(
        self,
        economy: Economy,
        over: Mapping[str, tuple[float, float]] | None = None,
        traced: Sequence[str] = (),
    ):
        self.economy = economy
        self.over = {name: (float(a), float(b)) for name, (a, b) in (over or {}).items()}
        self.traced = tuple(traced)
        for name, ends in self.over.items():
            for end in ends:  # the economy itself says whether it makes sense there
                economy.with_parameters({name: end})
            if not ends[0] < ends[1]:
                raise DescendError(f"parameter {name!r} needs a range low < high, got {ends}")
        with author(economy, "states"):
            boxes = named(economy, "states", economy.states())
        self.outputs = outputs_of(economy)
        for corner in itertools.product(*self.over.values()):
            at = dict(zip(self.over, corner, strict=True))
            try:
                outputs_of(economy.with_parameters(at))
            except StatementError as error:
                where = ", ".join(f"{name} = {value:g}" for name, value in at.items())
                raise StatementError(
                    f"{error}; at {where}, an end of `over`. Narrow the range, or keep the numbers "
                    "apart there, as in high=jnp.maximum(high, low + 0.1)"
                ) from error
        if not boxes or not self.outputs:
            raise DescendError(f"{economy.label} must state at least one state and one policy")
        self.shapes: dict[str, tuple[int, ...]] = {}
        lows, highs = [], []
        with author(economy, "states"):
            for name, ends in boxes.items():
                low, high = self._box(name, ends)
                self.shapes[name] = low.shape
                lows.append(low.ravel())
                highs.append(high.ravel())
        self.low, self.high = np.concatenate(lows), np.concatenate(highs)
        self.far = self._far()
        law = law_of(economy)
        stated: dict[str, Any] = {**law.normals, **law.chains}
        with author(economy, "shocks"):
            for name, shock in stated.items():
                shock.check(name)
        clash = set(law.chains) & set(self.shapes)
        if clash:
            raise DescendError(f"{economy.label}: {clash.pop()!r} is both a state and a chain")
        self.law = law  # of the economy's own parameters
        self.chain_sizes = tuple(len(c) for c in law.chains.values())
        with author(economy, "start"):
            self.first = np.asarray(self.pack(economy.start(), "start"))
        self.raw = sum(o.raw for o in self.outputs.values())
        self.inputs = len(self.low) + sum(self.chain_sizes) + len(self.over)
        self.columns = tuple(self._columns())

    @staticmethod
    def _box(name: str, ends: Any) -> tuple[np.ndarray, np.ndarray]:
        try:
            low, high = (np.asarray(e, float) for e in ends)
            low, high = np.broadcast_arrays(low, high)
            good = low.ndim <= 1 and (low < high).all() and np.isfinite(low + high).all()
        except (TypeError, ValueError):
            good = False
        if not good:
            raise DescendError(
                f"state {name!r} needs (low, high), finite, low < high, numbers or vectors; got "
                f"{ends}"
            )
        return low, high

    def _far(self) -> tuple[np.ndarray, np.ndarray]:
        """Beyond which a path is set back, (low, high): WIDER widths of the box away.

        A state that is positive, or negative, by its box stays so.
        """
        width = WIDER * (self.high - self.low)
        positive, negative = self.low > 0, self.high < 0
        low, high = self.low - width, self.high + width
        low = np.where(positive, self.low**2 / np.where(positive, self.low + width, 1), low)
        high = np.where(negative, self.high**2 / np.where(negative, self.high - width, 1), high)
        return low, high

    def _columns(self):
        for name, shape in self.shapes.items():
            yield from ([name] if not shape else [f"{name}_{i + 1}" for i in range(shape[0])])

    # -- packing --------------------------------------------------------------------------------

    def pack(self, values: Mapping[str, Any], method: str) -> jax.Array:
        """States by name as one vector (n,); ShapeError for another shape than the box's."""
        parts = []
        for name, value in named(self.economy, method, values, self.shapes).items():
            if jnp.shape(value) != self.shapes[name]:
                raise ShapeError(
                    f"{self.economy.label}.{method}: {name!r} has shape {jnp.shape(value)}; its "
                    f"box in states() has shape {self.shapes[name]}"
                )
        for name in self.shapes:
            parts.append(jnp.ravel(jnp.asarray(values[name], jnp.result_type(float))))
        return jnp.concatenate(parts)

    def unpack(self, values: Any) -> dict[str, Any]:
        """The states in a vector (..., n), by name."""
        states, begin = {}, 0
        for name, shape in self.shapes.items():
            size = int(np.prod(shape, dtype=int))
            part = values[..., begin : begin + size]
            states[name] = part if shape else part[..., 0]
            begin += size
        return states

    def economy_at(
        self, position: Position, numbers: Mapping[str, Any]
    ) -> tuple[Economy, Law, Point]:
        """(economy, its shocks' law, what the author reads as `now`) at this point's parameters."""
        extras = {name: position.extra[i] for i, name in enumerate(self.over)}
        economy = self.economy.bound({**numbers, **extras})
        law = self.law if economy is self.economy else law_of(economy)
        return economy, law, self.now(position, law)

    def now(self, position: Position, law: Law) -> Point:
        """What the author reads as `now`."""
        return Point("state", self.unpack(position.values) | law.present(position.chains))

    # -- the policy -----------------------------------------------------------------------------

    def features(self, position: Position) -> jax.Array:
        """The network's input: numbers from -1 to 1 in their box, chains one-hot."""
        low, high = self._seen(self.low), self._seen(self.high)
        parts = [(self._seen(position.values) - (low + high) / 2) / ((high - low) / 2)]
        for i, size in enumerate(self.chain_sizes):
            parts.append(jax.nn.one_hot(position.chains[i], size, dtype=position.values.dtype))
        if self.over:
            low, high = np.array(list(self.over.values())).T
            parts.append((position.extra - (low + high) / 2) / ((high - low) / 2))
        return jnp.concatenate(parts)

    def _seen(self, values: Any) -> Any:
        """States (n,), by their logarithm where a positive box spans orders of magnitude.

        Else all that is common would lie in a corner of the box.
        """
        positive = self.low > 0
        wide = positive & (self.high > SPANS * self.low)
        if not wide.any():
            return values
        floor = 1e-3 * np.where(positive, self.low, 1)  # an expectation may look below zero
        return jnp.where(wide, jnp.log(jnp.maximum(values, floor)), values)

    def policy(self, economy: Economy, raw: jax.Array) -> Point:
        """Policies by name from the network's numbers (self.raw,)."""
        policies, begin = {}, 0
        outputs = self.outputs if economy is self.economy else economy.policies()
        for name, output in outputs.items():
            policies[name] = output(raw[begin : begin + output.raw])
            begin += output.raw
        return Point("policy", policies)

    # -- what the economy says there ------------------------------------------------------------

    def step(
        self, economy: Economy, law: Law, now: Point, policy: Point, position: Position, z, chains
    ):
        """The next position, given the shock's numbers, and the shock as the author reads it."""
        shock = law.shock(z, chains)
        with author(economy, "transition"):
            values = self.pack(economy.transition(now, policy, shock), "transition")
        return Position(values, chains, position.extra), shock

    def arguments_at(
        self, network: Callable, position: Position, rule: Rule, numbers: Mapping[str, Any]
    ) -> tuple[Economy, Point, Point, Callable]:
        """(economy, now, policy, E) at a point: what the author's methods are called with.

        Args:
            network: features (inputs,) -> raw numbers.
            rule: nodes and weights for the normal shocks; chains are summed over exactly.
            numbers: values of the `traced` parameters.
        """
        economy, law, now = self.economy_at(position, numbers)
        with author(economy, "policies"):
            policy = self.policy(economy, network(self.features(position)))
        z, chains, weights = law.nodes(rule, position.chains)

        def following(z, chains):
            after, shock = self.step(economy, law, now, policy, position, z, chains)
            then = self.policy(economy, network(self.features(after)))
            return self.now(after, law), then, shock

        state = next(iter(self.shapes))
        nexts: list[Any] = []  # computed when the first expectation is taken, then kept

        def expectation(f: Callable) -> Any:
            """E(f): the mean of f(next state, next policy, shock) given now."""
            if not callable(f):
                raise DescendError(
                    "E takes a function of (next, policy, shock), such as "
                    f"E(lambda s, p, e: s.{state}), whose mean it gives; got {type(f).__name__}, "
                    "which is known today"
                )
            if not nexts:
                nexts.append(jax.vmap(following)(z, chains))
            values = jax.vmap(f)(*nexts[0])
            return jax.tree.map(lambda v: jnp.tensordot(weights.astype(v.dtype), v, 1), values)

        return economy, now, policy, expectation

    def residuals(
        self, network: Callable, position: Position, rule: Rule, numbers: Mapping[str, Any]
    ) -> dict[str, jax.Array]:
        """The conditions at a point, each (size,)."""
        return self.evaluate("conditions", network, position, rule, numbers)

    def evaluate(
        self,
        method: str,
        network: Callable,
        position: Position,
        rule: Rule,
        numbers: Mapping[str, Any],
    ) -> dict[str, jax.Array]:
        """What `conditions` or `consumption_errors` gives at a point, each (size,)."""
        economy, now, policy, expectation = self.arguments_at(network, position, rule, numbers)
        with author(economy, method):
            values = named(economy, method, getattr(economy, method)(now, policy, expectation))
            for name, value in values.items():
                if jnp.ndim(value) > 1:
                    raise ShapeError(
                        f"condition {name!r} has shape {jnp.shape(value)}; expected a number or a "
                        "vector"
                    )
        # in the author's order, which a traced dict would lose
        return OrderedDict((n, jnp.atleast_1d(jnp.asarray(value))) for n, value in values.items())

    # -- drawing --------------------------------------------------------------------------------

    def begin(self, key: jax.Array, count: int) -> Position:
        """Where paths begin: `start()`, chains and extra parameters anywhere."""
        drawn = self.anywhere(key, count)
        first = jnp.asarray(self.first, drawn.values.dtype)
        return drawn._replace(values=jnp.broadcast_to(first, drawn.values.shape))

    def anywhere(self, key: jax.Array, count: int) -> Position:
        """Points drawn evenly from the box, (count, ...)."""
        values, chains, extra = jax.random.split(key, 3)
        low, high = np.array(list(self.over.values())).reshape(-1, 2).T
        sizes = np.array(self.chain_sizes, np.int32)

        def even(key: jax.Array, low: np.ndarray, high: np.ndarray) -> jax.Array:
            return low[None] + (high - low)[None] * jax.random.uniform(key, (count, len(low)))

        return Position(
            even(values, self.low, self.high),
            jax.random.randint(chains, (count, len(sizes)), 0, sizes[None], jnp.int32),
            even(extra, low, high),
        )

    def draw(self, key: jax.Array, *shape: int) -> Draw:
        """The shocks of a period: standard normals (*shape, dimensions), uniforms for chains."""
        gaussian, uniform = jax.random.split(key)
        return Draw(
            jax.random.normal(gaussian, (*shape, self.law.dimensions)),
            jax.random.uniform(uniform, (*shape, len(self.chain_sizes))),
        )

    def outside(self, position: Position) -> jax.Array:
        """Whether a path has left its box by more than its width, or is not finite."""
        low, high = self.far
        inside = (position.values >= low) & (position.values <= high)
        return ~jnp.all(inside & jnp.isfinite(position.values))

    def follow(
        self,
        network: Callable,
        position: Position,
        drawn: Draw,
        numbers: Mapping[str, Any],
        chains: jax.Array | None = None,
    ) -> Position:
        """The position a period later; `chains`: their next positions, in place of drawn ones."""
        economy, law, now = self.economy_at(position, numbers)
        policy = self.policy(economy, network(self.features(position)))
        if chains is None:
            chains = law.move(drawn.u, position.chains)
        return self.step(economy, law, now, policy, position, drawn.z, chains)[0]

    def walk(
        self, network: Callable, paths: Position, draws: Draw, keys: jax.Array, numbers: Mapping
    ) -> tuple[Position, tuple[Position, jax.Array]]:
        """Many paths side by side over some periods; one that is lost begins anew.

        Args:
            paths: (paths, ...).
            draws: (periods, paths, ...).
            keys: random keys (periods,) for new beginnings.

        Returns:
            The last positions, and those of every period (periods, paths, ...) with the count of
            lost paths in each (periods,).
        """
        count = paths.values.shape[0]

        def period(paths: Position, now: tuple[Draw, jax.Array]) -> Any:
            drawn, key = now
            then = jax.vmap(lambda p, d: self.follow(network, p, d, numbers))(paths, drawn)
            gone = jax.vmap(self.outside)(then)
            then = either(gone, self.begin(key, count), then)
            return then, (then, jnp.sum(gone, dtype=jnp.int32))

        return jax.lax.scan(period, paths, (draws, keys))
