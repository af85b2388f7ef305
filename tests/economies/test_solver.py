"""The solver against a closed form: saving alpha beta, whatever the state, the seed, the width."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.economies import expectations
from descend.economies.accuracy import FIGURES, SETS
from descend.economies.learner import Learner, Sampling
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.network import Shape
from descend.economies.outputs import Positive, Share
from descend.economies.solver import solve
from descend.economies.system import Position, System
from descend.errors import DescendError
from descend.train.engine.feeds import Steps
from descend.train.engine.training import train
from descend.train.rules import SGD, Adam

EXACT = 0.36 * 0.9
AIM = {"ergodic mean": 1e-5, "box max": 1e-4}  # of the shared solution


def everywhere(solution, n=40):
    """A grid over the whole box, with its corners."""
    box = solution.economy.states()
    k, a = np.meshgrid(*(np.linspace(*box[name], n) for name in ("k", "a")))
    return {"k": k.ravel(), "a": a.ravel()}


# -- Brock and Mirman ---------------------------------------------------------------------------


def test_the_saving_rate_everywhere_in_the_box(brock_mirman):
    """The residual is 1 - alpha beta / s for a constant s: 1e-4 of it is 3e-5 of s."""
    saving = brock_mirman.policy(everywhere(brock_mirman))["saving"]
    assert abs(saving - EXACT).max() < 1e-4


def test_every_seed_reached_the_aim(brock_mirman):
    assert [s.seed for s in brock_mirman.seeds] == [0, 1, 2]
    assert all(s.reached for s in brock_mirman.seeds)
    assert all(s.residual <= 1e-5 for s in brock_mirman.seeds)
    assert any("3 of 3 seeds reached the aim" in line for line in brock_mirman.log)


def test_the_status_says_that_the_aims_were_met(brock_mirman):
    accuracy = brock_mirman.accuracy
    assert set(accuracy.aims) == {"ergodic mean", "box max"}
    assert accuracy.verdict.solved
    assert accuracy.stable
    for words in AIM:
        assert f"aim met: {words} residual " in brock_mirman.status
    assert "NOT" not in brock_mirman.status
    assert accuracy.rule == "gauss-hermite:11"
    assert accuracy.trained_by == "gauss-hermite:5"


def test_the_log_tells_the_story(brock_mirman):
    text = "\n".join(brock_mirman.log).lower()
    for words in ("adam, ", "gauss-newton, seed 0", "below the aim: ", "mean residual", "is kept"):
        assert words in text
    assert brock_mirman.seconds > 0


def test_an_aim_that_is_not_met_is_said_to_be_so(quick):
    aim = {"ergodic mean": 1e-9, "box max": 1e-9}
    solution = solve(BrockMirman(), aim=aim, seeds=1, **quick | {"updates": 0, "polish": None})
    assert not solution.verdict.solved
    assert solution.seeds[0].reached is False
    assert "aim NOT met: ergodic mean residual " in solution.status
    assert any("0 of 1 seeds reached the aim" in line for line in solution.log)


# -- precision ----------------------------------------------------------------------------------


def of_dtype(solution) -> set:
    leaves = jax.tree.leaves(solution.params)
    found = {leaf.dtype.name for leaf in leaves}
    return found | {v.dtype.name for v in solution.policy({"k": [0.2], "a": [0.0]}).values()}


def test_float64_stays_float64_and_nothing_global_is_touched(brock_mirman, quick):
    assert brock_mirman.dtype == "float64"
    assert of_dtype(brock_mirman) == {"float64"}
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == jnp.float32
    with pytest.raises(DescendError):  # neither where a solve fails
        solve(BrockMirman(), **quick | {"paths": 0})
    assert not jax.config.jax_enable_x64


@pytest.mark.slow
def test_float32_works_too(quick):
    solution = solve(BrockMirman(), seeds=1, dtype="float32", **quick | {"updates": 0})
    assert of_dtype(solution) == {"float32"}
    saving = solution.policy(everywhere(solution))["saving"]
    # residuals of float32's rounding, 1e-7 times the Jacobian's condition
    assert abs(saving - EXACT).max() < 2e-3
    with jax.enable_x64(True):  # a process that has it on: still as it was asked for
        assert of_dtype(solution) == {"float32"}
        assert jax.config.jax_enable_x64


# -- a run is a function of its arguments -------------------------------------------------------


@pytest.mark.slow
def test_two_solves_are_bit_equal(brock_mirman, quick):
    again = solve(BrockMirman(), aim=AIM, seeds=3, **quick)
    for a, b in zip(*map(jax.tree.leaves, (again.params, brock_mirman.params)), strict=True):
        assert a.tobytes() == b.tobytes()
    assert again.seeds == brock_mirman.seeds
    assert again.accuracy == brock_mirman.accuracy
    other = solve(BrockMirman(), aim=AIM, seeds=3, seed=1, **quick)
    assert [s.seed for s in other.seeds] == [1, 2, 3]
    assert other.seeds[2].residual not in [s.residual for s in again.seeds]


# -- the engine and the Learner -----------------------------------------------------------------


def learner(economy=None, rate=0.01, optimizer=None, rule="gauss-hermite:3", **sampling):
    system = System(economy or BrockMirman())
    nodes = expectations.rule(rule, system.law.dimensions)
    rows = Sampling(**{"paths": 32, "periods": 4, "batch": 32} | sampling)
    return Learner(system, Shape((8,)).graph(system), nodes, optimizer or Adam(rate), rows)


def test_the_engine_runs_it_as_any_task(x64):
    """`train` itself, with nothing but the Task's methods: the cost falls."""
    task = learner(rate=0.02)
    state = task.init(jax.random.key(0), task.hyper())
    run = train(task, Steps(4), 30, state=state)
    losses = run.history.history["loss"]
    assert len(losses) == 30
    assert losses[-1] < 0.01 * losses[0]
    assert int(run.state.steps) == 120
    assert int(run.state.repairs[1]) == 30 * 4 * 32
    assert run.state.params["dense"]["kernel"].dtype == jnp.float64


