"""Keras listings run on descend with their first line changed, and give Keras's own facts.

The files of `keras_code/` are written in the manner of Keras's guides and examples: images, text,
series, autoencoders, transfer, callbacks, layers and models of one's own, tables. Each ends in a
dictionary `facts` of what does not depend on random draws: counts, shapes, names, what stays and
what moves, numbers after given weights. What Keras itself makes of them is in `keras_facts.json`,
written by tools/record_keras_listings.py.
"""

import json
import re
from pathlib import Path

import jax
import matplotlib as mpl
import numpy as np
import pytest

from descend.errors import DescendError

HERE = Path(__file__).parent
FACTS = json.loads((HERE / "keras_facts.json").read_text(encoding="utf-8"))
LISTINGS = sorted((HERE / "keras_code").glob("*.txt"))
SLOW = {"images_patches_transformer", "images_augmented_xception"}  # a quarter of a minute each
FIRST_LINES = {"import keras", "from tensorflow import keras"}


def run(path, monkeypatch, tmp_path):
    """The names that a listing leaves behind."""
    monkeypatch.chdir(tmp_path)
    mpl.use("Agg")
    first, rest = path.read_text(encoding="utf-8").split("\n", 1)
    assert first in FIRST_LINES
    names: dict = {"__name__": "listing"}
    with jax.numpy_rank_promotion("allow"):  # a listing broadcasts as it likes
        exec(compile(f"from descend import keras\n{rest}", path.name, "exec"), names)
    return names


def same(ours, keras):
    """Equal facts; numbers to 1e-4, what float32 leaves of sums over some hundred rows."""
    if isinstance(keras, dict):
        return set(ours) == set(keras) and all(same(ours[k], keras[k]) for k in keras)
    if isinstance(keras, list):
        return len(ours) == len(keras) and all(map(same, ours, keras))
    if isinstance(keras, float):
        return bool(np.isclose(float(ours), keras, rtol=1e-4, atol=1e-4))
    return bool(ours == keras)


# of the digits the last are unlike the others, as descend says
@pytest.mark.filterwarnings("ignore::descend.train.model.rows.UnlikeTailWarning")
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(p, id=p.stem, marks=[pytest.mark.slow] * (p.stem in SLOW))
        for p in LISTINGS
        if p.stem in FACTS
    ],
)
def test_a_listing_gives_the_facts_that_keras_gives(path, monkeypatch, tmp_path):
    facts = run(path, monkeypatch, tmp_path)["facts"]
    expected = FACTS[path.stem]
    assert set(facts) == set(expected)
    different = {k: (facts[k], expected[k]) for k in facts if not same(facts[k], expected[k])}
    assert not different, f"(descend, Keras): {different}"


def test_a_training_loop_in_tensorflows_words_is_refused_with_the_reason(monkeypatch, tmp_path):
    [path] = [p for p in LISTINGS if p.stem not in FACTS]
    with pytest.raises(DescendError, match=re.compile("train_step.*Task", re.DOTALL)):
        run(path, monkeypatch, tmp_path)
