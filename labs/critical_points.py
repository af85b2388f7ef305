"""Saddle, local minimum and plateau: three places where the gradient is zero, or nearly.

Lectures: hull-2023-deep-learning-introduction-and-applications, slide "Challenges with
Backpropagation" (local minima); scheidegger-2020-deep-learning-cscs-usi, slides "RECALL PARAMETER
OPTIMIZATION" (nasty = non-convex) and "TRAINING NEURAL NETWORKS" (the loss landscape).

One logistic neuron with a squared error, on two rows, has all of a minimum, a false minimum and a
plateau; with the cross-entropy it has only the minimum. Two linear neurons in a row have a saddle:
how long descent stays there grows with the logarithm of how near it passes. What each place is, is
read from the curvatures, the eigenvalues of the Hessian.
"""

# %%
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from descend import Dense, Input, Model
from descend.glass import Landscape, landscape
from descend.glass import Path as WeightPath
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, VERMILION
from descend.train.rules import GradientDescent

# %% [markdown]
# ## One neuron, two rows
# The first row wants w > 0. The second, alone, wants w = -2 log 9 = -4.39, where its output is .9.
# A squared error punishes the first row there with 1/2 and no slope: the sigmoid is flat.

# %%
X = np.array([[10.0], [-0.5]])
Y = np.array([[1.0], [0.9]])


def neuron(loss: str, w: float) -> Model:
    i = Input((1,), name="x")
    model = Model(i, Dense(1, "sigmoid", use_bias=False, name="neuron")(i))
    model.params = {"neuron": {"kernel": jnp.array([[w]], jnp.float32)}}
    model.compile(GradientDescent(1.0), loss)
    return model


def by_hand(w: np.ndarray) -> np.ndarray:
    """1/2 sum over two rows of 1/2 (y - sigmoid(w x))^2."""
    output = 1 / (1 + np.exp(-np.asarray(w)[..., None] * X[:, 0]))
    return 0.5 * ((Y[:, 0] - output) ** 2).mean(axis=-1)


def slopes(model: Model, w: float) -> tuple[float, float]:
    """J' and J'' at w, in float64, by automatic differentiation."""
    with jax.enable_x64(True):
        task = model.task

        def cost(w):
            y = jax.nn.sigmoid(w * X[:, 0])
            return jnp.mean(task.outputs[0].loss.rows(jnp.asarray(Y), y[:, None]))

        return float(jax.grad(cost)(w)), float(jax.grad(jax.grad(cost))(w))


def ends(loss: str, starts: list[float], steps: int) -> list[float]:
    found = []
    model = neuron(loss, starts[0])
    for w in starts:
        model.params = {"neuron": {"kernel": jnp.array([[w]], jnp.float32)}}
        model.fit(X, Y, epochs=steps, verbose=0)
        found.append(float(model.params["neuron"]["kernel"][0, 0]))
    return found


# %% [markdown]
# ## Two neurons in a row
# y = w2 w1 x on rows with y = x and mean square one: J = 1/2 (1 - w1 w2)^2. At the origin the
# gradient is zero and the curvatures are -1 and 1: down along w1 = w2, up along w1 = -w2. From
# (1 + e, -1) the distance from the second line is e/sqrt(2) and grows by 1 + eta an update, while
# that along it shrinks.

# %%
RATE = 0.1


def two() -> Model:
    i = Input((1,), name="x")
    h = Dense(1, use_bias=False, name="first")(i)
    model = Model(i, Dense(1, use_bias=False, name="second")(h))
    model.compile(GradientDescent(RATE), "squared_error")
    return model


ROWS = np.array([[1.0], [-1.0]])


def hessian(w: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.hessian(lambda v: 0.5 * (1 - v[0] * v[1]) ** 2)(jnp.asarray(w)))


def time_at_the_saddle(model: Model, nearness: float, steps: int) -> tuple[int, Landscape]:
    """Updates until the cost is half of that at the saddle, 1/2; the landscape with the path."""
    model.params = {
        "first": {"kernel": jnp.array([[1 + nearness]], jnp.float32)},
        "second": {"kernel": jnp.array([[-1.0]], jnp.float32)},
    }
    path = WeightPath()
    model.fit(ROWS, ROWS, epochs=steps, verbose=0, callbacks=[path])
    plane = [np.array([1.0, 0.0]), np.array([0.0, 1.0])]
    found = landscape(model, ROWS, ROWS, plane, span=(-3, 1), points=61, path=path)
    assert found.path_cost is not None
    left = np.flatnonzero(found.path_cost < 0.25)
    return int(left[0]) if len(left) else steps, found


