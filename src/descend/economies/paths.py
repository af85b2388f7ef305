"""Paths of a solved economy: simulations, their moments, impulse responses.

A path is what an economy does under its policy. An impulse response is a difference of two paths
that see the same luck but for one shock in the first period, averaged over where they begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies.floats import precision
from descend.economies.network import function
from descend.economies.states import by_name, positions_of, states_of
from descend.economies.system import Draw, Position, System, either, flattened
from descend.economies.verdict import Verdict
from descend.errors import DataError, DescendError, unknown
from descend.nn.checks import whole
from descend.nn.graph import Graph
from descend.train.engine.runtime import quick_compile

if TYPE_CHECKING:
    import pandas as pd

    from descend.economies.solution import Solution

BURN = 200  # periods that are left out before a simulation, unless it is told where to start
PIECE = 2**15  # points whose policies are computed side by side; keeps the memory in check


@dataclass
class Paths:
    """Simulated paths; every array is (paths, periods) or (paths, periods, size).

    Attributes:
        states: arrays by name; parameters that are states too come last.
        chains: positions, whole numbers.
        values: meaning of the positions: "z.value", or "z.eta" for an entry named eta.
        policies, definitions: arrays by name.
        set_back: number of periods that are new beginnings, the path having left its box by far.
        verdict: on the policy; what is made of these paths carries it.
    """

    states: dict[str, np.ndarray]
    chains: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    policies: dict[str, np.ndarray]
    definitions: dict[str, np.ndarray]
    set_back: int
    verdict: Verdict

    def quantities(self) -> dict[str, np.ndarray]:
        """Everything that has a mean, each (paths, periods); vectors as NAME_1, NAME_2, ..."""
        arrays: dict[str, np.ndarray] = {}
        for group in (self.states, self.values, self.policies, self.definitions):
            for name, array in columns(group, 2).items():
                arrays.setdefault(name, array)
        return arrays

    def to_frame(self) -> pd.DataFrame:
        """One row a path and period, both counted from 1; vectors as NAME_1, NAME_2, ..."""
        import pandas as pd

        every = {**self.chains, **self.quantities()}
        count, periods = next(iter(every.values())).shape
        index = pd.MultiIndex.from_product(
            [range(1, count + 1), range(1, periods + 1)], names=["path", "period"]
        )
        return pd.DataFrame({name: array.ravel() for name, array in every.items()}, index)

    def moments(self) -> pd.DataFrame:
        """Mean, standard deviation, first autocorrelation, least and greatest; a row a quantity.

            autocorrelation = sum x_t x_{t-1} / (sum x_t^2 sum x_{t-1}^2)^(1/2),    t = 2, 3, ...

        over all paths, x less their common mean; NaN for what never moves. `attrs["verdict"]` is
        the verdict on the policy; where that is not solved, it stands in the table's corner.
        """
        import pandas as pd

        rows = {name: _moments(array) for name, array in self.quantities().items()}
        names = ["mean", "std", "autocorrelation", "min", "max"]
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=names)
        return _judged(frame, self.verdict)


def _moments(x: np.ndarray) -> tuple[float, ...]:
    mean, std = float(x.mean()), float(x.std())
    away = x - mean
    now, before = away[:, 1:], away[:, :-1]
    size = float(np.sqrt(np.sum(now**2) * np.sum(before**2)))  # so it is at most 1, as it should
    moves = std > 1e-12 * max(1.0, abs(mean)) and size > 0
    lagged = float(np.sum(now * before)) / size if moves else np.nan
    return mean, std, lagged, float(x.min()), float(x.max())


def _judged(frame: pd.DataFrame, verdict: Verdict) -> pd.DataFrame:
    """The frame with the verdict in its `attrs`, and in its corner where it is bad news."""
    frame.attrs["verdict"] = str(verdict)
    if not verdict.solved:
        levels = frame.columns.nlevels
        frame.columns = frame.columns.set_names([verdict.words, *[None] * (levels - 1)])
    return frame


def columns(group: Mapping[str, np.ndarray], axes: int) -> dict[str, np.ndarray]:
    """Arrays with `axes` leading axes, a vector's entries as NAME_1, NAME_2, ..."""
    arrays = {}
    for name, array in group.items():
        if array.ndim == axes:
            arrays[name] = array
        else:
            flat = array.reshape(*array.shape[:axes], -1)
            arrays |= {f"{name}_{i + 1}": flat[..., i] for i in range(flat.shape[-1])}
    return arrays