def test_members_alone_equal_members_together(x64):
    """Three seeds as one program and one by one; float64 leaves sums in another order."""
    task = learner()
    keys = jax.vmap(jax.random.key)(np.arange(3))
    together = jax.vmap(lambda k: task.init(k, task.hyper()))(keys)
    together = train(task, Steps(4), 6, state=together, members=3).state
    for i in range(3):
        alone = train(task, Steps(4), 6, state=task.init(keys[i], task.hyper())).state
        for name in ("params", "paths"):
            one, many = getattr(alone, name), getattr(together, name)
            for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
                np.testing.assert_allclose(b[i], a, rtol=1e-9, atol=1e-12)


def test_members_that_diverge_are_frozen(quick):
    """A rate that throws the weights to infinity ends these seeds, not the solve."""
    options = quick | {"updates": 24, "polish": None, "optimizer": SGD(1e200)}
    solution = solve(Unbounded(), seeds=2, **options)
    assert any("2 of 2 seeds became non-finite and stopped" in line for line in solution.log)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(solution.params))
    assert np.isfinite(solution.policy({"k": 0.2, "a": 0.0})["saving"]).all()


@dataclass(frozen=True)
class Unbounded(BrockMirman):
    """Weights that grow make this residual infinite; a sigmoid would hide them."""

    def policies(self):
        return {"saving": Positive(scale=0.3)}

    def conditions(self, now, policy, E):
        return {"size": jnp.exp(policy.saving) - jnp.exp(self.alpha * self.beta)}


