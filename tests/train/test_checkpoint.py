"""Files: models, checkpoints, resuming after SIGKILL, and files that are not what they seem."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from descend import (
    Dense,
    Dropout,
    EarlyStopping,
    Input,
    Layer,
    Model,
    ModelCheckpoint,
    PReLU,
    Sequential,
    load_model,
)
from descend.errors import CheckpointError, DescendError
from descend.nn.layers import Add, Concatenate, DropConnect, Flatten, Reshape
from descend.nn.losses import NegativeLogLikelihood
from descend.nn.regularizers import L1L2
from descend.train.rules.schedules import CosineDecay
from descend.train.saving import checkpoint


def data(n=60):
    draw = np.random.default_rng(2)
    x = draw.normal(size=(n, 4)).astype(np.float32)
    return x, draw.integers(0, 3, n)


def network(optimizer="adam"):
    model = Sequential(
        [
            Input((4,)),
            Dense(16, "tanh", kernel_regularizer=L1L2(l1=1e-4, l2=1e-3)),
            Dropout(0.2),
            Dense(3, "softmax"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def same(a, b):
    return all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))


# -- models ------------------------------------------------------------------------------------


def everything():
    """A model with every layer, several inputs and outputs, and a shared layer."""
    a, b = Input((4,), name="a"), Input((2, 3), name="b")
    shared = Dense(6, "elu", name="shared")
    left, right = shared(a), shared(Dense(4)(Flatten()(b)))
    h = Add()([left, right])
    h = Concatenate()([h, PReLU()(DropConnect(5, rate=0.3)(h))])
    h = Reshape((11, 1))(Dropout(0.1)(h))
    out = Dense(2, name="out")(Flatten()(h))
    model = Model([a, b], [out, Dense(1, "sigmoid", name="chance")(h)], name="all")
    model.compile("nesterov", ["huber", "binary_crossentropy"], loss_weights=[1.0, 0.5])
    return model


def test_a_model_comes_back_bit_equal(tmp_path):
    draw = np.random.default_rng(0)
    x = [draw.normal(size=(20, 4)), draw.normal(size=(20, 2, 3))]
    y = [draw.normal(size=(20, 2)), draw.integers(0, 2, (20, 11, 1))]
    model = everything()
    model.fit(x, y, epochs=2, verbose=0)
    file = tmp_path / "m.descend"
    model.save(file)
    loaded = load_model(file)
    assert loaded.config() == model.config()
    assert loaded.history.history == model.history.history
    for u, v in zip(model.predict(x), loaded.predict(x), strict=True):
        np.testing.assert_array_equal(u, v)
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    assert loaded.parameter_counts()["shared"] == 4 * 6 + 6


def test_schedules_and_rules_come_back(tmp_path):
    rule = {"name": "rmsprop", "learning_rate": {"schedule": "cosine", "learning_rate": 0.01,
                                                 "decay_steps": 50}, "rho": 0.8}  # fmt: skip
    model = network(rule)
    model.save(tmp_path / "m.descend")
    assert load_model(tmp_path / "m.descend").optimizer == model.optimizer
    assert model.optimizer.learning_rate == CosineDecay(0.01, decay_steps=50)


def test_code_is_not_saved(tmp_path):
    """An Optax transformation or a density is code: the file holds no compile part."""
    x, y = data()
    model = network(optax.sgd(0.1))
    model.fit(x, y, epochs=1, verbose=0)
    model.save(tmp_path / "m.descend")
    loaded = load_model(tmp_path / "m.descend")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    with pytest.raises(DescendError, match="call compile"):
        loaded.evaluate(x, y)
    density = NegativeLogLikelihood(lambda y, p: -jnp.sum((y - p) ** 2, axis=1))
    other = Sequential([Input((4,)), Dense(3)])
    other.compile("sgd", density)
    other.save(tmp_path / "n.descend")
    assert load_model(tmp_path / "n.descend")._task is None


class Double(Layer):
    def apply(self, params, state, x, *, key=None, training=False):
        return 2 * x, state


def test_a_layer_of_the_users_own_is_handed_in(tmp_path):
    model = Sequential([Input((4,)), Double(), Dense(2)])
    model.save(tmp_path / "m.descend")
    with pytest.raises(DescendError, match="custom={'Double': Double}"):
        load_model(tmp_path / "m.descend")
    loaded = load_model(tmp_path / "m.descend", custom={"Double": Double})
    x, _ = data()
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


# -- files that are not what they seem ---------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "m.descend"
    network().save(path)
    return path


def test_missing(tmp_path):
    with pytest.raises(CheckpointError, match="there is no such file"):
        load_model(tmp_path / "none.descend")


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.99])
def test_truncated_anywhere(file, keep):
    content = file.read_bytes()
    size = int(keep * len(content)) if isinstance(keep, float) else keep
    file.write_bytes(content[:size])
    with pytest.raises(CheckpointError, match="truncated|not a file that descend wrote"):
        load_model(file)


def test_edited_weights_and_edited_description(file):
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match="edited or damaged"):
        load_model(file)
    network().save(file)
    content = file.read_bytes().replace(b"tanh", b"relu", 1)
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match="edited or damaged"):
        load_model(file)


@pytest.mark.parametrize(("version", "remedy"), [(7, "Upgrade"), (1, "Train it again")])
def test_from_another_version(file, monkeypatch, version, remedy):
    monkeypatch.setattr(checkpoint, "FORMAT", version)
    network().save(file)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=f"format {version}.*reads format 2.*{remedy}"):
        load_model(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, world: a text file of somebody else's",
        b"\x80\x04\x95pickle",
        b"PK\x03\x04zip" * 20,
        (2).to_bytes(8, "little") + b"{}",
        (33).to_bytes(8, "little") + b'{"__metadata__":{"format":"pt"}} ',
        (6).to_bytes(8, "little") + b"{nope}",
    ],
)
def test_not_ours(tmp_path, content):
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a file that descend wrote"):
        load_model(path)


def test_a_failed_write_leaves_the_old_file(file, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr(
        os, "replace", lambda *a: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(DescendError, match="No space left"):
        network("sgd").save(file)
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_unwritable_places(tmp_path):
    with pytest.raises(DescendError, match="there is no folder"):
        network().save(tmp_path / "no" / "m.descend")
    with pytest.raises(DescendError, match="it is a folder"):
        network().save(tmp_path)
    x, y = data()
    model = network()
    with pytest.raises(DescendError, match="there is no folder"):  # before training, not after
        model.fit(x, y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "no" / "c.descend")])
    assert model.history is None or len(model.history) == 0


# -- checkpoints -------------------------------------------------------------------------------

RUN = """
import sys, numpy as np
sys.path.insert(0, {here!r})
from test_checkpoint import data, network
from descend import EarlyStopping, ModelCheckpoint
x, y = data()
model = network({rule!r})
keep = ModelCheckpoint({file!r})
class Slow:
    def on_epoch_end(self, epoch, logs):
        import time
        print(epoch, flush=True)
        time.sleep({pause})
