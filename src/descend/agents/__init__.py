"""Agents: environments stated as on the slide, algorithms one a file, runs compiled whole.

    from descend.agents import DQN, make

    agents = DQN().learn(make("cart-pole"), seeds=10)
    agents.evaluate()                    # returns, seed by seed, on episodes that none has seen

Names are loaded when first used, so that the list of environments can be shown without JAX.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "ActorCritic": "actor_critic",
    "Agent": "agents",
    "Agents": "agents",
    "Box": "environment",
    "Choice": "environment",
    "DDPG": "deterministic",
    "DQN": "dqn",
    "Environment": "environment",
    "Episode": "agents",
    "Evaluation": "evaluation",
    "Finite": "exact",
    "Game": "game",
    "PPO": "ppo",
    "PQN": "pqn",
    "QLearning": "tabular",
    "REINFORCE": "reinforce",
    "SAC": "sac",
    "SARSA": "tabular",
    "TD3": "deterministic",
    "ValueSurface": "surfaces",
    "check_environment": "checks",
    "interquartile_mean": "evaluation",
    "load_agents": "loading",
    "make": "registry",
}
__all__ = [*_HOMES, "parameter"]

if TYPE_CHECKING:
    from descend.agents.actor_critic import ActorCritic as ActorCritic
    from descend.agents.agents import Agent as Agent
    from descend.agents.agents import Agents as Agents
    from descend.agents.agents import Episode as Episode
    from descend.agents.checks import check_environment as check_environment
    from descend.agents.deterministic import DDPG as DDPG
    from descend.agents.deterministic import TD3 as TD3
    from descend.agents.dqn import DQN as DQN
    from descend.agents.environment import Box as Box
    from descend.agents.environment import Choice as Choice
    from descend.agents.environment import Environment as Environment
    from descend.agents.evaluation import Evaluation as Evaluation
    from descend.agents.evaluation import interquartile_mean as interquartile_mean
    from descend.agents.exact import Finite as Finite
    from descend.agents.game import Game as Game
    from descend.agents.loading import load_agents as load_agents
    from descend.agents.ppo import PPO as PPO
    from descend.agents.pqn import PQN as PQN
    from descend.agents.registry import make as make
    from descend.agents.reinforce import REINFORCE as REINFORCE
    from descend.agents.sac import SAC as SAC
    from descend.agents.surfaces import ValueSurface as ValueSurface
    from descend.agents.tabular import SARSA as SARSA
    from descend.agents.tabular import QLearning as QLearning
    from descend.statement import parameter as parameter

_MODULES = {n: f"{__name__}.{m}" for n, m in _HOMES.items()}
__getattr__, __dir__ = names_of(__name__, _MODULES | {"parameter": "descend.statement"})
