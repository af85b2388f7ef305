"""Arithmetic and indexing of symbols."""

from descend.nn.layers import Arithmetic, Index
from layer_cases.case import Case

CASES = {
    "arithmetic add": Case(lambda: Arithmetic("add"), ((4, 3), (1, 3)), (4, 3)),
    "arithmetic one minus": Case(lambda: Arithmetic("subtract", 1.0, True), (5,), (5,)),
    "arithmetic columns": Case(lambda: Arithmetic("multiply", (1.0, 2.0, 3.0)), (4, 3), (4, 3)),
    "arithmetic product": Case(lambda: Arithmetic("matmul"), ((4, 3), (3, 2)), (4, 2)),
    "index last step": Case(lambda: Index((-1,)), (4, 3), (3,)),
    "index columns": Case(lambda: Index(("...", (1, 3, None))), (4, 3), (4, 2)),
    "index new axis": Case(lambda: Index(("new", (None, None, 2))), (5,), (1, 3)),
}
PEERS: dict = {}
