"""Files with strange content: every kind of ours is read, or refused with one clear error.

A fixed number of mutations runs always; DESCEND_FUZZ_SECONDS=60 in the environment makes it more.
"""

from __future__ import annotations

import copy
import json
import os
import random
import time
import traceback

import jax
import numpy as np
import pandas as pd
import pytest
from safetensors import numpy as safetensors

from descend import Dense, EarlyStopping, Input, ModelCheckpoint, Sequential
from descend.data.table import Table
from descend.economies.accuracy import Accuracy
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.network import Shape
from descend.economies.progress import Event
from descend.economies.solution import Seed, Solution, load_solution
from descend.economies.system import System
from descend.errors import CheckpointError, DescendError
from descend.report.table.compare import side_by_side
from descend.tables.calibrated import calibrate
from descend.tables.network import Trained
from descend.tables.options import FitOptions
from descend.tables.predictor import TablePredictor
from descend.tables.prepare import prepare_table
from descend.tables.recipe import FittedTable, untrained
from descend.tables.reopen import reopen
from descend.tables.seal import read_seal
from descend.train.engine.history import History
from descend.train.engine.run import Run
from descend.train.saving import checkpoint, container
from descend.train.saving.loading import load_model

SECONDS = float(os.environ.get("DESCEND_FUZZ_SECONDS", "0"))
CASES = 150  # of each kind, where no time is given
SLOW = 5.0  # seconds that no file may take


# -- one whole file of each kind, and whatever reads it ------------------------------------------


def network():
    model = Sequential([Input((4,)), Dense(3, "tanh"), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def make_model(path):
    model = network()
    model.history = History()
    model.history.append(0, {"loss": 1.0, "val_loss": 2.0})
    model.save(path, extra={"note": [1, 2]})
    return lambda damaged: load_model(damaged).history


def make_checkpoint(path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 1))
    model, kept = network(), {}

    class Keep:
        def set_run(self, run):
            kept["run"] = run

    callbacks = [EarlyStopping("loss", patience=3), ModelCheckpoint(path), Keep()]
    model.fit(x, y, epochs=1, verbose=0, callbacks=callbacks)
    whole = kept["run"]

    def read(damaged):
        load_model(damaged)
        run = Run(model.task, whole.state, 5)
        run.model, run.callbacks, run.identity = model, callbacks[:2], whole.identity
        for callback in run.callbacks:
            callback.set_run(run)
            callback.on_train_begin({})
        checkpoint.load_checkpoint(damaged, run, run.identity)
        run.history.to_frame()
        callbacks[0].on_epoch_end(run.epoch + 1, {"loss": 0.5})

    return read


def frame_of(rows=160):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=rows), "town": rng.choice(list("abc"), rows)})
    frame["when"] = pd.date_range("2020-01-01", periods=rows, freq="31h")
    frame["yes"] = rng.integers(0, 2, rows).astype(bool)
    frame.loc[3, "x"] = np.nan
    frame["y"] = np.where(frame["x"] > 0, "up", "down")
    frame["z"] = frame["x"].fillna(0) * 3 + rng.normal(size=rows)
    return frame


def make_table(path, options):
    frame = frame_of()
    table = Table("t", "t.csv", frame, None, "a note", "0" * 64)
    prepared = prepare_table(table, options)
    model, target = untrained(prepared), prepared.target
    rng = np.random.default_rng(2)
    output = rng.uniform(0.1, 0.9, (len(prepared.split.validation), 1, target.head.outputs))
    members = target.head.backward(output)
    made = calibrate(target.head, members, prepared.y[prepared.split.validation], members)
    assert made is not None
    predictor = TablePredictor(model, prepared.encoder, target, made, prepared.design, {})
    trained = Trained(model, History(), 1)
    seal = prepared.seal.open({"accuracy": 0.5}, source="t.csv")
    FittedTable(prepared, predictor, trained, None, seal, 1.0, "descend fit t.csv").save(path)

    def read(damaged):
        found = TablePredictor.load(damaged)
        rows = frame.iloc[:5]
        if found.design is not None:
            rows = found.design.apply(rows, targets=False)
        found.encoder.transform(rows)
        head = found.target.head
        output = np.full((5, 2, head.outputs), 0.4)
        values = found.values_of(output)
        if found.target.classifies:
            assert [found.target.classes[i] for i in values.argmax(axis=1)]
        if found.calibrated is not None:
            found.calibrated.columns(head, head.backward(output), found.target.classes)
        read_seal(damaged)
        reopen(damaged, table)
        side_by_side(path, damaged)

    return read


def make_classes(path):
    return make_table(path, FitOptions(target="y", hidden=(3,), recipe="mlp"))