class Walker:
    """The compiled programs behind a solution's paths; made once a solution."""

    def __init__(self, system: System, graph: Graph):
        self.system, self.graph = system, graph
        self.walk = _jit(self._walk)
        self.pair = _jit(self._pair)
        self.values = _jit(jax.vmap(self._values))

    def _walk(self, params: Any, start: Position, draws: Draw, keys: jax.Array) -> Any:
        return self.system.walk(function(self.graph, params), start, draws, keys, {})

    def _values(self, position: Position) -> dict[str, Any]:
        _, law, _ = self.system.economy_at(position, {})
        return law.present(position.chains)

    def _pair(
        self, params: Any, start: Position, draws: Draw, push: jax.Array, put: jax.Array
    ) -> Any:
        """Two paths from each start, the second pushed in the first period.

        Args:
            start: (paths, ...). draws: (periods, paths, ...).
            push: added to the standard normals of the first period, (dimensions,).
            put: positions that the chains are put in then, (chains,); negative: as drawn.

        Returns:
            Positions of both (periods, paths, ...), and which paths left the box by far (paths,).
        """
        network, system = function(self.graph, params), self.system
        first, later = jax.tree.map(lambda a: a[0], draws), jax.tree.map(lambda a: a[1:], draws)

        def plain(position: Position, drawn: Draw) -> Position:
            return system.follow(network, position, drawn, {})

        def pushed(position: Position, drawn: Draw) -> Position:
            drawn = drawn._replace(z=drawn.z + push)
            moved = system.law.move(drawn.u, position.chains)
            return system.follow(network, position, drawn, {}, jnp.where(put < 0, moved, put))

        def lost(both: tuple[Position, Position]) -> jax.Array:
            return jax.vmap(system.outside)(both[0]) | jax.vmap(system.outside)(both[1])

        def period(carry: Any, drawn: Draw) -> Any:
            both, gone = carry
            then = [either(gone, p, jax.vmap(plain)(p, drawn)) for p in both]
            pair = then[0], then[1]
            return (pair, gone | lost(pair)), pair

        hit = jax.vmap(plain)(start, first), jax.vmap(pushed)(start, first)
        (_, gone), seen = jax.lax.scan(period, (hit, lost(hit)), later)
        whole = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), hit, seen)
        return *whole, gone


def _jit(run: Any) -> Any:
    return jax.jit(run, compiler_options=quick_compile())


def simulate(
    solution: Solution,
    periods: int,
    paths: int = 1,
    *,
    burn: int | None = None,
    seed: int = 0,
    start: Any = None,
) -> Paths:
    """Paths of an economy under its policy.

    Args:
        periods: length of each path; the first one is the start, or where the burn-in has led.
        paths: number of paths side by side, each with shocks of its own.
        burn: periods that are left out before; 200 by default, none where `start` is given.
        seed: number that the shocks follow from.
        start: some or all states by name, numbers or (paths,) arrays, or a DataFrame; a chain by
            its position. The others begin where the economy says (chains and parameters that are
            states: anywhere).

    Returns:
        The paths. One that leaves its box by more than the box's width begins anew, and is counted.

    Raises:
        DescendError: counts that are no whole numbers, or out of range.
        DataError: a start that is unknown, of another size, or not finite.
    """
    burn = _burn(burn, start)
    whole("periods", periods, 1)
    whole("seed", seed, 0)
    with precision(solution.dtype):
        begin, going = jax.random.split(jax.random.key(seed))
        first = _beginning(solution, start, begin, whole("paths", paths, 1))
        positions, outside = _walked(solution, first, going, burn + periods - 1)
        positions = jax.tree.map(lambda a: np.swapaxes(np.asarray(a)[burn:], 0, 1), positions)
    states = states_of(solution.system, positions)
    policies, definitions, values = _along(solution, positions)
    chains = {name: states.pop(name) for name in solution.system.law.chains}
    back = int(outside[burn:].sum())
    return Paths(states, chains, values, policies, definitions, back, solution.verdict)


