"""Losses against numpy, scipy and PyTorch; the lectures' gradients; shapes that must agree."""

from __future__ import annotations

import re
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_cases.case import jit
from oracles import loss_formulas as oracle
from scipy.special import expit, softmax
from scipy.stats import entropy, norm

from descend import Dense, Input, Sequential
from descend.errors import DescendError, ShapeError
from descend.nn import losses

N, K = 23, 4


def _numbers(rng):
    return rng.normal(size=(N, K)), rng.normal(size=(N, K))


def _binary(rng):
    return rng.integers(0, 2, (N, K)).astype(float), rng.uniform(0.01, 0.99, (N, K))


def _onehot(rng):
    return np.eye(K)[rng.integers(0, K, N)], rng.dirichlet(np.ones(K), N) * 0.98 + 0.005


def _soft(rng):
    return rng.dirichlet(np.ones(K), N), rng.dirichlet(np.ones(K), N) * 0.98 + 0.005


def _labels(rng):
    y, p = _onehot(rng)
    return y.argmax(axis=1), p


def _logits(of):
    return lambda rng: (of(rng)[0], rng.normal(size=(N, K)) * 3)


def _counts(rng):
    return rng.poisson(2, (N, K)).astype(float), rng.uniform(0.01, 5, (N, K))


def _log_counts(rng):
    return rng.poisson(2, (N, K)).astype(float), rng.normal(size=(N, K))


def _one_target(rng):
    return rng.normal(size=(N, 1)), rng.normal(size=(N, K))


def _censored(rng):
    return np.maximum(rng.normal(size=(N, 1)), 0), rng.normal(size=(N, 2))


def _members(rng):
    return rng.normal(size=(N, K)), rng.normal(size=(N, 3, K))


# id: (loss, data, oracle, name of the PyTorch form below)
CASES = {
    "squared_error": (losses.SquaredError(), _numbers, oracle.squared_error),
    "squared_error_plain": (losses.SquaredError(half=False), _numbers, oracle.squared_error_plain),
    "mse": (losses.MeanSquaredError(), _numbers, oracle.mse),
    "mae": (losses.MeanAbsoluteError(), _numbers, oracle.mae),
    "huber": (losses.Huber(), _numbers, oracle.huber),
    "huber_0.3": (losses.Huber(0.3), _numbers, lambda y, p: oracle.huber(y, p, 0.3)),
    "bce": (losses.BinaryCrossentropy(), _binary, oracle.binary_crossentropy),
    "bce_logits": (
        losses.BinaryCrossentropy(from_logits=True),
        _logits(_binary),
        oracle.binary_crossentropy_logits,
    ),
    "cce": (losses.CategoricalCrossentropy(), _onehot, oracle.categorical_crossentropy),
    "cce_soft": (losses.CategoricalCrossentropy(), _soft, oracle.categorical_crossentropy),
    "cce_logits": (
        losses.CategoricalCrossentropy(from_logits=True),
        _logits(_soft),
        oracle.categorical_crossentropy_logits,
    ),
    "sparse": (losses.SparseCategoricalCrossentropy(), _labels, oracle.sparse_crossentropy),
    "sparse_logits": (
        losses.SparseCategoricalCrossentropy(from_logits=True),
        _logits(_labels),
        oracle.sparse_crossentropy_logits,
    ),
    "kld": (losses.KLDivergence(), _soft, oracle.kl_divergence),
    "kld_onehot": (losses.KLDivergence(), _onehot, oracle.kl_divergence),
    "poisson": (losses.Poisson(), _counts, oracle.poisson),
    "poisson_logits": (losses.Poisson(from_logits=True), _log_counts, oracle.poisson_logits),
    "quantile": (losses.Quantile((0.1, 0.5, 0.7, 0.9)), _one_target, oracle.quantile),
    "tobit": (losses.Tobit(), _censored, oracle.tobit),
    "tobit_limit": (losses.Tobit(0.5), _censored, lambda y, p: oracle.tobit(y, p, 0.5)),
    "members": (losses.MemberLoss("mae"), _members, oracle.members),
    "kld_logits": (
        losses.KLDivergence(from_logits=True),
        _logits(_soft),
        oracle.kl_divergence_logits,
    ),
}


