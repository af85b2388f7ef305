"""The way an optimiser went: weights after every epoch, and directions that show it best."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax.flatten_util import ravel_pytree

from descend.errors import DescendError
from descend.glass.by_epoch import ByEpoch


class Path(ByEpoch):
    """A callback that notes the weights of a `fit`: before it, and after every `every`-th epoch.

    Args:
        every: number of epochs between two points.

    Attributes:
        epochs: the epochs noted, 0 before training.
        weights: (points, parameters): all weights of a point in one row.

    Raises:
        DescendError: `every` below one; members of a sweep, when training begins; `weights` before
            any training.

    Source: Li, Xu, Taylor, Studer, Goldstein 2018, section 7.

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import Path
        >>> model = Sequential([Input((1,)), Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> path = Path()
        >>> _ = model.fit([[1.0]], [2.0], epochs=2, verbose=0, callbacks=[path])
        >>> path.epochs, path.weights.shape
        ([0, 1, 2], (3, 2))
    """

    def __init__(self, every: int = 1):
        super().__init__(every)
        self._points: list[np.ndarray] = []

    def on_train_begin(self, logs=None):
        """Note the first weights."""
        super().on_train_begin(logs)
        if not self._points:  # a second fit goes on with the path
            self._note(self.run.epoch + 1)

    def _note(self, epoch: int) -> None:
        super()._note(epoch)
        self._points.append(np.asarray(ravel_pytree(self.run.state.params)[0]))

    @property
    def weights(self) -> np.ndarray:
        """(points, parameters)."""
        if not self._points:
            raise DescendError("this Path is empty: give it to fit(callbacks=[path]) first")
        return np.stack(self._points)


def main_directions(weights: np.ndarray, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """The directions along which a path moved most, and the share of its movement along each.

    The principal components of w_t - w_T, t = 0 .. T, of length one (Li et al. 2018, 7).

    Args:
        weights: (points, parameters).

    Returns:
        (directions (dimensions, parameters), shares (dimensions,)).

    Raises:
        DescendError: a path of too few points, or one that does not move.
    """
    if len(weights) <= dimensions:
        raise DescendError(
            f"directions of a path in {dimensions} dimensions need more than {dimensions} points, "
            f"got {len(weights)}; train for more epochs"
        )
    apart = (weights - weights[-1]).astype(float)
    # the centre is the end of the path, not its mean: the picture is drawn around it
    _, lengths, directions = np.linalg.svd(apart, full_matrices=False)
    total = np.sum(lengths**2)
    if not total:
        raise DescendError("the path does not move: all its points are the same")
    return directions[:dimensions], lengths[:dimensions] ** 2 / total


def on_plane(weights: Any, centre: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Coordinates (points, dimensions) of the points' feet on the plane centre + directions.

    argmin_c || w - centre - sum_i c_i d_i ||
    """
    apart = (np.asarray(weights, float) - centre).T
    return np.linalg.lstsq(directions.T.astype(float), apart, rcond=None)[0].T
