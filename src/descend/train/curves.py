"""The learning curve as a picture."""

from __future__ import annotations

from typing import Any

from descend.palette import BLUE, VERMILION


def plot_history(history: Any, ax: Any = None) -> Any:
    """Training and validation cost against the epoch; returns the matplotlib Axes."""
    import matplotlib.pyplot as plt

    if ax is None:
        ax = plt.figure(figsize=(7, 4), layout="constrained").add_subplot()

    def draw(name: str, **look: Any) -> None:
        ax.plot([e + 1 for e in history.epochs_of(name)], history.history[name], **look)

    draw("loss", color=BLUE, label="training")
    if "val_loss" in history.history:
        draw("val_loss", color=VERMILION, ls="--", label="validation")
    ax.set_xlabel("epoch")
    ax.set_ylabel("cost")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
