"""Arguments of rules and schedules: Keras's names for them, and one clear error for a wrong one."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from descend.errors import DescendError, unknown
from descend.signed import Signed

# Keras's arguments that every rule and schedule has: the values at which they change nothing here
# (... for all), and what to do at others
_KERAS: dict[str, tuple[Any, str]] = {
    "name": (..., ""),
    "lr": ((), "the argument is called learning_rate"),
    "decay": (
        (None, 0, 0.0),
        "give a schedule: learning_rate=InverseTimeDecay(rate, decay_steps=1, decay_rate=decay)",
    ),
    "amsgrad": ((False,), "the rule is not here; Adam and AdamW without it are"),
    "loss_scale_factor": (
        (None,),
        "float32 weights and gradients need no scaling; compute_dtype='bfloat16' keeps the range",
    ),
    "jit_compile": (..., ""),
}


class Arguments(Signed):
    """The class of rules and schedules: Keras's names of arguments are taken too.

    A class says `renamed = {"Keras's name": "its own"}`.
    """

    renamed: dict[str, str]

    if not TYPE_CHECKING:  # to a type checker a rule is what its class says

        def __call__(cls, *args: Any, **arguments: Any) -> Any:
            """An object, its arguments checked."""
            known = [n for n in inspect.signature(cls.__init__).parameters if n != "self"]
            options = {}
            for name, value in arguments.items():
                ours = cls.renamed.get(name, name)
                if ours in known:
                    options[ours] = value
                elif name in _KERAS:
                    silent, remedy = _KERAS[name]
                    if silent is not ... and value not in silent:
                        raise DescendError(f"{cls.__name__}: {name}={value!r}: {remedy}")
                elif not any(
                    p.kind is p.VAR_KEYWORD
                    for p in inspect.signature(cls.__init__).parameters.values()
                ):
                    raise unknown(f"argument of {cls.__name__}", name, [*known, *cls.renamed])
                else:
                    options[name] = value
            try:
                inspect.signature(cls.__init__).bind(None, *args, **options)
            except TypeError as error:
                raise DescendError(
                    f"{cls.__name__} cannot be made: {error}; its arguments: {', '.join(known)}"
                ) from None
            return super().__call__(*args, **options)
