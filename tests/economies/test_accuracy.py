"""The evaluator, against residuals that are known or worked out here with another quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.economies import accuracy, expectations
from descend.economies.accuracy import FIGURES, SETS, Judge, figures
from descend.economies.models.analytic_olg import AnalyticOLG
from descend.economies.models.brock_mirman import BrockMirman
from descend.economies.network import Shape
from descend.economies.outputs import Bounded, Free, Share
from descend.economies.shocks import Chain, Normal
from descend.economies.solver import solve
from descend.economies.statement import Economy
from descend.economies.system import Position, System
from descend.statement import parameter

# A network whose last layer is zero puts out zeros: the policy is where its output starts.


def untrained(economy: Economy, quick: dict, **options: Any):
    """A solution that is its outputs' starts, judged."""
    still = {"updates": 0, "polish": None, "seeds": 1, "hidden": ()}
    return solve(economy, **quick | still | options)


@dataclass(frozen=True)
class Exact(BrockMirman):
    saved: float = parameter(0.324, above=0, below=1)

    def policies(self):
        return {"saving": Share(start=self.saved)}


@pytest.fixture(scope="module")
def exact(judged):
    return judged(Exact(), told="saved")


def test_the_exact_policy_has_residuals_of_rounding(exact):
    for name in SETS:
        stats = exact.sets[name]
        assert stats["conditions"]["euler"]["max"] < 5e-15, name
        assert stats["consumption"]["euler"]["max"] < -14
        assert stats["set back"] == 0
    assert exact.stable
    assert exact.status.startswith("aim met: ")  # the model's own aims, all of them
    assert "ergodic mean residual " in exact.status
    assert "NOT" not in exact.status


@dataclass(frozen=True)
class ExactOLG(AnalyticOLG):
    def policies(self):
        return {"saving": Share(shape=(self.cohorts - 1,), start=self.shares())}


def test_the_exact_policy_of_overlapping_generations(judged):
    """A chain, a vector of states, three conditions."""
    found = judged(ExactOLG(cohorts=4))
    for name in SETS:
        stats = found.sets[name]["conditions"]
        assert list(stats) == [f"euler_{h}" for h in range(1, 4)]
        assert max(s["max"] for s in stats.values()) < 1e-14
    assert found.stable


def test_a_wrong_saving_rate_has_the_residual_of_its_closed_form(judged):
    """For a constant share s, c / c' R' = alpha / s whatever the shock: 1 - alpha beta / s."""
    found = judged(Exact(saved=0.3), told="saved")
    for name in SETS:
        for figure in FIGURES:
            reached = found.sets[name]["conditions"]["euler"][figure]
            assert reached == pytest.approx(abs(1 - 0.324 / 0.3), rel=1e-12)
            logged = found.sets[name]["consumption"]["euler"][figure]
            assert logged == pytest.approx(np.log10(0.08), rel=1e-12)


# -- against residuals that are worked out here -------------------------------------------------


@dataclass(frozen=True)
class Growth(Economy):
    """CRRA, partial depreciation, a chain and a normal shock; a constant share is saved."""

    alpha, beta, gamma, delta, rho, sigma = 0.36, 0.95, 2.0, 0.1, 0.8, 0.1

    def states(self):
        return {"k": (1.0, 6.0), "a": (-0.4, 0.4)}

    def shocks(self):
        return {"e": Normal(self.sigma), "z": Chain([0.9, 1.1], [[0.8, 0.2], [0.4, 0.6]])}

    def policies(self):
        return {"share": Share(start=0.75)}

    def resources(self, s):
        return s.z * jnp.exp(s.a) * s.k**self.alpha + (1 - self.delta) * s.k

    def transition(self, now, policy, shock):
        return {"k": policy.share * self.resources(now), "a": self.rho * now.a + shock.e}

    def conditions(self, now, policy, E):
        def marginal(s, p):
            return ((1 - p.share) * self.resources(s)) ** -self.gamma

        expected = E(
            lambda s, p, e: (
                marginal(s, p)
                * (self.alpha * s.z * jnp.exp(s.a) * s.k ** (self.alpha - 1) + 1 - self.delta)
            )
        )
        return {
            "euler": (self.beta * expected) ** (-1 / self.gamma)
            / (1 - policy.share)
            / self.resources(now)
            - 1,
            "both": jnp.stack([policy.share - 0.75, policy.share - 0.5]),
        }

    def constraints(self, now, policy, E):
        return {"floor": (now.k - 3.0, 1.0 + 0 * now.k)}


