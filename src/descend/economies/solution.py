"""What a solve gives: policies over the whole state space, with all that is known of them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import json
import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.described import conforms
from descend.economies.accuracy import Accuracy
from descend.economies.network import Shape, function
from descend.economies.points import Ground, Position
from descend.economies.statement import Economy
from descend.economies.verdict import Verdict
from descend.errors import CheckpointError, DataError, DescendError, unknown
from descend.train import checkpoint
from descend.train.runtime import prepare

if TYPE_CHECKING:
    import pandas as pd

    from descend.economies.compare import Comparison
    from descend.economies.paths import Paths, Walker

OWN_MODELS = "descend.economies.models."


@contextlib.contextmanager
def precision(dtype: str) -> Iterator[None]:
    """The float type inside; the process's own setting is as before afterwards."""
    if dtype not in ("float32", "float64"):
        raise unknown("dtype", dtype, ("float32", "float64"))
    with jax.enable_x64(dtype == "float64"):
        yield


@dataclass
class Seed:
    """One network of a solve.

    Attributes:
        seed: its number.
        residual: its best mean residual of the worst condition on simulated states.
        reached: whether it met the aim and nothing else speaks against it: by the verdict on its
            accuracy, or, where another seed was found to be solved before it, by the residuals and
            set-backs of its last check in training.
        set_back: share of simulated periods in training that ended too far outside the box.
    """

    seed: int
    residual: float
    reached: bool
    set_back: float


@dataclass(repr=False)
class Solution:
    """A solved economy.

    Attributes:
        economy, network, over: what was solved, by what, and the parameters that are states.
        params: the weights, NumPy arrays of `dtype`.
        rule, judged_by: for expectations, in training and in `accuracy`.
        accuracy: the tables; `verdict` is what they say, `status` the same in words.
        seeds: one entry a network that was trained.
        log: what happened, in plain words.
        seconds: from the call to the solution, compilation included.
    """

    economy: Economy
    network: Shape
    params: Any
    dtype: str
    over: dict[str, tuple[float, float]]
    rule: str
    judged_by: str
    accuracy: Accuracy
    seeds: list[Seed]
    log: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __repr__(self) -> str:
        return f"<Solution of {self.economy!r}: {self.status}>"

    @property
    def verdict(self) -> Verdict:
        """Whether it is solved, and what speaks against it."""
        return self.accuracy.verdict

    @property
    def status(self) -> str:
        """The verdict in words, the worst news first."""
        return self.accuracy.status

    @functools.cached_property
    def ground(self) -> Ground:
        """The economy with its sizes."""
        with precision(self.dtype):
            return Ground(self.economy, self.over)

    @functools.cached_property
    def _graph(self) -> Any:
        return self.network.graph(self.ground)

    @functools.cached_property
    def _policies(self) -> Any:
        def one(params: Any, position: Position) -> dict[str, Any]:
            ground = self.ground
            economy, _, now = ground.there(position, {})
            raw = function(self._graph, params)(ground.features(position))
            policy = ground.policy(economy, raw)
            stated = policy.asdict() | dict(economy.definitions(now, policy))
            return OrderedDict(stated)  # in the author's order, which a traced dict would lose

        return jax.jit(jax.vmap(one, (None, 0)))

    def fits(self, ground: Ground) -> None:
        """Raises DescendError unless this solution's weights fit another economy's network."""
        own = self.ground
        if (own.inputs, own.raw) != (ground.inputs, ground.raw):
            raise DescendError(
                f"start_from: its network takes {own.inputs} numbers and gives {own.raw}; "
                f"{ground.economy.label} needs {ground.inputs} and {ground.raw}"
            )

    # -- policies -------------------------------------------------------------------------------

    def policy(self, states: Any) -> dict[str, np.ndarray]:
        """Policies (and definitions) at states.

        Args:
            states: a dict or a DataFrame with every state: arrays (n,), or (n, size) for a vector
                (in a DataFrame: columns NAME_1, NAME_2, ...); a chain by its position 0, 1, ...;
                a parameter that is a state by its value.

        Returns:
            {name: (n,) or (n, size)}.

        Raises:
            DataError: a state that is missing, unknown, of another size, or not finite.
        """
        return self.at(self.positions(states))

    def at(self, positions: Position) -> dict[str, np.ndarray]:
        """Policies and definitions at positions (n, ...)."""
        with precision(self.dtype):
            params = jax.tree.map(jnp.asarray, self.params)
            found = self._policies(params, jax.tree.map(jnp.asarray, positions))
            order = dict.fromkeys([*self.ground.outputs, *found])  # jit sorts the names
            return {name: np.asarray(found[name]) for name in order}

    def positions(self, states: Any) -> Position:
        """States by name as positions (n, ...); raises DataError as `policy` does."""
        return positions_of(self.ground, states)

    def states(self, positions: Position) -> dict[str, np.ndarray]:
        """Positions as states by name."""
        return states_of(self.ground, positions)

    # -- what follows from them -----------------------------------------------------------------

    @functools.cached_property
    def walker(self) -> Walker:
        """The compiled programs of its paths."""
        from descend.economies.paths import Walker

        return Walker(self.ground, self._graph)

    def simulate(
        self,
        periods: int = 1000,
        paths: int = 1,
        *,
        burn: int | None = None,
        seed: int = 0,
        start: Any = None,
    ) -> Paths:
        """Paths of the economy under the policy; see `descend.economies.paths.simulate`."""
        from descend.economies.paths import simulate

        return simulate(self, periods, paths, burn=burn, seed=seed, start=start)

    def impulse_response(
        self, shock: str, size: Any = 1.0, periods: int = 40, **options: Any
    ) -> pd.DataFrame:
        """The mean difference that a shock makes; see `descend.economies.paths`."""
        from descend.economies.paths import impulse_response

        return impulse_response(self, shock, size, periods, **options)

    def moments(self, **options: Any) -> pd.DataFrame:
        """Mean, deviation, autocorrelation and extremes of a long simulation, a row a quantity."""
        return self.simulate(**{"periods": 2000, "paths": 20, **options}).moments()

    def compare(self, reference: Any = None, **options: Any) -> Comparison:
        """The policy beside an independent one; see `descend.economies.compare`."""
        from descend.economies.compare import compare

        return compare(self, reference, **options)

    # -- on disk --------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Everything but the weights, as JSON."""
        cls = type(self.economy)
        return {
            "status": self.status,
            "solved": self.verdict.solved,
            "economy": f"{cls.__module__}:{cls.__qualname__}",
            "parameters": json.loads(json.dumps(self.economy.parameters(), default=float)),
            "network": {"hidden": list(self.network.hidden), "activation": self.network.activation},
            "dtype": self.dtype,
            "over": {name: list(ends) for name, ends in self.over.items()},
            "rule": self.rule,
            "judged_by": self.judged_by,
            "accuracy": asdict(self.accuracy),
            "seeds": [asdict(s) for s in self.seeds],
            "log": list(self.log),
            "seconds": self.seconds,
        }

    def save(self, path: str | Path) -> None:
        """Write description and weights to one file, atomically; nothing in it is code."""
        checkpoint.write(
            path, "economy", self.describe(), checkpoint.flatten(self.params, "params")
        )


