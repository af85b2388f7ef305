"""Values and adjoints of every atomic operation."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.economies.models.brock_mirman import BrockMirman
from descend.errors import DescendError, ShapeError
from descend.glass.operations.atoms import atoms
from descend.glass.operations.tape import is_real


def minimal(w1, w2, x, y):
    """hull-2023, "Minimal Example: The Forward Pass"."""
    a = jax.nn.sigmoid(w1 * x)
    y_hat = jax.nn.sigmoid(w2 * a)
    return 0.5 * (y - y_hat) ** 2


def test_minimal_example_of_hull_by_hand(x64):
    w1, w2, x, y = 0.8, -0.6, 1.5, 0.9
    a = 1 / (1 + np.exp(-w1 * x))
    y_hat = 1 / (1 + np.exp(-w2 * a))
    common = (y_hat - y) * y_hat * (1 - y_hat)
    found = atoms(minimal, w1, w2, x, y)
    # the slide's two gradients, and what stands on the way to them
    by_hand = {
        "w2": (w2, common * a),
        "w1": (w1, common * w2 * a * (1 - a) * x),
        "v2": (a, common * w2),
        "v3": (w2 * a, common),
        "v4": (y_hat, y_hat - y),
        "v5": (y - y_hat, y - y_hat),
        "v7": (0.5 * (y - y_hat) ** 2, 1.0),
    }
    for name, (value, adjoint) in by_hand.items():
        # float64 of the same formula in another order of operations
        np.testing.assert_allclose(found[name].value, value, rtol=1e-14)
        np.testing.assert_allclose(found[name].adjoint, adjoint, rtol=1e-13)
    assert [a.operation for a in found][4:] == [
        "mul",
        "logistic",
        "mul",
        "logistic",
        "sub",
        "integer_pow",
        "mul",
    ]
    assert found.result.name == "v7"


def test_local_gradient_times_that_of_the_next_operation(x64):
    found = atoms(minimal, 0.8, -0.6, 1.5, 0.9)
    for atom in found:
        handed = [a.passes[atom.name] for a in found if atom.name in a.passes]
        if handed:
            np.testing.assert_array_equal(sum(handed), atom.adjoint)
    v2, v1 = found["v2"], found["v1"]
    np.testing.assert_allclose(v2.passes["v1"], v2.adjoint * v2.value * (1 - v2.value), rtol=1e-14)
    assert v1.numbers == "0.8 * 1.5"
    assert found["v4"].formula == "sigmoid(v3)"


def network(p, x, y):
    h = jax.nn.relu(x @ p["hidden"]["kernel"] + p["hidden"]["bias"][None])
    h = (h - h.mean(1, keepdims=True)) / jnp.sqrt(h.var(1, keepdims=True) + 1e-3)
    z = h @ p["out"]
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], 1)[:, 0])


def recurrence(w, xs):
    def step(h, x):
        return jnp.tanh(w[0] * h + w[1] * x), h**2

    last, squares = jax.lax.scan(step, 0.1, xs)
    return last + jnp.sum(squares) + jax.lax.cond(w[0] > 0, jnp.sin, jnp.cos, w[1])


def euler(k, c, beta, alpha):
    """Residual of a consumption Euler equation at three nodes of a shock."""
    z = jnp.array([0.9, 1.0, 1.1])
    next_k = k**alpha - c
    next_c = 0.6 * z * next_k**alpha
    return 1 - c * jnp.sum(beta * alpha * z * next_k ** (alpha - 1) / next_c) / 3


def attention(q, k, v):
    scores = jnp.where(jnp.tri(3, dtype=bool), q @ k.T / jnp.sqrt(2.0), -jnp.inf)
    return jnp.sum(jax.checkpoint(jax.nn.softmax)(scores) @ jnp.tanh(v) * v)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


CASES = {
    "network": (
        network,
        {"hidden": {"kernel": draw(3, 5), "bias": draw(5)}, "out": draw(5, 4, seed=1)},
        draw(6, 3, seed=2),
        np.arange(6) % 4,
    ),
    "recurrence": (recurrence, np.array([0.7, -0.4]), draw(4)),
    "economy": (euler, 1.3, 0.4, 0.95, 0.36),
    "attention": (attention, draw(3, 2), draw(3, 2, seed=1), draw(3, 2, seed=2)),
}


def resumed(tape, place, value):
    """The function's result with one array replaced: what stands behind it is computed again."""
    values = list(tape.values)
    values[place] = value
    for operation in tape.operations:
        if place not in operation.outputs:
            results = operation.apply(*(values[p] for p in operation.inputs))
            for p, result in zip(operation.outputs, results, strict=True):
                values[p] = result
    return float(values[tape.outputs[0]])


