"""A killed solve goes on where it was, bit by bit; an economy is reached from an easier one."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from descend.economies import Size, homotopy, solve, watching
from descend.economies.models.brock_mirman import BrockMirman
from descend.errors import CheckpointError, DescendError

SMALL = Size(paths=8, burn=20, periods=8, thin=1, box=64, stressed=40, stability=50)
QUICK: dict[str, Any] = {
    "aim": 1e-12,  # out of reach: all updates are gone through
    "seeds": 2,
    "updates": 60,
    "polishing_steps": 4,
    "size": SMALL,
    "verbose": 0,
}


class Killed(Exception):
    """What a kill looks like to the run."""


@pytest.fixture(scope="module")
def whole():
    return solve(BrockMirman(), hidden=(8,), **QUICK)


# a check an update: 6 in the first-order stage, then 4 in each seed's polishing
@pytest.mark.parametrize("writes", [3, 12])
def test_a_killed_solve_goes_on_bit_by_bit(whole, writes, tmp_path, monkeypatch):
    file, count = tmp_path / "run.descend", 0
    save = watching.save_checkpoint

    def save_and_die(run, path):
        nonlocal count
        save(run, path)
        count += 1
        if count == writes:
            raise Killed

    monkeypatch.setattr(watching, "save_checkpoint", save_and_die)
    with pytest.raises(Killed):
        solve(BrockMirman(), hidden=(8,), checkpoint=file, **QUICK)
    monkeypatch.setattr(watching, "save_checkpoint", save)
    again = solve(BrockMirman(), hidden=(8,), resume=file, **QUICK)
    jax.tree.map(np.testing.assert_array_equal, again.params, whole.params)
    assert [s.residual for s in again.seeds] == [s.residual for s in whole.seeds]


def test_a_checkpoint_of_another_economy_is_refused(tmp_path):
    file = tmp_path / "run.descend"
    solve(BrockMirman(), hidden=(8,), checkpoint=file, **{**QUICK, "polishing_steps": 0})
    with pytest.raises(CheckpointError, match="belongs to another run: its parameters"):
        solve(BrockMirman(beta=0.8), hidden=(8,), resume=file, **{**QUICK, "polishing_steps": 0})


def test_homotopy_reaches_the_economy_itself():
    # from beta = .5, where almost nothing is saved, to .95
    economy = BrockMirman(beta=0.95)
    found = solve(
        economy, hidden=(8,), homotopy={"beta": 0.5}, **{**QUICK, "seeds": 1, "updates": 800}
    )
    ways = [line for line in found.log if "homotopy" in line]
    assert "100.0% of the way" in ways[-1]
    saving = found.policy({"k": economy.start()["k"], "a": 0.0})["saving"]
    # 800 updates and 4 polishing steps of 8 units: about 1e-4 of the exact share
    np.testing.assert_allclose(saving, economy.alpha * economy.beta, atol=2e-3)


@pytest.mark.slow
def test_homotopy_that_cannot_go_on_says_how_far_it_came(monkeypatch):
    monkeypatch.setattr(homotopy, "FOLLOWED", 0.0)  # no residual is below this: every step fails
    with pytest.raises(DescendError, match=r"stuck at 0.0% of the way from .*'beta': 0.5"):
        solve(BrockMirman(), hidden=(8,), homotopy={"beta": 0.5}, **{**QUICK, "updates": 20})
