"""The configurations of all layers: one file a family, each with CASES and PEERS.

To add a layer: lines in its family's CASES (two or more), and one in PEERS where Keras or PyTorch
has it.
"""

import importlib
import pkgutil

from layer_cases.case import Case, Peer

CASES: dict[str, Case] = {}
FAMILIES: dict[str, dict[str, Case]] = {}
PEERS: dict = {}

for module in pkgutil.iter_modules(__path__):
    if module.name == "case":
        continue
    family = importlib.import_module(f"layer_cases.{module.name}")
    doubled = CASES.keys() & family.CASES.keys() | PEERS.keys() & family.PEERS.keys()
    assert not doubled, f"{module.name}: {doubled} is there already"
    CASES |= family.CASES
    if family.CASES:
        FAMILIES[module.name] = family.CASES
    PEERS |= family.PEERS

__all__ = ["CASES", "FAMILIES", "PEERS", "Case", "Peer"]
