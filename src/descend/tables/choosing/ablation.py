"""What a column is worth to the network: trained again without it.

    change_s = figure without the column - figure with all,    weights drawn from seed s

A permuted column asks a network that was trained with it (`tables/judging/importance.py`); here
the network had the chance to learn the same from other columns. All networks of a seed are members
of one program: a column is left out by setting what the encoder made of it to zero, which is its
median or mean, no level, or the level of unknown ones, in training as in validation.

Source: hull-2023 and scheidegger-2020, training networks with some input feature missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import jax.numpy as jnp
import numpy as np

from descend.errors import DescendError, unknown
from descend.nn.layers.base import Layer
from descend.nn.symbols import Input
from descend.tables.checks.one_column import most_related
from descend.tables.choosing.together import rounds_of, validation_figures
from descend.tables.network import compile_for, network
from descend.tables.prepare import Prepared
from descend.tables.scores import MAIN
from descend.train.model.model import Model

if TYPE_CHECKING:
    import pandas as pd

NONE = -1.0  # the number of no column
MOST_COLUMNS = 60  # that are left out where nobody chose, those that go with the target most


@dataclass(frozen=True, eq=False)
class LeaveOut(Layer):
    """Sets what was made of one column to zero: y_j = x_j where columns_j is not `column`.

    Args:
        columns: number of the column that each feature was made of.
        column: the one left out; may be swept. -1 leaves out none.

    Input and output (d,).
    """

    columns: tuple[int, ...]
    column: Any = NONE
    swept: ClassVar[tuple[str, ...]] = ("column",)

    def build(self, input_shape):
        """Give the input's shape (d,)."""
        self.require_rank(input_shape, 1, f"({len(self.columns)},)")
        return input_shape

    def apply(self, params, state, x, *, key=None, training=False):
        """Put zeros in place of the inputs of one column."""
        mask = np.asarray(self.columns, np.float32) != self.column
        return x * jnp.asarray(mask, x.dtype)[None], state


@dataclass(frozen=True)
class LeftOut:
    """One column's worth.

    Attributes:
        column: its name.
        figure: figure of the networks without it, the mean over seeds.
        change: against the networks with all columns, the mean over seeds: above 0, they do worse.
        low, high: the interval of the change, NaN for a single seed.
        changes: change of the figure for each seed.
    """

    column: str
    figure: float
    change: float
    low: float
    high: float
    changes: tuple[float, ...]

    @property
    def missed(self) -> bool:
        """Whether the networks do worse without it, and that is not the chance of a seed."""
        return self.low > 0


