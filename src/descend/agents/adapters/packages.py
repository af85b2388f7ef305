"""Packages that an adapter needs: imported when they are asked for, or one error.

They are no extras of descend: an adapter takes what its user has installed (ale-py is under the
GPL, pgx rests, gymnax holds back Gymnasium's version).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, TypeVar

from descend.agents.environment import Environment
from descend.errors import DescendError

E = TypeVar("E", bound=Environment)


def package(module: str, purpose: str, install: str = "") -> Any:
    """A module of another package; raises DescendError, which says what to install."""
    name = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        why = "" if getattr(error, "name", None) == name else f" or does not load ({error})"
        raise DescendError(
            f"{purpose} needs the package {name!r}, which is not installed{why}. Install it with: "
            f"pip install {install or name}"
        ) from None


def remade(cls: type[E], parameters: Mapping[str, Any], function: str) -> E:
    """The environment of a file; raises DescendError where the file cannot hold it."""
    if parameters.get("own"):
        raise DescendError(
            f"{parameters.get('name')} was given as an object; make it again: "
            f"load_agents(path, {function}(...))"
        )
    return cls(**parameters)
