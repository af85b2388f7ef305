"""The optimiser race: any update rules on one network, from the same weights, on the same batches.

A race is a Task whose step is one step of every entrant on the same rows, so that a whole epoch of
all of them, and the cost of each after it, is one compiled program.

Source: scheidegger-2020, "Few variants of SGD".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from descend.errors import DataError, DescendError, unknown
from descend.glass.arguments import require_model
from descend.glass.columns import aligned
from descend.palette import COLOURS, YELLOW
from descend.train import engine
from descend.train.callbacks import Progress
from descend.train.engine.feeds import Arrays
from descend.train.engine.program import all_finite, evaluation, finished
from descend.train.engine.task import Batch, Logs, State, Task
from descend.train.model import fitting, rows
from descend.train.model.model import Model
from descend.train.model.supervised import Supervised
from descend.train.rules import BY_NAME, OptaxOptimizer, Optimizer
from descend.train.rules import get as rule_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FIELD = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


class _RuleStates(NamedTuple):
    """One rule at all its rates: the states have a leading axis of rates."""

    states: State
    running: jax.Array  # (rates,), false from the step in which a rate became non-finite


class _RaceState(NamedTuple):
    """The state of a race: what the engine looks at, and the states of each rule."""

    params: Any  # a zero: a rule that diverges stops by itself and must not stop the others
    hyper: dict[str, Any]
    by_rule: dict[str, _RuleStates]


class RaceTask(Task):
    """The Task of a race: {rule: its Supervised}; it has no `init`, weights come from a model."""

    weights = ("by_rule",)

    def __init__(self, tasks: Mapping[str, Supervised]):
        self.tasks = dict(tasks)

    @property
    def heavy(self) -> bool:
        """Whether any rule's task is: they share the network."""
        return any(task.heavy for task in self.tasks.values())

    def step(self, state: _RaceState, batch: Batch) -> tuple[_RaceState, Logs]:
        """Make one step of every rule at every rate, on the same rows."""
        by_rule: dict[str, _RuleStates] = {}
        for name, task in self.tasks.items():
            states, running = state.by_rule[name]
            new, logs = jax.vmap(task.step, in_axes=(0, None))(states, batch)
            finite = jax.vmap(lambda s, v: all_finite((s.params, v)))(new, logs["loss"][0])
            running = running & finite

            def where_running(a: Any, b: Any, running: Any = running) -> Any:
                return jnp.where(running.reshape(-1, *[1] * (a.ndim - 1)), a, b)

            by_rule[name] = _RuleStates(jax.tree.map(where_running, new, states), running)
        return state._replace(by_rule=by_rule), {"loss": (jnp.zeros(()), jnp.ones(()))}

    def evaluate(self, state: _RaceState, batch: Batch) -> Logs:
        """Sum costs and metrics of all: {"rule/rate number/log": (sum, weight)}."""
        logs_by_name: dict[str, tuple[Any, Any]] = {}
        for name, task in self.tasks.items():
            states, running = state.by_rule[name]
            logs = jax.vmap(task.evaluate, in_axes=(0, None))(states, batch)
            for log, (total, weight) in logs.items():
                weights = jnp.broadcast_to(weight, running.shape)
                for i in range(running.shape[0]):
                    # no weight where it stopped: the mean is then NaN, and the sum stays finite
                    on = running[i]
                    logs_by_name[f"{name}/{i}/{log}"] = (
                        jnp.where(on, total[i], 0.0),  # a number, or a metric's vector of sums
                        jnp.where(on, weights[i], 0.0),
                    )
        return logs_by_name

    def finish(self, log: str, total: Any, weight: Any) -> Any:
        """Finish a log as the rule's own task does."""
        if "/" not in log:
            return total / weight
        name, _, rest = log.partition("/")
        return self.tasks[name].finish(rest.partition("/")[2], total, weight)


@dataclass(frozen=True)
class Entrant:
    """One rule in a race, at one rate.

    Attributes:
        name: the rule's name.
        learning_rate: None where it is inside an Optax transformation.
        costs: after 0, 1, ... epochs; NaN from where it diverged.
        metrics: {name: likewise}.
        diverged: whether it did.
    """

    name: str
    learning_rate: float | None
    costs: np.ndarray
    metrics: dict[str, np.ndarray]
    diverged: bool
    _params: Any
    _place: int

    @property
    def params(self) -> Any:
        """Its weights at the end (of a diverged one, the last finite ones), as `model.params`."""
        return jax.tree.map(lambda a: a[self._place], self._params)


