"""StackedRNNCells: cells on top of each other, as one cell."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax

from descend.errors import DescendError
from descend.nn.checks import entries
from descend.nn.layers.base import Arrays, Key, Layer, Shape, prefixed, scoped
from descend.nn.layers.cells import Cell, States, WholeCell
from descend.nn.layers.tapping import Inside, Tap, through_tap


@dataclass(frozen=True, eq=False)
class StackedRNNCells(WholeCell):
    """Cells on top of each other as one: each takes the output of the one below.

    Args:
        cells: list of cells, the lowest first.

    Arrays: cell i's are named "cell_i.kernel", ... States: the first cell's, the second's, ...

    Raises:
        DescendError: `cells` that is no list of cells, or an empty one.

    Source: Keras's API, StackedRNNCells.

    Example:
        >>> from descend.nn.layers import GRUCell, LSTMCell, StackedRNNCells
        >>> StackedRNNCells([LSTMCell(4), GRUCell(2)]).state_shapes((3,))  # h, c, and h
        ((4,), (4,), (2,))
    """

    cells: tuple[Cell, ...]
    taps: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        cells = entries(self, "cells", "a list of cells")
        if not cells or not all(isinstance(c, Cell) for c in cells):
            raise DescendError(f"{self.label}: cells must be a list of cells, got {cells!r}")

    @property
    def stochastic(self) -> bool:
        """Whether a cell has dropout."""
        return any(cell.stochastic for cell in self.cells)

    def inner(self) -> dict[str, Layer]:
        """The cells, by name."""
        return {f"cell_{i}": cell for i, cell in enumerate(self.cells)}

    def numbers(self) -> dict[str, float]:
        """Those of the cells: "cell_0.dropout"."""
        return {f"{n}.{p}": v for n, c in self.inner().items() for p, v in c.numbers().items()}

    def with_numbers(self, values: Mapping[str, Any]) -> Layer:
        """With some numbers of the cells replaced."""
        if not values:
            return self
        own: dict[str, dict[str, Any]] = {name: {} for name in self.inner()}
        for path, value in values.items():
            name, _, number = path.partition(".")
            own[name][number] = value
        cells: list[Any] = [cell.with_numbers(own[name]) for name, cell in self.inner().items()]
        return dataclasses.replace(self, cells=tuple(cells))

    def state_shapes(self, step_shape: Shape) -> tuple[Shape, ...]:
        """Those of all cells, the lowest first."""
        return tuple(
            s for cell, shape in self._levels(step_shape) for s in cell.state_shapes(shape)
        )

    def output_shape(self, step_shape: Shape) -> Shape:
        """That of the last cell."""
        cell, shape = self._levels(step_shape)[-1]
        return cell.output_shape(shape)

    def _levels(self, step_shape: Shape) -> list[tuple[Cell, Shape]]:
        """Each cell and the shape of its input."""
        levels = []
        for cell in self.cells:
            levels.append((cell, step_shape))
            step_shape = cell.output_shape(step_shape)
        return levels

    def build(self, input_shape: Any) -> Any:
        """(step, *states) -> (output, *states)."""
        states = self.require_states(input_shape)
        x = tuple(input_shape[0])
        for cell, shape in self._levels(x):
            cell.build((shape, *cell.state_shapes(shape)))
        return (self.output_shape(x), *states)

    def init(self, key: jax.Array, input_shape: Any) -> tuple[Arrays, Arrays]:
        """The weights of all cells."""
        params: Arrays = {}
        for number, (cell, shape) in enumerate(self._levels(tuple(input_shape[0]))):
            drawn = cell.draw(jax.random.fold_in(key, number), shape)
            params |= prefixed(f"cell_{number}", drawn)
        return params, {}

    def run(
        self,
        params: Arrays,
        x: jax.Array,
        states: States,
        *,
        mask: jax.Array | None = None,
        key: Key = None,
        training: bool = False,
        tap: Tap | None = None,
    ) -> tuple[jax.Array, States]:
        """All steps of the first cell, then of the second: the same numbers as step by step."""
        last: States = ()
        for number, (cell, shape) in enumerate(self._levels(x.shape[2:])):
            count = len(cell.state_shapes(shape))
            cell_states, states = states[:count], states[count:]
            cell_key = None if key is None else jax.random.fold_in(key, number)
            cell_params = scoped(params, f"cell_{number}")
            name, inputs = f"cell_{number}", x
            options: dict[str, Any] = (
                {"tap": Inside(tap, name)} if tap is not None and cell.taps else {}
            )
            x, new_states = cell.run(
                cell_params, x, cell_states, mask=mask, key=cell_key, training=training, **options
            )
            x = through_tap(tap, name, inputs, x)
            last += tuple(new_states)
        return x, last
