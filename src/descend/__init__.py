"""descend: deep learning for economists, every training run compiled.

Names are loaded when first used: `import descend` alone does not import JAX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

__version__ = "0.1.0"

# public name -> module that defines it
_HOMES = {
    "Activation": "descend.nn.layers",
    "Add": "descend.nn.layers",
    "AveragePooling2D": "descend.nn.layers",
    "BatchNormalization": "descend.nn.layers",
    "Bidirectional": "descend.nn.layers",
    "Concatenate": "descend.nn.layers",
    "Conv1D": "descend.nn.layers",
    "Conv2D": "descend.nn.layers",
    "Dense": "descend.nn.layers",
    "DropConnect": "descend.nn.layers",
    "Dropout": "descend.nn.layers",
    "EarlyStopping": "descend.train.callbacks",
    "Embedding": "descend.nn.layers",
    "Flatten": "descend.nn.layers",
    "GRU": "descend.nn.layers",
    "GlobalAveragePooling1D": "descend.nn.layers",
    "GlobalAveragePooling2D": "descend.nn.layers",
    "Input": "descend.nn.symbols",
    "LSTM": "descend.nn.layers",
    "Layer": "descend.nn.layers",
    "LayerNormalization": "descend.nn.layers",
    "Masking": "descend.nn.layers",
    "MaxPooling1D": "descend.nn.layers",
    "MaxPooling2D": "descend.nn.layers",
    "Model": "descend.train.model.model",
    "ModelCheckpoint": "descend.train.callbacks",
    "MultiHeadAttention": "descend.nn.layers",
    "PReLU": "descend.nn.layers",
    "Reshape": "descend.nn.layers",
    "Residual": "descend.nn.layers",
    "Sequential": "descend.train.model.sequential",
    "SimpleRNN": "descend.nn.layers",
    "TimeDistributed": "descend.nn.layers",
    "TransformerEncoder": "descend.nn.layers",
    "clone_model": "descend.train.model.cloning",
    "cross_validate": "descend.train.many.sweeping",
    "ensemble": "descend.train.many.sweeping",
    "from_keras": "descend.train.carry",
    "from_torch_state": "descend.train.carry",
    "load_model": "descend.train.saving.loading",
    "plot_model": "descend.train.model.plotting",
    "sweep": "descend.train.many.sweeping",
}
__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from descend.nn.layers import GRU as GRU
    from descend.nn.layers import LSTM as LSTM
    from descend.nn.layers import Activation as Activation
    from descend.nn.layers import Add as Add
    from descend.nn.layers import AveragePooling2D as AveragePooling2D
    from descend.nn.layers import BatchNormalization as BatchNormalization
    from descend.nn.layers import Bidirectional as Bidirectional
    from descend.nn.layers import Concatenate as Concatenate
    from descend.nn.layers import Conv1D as Conv1D
    from descend.nn.layers import Conv2D as Conv2D
    from descend.nn.layers import Dense as Dense
    from descend.nn.layers import DropConnect as DropConnect
    from descend.nn.layers import Dropout as Dropout
    from descend.nn.layers import Embedding as Embedding
    from descend.nn.layers import Flatten as Flatten
    from descend.nn.layers import GlobalAveragePooling1D as GlobalAveragePooling1D
    from descend.nn.layers import GlobalAveragePooling2D as GlobalAveragePooling2D
    from descend.nn.layers import Layer as Layer
    from descend.nn.layers import LayerNormalization as LayerNormalization
    from descend.nn.layers import Masking as Masking
    from descend.nn.layers import MaxPooling1D as MaxPooling1D
    from descend.nn.layers import MaxPooling2D as MaxPooling2D
    from descend.nn.layers import MultiHeadAttention as MultiHeadAttention
    from descend.nn.layers import PReLU as PReLU
    from descend.nn.layers import Reshape as Reshape
    from descend.nn.layers import Residual as Residual
    from descend.nn.layers import SimpleRNN as SimpleRNN
    from descend.nn.layers import TimeDistributed as TimeDistributed
    from descend.nn.layers import TransformerEncoder as TransformerEncoder
    from descend.nn.symbols import Input as Input
    from descend.train.callbacks import EarlyStopping as EarlyStopping
    from descend.train.callbacks import ModelCheckpoint as ModelCheckpoint
    from descend.train.carry import from_keras as from_keras
    from descend.train.carry import from_torch_state as from_torch_state
    from descend.train.many.sweeping import cross_validate as cross_validate
    from descend.train.many.sweeping import ensemble as ensemble
    from descend.train.many.sweeping import sweep as sweep
    from descend.train.model.cloning import clone_model as clone_model
    from descend.train.model.model import Model as Model
    from descend.train.model.plotting import plot_model as plot_model
    from descend.train.model.sequential import Sequential as Sequential
    from descend.train.saving.loading import load_model as load_model

__getattr__, __dir__ = names_of(__name__, _HOMES)
