"""descend: deep learning for economists, every training run compiled.

Names are loaded when first used: `import descend` alone does not import JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> module that defines it
_HOMES = {
    "Activation": "descend.nn.layers",
    "Add": "descend.nn.layers",
    "Concatenate": "descend.nn.layers",
    "Dense": "descend.nn.layers",
    "DropConnect": "descend.nn.layers",
    "Dropout": "descend.nn.layers",
    "EarlyStopping": "descend.train.callbacks",
    "Flatten": "descend.nn.layers",
    "Input": "descend.nn.symbols",
    "Layer": "descend.nn.layers",
    "Model": "descend.train.model",
    "ModelCheckpoint": "descend.train.callbacks",
    "PReLU": "descend.nn.layers",
    "Reshape": "descend.nn.layers",
    "Sequential": "descend.train.model",
    "cross_validate": "descend.train.many",
    "ensemble": "descend.train.many",
    "load_model": "descend.train.loading",
    "sweep": "descend.train.many",
}
__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from descend.nn.layers import Activation as Activation
    from descend.nn.layers import Add as Add
    from descend.nn.layers import Concatenate as Concatenate
    from descend.nn.layers import Dense as Dense
    from descend.nn.layers import DropConnect as DropConnect
    from descend.nn.layers import Dropout as Dropout
    from descend.nn.layers import Flatten as Flatten
    from descend.nn.layers import Layer as Layer
    from descend.nn.layers import PReLU as PReLU
    from descend.nn.layers import Reshape as Reshape
    from descend.nn.symbols import Input as Input
    from descend.train.callbacks import EarlyStopping as EarlyStopping
    from descend.train.callbacks import ModelCheckpoint as ModelCheckpoint
    from descend.train.loading import load_model as load_model
    from descend.train.many import cross_validate as cross_validate
    from descend.train.many import ensemble as ensemble
    from descend.train.many import sweep as sweep
    from descend.train.model import Model as Model
    from descend.train.model import Sequential as Sequential


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'descend' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