def impulse_response(
    solution: Solution,
    shock: str,
    size: Any = 1.0,
    periods: int = 40,
    *,
    start: Any = None,
    burn: int | None = None,
    paths: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """The generalised impulse response: what one shock changes, whatever else happens.

        mean over paths of  x_t(with the shock in period 1) - x_t(without it),    t = 1, 2, ...

    Both paths of a pair begin at the same state and see the same draws. A normal shock is raised by
    `size` above what was drawn; a chain is put in a position and goes on from there.

    Args:
        shock: name of a Normal or of a Chain; NAME_2 for one shock of a vector: the others then
            move with it as their correlation has it.
        size: size of a Normal's push, in standard deviations (a vector for a vector of shocks: each
            by its own); the position that a Chain is put in.
        periods: length that the pairs are followed for.
        start: state that all pairs begin in, as in `simulate`; by default drawn from the ergodic
            set.
        burn: periods before the shock; 200 by default, none where `start` is given.
        paths: number of pairs that the mean is taken over.
        seed: number that the draws follow from.

    Returns:
        A row a period, counted from 1, the period of the shock. Columns ("absolute", quantity) in
        the quantity's own units, and ("percent", quantity): 100 (mean with / mean without - 1), NaN
        for what is not positive throughout. `attrs` has the shock in words, "left out": how many
        pairs left the box by far (the means are without them), and the "verdict" on the policy.

    Raises:
        DescendError: an unknown shock, a size or position that it cannot have, or no pair left.

    Source: Koop, Pesaran and Potter 1996; for one shock of a vector, Pesaran and Shin 1998.
    """
    import pandas as pd

    system = solution.system
    burn = _burn(burn, start)
    whole("periods", periods, 1)
    whole("seed", seed, 0)
    with precision(solution.dtype):
        push, put = _pushed(system, shock, size)
        begin, burning, going = jax.random.split(jax.random.key(seed), 3)
        now = _beginning(solution, start, begin, whole("paths", paths, 1))
        now = jax.tree.map(lambda a: a[-1], _walked(solution, now, burning, burn)[0])
        draws = system.draw(going, periods, paths)
        params = jax.tree.map(jnp.asarray, solution.params)
        dtype = draws.z.dtype
        plain, hit, gone = solution.walker.pair(
            params, now, draws, jnp.asarray(push, dtype), jnp.asarray(put, jnp.int32)
        )
    kept = ~np.asarray(gone)
    if not kept.any():
        raise DescendError(
            f"impulse_response: the shock {shock!r} of size {size} drives every path far out "
            "of the economy's box; give a smaller one"
        )
    base, other = (
        _quantities(solution, jax.tree.map(lambda a: np.asarray(a)[:, kept], p))
        for p in (plain, hit)
    )
    absolute = {name: (other[name] - base[name]).mean(axis=1) for name in base}
    percent = {name: _percent(base[name], other[name]) for name in base}
    index = pd.RangeIndex(1, periods + 1, name="period")
    both = {"absolute": pd.DataFrame(absolute, index), "percent": pd.DataFrame(percent, index)}
    frame = pd.concat(both, axis=1)
    lost = int((~kept).sum())
    how = (
        f"put in position {size}"
        if shock in system.law.chains
        else f"raised by {np.asarray(size).tolist()} sd"
    )
    frame.attrs = {"shock": f"{shock} {how}", "left out": lost}
    return _judged(frame, solution.verdict)


def _percent(base: np.ndarray, other: np.ndarray) -> np.ndarray:
    if min(base.min(), other.min()) <= 0:
        return np.full(len(base), np.nan)
    return 100 * (other.mean(axis=1) / base.mean(axis=1) - 1)


# -- parts ----------------------------------------------------------------------------------------


def _burn(burn: int | None, start: Any) -> int:
    if burn is None:
        return BURN if start is None else 0
    return whole("burn", burn, 0)


def _beginning(solution: Solution, start: Any, key: jax.Array, paths: int) -> Position:
    """Where the paths begin, (paths, ...)."""
    system = solution.system
    drawn = system.begin(key, paths)
    if start is None:
        return drawn
    values = by_name(system, start)
    for name, value in values.items():
        rows = len(value) if np.ndim(value) > len(system.shapes.get(name, ())) else 1
        if rows not in (1, paths):
            raise DataError(
                f"start: {name!r} has {rows} rows for {paths} paths; give one, or one a path"
            )
    return jax.tree.map(jnp.asarray, positions_of(system, {**states_of(system, drawn), **values}))


def _walked(solution: Solution, now: Position, key: jax.Array, periods: int) -> Any:
    """The first positions and all that follow, (periods + 1, paths, ...); how many were set back
    in each, (periods + 1,)."""
    system = solution.system
    luck, back = jax.random.split(key)
    draws = system.draw(luck, periods, now.values.shape[0])
    params = jax.tree.map(jnp.asarray, solution.params)
    _, (after, outside) = solution.walker.walk(params, now, draws, jax.random.split(back, periods))
    positions = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), now, after)
    return positions, np.append(0, outside)


