"""What each environment is learned with where nothing is said: algorithm, steps, settings.

They were found on other seeds (100 to 109) than are reported. Environments that are not listed are
learned by PPO for 200,000 steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Preset(NamedTuple):
    """An algorithm's name, the steps that it is given, and settings other than its own defaults.

    A setting that needs JAX (layers) is a function that makes it. seeds: agents side by side;
    minutes: how long they take on two cores, where it is more than a minute.
    """

    algorithm: str
    steps: int
    settings: dict[str, Any]
    seeds: int = 4
    minutes: int = 0

    def options(self) -> dict[str, Any]:
        """The settings with what functions make of them."""
        return {k: v() if callable(v) else v for k, v in self.settings.items()}


def _windows() -> tuple[Any, ...]:
    """64 features of each window of 4 by 4 cells, which holds the lines of four; then 256 units."""
    from descend.nn.layers import Conv2D

    return Conv2D(64, 4, activation="relu", kernel_initializer="he_normal"), 256


def _steep() -> Any:
    """Adam at a rate of .003."""
    from descend.train.rules import Adam

    return Adam(3e-3)


def _clipped(rate: float) -> Any:
    """A function that makes Adam at a rate, its gradients cut at a length of .5."""

    def made() -> Any:
        from descend.train.rules import Adam

        return Adam(rate, global_clipnorm=0.5)

    return made


# normal policies of economists: entropy keeps them from growing sure before they have learned
_PLANNED = {
    "hidden": (16,),
    "optimizer": _clipped(0.01),
    "environments": 64,
    "walk": 16,
    "passes": 10,
    "batch": 1024,
    "lambda_": 0.9,
    "entropy_weight": 0.05,
}
# the game of bricks was learned with these; the others of its kind take the same
_PICTURES = Preset(
    "ppo",
    600_000,
    {
        "hidden": (128,),
        "activation": "relu",
        "optimizer": _clipped(0.005),
        "environments": 64,
        "walk": 128,
        "passes": 4,
        "batch": 1024,
        "entropy_weight": 0.01,
        "gamma": 0.99,
        "lambda_": 0.95,
    },
    seeds=1,
    minutes=2,
)
FALLBACK = Preset("ppo", 200_000, {})
# environment -> its presets, the one that is taken without --algorithm first
PRESETS: dict[str, tuple[Preset, ...]] = {
    "tic-tac-toe": (Preset("self-play", 491_520, {}, minutes=2),),
    "connect-four": (
        Preset(
            "self-play",
            3_276_800,
            {
                "hidden": _windows,
                "simulations": 32,
                "explore": 0.25,
                "walk": 32,
                "batch": 512,
                "opponent": "depth-3",
            },
            seeds=1,
            minutes=20,
        ),
    ),
    "cart-pole": (
        Preset("dqn", 80_000, {}),
        Preset("pqn", 100_000, {}),
        Preset("ppo", 100_000, {}),
        Preset("actor-critic", 200_000, {}),
    ),
    "acrobot": (
        Preset("dqn", 100_000, {"optimizer": _steep, "lookahead": 1, "gamma": 0.98}),
        Preset("ppo", 200_000, {"gamma": 0.99, "lambda_": 0.95}),
    ),
    "mountain-car": (
        Preset(
            "dqn",
            120_000,
            {"optimizer": _steep, "lookahead": 1, "gamma": 0.98, "exploring": 0.3},
        ),
    ),
    "breakout": (_PICTURES,),
    "asterix": (_PICTURES,),
    "freeway": (_PICTURES,),
    "seaquest": (_PICTURES,),
    "space-invaders": (_PICTURES,),
    "pendulum": (
        Preset("ddpg", 20_000, {}),
        Preset("td3", 20_000, {}),
        Preset("sac", 20_000, {}),
    ),
    "maze": (
        Preset("q-learning", 40_000, {"first": 1.0}),
        Preset("sarsa", 40_000, {"first": 1.0}),
    ),
    "job-search": (
        Preset(
            "q-learning",
            20_000,
            {
                "first": 60.0,
                "rate": 1.0,
                "slowing": 0.6,
                "epsilon": 0.2,
                "epsilon_end": 0.2,
            },
        ),
        Preset(
            "dqn",
            20_000,
            {
                "optimizer": _steep,
                "double": False,
                "lookahead": 1,
                "epsilon_end": 0.2,
            },
        ),
    ),
    "inventory": (
        Preset(
            "ppo",
            8_000_000,
            {
                "hidden": (),
                "optimizer": _clipped(0.03),
                "environments": 512,
                "walk": 16,
                "passes": 4,
                "batch": 4096,
                "lambda_": 0.9,
                "entropy_weight": 0.03,
            },
            minutes=2,
        ),
    ),
    "brock-mirman": (Preset("ppo", 400_000, _PLANNED),),
    "linear-quadratic": (
        Preset(
            "ppo",
            3_000_000,
            {
                **_PLANNED,
                "hidden": (32,),
                "optimizer": _clipped(0.003),
                "walk": 25,
                "batch": 1600,
                "entropy_weight": 0.15,
            },
            minutes=1,
        ),
    ),
}


def preset(environment: str, algorithm: str | None = None) -> Preset:
    """The preset of an environment's name, for an algorithm or the one that is best known."""
    listed = PRESETS.get(environment, ())
    if environment.startswith("atari:"):
        listed = _atari()
    for one in listed:
        if algorithm in (None, one.algorithm):
            return one
    return FALLBACK if algorithm is None else Preset(algorithm, FALLBACK.steps, {})


def _atari() -> tuple[Preset, ...]:
    from descend.agents.adapters.atari import nature_network  # which imports JAX

    seen = {"hidden": nature_network()}
    one = {"lookahead": 1, "environments": 4, "updates": 1, "batch": 32, "huber": True}
    return Preset("dqn", 1_000_000, seen | one), Preset("ppo", 1_000_000, seen)
