"""DDPG on the pendulum: a policy that climbs its critic's surface.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "DISCRETE & CONTINUOUS ACTIONS"
and "RL WITH AVAILABLE TOOLS" (notebook 06_ddpg_pendulum; Keras's example of that name
prints what it reached).

A rod is to be swung up and held by a motor too weak to lift it. Trains agents by the notebook's
numbers, and draws what the critic thinks of every angle and speed beside what the actor does there.
"""

# %%
from pathlib import Path

import jax
import numpy as np

from descend.agents import DDPG, Agent, Agents, make
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION
from descend.train.rules import Adam

ROD = make("pendulum")
EPISODES = 100  # of 200 steps each

# %% [markdown]
# ## The notebook's numbers
# The critic's error is made small, and the actor's weights follow the critic's gradient:
# J_critic = mean (r + gamma Q'(s', mu'(s')) - Q(s, a))^2, J_actor = -mean Q(s, mu(s)). Actions are
# explored by noise of .2 (the torque is at most 2). Other than in the notebook the noise is drawn
# anew at each step, and the first 500 steps are at random.


# %%
def learn(quick: bool) -> Agents:
    made = DDPG(
        hidden=(32, 32) if quick else (256, 256),
        actor=Adam(1e-3),
        critic=Adam(2e-3),
        gamma=0.99,
        tau=0.005,
        noise_size=0.1,  # in half ranges of the torque
        capacity=50_000,
        batch=64,
        warmup=500,
    )
    steps = 4_000 if quick else EPISODES * ROD.limit
    return made.learn(
        ROD, steps, seeds=2 if quick else 3, evaluations=10 if quick else 20, episodes=10, verbose=0
    )


# %% [markdown]
# ## The picture
# Angle 0 is upright, speed is in rad/s. The critic's value of a state is Q(s, mu(s)): a ridge leads
# to the top, where nothing is lost any more. The torque pushes along with the swing below, and
# brakes near the top. The line is an episode, from the circle to the square.


# %%
def surface(agent: Agent, points: int = 81) -> tuple[np.ndarray, ...]:
    """(angles, speeds, values (speeds, angles), torques (speeds, angles))."""
    angle, speed = np.linspace(-np.pi, np.pi, points), np.linspace(-8, 8, points)
    grid = np.stack(np.meshgrid(angle, speed), axis=-1).reshape(-1, 2)
    seen = np.column_stack([np.cos(grid[:, 0]), np.sin(grid[:, 0]), grid[:, 1]])
    shape = (points, points)
    value, torque = agent.thoughts(seen, "best")["q"], agent.act(seen, "best")[:, 0]
    return angle, speed, value.reshape(shape), torque.reshape(shape)


def draw(agents: Agents, best: int, out: Path) -> None:
    figure, panels = axes(3, width=4.7, height=3.9)
    curves = agents.curves()
    for i, colour in zip(curves, (BLUE, ORANGE, GREEN, PURPLE), strict=False):
        panels[0].plot(curves.index / ROD.limit, curves[i], "o-", ms=3, color=colour, lw=1,
                       label=f"seed {agents[i].settings['seed']}")  # fmt: skip
    for value, name in ((-173.2, "notebook, its last"), (-126.6, "notebook, its best")):
        panels[0].axhline(value, color=BLACK, ls="--" if value < -150 else ":", lw=1, label=name)
    panels[0].set(xlabel="episodes lived through", ylabel="return (0: upright all the time)")
    panels[0].set(title="episodes without noise", ylim=(-1700, 0))
    panels[0].legend(frameon=False, fontsize=8, loc="lower right")
    angle, speed, value, torque = surface(agents[best])
    played = agents[best].episode(seed=1, which="best")
    cosine, sine, way = played.observations.T
    at = np.arctan2(sine, cosine)
    for ax, field, colours, name in (
        (panels[1], value, "viridis", "value Q(s, mu(s))"),
        (panels[2], torque, "RdBu_r", "torque mu(s), N m"),
    ):
        drawn = ax.pcolormesh(angle, speed, field, cmap=colours, shading="gouraud", rasterized=True)
        figure.colorbar(drawn, ax=ax, label=name)
        cut = np.abs(np.diff(at)) > np.pi  # where the rod passes the bottom
        ax.plot(np.insert(at, np.flatnonzero(cut) + 1, np.nan),
                np.insert(way, np.flatnonzero(cut) + 1, np.nan), color=VERMILION if ax is panels[1]
                else BLACK, lw=1)  # fmt: skip
        for place, sign in ((0, "o"), (-1, "s")):
            ax.plot(at[place], way[place], sign, color="white", mec=BLACK, ms=6)
        ax.set(xlabel="angle (rad; 0: upright)", ylabel="angular velocity (rad/s)")
        ax.set(xlim=(-np.pi, np.pi), ylim=(-8, 8))
        ax.set_xticks([-np.pi, 0, np.pi], [r"$-\pi$", "0", r"$\pi$"])
    panels[1].set_title("what the critic thinks")
    panels[2].set_title("what the actor does")
    save(figure, out, "pendulum.png")


# %% [markdown]
# ## The comparison
# The notebook's figure is the mean return of the last 40 episodes of training, noise included.


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    agents = learn(quick)
    judged = agents.evaluate(20 if quick else 100, which="best")
    best = int(judged.means.argmax())
    draw(agents, best, out)
    stretches = 4 if quick else 8  # of the last 40 episodes, five each
    trained = [float(np.nanmean(a.history.history["return"][-stretches:])) for a in agents]
    print(f"last weights: {agents.evaluate(20 if quick else 100)}")
    print(f"best weights: {judged}")
    print(f"last episodes of training: {', '.join(f'{mean:.1f}' for mean in trained)}")
    chance = _chance()
    agent = agents[best]
    hanging, upright = [-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]
    values = agent.thoughts(np.array([hanging, upright]), "best")["q"]
    push = agent.act(np.array([[-1.0, 0.0, 2.0], [-1.0, 0.0, -2.0]]), "best")[:, 0]
    aim = 0.6 * chance if quick else -173.2
    return [
        Check(
            "mean return of the last 40 episodes of training, median seed",
            "-126.6 at best, -173.2 in the end",
            f"{np.median(trained):.1f}" + (" (of 10, in the quick form)" if quick else ""),
            bool(np.median(trained) > (chance if quick else -200)),
        ),
        Check(
            "return without noise, worst seed",
            f"chance: {chance:.0f}" if quick else "better than -173.2",
            f"{judged.means.min():.1f}",
            bool(judged.means.min() > aim),
        ),
        Check(
            "the critic: upright is worth more than hanging",
            "0 at best",
            f"{values[1]:.1f} against {values[0]:.1f}",
            bool(values[1] > values[0]),
        ),
        Check(
            "the actor: a swinging rod is pushed along, below",
            "torque with the speed",
            f"{push[0]:+.1f} and {push[1]:+.1f} N m at 2 and -2 rad/s",
            bool(push[0] > push[1]),
        ),
    ]


def _chance() -> float:
    """The mean return of torques at random."""
    from descend.agents.walking import play

    keys = jax.random.split(jax.random.key(0), 100)
    played = jax.jit(lambda k: play(ROD, lambda seen, legal, key: ROD.actions.draw(key), k))(keys)
    return float(played.returns.mean())


if __name__ == "__main__":
    run(main)
