"""Choosing the network: many of them trained as few programs, judged on the validation rows.

Trials whose networks have one shape are members of one program; their rates, dropout and penalties
are numbers in it (`descend.train.many.rounds`). A trial is what `fit` would give under its options.

    random    every trial is trained to its end
    halving   successive halving: after 1/15, 1/5 and 7/15 of the epochs the better half goes on
              from where it stands. RealMLP's learning rate is zero just then, at the ends of its
              waves; each wave is twice as long as the one before, so every round costs the same.

The best of many on one set of rows flatters itself: only the test rows tell how good it is.
Sources: hull-2023 and scheidegger-2020, "Recipe for using MLP" (try several and see which works
best); Bergstra and Bengio 2012 (random search); Jamieson and Talwalkar 2016 (successive halving).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from descend.data.table import Table
from descend.errors import DescendError, unknown
from descend.tables.choosing.space import Space, draw_trials
from descend.tables.choosing.together import rounds_of, validation_figures
from descend.tables.encoder import Encoder
from descend.tables.options import FitOptions, NetworkOptions
from descend.tables.prepare import Prepared, prepare_table
from descend.tables.recipe import FittedTable, fit_prepared
from descend.tables.scores import MAIN
from descend.train.many.members import Member
from descend.train.many.rounds import Rounds

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("random", "halving")
SHARES = (1 / 15, 1 / 5, 7 / 15, 1.0)  # of the epochs, at the ends of CosineLog's waves
# multiplications that are worth compiling a smaller program for
WORTH_PACKING = 3e10


@dataclass(frozen=True)
class Trial:
    """One network of a search.

    Attributes:
        number: number of the trial, from 0; the first has the options as given.
        settings: what was drawn for it; {} for the first.
        figure: the main figure of the task on the validation rows (`descend.tables.scores.MAIN`),
            smaller is better; NaN where there is none.
        epochs: number of epochs it was trained; best_epoch: the epoch whose weights it has, from 1;
            0: none.
        seconds: its share of the time of the program it was in.
        status: "trained", "stopped early", "left behind", "diverged" or "not run".
    """

    number: int
    settings: Mapping[str, Any]
    figure: float
    epochs: int
    best_epoch: int
    seconds: float
    status: str


@dataclass(frozen=True)
class Search:
    """All trials of a search, and the network of the best.

    Attributes:
        trials: all trials, in the order in which they were drawn.
        best: the trial with the smallest figure, of those that were not left behind.
        figure: name of the figure.
        method, seed: arguments of `search`; groups: number of programs, one for each shape of
            network.
        seconds: time of the whole search.
        prepared: the table as the best network saw it, its options those of the best.
        member: the best network as the search left it, with its history.
    """

    trials: tuple[Trial, ...]
    best: Trial
    figure: str
    method: str
    seed: int
    groups: int
    seconds: float
    prepared: Prepared
    member: Member

    def fit(self, *, callbacks: Sequence[Any] = (), verbose: int = 0) -> FittedTable:
        """The best network trained anew, alone and to its end, and tested; see `fit_prepared`.

        What comes out is what `fit` gives under these options: anybody can make it again.
        """
        return fit_prepared(
            self.prepared, callbacks=callbacks, verbose=verbose, search=self.to_json()
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a trial, in their order: settings, figure, epochs, seconds, status."""
        import pandas as pd

        names = dict.fromkeys(name for trial in self.trials for name in trial.settings)
        rows = [
            {"trial": t.number, **{n: t.settings.get(n) for n in names}, self.figure: t.figure}
            | {"epochs": t.epochs, "best_epoch": t.best_epoch}
            | {"seconds": t.seconds, "status": t.status}
            for t in self.trials
        ]
        return pd.DataFrame(rows)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; a figure that does not exist is null."""
        return {
            "method": self.method,
            "seed": self.seed,
            "groups": self.groups,
            "seconds": self.seconds,
            "figure": self.figure,
            "best": self.best.number,
            "trials": [
                {f.name: getattr(t, f.name) for f in fields(t)}
                | {"settings": {k: _plain(v) for k, v in t.settings.items()}}
                | {"figure": None if math.isnan(t.figure) else t.figure}
                for t in self.trials
            ],
        }


def search(
    source: Prepared | Table,
    options: FitOptions | None = None,
    *,
    trials: int = 32,
    space: Space | None = None,
    method: str = "random",
    seed: int = 0,
    show: Callable[[str], None] | None = None,
) -> Search:
    """Train `trials` networks and keep the one that is best on the validation rows.

    Args:
        source: a table, or what `prepare_table` made of it; its test rows are not looked at.
        options: options of the first trial, and of the others where they draw none; a Prepared has
            its own.
        space: {option: values to choose among, or Between}; that of the recipe if left out. Values
            of learning_rate, dropout and l2 share a program, others make groups.
        method: "random" or "halving".
        seed: seed of the draws of options; weights and order of rows come from the options' own.
        show: function that is called with a line on what has been done.

    Returns:
        The Search. After Ctrl-C it holds what had been trained; other trials are "not run".

    Raises:
        DescendError: unknown method, a bad space, every trial diverged.
        DataError: as `prepare_table`.
        KeyboardInterrupt: before any trial had an epoch.
    """
    if method not in METHODS:
        raise unknown("method of search", method, METHODS)
    if isinstance(source, Prepared):
        prepared = source if options is None else replace(source, options=options)
    else:
        prepared = prepare_table(source, options or FitOptions())
    began = time.perf_counter()
    settings_of = draw_trials(prepared.options, trials, space, seed)
    candidates = [replace(prepared.options, **settings) for settings in settings_of]
    groups = _groups(prepared, candidates)
    shares = SHARES if method == "halving" else SHARES[-1:]
    going, figures = set(range(trials)), np.full(trials, np.nan)
    # few epochs: rounds that end at the same epochs are one
    rounds = {tuple(group.end(share) for group in groups): share for share in shares}
    for share in rounds.values():
        for number, group in enumerate(groups, 1):
            end = group.end(share)
            if _train(group, end, going):
                figures[group.numbers] = group.figures()
            if show is not None:
                shape = "-".join(map(str, group.options.chosen("hidden"))) or "linear"
                show(
                    f"to epoch {end}, group {number} of {len(groups)} ({shape}): "
                    f"{len(group.going(going))} trials"
                )
            if group.rounds.interrupted:
                break
        if any(group.rounds.interrupted for group in groups):
            break
        if share < 1:
            going = _better_half(going, figures)
            for group in groups:
                group.leave(going, group.end(1.0) - group.end(share))
    by_number = {
        n: _trial(group, n, figures, going, settings_of) for group in groups for n in group.numbers
    }
    results = tuple(by_number[n] for n in range(trials))
    ranked = [t for t in results if not math.isnan(t.figure) and t.number in going]
    if not ranked:
        if any(group.rounds.interrupted for group in groups):
            raise KeyboardInterrupt
        raise DescendError("every trial diverged: search among smaller learning rates")
    best = min(ranked, key=lambda t: (t.figure, t.number))
    group = next(g for g in groups if best.number in g.numbers)
    return Search(
        trials=results,
        best=best,
        figure=MAIN[prepared.target.task],
        method=method,
        seed=seed,
        groups=len(groups),
        seconds=time.perf_counter() - began,
        prepared=replace(group.prepared, options=candidates[best.number]),
        member=group.rounds.member(group.numbers.index(best.number)),
    )


# -- groups of trials of one shape --------------------------------------------------------------


@dataclass
class Group:
    """Trials of one shape: `numbers` are those of the trials, in the order of the members.

    `known` holds the last figure of each member.
    """

    prepared: Prepared
    options: FitOptions
    numbers: list[int]
    rounds: Rounds
    known: dict[int, float] = field(default_factory=dict)

    def going(self, among: set[int]) -> list[int]:
        """Its trials that would train on."""
        return [self.numbers[i] for i in self.rounds.training if self.numbers[i] in among]

    def end(self, share: float) -> int:
        """The epoch up to which a share of its recipe's epochs goes."""
        return max(1, math.ceil(share * self.options.chosen("epochs")))

    def leave(self, going: set[int], epochs: int) -> None:
        """Leave the others behind; `epochs` are still to come."""
        others = [i for i, number in enumerate(self.numbers) if number not in going]
        remaining = len(set(self.rounds.training) - set(others))
        rows = len(self.prepared.split.train)
        weights = sum(self.rounds.model.parameter_counts().values())
        saved = 3.0 * weights * rows * epochs * (self.rounds.packed - remaining)
        self.rounds.leave(others, pack=saved > WORTH_PACKING)

    def figures(self) -> np.ndarray:
        """Compute the figure of each trial on the validation rows; NaN where it has none."""
        self.known |= validation_figures(self.prepared, self.rounds)
        return np.array([self.known.get(i, np.nan) for i in range(len(self.numbers))])