def gradient_of(function, args):
    """jax.grad by every real argument, in the order of the leaves."""
    leaves, build = jax.tree.flatten(args)
    real = [i for i, leaf in enumerate(leaves) if is_real(leaf)]

    def of(floats):
        filled = dict(zip(real, floats, strict=True))
        arguments = [filled.get(i, leaf) for i, leaf in enumerate(leaves)]
        return function(*jax.tree.unflatten(build, arguments))

    return jax.jit(jax.value_and_grad(of))([jnp.asarray(leaves[i]) for i in real])


@pytest.mark.parametrize("name", CASES)
def test_adjoints_are_jax_grad_and_finite_differences(name, x64):
    function, *args = CASES[name]
    found = atoms(function, *args, unroll=True)
    value, grads = gradient_of(function, args)
    np.testing.assert_allclose(found.result.value, value, rtol=1e-14)
    for a, b in zip([found.tape.labels[p] for p in real_inputs(found.tape)], grads, strict=True):
        # the same sums in another order, float64
        np.testing.assert_allclose(found[a].adjoint, b, rtol=1e-11, atol=1e-14)
    tape, rng = found.tape, np.random.default_rng(3)
    checked = 0
    for place, label in enumerate(tape.labels):
        value = np.asarray(tape.values[place])
        if place in tape.constants or not is_real(value) or not np.isfinite(value).all():
            continue
        direction = rng.normal(size=value.shape)
        h = 1e-6
        slope = (
            resumed(tape, place, jnp.asarray(value + h * direction))
            - resumed(tape, place, jnp.asarray(value - h * direction))
        ) / (2 * h)
        # central differences: h^2 times the third derivative, and rounding 1e-16 / h
        np.testing.assert_allclose(
            np.sum(found[label].adjoint * direction), slope, rtol=1e-6, atol=1e-8, err_msg=label
        )
        checked += 1
    assert checked >= 10


def real_inputs(tape):
    return [p for p in tape.inputs if is_real(tape.values[p])]


def test_a_loop_is_one_atom_unless_it_is_opened(x64):
    function, *args = CASES["recurrence"]
    whole = atoms(function, *args)
    assert "scan" in {a.operation for a in whole}
    assert "tanh" not in {a.operation for a in whole}
    opened = atoms(function, *args, unroll=True)
    assert [a.operation for a in opened].count("tanh") == 4  # a step each
    for name in ("w", "xs"):
        np.testing.assert_allclose(whole[name].adjoint, opened[name].adjoint, rtol=1e-12)
    # of the two branches, the one taken
    assert {"sin", "cos"} & {a.operation for a in whole} == {"sin"}


def test_relu_is_one_atom_with_its_own_rule(x64):
    def f(x):
        return jnp.sum(jax.nn.relu(x))

    x = np.array([-1.0, 0.0, 2.0])
    whole, opened = atoms(f, x), atoms(f, x, rules=False)
    assert [a.operation for a in whole] == [None, "relu", "reduce_sum"]
    np.testing.assert_array_equal(whole["x"].adjoint, jax.grad(f)(x))  # slope 0 at the kink
    assert "max" in {a.operation for a in opened}
    np.testing.assert_array_equal(opened["x"].adjoint, [0, 0.5, 1])  # of max alone, half there