def by_hand(k, a, z):
    """The Euler residual of Growth by the trapezoid rule on +-10 deviations, 20,001 points."""
    alpha, beta, gamma, delta, rho, sigma = 0.36, 0.95, 2.0, 0.1, 0.8, 0.1
    values, matrix = np.array([0.9, 1.1]), np.array([[0.8, 0.2], [0.4, 0.6]])
    resources = values[z] * np.exp(a) * k**alpha + (1 - delta) * k
    after = 0.75 * resources
    e = np.linspace(-10, 10, 20_001)
    density = np.exp(-(e**2) / 2)
    density /= density.sum()
    expected = 0.0
    for j in range(2):
        output = values[j] * np.exp(rho * a + sigma * e)
        gross = alpha * output * after ** (alpha - 1) + 1 - delta
        eaten = 0.25 * (output * after**alpha + (1 - delta) * after)
        expected += matrix[z, j] * (density @ (eaten**-gamma * gross))
    return (beta * expected) ** (-1 / gamma) / (0.25 * resources) - 1


@pytest.fixture
def judge(x64):
    """Growth's judge, and the weights of a network that puts out zeros."""
    system = System(Growth())
    graph = Shape(()).graph(system)
    return Judge(system, graph, expectations.rule("gauss-hermite:11", 1)), graph.init(
        jax.random.key(0)
    )[0]


def test_a_residual_by_hand_with_another_quadrature(judge):
    judge, params = judge
    rng = np.random.default_rng(0)
    k, a, z = rng.uniform(1, 6, 50), rng.uniform(-0.4, 0.4, 50), rng.integers(2, size=50)
    points = Position(
        jnp.asarray(np.stack([k, a], 1)), jnp.asarray(z[:, None], jnp.int32), jnp.zeros((50, 0))
    )
    found = judge.evaluate("conditions", params, {}, points)
    exact = np.array([by_hand(*p) for p in zip(k, a, z, strict=True)])
    # the 11-point rule integrates these smooth functions to 1e-13 of their size
    np.testing.assert_allclose(found["euler"][:, 0], exact, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["both"], [[0, 0.25]] * 50, atol=1e-15)
    assert abs(exact).max() > 0.01  # there was something to find

    some = jax.tree.map(lambda p: p[:7], points)
    tables = accuracy.tables(judge, params, {}, {"some": some, "all": points})
    assert tables["some"]["conditions"]["euler"]["max"] == pytest.approx(abs(exact[:7]).max())
    table, size = tables["all"], abs(exact)
    assert table["points"] == 50
    wanted = [size.mean(), *np.percentile(size, [50, 99, 99.9]), size.max()]
    reached = table["conditions"]["euler"]
    np.testing.assert_allclose([reached[f] for f in FIGURES], wanted, rtol=1e-9)
    logged = table["consumption"]["euler"]
    np.testing.assert_allclose([logged[f] for f in FIGURES], np.log10(wanted), rtol=1e-9)
    assert list(table["conditions"]) == ["euler", "both_1", "both_2"]
    assert table["binding"] == {"floor": np.mean(k - 3 < 1)}
    assert table["slack"] == {"floor": pytest.approx(k.min() - 3)}


def test_figures_are_percentiles():
    values = np.random.default_rng(1).exponential(size=1237)
    found = figures(values)
    assert list(found) == ["mean", "median", "p99", "p99.9", "max"]
    assert found["mean"] == values.mean()
    for name, q in (("median", 50), ("p99", 99), ("p99.9", 99.9), ("max", 100)):
        assert found[name] == np.percentile(values, q)
    values[7] = np.nan
    assert all(np.isnan(v) for v in figures(values).values())


