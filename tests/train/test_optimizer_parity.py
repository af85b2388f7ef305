"""One hundred steps of every rule, from the same weights over the same batches:

- against the literal numpy transcription of the lecture's table (tests/oracles/update_rules.py), in
  float64: iterates and costs to 1e-9 relative (100 steps of roundings of 1e-16, amplified by the
  adaptive rules' division by small roots);
- against PyTorch: per-step costs to 1e-5 relative, in float32 and float64.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from oracles import update_rules as oracle

from descend.nn import losses
from descend.nn.graph import Graph
from descend.nn.layers import Dense
from descend.nn.symbols import Input
from descend.train import rules as opt
from descend.train.engine.runtime import quick_compile
from descend.train.engine.task import Batch
from descend.train.model.supervised import Output, Rows, Supervised

STEPS, SIZE = 100, 8


def rows(seed=0, n=48, inputs=3, outputs=2):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, inputs))
    y = np.sin(x @ rng.standard_normal((inputs, outputs))) + 0.1 * rng.standard_normal((n, outputs))
    return x, y


def orders(n, seed=1):
    """Row numbers (STEPS, SIZE): epochs without replacement (hull-2023, Algorithm 2)."""
    rng = np.random.default_rng(seed)
    epochs = [rng.permutation(n) for _ in range(-(-STEPS * SIZE // n))]
    return np.concatenate(epochs)[: STEPS * SIZE].reshape(STEPS, SIZE)


def run(task, params, x, y, order):
    """Costs of each step and all parameters: `task.step` over the given batches, one scan."""
    state = task.start(params, {}, jax.random.key(0), task.hyper())

    def step(state, index):
        batch = Batch(Rows((jnp.asarray(x)[index],), (jnp.asarray(y)[index],), None), None)
        state, logs = task.step(state, batch)
        total, weight = logs["loss"]
        return state, (total / weight, state.params, state.optimizer)

    # float32 is compiled as training compiles it; float64 proves formulas and may compile faster
    options = None if x.dtype == np.float32 else quick_compile()
    scan = jax.jit(lambda s: jax.lax.scan(step, s, jnp.asarray(order)), compiler_options=options)
    _, (costs, path, memory) = scan(state)
    return np.asarray(costs), path, memory


def flat(path):
    return np.asarray(jax.vmap(lambda p: ravel_pytree(p)[0])(path))


def small_network(rule):
    first = Input((3,))
    graph = Graph(first, Dense(2)(Dense(5, "tanh")(first)))
    return Supervised(graph, rule, [Output("y", losses.MeanSquaredError(), ())])


def small_params(network, w):
    b1, w1, b2, w2 = map(jnp.asarray, network.split(w))
    return {"dense": {"bias": b1, "kernel": w1}, "dense_1": {"bias": b2, "kernel": w2}}


# id: (our rule, transcription, its settings)
LECTURE = {
    "sgd": (opt.SGD(0.05), oracle.sgd, {"eta": 0.05}),
    "gd": (opt.GradientDescent(0.05), oracle.sgd, {"eta": 0.05}),
    "sgd momentum": (opt.SGD(0.02, momentum=0.8), oracle.momentum, {"eta": 0.02, "mu": 0.8}),
    "momentum": (opt.Momentum(0.02, 0.9), oracle.momentum, {"eta": 0.02, "mu": 0.9}),
    "nesterov lookahead": (
        opt.Nesterov(0.02, 0.9, lookahead=True),
        oracle.nesterov_lookahead,
        {"eta": 0.02, "mu": 0.9},
    ),
    "nesterov": (opt.Nesterov(0.02, 0.9), oracle.nesterov_pytorch, {"eta": 0.02, "mu": 0.9}),
    "sgd nesterov": (
        opt.SGD(0.02, 0.9, nesterov=True),
        oracle.nesterov_pytorch,
        {"eta": 0.02, "mu": 0.9},
    ),
    "adagrad": (opt.AdaGrad(0.1, epsilon=1e-3), oracle.adagrad, {"eta": 0.1, "eps": 1e-3}),
    "adagrad keras": (
        opt.AdaGrad(0.1, initial_accumulator=0.1),
        oracle.adagrad,
        {"eta": 0.1, "eps": 1e-7, "start": 0.1},
    ),
    "adagrad pytorch": (
        opt.AdaGrad(0.1, epsilon=1e-3, epsilon_inside=False),
        oracle.adagrad,
        {"eta": 0.1, "eps": 1e-3, "inside": False},
    ),
    "rmsprop": (
        opt.RMSProp(0.01, epsilon=1e-3),
        oracle.rmsprop,
        {"eta": 0.01, "beta": 0.9, "eps": 1e-3},
    ),
    "rmsprop pytorch momentum": (
        opt.RMSProp(0.01, rho=0.99, momentum=0.5, epsilon=1e-3, epsilon_inside=False),
        oracle.rmsprop,
        {"eta": 0.01, "beta": 0.99, "eps": 1e-3, "mu": 0.5, "inside": False},
    ),
    "adam lecture": (
        opt.Adam(0.01, epsilon=1e-3, epsilon_inside=True),
        oracle.adam,
        {"eta": 0.01, "beta_1": 0.9, "beta_2": 0.999, "eps": 1e-3, "inside": True},
    ),
    "adam": (
        opt.Adam(0.01, 0.8, 0.99, epsilon=1e-3),
        oracle.adam,
        {"eta": 0.01, "beta_1": 0.8, "beta_2": 0.99, "eps": 1e-3},
    ),
    "adamw": (
        opt.AdamW(0.01, weight_decay=0.1),
        oracle.adam,
        {"eta": 0.01, "beta_1": 0.9, "beta_2": 0.999, "eps": 1e-7, "decay": 0.1},
    ),
}


def test_every_first_order_rule_has_a_transcription():
    in_no_lecture = {opt.Adadelta, opt.Adamax, opt.Lion, opt.Nadam}  # see test_rules_keras.py
    first_order = {cls for cls in opt.BY_NAME.values() if not cls.needs_cost} - in_no_lecture
    assert {type(rule) for rule, *_ in LECTURE.values()} == first_order


@pytest.mark.parametrize("name", LECTURE)
def test_the_lectures_table_step_by_step(name, x64):
    rule, transcription, settings = LECTURE[name]
    network = oracle.Perceptron(3, 5, 2)
    x, y = rows()
    order = orders(len(x))
    w = network.start(0)
    batches = [(x[index], y[index]) for index in order]
    costs, iterates = oracle.path(transcription, network, w, batches, **settings)
    ours, path, _ = run(small_network(rule), small_params(network, w), x, y, order)
    np.testing.assert_allclose(ours, costs, rtol=1e-9)
    np.testing.assert_allclose(flat(path), iterates[1:], rtol=1e-9, atol=1e-11)
    assert costs[-12:].mean() < 0.9 * costs[:12].mean()  # something was learnt


def test_epsilon_inside_and_outside_differ(x64):
    """The table above could not tell them apart if epsilon did not matter."""
    for inside, outside in (("adagrad", "adagrad pytorch"), ("adam lecture", "adam")):
        paths = []
        for name in (inside, outside):
            rule = LECTURE[name][0]
            rule = type(rule)(0.1, epsilon=1e-3, epsilon_inside=rule.epsilon_inside)
            network = oracle.Perceptron(3, 5, 2)
            params = small_params(network, network.start(0))
            paths.append(run(small_network(rule), params, *rows(), orders(48))[0])
        assert np.abs(paths[0] / paths[1] - 1).max() > 1e-3


def test_lookahead_is_pytorchs_form_after_a_change_of_variable(x64):
    """PyTorch stores w + mu v: at every step its weights are ours plus mu times our velocity."""
    eta, mu = 0.02, 0.9
    network = oracle.Perceptron(3, 5, 2)
    params = small_params(network, network.start(2))
    ahead_rule, usual_rule = opt.Nesterov(eta, mu, lookahead=True), opt.Nesterov(eta, mu)
    x, y = rows()
    order = orders(len(x))
    costs, ahead, memory = run(small_network(ahead_rule), params, x, y, order)
    usual_costs, usual, _ = run(small_network(usual_rule), params, x, y, order)
    velocity = -eta * flat(memory[0].trace)
    np.testing.assert_allclose(flat(ahead) + mu * velocity, flat(usual), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(costs, usual_costs, rtol=1e-10)
    assert np.abs(velocity).max() > 1e-3


# -- PyTorch ------------------------------------------------------------------------------------

# id: (our rule, PyTorch's class, its settings): where defaults differ, the docstrings say so
PYTORCH = {
    "sgd": (opt.SGD(0.05), "SGD", {"lr": 0.05}),
    "momentum": (opt.Momentum(0.02, 0.9), "SGD", {"lr": 0.02, "momentum": 0.9}),
    "nesterov": (
        opt.Nesterov(0.02, 0.9),
        "SGD",
        {"lr": 0.02, "momentum": 0.9, "nesterov": True},
    ),
    "adagrad": (
        opt.AdaGrad(0.05, epsilon=1e-10, epsilon_inside=False),
        "Adagrad",
        {"lr": 0.05},
    ),
    "rmsprop": (
        opt.RMSProp(0.005, rho=0.99, epsilon=1e-8, epsilon_inside=False),
        "RMSprop",
        {"lr": 0.005},
    ),
    "rmsprop momentum": (
        opt.RMSProp(0.002, rho=0.9, momentum=0.8, epsilon=1e-8, epsilon_inside=False),
        "RMSprop",
        {"lr": 0.002, "alpha": 0.9, "momentum": 0.8},
    ),
    "adam": (opt.Adam(0.01, epsilon=1e-8), "Adam", {"lr": 0.01}),
    "adamw": (
        opt.AdamW(0.01, epsilon=1e-8, weight_decay=0.05),
        "AdamW",
        {"lr": 0.01, "weight_decay": 0.05},
    ),
}


def problem(kind, rule):
    """(task, x, y, PyTorch loss): a regression, or a classification trained from logits."""
    first = Input((4,))
    hidden = Dense(12, "relu")(Dense(16, "tanh")(first))
    rng = np.random.default_rng(3)
    x = rng.standard_normal((96, 4))
    if kind == "regression":
        graph, loss = Graph(first, Dense(2)(hidden)), losses.MeanSquaredError()
        y = np.stack([np.sin(x[:, 0]) + x[:, 1], x[:, 2] * x[:, 3]], axis=1)
    else:
        graph = Graph(first, Dense(3, "softmax")(hidden))
        loss = losses.SparseCategoricalCrossentropy()
        y = (x[:, :3] + 0.5 * rng.standard_normal((96, 3))).argmax(axis=1)
    return Supervised(graph, rule, [Output("y", loss, ())]), x, y


def torch_costs(torch, kind, params, cls, settings, x, y, order):
    from torch.nn import functional as F

    layers = [params[name] for name in ("dense", "dense_1", "dense_2")]
    tensors = [
        {k: torch.tensor(np.asarray(a), requires_grad=True) for k, a in layer.items()}
        for layer in layers
    ]
    optimizer = getattr(torch.optim, cls)([t for p in tensors for t in p.values()], **settings)
    x, y, costs = torch.tensor(x), torch.tensor(y), []
    for index in order:
        a = x[index]
        for p, g in zip(tensors, (torch.tanh, torch.relu, lambda z: z), strict=True):
            a = g(a @ p["kernel"] + p["bias"])
        cost = (F.mse_loss if kind == "regression" else F.cross_entropy)(a, y[index])
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        costs.append(float(cost.detach()))
    return np.array(costs)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("regression", np.float32),
        ("classification", np.float32),
        ("classification", np.float64),
    ],
)
@pytest.mark.parametrize("name", PYTORCH)
def test_costs_equal_pytorch_for_100_steps(name, kind, dtype):
    """1e-5 relative, every step; in float64 1e-9, so that the rule itself is what is compared."""
    torch = pytest.importorskip("torch")
    rule, cls, settings = PYTORCH[name]
    with jax.enable_x64(dtype == np.float64):
        task, x, y = problem(kind, rule)
        rng = np.random.default_rng(5)
        shapes = jax.eval_shape(task.graph.init, jax.random.key(0))[0]
        params = jax.tree.map(
            lambda a: jnp.asarray(0.4 * rng.standard_normal(a.shape), dtype), shapes
        )
        x = x.astype(dtype)
        y = y.astype(dtype if kind == "regression" else np.int64)
        order = orders(len(x))
        ours, _, _ = run(task, params, x, y.astype(np.int32) if y.ndim == 1 else y, order)
    theirs = torch_costs(torch, kind, params, cls, settings, x, y, order)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5 if dtype == np.float32 else 1e-9)
    assert theirs[-12:].mean() < 0.9 * theirs[:12].mean()