def test_every_loss_has_a_case():
    elsewhere = {  # test_losses_keras.py
        *("MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "LogCosh"),
        *("CosineSimilarity", "BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"),
        *("Hinge", "SquaredHinge", "CategoricalHinge"),
    }
    cases = {type(loss).__name__ for loss, *_ in CASES.values()}
    assert cases | elsewhere == {cls.__name__ for cls in losses.BY_NAME.values()}


@pytest.mark.parametrize("case", CASES)
def test_rows_equal_the_formula_in_float64(case, x64):
    loss, data, formula = CASES[case]
    y, prediction = data(np.random.default_rng(1))
    rows, cost = jit(lambda y, p: (loss.rows(y, p), loss(y, p)))(y, prediction)
    assert rows.shape == (N,)
    # the same formula in the same width: roundings of about ten operations
    np.testing.assert_allclose(rows, formula(y, prediction), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(cost, formula(y, prediction).mean(), rtol=1e-11)


@pytest.mark.parametrize("case", CASES)
def test_weighted_mean(case, x64):
    """J = sum_i w_i L_i / sum_i w_i: a row of weight 2 counts as two rows."""
    loss, data, formula = CASES[case]
    rng = np.random.default_rng(2)
    y, prediction = data(rng)
    counts = rng.integers(0, 4, N)
    cost = jit(lambda weight: loss(y, prediction, weight))
    repeated = formula(np.repeat(y, counts, axis=0), np.repeat(prediction, counts, axis=0)).mean()
    np.testing.assert_allclose(cost(counts.astype(float)), repeated, rtol=1e-11)
    weight = rng.uniform(0.1, 3, N)
    want = np.average(formula(y, prediction), weights=weight)
    np.testing.assert_allclose(cost(weight), want, rtol=1e-11)


def test_weights_must_be_one_a_row():
    for shape in ((N, 1), (1,), (N - 1,), ()):
        with pytest.raises(ShapeError, match="one per row"):
            losses.get("mse")(jnp.ones((N, 1)), jnp.ones((N, 1)), jnp.ones(shape))


def _torch_forms(torch):
    from torch.nn import functional as F

    def mean(rows):
        return rows.mean(dim=1)

    return {
        "squared_error": lambda y, p: 0.5 * F.mse_loss(p, y, reduction="none").sum(dim=1),
        "mse": lambda y, p: mean(F.mse_loss(p, y, reduction="none")),
        "mae": lambda y, p: mean(F.l1_loss(p, y, reduction="none")),
        "huber": lambda y, p: mean(F.huber_loss(p, y, reduction="none")),
        "huber_0.3": lambda y, p: mean(F.huber_loss(p, y, reduction="none", delta=0.3)),
        "bce": lambda y, p: mean(F.binary_cross_entropy(p, y, reduction="none")),
        "bce_logits": lambda y, p: mean(F.binary_cross_entropy_with_logits(p, y, reduction="none")),
        "cce": lambda y, p: F.nll_loss(p.log(), y.argmax(dim=1), reduction="none"),
        "cce_logits": lambda y, p: F.cross_entropy(p, y, reduction="none"),
        "sparse": lambda y, p: F.nll_loss(p.log(), y, reduction="none"),
        "sparse_logits": lambda y, p: F.cross_entropy(p, y, reduction="none"),
        "kld": lambda y, p: F.kl_div(p.log(), y, reduction="none").sum(dim=1),
        "kld_logits": lambda y, p: F.kl_div(p.log_softmax(dim=1), y, reduction="none").sum(dim=1),
    }


def test_values_and_gradients_equal_pytorch(x64):
    torch = pytest.importorskip("torch")
    for name, form in _torch_forms(torch).items():
        loss, data, _ = CASES[name]
        both = jit(lambda y, p, f=loss: (f.rows(y, p), jax.grad(f, argnums=1)(y, p)))
        for seed in range(3):
            y, prediction = data(np.random.default_rng(seed))
            t = torch.tensor(prediction, requires_grad=True)
            want = form(torch.tensor(y), t)
            want.mean().backward()
            close = {"rtol": 1e-9, "atol": 1e-12, "err_msg": name}
            rows, gradient = both(y, prediction)
            np.testing.assert_allclose(rows, want.detach().numpy(), **close)
            np.testing.assert_allclose(gradient, t.grad.numpy(), **close)


# -- the lectures' gradients --------------------------------------------------------------------


def test_gradient_at_the_logit_is_sigma_minus_y(x64):
    """dJ/dz = 1/(1 + exp(-z)) - y (hull-2023, "Backpropagation for MLPs", gradient w.r.t. z)."""
    z = np.concatenate([np.linspace(-30, 30, 61), [-1e4, 1e4]])
    for y in (0.0, 1.0, 0.3):
        gradient = jax.vmap(
            jax.grad(
                lambda t, y=y: losses.BinaryCrossentropy(True)(jnp.array([[y]]), t[None, None])
            )
        )(jnp.asarray(z))
        np.testing.assert_allclose(gradient, expit(z) - y, rtol=1e-12, atol=1e-14)


def test_gradient_of_the_softmax_regression(x64):
    """dJ/dw_k = - sum_i x_i (1{y_i = k} - P(y_i = k | x_i)) (raviv-2022, "Multinomial ...")."""
    rng = np.random.default_rng(5)
    x, w, y = rng.normal(size=(N, 3)), rng.normal(size=(3, K)), rng.integers(0, K, N)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    gradient = jax.grad(lambda w: jnp.sum(loss.rows(y, x @ w)))(w)
    want = -x.T @ (np.eye(K)[y] - softmax(x @ w, axis=1))
    np.testing.assert_allclose(gradient, want, rtol=1e-11)


# -- stability ----------------------------------------------------------------------------------


def test_logit_forms_are_stable_in_float32():
    """Finite, right value and right gradient where sigmoid and softmax have saturated."""

    def both(loss):
        rows = lambda y, z: jnp.sum(loss.rows(y, z))
        return jit(lambda y, z: (loss.rows(y, z), jax.grad(rows, argnums=1)(y, z)))

    binary = both(losses.BinaryCrossentropy(from_logits=True))
    onehot = np.eye(3, dtype=np.float32)[:2]
    classes = [
        (both(losses.CategoricalCrossentropy(from_logits=True)), onehot),
        (both(losses.SparseCategoricalCrossentropy(from_logits=True)), np.array([0, 1])),
        (both(losses.KLDivergence(from_logits=True)), onehot),
    ]
    for size in (1e4, 200.0, 60.0):
        z = np.array([[size], [-size], [size], [-size]], np.float32)
        rows, gradient = binary(np.array([[1.0], [0.0], [0.0], [1.0]], np.float32), z)
        np.testing.assert_allclose(rows, [0, 0, size, size], rtol=1e-6, atol=1e-20)
        np.testing.assert_allclose(gradient, [[0], [0], [1], [-1]], atol=1e-20)
        z = np.array([[size, -size, 0.0], [size, -size, 0.0]], np.float32)
        for both_of, y in classes:
            rows, gradient = both_of(y, z)
            np.testing.assert_allclose(rows, [0, 2 * size], rtol=1e-6, atol=1e-20)
            np.testing.assert_allclose(gradient, [[0, 0, 0], [1, -1, 0]], atol=1e-20)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_probabilities_of_zero_and_one_stay_finite(dtype):
    """Clipped at 1e-7: the worst row costs -log(1e-7) = 16.1, not infinity; a NaN in no width."""
    y, p = (
        jnp.array([[1.0], [0.0], [1.0], [0.0]], dtype),
        jnp.array([[0.0], [1.0], [1.0], [0.0]], dtype),
    )
    loss = losses.BinaryCrossentropy()
    rows = np.asarray(loss.rows(y, p), float)
    assert np.isfinite(rows).all()
    assert (rows[:2] > 4).all()
    assert (rows[2:] < 0.01).all()
    assert np.isfinite(np.asarray(jax.grad(lambda q: jnp.sum(loss.rows(y, q)))(p), float)).all()
    onehot = jnp.eye(3, dtype=dtype)
    for loss in (losses.CategoricalCrossentropy(), losses.KLDivergence()):
        wrong = np.asarray(loss.rows(onehot, jnp.roll(onehot, 1, axis=1)), float)
        np.testing.assert_allclose(wrong, -np.log(1e-7), rtol=0.01)
        np.testing.assert_allclose(np.asarray(loss.rows(onehot, onehot), float), 0, atol=0.01)


# -- identities ---------------------------------------------------------------------------------


def test_kl_is_cross_entropy_minus_entropy(x64):
    """scheidegger-2020, "Cross entropy loss function": log p_data is not of the model."""
    y, p = _soft(np.random.default_rng(7))
    kl, cross = losses.KLDivergence().rows(y, p), losses.CategoricalCrossentropy().rows(y, p)
    np.testing.assert_allclose(kl, cross - entropy(y, axis=1), rtol=1e-10)
    assert (np.asarray(kl) > 0).all()
    np.testing.assert_allclose(losses.KLDivergence().rows(p, p), 0, atol=1e-15)
    np.testing.assert_allclose(losses.KLDivergence(True).rows(p, np.log(p)), 0, atol=1e-14)


def test_huber_limits(x64):
    y, p = _numbers(np.random.default_rng(8))
    half = losses.MeanSquaredError().rows(y, p) / 2
    np.testing.assert_allclose(losses.Huber(1e6).rows(y, p), half, rtol=1e-12)
    small = losses.Huber(1e-9).rows(y, p) / 1e-9
    np.testing.assert_allclose(small, losses.MeanAbsoluteError().rows(y, p), rtol=1e-8)
    for delta in (0.0, -1.0, float("nan")):
        with pytest.raises(DescendError, match="delta must be a finite number > 0"):
            losses.Huber(delta)


def test_huber_is_smooth_at_delta(x64):
    """Value and slope of the two branches meet at |e| = delta."""
    loss = losses.Huber(0.7)
    value = lambda e: loss.rows(jnp.zeros((1, 1)), jnp.reshape(e, (1, 1)))[0]
    for side in (-1e-9, 0.0, 1e-9):
        np.testing.assert_allclose(value(0.7 + side), 0.7**2 / 2, atol=1e-8)
        np.testing.assert_allclose(jax.grad(value)(0.7 + side), 0.7, atol=1e-8)


def test_likelihood_of_a_normal_density_equals_scipy(x64):
    """scheidegger-2020, maximum likelihood: mean and log scale predicted, one density a row."""

    def log_density(y, prediction):
        mean, log_scale = prediction[:, 0], prediction[:, 1]
        z = (y[:, 0] - mean) * jnp.exp(-log_scale)
        return -0.5 * z**2 - log_scale - 0.5 * jnp.log(2 * jnp.pi)

    rng = np.random.default_rng(9)
    y, prediction = rng.normal(size=(N, 1)), rng.normal(size=(N, 2))
    rows = losses.NegativeLogLikelihood(log_density).rows(y, prediction)
    want = -norm.logpdf(y[:, 0], prediction[:, 0], np.exp(prediction[:, 1]))
    np.testing.assert_allclose(rows, want, rtol=1e-11)


def test_with_logits_is_the_same_cost(x64):
    z = np.random.default_rng(10).normal(size=(N, K)) * 2
    for name, link in (("bce", expit), ("cce", softmax), ("sparse", softmax), ("kld", softmax)):
        loss, data, _ = CASES[name]
        y, _ = data(np.random.default_rng(11))
        twin = losses.with_logits(loss)
        p = link(z) if link is expit else link(z, axis=1)
        np.testing.assert_allclose(twin.rows(y, z), loss.rows(y, p), rtol=1e-9)
        assert losses.with_logits(twin) is None
    for name in ("mse", "mae", "huber", "squared_error"):
        assert losses.with_logits(losses.get(name)) is None


# -- shapes -------------------------------------------------------------------------------------

OTHER = ("sparse", "quantile", "tobit", "members")  # whose targets have another shape
EXACT = [c for c in CASES if not c.startswith(OTHER)]


@pytest.mark.parametrize(
    ("loss", "shapes", "said"),
    [
        (losses.Quantile((0.1, 0.9)), ((N,), (N, 2)), r"targets \(n, 1\) and predictions \(n, 2\)"),
        (losses.Quantile((0.1, 0.9)), ((N, 1), (N, 3)), r"predictions \(n, 2\), got"),
        (losses.Tobit(), ((N, 2), (N, 2)), "mu and log sigma"),
        (losses.Tobit(), ((N, 1), (N, 1)), "mu and log sigma"),
        (losses.MemberLoss("mse"), ((N, 2), (N,)), "no members' axis"),
        (losses.MemberLoss("mse"), ((N,), (N, 4, 1)), "nothing is broadcast"),
    ],
)
def test_shapes_of_the_others(loss, shapes, said):
    with pytest.raises(ShapeError, match=said):
        loss.rows(*(jnp.full(s, 0.5) for s in shapes))


@pytest.mark.parametrize("levels", [(), (0.0,), (0.5, 1.0), (float("nan"),)])
def test_quantile_levels_out_of_range(levels):
    with pytest.raises(DescendError, match="levels must lie between 0 and 1"):
        losses.Quantile(levels)


def test_members_take_logits_where_their_loss_does():
    members = losses.MemberLoss("sparse_categorical_crossentropy")
    assert members.link == "softmax"
    assert losses.with_logits(members).loss.from_logits
    assert losses.with_logits(losses.MemberLoss("mse")) is None


def test_the_median_and_the_tails_are_where_the_pinball_loss_is_least(x64):
    """By gradient descent on constants: numpy's quantiles of 999 draws, up to their spacing."""
    y = np.random.default_rng(3).normal(size=(999, 1))
    loss = losses.Quantile((0.1, 0.5, 0.9))
    cost = lambda c: loss(y, jnp.broadcast_to(c[None], (999, 3)))
    slope = jit(jax.grad(cost))
    c = jnp.zeros(3)
    for step in range(2000):
        c = c - 3.0 / (1 + step / 20) * slope(c)
    np.testing.assert_allclose(c, np.quantile(y, [0.1, 0.5, 0.9]), atol=0.02)


@pytest.mark.parametrize("case", EXACT)
@pytest.mark.parametrize(
    "shapes", [((N,), (N, 1)), ((N, 1), (N,)), ((N, 1), (N, K)), ((1, K), (N, K))]
)
def test_nothing_is_broadcast(case, shapes):
    y, prediction = (jnp.full(s, 0.5) for s in shapes)
    with pytest.raises(ShapeError, match="nothing is broadcast"):
        CASES[case][0].rows(y, prediction)


@pytest.mark.parametrize("case", ["sparse", "sparse_logits"])
@pytest.mark.parametrize(
    "shapes", [((N, 1), (N, K)), ((N, K), (N, K)), ((N,), (N,)), ((N - 1,), (N, K))]
)
def test_sparse_labels_have_no_class_axis(case, shapes):
    y, prediction = jnp.zeros(shapes[0], int), jnp.full(shapes[1], 0.5)
    with pytest.raises(ShapeError, match=r"Expected labels \(n,\)"):
        CASES[case][0].rows(y, prediction)


@pytest.mark.parametrize("case", ["cce", "cce_logits", "kld", "kld_logits"])
@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_one_class_is_refused(case, shape):
    """Its cost would be 0 whatever the prediction."""
    with pytest.raises(ShapeError, match="two or more classes"):
        CASES[case][0].rows(jnp.ones(shape), jnp.ones(shape))


def test_the_advice_fits_the_mistake():
    mse, cce = losses.get("mse"), losses.get("categorical_crossentropy")
    with pytest.raises(ShapeError, match=re.escape("y[:, None]")):
        mse.rows(jnp.ones(N), jnp.ones((N, 1)))
    with pytest.raises(ShapeError, match=re.escape("y[:, 0]")):
        mse.rows(jnp.ones((N, 1)), jnp.ones(N))
    with pytest.raises(ShapeError, match="sparse_categorical_crossentropy"):
        cce.rows(jnp.ones(N), jnp.ones((N, K)))


def test_more_axes_are_averaged_into_one_number_a_row(x64):
    rng = np.random.default_rng(12)
    y, p = rng.normal(size=(2, N, 3, K))
    np.testing.assert_allclose(losses.get("mse").rows(y, p), ((y - p) ** 2).mean(axis=(1, 2)))
    labels = rng.integers(0, K, (N, 3))
    q = rng.dirichlet(np.ones(K), (N, 3))
    want = -np.log(np.take_along_axis(q, labels[..., None], axis=-1)[..., 0]).mean(axis=1)
    loss = losses.get("sparse_categorical_crossentropy")
    np.testing.assert_allclose(loss.rows(labels, q), want, rtol=1e-10)


def test_a_users_function_gives_one_number_a_row():
    loss = losses.get(lambda y, p: jnp.sum((y - p) ** 2, axis=1))
    y, p = jnp.ones((N, 2)), jnp.zeros((N, 2))
    np.testing.assert_array_equal(loss.rows(y, p), np.full(N, 2.0))
    for wrong in (lambda y, p: jnp.mean((y - p) ** 2), lambda y, p: (y - p) ** 2):
        with pytest.raises(ShapeError, match="one number a row"):
            losses.NegativeLogLikelihood(wrong).rows(y, p)
    with pytest.raises(ShapeError, match=f"{N} targets against 3"):
        losses.NegativeLogLikelihood(lambda y, p: y[:, 0]).rows(y, jnp.ones((3, 2)))
    with pytest.raises(DescendError, match="needs log_density"):
        losses.NegativeLogLikelihood()


# -- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_describe_and_get_round_trip(case):
    loss = CASES[case][0]
    described = losses.describe(loss)
    assert described["name"] in losses.BY_NAME
    assert losses.get(described) == loss


def test_names():
    for name, cls in losses.BY_NAME.items():
        assert type(losses.get(name)) is cls
        assert losses.get(name).name == name
    for alias, name in losses.ALIASES.items():
        assert losses.get(alias) == losses.get(name)
    assert losses.describe(losses.get(lambda y, p: y)) is None
    for wrong in ("msee", {"name": "msee"}):
        with pytest.raises(DescendError, match="Did you mean 'mse'"):
            losses.get(wrong)


def test_a_loss_of_ones_own_needs_no_init_of_the_base():
    @dataclass(frozen=True)
    class Scaled(losses.Loss):
        by: float = 2.0

        def call(self, y_true, y_pred):
            return self.by * jnp.mean((y_true - y_pred) ** 2, axis=-1)

    class Bare(losses.Loss):
        def __init__(self):
            self.by = 3.0

        call = Scaled.call

    x, y = np.ones((4, 1), np.float32), np.full((4, 1), 2.0, np.float32)
    for loss, name in ((Scaled(), "scaled"), (Bare(), "bare")):
        assert loss.name == name
        assert float(loss(jnp.zeros((2, 1)), jnp.ones((2, 1)))) == loss.by
        model = Sequential([Input((1,)), Dense(1)])
        model.compile("sgd", loss)
        assert np.isfinite(model.fit(x, y, epochs=1, verbose=0).history["loss"][0])