def _along(solution: Solution, positions: Position) -> tuple[dict, dict, dict]:
    """(policies, definitions, chains' values) at positions (a, b, ...), each (a, b, ...)."""
    ahead = positions.values.shape[:2]
    flat = flattened(positions)
    count = len(flat.values)
    pieces: list[dict] = []
    with precision(solution.dtype):
        for begin in range(0, count, PIECE):
            piece = jax.tree.map(lambda a, b=begin: a[b : b + PIECE], flat)
            values = solution.walker.values(jax.tree.map(jnp.asarray, piece))
            pieces.append({"policy": solution.policies_at(piece), "chains": _named_values(values)})
    whole: dict[str, dict] = jax.tree.map(
        lambda *parts: np.concatenate(parts).reshape(*ahead, *parts[0].shape[1:]), *pieces
    )
    outputs = solution.system.outputs
    policies = {name: whole["policy"].pop(name) for name in outputs}
    return policies, whole["policy"], whole["chains"]


def _named_values(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    named: dict[str, np.ndarray] = {}
    for chain, value in values.items():
        entries = value.asdict() if hasattr(value, "asdict") else {"value": value}
        named |= {f"{chain}.{entry}": np.asarray(v) for entry, v in entries.items()}
    return named


def _quantities(solution: Solution, positions: Position) -> dict[str, np.ndarray]:
    """Every quantity at positions (periods, paths, ...), each (periods, paths)."""
    states = states_of(solution.system, positions)
    policies, definitions, values = _along(solution, positions)
    chains = {name: states.pop(name) for name in solution.system.law.chains}
    return Paths(states, chains, values, policies, definitions, 0, solution.verdict).quantities()


def _pushed(system: System, shock: str, size: Any) -> tuple[np.ndarray, np.ndarray]:
    """What is added to the standard normals, (dimensions,), and where chains are put, (chains,)."""
    push, put = np.zeros(system.law.dimensions), np.full(len(system.chain_sizes), -1)
    if shock in system.law.chains:
        which = list(system.law.chains).index(shock)
        most = system.chain_sizes[which] - 1
        if isinstance(size, bool) or size not in range(most + 1):
            raise DescendError(
                f"impulse_response: the chain {shock!r} is put in a position, a whole number "
                f"from 0 to {most}; got {size!r}"
            )
        put[which] = int(size)
        return push, put
    begin = 0
    known = list(system.law.chains)
    for name, normal in system.law.normals.items():
        entries = [f"{name}_{i + 1}" for i in range(normal.size)] if normal.shape else []
        known += [name, *entries]
        if shock == name or shock in entries:
            one = entries.index(shock) if shock in entries else None
            push[begin : begin + normal.size] = _in_normals(normal, size, one, shock)
            return push, put
        begin += normal.size
    raise unknown("shock", shock, known)


def _in_normals(normal: Any, size: Any, one: int | None, shock: str) -> np.ndarray:
    """A shock given in its own standard deviations, in standard normals: L^-1 size."""
    sizes = np.asarray(size, float)
    if not np.isfinite(sizes).all() or sizes.shape not in ((), normal.shape if one is None else ()):
        raise DescendError(
            f"impulse_response: the size of {shock!r} is a number of standard deviations"
            + (f", or a vector of {normal.size}" if normal.shape and one is None else "")
            + f"; got {size!r}"
        )
    matrix = np.eye(normal.size)
    if normal.correlation is not None:
        matrix = np.asarray(normal.matrix(), float)
    moves = matrix[:, one] * sizes if one is not None else np.broadcast_to(sizes, normal.size)
    return np.linalg.solve(np.linalg.cholesky(matrix), moves)
