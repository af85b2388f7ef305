"""Classes whose call takes anything in code, and shows what it really takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """The arguments of an `__init__` that its user gives."""
    whole = inspect.signature(function)
    parameters = list(whole.parameters.values())[1:]
    return whole.replace(parameters=parameters, return_annotation=inspect.Signature.empty)


class Signed(type):
    """Of classes with a `__call__` or `__new__` of any arguments before their `__init__`."""

    if not TYPE_CHECKING:  # a type checker reads the class itself

        @property
        def __signature__(cls) -> inspect.Signature:
            """The arguments of `__init__`, for `help` and for editors."""
            if cls.__init__ is object.__init__:
                return inspect.Signature()
            return signature_of(cls.__init__)