def load_solution(path: str | Path, economy: type[Economy] | Economy | None = None) -> Solution:
    """A solution from a file of `Solution.save`; nothing in it is executed.

    Args:
        path: the file.
        economy: the class of the statement (or one of its economies). Needed for a model of the
            user's own that has not been imported; descend's own models are found by name.

    Raises:
        CheckpointError: not such a file, or its class is neither given nor imported.
    """
    prepare()
    described, arrays = checkpoint.read(path)
    if described["kind"] != "economy":
        raise CheckpointError(f"{path} holds a {described['kind']}, not a solved economy")
    with checkpoint.understood(path, "description"):
        return _made(path, described, arrays, economy)


def _made(
    path: str | Path,
    described: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    economy: type[Economy] | Economy | None,
) -> Solution:
    cls = type(economy) if isinstance(economy, Economy) else economy
    if cls is None:
        cls = _class_of(described["economy"], path)
    numbers = described["parameters"].items()
    try:
        stated = cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in numbers})
    except TypeError as error:
        raise CheckpointError(f"{path} does not fit {cls.__name__} as it is now: {error}") from None
    kept = described["accuracy"]
    with precision(described["dtype"]):
        network = Shape(tuple(described["network"]["hidden"]), described["network"]["activation"])
        ground = Ground(stated, described["over"])
        like = jax.eval_shape(network.graph(ground).init, jax.random.key(0))[0]
        params = checkpoint.unflatten(arrays, like, "params", path)
        params = jax.tree.map(np.asarray, params)
    checkpoint.require_numbers(arrays, "params", path)
    accuracy = Accuracy(**{**kept, "aims": {k: tuple(v) for k, v in kept["aims"].items()}})
    found = Solution(
        economy=stated,
        network=network,
        params=params,
        dtype=described["dtype"],
        over={k: tuple(v) for k, v in described["over"].items()},
        rule=described["rule"],
        judged_by=described["judged_by"],
        accuracy=accuracy,
        seeds=[Seed(**s) for s in described["seeds"]],
        log=described["log"],
        seconds=described["seconds"],
    )
    conforms(found, Solution, "the solution")
    conforms(found.status, str, "the status")  # its words need every figure they name
    return found


