"""Output transforms: where they begin, where they stay, which numbers they refuse."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.economies.outputs import Bounded, Free, Positive, Share, Simplex
from descend.errors import DescendError


@pytest.mark.parametrize(
    ("output", "at_zero", "low", "high"),
    [
        (Free(shape=(3,), centre=2.0, scale=0.5), 2.0, -np.inf, np.inf),
        (Positive(shape=(3,)), 1.0, 0, np.inf),
        (Positive(shape=(3,), scale=np.array([0.1, 1.0, 50.0])), [0.1, 1.0, 50.0], 0, np.inf),
        (Share(shape=(3,)), 0.5, 0, 1),
        (Share(shape=(3,), start=[0.1, 0.5, 0.999]), [0.1, 0.5, 0.999], 0, 1),
        (Bounded(-2.0, 4.0, shape=(3,)), 1.0, -2, 4),
        (Bounded(-2.0, 4.0, 3.5, shape=(3,)), 3.5, -2, 4),
        (Bounded([0.0, 1.0, 2.0], [1.0, 2.0, 3.0], shape=(3,)), [0.5, 1.5, 2.5], 0, 3),
        (Simplex((3,)), 1 / 3, 0, 1),
    ],
    ids=repr,
)
def test_outputs_begin_where_they_say_and_stay_where_they_belong(x64, output, at_zero, low, high):
    output.check("p")
    assert output.raw == 3
    assert output.unknowns == (2 if isinstance(output, Simplex) else 3)
    first = np.asarray(output(jnp.zeros(3)))
    assert first.dtype == np.float64
    np.testing.assert_allclose(first, np.broadcast_to(at_zero, 3), rtol=1e-14)
    far = np.asarray(output(jnp.array([-700.0, 0.3, 700.0])))
    assert np.isfinite(far).all()
    assert (far >= low).all()
    assert (far <= high).all()
    slope = np.asarray(jax.jacobian(output)(jnp.array([0.1, -0.3, 0.2])))
    assert (np.diag(slope) > 0).all()
    if isinstance(output, Simplex):
        assert far.sum() == pytest.approx(1, abs=1e-14)


def test_numbers_without_a_name_are_what_they_look_like(x64):
    """Low and high, the expected share, the scale: the shape is given by its name alone."""
    for output, first in (
        (Bounded(0.0, 1.0, 0.4), 0.4),
        (Bounded(-1.0, 3.0), 1.0),
        (Share(0.35), 0.35),
        (Positive(2), 2.0),
        (Free(0.3), 0.3),
    ):
        output.check("p")
        assert output.shape == ()
        assert float(output(jnp.zeros(1))) == pytest.approx(first, rel=1e-14)


def test_an_output_of_one_number(x64):
    for output in (Free(), Positive(), Share(), Bounded()):
        assert output.raw == output.unknowns == 1
        assert output(jnp.zeros(1)).shape == ()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (Share(start=0.0), r"start in \(0, 1\)"),
        (Share(start=np.nan), r"start in \(0, 1\)"),
        (Share(shape=(2,), start=[0.5, 1.0]), r"start in \(0, 1\)"),
        (Positive(scale=0.0), "scale > 0"),
        (Positive(scale=-1.0), "scale > 0"),
        (Positive(scale=np.inf), "scale > 0"),
        (Bounded(low=1.0, high=1.0), "low < start < high"),
        (Bounded(low=2.0, high=1.0), "low < start < high"),
        (Bounded(low=0.0, high=1.0, start=1.0), "low < start < high"),
        (Bounded(low=0.0, high=np.inf, start=1.0), "low < start < high"),
        (Free(scale=0.0), "scale"),
        (Free(centre=np.nan), "finite centre"),
        (Simplex(), r"needs shape \(n,\)"),
        (Simplex((1,)), "n >= 2"),
        (Simplex((2, 2)), r"needs shape \(n,\)"),
        # a shape where a number belongs, and the other way round
        (Share((9,)), r"start must be a number, got \(9,\).*Share\(shape=\(3,\)\)"),
        (Positive((2,)), r"scale must be a number, got \(2,\)"),
        (Free((3,)), r"centre must be a number, got \(3,\)"),
        (Bounded((3,)), r"low must be a number, got \(3,\)"),
        (Share(shape=(2,), start=[0.1, 0.2, 0.3]), r"start must be .* of its shape \(2,\)"),
        (Positive("a"), "scale must be a number, got 'a'"),
        (Share(shape=3), r"a shape is a tuple .* such as Share\(shape=\(3,\)\), got 3"),
        (Free(shape=(0,)), "a shape is a tuple"),
    ],
    ids=repr,
)
def test_outputs_refuse_numbers_that_make_no_sense(output, said):
    with pytest.raises(DescendError, match=f"policy 'p': .*{said}"):
        output.check("p")
