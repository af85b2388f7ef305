"""The lecture's own Keras listing runs on descend with only its import lines changed.

itam-2023, section 1.8 "Example of a NN in Python". The text file is the listing as printed, but for
the `!pip` lines and a line break that the page's width put inside `x_train, ..., l_test = ...`.
"""

import ast
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

LISTING = (Path(__file__).parent / "itam_2023_iris_regression.txt").read_text(encoding="utf-8")
IMPORTS = {
    "import tensorflow as tf": "",
    "from tensorflow.keras.models import Model": "from descend import Model",
    "from tensorflow.keras.layers import Input, Dense": "from descend import Input, Dense",
}


@pytest.fixture
def pyplot(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)  # Agg then shows nothing, in silence
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def test_listing_runs_with_only_the_imports_changed(pyplot, capsys):
    lines = LISTING.splitlines()
    ours = [IMPORTS.get(line, line) for line in lines]
    changed = [a for a, b in zip(lines, ours, strict=True) if a != b]
    assert changed == list(IMPORTS)

    *body, last = ast.parse("\n".join(ours)).body
    names: dict = {}
    np.random.seed(0)  # the listing does not seed its split
    exec(compile(ast.Module(body, []), "listing", "exec"), names)
    test_loss = eval(compile(ast.Expression(last.value), "listing", "eval"), names)

    printed = capsys.readouterr().out
    for layer, count in {"hidden1": 96, "hidden2": 2112, "hidden3": 2080, "output": 66}.items():
        assert re.search(rf"{layer} \(Dense\) .* {count:,}\n", printed), layer
    assert "Total parameters: 4,354" in printed
    history = names["MLP"].history.history
    assert len(history["loss"]) == len(history["val_loss"]) == 100
    assert history["loss"][-1] < history["loss"][0] / 4
    assert printed.count("val_loss") == 100  # verbose=2: one line an epoch
    # Keras over 100 seeded runs: .094 to 1.07; see labs/iris_regression.py
    assert isinstance(test_loss, float)
    assert 0.05 < test_loss < 1.1
    assert len(pyplot.get_fignums()) == 2
