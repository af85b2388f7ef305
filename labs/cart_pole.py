"""DQN on cart-pole by the slide: a network says what each push is worth.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "EXAMPLE: RL & DNN" (both ways of putting
an action into a network, and the loss), "VALUE LEARNING" and "SOME PROBLEMS WITH DQN".

Computes the slide's loss by hand from four steps, trains agents by it, with the action as an input
and as one of several outputs, and with returns of many steps; then shows what pushing left and
right were thought worth during an episode.
"""

# %%
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents import DQN, Agents, make
from descend.agents.networks import network, outputs
from descend.agents.off_policy import Learning
from descend.agents.replay import Experience
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, ORANGE, VERMILION

GAMMA = 0.99
POLE = make("cart-pole")  # each step that the pole stands pays 1, 500 at most

# %% [markdown]
# ## The slide's line
# L = E || r + gamma max_a' Q(s', a') - Q(s, a) ||^2: target less prediction. The Q of the target is
# a slow copy of the network, and s, a, r, s' come from a memory of what has been lived through
# ("replay"), drawn at random.

# %%
BY_THE_SLIDE = DQN(gamma=GAMMA, lookahead=1, double=False)


# %% [markdown]
# ## Two ways to put an action into a network
# The slide's first one takes (s, a) and returns one number: as many passes as there are actions.
# Its second one takes s and returns a number for each action: that is what DQN does. Here is the
# first: the same algorithm, with another network.


# %%
@dataclass(frozen=True)
class ActionAsInput(DQN):
    """Action and state -> expected return."""

    lookahead: int = 1
    double: bool = False

    def graphs(self, checked: Any) -> Mapping[str, Any]:
        n = checked.actions.n
        return {"q": network(checked.observation, self.hidden, {"q": (1, 1.0)}, beside=n, name="q")}

    def q(self, task: Any, params: Any, seen: Any, legal: Any = None) -> jax.Array:
        def one(action: jax.Array) -> jax.Array:
            beside = jnp.broadcast_to(action, (len(seen), len(action)))
            return outputs(task.graphs["q"], params["q"], seen, beside)["q"][:, 0]

        return jax.vmap(one, out_axes=1)(jnp.eye(task.actions.n))


# %% [markdown]
# ## Returns of many steps
# One step at a time, news of a fall takes many updates to reach the states before it. A target of
# 16 steps, r_t + ... + gamma^15 r_{t+15} + gamma^16 max Q, brings it there at once.

# %%
WAYS = {
    "the slide's loss, an output for each action": (BY_THE_SLIDE, BLUE),
    "the slide's loss, the action as an input": (ActionAsInput(gamma=GAMMA), ORANGE),
    "targets of 16 steps": (DQN(gamma=GAMMA), GREEN),
}


def loss_of_four_steps(agents: Agents) -> tuple[float, float]:
    """(the loss by hand, by NumPy from the network's weights; the loss that training used)."""
    agent = agents[0]
    task, weights, played = agent.task, agent.weights(), agent.episode()
    seen, after = played.observations[:4], played.observations[1:5]
    action, reward = played.actions[:4], played.rewards[:4]
    values = jax.device_get(weights["q"])
    over = np.array([False, False, False, True])  # as if the pole had fallen at the fourth

    def q(x: np.ndarray) -> np.ndarray:
        for layer in ("hidden1", "hidden2"):
            x = np.maximum(x @ values[layer]["kernel"] + values[layer]["bias"], 0)
        return x @ values["q"]["kernel"] + values["q"]["bias"]

    target = reward + GAMMA * np.where(over, 0, q(after).max(axis=1))
    by_hand = np.mean((target - q(seen)[np.arange(4), action]) ** 2)
    rows = Experience(seen, action, reward, after, None, np.where(over, 0.0, GAMMA))
    rows = jax.tree.map(jnp.asarray, rows)
    hyper = task.numbers(agent.hyper)
    memory = task.algorithm.memories(weights, hyper)
    learning = Learning(weights, weights, memory)
    _, logs = task.algorithm.update(task, learning, rows, jax.random.key(0), hyper, 0)
    return float(by_hand), float(logs["loss"])


