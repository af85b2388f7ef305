"""`descend.keras`: the table of names, the page made of it, and Keras's own names."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from descend.errors import DescendError
from descend.keras.face import AbsentImport, AbsentName
from descend.keras.lists import LISTS
from descend.keras.table import TABLE

ROOT = Path(__file__).parents[1]
MODULES = {key: f"descend.keras.{key}" for key in LISTS} | {
    "schedules": "descend.keras.optimizers.schedules"
}


def test_the_table_has_every_list():
    assert set(TABLE) == set(LISTS)
    for key, names in TABLE.items():
        strange = {*names.absent, *names.differs} - set(LISTS[key])
        assert not strange, f"{key}: {strange} are no names of Keras's"
        here = [name for name in names.absent if names.load(name) is not None]
        assert not here, f"{key}: {here} are here, the table says why they are not"


@pytest.mark.parametrize("key", LISTS)
def test_every_name_is_here_or_says_why_not(key):
    module = importlib.import_module(MODULES[key])
    for name in LISTS[key]:
        entry = TABLE[key].entry(name)
        if entry.status == "absent":
            assert entry.note, f"keras.{key}.{name}: neither here nor in the table"
            with pytest.raises(AbsentName, match="is not here"):
                getattr(module, name)
        else:
            assert getattr(module, name) is not None
            assert name in dir(module)


def test_the_page_is_the_tables():
    tool = importlib.util.spec_from_file_location("keras_names", ROOT / "tools/keras_names.py")
    made = importlib.util.module_from_spec(tool)
    tool.loader.exec_module(made)
    assert (ROOT / "docs/keras.md").read_text() == made.page(), "run python tools/keras_names.py"


def test_kerass_own_names_are_in_the_table():
    """Names that a newer Keras has got show here, and want an entry."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's import warns about its own dependencies
        keras = pytest.importorskip("keras", exc_type=ImportError)
    for key, names in LISTS.items():
        module = keras.optimizers.schedules if key == "schedules" else getattr(keras, key)
        own = {n for n in dir(module) if not n.startswith("_")}
        assert not own - set(names), f"keras.{key} has new names"


def test_what_an_absent_name_says():
    from descend import keras

    with pytest.raises(AttributeError, match="keras.losses.CTC is not here.*docs/keras.md"):
        _ = keras.losses.CTC
    with pytest.raises(AttributeError, match="Did you mean 'Dense'"):
        _ = keras.layers.Dens
    with pytest.raises(AttributeError, match="from_keras"):
        _ = keras.applications
    with pytest.raises(AbsentImport, match="optax.adafactor"):
        from descend.keras.optimizers import Adafactor  # noqa: F401
    with pytest.raises(ImportError, match="Did you mean 'EarlyStopping'"):
        from descend.keras.callbacks import EarlyStoping  # noqa: F401
    with pytest.raises(AttributeError, match=r"keras.ops.mean or"):
        _ = keras.backend.mean
    with pytest.raises(AttributeError, match="jax.numpy"):
        _ = keras.ops.ctc_loss
    assert not hasattr(keras.layers, "Dens")


def test_one_import_line_serves_a_listing():
    from descend import keras
    from descend.keras import layers
    from descend.keras.callbacks import EarlyStopping
    from descend.keras.utils import to_categorical

    keras.utils.set_random_seed(3)
    x = np.random.default_rng(0).normal(size=(60, 4))
    y = to_categorical((x[:, 0] > 0).astype(int))
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(
                8,
                activation="relu",
                kernel_initializer=keras.initializers.HeNormal(seed=1),
                kernel_regularizer=keras.regularizers.l2(1e-4),
            ),
            layers.Dense(2, activation="softmax"),
        ]
    )
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 10, 0.9, staircase=True)
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=rate, clipnorm=1.0),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
        metrics=["accuracy", keras.metrics.AUC(name="auc")],
    )
    stop = EarlyStopping(monitor="val_auc", mode="max", patience=20, restore_best_weights=True)
    history = model.fit(x, y, epochs=25, validation_split=0.2, callbacks=[stop], verbose=0)
    assert max(history.history["val_auc"]) > 0.9
    assert model.seed == 3
    keras.utils.set_random_seed(0)
    keras.backend.clear_session()


def test_the_package_loads_nothing_heavy():
    code = "import sys; from descend import keras; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"jax", "pandas", "matplotlib"} & {n.split(".")[0] for n in done.stdout.split()}


# -- functions of arrays ------------------------------------------------------------------------


def test_preparing_equals_keras():
    keras = pytest.importorskip("keras")
    from descend.keras import utils

    for given in ([0, 2, 1], [[1], [0]], np.array([[0, 1], [2, 2]])):
        np.testing.assert_array_equal(
            utils.to_categorical(given), keras.utils.to_categorical(given)
        )
    np.testing.assert_array_equal(utils.to_categorical([1], 4), [[0, 1, 0, 0]])
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [1.0, -1.0]])
    for options in ({}, {"order": 1}):
        np.testing.assert_allclose(
            utils.normalize(rows, **options), keras.utils.normalize(rows, **options)
        )
    np.testing.assert_allclose(utils.normalize(rows[:1], axis=0), [[1.0, 1.0]])
    ragged = [[1, 2, 3], [4], [], [5, 6]]
    for options in (
        {},
        {"maxlen": 2},
        {"maxlen": 2, "padding": "post", "truncating": "post", "value": 9},
        {"maxlen": 5, "dtype": "float32", "padding": "post"},
    ):
        np.testing.assert_array_equal(
            utils.pad_sequences(ragged, **options), keras.utils.pad_sequences(ragged, **options)
        )
    for call in (
        lambda: utils.to_categorical([0, -1]),
        lambda: utils.to_categorical([0, 3], 2),
        lambda: utils.to_categorical([0.5]),
        lambda: utils.pad_sequences([1, 2]),
        lambda: utils.pad_sequences([[1]], padding="left"),
        lambda: utils.set_random_seed(-1),
    ):
        with pytest.raises(DescendError):
            call()


def test_ops_equal_keras():
    """Every op that takes one array, or two, gives what Keras's gives."""
    keras = pytest.importorskip("keras")
    import jax

    from descend.keras import ops

    x, y = np.array([[0.3, 0.7], [0.2, 0.9]]), np.array([[0.5, 0.1], [0.4, 0.8]])
    compared = 0
    with jax.numpy_rank_promotion("allow"):
        for name in ops.__all__:
            if name in ("empty_like", "shape", "copy", "convert_to_numpy", "unravel_index"):
                continue
            for given in ((x,), (x, y)):
                try:
                    want = getattr(keras.ops, name)(*given)
                    leaves = [np.asarray(a) for a in jax.tree.leaves(want)]
                except Exception:  # another number of arguments, other types
                    continue
                got = [np.asarray(a) for a in jax.tree.leaves(getattr(ops, name)(*given))]
                assert len(got) == len(leaves), name
                for a, b in zip(got, leaves, strict=True):
                    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, err_msg=name)
                compared += 1
    assert compared > 100
    assert ops.cast([1.7], "int32").tolist() == [1]
    assert ops.convert_to_tensor([1, 2]).shape == (2,)