def test_residual_of_a_registered_economy(x64):
    economy = BrockMirman()

    def residual(k, a, share):
        now, policy = SimpleNamespace(k=k, a=a), SimpleNamespace(saving=share)

        def mean_over_shocks(f):
            following = [
                SimpleNamespace(**economy.transition(now, policy, SimpleNamespace(e=e)))
                for e in (-1.2247, 0.0, 1.2247)
            ]
            same = SimpleNamespace(saving=share)
            values = [f(s, same, None) for s in following]
            return values[0] / 6 + values[1] * 2 / 3 + values[2] / 6

        return economy.conditions(now, policy, mean_over_shocks)["euler"]

    exact = economy.alpha * economy.beta
    found = atoms(residual, 0.2, 0.1, exact)
    # the closed form solves the condition, whatever the state: no slope along k and a
    assert abs(found.result.value) < 1e-14
    np.testing.assert_allclose([found["k"].adjoint, found["a"].adjoint], 0, atol=1e-13)
    np.testing.assert_allclose(
        found["share"].adjoint, jax.grad(residual, 2)(0.2, 0.1, exact), rtol=1e-12
    )
    assert "brock_mirman.py" in {a.line.split(":")[0] for a in found}


def test_seed_gives_the_adjoints_of_a_vector():
    def f(x):
        return {"a": x**2, "n": jnp.argmax(x)}

    x = np.array([1.0, -2.0], np.float32)
    found = atoms(f, x, seed={"a": np.array([1.0, 10.0]), "n": 0})
    np.testing.assert_array_equal(found["x"].adjoint, [2, -40])


def test_what_does_not_reach_the_result_has_adjoint_zero_and_integers_none():
    def f(x, i):
        _ = jnp.exp(x)
        return x[i] * 3

    found = atoms(f, np.array([1.0, 2.0], np.float32), 1)
    np.testing.assert_array_equal(found["x"].adjoint, [0, 3])
    assert found["i"].adjoint is None


def test_frame_text_and_lines():
    found = atoms(minimal, 0.8, -0.6, 1.5, 0.9)
    frame = found.to_frame()
    assert list(frame.index) == [a.name for a in found]
    assert frame.loc["v6", "formula"] == "v5**2"
    assert frame.loc["v7", "adjoint"] == 1
    assert frame.loc["v1", "line"].startswith("test_atoms.py:")
    lines = str(found).splitlines()
    assert len(lines) == len(found) + 2
    assert "(-0.6) * 0.768525" in lines[2 + 6]


def test_arguments_named_like_intermediates_do_not_collide():
    found = atoms(lambda v1, v2: jnp.sin(v1) * v2, 1.0, 2.0)
    assert [a.name for a in found] == ["v1", "v2", "u1", "u2"]


def test_an_array_that_the_function_holds_is_shown_too():
    held = jnp.array([1.0, 2.0])
    found = atoms(lambda x: jnp.sum(x * held), np.ones(2, np.float32))
    constant = next(a for a in found if a.name == "constant")
    np.testing.assert_array_equal(constant.adjoint, [1, 1])


def test_messages():
    x = np.ones(3, np.float32)
    with pytest.raises(DescendError, match=r"array of shape \(3,\).*seed="):
        atoms(lambda x: x * 2, x)
    with pytest.raises(DescendError, match="2 arrays"):
        atoms(lambda x: (x, x), x)
    with pytest.raises(ShapeError, match=r"\[\(3,\)\].*\[\(2,\)\]"):
        atoms(lambda x: x * 2, x, seed=np.ones(2))
    with pytest.raises(DescendError, match="while loop"):
        atoms(lambda x: jax.lax.while_loop(lambda v: v < 10, lambda v: v * 2, x), 1.0)
    with pytest.raises(DescendError, match="unknown quantity 'v99'"):
        atoms(minimal, 0.8, -0.6, 1.5, 0.9)["v99"]