# %% [markdown]
# ## The pictures


# %%
def draw(places: dict[str, float], times: dict, found: Landscape, out: Path) -> None:
    figure, (left, middle, right) = axes(3, width=5.0, height=4.0)
    line = landscape(neuron("squared_error", 0.0), X, Y, [np.ones(1)], span=(-30, 8), points=400)
    left.plot(line.a, line.cost, color=BLUE, lw=2)
    for name, w in places.items():
        left.plot(w, by_hand(w), "o", color=VERMILION)
        left.annotate(name, (w, by_hand(w)), (0, 9), textcoords="offset points", ha="center")
    left.set(xlabel="weight w", ylabel="cost J (squared error)", title="one logistic neuron")
    left.set_ylim(0, 0.36)
    found.plot(middle)
    at = np.asarray(found.path[0])
    middle.set(xlabel="first weight, from the minimum", ylabel="second weight, from the minimum")
    middle.annotate("start", at, (6, 4), textcoords="offset points", color="white")
    right.plot(list(times), list(times.values()), "o-", color=BLACK)
    right.set(xscale="log", xlabel="how far it passes the ridge, e", ylabel="updates at the saddle")
    right.set_title("a saddle holds for log(1/e)")
    save(figure, out, "critical_points.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    steps = 15_000
    starts = [2.0, -2.0, -6.0]
    stops = ends("squared_error", starts, steps)
    (flat,) = ends("squared_error", [-30.0], 100)
    convex = ends("binary_crossentropy", [*starts, -30.0], steps)
    model = neuron("squared_error", 0.0)
    false = -2 * np.log(9)
    near = [1e-1, 1e-3, 1e-5] if quick else [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]
    chain = two()
    many = {e: time_at_the_saddle(chain, e, 300) for e in near}
    times = {e: t for e, (t, _) in many.items()}
    places = {"minimum": stops[0], "local minimum": stops[1], "plateau": -25.0}
    draw(places, times, many[1e-3][1], out)
    eigen = np.linalg.eigvalsh(hessian(np.zeros(2)))
    pace = (times[near[-1]] - times[near[0]]) / np.log(near[0] / near[-1])
    best = np.ptp(convex)
    drawn = landscape(model, X, Y, [np.ones(1)], span=(-2, 2), points=2).cost[0]
    slope, curvature = slopes(model, false)
    last = max(f.path_cost[-1] for _, f in many.values() if f.path_cost is not None)
    return [
        Check("J at w = -2, landscape", f"by hand: {by_hand(-2.0):.6f}", f"{drawn:.6f}",
              np.isclose(drawn, by_hand(-2.0), rtol=1e-5)),
        Check("local minimum: where descent from -2 and -6 ends", f"-2 log 9 = {false:.4f}",
              f"{stops[1]:.4f}, {stops[2]:.4f}", np.allclose(stops[1:], false, atol=0.02)),
        Check("... its slope and curvature", "zero, positive",
              f"{slope:.0e}, {curvature:.1e}", abs(slope) < 1e-8 and curvature > 1e-4),
        Check("... its cost beside the lowest", "'suboptimal solutions'",
              f"{by_hand(stops[1]):.4f} against {by_hand(stops[0]):.4f}",
              by_hand(stops[1]) > 2 * by_hand(stops[0])),
        Check("plateau: moved in 100 updates from -30", "almost no gradient",
              f"{abs(flat + 30):.1e}, J' = {slopes(model, -30.0)[0]:.0e}", abs(flat + 30) < 0.01),
        Check("cross-entropy: ends of four starts", "convex: one minimum",
              f"all within {best:.0e}", best < 0.05),
        Check("saddle: curvatures at the origin", "one down, one up: -1, 1",
              f"{eigen[0]:.3f}, {eigen[1]:.3f}", np.allclose(eigen, [-1, 1])),
        Check("saddle: updates until it is left", f"{1 / np.log1p(RATE):.2f} a unit of log(1/e)",
              f"{pace:.2f}; {times[near[0]]} to {times[near[-1]]}",
              np.isclose(pace, 1 / np.log1p(RATE), rtol=0.1)),
        Check("... and where descent ends", "the minimum, w1 w2 = 1",
              f"cost {last:.1e}", last < 1e-6),
    ]  # fmt: skip


if __name__ == "__main__":
    run(main)