def test_a_figure_that_is_not_a_number_meets_no_aim():
    """Whichever condition it belongs to: Python's max would pass over a later NaN."""
    good, bad = dict.fromkeys(FIGURES, 1e-6), dict.fromkeys(FIGURES, np.nan)
    for conditions in ({"a": good, "b": bad}, {"a": bad, "b": good}):
        sets = {"ergodic": {"conditions": conditions, "set back": 0.0}}
        spread = {"first": 1.0, "half": 0.5, "last": 0.0, "periods": 10, "halved after": 1}
        found = accuracy.Accuracy("fine", "coarse", sets, spread)
        found.aims = {"ergodic mean": (found.figure("ergodic mean"), 1e-3)}
        assert np.isnan(found.figure("ergodic mean"))
        assert not found.verdict.solved
        assert found.status.startswith("NOT solved: residuals on simulated states are not finite")


# -- where it is judged -------------------------------------------------------------------------


def test_the_three_sets(judge):
    """Box: evenly in the box. Ergodic: an AR(1) of its deviation. Stressed: twice that shock."""
    judge, params = judge
    box = judge.box(jax.random.key(0), 20_000)
    k, a = np.asarray(box.values).T
    assert [k.min(), k.max(), a.min(), a.max()] == pytest.approx([1, 6, -0.4, 0.4], abs=1e-2)
    assert k.mean() == pytest.approx(3.5, abs=0.03)  # 1.44 / sqrt(20,000) is 0.01
    assert np.bincount(np.asarray(box.chains)[:, 0]) / 20_000 == pytest.approx(0.5, abs=0.02)

    run = jax.jit(lambda p, key: judge.ergodic(p, {}, key, 100, 100, 50, 5))
    points, back = run(params, jax.random.key(1))
    a, z = np.asarray(points.values)[:, 1], np.asarray(points.chains)[:, 0]
    assert a.shape == (5000,)
    assert float(back) == 0
    assert a.std() == pytest.approx(0.1 / 0.6, rel=0.06)  # sigma / sqrt(1 - rho^2)
    assert z.mean() == pytest.approx(1 / 3, abs=0.04)  # of the chain in the long run

    run = jax.jit(lambda p, key: judge.stressed(p, {}, key, 200, 20))
    points, _ = run(params, jax.random.key(2))
    a = np.asarray(points.values)[:, 1].reshape(20, 200)
    corner = a[0].reshape(-1)  # a period after a corner: +-0.8 * 0.4 and a doubled shock
    assert abs(corner).mean() == pytest.approx(0.32, abs=0.05)
    assert a[-1].std() == pytest.approx(0.2 / 0.6, rel=0.2)


# -- stability and what is set back -------------------------------------------------------------


@dataclass(frozen=True)
class TwoRoots(Economy):
    """x' = g x, with (g - 1/2) (g - 3/2) = 0: two policies solve the condition, one explodes."""

    root: float = parameter(0.5, least=0)

    def states(self):
        return {"x": (0.5, 1.5)}

    def policies(self):
        return {"g": Free(centre=self.root)}

    def transition(self, now, policy, shock):
        return {"x": policy.g * now.x}

    def conditions(self, now, policy, E):
        return {"difference": E(lambda s, p, e: p.g * s.x / now.x) - 2 * policy.g + 0.75}


def test_an_explosive_policy_is_told_from_a_stable_one(judged):
    stable, explosive = (judged(TwoRoots(root=r), told="root") for r in (0.5, 1.5))
    for either in (stable, explosive):  # its residual says nothing
        assert either.figure("ergodic max") < 1e-14
    assert stable.stable
    assert not explosive.stable
    assert "not stable, paths from dispersed starts were 0." in explosive.status
    assert stable.spread["halved after"] == 1
    assert explosive.spread["halved after"] is None
    first, last = (explosive.spread[k] for k in ("first", "last"))
    assert last / first == pytest.approx(1.5**300, rel=1e-9)  # `stability` periods of SMALL
    # 1, 1.5, 2.25 and 3.375, which is beyond 1.5 and a width of 1: every third period
    assert explosive.sets["ergodic"]["set back"] == pytest.approx(1 / 3, abs=1 / 40)
    assert not explosive.verdict.solved
    assert explosive.status.startswith("NOT solved: 3")
    assert "% of simulated periods left the box by far and were set back" in explosive.status


