"""Policy gradients: probabilities of pushes, and the density of a steering angle.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "THE BASIC IDEA OF POLICY GRADIENT",
"DISCRETE & CONTINUOUS ACTIONS", "EXAMPLE: RL & DNN" (softmax; P(a|s) = N(mu, sigma)), "TRAINING
POLICY GRADIENTS" and "EXAMPLE: LEARN TO DRIVE".

Trains a pole's pushes (a softmax over two) and a car's steering angle (a normal density) by the
slide's loss = -log P(a_t | s_t) R_t, with and without a baseline, and draws both policies before,
during and after training.
"""

# %%
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from descend.agents import REINFORCE, Agents, make
from descend.agents.policies import log_squashed
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, ORANGE, SKY, VERMILION
from descend.train.callbacks import Callback
from descend.train.rules import Adam

POLE = make("cart-pole", limit=200)
CAR = make("steering", limit=200)

# %% [markdown]
# ## The slide's algorithm
# Run the policy until the episode ends; record states, actions, rewards; make what led to much
# reward more probable, w' = w + eta grad log P(a_t|s_t) R_t, with R_t the discounted reward from t
# on. A baseline, a second network that learns what R_t is on average in a state, is taken off it:
# the gradient is the same in expectation, and less noisy.


# %%
class Keep(Callback):
    """The weights before training and after every stretch of it."""

    def on_train_begin(self, logs=None):
        self.weights = [jax.device_get(self.run.state.params)]

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(jax.device_get(self.run.state.params))


@dataclass(frozen=True)
class Careful(REINFORCE):
    """The same, whose normal begins with a standard deviation of 1/e: a wheel not turned wildly."""

    def log_std(self, heads):
        return jnp.clip(heads["log_std"] - 1.0, -5.0, 2.0)


def learn(made: REINFORCE, environment, quick: bool) -> tuple[Agents, list[Agents]]:
    """(the agents, and what they were before training and on the way)."""
    steps, seeds = (32_000, 2) if quick else (160_000, 5)
    keep = Keep()
    agents = made.learn(
        environment, steps, seeds=seeds, evaluations=8, episodes=10, callbacks=[keep], verbose=0
    )
    return agents, [Agents([replace(agents.groups[0], last=w)]) for w in keep.weights]


def loss_of_one_step(agents: Agents) -> tuple[float, float]:
    """(log density of a steering angle by the normal's formula, the one that training used)."""
    agent = agents[0]
    seen = agent.episode().observations[:1]
    thought = agent.thoughts(seen)
    mean, std = float(thought["mean"][0, 0]), float(thought["std"][0, 0])
    u = mean + 0.7 * std  # an angle somewhere
    by_hand = -(((u - mean) / std) ** 2) / 2 - np.log(std * np.sqrt(2 * np.pi))
    by_hand -= np.log(1 - np.tanh(u) ** 2)  # the density of tanh(u), which lies between the bounds
    used = log_squashed(
        jnp.array([[u]]), jnp.asarray(thought["mean"]), jnp.log(jnp.asarray(thought["std"]))
    )
    return float(by_hand), float(used[0])


# %% [markdown]
# ## The policies
# Discrete: the probability of pushing right, over the pole's angle. Continuous: the angle's density
# where the road bends to the left, goes straight on, and bends to the right. The angle has bounds:
# it is .5 tanh(u) rad with a normal u, so the density is the normal's times du/da.


# %%
def right(agent, angles: np.ndarray) -> np.ndarray:
    """The probability of a push to the right, cart in the middle and everything at rest."""
    seen = np.zeros((len(angles), 4))
    seen[:, 2] = angles
    return agent.thoughts(seen)["probability"][:, 1]


ROADS = {"bends to the right": -1.0, "goes straight on": 0.0, "bends to the left": 1.0}


def view(bend: float) -> np.ndarray:
    """What the car sees in the middle of the lane and along it, where a bend is sharpest."""
    ahead = np.cos(2 * np.pi * np.array([0.0, 10.0, 20.0]) / CAR.wave)
    return np.array([0.0, 0.0, *(bend * ahead)])


def density(agent, bend: float, angles: np.ndarray) -> np.ndarray:
    """The density of the steering angle."""
    thought = agent.thoughts(view(bend))
    mean, std = float(thought["mean"][0]), float(thought["std"][0])
    share = angles / CAR.actions.high[0]
    z = (np.arctanh(share) - mean) / std
    normal = np.exp(-(z**2) / 2) / (std * np.sqrt(2 * np.pi))
    return normal / (1 - share**2) / CAR.actions.high[0]


