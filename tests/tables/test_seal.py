"""The seal of a test part: openings are recorded, in one step, and nothing else changes."""

import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from descend.errors import CheckpointError, DataError, DescendError
from descend.nn.layers import Dense
from descend.nn.symbols import Input
from descend.tables.seal import Seal, digest_rows, read_seal, record_opening
from descend.train.model.sequential import Sequential
from descend.train.saving.loading import load_with_extra

FRAME = pd.DataFrame(
    {
        "size": [1.5, np.nan, -0.0, 7.0],
        "rooms": [1, 2, 3, 4],
        "town": ["Ulm", None, "Bonn", "Ulm"],
        "sold": pd.to_datetime(["2020-01-01", "2021-05-06", None, "2020-01-01"]),
        "garden": [True, False, True, True],
    }
)
TARGET = np.asarray([1.0, 2.0, 3.0, 4.0])


@pytest.fixture
def model_file(tmp_path):
    model = Sequential([Input((2,)), Dense(3, "tanh"), Dense(1)], seed=1)
    path = tmp_path / "m.descend"
    seal = Seal.of(FRAME, TARGET)
    model.save(path, extra={"seal": seal.to_json(), "table": {"target": "price"}})
    return path


def test_the_digest_does_not_depend_on_the_order_of_rows_and_columns():
    order = [2, 0, 3, 1]
    whole = digest_rows(FRAME, TARGET)
    assert digest_rows(FRAME.iloc[order], TARGET[order]) == whole
    assert digest_rows(FRAME[list(FRAME.columns)[::-1]], TARGET) == whole
    assert digest_rows(FRAME.set_axis([9, 8, 7, 6]), pd.Series(TARGET)) == whole


def test_the_digest_does_not_depend_on_how_a_file_was_read():
    other = FRAME.assign(
        size=FRAME["size"].abs(),  # 0.0 for -0.0
        rooms=FRAME["rooms"].astype("Int64"),
        town=FRAME["town"].astype("category"),
        sold=FRAME["sold"].astype("datetime64[ns]"),
        garden=FRAME["garden"].astype(float),
    )
    assert digest_rows(other, TARGET.astype(int)) == digest_rows(FRAME, TARGET)
    assert digest_rows(FRAME.astype({"town": object}), TARGET) == digest_rows(FRAME, TARGET)


@pytest.mark.parametrize(
    ("column", "value"),
    [("size", 1.5000001), ("rooms", 9), ("town", "ulm"), ("sold", pd.Timestamp(2020, 1, 2))],
)
def test_the_digest_depends_on_every_value(column, value):
    changed = FRAME.copy()
    changed.loc[0, column] = value
    assert digest_rows(changed, TARGET) != digest_rows(FRAME, TARGET)


def test_the_digest_depends_on_target_names_number_and_pairing():
    found = {
        digest_rows(FRAME, TARGET),
        digest_rows(FRAME, TARGET[[1, 0, 2, 3]]),
        digest_rows(FRAME.rename(columns={"size": "area"}), TARGET),
        digest_rows(FRAME.iloc[:3], TARGET[:3]),
        digest_rows(pd.concat([FRAME, FRAME.iloc[:1]]), np.append(TARGET, 1.0)),
    }
    assert len(found) == 5
    with pytest.raises(DataError, match="4 rows of inputs and 3"):
        digest_rows(FRAME, TARGET[:3])


def test_the_digest_of_one_number_by_hand():
    """SHA-256 of the names, then of each row's SHA-256, over little-endian float64."""
    import hashlib
    import struct

    rows = [hashlib.sha256(struct.pack("<dd", x, y)).digest() for x, y in ((2.0, 5.0), (1.0, 4.0))]
    expected = hashlib.sha256(b"['x']" + b"".join(sorted(rows))).hexdigest()
    assert digest_rows(pd.DataFrame({"x": [2, 1]}), np.asarray([5, 4])) == expected


def test_the_first_opening_is_silent_and_the_second_says_so(model_file):
    assert not read_seal(model_file).opened
    first = record_opening(model_file, {"rmse": 3.25, "auc": np.nan}, source="homes.csv")
    assert first.warning is None
    assert read_seal(model_file) == first
    second = record_opening(model_file, {"rmse": np.float32(2.5)}, source="homes.csv")
    assert f"before: on {first.openings[0].when} with 4 rows of homes.csv (rmse 3.25)" in (
        second.warning
    )
    assert "These are the same rows." in second.warning
    assert "no longer honest" in second.warning
    assert read_seal(model_file) == second
    assert [o.figures for o in second.openings] == [{"rmse": 3.25, "auc": None}, {"rmse": 2.5}]
    assert second.openings[0].versions["descend"]
    json.dumps(second.to_json(), allow_nan=False)


