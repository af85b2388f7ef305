"""What a solve gives: policies over the whole state space, with all that is known of them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import json
import sys
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.described import conforms
from descend.economies.accuracy import Accuracy
from descend.economies.compare import Comparison, compare
from descend.economies.floats import precision
from descend.economies.network import Shape, function
from descend.economies.paths import Paths, Walker, impulse_response, simulate
from descend.economies.progress import Event
from descend.economies.statement import Economy
from descend.economies.states import positions_of, states_of
from descend.economies.system import Position, System
from descend.economies.verdict import Verdict
from descend.errors import CheckpointError, DescendError
from descend.train.engine.runtime import prepare
from descend.train.saving import checkpoint

if TYPE_CHECKING:
    import pandas as pd

OWN_MODELS = "descend.economies.models."


@dataclass
class Seed:
    """One network of a solve.

    Attributes:
        seed: number that its weights were drawn from.
        residual: best mean residual of the worst condition on simulated states.
        reached: True where it met the aim and nothing else speaks against it: by the verdict on its
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
    """A solved economy: its policies over the whole state space, and all that is known of them.

    Attributes:
        economy, network, over: statement, network of the policies, parameters that are states.
        params: the weights, NumPy arrays.
        dtype: number type of the weights and of all that is computed, "float64" or "float32".
        rule, judged_by: rules for expectations, in training and in `accuracy`.
        accuracy: the tables; `verdict` is what they say, `status` the same in words.
        seeds: one entry a network that was trained.
        events: history of the solve, as `descend.economies.Event`s; `log` is the same in lines.
        seconds: time from the call to the solution, compilation included.

    Raises:
        DataError: `policy` of a state that is missing, unknown, of another size, or not finite.
        DescendError: `save` to a place that cannot be written.

    Source: descend's own.

    Example:
        A policy that is right from the start is only judged: a share of .3 of output sqrt(k).

        >>> from dataclasses import dataclass
        >>> from descend.economies import Economy, Share, Size, solve
        >>> @dataclass(frozen=True)
        ... class Solow(Economy):
        ...     def states(self):
        ...         return {"k": (0.01, 1.0)}
        ...     def policies(self):
        ...         return {"saving": Share(0.3)}
        ...     def transition(self, now, policy, shock):
        ...         return {"k": policy.saving * now.k**0.5}
        ...     def conditions(self, now, policy, E):
        ...         return {"rule": policy.saving / 0.3 - 1}
        >>> few = Size(paths=2, burn=2, periods=2, thin=1, box=4, stressed=4, stability=20)
        >>> solution = solve(Solow(), seeds=1, hidden=(), size=few, verbose=0)
        >>> solution.verdict.solved, solution.policy({"k": [0.2, 0.4]})["saving"].round(3).tolist()
        (True, [0.3, 0.3])
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
    events: list[Event] = field(default_factory=list)
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

    @property
    def log(self) -> list[str]:
        """What happened, a line each."""
        return [str(event) for event in self.events]

    @functools.cached_property
    def system(self) -> System:
        """The economy with its sizes."""
        with precision(self.dtype):
            return System(self.economy, self.over)

    @functools.cached_property
    def _graph(self) -> Any:
        return self.network.graph(self.system)

    @functools.cached_property
    def _policies(self) -> Any:
        def one(params: Any, position: Position) -> dict[str, Any]:
            system = self.system
            economy, _, now = system.economy_at(position, {})
            raw = function(self._graph, params)(system.features(position))
            policy = system.policy(economy, raw)
            stated = policy.asdict() | dict(economy.definitions(now, policy))
            return OrderedDict(stated)  # in the author's order, which a traced dict would lose

        return jax.jit(jax.vmap(one, (None, 0)))

    def fits(self, system: System) -> None:
        """Raises DescendError unless this solution's weights fit another economy's network."""
        own = self.system
        if (own.inputs, own.raw) != (system.inputs, system.raw):
            raise DescendError(
                f"start_from: its network takes {own.inputs} numbers and gives {own.raw}; "
                f"{system.economy.label} needs {system.inputs} and {system.raw}"
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
        return self.policies_at(self.positions(states))

    def policies_at(self, positions: Position) -> dict[str, np.ndarray]:
        """Policies and definitions at positions (n, ...)."""
        with precision(self.dtype):
            params = jax.tree.map(jnp.asarray, self.params)
            policies = self._policies(params, jax.tree.map(jnp.asarray, positions))
            order = dict.fromkeys([*self.system.outputs, *policies])  # jit sorts the names
            return {name: np.asarray(policies[name]) for name in order}

    def positions(self, states: Any) -> Position:
        """States by name as positions (n, ...); raises DataError as `policy` does."""
        return positions_of(self.system, states)

    def states(self, positions: Position) -> dict[str, np.ndarray]:
        """Positions as states by name."""
        return states_of(self.system, positions)

    # -- what follows from them -----------------------------------------------------------------

    @functools.cached_property
    def walker(self) -> Walker:
        """The compiled programs of its paths."""
        return Walker(self.system, self._graph)

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
        return simulate(self, periods, paths, burn=burn, seed=seed, start=start)

    def impulse_response(
        self, shock: str, size: Any = 1.0, periods: int = 40, **options: Any
    ) -> pd.DataFrame:
        """The mean difference that a shock makes; see `descend.economies.paths`."""
        return impulse_response(self, shock, size, periods, **options)

    def moments(self, **options: Any) -> pd.DataFrame:
        """Mean, deviation, autocorrelation and extremes of a long simulation, a row a quantity."""
        return self.simulate(**{"periods": 2000, "paths": 20, **options}).moments()

    def compare(self, reference: Any = None, **options: Any) -> Comparison:
        """The policy beside an independent one; see `descend.economies.compare`."""
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
            "log": self.log,
            "events": [asdict(event) for event in self.events],
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
        path: name of the file.
        economy: class of the statement, or one of its economies. Needed for a model of the
            user's own that has not been imported; descend's own models are found by name.

    Returns:
        The Solution, as it was saved.

    Raises:
        CheckpointError: not such a file, or its class is neither given nor imported.

    Source: descend's own.

    Example:
        >>> import tempfile
        >>> from dataclasses import dataclass
        >>> from descend.economies import Economy, Share, Size, load_solution, solve
        >>> @dataclass(frozen=True)
        ... class Solow(Economy):
        ...     def states(self):
        ...         return {"k": (0.01, 1.0)}
        ...     def policies(self):
        ...         return {"saving": Share(0.3)}
        ...     def transition(self, now, policy, shock):
        ...         return {"k": policy.saving * now.k**0.5}
        ...     def conditions(self, now, policy, E):
        ...         return {"rule": policy.saving / 0.3 - 1}
        >>> few = Size(paths=2, burn=2, periods=2, thin=1, box=4, stressed=4, stability=20)
        >>> solution = solve(Solow(), seeds=1, hidden=(), size=few, verbose=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     solution.save(f"{folder}/solow.descend")
        ...     again = load_solution(f"{folder}/solow.descend", Solow)
        >>> again.policy({"k": [0.2]})["saving"].round(3).tolist()
        [0.3]
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
    except (TypeError, DescendError) as error:
        raise CheckpointError(f"{path} does not fit {cls.__name__} as it is now: {error}") from None
    tables = described["accuracy"]
    with precision(described["dtype"]):
        network = Shape(tuple(described["network"]["hidden"]), described["network"]["activation"])
        system = System(stated, described["over"])
        like = jax.eval_shape(network.graph(system).init, jax.random.key(0))[0]
        params = checkpoint.unflatten(arrays, like, "params", path)
        params = jax.tree.map(np.asarray, params)
    checkpoint.require_numbers(arrays, "params", path)
    accuracy = Accuracy(**{**tables, "aims": {k: tuple(v) for k, v in tables["aims"].items()}})
    solution = Solution(
        economy=stated,
        network=network,
        params=params,
        dtype=described["dtype"],
        over={k: tuple(v) for k, v in described["over"].items()},
        rule=described["rule"],
        judged_by=described["judged_by"],
        accuracy=accuracy,
        seeds=[Seed(**s) for s in described["seeds"]],
        events=_events(described),
        seconds=described["seconds"],
    )
    conforms(solution, Solution, "the solution")
    conforms(solution.status, str, "the status")  # its words need every figure they name
    return solution


def _events(described: Mapping[str, Any]) -> list[Event]:
    """The events of a file; of an older one, which has the lines alone, those."""
    if "events" in described:
        return [Event(**event) for event in described["events"]]
    return [Event(None, line) for line in described["log"]]


def _class_of(name: str, path: Any) -> type[Economy]:
    """The class of a name: one of descend's models, or of a module that is imported already."""
    module, _, qualified = name.partition(":")
    if module.startswith(OWN_MODELS) and module.removeprefix(OWN_MODELS).isidentifier():
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    value: Any = sys.modules.get(module)
    for part in qualified.split("."):
        value = getattr(value, part, None)
    if not (
        isinstance(value, type) and issubclass(value, Economy) and dataclasses.is_dataclass(value)
    ):
        raise CheckpointError(
            f"{path} is a solution of {name}, which is not imported. Import that module first, or "
            "give the class: load_solution(path, economy=MyEconomy)"
        )
    return value
