"""What a solve gives: policies at states by name, and a file that gives the same policies again."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from descend.economies.outputs import Share
from descend.economies.shocks import Chain
from descend.economies.solution import load_solution
from descend.economies.statement import Economy
from descend.errors import CheckpointError, DataError, DescendError
from descend.statement import parameter
from descend.train.saving import checkpoint

STATES = {"k": np.array([0.1, 0.2, 0.3]), "a": np.array([-0.05, 0.0, 0.05])}


@dataclass(frozen=True)
class Vectors(Economy):
    """A vector of two states, a chain, a parameter as a state; the policy is its start."""

    share: float = parameter(0.3, above=0, below=1)

    def states(self):
        return {"x": ([0.0, 1.0], [1.0, 3.0]), "y": (-1.0, 1.0)}

    def shocks(self):
        return {"z": Chain([0.9, 1.1], [[0.8, 0.2], [0.4, 0.6]])}

    def policies(self):
        return {"p": Share(shape=(2,), start=jnp.stack([jnp.asarray(self.share)] * 2))}

    def transition(self, now, policy, shock):
        return {"x": 0.5 + policy.p, "y": 0.5 * now.y}

    def conditions(self, now, policy, E):
        return {"p": policy.p - self.share}

    def definitions(self, now, policy):
        return {"total": now.z * jnp.sum(now.x) + self.share}


@pytest.fixture(scope="module")
def vectors(unsolved):
    return unsolved(Vectors(), over={"share": (0.2, 0.6)})


# -- policies at states -------------------------------------------------------------------------


def test_policies_and_definitions_at_states(brock_mirman):
    found = brock_mirman.policy(STATES)
    assert list(found) == ["saving", "output", "consumption"]  # in the author's order
    assert all(v.shape == (3,) and v.dtype == np.float64 for v in found.values())
    output = np.exp(STATES["a"]) * STATES["k"] ** 0.36
    np.testing.assert_allclose(found["output"], output, rtol=1e-14)
    np.testing.assert_allclose(found["consumption"], (1 - found["saving"]) * output, rtol=1e-14)


def test_one_state_for_all_and_numbers(brock_mirman):
    same = brock_mirman.policy({"k": STATES["k"], "a": 0.0})
    each = brock_mirman.policy({"k": STATES["k"], "a": np.zeros(3)})
    assert np.array_equal(same["saving"], each["saving"])
    assert brock_mirman.policy({"k": 0.2, "a": 0})["saving"].shape == (1,)
    assert brock_mirman.policy({"a": [0, 0], "k": [0.1, 0.2]})["saving"].shape == (2,)


def test_vectors_chains_and_parameters_by_name(vectors):
    """Of a head that begins at the parameter: the policy is the parameter, state by state."""
    share = np.array([0.2, 0.3, 0.5])
    x = np.array([[0.5, 1.0], [0.1, 2.0], [0.9, 3.0]])
    states = {"x": x, "y": 0.0, "z": [0, 1, 1], "share": share}
    found = vectors.policy(states)
    np.testing.assert_allclose(found["p"], np.stack([share, share], axis=1), rtol=1e-14)
    total = np.array([0.9, 1.1, 1.1]) * x.sum(axis=1) + share
    np.testing.assert_allclose(found["total"], total, rtol=1e-14)
    one = vectors.policy({"x": [0.5, 1.0], "y": 0.0, "z": 0, "share": 0.2})
    assert one["p"].shape == (1, 2)


def test_a_dataframe(brock_mirman, vectors):
    frame = pd.DataFrame(STATES)
    for name, values in brock_mirman.policy(frame).items():
        assert np.array_equal(values, brock_mirman.policy(STATES)[name])
    frame = pd.DataFrame(
        {"x_2": [1.0, 2.0], "x_1": [0.5, 0.1], "y": [0.0, 0.0], "z": [0, 1], "share": [0.3, 0.4]}
    )
    found = vectors.policy(frame)
    np.testing.assert_allclose(found["total"], [0.9 * 1.5 + 0.3, 1.1 * 2.1 + 0.4], rtol=1e-14)


def test_states_and_positions_are_each_others_inverse(vectors):
    states = {"x": np.ones((4, 2)), "y": np.zeros(4), "z": np.array([0, 1, 1, 0]), "share": 0.5}
    back = vectors.states(vectors.positions(states))
    assert sorted(back) == sorted(states)
    for name, values in states.items():
        assert np.array_equal(back[name], np.broadcast_to(values, np.shape(back[name])))


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ({"k": 0.2}, "needs k, a; a is missing"),
        ({"k": 0.2, "a": 0.0, "z": 1.0}, "unknown state 'z'"),
        ({"k": 0.2, "A": 0.0}, "unknown state 'A'"),
        ({"k": np.nan, "a": 0.0}, "'k' must be finite"),
        ({"k": [0.2, np.inf], "a": 0.0}, "'k' must be finite"),
        ({"k": [[0.2, 0.3]], "a": 0.0}, r"of shape \(\'n\',\), got \(1, 2\)"),
        ({"k": [0.1, 0.2, 0.3], "a": [0.0, 0.1]}, "'a' has 2 rows, others have 3"),
        ({"k": ["low", "high"], "a": 0.0}, "'k' must be numbers"),
        ({"k": None, "a": 0.0}, "'k' must be"),
        ({"k": [[0.1], [0.2, 0.3]], "a": 0.0}, "'k' must be numbers"),
    ],
)
def test_states_that_do_not_fit_are_refused(brock_mirman, states, said):
    with pytest.raises(DataError, match=said):
        brock_mirman.policy(states)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"z": 2}, "'z' is given by its position, a whole number from 0 to 1"),
        ({"z": 0.9}, "a whole number from 0 to 1"),
        ({"z": -1}, "a whole number from 0 to 1"),
        ({"x": [1.0, 2.0, 3.0]}, r"of shape \(\'n\', 2\), got \(3,\)"),
        ({"x": 1.0}, r"of shape \(\'n\', 2\), got \(\)"),
    ],
)
def test_chains_and_vectors_that_do_not_fit_are_refused(vectors, change, said):
    good = {"x": [0.5, 1.0], "y": 0.0, "z": 0, "share": 0.3}
    with pytest.raises(DataError, match=said):
        vectors.policy(good | change)


# -- on disk ------------------------------------------------------------------------------------


def test_a_loaded_solution_is_bit_equal(brock_mirman, tmp_path):
    brock_mirman.save(tmp_path / "solved.economy")
    loaded = load_solution(tmp_path / "solved.economy")
    for a, b in zip(*map(jax.tree.leaves, (brock_mirman.params, loaded.params)), strict=True):
        assert a.dtype == b.dtype == np.float64
        assert np.array_equal(a, b)
    for name, values in brock_mirman.policy(STATES).items():
        assert loaded.policy(STATES)[name].tobytes() == values.tobytes()
    assert loaded.economy == brock_mirman.economy
    assert loaded.accuracy == brock_mirman.accuracy
    assert loaded.status == brock_mirman.status
    assert loaded.seeds == brock_mirman.seeds
    assert loaded.log == brock_mirman.log
    assert not jax.config.jax_enable_x64


def test_what_is_saved_is_json(brock_mirman):
    described = json.loads(json.dumps(brock_mirman.describe(), allow_nan=False))
    assert described["economy"] == "descend.economies.models.brock_mirman:BrockMirman"
    assert described["parameters"] == {"alpha": 0.36, "beta": 0.9, "rho": 0.95, "sigma": 0.01}
    assert described["accuracy"]["sets"]["box"]["points"] == 500


def test_vectors_and_parameters_as_states_are_loaded_too(vectors, tmp_path):
    vectors.save(tmp_path / "v")
    loaded = load_solution(tmp_path / "v")
    assert loaded.over == {"share": (0.2, 0.6)}
    states = {"x": [0.5, 1.0], "y": 0.0, "z": 1, "share": 0.45}
    for name, values in vectors.policy(states).items():
        assert loaded.policy(states)[name].tobytes() == values.tobytes()


def test_a_class_that_is_not_imported_is_refused(vectors, tmp_path, monkeypatch):
    """Nothing is imported for a file's sake but descend's own; the class can be given."""
    vectors.save(tmp_path / "v")
    monkeypatch.delitem(sys.modules, __name__)
    with pytest.raises(CheckpointError, match=r"Vectors, which is not imported.*economy=MyEconomy"):
        load_solution(tmp_path / "v")
    assert __name__ not in sys.modules
    for given in (Vectors, Vectors(share=0.4)):
        assert load_solution(tmp_path / "v", economy=given).economy == Vectors()


@pytest.mark.parametrize(
    "name",
    [
        "os:system",
        "subprocess:Popen",
        "descend.economies.statement:Economy.label",
        "descend.economies.models.os:system",
        "descend.economies.models.brock_mirman:jnp",
        "descend.economies.models...os:path",
        "antigravity:geohash",
        "",
    ],
)
def test_a_name_that_is_no_economy_is_never_called(brock_mirman, tmp_path, name):
    described = brock_mirman.describe() | {"economy": name}
    arrays = checkpoint.flatten(brock_mirman.params, "params")
    checkpoint.write(tmp_path / "e", "economy", described, arrays)
    with pytest.raises(CheckpointError, match="not imported"):
        load_solution(tmp_path / "e")
    assert "antigravity" not in sys.modules


def test_a_file_that_was_tampered_with(brock_mirman, tmp_path):
    file = tmp_path / "e"
    brock_mirman.save(file)
    content = file.read_bytes()
    for changed in (
        content[:-1] + bytes([content[-1] ^ 1]),  # a weight
        content.replace(b"0.36", b"0.37", 1),  # a parameter
        content[:-8],
        b"",
    ):
        assert changed != content
        file.write_bytes(changed)
        with pytest.raises(CheckpointError, match=str(file)):
            load_solution(file)


def test_another_kind_of_file(tmp_path):
    checkpoint.write(tmp_path / "m", "model", {}, {"w": np.zeros(3)})
    with pytest.raises(CheckpointError, match="holds a model, not a solved economy"):
        load_solution(tmp_path / "m")
    (tmp_path / "text").write_text("beta = 0.9")
    with pytest.raises(CheckpointError, match="not a file that descend wrote"):
        load_solution(tmp_path / "text")
    with pytest.raises(CheckpointError, match="there is no such file"):
        load_solution(tmp_path / "nothing")


@dataclass(frozen=True)
class Changed(Economy):
    """As if the class's parameters had been renamed since."""

    impatience: float = parameter(0.1)


def test_a_class_that_has_changed_since(brock_mirman, tmp_path):
    brock_mirman.save(tmp_path / "e")
    with pytest.raises(CheckpointError, match="does not fit Changed as it is now"):
        load_solution(tmp_path / "e", economy=Changed)
    arrays = checkpoint.flatten(brock_mirman.params, "params")
    other = brock_mirman.describe() | {"network": {"hidden": [8], "activation": "swish"}}
    checkpoint.write(tmp_path / "o", "economy", other, arrays)
    with pytest.raises(CheckpointError, match="does not fit this model"):
        load_solution(tmp_path / "o")
    bad = brock_mirman.describe()
    bad["parameters"]["beta"] = 1.5
    checkpoint.write(tmp_path / "b", "economy", bad, arrays)
    with pytest.raises(DescendError, match="beta .* must be > 0 and < 1"):
        load_solution(tmp_path / "b")