@dataclass(frozen=True)
class Ablation:
    """What each column is worth, the most missed first.

    Attributes:
        figure: name of the figure, on the validation rows; smaller is better.
        full: figures of the networks with all columns, one per seed.
        columns: what leaving out each of them did.
        level: level of the intervals, which hold over seeds for these validation rows: they say how
            much of a change is the chance of a training, not how it would be on other rows.
        seeds: seeds of the networks.
        not_tried: columns that were not left out, because there are too many.
    """

    figure: str
    full: tuple[float, ...]
    columns: tuple[LeftOut, ...]
    level: float
    seeds: tuple[int, ...]
    not_tried: int = 0

    def to_frame(self) -> pd.DataFrame:
        """Make a frame of one row a column."""
        import pandas as pd

        rows = [
            {"column": c.column, self.figure: c.figure, "change": c.change}
            | {"low": c.low, "high": c.high, "missed": c.missed}
            for c in self.columns
        ]
        return pd.DataFrame(rows)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; an end of an interval that does not exist is null."""
        described = asdict(self)
        for column, entry in zip(self.columns, described["columns"], strict=True):
            ends = {"low": column.low, "high": column.high}
            entry |= {k: None if np.isnan(v) else v for k, v in ends.items()}
            entry["missed"] = column.missed
        return described


def ablate(
    prepared: Prepared,
    *,
    columns: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 5,
    level: float = 0.95,
    show: Callable[[str], None] = lambda words: None,
) -> Ablation:
    """Train the network with all columns, and once without each of them, for several seeds.

    Args:
        prepared: what `prepare_table` gave; its options say what is trained, its test rows are
            not looked at.
        columns: columns to leave out, one at a time; by default all that the encoder uses, or where
            these are many the 60 that go with the target most on the training rows.
        seeds: how many, from the options' seed on, or which; of weights and order of rows.
        level: level of the intervals, Student's t over the seeds' changes.
        show: function that is called with a line on what comes next.

    Returns:
        The Ablation.

    Raises:
        DescendError: a column that the network does not use, a single column, no seeds; a network
            that diverged.
    """
    used = [c.name for c in prepared.encoder.columns]
    names = _first(prepared, used) if columns is None else list(dict.fromkeys(columns))
    for name in names:
        if name not in used:
            raise unknown("column of the network", name, used)
    if len(used) < 2:
        raise DescendError(f"the network has the column {used[0]!r} alone: nothing can be left out")
    first = prepared.options.seed
    each_seed = tuple(range(first, first + seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not each_seed:
        raise DescendError("seeds must be at least one")
    if not 0 < level < 1:
        raise DescendError(f"level must lie between 0 and 1, got {level}")
    model = _with_masks(prepared)
    left_out = [NONE, *(float(used.index(name)) for name in names)]
    costs = np.empty((len(each_seed), len(left_out)))
    for row, seed in enumerate(each_seed):
        show(f"leaving out columns, seed {row + 1} of {len(each_seed)}")
        settings = [{"seed": seed, "column": column} for column in left_out]
        rounds = rounds_of(prepared, prepared.options, settings, model)
        rounds.run(prepared.options.chosen("epochs"))
        if rounds.interrupted:
            raise KeyboardInterrupt
        figures = validation_figures(prepared, rounds)
        costs[row] = [figures[i] for i in range(len(left_out))]
    if np.isnan(costs).any():
        raise DescendError("a network diverged: choose a smaller learning rate")
    changes = costs[:, 1:] - costs[:, :1]
    results = [
        _left_out(name, costs[:, i + 1], changes[:, i], level) for i, name in enumerate(names)
    ]
    return Ablation(
        figure=MAIN[prepared.target.task],
        full=tuple(map(float, costs[:, 0])),
        columns=tuple(sorted(results, key=lambda c: -c.change)),
        level=level,
        seeds=each_seed,
        not_tried=len(used) - len(names) if columns is None else 0,
    )


def _first(prepared: Prepared, used: list[str]) -> list[str]:
    train = prepared.split.train
    return most_related(
        prepared.columns[used].iloc[train],
        prepared.y[train],
        MOST_COLUMNS,
        classifies=prepared.target.classifies,
        seed=prepared.options.seed,
    )


def _left_out(name: str, figures: np.ndarray, changes: np.ndarray, level: float) -> LeftOut:
    from scipy.stats import t

    n, mean = len(changes), float(changes.mean())
    half = float("nan")
    if n > 1:
        half = float(t.ppf((1 + level) / 2, n - 1) * changes.std(ddof=1) / np.sqrt(n))
    each = tuple(map(float, changes))
    return LeftOut(name, float(figures.mean()), mean, mean - half, mean + half, each)


def _with_masks(prepared: Prepared) -> Model:
    """The recipe's network, compiled, behind a mask for each of its inputs."""
    encoder, head = prepared.encoder, prepared.target.head
    inner = network(encoder, head, prepared.options)
    numbers = [i for i, c in enumerate(encoder.columns) for _ in c.outputs()]
    codes = [i for i, c in enumerate(encoder.columns) if c.embedded]
    words = [i for i, c in enumerate(encoder.columns) for _ in range(c.length)]
    places = [tuple(p) for p in (numbers, codes, words) if p]
    inputs = [Input((len(p),)) for p in places]
    masked = [LeaveOut(p)(symbol) for p, symbol in zip(places, inputs, strict=True)]
    single = len(inputs) == 1
    model = Model(
        inputs[0] if single else inputs,
        inner(masked[0] if single else masked),
        name=inner.name,
        seed=prepared.options.seed,
    )
    compile_for(model, head, prepared.options, len(prepared.split.train))
    return model
