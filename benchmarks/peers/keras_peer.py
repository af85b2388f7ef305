"""Keras, on the backend that KERAS_BACKEND names."""

from __future__ import annotations

import os

BACKEND = os.environ.get("KERAS_BACKEND", "tensorflow")


def OPTIONS(work):
    """The plain value first. "epoch" is all steps of an epoch in one execution."""
    if BACKEND == "torch":  # Keras accepts steps_per_execution=1 alone on this backend
        return {"jit_compile": [False, True], "steps_per_execution": [1]}
    if BACKEND == "jax":  # without compilation it runs operation by operation: hopeless
        return {"jit_compile": [True], "steps_per_execution": [1, 8, 32, "epoch"]}
    return {"jit_compile": [True, False], "steps_per_execution": ["epoch", 1, 8, 32]}


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
    from keras.layers import Dense, Input

    keras.utils.set_random_seed(0)
    i = Input(shape=(work.widths[0],))
    h = i
    for units in work.widths[1:-1]:
        h = Dense(units, activation="relu")(h)
    last = "linear" if work.loss == "mse" else "softmax"
    model = keras.Model(i, Dense(work.widths[-1], activation=last)(h))
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

    return fit