# %% [markdown]
# ## The picture
# Learning curves of every seed; then one episode, by the first agent of the last way. A pole that
# stands for ever is worth 1 / (1 - gamma) = 100.


# %%
def draw(trained: dict[str, Agents], out: Path) -> None:
    figure, panels = axes(2, 2, width=5.6, height=3.6)
    for ax, (name, agents) in zip(panels.flat, trained.items(), strict=False):
        for i, curve in agents.curves().items():
            ax.plot(curve.index / 1000, curve, color=WAYS[name][1], lw=1, alpha=0.8,
                    label="each seed" if i == 0 else None)  # fmt: skip
        ax.axhline(POLE.limit, color=BLACK, ls=":", lw=1)
        ax.set(ylim=(0, 530), title=name, xlabel="steps lived through (thousands)")
        ax.set_ylabel("steps that the pole stands")
        ax.legend(frameon=False, fontsize=8, loc="lower right")
    ax, agent = panels[1, 1], list(trained.values())[-1][0]
    q = agent.episode().thoughts["q"][:120]
    done = agent.episode().actions[:120]
    for a, colour in enumerate((BLUE, VERMILION)):
        ax.plot(q[:, a], color=colour, lw=1, label=f"Q(s, {POLE.actions.name(a)})")
        at = np.flatnonzero(done == a)
        ax.plot(at, np.full(len(at), q.min() - 1), "|", color=colour, ms=7)
    ax.axhline(1 / (1 - GAMMA), color=BLACK, ls=":", lw=1)
    ax.set(xlabel="step of an episode (marks: what was done)", ylabel="thought worth (rewards)")
    ax.set(title="what a push is thought worth", ylim=(q.min() - 2, max(q.max(), 100) + 2))
    ax.legend(frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.1))
    save(figure, out, "cart_pole.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    steps, seeds = (8_000, 2) if quick else (80_000, 5)
    trained = {
        name: made.learn(POLE, steps, seeds=seeds, evaluations=5 if quick else 20, verbose=0)
        for name, (made, _) in WAYS.items()
    }
    draw(trained, out)
    by_hand, used = loss_of_four_steps(trained["the slide's loss, an output for each action"])
    means = {name: agents.evaluate(20 if quick else 100).means for name, agents in trained.items()}
    for name, each in means.items():
        print(f"{name}: {', '.join(f'{m:.0f}' for m in each)} steps")
    one, other, many = means.values()
    shapes = [agents[0].task.graphs["q"].output_shapes[0] for agents in trained.values()]
    chance = _chance()
    aim = 3 * chance if quick else 475
    return [
        Check(
            "the loss of four steps",
            f"{by_hand:.6f}, by hand",
            f"{used:.6f}",
            abs(by_hand - used) < 1e-4 * max(by_hand, 1),
        ),
        Check(
            "numbers that the network puts out",
            "1 with the action as an input, else one an action",
            f"{shapes[1][0]}; {shapes[0][0]}",
            (shapes[1], shapes[0]) == ((1,), (2,)),
        ),
        Check(
            "both ways learn: best seed",
            f"above chance, {chance:.0f} steps",
            f"{one.max():.0f} and {other.max():.0f} steps",
            min(one.max(), other.max()) > 2 * chance,
        ),
        Check(
            "targets of 16 steps: worst seed",
            f"above {aim:.0f} of 500 steps",
            f"{many.min():.0f} steps",
            bool(many.min() > aim),
        ),
    ]


def _chance() -> float:
    """How long the pole stands under random pushes, mean of 200 episodes."""
    from descend.agents.walking import play

    keys = jax.random.split(jax.random.key(0), 200)
    played = jax.jit(lambda k: play(POLE, lambda seen, legal, key: POLE.actions.draw(key), k))(keys)
    return float(played.steps.mean())


if __name__ == "__main__":
    run(main)
