"""Small tables, one a task, whose columns have names that a page must not take for its own."""

import numpy as np
import pandas as pd

from descend.data.table import Table
from descend.tables.options import FitOptions

BOLD = "<b>size</b>"
TASKS = ("binary", "multi", "regression", "several", "count", "share", "quantile", "censored")
QUICK = {"recipe": "mlp", "hidden": (16,), "epochs": 25}
MEMBERS = {"recipe": "realmlp", "hidden": (16,), "epochs": 12, "members": 3}


def made(task, n=260, seed=0):
    """Numbers (one with gaps), text, truth values, dates; the target depends on the first two."""
    rng = np.random.default_rng(seed)
    size, age = rng.normal(size=n), rng.normal(size=n)
    town = rng.choice(["Ulm", "Bonn", "$Kiel$"], n)
    index = 0.9 * size + 0.5 * (town == "Bonn")
    noise = rng.normal(size=n)
    y = {
        "binary": np.where(index + 0.6 * noise > 0.3, "yes", "<i>no</i>"),
        "multi": np.digitize(index + 0.4 * noise, [-0.4, 0.6]).astype(str),
        "regression": 1000 * (index + 0.5 * noise),
        "several": index + 0.5 * noise,
        "count": rng.poisson(np.exp(0.6 * index)),
        "share": 1 / (1 + np.exp(-index - 0.5 * noise)),
        "quantile": index + 0.5 * noise,
        "censored": np.maximum(index + 0.5 * noise, 0),
    }[task]
    frame = pd.DataFrame(
        {
            BOLD: size,
            "age": np.where(rng.random(n) < 0.1, np.nan, age),
            "town": town,
            "garden": rng.random(n) < 0.4,
            "sold": pd.date_range("2020-01-01", periods=n),
            "branch": rng.choice(["north", "south"], n),
            "y": y,
        }
    )
    if task == "several":
        frame["z"] = 50 - 20 * size + rng.normal(size=n)
    return Table("made", "made.csv", frame, None, f"made up, task {task}", f"digest of {task}")


def options(task, **more):
    """Of a quick fit; the regression has members."""
    asked = {"binary": None, "multi": None, "several": None}.get(task, task)
    target = ("y", "z") if task == "several" else "y"
    base = MEMBERS if task == "regression" else QUICK
    return FitOptions(**{**base, "target": target, "task": asked, "drop": ("branch",), **more})
