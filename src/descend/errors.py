"""Errors: each message says what was expected, what came, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class DescendError(Exception):
    """Base of every error that descend raises on purpose."""


class ShapeError(DescendError):
    """Two shapes that must agree do not."""


class DataError(DescendError, ValueError):
    """The data cannot be used as they are (missing, non-finite, out of range, empty).

    A ValueError too, which is what scikit-learn's tools expect of an estimator.
    """


class AttributeRefused(DescendError, AttributeError):
    """An attribute was set that nothing would read; the message names what does it here."""


class DataWarning(UserWarning):
    """Rows can be used, but not as they may be meant: the message says what was done with them."""


class NotFittedError(DescendError):
    """Something that needs a compiled or trained model came too early."""


class DivergenceError(DescendError):
    """Training produced a NaN or an infinity. `run` holds the last finite weights."""

    def __init__(self, message: str, run: Any = None):
        super().__init__(message)
        self.run = run


class CheckpointError(DescendError):
    """A saved file is truncated, edited, from a newer version, or not ours."""


class MissingExtraError(DescendError):
    """An optional dependency is not installed; the message names the extra."""

    def __init__(self, package: str, extra: str, purpose: str):
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'descend[{extra}]'"
        )


def unknown(kind: str, name: object, known: Iterable[str]) -> DescendError:
    """The error for a name that is not in a list, with the nearest one suggested."""
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    near.sort(key=lambda other: sorted(other) != sorted(str(name)))  # first two letters swapped
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return DescendError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(names)}.")