def _groups(prepared: Prepared, candidates: Sequence[FitOptions]) -> list[Group]:
    places: dict[tuple, list[int]] = {}
    for number, options in enumerate(candidates):
        plain = replace(options, learning_rate=None, l2=0.0, dropout=0.0)
        # dropout is a layer: without it a network draws its weights, and costs, as `fit` would
        shape = tuple(repr(plain.chosen(f.name)) for f in fields(NetworkOptions))
        places.setdefault((*shape, options.chosen("dropout") > 0), []).append(number)
    groups = []
    for numbers in places.values():
        trials = [candidates[n] for n in numbers]
        shared = replace(
            trials[0],
            learning_rate=None,
            dropout=max(t.chosen("dropout") for t in trials),
            l2=max(t.l2 for t in trials),
        )
        encoded = _encoded(prepared, shared)
        rounds = rounds_of(encoded, shared, [_numbers(t, shared) for t in trials])
        groups.append(Group(encoded, shared, numbers, rounds))
    return groups


def _numbers(trial: FitOptions, shared: FitOptions) -> dict[str, Any]:
    """The numbers of a trial, in the names of the program."""
    settings: dict[str, Any] = {}
    if trial.learning_rate is not None:
        settings["learning_rate"] = trial.learning_rate
    if shared.dropout and trial.chosen("hidden"):
        settings["rate"] = trial.chosen("dropout")
    if shared.l2:
        settings["l2"] = trial.l2
    return settings


