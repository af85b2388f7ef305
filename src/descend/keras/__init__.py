"""Keras's names for what is here: the one line to change in a listing is its import.

    from descend import keras                                   import keras
    from descend.keras import layers, models                    from tensorflow.keras import ...

Nothing is computed here: each name stands for a class or function of `descend.nn` and
`descend.train`. docs/keras.md lists Keras's names: the same, differs (how), absent (why).
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = (
    *("activations", "backend", "callbacks", "constraints", "datasets", "initializers", "layers"),
    *("losses", "metrics", "models", "ops", "optimizers", "preprocessing", "regularizers", "utils"),
)
_NAMES = {
    "Initializer": "initializers",
    "Input": "layers",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
}
_ABSENT = {
    "applications": "no pretrained weights are fetched; build the model with Keras and carry it "
    "over: descend.from_keras(model)",
    "random": "randomness follows from fit(seed=...): in a Layer from the key that apply is given; "
    "for data, numpy.random",
    "saving": "model.save(path), load_model(path, custom={...})",
    "mixed_precision": "Model(..., compute_dtype='bfloat16')",
    "tree": "jax.tree",
    "distribution": "members of a sweep and rows of a batch are spread over the devices anyway",
}
__all__ = [*_MODULES, *_NAMES, "version"]


def version() -> str:
    """descend's own version."""
    import descend

    return descend.__version__


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"descend.keras.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"descend.keras.{_NAMES[name]}"), name)
    from descend.keras.face import absent

    raise absent(f"keras.{name}", name, _ABSENT, __all__)


def __dir__() -> list[str]:
    return sorted(__all__)
