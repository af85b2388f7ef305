"""Planes and proofs: certificates checked by fractions, margins by other means, known counts."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy import optimize

from descend.errors import DataError, DescendError
from descend.neurons.classic import separability, truth_rows

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]


def mixtures(certificate, x, bias_input=1.0):
    """What the rows that should fire, and the others, are mixed to; in exact arithmetic."""
    total = {True: None, False: None}
    for row, m, fires in zip(
        certificate.rows, certificate.multipliers, certificate.fires, strict=True
    ):
        entries = [*([] if bias_input is None else [bias_input]), *x[row].tolist()]
        part = [m * Fraction(v) for v in entries]
        old = total[fires]
        total[fires] = part if old is None else [a + b for a, b in zip(old, part, strict=True)]
    return total[True], total[False] or [Fraction(0)] * len(total[True])


def test_xor():
    found = separability(*XOR)
    assert not found.separable
    assert found.certificate.multipliers == (Fraction(1, 2),) * 4
    assert found.certificate.point == (0.5, 0.5)
    assert found.certificate.exact
    above, below = mixtures(found.certificate, XOR[0])
    assert above == below == [1, Fraction(1, 2), Fraction(1, 2)]
    assert found.certificate.text() == (
        "No plane separates these rows. 1/2 of row 1 + 1/2 of row 2, which should fire, is the "
        "point (0.5, 0.5); so is 1/2 of row 0 + 1/2 of row 3, which should not (equal in exact "
        "arithmetic). It would have to lie on both sides of the plane."
    )


@pytest.mark.parametrize(("inputs", "known"), [(1, 4), (2, 14), (3, 104)])
def test_how_many_boolean_functions_one_neuron_computes(inputs, known):
    """4, 14 and 104 of 4, 16 and 256: the threshold functions (OEIS A000609)."""
    rows, separable = truth_rows(inputs), 0
    for answers in product((0, 1), repeat=2**inputs):
        found = separability(rows, answers)
        if found.separable:
            separable += 1
            fires = rows @ found.weights[1:] + found.weights[0] > 0
            assert fires.astype(int).tolist() == list(answers)
        else:
            above, below = mixtures(found.certificate, rows)
            assert above == below
    assert separable == known


def test_certificates_of_random_rows_are_exact():
    rng = np.random.default_rng(0)
    for case in range(40):
        n, k = int(rng.integers(60, 120)), int(rng.integers(1, 12))
        x, t = rng.normal(size=(n, k)) * 10.0 ** rng.integers(-4, 4), rng.integers(0, 2, n)
        bias_input = None if case % 4 == 0 else 1.0
        found = separability(x, t, bias_input)
        assert not found.separable
        c = found.certificate
        assert c.exact
        assert all(m > 0 for m in c.multipliers)
        assert sum(m for m, f in zip(c.multipliers, c.fires, strict=True) if f) == 1
        assert list(c.fires) == [t[row] == 1 for row in c.rows]
        above, below = mixtures(c, x, bias_input)
        assert above == below
        assert len(c.rows) <= k + 2  # a vertex of the programme
        np.testing.assert_allclose(
            c.point, [float(v) for v in above][-k:], rtol=1e-9, atol=1e-12 * abs(x).max()
        )


def test_many_inputs_are_certified_to_a_tolerance():
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(300, 60)), rng.integers(0, 2, 300)
    c = separability(x, t).certificate
    assert not c.exact
    weight, fires = np.array(c.multipliers), np.array(c.fires)
    full = np.hstack([np.ones((300, 1)), x])[list(c.rows)]
    gap = weight[fires] @ full[fires] - weight[~fires] @ full[~fires]
    assert np.abs(gap).max() <= 1e-9 * np.abs(x).max()
    assert c.residual <= 1e-9
    assert "of the largest input" in c.text()


def test_the_same_row_with_both_targets():
    x = np.array([[0.1, 0.2], [3.0, 1.0], [0.1, 0.2], [5.0, 5.0]])
    c = separability(x, [0, 1, 1, 0]).certificate
    assert c.exact
    assert mixtures(c, x)[0] == mixtures(c, x)[1]
    nearly = x.copy()
    nearly[2, 0] = np.nextafter(0.1, 1)  # one bit apart: not equal, and not told apart by float64
    close = separability(nearly[[0, 2]], [0, 1])
    assert close.separable is None
    assert close.weights is None
    assert close.bound == np.inf
    nearly[2, 0] += 1e-6
    found = separability(nearly[[0, 2]], [0, 1])
    assert found.separable
    assert found.bound > 1e12


def test_margins_by_another_solver():
    """max over |u| <= 1 of min s u'x, by sequential quadratic programming from the plane itself
    and from random starts: none finds a wider margin, and the plane's is reached."""
    rng = np.random.default_rng(2)
    for _ in range(12):
        k = int(rng.integers(1, 5))
        x = rng.normal(size=(30, k)) * 3
        t = (x @ rng.normal(size=k) + 0.3 > 0).astype(int)
        found = separability(x, t)
        sides = np.where(t == 1, 1, -1)[:, None] * np.hstack([np.ones((30, 1)), x])
        best = 0.0
        for start in (found.weights, *rng.normal(size=(2, k + 1))):
            solved = optimize.minimize(
                lambda v: -v[-1],
                np.append(start, -1.0),
                constraints=[
                    {"type": "ineq", "fun": lambda v, s=sides: s @ v[:-1] - v[-1]},
                    {"type": "ineq", "fun": lambda v: 1 - v[:-1] @ v[:-1]},
                ],
                options={"maxiter": 500, "ftol": 1e-12},
            )
            u = solved.x[:-1] / np.linalg.norm(solved.x[:-1])
            best = max(best, float((sides @ u).min()))
        assert found.margin == pytest.approx(best, rel=1e-5)
        assert best <= found.margin * (1 + 1e-9)
        assert found.margin == pytest.approx((sides @ found.weights).min(), abs=1e-14)