def make_numbers(path):
    formula = "z ~ x + C(town) + I(x ** 2)"
    return make_table(path, FitOptions(formula=formula, hidden=(3,)))


def make_economy(path):
    economy, shape = BrockMirman(), Shape((4,))
    system = System(economy, {})
    params = shape.graph(system).init(jax.random.key(0))[0]
    figures = dict.fromkeys(("mean", "median", "p99", "p99.9", "max"), 1e-3)
    one = {"points": 10, "set back": 0.0, "conditions": {"euler": figures}, "consumption": {}}
    sets = {name: {**one, "binding": {}, "slack": {}} for name in ("ergodic", "box", "stressed")}
    spread = {"first": 1.0, "last": 0.1, "periods": 9, "halved after": 3}
    accuracy = Accuracy("gauss-hermite:9", "gauss-hermite:5", sets, spread)
    arrays = jax.tree.map(np.asarray, params)
    solution = Solution(
        economy, shape, arrays, "float32", {}, "gauss-hermite:5", "gauss-hermite:9", accuracy,
        [Seed(0, 1e-3, False, 0.0)], [Event(0.1, "words")], 1.0,
    )  # fmt: skip
    solution.save(path)
    return lambda damaged: load_solution(damaged).status


KINDS = {
    "model": make_model,
    "checkpoint": make_checkpoint,
    "classes": make_classes,
    "numbers": make_numbers,
    "economy": make_economy,
}


@pytest.fixture(scope="module", params=KINDS)
def whole(request, tmp_path_factory):
    """(path of a whole file, what reads it)."""
    path = tmp_path_factory.mktemp("whole") / f"{request.param}.descend"
    read = KINDS[request.param](path)
    read(path)
    return path, read


# -- sizes --------------------------------------------------------------------------------------


def test_sizes_are_checked_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "_memory", lambda: 8 * 10**9)
    path = tmp_path / "large.descend"
    make_model(path)
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    metadata = json.loads(whole[8 : 8 + length])["__metadata__"]
    size = 60 * 10**9
    claimed = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
    claims = json.dumps({"__metadata__": metadata, "w": claimed}).encode()
    brackets = b'{"a":[' + b"[]," * (container.MOST // 2) + b"[]]}"
    begun = lambda text: len(text).to_bytes(8, "little") + text
    for begin, message in (
        (begun(claims), "more than this machine has memory"),
        (whole, "its arrays end at byte"),
        (bytes(8), "not a file that descend wrote"),
        ((90 * 2**20).to_bytes(8, "little") + b"{", "not a file that descend wrote"),
        (begun(brackets), "more than 4,000,000 values"),
    ):
        path.write_bytes(begin)
        os.truncate(path, len(begin) + size)  # sparse: it takes no room on the disk
        start = time.perf_counter()
        with pytest.raises(CheckpointError, match=message):
            load_model(path)
        assert time.perf_counter() - start < SLOW


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"kind": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested deeper"),
        ('{"kind": ' + "[" * 70 + "]" * 70 + "}", "nested deeper"),
        ('{"kind": "model", "epochs": ' + "9" * 5000 + "}", "whole number of 5000 digits"),
        ('{"kind": "model", "model": {"graph": NaN}}', "should be"),
        ('["model"]', "cannot be read"),
        ("nothing of the kind", "cannot be read"),
    ],
)
def test_a_description_within_bounds(tmp_path, text, message):
    path = tmp_path / "m.descend"
    path.write_bytes(signed(text, {"a": np.zeros(3, np.float32)}))
    with pytest.raises(CheckpointError, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


def test_no_pipe_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="device or a pipe"):
        load_model(tmp_path / "pipe")


# -- mutations ----------------------------------------------------------------------------------


def strange(rng):
    return rng.choice(
        [
            *(None, True, -1, 0, 3, 10**9, 10**18, 1e308, -0.5, float("nan"), float("inf")),
            *(
                "",
                "x",
                "\x1b[2J",
                "9" * 400,
                [],
                {},
                [[]],
                [1, 2],
                [None],
                {"a": 1},
                {"class": "Dense"},
            ),
            *({"class": "Dense", "config": {}}, "Dense", "adam", "relu", ["glorot_uniform", {}]),
        ]
    )


def places(tree, at=()):
    """Every path in a JSON tree."""
    found = [at] if at else []
    if isinstance(tree, (dict, list)):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for name, part in items:
            found += places(part, (*at, name))
    return found


