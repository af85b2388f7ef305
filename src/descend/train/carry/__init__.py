"""Weights from elsewhere: a trained Keras model, or PyTorch's state_dict, in a descend Model."""

from descend.train.carry.keras_graph import from_keras
from descend.train.carry.torch_state import from_torch_state

__all__ = ["from_keras", "from_torch_state"]