h = model.fit(x, y, batch_size=7, epochs=12, verbose=0, validation_split=.25, seed=5,
              callbacks=[EarlyStopping(patience=8), keep, Slow()], resume={resume!r})
np.savez({out!r}, loss=h.history["loss"], val=h.history["val_loss"], *model.get_weights())
"""


def python(code, **options):
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment, **options
    )


@pytest.mark.parametrize("rule", ["momentum", "adam"])
def test_killed_and_resumed_is_bit_equal(tmp_path, rule):
    """SIGKILL between epochs, at a moment that differs from run to run; then resume."""
    here, file, out = (
        os.path.dirname(__file__),
        str(tmp_path / "c.descend"),
        str(tmp_path / "out.npz"),
    )
    common = {"here": here, "rule": rule, "file": file, "out": out}
    process = python(RUN.format(**common, resume=None, pause=0.3))
    for line in process.stdout:
        if int(line) >= 4:
            time.sleep(0.1 + 0.2 * np.random.default_rng().random())
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    assert not os.path.exists(out)
    reached = checkpoint.read(file)[0]["epoch"]
    assert 4 <= reached < 12

    again = python(RUN.format(**common, resume=file, pause=0))
    lines = again.communicate()[0].split()
    assert again.returncode == 0
    assert lines == [str(e) for e in range(reached, 12)]

    x, y = data()
    whole = network(rule)
    history = whole.fit(
        x, y, batch_size=7, epochs=12, verbose=0, validation_split=0.25, seed=5,
        callbacks=[EarlyStopping(patience=8)],
    ).history  # fmt: skip
    found = np.load(out)
    assert found["loss"].tolist() == history["loss"]
    assert found["val"].tolist() == history["val_loss"]
    assert same([found[f"arr_{i}"] for i in range(4)], whole.get_weights())


def test_early_stopping_resumes_with_its_best_weights(tmp_path):
    x, y = data()
    options = {"batch_size": 10, "verbose": 0, "validation_split": 0.3}
    whole, stop = network(), EarlyStopping(patience=4)
    history = whole.fit(x, y, epochs=80, callbacks=[stop], **options)
    best = int(stop.best_epoch)
    assert best + 2 < len(history) < 80
    file = tmp_path / "c.descend"
    # stop between the best epoch and the end: the best weights are then only in the checkpoint
    cut = best + 2
    first = network()
    first.fit(
        x, y, epochs=cut, callbacks=[EarlyStopping(patience=4), ModelCheckpoint(file)], **options
    )
    second = network()
    found = second.fit(
        x, y, epochs=80, callbacks=[EarlyStopping(patience=4), ModelCheckpoint(file)], resume=file,
        **options,
    )  # fmt: skip
    assert found.history == history.history
    assert same(second.get_weights(), whole.get_weights())


def test_a_checkpoint_is_also_a_model(tmp_path):
    x, y = data()
    model = network()
    model.fit(x, y, epochs=3, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "{epoch}.descend")])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.descend", "2.descend", "3.descend"]
    loaded = load_model(tmp_path / "3.descend")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


def test_resuming_what_does_not_belong(tmp_path):
    x, y = data()
    file = tmp_path / "c.descend"
    network().fit(x, y, epochs=2, verbose=0, callbacks=[ModelCheckpoint(file)])

    def resume(model, *rows, **options):
        model.fit(*rows, epochs=4, verbose=0, resume=file, **options)

    with pytest.raises(CheckpointError, match="its data is"):
        resume(network(), x + 1, y)
    with pytest.raises(CheckpointError, match="its seed is 0, this call's is 3"):
        resume(network(), x, y, seed=3)
    with pytest.raises(CheckpointError, match="its batch_size is 32"):
        resume(network(), x, y, batch_size=8)
    with pytest.raises(CheckpointError, match="its layers differ"):
        resume(wider(), x, y)
    network().save(file)
    with pytest.raises(CheckpointError, match="without optimiser and epoch"):
        resume(network(), x, y)


def wider():
    model = Sequential([Input((4,)), Dense(17, "tanh"), Dropout(0.2), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def test_the_file_is_plain(file):
    """JSON and arrays: the description can be read with nothing but json."""
    content = file.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    described = json.loads(header["__metadata__"]["descend"])
    assert described["model"]["graph"]["layers"]["dense"]["config"]["units"] == 16
