"""Rows that belong together: pandas objects are taken by place only where their indexes agree.

A Series whose rows stand in another order than those of X would be paired with the wrong rows, and
nothing would show it. As statsmodels does, such arguments are refused; arrays have no index, and go
by place.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from descend.errors import DataError

F = TypeVar("F", bound=Callable[..., Any])


def require_aligned(**arguments: Any) -> None:
    """Raise DataError unless all pandas objects among the arguments have equal indexes.

    Args:
        arguments: {name: anything}; of a dict, list or tuple, what it holds; a pandas Index is one.
    """
    pairs = [pair for name, value in arguments.items() for pair in _indexes(name, value)]
    for name, index in pairs[1:]:
        first, wanted = pairs[0]
        if len(index) != len(wanted) or index.equals(wanted):
            continue  # lengths that differ are reported with the shapes
        if index.is_unique and wanted.is_unique and index.isin(wanted).all():
            raise DataError(
                f"{name} has the index of {first} in another order: its rows would be paired with "
                f"the wrong ones. Give {name}.loc[{first}.index], or {name}.to_numpy() where rows "
                "belong together by their place"
            )
        row = int((index != wanted).argmax()) if index.nlevels == wanted.nlevels else 0
        raise DataError(
            f"the indexes of {first} and {name} differ: row {row} (counted from 0) is "
            f"{wanted[row]!r} in {first} and {index[row]!r} in {name}. Take the rows that both "
            f"have ({first}.index.intersection({name}.index)), or give {name}.to_numpy() where "
            "rows belong together by their place"
        )


def aligned(*names: str) -> Callable[[F], F]:
    """A decorator: the arguments of these names must be aligned, see `require_aligned`."""

    def around(function: F) -> F:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            try:
                bound = signature.bind_partial(*args, **kwargs).arguments
            except TypeError:
                bound = {}  # the call itself says what is wrong with it
            require_aligned(**{n: bound[n] for n in names if n in bound})
            return function(*args, **kwargs)

        return checked  # type: ignore[return-value]

    return around


class Scored:
    """`score` as scikit-learn's mixins behind it have it, of rows that belong together."""

    @aligned("X", "y", "sample_weight")
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy of a classifier, R2 of a regressor."""
        return super().score(X, y, sample_weight)  # type: ignore[misc]


def _indexes(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """(name, index) of every pandas object in an argument."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _indexes(f"{name}[{key!r}]", part)
    elif isinstance(value, (list, tuple)):
        if value and not isinstance(value[0], (int, float, str)):
            for place, part in enumerate(value):
                yield from _indexes(f"{name}[{place}]", part)
    else:
        index = getattr(value, "index", value)
        if hasattr(index, "nlevels") and hasattr(index, "equals"):
            yield name, index