def draw(curves: dict, times: list, out: Path) -> None:
    figure, panels = axes(3, 2, width=4.4, height=3.3)
    for ax, (title, each) in zip(panels[:, 0], curves.items(), strict=True):
        for (name, agents), colour in zip(each.items(), (BLUE, ORANGE), strict=False):
            for i, curve in agents.curves().items():
                ax.plot(curve.index / 1000, curve, color=colour, lw=1,
                        label=name if i == 0 else None)  # fmt: skip
        ax.axhline(200, color=BLACK, ls=":", lw=1)
        ax.set(title=title, xlabel="steps lived through (thousands)", ylim=(0, 210))
        ax.set_ylabel("return (at most 200)")
        if len(each) > 1:
            ax.legend(frameon=False, fontsize=8, loc="lower right")
    angle = np.linspace(-12, 12, 200)
    ax = panels[0, 1]
    shades = (SKY, BLUE, BLACK)
    for (steps, pole, _), colour in zip(times, shades, strict=True):
        ax.plot(angle, right(pole, np.deg2rad(angle)), color=colour, label=_after(steps))
    ax.set(xlabel="angle of the pole (degrees)", ylabel="P(right | s)", ylim=(-0.03, 1.03))
    ax.set_title("softmax: the probability of a push")
    ax.legend(frameon=False, fontsize=8)
    ax = panels[0, 2]
    for steps, pole, _ in times[-1:]:
        chance = pole.episode(seed=1).thoughts["probability"][:100]
        done = pole.episode(seed=1).actions[:100]
        ax.fill_between(range(len(chance)), 0, chance[:, 1], color=SKY, alpha=0.5, lw=0,
                        label="P(right | s)")  # fmt: skip
        ax.plot(done, "|", color=VERMILION, ms=6, label="what was done (1: right)")
        ax.set(xlabel=f"step of an episode, {_after(steps)}", ylim=(-0.1, 1.35))
    ax.set(title="a policy in use", ylabel="probability")
    ax.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)
    angles = np.linspace(-0.49, 0.49, 400)
    colours = (VERMILION, BLACK, GREEN)
    for ax, (steps, _, car) in zip(panels[1, 1:], (times[0], times[-1]), strict=True):
        for (road, bend), colour in zip(ROADS.items(), colours, strict=True):
            shape = density(car, bend, angles)
            ax.plot(angles, shape, color=colour, label=f"road {road}")
            ax.fill_between(angles, 0, shape, color=colour, alpha=0.12, lw=0)
            best = np.arctan(CAR.wheelbase * CAR.bend * bend)
            ax.axvline(best, color=colour, ls=":", lw=1)
        ax.set(xlabel="steering angle (rad; dotted: what keeps the lane)", ylabel="density")
        ax.set_title(f"the angle's density {_after(steps)}")
        ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
        ax.legend(frameon=False, fontsize=8, loc="upper left")
    save(figure, out, "policy_gradients.png")


def _after(steps: int) -> str:
    return f"after {steps:,} steps" if steps else "before training"


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    with_base, poles = learn(REINFORCE(), POLE, quick)
    without, _ = learn(REINFORCE(baseline=False), POLE, quick)
    rate = 3e-3 if quick else 1e-3
    drivers, cars = learn(Careful(optimizer=Adam(rate), anneal=True), CAR, quick)
    task = with_base[0].task
    times = [
        (task.steps_after(i) if i else 0, poles[i][0], cars[i][0]) for i in (0, 1, len(cars) - 1)
    ]
    draw(
        {
            "cart-pole: a choice of two pushes": {
                "with a baseline": with_base,
                "without": without,
            },
            "steering: an angle": {"with a baseline": drivers},
        },
        times,
        out,
    )
    by_hand, used = loss_of_one_step(drivers)
    stood = {"with a baseline": with_base.evaluate(20), "without": without.evaluate(20)}
    for name, one in stood.items():
        print(f"cart-pole, {name}: {_words(one)} of 200 steps")
    driven = drivers.evaluate(20, which="best")
    print(f"steering, best weights: {_words(driven)} of 200")
    angles = np.linspace(-0.499, 0.499, 20_001)
    agent = times[-1][2]
    area = np.trapezoid(density(agent, 0.0, angles), angles)
    means = [0.5 * np.tanh(float(agent.thoughts(view(b))["mean"][0])) for b in ROADS.values()]
    tilt = right(times[-1][1], np.deg2rad([-6.0, 6.0]))
    straight = _straight_on()
    return [
        Check(
            "log P(a|s) of a steering angle",
            f"{by_hand:.5f}, by hand",
            f"{used:.5f}",
            abs(by_hand - used) < 1e-3,
        ),
        Check("the integral of P(a|s)", "1", f"{area:.3f}", abs(area - 1) < 0.03),
        Check(
            "a pole that leans to the right is pushed to the right",
            "more probably than one that leans to the left",
            f"{tilt[1]:.2f} against {tilt[0]:.2f}",
            tilt[1] > tilt[0],
        ),
        Check(
            "the steering angle follows the road: right, straight, left",
            f"{_angles(np.arctan(CAR.wheelbase * CAR.bend * np.array([-1, 0, 1])))}",
            _angles(means),
            means[0] < means[1] < means[2],
        ),
        Check(
            "cart-pole, worst seed of those with a baseline",
            "well above chance, 20" if quick else "near 200",
            f"{stood['with a baseline'].means.min():.0f} steps",
            bool(stood["with a baseline"].means.min() > (60 if quick else 180)),
        ),
        Check(
            "steering, median seed",
            f"above steering straight on, {straight:.0f}",
            f"{np.median(driven.means):.0f} of 200",
            bool(np.median(driven.means) > (2 if quick else 6) * straight),
        ),
    ]


def _words(judged) -> str:
    return ", ".join(f"{mean:.0f}" for mean in judged.means)


def _angles(values) -> str:
    return ", ".join(f"{value:+.2f}" for value in values)


def _straight_on() -> float:
    """The mean return of steering straight on."""
    from descend.agents.walking import play

    keys = jax.random.split(jax.random.key(0), 100)
    return float(jax.jit(lambda k: play(CAR, lambda *_: jnp.zeros(1), k))(keys).returns.mean())


if __name__ == "__main__":
    run(main)
