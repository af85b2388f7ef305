"""Rules for expectations: exact on every moment up to their degree, and the product with chains."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.economies import expectations
from descend.economies.expectations import rule
from descend.economies.shocks import Chain, Law, Normal
from descend.errors import DescendError


def moment(powers) -> float:
    """E of a product of powers of independent standard normals: double factorials (k - 1)!!."""
    if any(k % 2 for k in powers):
        return 0.0
    return float(math.prod(math.prod(range(k - 1, 0, -2)) for k in powers))


def by(r, powers) -> tuple[float, float]:
    """(the rule's moment, the size of the terms that it adds up)."""
    terms = r.weights * np.prod(r.nodes ** np.array(powers), axis=1)
    return terms.sum(), abs(terms).sum()


def powers_up_to(dimensions: int, degree: int):
    every = itertools.product(range(degree + 1), repeat=dimensions)
    return [p for p in every if sum(p) <= degree]


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
@pytest.mark.parametrize("degree", [3, 5])
def test_monomial_rules_are_exact_on_every_monomial_up_to_their_degree(dimensions, degree):
    r = rule(f"monomial:{degree}", dimensions)
    assert len(r) == (2 * dimensions if degree == 3 else 2 * dimensions**2 + 1)
    for powers in powers_up_to(dimensions, degree):
        found, size = by(r, powers)
        assert found == pytest.approx(moment(powers), abs=1e-14 * (1 + size)), powers


@pytest.mark.parametrize("degree", [3, 5])
def test_monomial_rules_in_ten_dimensions(degree):
    r = rule(f"monomial:{degree}", 10)
    draw = np.random.default_rng(0)
    for total in range(degree + 1):
        for _ in range(40):
            powers = np.bincount(draw.integers(10, size=total), minlength=10)
            found, size = by(r, powers)
            assert found == pytest.approx(moment(powers), abs=1e-14 * (1 + size)), powers


def test_a_degree_more_is_too_much():
    """The moments above would notice a rule that is only roughly right."""
    assert by(rule("monomial:3", 2), (4, 0))[0] == pytest.approx(2)  # 3 is right
    assert by(rule("monomial:5", 2), (6, 0))[0] == pytest.approx(10)  # 15 is right
    assert by(rule("gauss-hermite:2", 1), (4,))[0] == pytest.approx(1)  # 3 is right


@pytest.mark.parametrize(("n", "dimensions"), [(1, 3), (2, 4), (3, 3), (5, 2), (5, 1), (11, 1)])
def test_gauss_hermite_is_exact_to_degree_2n_1_in_each_variable(n, dimensions):
    r = rule(f"gauss-hermite:{n}", dimensions)
    assert len(r) == n**dimensions
    for powers in itertools.product(range(2 * n), repeat=dimensions):
        found, size = by(r, powers)
        # the error of sums of large terms of both signs goes with their size
        assert found == pytest.approx(moment(powers), abs=1e-12 * (1 + size)), powers


@pytest.mark.parametrize(
    "name", ["gauss-hermite:4", "monomial:3", "monomial:5", "sobol:64", "sampled:7"]
)
@pytest.mark.parametrize("dimensions", [0, 1, 2, 5])
def test_weights_sum_to_one(name, dimensions):
    r = rule(name, dimensions)
    assert r.weights.sum() == pytest.approx(1, abs=1e-14)
    assert r.nodes.shape == (len(r), dimensions)
    assert r.sampled == (name == "sampled:7" and dimensions > 0)


def test_sobol_comes_close_to_gauss_hermite():
    """E exp(0.3 z1 + 0.1 z2^2 - 0.2 z3); errors of about 1/n, against 1/sqrt(n) of random draws."""

    def mean(r):
        z1, z2, z3 = r.nodes.T
        return r.weights @ np.exp(0.3 * z1 + 0.1 * z2**2 - 0.2 * z3)

    exact = math.exp((0.3**2 + 0.2**2) / 2) / math.sqrt(1 - 0.2)  # of the chi-square's part
    assert mean(rule("gauss-hermite:11", 3)) == pytest.approx(exact, rel=1e-9)
    assert mean(rule("sobol:1024", 3)) == pytest.approx(exact, rel=2e-3)
    assert mean(rule("sobol:16384", 3)) == pytest.approx(exact, rel=2e-4)
    assert np.array_equal(rule("sobol:64", 3).nodes, rule("sobol:64", 3).nodes)


@pytest.mark.parametrize("name", ["gauss-hermite:3", "monomial:3", "monomial:5"])
def test_correlated_normals_have_their_covariance(x64, name):
    std = np.array([0.1, 0.02, 0.5])
    correlation = np.array([[1, 0.5, -0.3], [0.5, 1, 0.1], [-0.3, 0.1, 1]])
    shock = Normal(std, correlation)
    shock.check("e")
    r = rule(name, 3)
    e = np.asarray(jax.vmap(shock.value)(jnp.asarray(r.nodes)))
    covariance = np.einsum("q,qi,qj->ij", r.weights, e, e)
    np.testing.assert_allclose(covariance, np.diag(std) @ correlation @ np.diag(std), atol=1e-15)
    np.testing.assert_allclose(r.weights @ e, 0, atol=1e-15)
    alike = np.asarray(jax.vmap(Normal(std, 0.25).value)(jnp.asarray(r.nodes)))
    covariance = np.einsum("q,qi,qj->ij", r.weights, alike, alike)
    np.testing.assert_allclose(covariance / np.outer(std, std), 0.25 + 0.75 * np.eye(3), atol=1e-14)


P = np.array([[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6]])
Q = np.array([[0.7, 0.3], [0.05, 0.95]])
X, Y = np.array([1.0, 2.5, -1.0]), np.array([[0.5, 3.0], [2.0, 7.0]])


def expectation(law: Law, name: str, positions, f):
    """E f(shock) from a joint law."""
    z, chains, weights = law.nodes(rule(name, law.dimensions), jnp.asarray(positions))
    return jnp.tensordot(weights, jax.vmap(lambda z, c: f(law.shock(z, c)))(z, chains), 1)


def test_sums_over_chains_are_matrix_products(x64):
    law = Law.of({"x": Chain(X, P), "y": Chain(Y, Q)})
    for i, j in itertools.product(range(3), range(2)):
        found = expectation(law, "gauss-hermite:3", [i, j], lambda e: e.x**2 * e.y)
        np.testing.assert_allclose(found, (P[i] @ X**2) * (Q[j] @ Y), rtol=1e-14)


def test_a_chain_times_normals(x64):
    """E[x' exp(e + h y')] = sum_j Q_ij y-part (P x) exp(s^2 / 2), every factor by itself."""
    law = Law.of({"x": Chain(X, P), "e": Normal(0.2), "y": Chain(Y, Q), "u": Normal([0.1, 0.3])})
    assert law.dimensions == 3

    def f(e):
        return e.x * jnp.exp(e.e + e.u[0]) * e.u[1] ** 2 * jnp.exp(e.y[1])

    for i, j in itertools.product(range(3), range(2)):
        exact = (P[i] @ X) * (Q[j] @ np.exp(Y[:, 1])) * math.exp((0.2**2 + 0.1**2) / 2) * 0.3**2
        found = expectation(law, "gauss-hermite:5", [i, j], f)
        # the 5-point rule's error on exp(0.2 z) is 0.2^10 / 10! times a number of order 100
        np.testing.assert_allclose(found, exact, rtol=1e-8)


def test_no_shock_at_all(x64):
    law = Law.of({})
    z, chains, weights = law.nodes(rule("monomial:5", 0), jnp.zeros(0, int))
    assert z.shape == (1, 0)
    assert chains.shape == (1, 0)
    assert weights.tolist() == [1.0]


@pytest.mark.parametrize(
    ("name", "dimensions", "said"),
    [
        ("gaus-hermite:5", 1, "Did you mean 'gauss-hermite:n'"),
        ("gauss-hermite", 1, "whole number behind a colon"),
        ("gauss-hermite:five", 1, "whole number behind a colon"),
        ("gauss-hermite:0", 1, ">= 1"),
        ("gauss-hermite:-3", 1, ">= 1"),
        ("gauss-hermite:5", 30, "use monomial:5"),
        ("monomial:4", 2, "degree 3 or 5"),
        ("sobol:100", 2, "power of 2"),
        ("", 1, "unknown rule"),
    ],
)
def test_unknown_names_and_bad_numbers_are_refused(name, dimensions, said):
    with pytest.raises(DescendError, match=said):
        rule(name, dimensions)


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 5, 10, 30, 60])
def test_the_judge_is_finer_than_training(dimensions):
    training = rule(expectations.for_training(dimensions), dimensions)
    judging = rule(expectations.for_judging(dimensions), dimensions)
    assert len(judging) > 2 * len(training)
    assert judging.name != training.name
