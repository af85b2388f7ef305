"""A bank's table as they come: `python benchmarks/bank.py [--seeds 5] [--rows 10000]`.

Made here, after the pattern of published churn tables: a customer's number, the number of the row,
a surname of some 2,900 levels, a balance with a mass at zero, an age with a hump, a number of
products that is not monotone, 27 repeated rows. The network with its default options and
scikit-learn's histogram gradient boosting, both on the training rows of the same splits; the
boosting without the three columns that name rows, as an analyst would run it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

RESULTS = Path(__file__).resolve().parent / "results" / "bank.json"
NAMES = ["RowNumber", "CustomerId", "Surname"]


def bank(rows: int = 10_000, repeats: int = 27, seed: int = 0) -> pd.DataFrame:
    """The table; `repeats` of its rows stand in it a second time."""
    rng = np.random.default_rng(seed)
    n = rows
    age = np.clip(rng.gamma(14, 2.8, n).round(), 18, 92)
    geography = rng.choice(["France", "Germany", "Spain"], n, p=[0.5, 0.25, 0.25])
    products = rng.choice([1, 2, 3, 4], n, p=[0.51, 0.46, 0.024, 0.006])
    empty = rng.random(n) < np.where(geography == "Germany", 0.02, 0.45)
    balance = np.where(empty, 0.0, rng.normal(120_000, 30_000, n).clip(1000)).round(2)
    active, card = rng.random(n) < 0.515, rng.random(n) < 0.705
    gender = rng.choice(["Male", "Female"], n, p=[0.545, 0.455])
    z = (
        -2.3
        + 2.6 * np.exp(-(((age - 55) / 12) ** 2))  # a hump
        - 0.9 * active * (1 + 0.6 * (age > 45))
        + 0.75 * (geography == "Germany")
        + 0.5 * (gender == "Female")
        + np.select([products == 2, products == 3, products == 4], [-1.2, 2.4, 5.0], 0.0)
        + 0.25 * (balance > 0)
    )
    frame = pd.DataFrame(
        {
            "RowNumber": np.arange(1, n + 1),
            "CustomerId": 15_565_701 + rng.choice(250_000, n, replace=False),
            "Surname": [f"Name{i}" for i in _surnames(rng, n)],
            "CreditScore": rng.normal(650, 97, n).round().clip(350, 850).astype(int),
            "Geography": geography,
            "Gender": gender,
            "Age": age.astype(int),
            "Tenure": rng.integers(0, 11, n),
            "Balance": balance,
            "NumOfProducts": products,
            "HasCrCard": card.astype(int),
            "IsActiveMember": active.astype(int),
            "EstimatedSalary": rng.uniform(12, 200_000, n).round(2),
            "Exited": (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int),
        }
    )
    again = frame.iloc[rng.choice(n, repeats, replace=False)]
    third = n // 3
    parts = [frame[:third], again[: repeats // 2], frame[third:], again[repeats // 2 :]]
    return pd.concat(parts, ignore_index=True)


def _surnames(rng: np.random.Generator, n: int, levels: int = 2932) -> np.ndarray:
    """Few frequent ones, many of one row or two; each level at least once."""
    weight = 1 / np.arange(1, levels + 1) ** 0.75
    drawn = rng.choice(levels, n - levels, p=weight / weight.sum())
    return rng.permutation(np.concatenate([np.arange(levels), drawn]))


def measure(frame: pd.DataFrame, seed: int) -> dict[str, float]:
    """AUC and log-loss of both on the test rows of a split."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import log_loss, roc_auc_score

    from descend.data.table import Table, frame_digest
    from descend.tables.options import FitOptions
    from descend.tables.recipe import fit_table

    fitted = fit_table(
        Table("bank", "bank", frame, None, "", frame_digest(frame)),
        FitOptions(target="Exited", seed=seed),
    )
    split, y = fitted.prepared.split, fitted.prepared.y
    assert fitted.scores is not None
    plain = frame.drop(columns=[*NAMES, "Exited"])
    for name in ("Geography", "Gender"):
        plain[name] = plain[name].astype("category")
    found = {"epochs": len(fitted.trained.history), "best_epoch": fitted.trained.best_epoch}
    found |= {"AUC": fitted.scores.figures["AUC"], "log_loss": fitted.scores.figures["log-loss"]}
    both = np.concatenate([split.train, split.validation])
    for name, rows in (("boosting", split.train), ("boosting, both parts", both)):
        model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=seed)
        model.fit(plain.iloc[rows], y[rows])
        p = model.predict_proba(plain.iloc[split.test])[:, 1]
        found |= {
            f"{name} AUC": roc_auc_score(y[split.test], p),
            f"{name} log_loss": log_loss(y[split.test], p),
        }
    found["dropped"] = ", ".join(fitted.prepared.encoder.dropped)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--name", default="after", help="under which the figures are kept")
    options = parser.parse_args()
    frame = bank(options.rows)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[options.name] = []
    for seed in range(options.seeds):
        found = {"seed": seed, **measure(frame, seed)}
        results[options.name].append(found)
        print(found, flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
