"""When may the training of a table's network stop? `python benchmarks/patience.py`.

    --seeds 3         of split, weights and batches
    --tables A,B      names or parts of names, of tabular_data.py
    --report          only write the page from what has been measured

Each run goes over all 64 epochs of the default recipe and writes down, for every epoch, the
validation cost and what the test says of the weights that are the best so far: those that would
have been put back had training stopped there. What any rule of stopping costs is then read off the
same runs. Resumable: results/patience.json holds what has been measured.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np
import tabular_data
from tabular import RESULTS, chosen, save

TABLES = (
    "AER/HMDA",
    "modeldata/attrition",
    "mosaicData/SaratogaHouses",
    "openintro/ames",
    "modeldata/credit_data",
    "modeldata/mlc_churn",
    "Ecdat/Computers",
    "modeldata/wa_churn",
    "openintro/loans_full_schema",
    "modeldata/lending_club",
    "AER/HealthInsurance",
    "Ecdat/HI",
    "DAAG/nassCDS",
    "ggplot2/diamonds",
    "AER/CPS1988",
    "modeldata/Chicago",
)
CHOSEN_ON = 8


def measure(table: tabular_data.Table, seed: int) -> dict[str, Any]:
    """Validation cost an epoch; test figures of the weights that are the best so far."""
    import jax
    from sklearn.metrics import log_loss, r2_score, roc_auc_score

    from descend.tables.encoder import Encoder, Part
    from descend.tables.heads import HEADS, Classes
    from descend.tables.network import network, train_network
    from descend.tables.options import NetworkOptions
    from descend.train.callbacks import Callback
    from descend.train.model.prediction import forward

    x, y = tabular_data.load(table)
    train, validation, test = tabular_data.split(table, y, seed)
    options = NetworkOptions(seed=seed, patience=64)
    encoder = Encoder.fit(x.iloc[train], **options.encoding)
    encoded = encoder.transform(x)[0]
    head: Any = Classes(2) if table.classifies else HEADS["regression"].fit(y[train])
    parts = [Part(encoded.rows(r), head.forward(y[r])) for r in (train, validation)]
    tested = encoded.rows(test).inputs()
    tested = tuple(tested) if isinstance(tested, list) else (tested,)
    model = network(encoder, head, options)
    program = jax.jit(lambda p, s, x: forward(model, p, s, x)[0][0])
    costs: list[float] = []
    figures: list[dict[str, float]] = []

    class Follow(Callback):
        def on_epoch_end(self, epoch, logs):
            cost = float(logs["val_loss"])
            if costs and cost >= min(costs):
                figures.append(figures[-1])
            else:
                state = self.run.snapshot.state
                said = head.predict(np.asarray(program(state.params, state.layers, tested)))
                if table.classifies:
                    auc, loss = roc_auc_score(y[test], said[:, 1]), log_loss(y[test], said)
                    figures.append({"AUC": float(auc), "log-loss": float(loss)})
                else:
                    figures.append({"R2": float(r2_score(y[test], said))})
            costs.append(cost)

    train_network(encoder, head, options, *parts, model=model, callbacks=[Follow()])
    return {"seed": seed, "rows": len(y), "val_loss": costs, "test": figures}


def rules() -> dict[str, Any]:
    """{name: validation costs -> epochs run}."""
    from descend.tables.stopping import third_wave

    def patience(wait: int) -> Any:
        def run(costs: list[float]) -> int:
            since = np.arange(len(costs)) - [
                int(np.argmin(costs[: i + 1])) for i in range(len(costs))
            ]
            late = np.flatnonzero(since >= wait)
            return int(late[0]) + 1 if late.size else len(costs)

        return run

    def waves(costs: list[float]) -> int:
        rise, end = third_wave(len(costs))
        return end if int(np.argmin(costs[:end])) + 1 <= rise else len(costs)

    return {
        "all epochs": len,
        **{f"patience {n}": patience(n) for n in (8, 12, 16, 20, 30)},
        "end of the third wave": waves,
    }


def markdown(results: dict[str, Any]) -> str:
    """What each rule costs on the tables it was chosen on, and on the others."""
    lines = [
        "# When the training of a table's network may stop",
        "",
        "Written by `benchmarks/patience.py`; do not edit. AUC (R2 of numbers) on the test with",
        "each rule less that of all 64 epochs, the best validation weights put back in each case.",
        f"The rule was chosen on the first {CHOSEN_ON} tables; the others only tested it.",
    ]
    groups = {"chosen on": TABLES[:CHOSEN_ON], "tested on": TABLES[CHOSEN_ON:]}
    for title, names in groups.items():
        runs = [run for name in names for run in results["runs"].get(name, [])]
        lines += ["", f"## {title.capitalize()}: {len(runs)} runs", ""]
        lines += [
            "| rule | mean epochs | mean change | worst change | runs worse |",
            "|---|" * 1 + "---|" * 4,
        ]
        for rule, stop in rules().items():
            changes, epochs = [], []
            for run in runs:
                at = stop(run["val_loss"])
                figure = "AUC" if "AUC" in run["test"][0] else "R2"
                changes.append(run["test"][at - 1][figure] - run["test"][-1][figure])
                epochs.append(at)
            worse = sum(c < 0 for c in changes)
            lines.append(
                f"| {rule} | {np.mean(epochs):.1f} | {np.mean(changes):+.5f} | "
                f"{min(changes):+.4f} | {worse} |"
            )
    lines += ["", "| table | rows | best epochs, by seed |", "|---|---|---|"]
    for name in TABLES:
        runs = results["runs"].get(name, [])
        if runs:
            best = ", ".join(str(int(np.argmin(run["val_loss"])) + 1) for run in runs)
            lines.append(f"| {name} | {runs[0]['rows']:,} | {best} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    path = RESULTS / "patience.json"
    results = json.loads(path.read_text()) if path.exists() else {"runs": {}}
    if not options.report:
        tables = {t.name: t for t in chosen(tabular_data.TABLES, options.tables)}
        for seed in range(options.seeds):
            for name in (n for n in TABLES if n in tables):
                done = results["runs"].setdefault(name, [])
                if seed not in [one["seed"] for one in done]:
                    done.append(measure(tables[name], seed))
                    save(results, path)
                    print(name, seed, int(np.argmin(done[-1]["val_loss"])) + 1, flush=True)
    path.with_suffix(".md").write_text(markdown(results))


if __name__ == "__main__":
    main()
