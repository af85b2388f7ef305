"""Normal shocks and chains: moments of Rouwenhorst's chain, how chains move, what is refused."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.economies.expectations import rule
from descend.economies.shocks import Chain, Law, Normal
from descend.errors import DescendError

P = np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6]])


def long_run(matrix) -> np.ndarray:
    """The stationary distribution by brute force: a high power of the matrix."""
    return np.linalg.matrix_power(np.asarray(matrix, float), 1 << 14)[0]


@pytest.mark.parametrize("n", [2, 3, 5, 9])
@pytest.mark.parametrize(
    ("persistence", "std"), [(0.95, 0.007), (0.5, 0.2), (0.0, 1.0), (-0.4, 0.1)]
)
def test_rouwenhorst_keeps_mean_variance_and_autocorrelation(x64, n, persistence, std):
    """Of x' = persistence x + e: 0, std^2 / (1 - persistence^2), persistence."""
    chain = Chain.rouwenhorst(n, persistence, std)
    chain.check("z")
    x, matrix = np.asarray(chain.values), np.asarray(chain.transition)
    share = long_run(matrix)
    variance = std**2 / (1 - persistence**2)
    assert share @ x == pytest.approx(0, abs=1e-12)
    assert share @ x**2 == pytest.approx(variance, rel=1e-10)
    np.testing.assert_allclose(matrix @ x, persistence * x, atol=1e-12)  # from every position
    assert np.diff(x).max() == pytest.approx(np.diff(x).min())  # evenly spaced
    conditional = matrix @ x**2 - (matrix @ x) ** 2
    assert share @ conditional == pytest.approx(std**2, rel=1e-10)


def test_rouwenhorst_of_two_by_hand(x64):
    chain = Chain.rouwenhorst(2, 0.8, 0.3)
    np.testing.assert_allclose(chain.transition, [[0.9, 0.1], [0.1, 0.9]], atol=1e-15)
    np.testing.assert_allclose(chain.values, [-0.5, 0.5], atol=1e-15)  # 0.3 / sqrt(1 - 0.64)


def test_the_stationary_distribution(x64):
    np.testing.assert_allclose(Chain(np.arange(3.0), P).stationary(), long_run(P), atol=1e-12)
    # a share q of the time in the second state: q leaves with 0.3, 1 - q enters with 0.1
    two = Chain([0.0, 1.0], [[0.9, 0.1], [0.3, 0.7]])
    np.testing.assert_allclose(two.stationary(), [0.75, 0.25], atol=1e-12)


def test_chains_move_as_their_matrix_says():
    """Numbers u spread evenly over [0, 1) give every next position its probability."""
    count = 10_000
    law = Law.of(
        {"x": Chain(np.arange(3.0), P), "e": Normal(1.0), "y": Chain.iid([1.0, 2.0], [0.3, 0.7])}
    )
    u = (np.arange(count) + 0.5) / count
    both = jnp.asarray(np.stack([u, u], axis=1), jnp.float32)
    for here in range(3):
        went = np.asarray(jax.vmap(lambda u, i=here: law.move(u, jnp.array([i, 1])))(both))
        assert went.dtype == np.int32
        shares = np.bincount(went[:, 0], minlength=3) / count
        np.testing.assert_allclose(shares, P[here], atol=2 / count)  # of float32's steps
        np.testing.assert_allclose(np.bincount(went[:, 1]) / count, [0.3, 0.7], atol=2 / count)


def test_a_chain_never_leaves_its_positions():
    """Rows that sum to a little less than one, u a little less than one."""
    row = np.full(7, 1 / 7, np.float32)
    law = Law.of({"x": Chain(np.arange(7.0), np.tile(row, (7, 1)))})
    largest = jnp.array([np.nextafter(np.float32(1), np.float32(0))])
    assert law.move(largest, jnp.array([0])).tolist() == [6]
    assert law.move(jnp.zeros(1), jnp.array([0])).tolist() == [0]


def test_a_simulated_chain_lives_in_its_stationary_distribution():
    law = Law.of({"x": Chain(np.arange(3.0), P)})
    u = jax.random.uniform(jax.random.key(0), (50_000, 1))
    _, path = jax.lax.scan(lambda i, u: (law.move(u, i),) * 2, jnp.array([0], jnp.int32), u)
    shares = np.bincount(np.asarray(path)[:, 0], minlength=3) / len(u)
    # autocorrelated draws: their deviation is about sqrt(10 / 50,000) / 2
    np.testing.assert_allclose(shares, long_run(P), atol=0.03)


def test_persistent_and_iid(x64):
    np.testing.assert_allclose(Chain.iid([1.0, 2.0], [0.3, 0.7]).transition, [[0.3, 0.7]] * 2)
    sticky = Chain.persistent([1.0, 2.0, 3.0], 0.8).transition
    np.testing.assert_allclose(sticky, [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])


def test_values_of_every_kind(x64):
    """A list, vectors, several named ones."""
    matrix = [[0.5, 0.5], [0.5, 0.5]]
    law = Law.of(
        {
            "a": Chain([0.99, 1.01], matrix),
            "b": Chain([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], matrix),
            "c": Chain({"eta": [0.95, 1.05], "delta": [0.5, 0.9]}, matrix),
        }
    )
    for name, chain in law.chains.items():
        chain.check(name)
        assert len(chain) == 2
    shock = law.shock(jnp.zeros(0), jnp.array([1, 0, 1]))
    assert float(shock.a) == 1.01
    assert shock.b.tolist() == [1, 2, 3]
    assert float(shock.c.delta) == 0.9


