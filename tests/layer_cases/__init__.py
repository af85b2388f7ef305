"""The configurations of all layers: one file a family, each with CASES and PEERS.

To add a layer: lines in its family's CASES (two or more), and one in PEERS where Keras or PyTorch
has it.
"""

import importlib
import pkgutil

from layer_cases.case import Case, Peer

CASES: dict[str, Case] = {}
PEERS: dict = {}

for found in pkgutil.iter_modules(__path__):
    if found.name == "case":
        continue
    family = importlib.import_module(f"layer_cases.{found.name}")
    doubled = CASES.keys() & family.CASES.keys() | PEERS.keys() & family.PEERS.keys()
    assert not doubled, f"{found.name}: {doubled} is there already"
    CASES |= family.CASES
    PEERS |= family.PEERS

__all__ = ["CASES", "PEERS", "Case", "Peer"]