class Race:
    """What a race gave: the costs of every rule at every rate, by epoch; see `race`.

    `[name]` gives a rule at its best rate; `print` shows the standings.

    Args:
        entrants: Entrant objects, every rule at every rate, with their costs by epoch.
        judged_on: words for the rows of the costs: "training rows" or "validation rows".

    Attributes:
        standings: each rule at its best rate, the lowest last cost first.

    Raises:
        DescendError: `[name]` of a rule that did not take part.

    Source: scheidegger-2020, "Few variants of SGD".

    Example:
        One weight w = 2, x = 1, target 1: a step of rate .5 ends at w = 1, one of .1 at w = 1.8.

        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import race
        >>> model = Sequential([Input((1,)), Dense(1, use_bias=False)])
        >>> model.compile("sgd", "mse")
        >>> model.set_weights([[[2.0]]])
        >>> result = race(model, [[1.0]], [1.0], ["sgd"], rates=[0.1, 0.5], epochs=1)
        >>> result.to_frame()["cost"].round(3).tolist()
        [0.64, 0.0]
        >>> result["sgd"].learning_rate
        0.5
    """

    def __init__(self, entrants: Sequence[Entrant], judged_on: str):
        self.entrants = tuple(entrants)
        self.judged_on = judged_on

    @property
    def standings(self) -> list[Entrant]:
        """Each rule at its best rate, by the last cost; those that diverged at every rate last."""
        best: dict[str, Entrant] = {}
        for entrant in self.entrants:
            other = best.get(entrant.name)
            if other is None or _last(entrant) < _last(other):
                best[entrant.name] = entrant
        return sorted(best.values(), key=_last)

    def __getitem__(self, name: str) -> Entrant:
        """Return a rule at its best rate."""
        by_name = {e.name: e for e in self.standings}
        if name not in by_name:
            raise unknown("entrant", name, by_name)
        return by_name[name]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a rule and rate: last cost and metrics, lowest cost and its epoch."""
        import pandas as pd

        table = []
        for e in self.entrants:
            low = int(np.nanargmin(e.costs))
            table.append(
                {"rule": e.name, "learning_rate": e.learning_rate, "cost": e.costs[-1]}
                | {name: values[-1] for name, values in e.metrics.items()}
                | {"lowest": e.costs[low], "in_epoch": low, "diverged": e.diverged}
            )
        return pd.DataFrame(table)

    def __str__(self) -> str:
        standings = self.standings
        metrics = list(standings[0].metrics)
        head = ("", "rule", "rate", f"cost ({self.judged_on})", *metrics, "epochs to within 5 %")
        finite = [e.costs for e in standings if np.isfinite(e.costs[-1])]
        # of the way from the common start to the best end
        goal = None if not finite else finite[0][-1] + 0.05 * (finite[0][0] - finite[0][-1])
        table = []
        for place, e in enumerate(standings, 1):
            reached = np.flatnonzero(e.costs <= (-np.inf if goal is None else goal))
            table.append(
                (
                    str(place),
                    e.name,
                    "" if e.learning_rate is None else f"{e.learning_rate:g}",
                    "diverged" if e.diverged else f"{e.costs[-1]:.4g}",
                    *(f"{e.metrics[m][-1]:.4g}" for m in metrics),
                    str(reached[0]) if len(reached) else "not reached",
                )
            )
        return aligned(head, table)

    def plot(self) -> Figure:
        """Draw each rule's costs by epoch at its best rate, and its last cost against the rate."""
        from matplotlib.figure import Figure

        rates = sorted({e.learning_rate for e in self.entrants if e.learning_rate is not None})
        raced = len(self.entrants) > len(self.standings)
        figure = Figure(figsize=(6.4 * (1 + raced), 4.4), layout="constrained")
        axes = np.atleast_1d(figure.subplots(1, 1 + raced))
        styles, marks = ["-", "--", "-.", ":"], "osD^vPX*"
        colours = [c for c in COLOURS if c != YELLOW]
        names = list(dict.fromkeys(e.name for e in self.entrants))
        for e in self.standings:
            i = names.index(e.name)
            look: dict[str, Any] = {
                "color": colours[i % 7],
                "ls": styles[i % 4],
                "marker": marks[i % 8],
                "ms": 4,
                "lw": 1.7,
            }
            rate = "" if e.learning_rate is None else f", {e.learning_rate:g}"
            axes[0].plot(
                np.arange(len(e.costs)),
                e.costs,
                label=e.name + rate + " (diverged)" * e.diverged,
                markevery=max(len(e.costs) // 8, 1),
                **look,
            )
            if raced:
                own = [o for o in self.entrants if o.name == e.name]
                at = [np.nan if o.learning_rate is None else o.learning_rate for o in own]
                axes[1].plot(at, [o.costs[-1] for o in own], **look)
        positive = all(np.nanmin(e.costs) > 0 for e in self.standings)
        scale = "log" if positive else "linear"
        axes[0].set(xlabel="epoch", ylabel=f"cost ({self.judged_on})", yscale=scale)
        axes[0].legend(frameon=False, fontsize=8)
        if raced:
            axes[1].set(xlabel="learning rate", ylabel="cost after the last epoch")
            axes[1].set(xscale="log" if rates else "linear", yscale=scale)
        for ax in axes:
            ax.spines[["top", "right"]].set_visible(False)
        return figure


def race(
    model: Model,
    x: Any,
    y: Any,
    rules: Sequence[Any] | Mapping[str, Any] = FIELD,
    *,
    rates: Sequence[float] | None = RATES,
    epochs: int = 20,
    batch_size: int | None = None,
    validation_data: Any = None,
    sample_weight: Any = None,
    seed: int = 0,
    verbose: int = 0,
) -> Race:
    """Let update rules race on a network: the same first weights, batches and noise for all.

    All rules at all rates, and the cost of each after every epoch, are one compiled program.

    Args:
        model: compiled Model (its own rule takes no part unless it is named); it is left as it is.
            The race starts from its present weights.
        x, y, sample_weight, batch_size: rows, targets, weights and rows a batch, as in `fit`.
        rules: names, rules of descend.train.rules or Optax transformations; or {name: rule}.
        rates: learning rates; every rule runs at each of them, and stands in the table at its best;
            None leaves each at its own rate. A schedule is scaled. An Optax transformation keeps
            its own.
        epochs: number of passes over the rows.
        validation_data: rows (x, y) that the cost is judged on; by default all training rows, after
            the epoch's last update.
        seed: number that draws the order of the rows, and noise.
        verbose: number, 1 for a bar with the leader's cost, 0 for silence.

    Returns:
        The Race. A rule that becomes non-finite stops where it was; the others go on.

    Raises:
        DescendError: something that is no Model, no rule, two of one name, a rate that is not above
            zero, stateful recurrent layers.
        NotFittedError: the model is not compiled.
        DataError, ShapeError: as `fit`; DataError also where one rule needs all rows in one batch
            and others run beside it in smaller ones.

    Source: scheidegger-2020, "Few variants of SGD".

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import race
        >>> model = Sequential([Input((1,)), Dense(1, use_bias=False)])
        >>> model.compile("sgd", "mse")
        >>> model.set_weights([[[2.0]]])
        >>> result = race(model, [[1.0]], [1.0], ["sgd", "adam"], rates=[0.5], epochs=1)
        >>> [(e.name, e.costs.round(2).tolist()) for e in result.standings]
        [('sgd', [1.0, 0.0]), ('adam', [1.0, 0.25])]
    """
    task = require_model(model, "race").supervised
    entered = _entered(rules)
    if rates is not None:
        rates = [rates] if isinstance(rates, (int, float)) else list(rates)
        if not all(isinstance(r, (int, float)) and 0 < r < np.inf for r in rates):
            raise DescendError(f"race: rates must be finite numbers > 0, got {rates}")
    if model.carries:
        raise DescendError("a race does not take stateful recurrent layers: set stateful=False")
    rows.require_epochs(epochs, 0)
    data = rows.make_rows(model, task.outputs, x, y, sample_weight)
    data = rows.weighted(data, task.outputs)
    tasks = {
        name: Supervised(model, rule, task.outputs, task.mixup) for name, rule in entered.items()
    }
    size = _batch_size(batch_size, len(data.x[0]), tasks)
    validation = None
    if validation_data is not None:
        validation = fitting.validation_rows(model, validation_data)
    judged = rows.whole(data if validation is None else validation, size)
    start = model.start_state(task, seed)
    noise = jax.random.split(jax.random.key(rows.require_seed(seed)))[1]
    by_rule: dict[str, _RuleStates] = {}
    tried: dict[str, list[float | None]] = {}
    for name, own in tasks.items():
        tried[name] = _rates(entered[name], rates)
        states = [
            own.start(
                start.params,
                start.layers,
                noise,
                own.hyper() if rate is None else own.hyper() | {"learning_rate": rate},
            )
            for rate in tried[name]
        ]
        stacked = jax.tree.map(lambda *a: jnp.stack(a), *states)
        by_rule[name] = _RuleStates(stacked, jnp.ones(len(states), bool))
    state = _RaceState(jnp.zeros(1), {}, by_rule)
    race_task: Any = RaceTask(tasks)
    start_logs = finished(race_task, evaluation(race_task, judged)(state))
    first = {f"val_{k}": v for k, v in start_logs.items()}
    run = engine.train(
        race_task,
        Arrays(data, size, True, seed),
        epochs,
        state=state,
        validation=judged,
        callbacks=[_Leader(verbose)] if verbose else [],
    )
    logs = {k: np.array([first[k], *v]) for k, v in run.history.history.items() if k in first}
    entrants = []
    for name, own_rates in tried.items():
        of_rule = run.state.by_rule[name]
        for i, rate in enumerate(own_rates):
            mine = {
                k.split("/", 2)[2]: v for k, v in logs.items() if k.startswith(f"val_{name}/{i}/")
            }
            costs = mine.pop("loss")
            diverged = not bool(of_rule.running[i])
            entrants.append(Entrant(name, rate, costs, mine, diverged, of_rule.states.params, i))
    return Race(entrants, "training rows" if validation is None else "validation rows")


class _Leader(Progress):
    """Shows who leads, in place of everybody's cost."""

    def on_epoch_end(self, epoch, logs=None):
        """Show the lowest cost of the epoch."""
        costs = {k: v for k, v in logs.items() if k.startswith("val_") and k.endswith("/loss")}
        first = min(costs, key=lambda k: np.inf if np.isnan(costs[k]) else costs[k])
        name = first.removeprefix("val_").partition("/")[0]
        super().on_epoch_end(epoch, {f"lowest cost, {name}:": costs[first]})


def _entered(rules: Any) -> dict[str, Optimizer]:
    if isinstance(rules, Mapping):
        by_name = {str(name): rule_of(rule) for name, rule in rules.items()}
    else:
        several = [rules] if isinstance(rules, (str, Optimizer)) else list(rules)
        names = [rule_of(rule).name for rule in several]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise DescendError(
                f"race: two rules are called {twice!r}; give names: {{'a': ..., 'b': ...}}"
            )
        by_name = dict(zip(names, map(rule_of, several), strict=True))
    if not by_name:
        raise DescendError(f"race: no rule; known: {', '.join(BY_NAME)}")
    bad = next((name for name in by_name if "/" in name), None)
    if bad is not None:
        raise DescendError(f"race: a name must not hold '/', got {bad!r}")
    return by_name


def _rates(rule: Optimizer, rates: Sequence[float] | None) -> list[float | None]:
    if isinstance(rule, OptaxOptimizer):
        return [None]
    if rates is None:
        return [float(rule.numbers()["learning_rate"])]
    if not len(rates):
        raise DescendError("race: rates is empty; give some, or None for each rule's own")
    for rate in rates:
        rule.with_numbers({"learning_rate": float(rate)})  # refuses what is not a rate
    return [float(rate) for rate in rates]


def _batch_size(chosen: int | None, n: int, tasks: Mapping[str, Supervised]) -> int:
    whole = [name for name, task in tasks.items() if task.full_batch]
    if whole and len(whole) < len(tasks) and (chosen is None or chosen < n):
        raise DataError(
            f"race: {whole[0]!r} needs all {n:,} rows in one batch, and all rules see the same "
            f"batches: give batch_size={n}"
        )
    return rows.rows_a_batch(
        n if whole and chosen is None else chosen, n, next(iter(tasks.values()))
    )


def _last(entrant: Entrant) -> float:
    return np.inf if entrant.diverged or np.isnan(entrant.costs[-1]) else float(entrant.costs[-1])