def test_closed_forms():
    """AND: the plane (-3, 2, 2)/sqrt(17), distance 1/sqrt(17). A single pair: half their distance
    beyond the bias."""
    rows = truth_rows(2)
    found = separability(rows, [0, 0, 0, 1])
    assert found.margin == pytest.approx(1 / np.sqrt(17), rel=1e-12)
    assert found.bound == pytest.approx(51, rel=1e-12)
    no_bias = separability([[3.0, 4.0], [-3.0, -4.0]], [1, 0], None)
    assert no_bias.margin == pytest.approx(5)
    assert no_bias.bound == pytest.approx(1)


def test_a_silent_row_may_lie_on_the_plane_without_a_bias():
    """Without bias (0, 1) and (0, -1) can only be silent on the border: right, but no margin."""
    found = separability([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], [1, 0, 0], None)
    assert found.separable
    assert found.margin == 0
    assert found.bound == np.inf
    c = separability([[0.0, 0.0], [1.0, 0.0]], [1, 0], None).certificate  # zeros fire nothing
    assert c.text().endswith(
        "so is nothing at all, which should not (equal in exact arithmetic). "
        "It would have to lie on both sides of the plane."
    )
    assert separability([[0.0], [1.0]], [0, 0], None).separable


def test_scales_do_not_change_the_answer():
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=(40, 4)), rng.integers(0, 2, 40)
    plane = (x @ np.ones(4) > 0).astype(int)
    for scale in (1e-6, 1e-3, 1e3, 1e6):
        columns = scale ** np.arange(-1, 3)[None]
        assert not separability(x * columns, t).separable
        assert separability(x * scale, plane).separable


def test_errors():
    with pytest.raises(DataError, match=r"X \(n, k\) and t \(n,\)"):
        separability(XOR[0], [0, 1])
    with pytest.raises(DataError, match="numbers in rows"):
        separability([["a"], ["b"]], [0, 1])
    with pytest.raises(DescendError, match="bias_input must be a finite number"):
        separability([[0.0], [1.0]], [0, 1], bias_input="one")
    with pytest.raises(DataError, match="targets 0 or 1"):
        separability(XOR[0], [0, 1, 2, 0])
    with pytest.raises(DataError, match="finite inputs"):
        separability([[np.nan]], [1])