def test_a_chain_written_in_float32s_reach_keeps_float64():
    """Numbers that are given before float64 is in force are not cut to float32."""
    chain = Chain([0.1, 0.2], [[0.9, 0.1], [0.3, 0.7]])
    law = Law.of({"z": chain})
    with jax.enable_x64(True):
        assert float(law.present(jnp.array([0]))["z"]) == 0.1
        weights = law.nodes(rule("monomial:3", 0), jnp.array([0]))[2]
        assert weights.tolist() == [0.9, 0.1]


def test_the_shock_of_several_normals():
    law = Law.of({"e": Normal(2.0), "u": Normal([1.0, 3.0]), "w": Normal(0.0)})
    assert law.dimensions == 4
    shock = law.shock(jnp.array([1.0, 10.0, 100.0, 7.0]), jnp.zeros(0, jnp.int32))
    assert float(shock.e) == 2
    assert shock.u.tolist() == [10, 300]
    assert float(shock.w) == 0
    with pytest.raises(DescendError, match="unknown shock 'ee'"):
        _ = shock.ee


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        (Chain([1.0, 2.0], [[0.9, 0.1], [0.3, 0.6]]), "row 1 .* sums to 0.9"),
        (Chain([1.0, 2.0], [[0.9, 0.2], [0.3, 0.7]]), "row 0 .* sums to 1.1"),
        (Chain([1.0, 2.0], [[1.1, -0.1], [0.3, 0.7]]), r"must lie in \[0, 1\]"),
        (Chain([1.0, 2.0], [[np.nan, 0.1], [0.3, 0.7]]), r"must lie in \[0, 1\]"),
        (Chain([1.0, 2.0, 3.0], [[0.9, 0.1], [0.3, 0.7]]), r"shape \(3, 3\), got \(2, 2\)"),
        (Chain([1.0, 2.0], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]), r"shape \(2, 2\), got \(2, 3\)"),
        (Chain({"a": [1.0, 2.0], "b": [1.0]}, [[0.9, 0.1], [0.3, 0.7]]), "as many"),
        (Chain(3.0, [[1.0]]), "as many"),
    ],
)
def test_a_bad_chain_is_refused_with_its_row(chain, said):
    with pytest.raises(DescendError, match=f"chain 'z': .*{said}"):
        chain.check("z")


def test_rouwenhorst_refuses_numbers_out_of_range():
    for n, persistence in ((1, 0.9), (3, 1.5), (3, 1.0), (3, np.nan)):
        with pytest.raises(DescendError, match="at least 2 positions.* a persistence between"):
            Chain.rouwenhorst(n, persistence, 0.1)


def test_rouwenhorst_of_traced_numbers(x64):
    """As where its persistence is a state of the economy."""
    plain = Chain.rouwenhorst(4, 0.9, 0.1)
    traced = jax.jit(lambda p, s: (lambda c: (c.values, c.transition))(Chain.rouwenhorst(4, p, s)))
    values, transition = traced(0.9, 0.1)
    np.testing.assert_allclose(values, plain.values, rtol=1e-14)
    np.testing.assert_allclose(transition, plain.transition, rtol=1e-14)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Chain("high", [[1.0]]),
        lambda: Chain([1.0, [2.0]], [[1.0]]),
        lambda: Chain.iid([1.0, 2.0], "even"),
        lambda: Chain.iid([1.0, 2.0], 0.5),
        lambda: Chain.persistent([1.0, 2.0], "often"),
        lambda: Chain.rouwenhorst(2.5, 0.9, 0.1),
        lambda: Chain.rouwenhorst(3, "high", 0.1),
        lambda: Chain.rouwenhorst(3, 0.9, None),
    ],
)
def test_a_chain_is_made_of_numbers(make):
    with pytest.raises(DescendError, match="numbers|a probability a position|Rouwenhorst"):
        make()


@pytest.mark.parametrize(
    ("shock", "said"),
    [
        (Normal("wide"), "finite and >= 0"),
        (Normal([0.1, [0.2]]), "finite and >= 0"),
        (Normal([0.1, 0.2], "high"), "correlation must hold numbers"),
        (Normal(-0.1), "finite and >= 0"),
        (Normal(np.nan), "finite and >= 0"),
        (Normal([[0.1]]), "a number or a vector"),
        (Normal([0.1, 0.2], [[1, 2], [2, 1]]), "positive definite"),
        (Normal([0.1, 0.2], [[1, 0.5], [0.4, 1]]), "symmetric"),
        (Normal([0.1, 0.2], [[0.5, 0], [0, 0.5]]), "ones"),
        (Normal([0.1, 0.2], np.eye(3)), r"shape \(2, 2\), got \(3, 3\)"),
        (Normal(0.1, 0.5), "a vector"),
        (Normal([0.1, 0.2, 0.3], -0.9), "positive definite"),
    ],
)
def test_a_bad_normal_is_refused(shock, said):
    with pytest.raises(DescendError, match=f"shock 'e': .*{said}"):
        shock.check("e")


def test_anything_else_is_no_shock():
    with pytest.raises(DescendError, match="shock 'e' must be a Normal or a Chain, got float"):
        Law.of({"e": 0.1})
