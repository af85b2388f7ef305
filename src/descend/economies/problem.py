"""What every stage of a solve reads: the economy and the plan, worked out once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.economies import expectations
from descend.economies.accuracy import Judge
from descend.economies.expectations import Rule
from descend.economies.learner import Learner
from descend.economies.network import Shape
from descend.economies.plan import Plan
from descend.economies.statement import Economy
from descend.economies.system import System, outputs_of
from descend.nn.graph import Graph
from descend.train.engine.runtime import quick_compile
from descend.train.rules import Optimizer


@dataclass(frozen=True)
class Problem:
    """An economy and how it is solved.

    Attributes:
        plan: the arguments.
        system: the economy with its sizes.
        network, graph: the policies' network.
        rule: nodes and weights of expectations in training.
        judge: evaluates policies by the finer rule.
        optimizer: the first-order rule.
        aims: {figure: what is to be reached}.
        aim_of: owner of the aims, in words, where none were given.
    """

    plan: Plan
    system: System
    network: Shape
    graph: Graph
    rule: Rule
    judge: Judge
    optimizer: Optimizer
    aims: Mapping[str, float]
    aim_of: str

    @classmethod
    def of(cls, economy: Economy, plan: Plan, network: Shape | None = None) -> Problem:
        """Worked out; raises DescendError where the economy and the plan do not go together.

        Args:
            network: the network of a solution to begin from; None for the plan's.
        """
        for name, value in plan.beginnings.items():
            economy.with_parameters({name: value})
        outputs_of(economy.with_parameters(plan.beginnings))
        system = System(economy, plan.ranges, traced=tuple(plan.beginnings))
        aims, aim_of = plan.aims(economy)
        network = network or plan.network
        graph = network.graph(system)
        dimensions = system.law.dimensions
        rule = plan.rule or expectations.for_training(dimensions)
        finer = plan.judged_by or expectations.for_judging(dimensions)
        return cls(
            plan=plan,
            system=system,
            network=network,
            graph=graph,
            rule=expectations.rule(rule, dimensions),
            judge=Judge(system, graph, expectations.rule(finer, dimensions)),
            optimizer=plan.first_order,
            aims=aims,
            aim_of=aim_of,
        )

    @property
    def seeds(self) -> range:
        """Positions of the seeds, 0, 1, ...; their numbers begin at `plan.seed`."""
        return range(self.plan.seeds)

    @property
    def numbers(self) -> dict[str, Any]:
        """The economy's own values of the parameters that are traced."""
        values = self.system.economy.parameters()
        return {name: values[name] for name in self.system.traced}

    def learner(self) -> Learner:
        """The Task of first-order updates."""
        return Learner(self.system, self.graph, self.rule, self.optimizer, self.plan.sampling)

    def identity(self, stage: str) -> dict[str, Any]:
        """What tells this run, in this stage, from another in a checkpoint."""
        plan, economy = self.plan, self.system.economy
        described = {
            "economy": economy.label,
            "parameters": economy.parameters(),
            "over": self.system.over,
            "plan": {
                "aim": dict(self.aims),
                "aim_of": self.aim_of,
                "seeds": plan.seeds,
                "updates": plan.updates,
                "polish": plan.polish,
                "polishing_steps": plan.polishing_steps,
                "network": asdict(self.network),
                "sampling": asdict(plan.sampling),
                "optimizer": repr(self.optimizer),
                "rule": self.rule.name,
                "judged_by": self.judge.rule.name,
                "dtype": plan.dtype,
                "seed": plan.seed,
            },
            "stage": stage,
        }
        return json.loads(json.dumps(described, default=float))


def quick(function: Callable) -> Callable:
    """The function, compiled without the care that a program of long use would want."""
    return jax.jit(function, compiler_options=quick_compile())


def arrays(numbers: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Numbers by name as arrays of the precision in force."""
    return {name: jnp.asarray(value, jnp.result_type(float)) for name, value in numbers.items()}


def on_host(tree: Any) -> Any:
    """The same arrays as NumPy's: to cut one of them then takes no program."""
    return jax.tree.map(np.asarray, tree)