def _encoded(prepared: Prepared, options: FitOptions) -> Prepared:
    """The table with its columns encoded as a trial's recipe wants them; the split stays."""
    if options.encoding == prepared.options.encoding:
        return replace(prepared, options=options)
    learned = prepared.columns.iloc[prepared.split.train]
    encoder = Encoder.fit(learned, kinds=options.told, **options.encoding)
    x, noted = encoder.transform(prepared.columns, prepared.table.source)
    return replace(prepared, options=options, encoder=encoder, x=x, noted=noted)


def _train(group: Group, end: int, going: set[int]) -> bool:
    """Whether the group had somebody to train."""
    if not group.going(going):
        return False
    group.rounds.run(end)
    return True


def _better_half(going: set[int], figures: np.ndarray) -> set[int]:
    ranked = sorted(going, key=lambda n: (np.nan_to_num(figures[n], nan=np.inf), n))
    return set(ranked[: -(-len(ranked) // 2)])


def _trial(
    group: Group, number: int, figures: np.ndarray, going: set[int], settings_of: Sequence[Mapping]
) -> Trial:
    i = group.numbers.index(number)
    member = group.rounds.member(i)
    epochs = len(member.history)
    if member.diverged_in is not None:
        status = "diverged"
    elif number not in going:
        status = "left behind"
    elif not epochs:
        status = "not run"
    elif member.history.stopped is not None:
        status = "stopped early"
    else:
        status = "trained"
    return Trial(
        number=number,
        settings=settings_of[number],
        figure=float(figures[number]),
        epochs=epochs,
        best_epoch=0 if member.best_epoch is None else member.best_epoch + 1,
        seconds=float(group.rounds.seconds[i]),
        status=status,
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