def test_the_points_of_a_batch_come_from_the_box_as_often_as_asked(x64):
    """Paths that stand still at the start are told from points of the box."""
    task = learner(Still(), paths=64, periods=4, batch=64, box=0.25)
    state = task.init(jax.random.key(0), task.hyper())
    still = state.paths._replace(values=jnp.ones_like(state.paths.values))
    after, points = jax.jit(lambda s: task.collect(s, 4))(state._replace(paths=still))
    assert points.values.shape == (4, 64, 1)
    moved = np.asarray(points.values[..., 0]) != 1
    assert moved[:, :16].all()
    # FRESH of the paths begin anew in an epoch: of 48 that are left, up to a dozen
    assert moved[:, 16:].mean() < 0.25
    assert (after.paths.values == 1).mean() > 0.75


@dataclass(frozen=True)
class Still(BrockMirman):
    """A state that stays where it is."""

    def states(self):
        return {"k": (0.5, 1.7)}

    def shocks(self):
        return {}

    def transition(self, now, policy, shock):
        return {"k": now.k}

    def conditions(self, now, policy, E):
        return {"euler": policy.saving - 0.3}

    def definitions(self, now, policy):
        return {}


# -- what a solve can begin from ----------------------------------------------------------------


def test_wide_positive_boxes_are_seen_in_logarithms(x64):
    """Half way is 10 from 1 to 100, and the mean from 1 to 4 and from -1 to 100."""

    @dataclass(frozen=True)
    class Boxes(BrockMirman):
        def states(self):
            return {"k": (1.0, 100.0), "a": (1.0, 4.0), "d": (-1.0, 100.0)}

    system = System(Boxes())
    nothing = jnp.zeros(0, int), jnp.zeros(0)
    for values, seen in (([1, 1, -1], -1), ([10, 2.5, 49.5], 0), ([100, 4, 100], 1)):
        found = system.features(Position(jnp.asarray(values, float), *nothing))
        np.testing.assert_allclose(found, np.full(3, seen), atol=1e-12)


@pytest.mark.slow
def test_it_starts_from_a_solution(brock_mirman, quick):
    """The same policy, judged anew; a few steps lead to another parameter's."""
    same = solve(BrockMirman(), seeds=1, start_from=brock_mirman, aim=AIM, **quick)
    assert not any("of 150" in line for line in same.log)  # the aim is met as it stands
    for a, b in zip(*map(jax.tree.leaves, (same.params, brock_mirman.params)), strict=True):
        assert np.array_equal(a, b)
    assert same.accuracy.figure("ergodic mean") < 1e-5
    patient = BrockMirman(beta=0.92)
    options = quick | {"updates": 0, "polishing_steps": 8, "aim": 1e-9}
    other = solve(patient, seeds=1, start_from=brock_mirman, **options)
    saving = other.policy(everywhere(other))["saving"]
    assert abs(saving - 0.36 * 0.92).max() < 1e-4


def test_a_solution_of_other_sizes_is_no_start(brock_mirman, quick):
    with pytest.raises(
        DescendError, match="its network takes 2 numbers and gives 1; Still needs 1"
    ):
        solve(Still(), start_from=brock_mirman, **quick)


def test_parameters_as_states(quick):
    """One solve, the saving rate of every beta: alpha beta."""
    options = quick | {"updates": 0, "polishing_steps": 60}
    solution = solve(BrockMirman(), seeds=1, over={"beta": (0.8, 0.95)}, aim=1e-4, **options)
    assert solution.over == {"beta": (0.8, 0.95)}
    for beta in (0.8, 0.83, 0.9, 0.95):
        states = everywhere(solution, 10)
        saving = solution.policy(states | {"beta": np.full(100, beta)})["saving"]
        assert abs(saving - 0.36 * beta).max() < 1e-3


@pytest.mark.slow
def test_lbfgs_polishes_what_first_order_updates_left(quick):
    coarse, fine = (
        solve(
            BrockMirman(),
            aim=1e-9,
            seeds=1,
            **quick | {"updates": 40, "polish": p, "polishing_steps": 60},
        )
        for p in (None, "lbfgs")
    )
    assert any("lbfgs" in line for line in fine.log)
    # it took 5e-4 to 1e-5 where this was written; Adam's last step is what it began with
    assert fine.seeds[0].residual < 0.1 * coarse.seeds[0].residual


