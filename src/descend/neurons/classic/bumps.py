"""Figure 4.9: ridge, hill, bump, localised bump; and any function as a sum of bumps.

    (a) ridge           s(k (u'x - c)), one sigmoidal neuron
    (b) hill            a ridge and a reversed one: s(k (u'x - c1)) - s(k (u'x - c2))
    (c) bump            hills at 90 degrees, added: largest where they cross, but with arms
    (d) localised bump  a further neuron that fires only where all of them are up: the arms go

"With the bumps added together in the output layer", each with the function's value in its cell as
its weight, a network approximates any continuous function.

Source: scheidegger-2020, "UNIVERSAL FCT. APPROXIMATOR", Figures 4.9 and 4.10; "EXPRESSIVENESS OF
ANN" (Cybenko 1989; Hornik et al. 1989).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy import special

from descend.errors import DataError, DescendError, ShapeError
from descend.neurons.classic.reading import numbers
from descend.nn.checks import number, whole


def ridge(x: Any, direction: Sequence[float], place: float, steepness: float) -> np.ndarray:
    """(a) One sigmoidal neuron: 0 on one side of the line u'x = place, 1 on the other.

        s(k (u'x - c))

    Args:
        x: rows of inputs, (n, d).
        direction: vector u at right angles to the line, (d,), from its low to its high side.
        place: number c, where the line lies along u.
        steepness: number k, 4 times the slope on the line.

    Returns:
        The neuron's outputs, (n,).

    Raises:
        DataError: x that is not (n, d) numbers, a direction that is no list of them.
        ShapeError: a direction that is not (d,).
        DescendError: anything else that is no finite number.

    Source: scheidegger-2020, "UNIVERSAL FCT. APPROXIMATOR", Figure 4.9 (a).

    Example:
        >>> from descend.neurons.classic import ridge
        >>> ridge([[0.0], [0.5], [1.0]], [1], place=0.5, steepness=20).round(3).tolist()
        [0.0, 0.5, 1.0]
    """
    x, u = numbers("x", x, 2), numbers("direction", direction, 1)
    if u.shape != (x.shape[1],):
        raise ShapeError(f"a ridge needs x (n, d) and direction (d,), got {x.shape}, {u.shape}")
    number("the place of a ridge", place)
    number("steepness", steepness)
    return special.expit(steepness * (x @ u - place))


def hill(
    x: Any, direction: Sequence[float], low: float, high: float, steepness: float
) -> np.ndarray:
    """(b) A ridge and a reversed one: near 1 where low < u'x < high, near 0 elsewhere.

    Args:
        x: rows of inputs, (n, d).
        direction: vector u across the hill, (d,).
        low: number where the hill begins along u.
        high: number where it ends.
        steepness: number k of both ridges, 4 times the slope of their edges.

    Returns:
        The hill's heights, (n,).

    Raises:
        DataError: x that is not (n, d) numbers, a direction that is no list of them.
        ShapeError: a direction that is not (d,).
        DescendError: anything else that is no finite number.

    Source: scheidegger-2020, "UNIVERSAL FCT. APPROXIMATOR", Figure 4.9 (b).

    Example:
        >>> from descend.neurons.classic import hill
        >>> hill([[0.0], [0.5], [1.0]], [1], low=0.25, high=0.75, steepness=40).round(3).tolist()
        [0.0, 1.0, 0.0]
    """
    return ridge(x, direction, low, steepness) - ridge(x, direction, high, steepness)


def bump(x: Any, low: Sequence[float], high: Sequence[float], steepness: float) -> np.ndarray:
    """(c) Hills along every axis, added: near d in the box, d - 1 and less in its arms.

    Args:
        x: rows of inputs, (n, d).
        low, high: corners of the box, (d,) each.
        steepness: number k of all ridges, 4 times the slope of their edges.

    Returns:
        The sums of the hills, (n,).

    Raises:
        DataError: corners of different lengths, x or corners that are no numbers.
        ShapeError: x that has not as many columns.
        DescendError: anything else that is no finite number.

    Source: scheidegger-2020, "UNIVERSAL FCT. APPROXIMATOR", Figure 4.9 (c).

    Example:
        In the middle of the box, in one of its arms, and in neither hill.

        >>> from descend.neurons.classic import bump
        >>> x = [[0.5, 0.5], [0.5, 0.0], [0.0, 0.0]]
        >>> bump(x, low=[0.25, 0.25], high=[0.75, 0.75], steepness=40).round(2).tolist()
        [2.0, 1.0, 0.0]
    """
    lows, highs = _corners(low, high)
    axes = np.eye(len(lows)).tolist()
    sides = zip(axes, lows.tolist(), highs.tolist(), strict=True)
    hills = [hill(x, axis, start, end, steepness) for axis, start, end in sides]
    return np.sum(hills, axis=0)


def _corners(low: Any, high: Any) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a box; raises DataError where they do not have a number an input each."""
    lows, highs = numbers("low", low, 1), numbers("high", high, 1)
    if lows.shape != highs.shape or not lows.size:
        raise DataError(
            f"low and high are the corners of a box, a number an input each; got {len(lows)} and "
            f"{len(highs)} of them"
        )
    return lows, highs


def localised_bump(
    x: Any, low: Sequence[float], high: Sequence[float], steepness: float, sharpness: float
) -> np.ndarray:
    """(d) A bump without arms: near 1 inside the box, near 0 outside.

        s(sharpness (bump - (d - 1/2)))

    Args:
        x: rows of inputs, (n, d).
        low, high: corners of the box, (d,) each.
        steepness: number k of all ridges, 4 times the slope of their edges.
        sharpness: number by which the last neuron's sum is multiplied.

    Returns:
        The last neuron's outputs, (n,).

    Raises:
        DataError: corners of different lengths, x or corners that are no numbers.
        ShapeError: x that has not as many columns.
        DescendError: anything else that is no finite number.

    Source: scheidegger-2020, "UNIVERSAL FCT. APPROXIMATOR", Figure 4.9 (d).

    Example:
        >>> from descend.neurons.classic import localised_bump
        >>> x, low, high = [[0.5, 0.5], [0.5, 0.0], [0.0, 0.0]], [0.25, 0.25], [0.75, 0.75]
        >>> localised_bump(x, low, high, steepness=40, sharpness=20).round(2).tolist()
        [1.0, 0.0, 0.0]
    """
    number("sharpness", sharpness)
    return special.expit(sharpness * (bump(x, low, high, steepness) - (len(low) - 0.5)))


MOST_CELLS = 200_000


@dataclass(frozen=True)
class BumpNetwork:
    """A network of sigmoidal neurons whose weights are written down, not learned.

    Attributes:
        kernels, biases: arrays of its layers, as `Dense` holds them: hidden layers with a sigmoid,
            the last one linear. One hidden layer for one input, two for several.

    Raises:
        ShapeError: `layers` or `predict` of rows that are not (n, d).

    Source: scheidegger-2020, "UNIVERSAL FCT. APPROXIMATOR", Figures 4.9 and 4.10.

    Example:
        >>> from descend.neurons.classic import bump_network
        >>> network = bump_network(lambda x: x[:, 0] ** 2, low=[0], high=[1], cells=4)
        >>> network.units, [kernel.shape for kernel in network.kernels]
        (5, [(1, 5), (5, 1)])
    """

    kernels: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    @property
    def units(self) -> int:
        """Number of hidden neurons."""
        return sum(kernel.shape[1] for kernel in self.kernels[:-1])

    def layers(self, X: Any) -> list[np.ndarray]:
        """What each layer puts out for rows (n, d): Figure 4.10's shapes at each stage.

        Raises:
            ShapeError: not (n, d).
        """
        a = np.asarray(X, float)
        if a.ndim != 2 or a.shape[1] != len(self.kernels[0]):
            raise ShapeError(f"X must have the shape (n, {len(self.kernels[0])}), got {a.shape}")
        layers = []
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            h = a @ kernel + bias[None]
            a = h if i == len(self.kernels) - 1 else special.expit(h)
            layers.append(a)
        return layers

    def predict(self, X: Any) -> np.ndarray:
        """The sum of bumps at rows (n, d): (n,)."""
        return self.layers(X)[-1][:, 0]


def bump_network(
    function: Callable[[np.ndarray], np.ndarray],
    low: Sequence[float],
    high: Sequence[float],
    cells: int,
    steepness: float | None = None,
) -> BumpNetwork:
    """A network that puts a bump on every cell of a grid, as high as the function at its middle.

    Of one input the bumps are hills, and the network has one hidden layer of cells + 1 neurons. Of
    d inputs it has d (cells + 1) ridges and behind them cells^d neurons that localise. The
    outermost ridges lie four cells beyond the box, so that every row of it is well inside the sum.

    The error is that of a staircase, which falls as 1 / cells for a smooth function, and that of
    the soft edges; where edges cross, the localised bumps leave a hole of about 1 / steepness, so
    for several inputs the steepness grows with the square of the cells.

    Args:
        function: function of rows (n, d), giving (n,) finite numbers.
        low, high: corners of the box, (d,) each.
        cells: number of cells along each axis.
        steepness: number k in units of one over a cell's width; by default 8 for one input, which
            makes the staircase smooth, and 8 times the cells for several.

    Returns:
        The BumpNetwork.

    Raises:
        DataError: an empty box, values that are not finite.
        DescendError: no function, no cell, or more than `MOST_CELLS` in all; a steepness that is
            not above zero.

    Source: scheidegger-2020, "UNIVERSAL FCT. APPROXIMATOR", Figures 4.9 and 4.10; "EXPRESSIVENESS
    OF ANN" (Cybenko 1989; Hornik et al. 1989).

    Example:
        >>> from descend.neurons.classic import bump_network
        >>> square = bump_network(lambda x: x[:, 0] ** 2, low=[0], high=[1], cells=50)
        >>> square.predict([[0.5]]).round(3).tolist()
        [0.25]
    """
    if not callable(function):
        raise DescendError(f"bump_network takes a function of rows (n, d), got {function!r}")
    lows, highs = _corners(low, high)
    if not (lows < highs).all():
        raise DataError(f"the box needs low < high along every axis, got {low!r} and {high!r}")
    whole("cells", cells, 1)
    d = len(lows)
    if cells**d > MOST_CELLS:
        raise DescendError(
            f"{cells} cells along {d} axes are {cells**d:,} neurons, more than {MOST_CELLS:,}; "
            "take fewer cells or inputs"
        )
    if steepness is not None:
        number("steepness", steepness, above=0)
    sharp = (8.0 if d == 1 else 8.0 * cells) if steepness is None else float(steepness)
    width = (highs - lows) / cells
    middles = [a + h * (np.arange(cells) + 0.5) for a, h in zip(lows, width, strict=True)]
    heights = np.asarray(function(np.array(list(product(*middles)))), float)
    if heights.shape != (cells**d,) or not np.isfinite(heights).all():
        raise DataError(
            f"the function must give one finite number a row, ({cells**d},), got {heights.shape}"
        )
    edges = lows[:, None] + width[:, None] * np.arange(cells + 1)[None]
    edges[:, 0] -= 4 * width
    edges[:, -1] += 4 * width
    first = np.zeros((d, d * (cells + 1)))
    for axis in range(d):
        first[axis, axis * (cells + 1) : (axis + 1) * (cells + 1)] = sharp / width[axis]
    before = -(sharp / width[:, None] * edges).ravel()
    # hills: +1 from the ridge at a cell's lower edge, -1 from that at its upper edge
    steps = np.eye(cells + 1, cells) - np.eye(cells + 1, cells, -1)
    if d == 1:
        return BumpNetwork((first, steps @ heights[:, None]), (before, np.zeros(1)))
    places = np.array(list(product(range(cells), repeat=d)))
    second = np.vstack([steps[:, places[:, axis]] for axis in range(d)])
    keen = 4.0 * cells
    return BumpNetwork(
        (first, keen * second, heights[:, None]),
        (before, np.full(cells**d, -keen * (d - 0.5)), np.zeros(1)),
    )
