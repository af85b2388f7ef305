"""The seal of a test part: which rows it holds, and each time they were looked at.

A test is honest once. The seal travels in the model file; opening it writes into the file when that
was, on which data, with which figures. Nothing hinders a second opening, it only cannot go unseen.
The seal guards against forgetting, not against forgery: who rewrites the file's digest as well can
remove an opening.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from descend.data.table import Table
from descend.described import conforms
from descend.errors import CheckpointError, DataError, DescendError
from descend.files import writable
from descend.train.saving import checkpoint

EXTRA = "seal"  # where a model file keeps it, in what `Model.save(extra=...)` takes
PATIENCE = 60.0  # seconds that another opening of the same file is waited for
_PACKAGES = ("descend", "jax", "numpy", "pandas", "scikit-learn")
_SPLITTING = ("scikit-learn", "pandas", "numpy")  # whose versions may move the split


@dataclass(frozen=True)
class Opening:
    """One look at a test.

    Attributes:
        when: UTC, ISO 8601.
        digest: digest of the rows that were looked at (`digest_rows`).
        rows: how many.
        source: where they came from, as the user named it.
        figures: {name: value} that were computed; None where there is none.
        versions: {package: version}.
    """

    when: str
    digest: str
    rows: int
    source: str
    figures: dict[str, float | None]
    versions: dict[str, str]


@dataclass(frozen=True)
class Seal:
    """The rows that were put aside for the test, and each look at a test so far.

    Attributes:
        digest: digest of the test rows (`digest_rows`).
        rows: how many.
        openings: all openings, in their order.
    """

    digest: str
    rows: int
    openings: tuple[Opening, ...] = ()

    @classmethod
    def of(cls, inputs: pd.DataFrame, target: pd.Series | np.ndarray) -> Seal:
        """The unbroken seal of test rows.

        Args:
            inputs: (n, columns) as they came, before any encoding.
            target: (n,).
        """
        return cls(digest_rows(inputs, target), len(inputs))

    @property
    def opened(self) -> bool:
        """Whether a test has been looked at."""
        return bool(self.openings)

    @property
    def warning(self) -> str | None:
        """What to tell who has just opened a test again; None after the first opening."""
        if len(self.openings) < 2:
            return None
        *before, last = self.openings
        same = any(o.digest == last.digest for o in before)
        earlier = "; ".join(_told(o) for o in before[-3:])
        if len(before) > 3:
            earlier = f"{len(before) - 3} time(s), and then {earlier}"
        rows = "These are the same rows. " if same else "These rows are others. "
        return (
            f"The test of this model was opened before: {earlier}. {rows}Figures of a test that is "
            "used to choose are no longer honest; judge by rows that nobody has looked at."
        )

    def open(
        self,
        figures: Mapping[str, float | int | None],
        *,
        source: str,
        digest: str | None = None,
        rows: int | None = None,
    ) -> Seal:
        """The seal with one more opening; `warning` then says what came before.

        Args:
            figures: {name: value} computed on the rows; a value that is not finite is kept as None.
            source: where the rows came from.
            digest, rows: digest and number of the rows looked at; by default those that were put
                aside.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        opening = Opening(
            when=now,
            digest=self.digest if digest is None else digest,
            rows=self.rows if rows is None else rows,
            source=source,
            figures={name: _plain(value) for name, value in figures.items()},
            versions={
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _PACKAGES},
            },
        )
        return replace(self, openings=(*self.openings, opening))

    def to_json(self) -> dict[str, Any]:
        """Write the seal as plain JSON."""
        return {**asdict(self), "openings": [asdict(o) for o in self.openings]}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Seal:
        """What `to_json` gave; raises CheckpointError if it is something else."""
        try:
            openings = tuple(Opening(**o) for o in saved["openings"])
            seal = cls(saved["digest"], saved["rows"], openings)
            conforms(seal, cls, "the seal")
            return seal
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"the seal of the test cannot be read ({error!r}); the file is from another "
                "version of descend, or was edited"
            ) from None


def read_seal(path: str | Path) -> Seal:
    """The seal in a model file.

    Raises:
        CheckpointError: the file is not there, damaged or edited; or it has no seal.
    """
    description, _ = checkpoint.read(path)
    return _seal_in(description, path)


def record_opening(
    path: str | Path,
    figures: Mapping[str, float | int | None],
    *,
    source: str,
    digest: str | None = None,
    rows: int | None = None,
) -> Seal:
    """Write an opening into a model file, and only then show the figures.

    The file is replaced in one step: a kill leaves the old one whole. Its arrays and all else it
    says stay as they are. Of two processes that open at the same time, both are recorded.

    Args:
        path: file saved with `extra={"seal": seal.to_json(), ...}`.
        figures, source, digest, rows: as in `Seal.open`.

    Returns:
        The seal with the opening in it; its `warning` says what came before.

    Raises:
        CheckpointError: the file is not there, damaged or edited; or it has no seal.
        DescendError: it cannot be written: then the figures should not be shown.
    """
    path = Path(path)
    read_seal(path)  # what is wrong with the file is said before what is wrong with the folder
    writable(path)
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=PATIENCE):
            description, arrays = checkpoint.read(path)
            seal = _seal_in(description, path).open(
                figures, source=source, digest=digest, rows=rows
            )
            kind = description.pop("kind")
            description["extra"] = {**description["extra"], EXTRA: seal.to_json()}
            checkpoint.write(path, kind, description, arrays)
    except Timeout:
        raise DescendError(
            f"{path} is being opened by another process for {PATIENCE:g} s; wait for it to end"
        ) from None
    return seal


