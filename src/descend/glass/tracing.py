"""One training step with every number shown: forwards, backwards, and the update.

    t = trace(model, x[:1], y[:1])
    print(t)                     every layer: z, a, delta; every array: gradient, memory, update
    print(t.unit("hidden", 2))   z_2 = b_2 + w_0,2 x_0 + w_1,2 x_1, then with the numbers put in
    print(t.weight("hidden/kernel", (0, 2)))    the chain rule of one weight, path by path
    t.frame("hidden")            a DataFrame

A Trace is the record of the step (`step/record.py`), and its views are functions of that record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from descend.errors import DataError
from descend.glass.arguments import require_model
from descend.glass.step import tables, text
from descend.glass.step.chain import Chain
from descend.glass.step.chain_rule import chain_of
from descend.glass.step.hand_rules import HandRule, hand_rules
from descend.glass.step.record import Step
from descend.glass.step.units import UnitArithmetic, unit_arithmetic
from descend.train.model import prediction, rows

if TYPE_CHECKING:
    import pandas as pd

    from descend.train.model.model import Model


class Trace(Step):
    """One training step with every number of it: what `trace` returns; `print` shows it.

    The record (`cost`, `places`, `arrays`, `rule`, `numbers`) is that of `Step`; the methods are
    its views.

    Raises:
        DataError: `unit` or `weight` of an index that there is not; `frame` of no name.
        DescendError: a layer or an array that there is not.

    Source: itam-2023, 1.5 "Back-Propagation"; hull-2023, "Forward and Backward Passes".

    Example:
        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import trace
        >>> model = Sequential([Input((1,)), Dense(1, use_bias=False, name="unit")])
        >>> model.compile("sgd", "mse")
        >>> model.set_weights([[[2.0]]])
        >>> step = trace(model, [[3.0]], [[5.0]])
        >>> step.frame("unit").round(3).to_dict("records")  # z = 2 x 3, delta = 2 (6 - 5)
        [{'row': 0, 'unit': 0, 'z': 6.0, 'a': 6.0, 'dJ/da': 2.0, 'delta': 2.0}]
    """

    def unit(self, name: str, index: Any, row: int = 0) -> UnitArithmetic:
        """Write out the arithmetic of one unit, forwards and backwards (see `unit_arithmetic`)."""
        return unit_arithmetic(self, name, index, row)

    def weight(self, name: str, index: Any = (), row: int = 0, most: int = 12) -> Chain:
        """Write out the chain rule of one weight, path by path (see `chain_of`)."""
        return chain_of(self, name, index, row, most)

    def hand_rules(self) -> list[HandRule]:
        """Evaluate the lectures' formulas for delta beside the deltas of the step."""
        return hand_rules(self)

    def frame(self, name: str | None = None) -> pd.DataFrame:
        """Return the numbers as a table.

        Args:
            name: a layer: one line a row, step and unit, with z, a and their gradients; an array
                "layer/array": one line a number, with gradient, memory and update; None: one line a
                layer, with norms.
        """
        if name is None:
            return tables.overview(self)
        if not isinstance(name, str):
            raise DataError(f"frame takes the name of a layer or of an array, got {name!r}")
        if "/" in name:
            return tables.of_array(self.array(name))
        return tables.of_place(self.place(name))

    def __str__(self) -> str:
        return text.of_step(self)


def trace(model: Model, x: Any, y: Any, sample_weight: Any = None) -> Trace:
    """Every number of the step that `fit` would make next on one batch.

    The weights, the update rule's memory and the noise (dropout) are the model's present ones: what
    is shown is the step of `model.fit(x, y, batch_size=len(x), epochs=1)`. Nothing is changed. A
    row by itself is a batch of one; batch normalisation then sees only that row.

    Bit-equality: `after`, the memory after it and the cost come from the engine's own program, that
    of `fit`. Values, deltas and gradients come from the same step, run by the engine in the same
    way, with more outputs; with recurrent layers the gradients come from a program without the
    deltas, because the compiler adds up a recurrence's bias in another order where the terms are
    kept (1e-7 of its largest number). So all gradients were equal to those of `fit` to the last bit
    on every kind of network tested; another compiler may round a product and a sum at once in one
    program and not in the other.

    Args:
        model: compiled Model; in training (seen from a callback) its weights after the last epoch.
        x, y: rows and targets as in `fit`; all rows are one batch.
        sample_weight: weights of the rows, as in `fit`.

    Returns:
        The Trace: `cost`, `places` (z, a and delta of every layer), `arrays` (gradients and
            updates).

    Raises:
        DescendError: something that is no Model.
        NotFittedError: the model is not compiled.
        DataError, ShapeError: the data cannot be used.

    Source: itam-2023, 1.5 "Back-Propagation"; hull-2023, "Forward and Backward Passes",
    "Back-propagation for MLPs".

    Example:
        One weight w = 2, x = 3, target 5: J = (6 - 5)^2 = 1 and dJ/dw = 2 (6 - 5) 3 = 6.

        >>> from descend import Dense, Input, Sequential
        >>> from descend.glass import trace
        >>> model = Sequential([Input((1,)), Dense(1, use_bias=False, name="unit")])
        >>> model.compile("sgd", "mse")
        >>> model.set_weights([[[2.0]]])
        >>> step = trace(model, [[3.0]], [[5.0]])
        >>> step.cost, step.array("unit/kernel").gradient.tolist()
        (1.0, [[6.0]])
    """
    task = require_model(model, "trace").supervised
    data = rows.make_rows(model, task.outputs, x, y, sample_weight, "traced rows")
    data = rows.weighted(data, task.outputs, where="traced rows")
    n = len(data.x[0])
    prediction.require_order(model, n, n, False)
    return Trace.of(model, data)
