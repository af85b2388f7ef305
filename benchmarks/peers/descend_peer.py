"""descend as a newcomer writes it; it is given no settings to choose from."""

from __future__ import annotations

import contextlib


def OPTIONS(work):
    return {}


def set_threads(n):
    import descend.train.model.model  # noqa: F401


def network(work):
    from assemble import wire

    import descend

    i = descend.Input(tuple(work.input_shape))
    model = descend.Model(i, wire(descend, work.layers, i))
    loss = "mse" if work.loss == "mse" else "sparse_categorical_crossentropy"
    model.compile(optimizer=rule(work), loss=loss)
    return model


def rule(work):
    from descend.train.rules import SGD

    return SGD(work.learning_rate)


def build(work, data, setting, held):
    model = network(work)
    checks = (data["vx"], data["vy"]) if held else None

    def fit(epochs):
        history = model.fit(
            data["x"],
            data["y"],
            batch_size=work.batch,
            epochs=epochs,
            validation_data=checks,
            verbose=0,
        )
        return {name: values[-1] for name, values in history.history.items()}

    fit.parameters = lambda: sum(a.size for held in model.params.values() for a in held.values())
    return fit


@contextlib.contextmanager
def sweeper(work, data, setting):
    from descend import sweep

    def train_all(rates, seeds, epochs):
        many = sweep(
            network(work),
            {"learning_rate": rates, "seed": seeds},
            data["x"],
            data["y"],
            batch_size=work.batch,
            epochs=epochs,
        )
        return [member.final("loss") for member in many]

    yield train_all
