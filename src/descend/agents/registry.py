"""The environments and algorithms that have a name. JAX comes later."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from descend.errors import DescendError, unknown

if TYPE_CHECKING:
    from descend.agents.environment import Environment
    from descend.agents.settings import Settings

# name -> (module of descend.agents.environments:class, what it is)
ENVIRONMENTS = {
    "cart-pole": ("cart_pole:CartPole", "a pole kept upright by pushing its cart"),
    "pendulum": ("pendulum:Pendulum", "a rod swung up and held by a weak motor"),
    "acrobot": ("acrobot:Acrobot", "two hanging links, swung up by the joint between them"),
    "mountain-car": (
        "mountain_car:MountainCar",
        "a weak car that must swing to leave its valley",
    ),
    "mountain-car-continuous": (
        "mountain_car_continuous:MountainCarContinuous",
        "the same with a motor of any strength, whose effort costs",
    ),
    "steering": ("steering:Steering", "a car kept in its lane by its steering angle"),
    "maze": ("maze:Maze", "a robot in a maze: the reward comes at the end"),
    "bandit": ("bandit:Bandit", "arms that pay at random: which is best?"),
    "boat-race": (
        "boat_race:BoatRace",
        "a race whose score pays for circling: a misspecified reward",
    ),
    "breakout": (
        "breakout:Breakout",
        "a wall of bricks, broken by a ball that a paddle keeps in the air",
    ),
    "asterix": (
        "asterix:Asterix",
        "treasure collected among enemies that come ever faster",
    ),
    "freeway": ("freeway:Freeway", "a chicken that is to cross a road of eight lanes"),
    "seaquest": (
        "seaquest:Seaquest",
        "a submarine that rescues divers and must come up for air",
    ),
    "space-invaders": (
        "space_invaders:SpaceInvaders",
        "aliens that march down, and a cannon below them",
    ),
    "job-search": ("job_search:JobSearch", "which wage to accept (McCall)"),
    "inventory": (
        "inventory:Inventory",
        "how much to order when orders have a fixed cost",
    ),
    "portfolio": (
        "portfolio:Portfolio",
        "how much to consume, how much to risk (Merton)",
    ),
    "linear-quadratic": (
        "linear_quadratic:LinearQuadratic",
        "a central bank as a linear-quadratic regulator",
    ),
    "pricing": (
        "duopoly:PricingAgainst",
        "a firm's price against a rival who answers like with like",
    ),
    "brock-mirman": (
        "economy:EconomyEnvironment",
        "how much to save: growth with a closed form",
    ),
    "growth": ("economy:Growth", "how much to consume: stochastic growth"),
    "savings": ("economy:Savings", "how much to save when income fluctuates"),
    "tic-tac-toe": ("tic_tac_toe:TicTacToe", "three in a row, for two players in turns"),
    "connect-four": ("connect_four:ConnectFour", "four in a row of stones that fall"),
}


# package:name, of other packages -> (function of descend.agents.adapters, what there is)
ADAPTERS = {
    "gymnasium": ("from_gymnasium", "any environment of Gymnasium, as gymnasium:LunarLander-v3"),
    "gymnax": ("from_gymnax", "those of gymnax, as gymnax:Breakout-MinAtar"),
    "pgx": ("from_pgx", "games of pgx, as pgx:go_5x5"),
    "atari": ("from_atari", "games of Atari through ale-py, as atari:breakout"),
}


def is_adapted(name: str) -> bool:
    """Whether a name is of another package's environment, package:name."""
    return ":" in str(name)


def _adapted(name: str, parameters: dict[str, Any]) -> Environment:
    package, _, own = str(name).partition(":")
    if package not in ADAPTERS:
        raise unknown("package of environments", package, ADAPTERS)
    from descend.agents import adapters

    function = getattr(adapters, ADAPTERS[package][0])
    try:
        inspect.signature(function).bind(own, **parameters)
    except TypeError as error:
        raise DescendError(f"{name}: {error}") from None
    return function(own, **parameters)


def class_of(name: str) -> type[Environment]:
    """The class of an environment's name; raises DescendError."""
    if is_adapted(name):
        return type(_adapted(name, {}))
    key = str(name).lower().replace("_", "-")
    if key not in ENVIRONMENTS:
        raise unknown("environment", name, ENVIRONMENTS)
    module, _, class_name = ENVIRONMENTS[key][0].partition(":")
    return getattr(importlib.import_module(f"descend.agents.environments.{module}"), class_name)


def make(name: str, **parameters: Any) -> Environment:
    """An environment of the literature by its name, or one of another package.

    Args:
        name: name as in `descend agent list`, such as "cart-pole", or "gymnasium:LunarLander-v3".
        parameters: values by the names of its parameters.

    Returns:
        The environment.

    Raises:
        DescendError: an unknown name or parameter, or a value out of range.

    Source: each environment names its own.

    Example:
        >>> from descend.agents import make
        >>> make("cart-pole", limit=200).limit
        200
    """
    if is_adapted(name):
        return _adapted(name, parameters)
    return class_of(name)().with_parameters(parameters)


# name -> (module of descend.agents:class, what it is)
ALGORITHMS = {
    "q-learning": ("tabular:QLearning", "a table of values learns from the best next action"),
    "sarsa": ("tabular:SARSA", "the same from the action that is really done next"),
    "dqn": ("dqn:DQN", "Q-learning with a network, a replay memory and a target network"),
    "pqn": ("pqn:PQN", "Q-learning with a network on its own walks, without either"),
    "reinforce": ("reinforce:REINFORCE", "the policy gradient of whole episodes"),
    "actor-critic": ("actor_critic:ActorCritic", "the policy gradient with a critic"),
    "ppo": ("ppo:PPO", "the policy gradient that uses a walk several times"),
    "ddpg": ("deterministic:DDPG", "a policy that follows its critic's gradient"),
    "td3": ("deterministic:TD3", "the same with two critics and a slower policy"),
    "sac": ("sac:SAC", "an actor rewarded for staying undecided, and two critics"),
    "self-play": ("alphazero.learner:SelfPlay", "a game of two learnt by tree search (AlphaZero)"),
}


def algorithm(name: str) -> type[Settings]:
    """The class of an algorithm's name; raises DescendError."""
    key = str(name).lower().replace("_", "-")
    if key not in ALGORITHMS:
        raise unknown("algorithm", name, ALGORITHMS)
    module, _, class_name = ALGORITHMS[key][0].partition(":")
    return getattr(importlib.import_module(f"descend.agents.{module}"), class_name)