# -- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seeds": 0}, "seeds must be a whole number >= 1"),
        ({"seeds": 2.0}, "seeds must be a whole number"),
        ({"seeds": True}, "seeds must be a whole number"),
        ({"updates": -1}, "updates must be a whole number >= 0"),
        ({"polishing_steps": 1.5}, "polishing_steps must be a whole number"),
        ({"polish": "newton"}, "unknown polishing 'newton'.*Did you mean 'gauss-newton'"),
        ({"paths": 0}, "paths must be a whole number >= 1"),
        ({"batch": 257}, r"batch is at most paths \* periods = 256, got 257"),
        ({"box": 1.5}, "box must be a share between 0 and 1"),
        ({"box": -0.1}, "box must be a share between 0 and 1"),
        ({"box": float("nan")}, "box must be a share between 0 and 1"),
        ({"dtype": "float16"}, "unknown dtype 'float16'"),
        ({"rule": "gauss:5"}, "unknown rule"),
        ({"judged_by": "monomial:7"}, "degree 3 or 5"),
        ({"hidden": (0,)}, "hidden must be a tuple of whole numbers >= 1"),
        ({"activation": "swich"}, "unknown activation 'swich'"),
        ({"aim": {}}, "the aim names no figure"),
        ({"aim": 0.0}, "must be a finite number > 0"),
        ({"aim": float("nan")}, "must be a finite number > 0"),
        (
            {"aim": {"ergodic mena": 1e-3}},
            "unknown aim 'ergodic mena'.*Did you mean 'ergodic mean'",
        ),
        ({"aim": {"mean": 1e-3}}, "unknown aim 'mean'"),
        ({"aim": {"box max": "small"}}, "must be a finite number > 0, got 'small'"),
        ({"box": "a"}, "box must be a share between 0 and 1, got 'a'"),
        ({"hidden": 5}, r"hidden must be the units of each layer, such as \(16, 16\), got 5"),
        ({"learning_rate": 0.0}, "learning_rate must be a finite number > 0, got 0.0"),
        ({"homotopy": {"betta": 0.5}}, "unknown parameter of BrockMirman 'betta'"),
        ({"homotopy": {"beta": 1.5}}, "beta .* must be > 0 and < 1"),
        ({"homotopy": 0.5}, "homotopy must be {parameter: value to begin with}, got 0.5"),
        ({"over": {"beta": 0.9}}, r"over must be {parameter: \(low, high\)}, got 'beta': 0.9"),
        ({"over": {"betta": (0.8, 0.9)}}, "unknown parameter of BrockMirman 'betta'"),
        ({"over": {"beta": (0.8, 1.0)}}, "beta .* must be > 0 and < 1"),
    ],
    ids=lambda x: str(x),
)
def test_bad_arguments_are_refused(options, said, quick):
    with pytest.raises(DescendError, match=said):
        solve(BrockMirman(), **quick | options)


def test_what_is_no_economy_is_refused(quick):
    with pytest.raises(DescendError, match=r"expected an economy, such as .*, got BrockMirman"):
        solve(BrockMirman, **quick)


@pytest.mark.slow
def test_every_figure_may_be_an_aim(quick):
    """All sets and figures by name; a policy that is exact from its beginning meets them all."""
    aim = {f"{s} {f}": 1e-12 for s in SETS for f in FIGURES}
    solution = solve(Exact(), seeds=1, aim=aim, **quick)
    assert solution.verdict.solved
    assert set(solution.accuracy.aims) == set(aim)


@dataclass(frozen=True)
class Exact(BrockMirman):
    """Its head begins at the exact share: the network that puts out zeros is the solution."""

    def policies(self):
        return {"saving": Share(start=self.alpha * self.beta)}
