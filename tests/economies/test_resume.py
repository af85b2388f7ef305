"""A killed solve goes on where it was, bit by bit; an economy is reached from an easier one."""

from __future__ import annotations

import shutil
from typing import Any

import jax
import numpy as np
import pytest

from descend.economies import homotopy, solve, watching
from descend.economies.models.brock_mirman import BrockMirman
from descend.errors import CheckpointError, DescendError

# The figures of the shared solution's aims, whose programs then serve here too; out of reach, so
# that all updates are gone through.
AIM = {"ergodic mean": 1e-12, "box max": 1e-12}


@pytest.fixture(scope="module")
def short(quick) -> dict[str, Any]:
    return quick | {"aim": AIM, "seeds": 2, "polishing_steps": 4}


class Killed(Exception):
    """What a kill looks like to the run."""


# 13 checks in the first-order stage, then one a step in each seed's polishing: in the midst of the
# first stage, and of the second seed's polishing
WRITES = (3, 19)


@pytest.fixture(scope="module")
def killed(short, tmp_path_factory):
    """{writes: the checkpoint that a run killed after so many leaves}."""
    folder, count = tmp_path_factory.mktemp("killed"), 0
    save, files = watching.save_checkpoint, {n: folder / f"{n}.descend" for n in WRITES}

    def save_and_die(run, path):
        nonlocal count
        save(run, path)
        count += 1
        if count in WRITES:
            shutil.copy(path, files[count])
        if count == max(WRITES):
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watching, "save_checkpoint", save_and_die)
        with pytest.raises(Killed):
            solve(BrockMirman(), checkpoint=folder / "run.descend", **short)
    assert files[WRITES[-1]].read_bytes() == (folder / "run.descend").read_bytes()
    return files


@pytest.fixture(scope="module")
def whole(short):
    return solve(BrockMirman(), **short)


@pytest.mark.parametrize("writes", WRITES)
def test_a_killed_solve_goes_on_bit_by_bit(whole, killed, writes, short):
    again = solve(BrockMirman(), resume=killed[writes], **short)
    jax.tree.map(np.testing.assert_array_equal, again.params, whole.params)
    assert [s.residual for s in again.seeds] == [s.residual for s in whole.seeds]


def test_a_checkpoint_of_another_economy_is_refused(killed, short):
    with pytest.raises(CheckpointError, match="belongs to another run: its parameters"):
        solve(BrockMirman(beta=0.8), resume=killed[WRITES[0]], **short)


def test_homotopy_reaches_the_economy_itself(short):
    # from beta = .5, where almost nothing is saved, to .95
    economy = BrockMirman(beta=0.95)
    found = solve(economy, homotopy={"beta": 0.5}, **short | {"seeds": 1, "updates": 400})
    ways = [line for line in found.log if "homotopy" in line]
    assert "100.0% of the way" in ways[-1]
    saving = found.policy({"k": economy.start()["k"], "a": 0.0})["saving"]
    # 400 updates and 4 polishing steps of 16 units: about 1e-4 of the exact share
    np.testing.assert_allclose(saving, economy.alpha * economy.beta, atol=2e-3)


@pytest.mark.slow
def test_homotopy_that_cannot_go_on_says_how_far_it_came(short, monkeypatch):
    monkeypatch.setattr(homotopy, "FOLLOWED", 0.0)  # no residual is below this: every step fails
    with pytest.raises(DescendError, match=r"stuck at 0.0% of the way from .*'beta': 0.5"):
        solve(BrockMirman(), homotopy={"beta": 0.5}, **short | {"updates": 20})