def test_other_rows_are_told_from_the_same(model_file):
    record_opening(model_file, {}, source="homes.csv")
    digest = digest_rows(FRAME.iloc[:2], TARGET[:2])
    seal = record_opening(model_file, {}, source="new.csv", digest=digest, rows=2)
    assert "These rows are others." in seal.warning
    for _ in range(4):
        seal = record_opening(model_file, {"rmse": 1.0}, source="homes.csv")
    assert "before: 2 time(s), and then on" in seal.warning
    assert len(seal.openings) == 6


def test_only_the_seal_changes(model_file):
    model, extra = load_with_extra(model_file)
    seal = record_opening(model_file, {"r2": 0.5}, source="x")
    again, extra_after = load_with_extra(model_file)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()
    assert again.describe() == model.describe()
    assert extra_after == {**extra, "seal": seal.to_json()}
    assert [p.name for p in model_file.parent.iterdir() if p.suffix == ".tmp"] == []


def test_a_checkpoint_keeps_its_optimiser_when_opened(tmp_path):
    from descend.train.saving import checkpoint

    arrays = {
        "state/x": np.asarray([np.nan, -0.0], np.float32),
        "state/step": np.asarray(3, np.int32),
    }
    path = tmp_path / "c.descend"
    extra = {"seal": Seal("d", 3).to_json(), "other": [1]}
    checkpoint.write(path, "checkpoint", {"epoch": 4, "extra": extra}, arrays)
    record_opening(path, {}, source="x")
    described, after = checkpoint.read(path)
    assert (described["kind"], described["epoch"]) == ("checkpoint", 4)
    assert described["extra"]["other"] == [1]
    assert set(after) == set(arrays)
    for name, array in arrays.items():
        assert after[name].dtype == array.dtype
        assert after[name].shape == array.shape
        assert after[name].tobytes() == array.tobytes()


def test_an_edited_opening_is_detected(model_file):
    record_opening(model_file, {"rmse": 3.25}, source="homes.csv")
    content = model_file.read_bytes()
    assert content.count(b"homes.csv") == 1
    model_file.write_bytes(content.replace(b"homes.csv", b"homez.csv"))
    with pytest.raises(CheckpointError, match="edited or damaged"):
        read_seal(model_file)
    with pytest.raises(CheckpointError, match="edited or damaged"):
        record_opening(model_file, {}, source="x")


KILLED = """
import os, signal, sys
from descend.tables import seal
os.replace = lambda *a: os.kill(os.getpid(), signal.SIGKILL)
seal.record_opening(sys.argv[1], {"rmse": 1.0}, source="x")
"""


def test_a_kill_before_the_last_step_leaves_the_old_file(model_file):
    before = model_file.read_bytes()
    done = subprocess.run([sys.executable, "-c", KILLED, str(model_file)], env={**os.environ})
    assert done.returncode == -signal.SIGKILL
    assert model_file.read_bytes() == before
    assert not read_seal(model_file).opened
    # and the dead process holds nothing up
    assert len(record_opening(model_file, {}, source="x").openings) == 1


def test_a_full_disk_leaves_the_old_file(model_file, monkeypatch):
    before = model_file.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DescendError, match="No space left"):
        record_opening(model_file, {}, source="x")
    assert model_file.read_bytes() == before
    assert not list(model_file.parent.glob("*.tmp"))


def test_openings_at_the_same_time_are_all_recorded(model_file):
    def look(i):
        record_opening(model_file, {"i": i}, source=f"s{i}")

    threads = [threading.Thread(target=look, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {o.source for o in read_seal(model_file).openings} == {f"s{i}" for i in range(8)}


def test_a_file_without_a_seal(tmp_path):
    path = tmp_path / "m.descend"
    Sequential([Input((2,)), Dense(1)]).save(path)
    with pytest.raises(CheckpointError, match="has no seal"):
        record_opening(path, {}, source="x")
    with pytest.raises(CheckpointError, match="no such file"):
        record_opening(tmp_path / "none.descend", {}, source="x")
    with pytest.raises(CheckpointError, match="seal of the test cannot be read"):
        Seal.from_json({"digest": "x", "rows": 3, "openings": [{"when": "now"}]})