@dataclass(frozen=True)
class Unsorted(TwoRoots):
    """Names that are not in the order of the alphabet."""

    def policies(self):
        return {"g": Free(centre=0.5), "b": Free(centre=0.5)}

    def definitions(self, now, policy):
        return {"z": now.x, "a": now.x}

    def conditions(self, now, policy, E):
        return {"second": policy.b - 0.5, "first": policy.g - 0.5}

    def constraints(self, now, policy, E):
        return {"upper": (policy.g, 1.0), "lower": (policy.g, 0.0)}


def test_tables_are_in_the_order_of_the_author(quick):
    solution = untrained(Unsorted(), quick)
    for table in solution.accuracy.sets.values():
        assert list(table["conditions"]) == list(table["consumption"]) == ["second", "first"]
        assert list(table["binding"]) == ["upper", "lower"]
        assert list(table["binding"].values()) == [1.0, 0.0]
    assert list(solution.policy({"x": np.ones(3)})) == ["g", "b", "z", "a"]


@dataclass(frozen=True)
class Wanders(TwoRoots):
    """A random walk that the policy could move: neither explodes nor comes together."""

    walk: float = parameter(1.0)

    def shocks(self):
        return {"e": Normal(0.01)}

    def transition(self, now, policy, shock):
        return {"x": 1 + self.walk * (now.x - 1) + (policy.g - self.root) + shock.e}

    def conditions(self, now, policy, E):
        return {"g": policy.g - self.root}


@dataclass(frozen=True)
class WandersAlone(Wanders):
    """A random walk that no policy moves, beside a state that settles."""

    def states(self):
        return {"x": (0.5, 1.5), "y": (0.0, 1.0)}

    def transition(self, now, policy, shock):
        return {"x": now.x + shock.e, "y": policy.g * now.y}


@pytest.mark.slow
def test_paths_that_never_come_together_are_not_stable(judged):
    found = judged(Wanders())
    assert not found.stable
    # a root near one takes its time, and is seen to come down: .9967^300 = .37
    slow = judged(Wanders(walk=0.9967))
    assert slow.spread["last"] > accuracy.STABLE * slow.spread["first"]
    assert slow.stable
    # what moves by itself is not the policy's doing
    assert judged(WandersAlone()).stable
    assert found.spread["last"] == pytest.approx(found.spread["first"], rel=1e-6)


@dataclass(frozen=True)
class Never(BrockMirman):
    """Its floor lies outside of what the states and the head allow; another one binds in half."""

    def policies(self):
        return {"saving": Bounded(low=0.1, high=0.9, start=0.324)}

    def constraints(self, now, policy, E):
        half = (np.sum(self.states()["k"]) / 2).item()
        return {
            "floor": (policy.saving, policy.saving - 0.2),
            "half": (jnp.maximum(now.k / half - 1, 0), jnp.maximum(1 - now.k / half, 0)),
        }


@pytest.mark.slow
def test_shares_of_states_where_constraints_bind(quick):
    with pytest.warns(UserWarning, match="'floor' is out of.*reach"):
        solution = untrained(Never(), quick)
    box = solution.accuracy.sets["box"]
    assert box["binding"]["floor"] == 0
    assert box["binding"]["half"] == pytest.approx(0.5, abs=0.08)  # of 500 points
    assert box["slack"]["floor"] == pytest.approx(0.324)
    assert any("'floor' never binds on any set" in line for line in solution.log)
    assert not any("'half' never binds" in line for line in solution.log)