def require_same_rows(
    path: str | Path, seal: Seal, found: Seal, table: Table, described: Mapping[str, Any]
) -> None:
    """Raise DataError where the rows that a table leads to are not those of a file's seal.

    Args:
        path: the model file.
        seal: the seal in it.
        found: that of the rows found.
        table: where they were found.
        described: what the file says of its "data" ("rows", "sha256") and "versions".
    """
    if found.digest == seal.digest:
        return
    data, rows = described["data"], len(table.frame)
    reasons = []
    if found.rows != seal.rows:
        reasons.append(f"there are {found.rows:,} test rows, there were {seal.rows:,}")
    if rows != data["rows"]:
        reasons.append(f"the table has {rows:,} rows, it had {data['rows']:,}")
    elif table.digest != data["sha256"]:
        reasons.append(
            f"its content has changed (sha256 {table.digest[:12]}, it was {data['sha256'][:12]})"
        )
    if not reasons:
        reasons += _other_versions(described["versions"]) or ["the test table is another one"]
    raise DataError(
        f"the test rows found in {table.source} are not those that {path} was tested on: "
        f"{'; '.join(reasons)}. Give the table as it was when the network was fitted"
    )


def _other_versions(then: Mapping[str, str]) -> list[str]:
    now = {name: importlib.metadata.version(name) for name in _SPLITTING}
    return [
        f"{name} is {version}, it was {then[name]}"
        for name, version in now.items()
        if then.get(name, version) != version
    ]


def digest_rows(inputs: pd.DataFrame, target: pd.Series | np.ndarray) -> str:
    """SHA-256 of rows by their values, whatever the order of rows and columns.

    A row is its values in the order of the columns' names: numbers and truth values as float64,
    dates in microseconds, anything else as text, a missing value as such. So 1, 1.0 and True are
    the same, as are a category and its text: how a file was read does not matter.

    Args:
        inputs: (n, columns); target: (n,).

    Raises:
        DataError: rows of inputs and target differ in number.
    """
    if len(inputs) != len(target):
        raise DataError(f"there are {len(inputs)} rows of inputs and {len(target)} of the target")
    names = [str(c) for c in inputs.columns]
    places = sorted(range(len(names)), key=lambda i: names[i])
    columns = [inputs.iloc[:, i] for i in places] + [pd.Series(np.asarray(target))]
    table = np.concatenate([_as_bytes(c) for c in columns], axis=1)
    whole = hashlib.sha256(repr([names[i] for i in places]).encode())
    for row in sorted(hashlib.sha256(row).digest() for row in table):
        whole.update(row)
    return whole.hexdigest()


def _as_bytes(column: pd.Series) -> np.ndarray:
    """(n, width) bytes that are equal where the values are."""
    types = pd.api.types
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if types.is_numeric_dtype(column.dtype) and not types.is_complex_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0  # -0.0 becomes 0.0
        values = np.where(np.isnan(values), np.nan, values)  # NaN has many bit patterns
        return values.astype("<f8")[:, None].view(np.uint8)
    if types.is_datetime64_any_dtype(column.dtype):
        moments = column.to_numpy(dtype="datetime64[us]")
        return moments.astype("<i8")[:, None].view(np.uint8)
    codes, levels = pd.factorize(column.astype("string"), use_na_sentinel=True)
    coded = [hashlib.sha256(b"text" + str(level).encode()).digest() for level in levels]
    coded.append(hashlib.sha256(b"missing").digest())  # code -1 takes the last
    return np.frombuffer(b"".join(coded), np.uint8).reshape(-1, 32)[codes]


def _seal_in(description: Mapping[str, Any], path: str | Path) -> Seal:
    extra = description.get("extra")
    saved = extra.get(EXTRA) if isinstance(extra, dict) else None
    if not isinstance(saved, dict):
        raise CheckpointError(
            f"{path} has no seal of a test: it was not made by `descend fit` or `descend forecast`,"
            " or by a version before seals. Its figures can be computed, but not recorded"
        )
    with checkpoint.understood(path, "seal"):
        return Seal.from_json(saved)


def _told(opening: Opening) -> str:
    known = [f"{name} {value:.4g}" for name, value in opening.figures.items() if value is not None]
    figures = f" ({', '.join(known[:4])})" if known else ""
    return f"on {opening.when} with {opening.rows:,} rows of {opening.source}{figures}"


def _plain(value: float | int | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
