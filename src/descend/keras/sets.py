"""Built-in data by Keras's names and in its form, and `save_model`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from descend.data import images


def _of(load: Any) -> SimpleNamespace:
    def load_data(path: str | None = None) -> Any:
        """((x_train, y_train), (x_test, y_test)), uint8; `path` has no effect."""
        data = load()
        return (data.x_train, data.y_train), (data.x_test, data.y_test)

    return SimpleNamespace(load_data=load_data)


mnist = _of(images.mnist)
fashion_mnist = _of(images.fashion_mnist)


def save_model(model: Any, filepath: str | Path) -> None:
    """`model.save(filepath)`."""
    model.save(filepath)
