"""Is the gradient well: norms layer by layer, dead and saturated units, and what to do about them.

Source: scheidegger-2020, "Weight initialization" and "Vanishing gradients"; hull-2023, "Challenges
with Backpropagation"; itam-2023, 1.6 (Activation Functions, footnote 6); raviv-2022, "More
activation functions".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.glass.arguments import require_model
from descend.glass.by_epoch import ByEpoch
from descend.glass.columns import aligned
from descend.glass.step.recording import Recording
from descend.nn import activations
from descend.palette import BLACK, COLOURS
from descend.train.engine.runtime import quick_compile
from descend.train.engine.task import Batch
from descend.train.model import rows
from descend.train.model.model import Model
from descend.train.model.supervised import Supervised

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FAR = 1e3  # the first layer's error over the last one's: outside 1/FAR .. FAR it is not well
LARGE = 100.0  # a layer's gradient over its weights: a step with rate .01 would replace them
FLAT = 0.05  # of the greatest slope: a unit whose slope is below it is saturated
NAMED = 4  # layers that are named in a finding
MANY = 0.5  # share of saturated values, or of dead units, that is told


@dataclass(frozen=True)
class Finding:
    """Something that is not well.

    Attributes:
        code: "vanishing", "exploding", "large", "saturated" or "dead".
        layers: where.
        words: what was measured.
        remedy: what the lectures advise, with their slide.
    """

    code: str
    layers: tuple[str, ...]
    words: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.code}: {self.words}. What helps: {self.remedy}."


REMEDIES = {
    "vanishing": (
        "ReLU or swish in place of sigmoid and tanh (scheidegger-2020, 'Vanishing gradients'); "
        "He's start for ReLU, Glorot's for others (scheidegger-2020, 'Weight initialization'); "
        "residual blocks and layer normalisation (hull-2023, 'Larger Modules from Smaller Ones', "
        "'Layer Normalization')"
    ),
    "exploding": (
        "smaller first weights: He's or Glorot's start (scheidegger-2020, 'Weight "
        "initialization'); batch or layer normalisation (scheidegger-2020, 'Remark: Batch "
        "normalization'); in a recurrence, LSTM (scheidegger-2020, 'RNN')"
    ),
    "large": (
        "inputs and targets scaled to mean 0 and standard deviation 1; a smaller learning rate "
        "(scheidegger-2020, 'Setting the learning rate')"
    ),
    "saturated": (
        "inputs scaled, smaller first weights, batch normalisation (scheidegger-2020, 'Remark: "
        "Batch normalization'); units that do not saturate, such as ReLU (itam-2023, 1.6)"
    ),
    "dead": (
        "a smaller learning rate; leaky or parametric ReLU, whose slope is nowhere zero "
        "(raviv-2022, 'More activation functions')"
    ),
}
HEAD = ("layer", "output", "error", "gradient", "weights", "gradient/weights", "flat", "dead")


@dataclass(frozen=True)
class Health:
    """The measures of one moment, and what is not well.

    Attributes:
        layers: {layer: {"output": root mean square of what it puts out, "error": that of dJ/dz (of
            one row's cost; by its output where there is no z), "gradient", "weights": norms over
            its arrays, "flat": share of values where the activation's slope is below 5 % of its
            greatest, "dead": units whose slope is zero in every row, "units"}}, in the order of
            computation; NaN where it does not apply.
        findings: most serious first; empty where all is well.
    """

    layers: Mapping[str, Mapping[str, float]]
    findings: tuple[Finding, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a layer."""
        import pandas as pd

        frame = pd.DataFrame.from_dict(dict(self.layers), orient="index").rename_axis("layer")
        frame["relative"] = frame["gradient"] / frame["weights"]
        return frame

    def __str__(self) -> str:
        table = [
            (
                name,
                *(_short(m[key]) for key in ("output", "error", "gradient", "weights")),
                _short(m["gradient"] / m["weights"] if m["weights"] else np.nan),
                "" if np.isnan(m["flat"]) else f"{m['flat']:.0%}",
                "" if np.isnan(m["dead"]) else f"{m['dead']:.0f} of {m['units']:.0f}",
            )
            for name, m in self.layers.items()
        ]
        findings = [str(finding) for finding in self.findings] or ["nothing stands out"]
        return "\n".join([aligned(HEAD, table), "", *findings])


def gradient_health(model: Model, x: Any, y: Any, sample_weight: Any = None) -> Health:
    """How the cost's gradient is, on these rows and at the present weights.

    Args:
        model: compiled Model; trained or not.
        x, y, sample_weight: rows, targets and weights, as in `fit`; a few hundred rows are enough.

    Returns:
        A Health: measures by layer, and findings (vanishing, exploding or large gradients,
        saturated or dead units) with what the lectures advise; `print` shows both.

    Raises:
        DescendError: something that is no Model.
        NotFittedError: the model is not compiled.
        DataError, ShapeError: as `fit`.

    Source: scheidegger-2020, "Vanishing gradients" and "Weight initialization"; hull-2023,
    "Challenges with Backpropagation".

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import gradient_health
        >>> model = Sequential([Input((1,)), Dense(2, "relu", name="hidden"), Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.set_weights([[[1.0, 1.0]], [-10.0, -10.0], [[1.0], [1.0]], [0.0]])
        >>> health = gradient_health(model, [[0.0], [1.0]], [0.0, 1.0])
        >>> health.layers["hidden"]["dead"], [finding.code for finding in health.findings]
        (2.0, ['vanishing', 'dead'])
    """
    require_model(model, "gradient_health")
    batch = _batch(model, x, y, sample_weight)
    return _measure(model, model.start_state(model.supervised, model.seed), batch)


class GradientHealth(ByEpoch):
    """A callback that measures `gradient_health` before training and after every epoch.

    Args:
        x, y, sample_weight: rows, targets and weights it is measured on; a few hundred are enough.
        every: number of epochs between measurements.

    Attributes:
        epochs: the epochs measured, 0 before training.
        measured: a Health for each.

    Raises:
        DescendError: `every` below one; members of a sweep, when training begins.
        DataError, ShapeError: rows that `fit` would not take, when training begins.

    Source: scheidegger-2020, "Vanishing gradients"; hull-2023, "Challenges with Backpropagation".

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import GradientHealth
        >>> model = Sequential([Input((1,)), Dense(1, name="unit")])
        >>> model.compile("sgd", "mse")
        >>> health = GradientHealth([[1.0]], [2.0])
        >>> _ = model.fit([[1.0]], [2.0], epochs=2, verbose=0, callbacks=[health])
        >>> health.epochs, len(health.measured)
        ([0, 1, 2], 3)
    """

    def __init__(self, x: Any, y: Any, sample_weight: Any = None, every: int = 1):
        super().__init__(every)
        self.rows = (x, y, sample_weight)
        self.measured: list[Health] = []

    def on_train_begin(self, logs=None):
        """Check the rows, and measure the first weights."""
        super().on_train_begin(logs)
        self._batch = _batch(self.model, *self.rows)
        self.epochs, self.measured = [], []
        self._note(self.run.epoch + 1)

    def _note(self, epoch: int) -> None:
        super()._note(epoch)
        self.measured.append(_measure(self.model, self.run.state, self._batch))

    @property
    def findings(self) -> list[tuple[int, Finding]]:
        """(the first epoch it was seen in, the finding as last seen), in order of appearance."""
        by_code: dict[str, tuple[int, Finding]] = {}
        for epoch, health in zip(self.epochs, self.measured, strict=True):
            for finding in health.findings:
                by_code[finding.code] = by_code.get(finding.code, (epoch, finding))[0], finding
        return list(by_code.values())

    def to_frame(self) -> pd.DataFrame:
        """Return one row an epoch and layer."""
        import pandas as pd

        frames = [h.to_frame() for h in self.measured]
        return pd.concat(frames, keys=self.epochs, names=["epoch", "layer"])

    def __str__(self) -> str:
        findings = [f"since epoch {epoch}, {finding}" for epoch, finding in self.findings]
        return "\n".join([str(self.measured[-1]).split("\n\n")[0], "", *findings])

    def plot(self) -> Figure:
        """Draw by epoch the error and the relative gradient of each layer, and its flat share."""
        from matplotlib.figure import Figure

        frame = self.to_frame().reset_index()
        figure = Figure(figsize=(14, 4), layout="constrained")
        panels = {
            "error": "error dJ/dz (root mean square)",
            "relative": "norm of gradient / norm of weights",
            "flat": "share of values on the flat of the activation",
        }
        markers = "osD^vPX*"
        for ax, (column, label) in zip(figure.subplots(1, 3), panels.items(), strict=True):
            for i, (name, part) in enumerate(frame.groupby("layer", sort=False)):
                if part[column].notna().any():
                    ax.plot(
                        part["epoch"],
                        part[column],
                        color=(*COLOURS[:6], BLACK)[i % 7],
                        marker=markers[i % len(markers)],
                        markevery=max(len(part) // 8, 1),
                        ms=4,
                        lw=1.5,
                        label=name,
                    )
            ax.set(xlabel="epoch", ylabel=label)
            if column == "flat":
                ax.set_ylim(-0.02, 1.02)
            else:
                ax.set_yscale("log")
            ax.spines[["top", "right"]].set_visible(False)
        figure.axes[0].legend(frameon=False, fontsize=8)
        return figure


def _batch(model: Any, x: Any, y: Any, sample_weight: Any) -> Batch:
    data = rows.make_rows(
        model, model.supervised.outputs, x, y, sample_weight, "rows for the health"
    )
    return Batch(jax.tree.map(jnp.asarray, rows.weighted(data, model.supervised.outputs)), None)


def _measure(model: Model, state: Any, batch: Batch) -> Health:
    task = model.supervised
    programs = task.programs
    if "health" not in programs:  # compiled once for a task
        programs["health"] = jax.jit(
            lambda s, b: _numbers(task, s, b), compiler_options=quick_compile()
        )
    measures = jax.tree.map(float, programs["health"](state, batch))
    first = {node.layer.name: n for n, node in reversed(list(enumerate(model.nodes)))}
    order = sorted(measures, key=lambda place: first[_owner(place)])  # jit sorts by name
    layers = {place: measures[place] for place in order}
    return Health(layers, _findings(layers))


def _numbers(task: Supervised, state: Any, batch: Batch) -> dict[str, dict[str, Any]]:
    """The measures of every place, while tracing."""
    recording = Recording(task)
    record = recording.record(state, batch)
    n = batch.data.x[0].shape[0]
    measures: dict[str, dict[str, Any]] = {}
    nothing = jnp.asarray(jnp.nan)
    for place in recording.places:
        y, slope = record.values[place][1], record.slopes[place]
        if ":" in place or not isinstance(y, jax.Array) or not _inexact(y):
            continue
        z = f"{place}:z"
        known = z in record.values
        arrays, gradients = _arrays(place, state.params), _arrays(place, record.gradients)
        layer = task.graph.layers.get(place.partition("@")[0])
        flat, dead = nothing, nothing
        if known and layer is not None and layer.activation is not activations.softmax:
            flat, dead = _flatness(layer.activation, record.values[z][1])
        measures[place] = {
            "output": _rms(y),
            "error": _rms(record.slopes[z] if known else slope) * n,
            "gradient": _norm(gradients) if arrays else nothing,
            "weights": _norm(arrays) if arrays else nothing,
            "flat": flat,
            "dead": dead,
            "units": jnp.asarray(float(y.shape[-1])),
            "bounded": jnp.asarray(
                float(known and layer is not None and _bounded(layer.activation))
            ),
        }
    return measures


def _flatness(g: Any, z: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Share of values where g is flat, and the count of units (last axis) with no slope at all."""

    def slope(at: jax.Array) -> jax.Array:
        return jnp.abs(jax.jvp(g, (at,), (jnp.ones_like(at),))[1])

    greatest = jnp.max(slope(jnp.linspace(-20.0, 20.0, 4001, dtype=z.dtype)))
    slopes = slope(z)
    none = jnp.all(slopes.reshape(-1, z.shape[-1]) == 0, axis=0)
    return jnp.mean(slopes < FLAT * greatest), jnp.sum(none)


def _bounded(g: Any) -> bool:
    """Whether an activation ends on both sides, as the sigmoid does; it is flat there."""
    if g is activations.softmax:
        return False
    with jax.ensure_compile_time_eval():
        ends = np.asarray(g(jnp.array([-1e4, -1e3, 1e3, 1e4])))
    return bool(abs(ends[0] - ends[1]) < 1e-3 and abs(ends[2] - ends[3]) < 1e-3)


def _findings(layers: Mapping[str, Mapping[str, float]]) -> tuple[Finding, ...]:
    findings: list[Finding] = []

    def add(code: str, places: Sequence[str], words: str) -> None:
        if places:
            findings.append(Finding(code, tuple(places), words, REMEDIES[code]))

    def each(places: Sequence[str], of: Callable[[Mapping[str, float]], str]) -> str:
        more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
        return ", ".join(f"{p!r} ({of(layers[p])})" for p in places[:NAMED]) + more

    weighted = {p: m for p, m in layers.items() if m["weights"] > 0 and "." not in p}
    bad = [p for p, m in layers.items() if not np.isfinite([m["output"], m["error"]]).all()]
    if bad:
        add("exploding", bad, f"the numbers of layer {bad[0]!r} are no longer finite")
    elif len(weighted) > 1:
        (first, low), *_, (last, high) = weighted.items()
        ratio = low["error"] / high["error"] if high["error"] else np.nan
        measured = (
            f"the error that reaches the first layer {first!r} is {ratio:.1e} times that of the "
            f"last, {last!r}, {len(weighted) - 1} layers on"
        )
        add("vanishing", [first] * bool(ratio < 1 / FAR), measured)
        add("exploding", [first] * bool(ratio > FAR), measured)
    large = [p for p, m in weighted.items() if m["gradient"] > LARGE * m["weights"]]
    times = each(large, lambda m: f"{m['gradient'] / m['weights']:.0f} times")
    add("large", large, f"gradients are large beside the weights: {times}")
    ends = [p for p, m in layers.items() if m["bounded"] and m["flat"] >= MANY]
    share = each(ends, lambda m: f"{m['flat']:.0%}")
    add("saturated", ends, f"values lie where the activation is flat: {share}")
    dead = [p for p, m in layers.items() if m["dead"] >= max(MANY * m["units"], 1)]
    units = each(dead, lambda m: f"{m['dead']:.0f} of {m['units']:.0f}")
    add("dead", dead, f"units have no slope in any row: {units}")
    return tuple(findings)


def _owner(place: str) -> str:
    return place.partition("@")[0].partition(".")[0]


def _arrays(place: str, tree: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    """The arrays of a layer, or of a layer inside a layer ("inner.kernel" of "outer")."""
    outer, _, inner = place.partition("@")[0].partition(".")
    arrays = tree.get(outer, {})
    return [a for name, a in arrays.items() if not inner or name.startswith(f"{inner}.")]


def _norm(arrays: list[Any]) -> jax.Array:
    return jnp.sqrt(sum(jnp.sum(jnp.square(a.astype(jnp.result_type(float)))) for a in arrays))


def _rms(a: jax.Array) -> jax.Array:
    """Root mean square, scaled first: the square of a small error is zero in float32."""
    a = a.astype(jnp.result_type(float))
    top = jnp.maximum(jnp.max(jnp.abs(a)), jnp.finfo(a.dtype).tiny)
    return top * jnp.sqrt(jnp.mean(jnp.square(a / top)))


def _inexact(a: jax.Array) -> bool:
    return jnp.issubdtype(a.dtype, jnp.inexact)


def _short(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3g}"
