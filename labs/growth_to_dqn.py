"""From value iteration to DQN: one growth problem, told less and less about it.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "CONNECTION TO DYNAMIC PROGRAMMING",
"THE Q-FUNCTION" and "EXAMPLE: RL & DNN". The economy is that of Brock and Mirman (1972).

Value iteration knows how capital grows and what consumption is worth, and is exact. Q-learning
knows neither: it acts, and fills a table. DQN puts a network in the table's place. Each policy's
value is then computed exactly, so that what it loses is a number.
"""

# %%
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents import DQN, Agents, Choice, Environment, QLearning, parameter
from descend.agents.exact import Finite
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, VERMILION
from descend.train.rules import Adam

BETA = 0.9


# %% [markdown]
# ## The problem
# Output z k^alpha is consumed or becomes next period's capital: c = z k^alpha - k'. Productivity z
# is low or high and mostly stays. Capital lies on a grid, and the action is the grid's point that
# comes next; what would leave nothing to consume is not legal.


# %%
@dataclass(frozen=True)
class Growth(Environment):
    """max E sum beta^t log c_t, on a grid. A state is 2 i + j: capital i, productivity j."""

    alpha: float = parameter(0.36, above=0, below=1)
    stay: float = parameter(0.8, above=0, below=1)
    limit: int = parameter(20, least=1)

    points = 25
    actions = Choice(points)

    def capital(self):
        return jnp.geomspace(0.06, 0.45, self.points)

    def output(self, state):
        z = jnp.array([0.9, 1.1])
        return z[state % 2] * self.capital()[state // 2] ** self.alpha

    def reset(self, key):
        return jax.random.randint(key, (), 0, 2 * self.points)

    def step(self, state, action, key):
        consumed = self.output(state) - self.capital()[action]
        same = jax.random.bernoulli(key, self.stay)
        z = jnp.where(same, state % 2, 1 - state % 2)
        return 2 * action + z, jnp.log(jnp.maximum(consumed, 1e-3)), False

    def legal(self, state):
        return self.output(state) - self.capital() > 0.02

    def observe(self, state):
        return jax.nn.one_hot(state, 2 * self.points)


@dataclass(frozen=True)
class GrowthInNumbers(Growth):
    """The same, seen by the numbers that it is about: a network can tell what lies near."""

    variables = ("log capital", "productivity")

    def observe(self, state):
        place = 2 * (state // 2) / (self.points - 1) - 1.0
        return jnp.stack([place, 2.0 * (state % 2) - 1])


# %% [markdown]
# ## With a model: Bellman's equation
# The slide's V_{j+1}(x) = max {r(x, u) + beta V_j(x')}, on arrays. `Finite` has the same arrays and
# gives the value of any policy, by one linear system.


# %%
def arrays(growth: Growth) -> Finite:
    states, n = np.arange(2 * growth.points), growth.points
    consumed = np.asarray(jax.vmap(growth.output)(states))[:, None] - np.asarray(growth.capital())
    moves = np.zeros((2 * n, n, 2 * n))
    for state in states:
        for action in range(n):
            moves[state, action, 2 * action + state % 2] = growth.stay
            moves[state, action, 2 * action + 1 - state % 2] = 1 - growth.stay
    legal = np.asarray(jax.vmap(growth.legal)(states))
    return Finite(np.log(np.maximum(consumed, 1e-3)), moves, BETA, legal)


def value_iteration(problem: Finite, tolerance: float = 1e-10) -> tuple[np.ndarray, int]:
    value, change, j = np.zeros(len(problem.rewards)), np.inf, 0
    while change > tolerance:
        q = problem.rewards + BETA * problem.transitions @ value
        new = np.where(problem.legal, q, -np.inf).max(axis=1)
        value, change, j = new, np.abs(new - value).max(), j + 1
    return value, j


# %% [markdown]
# ## Without a model: acting
# Both make the slide's error small, r + gamma max_a' Q(s', a') - Q(s, a). The table has a number
# for each of 50 states and 25 actions and learns nothing about one from another; its step falls
# with the number of times that a pair was seen. The network sees capital as a number. Both act at
# random all the time: what the best action is worth is learned from any.


# %%
def learn(quick: bool) -> tuple[Agents, Agents]:
    anything = {"gamma": BETA, "epsilon": 1.0, "epsilon_end": 1.0}  # acting at random throughout
    table = QLearning(first=-12.0, rate=1.0, slowing=0.85, **anything)
    network = DQN(
        optimizer=Adam(3e-3), environments=16, lookahead=1, tau=0.05, double=True, **anything
    )
    options = {"seeds": 3, "evaluations": 1, "episodes": 2, "verbose": 0}
    return (
        table.learn(Growth(), 100_000 if quick else 2_000_000, **options),
        network.learn(GrowthInNumbers(), 10_000 if quick else 150_000, **options),
    )


def policy_of(agents: Agents) -> tuple[np.ndarray, np.ndarray]:
    """(Q (agents, states, actions), the best legal actions (agents, states))."""
    growth = agents.environment
    states = jnp.arange(2 * growth.points)
    seen, legal = jax.vmap(growth.observe)(states), np.asarray(jax.vmap(growth.legal)(states))
    q = np.stack([np.where(legal, agent.thoughts(seen)["q"], -np.inf) for agent in agents])
    return q, q.argmax(axis=2)


def lost(problem: Finite, policy: np.ndarray) -> np.ndarray:
    """Value lost, as the share of consumption that one would give up for ever, by state.

    With log utility, a share x less in every period costs -log(1 - x) / (1 - beta).
    """
    gap = np.maximum(problem.value - problem.value_of(policy), 0)
    return -np.expm1(-(1 - BETA) * gap)


# %% [markdown]
# ## The picture
# Value and next capital in both states of productivity, and what following each policy costs. Both
# that learn think too well of every state: the largest of numbers that chance still moves is too
# large on average. It costs little, since only the order of the actions counts.


# %%
STYLES = {"Q-learning": (VERMILION, "o"), "DQN": (BLUE, "s")}


def draw(problem: Finite, growth: Growth, learned: dict, out: Path) -> None:
    figure, panels = axes(3, width=4.6, height=3.9)
    k = np.asarray(growth.capital())
    for z, name in ((0, "low"), (1, "high")):
        panels[0].plot(k, problem.value[z::2], color=BLACK, lw=1, ls=("--", "-")[z],
                       label="value iteration" if z else None)  # fmt: skip
        panels[1].plot(k, k[problem.policy[z::2]], color=BLACK, lw=1, ls=("--", "-")[z],
                       label=f"value iteration, z {name}")  # fmt: skip
        exact = growth.alpha * BETA * np.asarray(jax.vmap(growth.output)(np.arange(z, 50, 2)))
        panels[1].plot(k, exact, color="0.6", lw=4, alpha=0.4, zorder=0,
                       label=r"no grid: $\alpha\beta z k^\alpha$" if z else None)  # fmt: skip
        for method, (q, policy) in learned.items():
            colour, sign = STYLES[method]
            style = {"color": colour, "marker": sign, "ls": "", "ms": 4, "fillstyle": "none"}
            label = method if z else None
            panels[0].plot(k, q[0].max(axis=1)[z::2], **style, label=label)
            panels[1].plot(k, k[policy[0, z::2]], **style, label=label)
    for z, name in ((0, "low"), (1, "high")):
        panels[0].text(k[-1] * 1.01, problem.value[z::2][-1], f"z {name}", va="center", fontsize=8)
    panels[0].set(title="what a state is worth", ylabel="value (utility)")
    panels[1].set(title="what is done", ylabel="next capital (model units)")
    for method, (_, policy) in learned.items():
        colour, sign = STYLES[method]
        for i, one in enumerate(policy):
            share = lost(problem, one).reshape(-1, 2).max(axis=1)
            panels[2].plot(k, 100 * share, color=colour, marker=sign, ms=3, lw=0.8,
                           fillstyle="none", label=method if i == 0 else None)  # fmt: skip
    panels[2].set(ylim=(0, None), title="what following it costs, each seed")
    panels[2].set_ylabel("value lost, % of consumption (z: the worse)")
    for ax in panels:
        ax.set_xlabel("capital k (model units)")
        ax.legend(frameon=False, fontsize=8)
    save(figure, out, "growth_to_dqn.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    growth = Growth()
    problem = arrays(growth)
    value, iterations = value_iteration(problem)
    agents = dict(zip(STYLES, learn(quick), strict=True))
    learned = {name: policy_of(one) for name, one in agents.items()}
    draw(problem, growth, learned, out)
    print(f"value iteration: {iterations} iterations, told rewards and transitions")
    costs = {}
    for name, one in agents.items():
        shares = np.stack([lost(problem, policy) for policy in learned[name][1]])
        costs[name] = (shares.mean(axis=1), shares.max())
        same = (learned[name][1] == problem.policy).mean()
        print(
            f"{name}: {one.groups[0].task.budget:,} periods lived, told neither; value lost "
            f"{100 * shares.mean():.4f} % of consumption on average, {100 * shares.max():.3f} % in "
            f"the worst state; the exact choice in {100 * same:.0f} % of states"
        )
    untaught = lost(problem, problem.legal / problem.legal.sum(axis=1, keepdims=True)).mean()
    k = np.asarray(growth.capital())
    wanted = growth.alpha * BETA * np.asarray(jax.vmap(growth.output)(np.arange(50)))
    nearest = np.abs(np.log(k[problem.policy] / wanted)).max() / np.log(k[1] / k[0])
    gap = float(np.abs(value - problem.value).max())
    limit = 0.03 if quick else 0.01
    return [
        Check(
            "V of the slide's iteration, from the linear system's",
            "the same",
            f"at most {gap:.0e}",
            gap < 1e-8,
        ),
        Check(
            "next capital, beside alpha beta z k^alpha",
            "within a step of the grid",
            f"{nearest:.2f} steps",
            nearest < 1,
        ),
        *(
            Check(
                f"value lost by {name}, mean over states",
                f"0; choosing at random costs {100 * untaught:.0f} %",
                f"at most {100 * mean.max():.4f} % of consumption in {len(mean)} seeds",
                bool((mean < limit).all()),
            )
            for name, (mean, _) in costs.items()
        ),
    ]


if __name__ == "__main__":
    run(main)
