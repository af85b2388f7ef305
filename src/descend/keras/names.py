"""What is known of a list of Keras's names."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One name: its status "same", "differs" or "absent", and how or why."""

    name: str
    status: str
    note: str = ""


@dataclass(frozen=True)
class Names:
    """One list of names.

    Args:
        homes: modules that define what is here, the first that has a name counts.
        renamed: {Keras's name: "module:ours", or "module:" for the module itself}.
        differs: {name: how}.
        absent: {name: why, or what does it here}, used where no home has the name.
        more: names of ours that are no names of Keras's list, served too.
    """

    homes: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    differs: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    more: tuple[str, ...] = ()

    def load(self, name: str) -> Any:
        """What the name means; None where it is not here."""
        if name in self.renamed:
            module, _, attribute = self.renamed[name].partition(":")
            imported = importlib.import_module(module)
            return getattr(imported, attribute, None) if attribute else imported
        for home in self.homes:
            value = getattr(importlib.import_module(home), name, None)
            if value is not None:
                return value
        return None

    def entry(self, name: str) -> Entry:
        """The status of a name of Keras's."""
        if self.load(name) is not None:
            how = self.differs.get(name)
            return Entry(name, "same" if how is None else "differs", how or "")
        return Entry(name, "absent", self.absent.get(name, ""))
