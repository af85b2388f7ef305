"""Breakout on ten by ten cells: an agent that sees the screen, and what each move is worth.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "LOOKING CLOSER INTO THE Q-FUNCTION"
(which of two situations is worth more?), "ATARI BREAKOUT" and "TRAINING POLICY GRADIENTS".

The game is Breakout as MinAtar made it small (Young and Tian 2019). Trains agents by PPO from the
screen alone, draws a moment of play, and says for each of the three moves what it would be worth.
"""

# %%
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents import PPO, Agent, Agents, make
from descend.agents.agents import Episode
from descend.lab import Check, axes, run, save
from descend.nn.layers import Flatten
from descend.palette import BLACK, BLUE, GREEN, PURPLE, VERMILION
from descend.train.rules import Adam

GAME = make("breakout")
GAMMA = 0.99

# %% [markdown]
# ## The screen
# Four pictures of 10 x 10 cells: paddle, ball, where the ball was, bricks. Each brick pays 1; the
# game is over when the ball passes the paddle. One action in ten is not obeyed: the last one is
# repeated, so that no list of moves learned by heart wins.


# %% [markdown]
# ## Learning
# PPO raises the probability of what turned out better than its critic V(s) had thought. 64 games
# go side by side. (Atari's own Breakout takes ten million frames and a larger network.)


# %%
def learn(quick: bool) -> Agents:
    made = PPO(
        hidden=(Flatten(), 64 if quick else 128),
        activation="relu",
        optimizer=Adam(3e-3, global_clipnorm=0.5),
        environments=64,
        walk=32,
        passes=4,
        batch=512,
        gamma=GAMMA,
        lambda_=0.95,
        entropy_weight=0.01,
    )
    return made.learn(
        GAME,
        100_000 if quick else 1_200_000,
        seeds=1 if quick else 2,
        evaluations=5 if quick else 20,
        episodes=20,
        verbose=0,
    )


# %% [markdown]
# ## What a move is worth
# Q(s, a) = r + gamma V(s'): one step of the game, then the critic. Here each move is obeyed.


# %%
def worth(agent: Agent, episode: Episode) -> np.ndarray:
    """Q (steps, moves) of an episode."""
    obeyed = GAME.with_parameters({"sticky": 0.0})
    states = jax.tree.map(lambda a: jnp.asarray(a[:-1]), episode.states)

    def one(state, move):
        after, reward, over = obeyed.step(state, move, jax.random.key(0))
        return GAME.observe(after), reward, over

    seen, reward, over = jax.jit(jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None)))(
        states, jnp.arange(GAME.actions.n)
    )
    value = agent.thoughts(np.asarray(seen).reshape(-1, *seen.shape[2:]))["value"]
    return np.asarray(reward + GAMMA * jnp.where(over, 0.0, value.reshape(over.shape)))


def draw(agents: Agents, episode: Episode, q: np.ndarray, out: Path) -> None:
    figure, panels = axes(4, 2, width=3.3, height=3.3)
    ax = panels[0, 0]
    for i, curve in agents.curves().items():
        ax.plot(curve.index / 1000, curve, color=(BLUE, GREEN, PURPLE)[i % 3], lw=1.2,
                label=f"seed {agents[i].settings['seed']}")  # fmt: skip
    ax.set(xlabel="frames (thousands)", ylabel="bricks of a game", ylim=(0, None))
    ax.set_title("20 games, without exploring")
    ax.legend(frameon=False, fontsize=8)
    spread = q.max(axis=1) - q.min(axis=1)
    middle = int(np.clip(spread[4:-1].argmax() + 4, 4, len(q) - 2)) if len(q) > 6 else 0
    first = max(0, middle - 4)
    ax = panels[0, 1]
    window = slice(max(0, middle - 25), middle + 15)
    frames = np.arange(len(q))[window]
    for move, colour in enumerate((BLACK, VERMILION, BLUE)):
        ax.plot(frames, q[window, move], color=colour, lw=1.2, label=GAME.actions.name(move))
    ax.axvspan(first - 0.5, first + 5.5, color="0.9", zorder=0)
    ax.set(
        xlabel="frame of a game (grey: drawn)",
        ylabel="Q(s, a), bricks",
        title="what moves are worth",
    )
    ax.set_ylim(None, q[window].max() + 0.45 * np.ptp(q[window]))
    ax.legend(frameon=False, fontsize=8, loc="upper right", ncols=3, handlelength=1)
    for place, ax in enumerate(panels.flat[2:]):
        frame = min(first + place, len(q) - 1)
        ax.imshow(GAME.picture(episode.state(frame)))
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(f"frame {frame}: {GAME.actions.name(episode.actions[frame])}", fontsize=10)
        names = ", ".join(f"{GAME.actions.name(a)} {q[frame, a]:.1f}" for a in range(3))
        ax.set_xlabel(names, fontsize=9)
    save(figure, out, "breakout.png")


# %% [markdown]
# ## The comparison
# The quick form plays a twelfth of the frames: enough to hit the ball a few times.


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    agents = learn(quick)
    judged = agents.evaluate(50, which="last")
    best = int(judged.means.argmax())
    episode = agents[best].episode(seed=1)
    q = worth(agents[best], episode)
    draw(agents, episode, q, out)
    chance = _chance()
    print(f"after {agents[0].task.budget:,} frames: {judged}")
    print(f"a game of {len(episode)} frames: {episode.rewards.sum():.0f} bricks")
    saved = (q.min(axis=1) < 0.5 * q.max(axis=1)) & (q.max(axis=1) > 0.2)
    right = np.take_along_axis(q, episode.actions[:, None].astype(int), 1)[:, 0] > q.min(axis=1)
    share = right[saved].mean() if saved.any() else 1.0
    aim = 2 * chance if quick else 8
    return [
        Check("bricks of a game at random", "below 1", f"{chance:.2f}", chance < 1),
        Check(
            "bricks of a game, worst seed",
            f"above {aim:.1f}",
            f"{judged.means.min():.1f}",
            bool(judged.means.min() > aim),
        ),
        Check(
            "what is seen",
            "10 x 10 cells, 4 pictures",
            " x ".join(map(str, episode.observations.shape[1:])),
            episode.observations.shape[1:] == (10, 10, 4),
        ),
        Check(
            "where a move can cost half of what is to come",
            "another one is made",
            f"in {share:.0%} of {int(saved.sum())} frames of a game",
            bool(share > 0.5),
        ),
    ]


def _chance() -> float:
    """Bricks of a game whose moves are drawn."""
    from descend.agents.walking import play

    keys = jax.random.split(jax.random.key(0), 200)
    played = jax.jit(lambda k: play(GAME, lambda seen, legal, key: GAME.actions.draw(key), k))(keys)
    return float(played.returns.mean())


if __name__ == "__main__":
    run(main)
