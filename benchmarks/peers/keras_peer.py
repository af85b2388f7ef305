"""Keras, on the backend that KERAS_BACKEND names."""

from __future__ import annotations

import math
import os

BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow")
RECURRENT = {"LSTM", "GRU"}


def OPTIONS(work):
    """The plain value first. "epoch" is all steps of an epoch in one execution.

    Keras's jit_compile="auto" stands for one of the two values that are tried.
    """
    if BACKEND == "torch":  # Keras accepts steps_per_execution=1 alone on this backend
        return {"jit_compile": [False, True], "steps_per_execution": [1]}
    steps = [1, 8, 32, "epoch"] if work.is_mlp else [1, 8, "epoch"]
    if BACKEND == "jax":  # without compilation it runs operation by operation: hopeless
        options = {"jit_compile": [True], "steps_per_execution": steps}
    elif work.is_mlp:
        options = {"jit_compile": [True, False], "steps_per_execution": ["epoch", 1, 8, 32]}
    else:
        options = {"jit_compile": [True, False], "steps_per_execution": steps}
    unroll = {"unroll": [False, True]} if work.kinds & RECURRENT else {}
    # JAX takes minutes to compile unrolled steps: last
    return options | unroll if BACKEND == "jax" else unroll | options


def set_threads(n):
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(n)
        tf.config.threading.set_inter_op_parallelism_threads(n)
    elif BACKEND == "torch":
        import torch

        torch.set_num_threads(n)
    import keras  # noqa: F401


def build(work, data, setting, held):
    import keras
    from assemble import wire

    keras.utils.set_random_seed(0)
    i = keras.layers.Input(shape=tuple(work.input_shape))
    recurrent = {"unroll": setting.get("unroll", False)}
    options = dict.fromkeys(RECURRENT, recurrent)
    out = wire(keras.layers, work.layers, i, options)
    model = keras.Model(i, out)
    steps = setting["steps_per_execution"]
    model.compile(
        optimizer=keras.optimizers.SGD(work.learning_rate),
        loss="mse" if work.loss == "mse" else "sparse_categorical_crossentropy",
        steps_per_execution=work.steps if steps == "epoch" else min(steps, work.steps),
        jit_compile=setting["jit_compile"],
    )
    checks = {"validation_data": (data["vx"], data["vy"])} if held else {}
    if held:
        checks["validation_batch_size"] = min(1024, work.held)

    def fit(epochs):
        history = model.fit(
            data["x"], data["y"], batch_size=work.batch, epochs=epochs, verbose=0, **checks
        )
        return {name: float(values[-1]) for name, values in history.history.items()}

    fit.parameters = lambda: sum(math.prod(w.shape) for w in model.trainable_weights)
    return fit
