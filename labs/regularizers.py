"""Regularizers: what each does to an over-sized network on two hundred rows.

Lectures: itam-2023-introduction-to-deep-learning, 1.7 "Regularizers"; scheidegger-2020-deep-
learning-cscs-usi, slides "EARLY STOPPING", "REGULARIZATION IN NN: DROPOUT", "REMARK: BATCH
NORMALIZATION".

Trains one network nine ways on 200 small images of digits, each way from the same seeds, and
measures what each does to the cost on the training rows and on 1,197 rows never seen. The lectures
say what regularization is for, not how much a technique gives: differences are taken seed by seed,
and what does not help here is named. Last, dropout as model averaging: the mean over many masks
beside the one pass with scaled weights.
"""

# %%
from pathlib import Path

import jax
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from descend import (
    Activation,
    BatchNormalization,
    Dense,
    DropConnect,
    Dropout,
    EarlyStopping,
    Flatten,
    Input,
    Model,
    sweep,
)
from descend.lab import Check, axes, run, save
from descend.nn.layers import RandomAffine
from descend.nn.regularizers import L1L2
from descend.palette import COLOURS
from descend.train.many import Ensemble
from descend.train.rules import Adam

# %% [markdown]
# ## Few rows, many weights
# 200 rows to train on, 400 that say when to stop early, the other 1,197 for the test. The network
# has 26,122 weights, a hundred and thirty for every row.


# %%
def digits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).reshape(-1, 8, 8, 1)
    rest, x, other, y = train_test_split(
        images, labels, test_size=200, random_state=0, stratify=labels
    )
    x_test, x_stop, y_test, y_stop = train_test_split(
        rest, other, test_size=400, random_state=0, stratify=other
    )
    return {"train": (x, y), "stop": (x_stop, y_stop), "test": (x_test, y_test)}


# each way: its network, and the numbers of it that differ from zero
WAYS: dict[str, tuple[str, dict[str, float]]] = {
    "nothing": ("plain", {}),
    "early stopping": ("plain", {}),
    "L1": ("plain", {"l1": 3e-4}),
    "L2": ("plain", {"l2": 3e-3}),
    "dropout": ("plain", {"rate": 0.25}),
    "augmentation": ("augmentation", {}),
    "batch normalisation": ("batch normalisation", {}),
    "DropConnect": ("DropConnect", {}),
    "mixup": ("mixup", {}),
}
QUICK = ("nothing", "early stopping", "L2", "dropout", "augmentation")


def network(kind: str, rate: float = 0.0) -> Model:
    """Two hidden layers of 128. The plain one has dropout and penalties, of strength zero."""
    i = h = Input((8, 8, 1), name="image")
    if kind == "augmentation":  # up to ten degrees, half a pixel, a tenth larger or smaller
        h = RandomAffine(10 / 360, 1 / 16, 0.1, fill_mode="constant")(h)
    h = Flatten()(h)
    if kind == "plain":
        h = Dropout(rate)(h)
    for name in ("hidden1", "hidden2"):
        if kind == "plain":
            h = Dense(128, "relu", kernel_regularizer=L1L2(), name=name)(h)
            h = Dropout(rate)(h)
        elif kind == "DropConnect":
            h = DropConnect(128, "relu", rate=0.25, name=name)(h)
        elif kind == "batch normalisation":
            h = Activation("relu")(BatchNormalization(momentum=0.9)(Dense(128, name=name)(h)))
        else:
            h = Dense(128, "relu", name=name)(h)
    model = Model(i, Dense(10, "softmax", name="digit")(h))
    mixup = 0.2 if kind == "mixup" else None
    model.compile(Adam(0.002), "sparse_categorical_crossentropy", mixup=mixup)
    return model


# %% [markdown]
# ## Training
# Every way starts from the same seeds: the same first weights and the same order of the rows. The
# strengths of penalties and of dropout are numbers of one network, so that one program trains all
# seeds of all the ways that only differ in them.


# %%
def train(ways: tuple[str, ...], data: dict, seeds: int, epochs: int) -> dict[str, Ensemble]:
    found: dict[str, Ensemble] = {}
    for kind in dict.fromkeys(WAYS[way][0] for way in ways):
        model = network(kind)
        alike = [way for way in ways if WAYS[way][0] == kind and way != "early stopping"]
        batches = [alike] if "nothing" not in alike else [alike, ["early stopping"]]
        for together in batches:
            stop = [EarlyStopping(patience=10)] if "early stopping" in together else []
            grid = [{"seed": k} | WAYS[way][1] for way in together for k in range(seeds)]
            options = {"validation_data": data["stop"], "callbacks": stop}
            many = sweep(model, grid, *data["train"], batch_size=40, epochs=epochs, **options)
            for number, way in enumerate(together):
                part = many.members[number * seeds : (number + 1) * seeds]
                found[way] = Ensemble(part, many.groups)
    return {way: found[way] for way in ways}