def mutate(tree, rng):
    """The tree with one to three places changed."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        every = places(tree)
        *way, last = rng.choice(every)
        parent = tree
        for name in way:
            parent = parent[name]
        old, kind = parent[last], rng.randrange(8)
        if kind == 0:
            del parent[last]
        elif kind == 1 and isinstance(old, list) and old:
            parent[last] = [*old, rng.choice(old)]
        elif kind == 2:
            *other, name = rng.choice(every)
            found = tree
            for step in (*other, name):
                found = found[step] if isinstance(found, dict) and step in found else old
            parent[last] = copy.deepcopy(found)
        elif kind == 3:
            parent[last] = {"value": old} if rng.random() < 0.5 else [old]
        elif kind == 4:
            parent[last] = str(old) if not isinstance(old, str) else len(old)
        elif kind == 5 and isinstance(old, (int, float)):
            parent[last] = rng.choice([-old, old + 1, old * 1000, old + 0.5])
        elif kind == 6 and isinstance(parent, dict):
            parent["stranger"] = strange(rng)
        else:
            parent[last] = strange(rng)
    return tree


def mutate_arrays(arrays, rng):
    arrays = dict(arrays)
    name = rng.choice(sorted(arrays))
    old, kind = arrays[name], rng.randrange(8)
    if kind == 0:
        del arrays[name]
    elif kind == 1:
        arrays[rng.choice([name + "x", "params", "state", name.replace("/", "//"), "a/b"])] = old
    elif kind == 2:
        arrays[name] = old.astype(rng.choice(["float64", "float16", "int32", "bool", "uint8"]))
    elif kind == 3:
        arrays[name] = old.reshape(-1)
    elif kind == 4:
        arrays[name] = np.full(old.shape, np.nan, np.float32)
    elif kind == 5:
        arrays[name] = np.zeros((0, *old.shape), old.dtype)
    elif kind == 6:
        arrays[name + "/deeper"] = old
    else:
        arrays[name] = np.concatenate([np.atleast_1d(old)] * 2)
    return arrays


def signed(description, arrays):
    """A file of this content with the right digest."""
    text = description if isinstance(description, str) else json.dumps(description)
    arrays = {k: np.require(a, requirements="C") for k, a in arrays.items()}
    header = {"descend": text, "format": "2", "version": "0", "digest": ""}
    header["digest"] = checkpoint._digest(text, arrays)
    return safetensors.save(arrays, metadata=header)


def damage(content, rng):
    """Bytes changed, lost or added; the header's own JSON changed."""
    content, kind = bytearray(content), rng.randrange(6)
    if kind == 0:
        for _ in range(rng.choice([1, 3, 20])):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del content[rng.randrange(len(content)) :]
    elif kind == 2:
        content += bytes(rng.choice([1, 8, 1000]))
    elif kind == 3:
        begin = rng.randrange(len(content))
        del content[begin : begin + rng.choice([1, 8, 100])]
    elif kind == 4:
        content[:8] = rng.choice([0, 1, 9, 2**20, 2**40, 2**64 - 1]).to_bytes(8, "little")
    else:
        length = int.from_bytes(content[:8], "little")
        header = mutate(json.loads(bytes(content[8 : 8 + length])), rng)
        text = json.dumps(header).encode()
        content = bytearray(len(text).to_bytes(8, "little") + text + content[8 + length :])
    return bytes(content)


def test_only_our_errors(whole, tmp_path, recwarn):
    path, read = whole
    content = path.read_bytes()
    description, arrays = checkpoint.read(path)
    damaged = tmp_path / "damaged.descend"
    began, number, wrong = time.perf_counter(), 0, []
    while number < CASES or time.perf_counter() - began < SECONDS / len(KINDS):
        rng = random.Random(number)
        number += 1
        kind = rng.choice(["tree", "tree", "tree", "arrays", "bytes"])
        if kind == "tree":
            made = signed(mutate(description, rng), arrays)
        elif kind == "arrays":
            made = signed(description, mutate_arrays(arrays, rng))
        else:
            made = damage(content, rng)
        damaged.write_bytes(made)
        start = time.perf_counter()
        try:
            read(damaged)
        except DescendError as error:
            if isinstance(error, CheckpointError) and str(damaged) not in str(error):
                wrong.append(f"{number}: {error} does not name the file")
        except Exception:
            wrong.append(f"case {number - 1} ({kind}): {traceback.format_exc()}")
        if time.perf_counter() - start > SLOW:
            wrong.append(f"case {number - 1} took {time.perf_counter() - start:.1f} s")
    print(f"{number} cases in {time.perf_counter() - began:.1f} s, {len(wrong)} wrong")
    assert not wrong, f"{len(wrong)} of {number}:\n\n" + "\n".join(wrong[:40])
