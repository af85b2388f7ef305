"""Tables by built-in name or from a file."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from descend.data import files
from descend.data.series import SERIES, load_series
from descend.data.table import Table, frame_digest
from descend.errors import DataError


def load(name_or_path: str | Path, **how: Any) -> Table:
    """The table of a built-in name (see `BUILT_IN`, `SERIES`), or of a file.

    A file in the current folder that is called exactly like a built-in name is read as `./name`.

    Args:
        name_or_path: text (.csv, .tsv, .txt, also .gz), .parquet, .dta, .xlsx or .jsonl.
        how: encoding, delimiter, decimal, thousands of a text file, in place of what is found in
            it; keep_na, columns in which words such as "NA" are text; sheet of a workbook.

    Raises:
        DataError: neither; or a file that cannot be read (see `descend.data.files.read`).
    """
    source = str(name_or_path)
    if source in BUILT_IN or source in SERIES:
        if settings := [name for name, value in how.items() if value not in (None, ())]:
            raise DataError(
                f"{source} is a built-in table; {settings[0]} is for files (./{source})"
            )
        if source in SERIES:
            return load_series(source)
        note, make = BUILT_IN[source]
        frame, target = make()
        return Table(source, source, frame, target, note, frame_digest(frame))
    path = Path(name_or_path)
    if not path.exists():
        near = difflib.get_close_matches(source, [*BUILT_IN, *SERIES], n=1, cutoff=0.6)
        near += difflib.get_close_matches(path.name, _files_beside(path), n=1, cutoff=0.6)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"there is no file {source!r}, and no built-in table of that name.{hint} "
            f"Built-in: {', '.join([*BUILT_IN, *SERIES])}."
        )
    frame, note, labels = files.read(path, **how)
    name = path.name[: -len(files.ending_of(path) or "")]
    return Table(name or path.name, source, frame, None, note, files.digest(path), labels)


def _files_beside(path: Path) -> list[str]:
    try:
        return [p.name for p in path.parent.iterdir() if p.is_file()][:1000]
    except OSError:
        return []


# -- built-in tables ----------------------------------------------------------------------------

Made = tuple[pd.DataFrame, str]


def _classes(bunch, target: str) -> Made:
    """A scikit-learn classification set, its classes by name."""
    frame = bunch.data.copy()
    names = [str(n) for n in bunch.target_names]
    frame[target] = [names[int(c)] for c in bunch.target]
    return frame, target


def _iris() -> Made:
    from sklearn.datasets import load_iris

    frame, target = _classes(load_iris(as_frame=True), "species")
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    return frame.set_axis(names, axis="columns"), target


def _digits() -> Made:
    from sklearn.datasets import load_digits

    frame = load_digits(as_frame=True).frame
    return frame.rename(columns={"target": "digit"}), "digit"


def _wine() -> Made:
    from sklearn.datasets import load_wine

    frame, target = _classes(load_wine(as_frame=True), "class")
    return frame, target


def _breast_cancer() -> Made:
    from sklearn.datasets import load_breast_cancer

    frame, target = _classes(load_breast_cancer(as_frame=True), "diagnosis")
    return frame.rename(columns=lambda c: c.replace(" ", "_")), target


def _diabetes() -> Made:
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True, scaled=False).frame
    return frame.rename(columns={"target": "progression"}), "progression"


def _fair() -> Made:
    from statsmodels.datasets import fair

    return fair.load_pandas().data, "affairs"


def _randhie() -> Made:
    from statsmodels.datasets import randhie

    return randhie.load_pandas().data, "mdvis"


# name -> what it is, how it is made (target included)
BUILT_IN: dict[str, tuple[str, Callable[[], Made]]] = {
    "iris": ("Fisher's irises, lengths and widths in cm (scikit-learn)", _iris),
    "digits": ("8 x 8 images of handwritten digits, ink 0 to 16 (scikit-learn)", _digits),
    "wine": ("chemical analysis of wines of three growers (scikit-learn)", _wine),
    "breast_cancer": ("cell nuclei of Wisconsin breast tumours (scikit-learn)", _breast_cancer),
    "diabetes": ("progression of diabetes one year after baseline (scikit-learn)", _diabetes),
    "fair": ("Fair (1978), extramarital affairs, a survey of women (statsmodels)", _fair),
    "randhie": ("RAND health insurance experiment, doctor visits (statsmodels)", _randhie),
}
