"""A network of the same layers, with weights of its own."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from descend.errors import DescendError
from descend.nn.rebuilding import symbols_over
from descend.train.model.model import Model


def clone_model(model: Model) -> Model:
    """A model of the same architecture over layers of its own, whose weights are drawn anew.

    What training one of the two changes, the other does not see. To copy the weights as well:

        copy = clone_model(model)
        copy.set_weights(model.get_weights())

    Args:
        model: Model, compiled or not; the clone is not.

    Returns:
        A Model with the same names, shapes and seed; layers that are frozen are frozen in it.

    Raises:
        DescendError: something that is no model.

    Source: Keras's API, models.clone_model.

    Example:
        >>> import numpy as np
        >>> from descend import Dense, Input, Sequential, clone_model
        >>> model = Sequential([Input((1,)), Dense(1)])
        >>> copy = clone_model(model)
        >>> copy.set_weights([np.array([[2.0]]), np.array([1.0])])
        >>> copy.predict(np.array([[3.0]])).tolist(), model.get_weights()[1].tolist()
        ([[7.0]], [0.0])
    """
    if not isinstance(model, Model):
        raise DescendError(f"clone_model copies a descend Model, got {type(model).__name__}")
    layers = {name: layer.another() for name, layer in model.layers.items()}
    return Model(*symbols_over(model, layers), name=model.name, seed=model.seed)


def member_of(model: Model, states: Any, i: int) -> Model:
    """A model of its own with the weights of member i, and the numbers it was trained with."""
    state = jax.tree.map(lambda a: a[i], states)
    task, old = model.task, model.task.hyper()
    swept = {n: float(v) for n, v in state.hyper.items() if np.float32(old[n]) != np.float32(v)}
    layers = model.with_numbers({n: swept[n] for n in model.numbers() if n in swept})
    copies = {name: layer.another() for name, layer in layers.items()}
    copy = Model(*symbols_over(model, copies), name=model.name, seed=model.seed)
    copy.take_weights(state.params, state.layers)
    copy.put_task(task.member(copy, swept))
    return copy
