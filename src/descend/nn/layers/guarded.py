"""Objects that refuse attributes which nothing would read."""

from __future__ import annotations

from typing import Any

from descend.errors import AttributeRefused
from descend.signed import Signed


class Open(Signed):
    """Of classes whose objects take any attribute while they are made, and few afterwards."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """An object, closed once its `__init__` has ended."""
        instance = super().__call__(*args, **kwargs)
        vars(instance)["_closed"] = True
        return instance

    def __setattr__(cls, name: str, value: Any) -> None:
        # dataclass(frozen=True) gives every class these two; those of `Guarded` are to stay
        if name not in ("__setattr__", "__delattr__"):
            super().__setattr__(name, value)


class Guarded(metaclass=Open):
    """Base of layers and models: setting an attribute that nothing reads is an error.

    Private names are free, as is everything in an `__init__`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if vars(self).get("_closed"):
            self._set(name, value)
        else:
            object.__setattr__(self, name, value)

    def _set(self, name: str, value: Any) -> None:
        """Set an attribute of an object that is made; raises AttributeRefused."""
        if not self._takes(name):
            raise AttributeRefused(
                f"{self.label}: setting {name} would do nothing here. {self._instead(name)}"
            )
        object.__setattr__(self, name, value)

    def _takes(self, name: str) -> bool:
        """Whether an attribute may be set."""
        settable = getattr(getattr(type(self), name, None), "fset", None) is not None
        return settable or (name.startswith("_") and name != "_name")

    @property
    def label(self) -> str:
        """How messages call this object."""
        raise NotImplementedError

    def _instead(self, name: str) -> str:
        """What does here what an attribute of that name does elsewhere."""
        raise NotImplementedError