def _class_of(name: str, path: Any) -> type[Economy]:
    """The class of a name: one of descend's models, or of a module that is imported already."""
    module, _, qualified = name.partition(":")
    if module.startswith(OWN_MODELS) and module.removeprefix(OWN_MODELS).isidentifier():
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    found: Any = sys.modules.get(module)
    for part in qualified.split("."):
        found = getattr(found, part, None)
    if not (
        isinstance(found, type) and issubclass(found, Economy) and dataclasses.is_dataclass(found)
    ):
        raise CheckpointError(
            f"{path} is a solution of {name}, which is not imported. Import that module first, or "
            "give the class: load_solution(path, economy=MyEconomy)"
        )
    return found


# -- states by name -----------------------------------------------------------------------------


def positions_of(ground: Ground, states: Any) -> Position:
    """States by name, or a DataFrame of them, as positions (n, ...)."""
    given = by_name(ground, states)
    chains = list(ground.law.chains)
    wanted = [*ground.shapes, *chains, *ground.over]
    for name in given:
        if name not in wanted:
            raise DataError(str(unknown("state", name, wanted)))
    missing = [name for name in wanted if name not in given]
    if missing:
        raise DataError(f"policy: needs {', '.join(wanted)}; {', '.join(missing)} is missing")
    arrays: dict[str, np.ndarray] = {}
    for name in wanted:
        shape = ground.shapes.get(name, ())
        try:
            array = np.asarray(given[name], float)
        except (TypeError, ValueError):
            said = f"policy: state {name!r} must be numbers, got {given[name]!r}"
            raise DataError(said) from None
        if array.ndim == len(shape):
            array = array[None]
        if array.shape[1:] != shape or not np.isfinite(array).all():
            raise DataError(
                f"policy: state {name!r} must be finite, of shape {('n', *shape)}, "
                f"got {np.shape(given[name])}"
            )
        arrays[name] = array
    count = max(len(a) for a in arrays.values())
    for name, array in arrays.items():
        if len(array) not in (1, count):
            raise DataError(f"policy: {name!r} has {len(array)} rows, others have {count}")
        arrays[name] = np.broadcast_to(array, (count, *array.shape[1:]))
    for name, size in zip(chains, ground.chain_sizes, strict=True):
        a = arrays[name]
        if not ((a == np.round(a)) & (a >= 0) & (a < size)).all():
            raise DataError(
                f"policy: the chain {name!r} is given by its position, a whole number from 0 to "
                f"{size - 1}"
            )
    columns = lambda names: np.concatenate(  # noqa: E731
        [np.zeros((count, 0)), *(arrays[n].reshape(count, -1) for n in names)], axis=1
    )
    return Position(columns(ground.shapes), columns(chains).astype(np.int32), columns(ground.over))


def by_name(ground: Ground, states: Any) -> dict[str, Any]:
    """A DataFrame's columns NAME_1, NAME_2, ... joined to vectors; a dict as it is."""
    if isinstance(states, Mapping):
        return dict(states)
    given = {name: np.asarray(states[name]) for name in states.columns}
    for name, shape in ground.shapes.items():
        parts = [f"{name}_{i + 1}" for i in range(shape[0])] if shape else []
        if parts and name not in given and all(p in given for p in parts):
            given[name] = np.stack([given.pop(p) for p in parts], axis=1)
    return given


def states_of(ground: Ground, positions: Position) -> dict[str, np.ndarray]:
    """Positions (..., n) as states, chains' positions and extra parameters by name."""
    found = {k: np.asarray(v) for k, v in ground.unpack(np.asarray(positions.values)).items()}
    for i, name in enumerate(ground.law.chains):
        found[name] = np.asarray(positions.chains)[..., i]
    for i, name in enumerate(ground.over):
        found[name] = np.asarray(positions.extra)[..., i]
    return found