def log_loss(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Mean of -log p(true class) over the rows; p is (..., rows, classes)."""
    return -np.log(np.maximum(p[..., np.arange(len(y)), y], 1e-12)).mean(axis=-1)


def judge(many: Ensemble, data: dict) -> dict[str, np.ndarray]:
    """For each seed: cost and error on the training and on the test rows."""
    (x, y), (x_test, y_test) = data["train"], data["test"]
    p = many.predict_all(np.concatenate([x, x_test]))
    p, q = p[:, : len(x)], p[:, len(x) :]
    return {
        "train": log_loss(p, y),
        "train error": (p.argmax(axis=-1) != y).mean(axis=1),
        "test": log_loss(q, y_test),
        "test error": (q.argmax(axis=-1) != y_test).mean(axis=1),
        "committee": log_loss(q.mean(axis=0), y_test),
    }


def paired(values: np.ndarray, base: np.ndarray) -> tuple[float, float]:
    """Mean difference over the seeds, and its t statistic."""
    d = values - base
    return float(d.mean()), float(d.mean() / (d.std(ddof=1) / np.sqrt(len(d)) + 1e-12))


# %% [markdown]
# ## Dropout as model averaging
# Each mask mu makes a sub-model p(y | x, mu). The slide's prediction is their arithmetic mean; the
# usual one is a single pass in which every number is there and scaled. A mean of probabilities is
# never worse than the sub-models are on average (the logarithm is concave), but it is less certain
# than the single pass, and whether that costs or pays depends on the data.


# %%
def averaging(dropped: Ensemble, data: dict, samples: int) -> dict[str, np.ndarray]:
    """Test cost of each seed's network: one mask a row, the mean over masks, scaled weights."""
    x, y = data["test"]
    model = network("plain", WAYS["dropout"][1]["rate"])
    costs = []
    for member in dropped:
        model.params = member.model.params
        one, _ = model.apply(model.params, {}, np.float32(x), key=jax.random.key(0), training=True)
        predictions = (np.asarray(one), model.monte_carlo(x, samples).mean, model.predict(x))
        costs.append([log_loss(p, y) for p in predictions])
    names = ("one mask", "many masks", "scaled weights")
    return dict(zip(names, np.array(costs).T, strict=True))


# %% [markdown]
# ## The picture
# Left, every way's cost on rows seen and unseen, with the range over the seeds: what helps is below
# the line. Most of it also lies to the right, a perfect fit given up; batch normalisation fits even
# better. Right, some of them over time: without a regularizer the cost on unseen rows turns up.

# %%
SHOWN = ("nothing", "dropout", "augmentation", "batch normalisation")
COLOURED = (*COLOURS[:6], *COLOURS[7:], *COLOURS[:2])
LOOKS = dict(zip(WAYS, zip(COLOURED, "Xo^vsD*Ph", strict=True), strict=True))


def draw(found: dict[str, Ensemble], judged: dict[str, dict], out: Path) -> None:
    figure, (left, right) = axes(2, width=6.8, height=4.6)
    for way, result in judged.items():
        colour, mark = LOOKS[way]
        x, y = result["train"], result["test"]
        spans = [[[v.mean() - v.min()], [v.max() - v.mean()]] for v in (x, y)]
        left.errorbar(
            x.mean(), y.mean(), spans[1], spans[0], fmt=mark, color=colour, ms=9, lw=1, label=way
        )
    left.axhline(judged["nothing"]["test"].mean(), color="0.7", lw=0.8, zorder=0)
    left.set(xscale="log", xlabel="training cost (log-loss)", ylabel="test cost (log-loss)")
    left.set_title("mean and range over the seeds", fontsize=10)
    left.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    for way in (w for w in SHOWN if w in found):
        curves = np.array([m.history.history["val_loss"] for m in found[way]])
        epochs = np.arange(1, curves.shape[1] + 1)
        colour, mark = LOOKS[way]
        style = {"marker": mark, "markevery": max(len(epochs) // 6, 1)}
        right.plot(epochs, curves.mean(axis=0), color=colour, label=way, **style)
    stopped = [m.best_epoch + 1 for m in found["early stopping"]]
    colour, mark = LOOKS["early stopping"]
    lowest = [m.final("val_loss") for m in found["early stopping"]]
    right.plot(stopped, lowest, mark, color=colour, ms=5, label="early stopping, each seed")
    right.set(xlabel="epoch", ylabel="validation cost (log-loss)", ylim=(0.1, 0.5))
    right.set_title("the cost on 400 rows never trained on, mean over the seeds", fontsize=10)
    right.legend(frameon=False, fontsize=8)
    save(figure, out, "regularizers.png")


# %% [markdown]
# ## The comparison


# %%
def epochs_to(many: Ensemble, cost: float) -> float:
    """Epochs until the training cost is below `cost`, median over the seeds."""
    return float(np.median([np.argmax(np.array(m.history.history["loss"]) < cost) for m in many]))


def table(judged: dict[str, dict]) -> None:
    print(
        "                         cost (log-loss)      test   against nothing: test cost     error"
    )
    print("way                   training       test    error       difference       t  difference")
    for way, r in judged.items():
        cost, t = paired(r["test"], judged["nothing"]["test"])
        error = paired(r["test error"], judged["nothing"]["test error"])[0]
        print(
            f"{way:<20}  {r['train'].mean():>8.4f}  {r['test'].mean():.3f} +- "
            f"{r['test'].std(ddof=1):.3f}  {r['test error'].mean():>5.1%}  {cost:>+15.4f}  "
            f"{t:>+6.1f}  {100 * error:>+5.1f} pp"
        )


def main(out: Path, quick: bool = False) -> list[Check]:
    data = digits()
    ways, seeds, epochs = (QUICK, 6, 80) if quick else (tuple(WAYS), 12, 120)
    found = train(ways, data, seeds, epochs)
    judged = {way: judge(many, data) for way, many in found.items()}
    draw(found, judged, out)
    print(f"\n{len(data['train'][0])} rows, {epochs} epochs, {seeds} seeds, paired by seed")
    table(judged)
    costs = averaging(found["dropout"], data, samples=20 if quick else 100)
    print("\ndropout, test cost:", ", ".join(f"{k} {v.mean():.3f}" for k, v in costs.items()))
    nothing = judged["nothing"]
    gap = (nothing["test"] / nothing["train"]).min()
    best = np.array([m.final("val_loss") for m in found["early stopping"]])
    last = np.array([m.final("val_loss") for m in found["nothing"]])
    rows = [
        (
            "nothing: training rows wrong; test cost / training cost",
            "'over-fitting': variance dominates",
            f"{nothing['train error'].max():.0%}; at least {gap:.0f}",
            nothing["train error"].max() == 0 and gap > 10,
        ),
        (
            "early stopping: validation cost below the last epoch's",
            "returns to where it 'last improved'",
            f"{(best < last).sum()} of {seeds} seeds",
            (best < last).all(),
        ),
    ]
    for way, printed in HELPS.items():
        lower, t = paired(judged[way]["test"], nothing["test"])
        rows.append((f"{way}: test cost, change", printed, f"{lower:+.3f} (t = {t:.1f})", t < -2))
    one, many, scaled = costs.values()
    rows += [
        (
            "dropout: mean over masks against one mask",
            "'model averaging', 'some sort of bagging'",
            f"{many.mean():.3f} against {one.mean():.3f}",
            (many < one).all(),
        ),
        (
            "dropout: mean over masks against one scaled pass",
            "the slide: the mean is the prediction",
            f"here no gain: {many.mean():.3f} against {scaled.mean():.3f}",
            (scaled < one).all(),
        ),
        (
            f"mean of {seeds} networks against one: test cost",
            "'1/k sum p_i(y | x)': never worse",
            f"{nothing['committee']:.3f} against {nothing['test'].mean():.3f}",
            all(r["committee"] <= r["test"].mean() for r in judged.values()),
        ),
    ]
    if not quick:
        slow, fast = (epochs_to(found[w], 0.1) for w in ("nothing", "batch normalisation"))
        printed = "'perhaps accelerate the learning process'"
        obtained = f"{fast:.0f} instead of {slow:.0f}"
        rows.append(("batch norm.: epochs to a cost of .1", printed, obtained, fast < slow))
    return [Check(what, printed, obtained, bool(ok)) for what, printed, obtained, ok in rows]


HELPS = {
    "early stopping": "'before we have a chance to overfit'",
    "L2": "'from (3) to (2)'",
    "dropout": "'robust against variations'",
    "augmentation": "'generate new data points'",
}

if __name__ == "__main__":
    run(main)
