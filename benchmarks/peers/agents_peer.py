"""One row of speed_agents.py in a process of its own: `--worker '[env, algorithm, library, ...]'`.

The last line that it prints is a JSON object: seconds of learning, and the mean return of 20
episodes of each seed, without exploring, by the last weights.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

EPISODES = 20
NAMES = {
    "cart-pole": "CartPole-v1",
    "pendulum": "Pendulum-v1",
    "acrobot": "Acrobot-v1",
    "mountain-car": "MountainCar-v0",
}
# rl-baselines3-zoo, hyperparams/*.yml; anything else is the library's default
WIDE = {"net_arch": [256, 256]}
LATE = {"learning_starts": 10_000, "buffer_size": 200_000, "gamma": 0.98, "learning_rate": 1e-3}
LATE |= {"noise": 0.1, "policy_kwargs": {"net_arch": [400, 300]}}
ZOO: dict[tuple[str, str], dict[str, Any]] = {
    ("cart-pole", "dqn"): {
        "learning_rate": 2.3e-3,
        "batch_size": 64,
        "buffer_size": 100_000,
        "learning_starts": 1000,
        "target_update_interval": 10,
        "train_freq": 256,
        "gradient_steps": 128,
        "exploration_fraction": 0.16,
        "exploration_final_eps": 0.04,
        "policy_kwargs": WIDE,
    },
    ("cart-pole", "ppo"): {
        "environments": 8,
        "n_steps": 32,
        "batch_size": 256,
        "gae_lambda": 0.8,
        "gamma": 0.98,
        "n_epochs": 20,
        "learning_rate": lambda left: 1e-3 * left,
        "clip_range": lambda left: 0.2 * left,
    },
    ("cart-pole", "actor-critic"): {"environments": 8},
    ("pendulum", "ddpg"): LATE,
    ("pendulum", "td3"): LATE,
    ("pendulum", "sac"): {"learning_rate": 1e-3},
    ("acrobot", "dqn"): {
        "learning_rate": 6.3e-4,
        "batch_size": 128,
        "buffer_size": 50_000,
        "learning_starts": 0,
        "target_update_interval": 250,
        "train_freq": 4,
        "gradient_steps": -1,
        "exploration_fraction": 0.12,
        "exploration_final_eps": 0.1,
        "policy_kwargs": WIDE,
    },
    ("mountain-car", "dqn"): {
        "learning_rate": 4e-3,
        "batch_size": 128,
        "buffer_size": 10_000,
        "learning_starts": 1000,
        "gamma": 0.98,
        "target_update_interval": 600,
        "train_freq": 16,
        "gradient_steps": 8,
        "exploration_fraction": 0.2,
        "exploration_final_eps": 0.07,
        "policy_kwargs": WIDE,
    },
}
# rejax, configs/gymnax/*.yaml
REJAX: dict[tuple[str, str], dict[str, Any]] = {
    ("cart-pole", "dqn"): {
        "agent": "DuelingQNetwork",
        "agent_kwargs": {"activation": "swish"},
        "num_envs": 10,
        "buffer_size": 50_000,
        "fill_buffer": 5_000,
        "batch_size": 100,
        "max_grad_norm": 10,
        "learning_rate": 0.001,
        "num_epochs": 5,
        "polyak": 0.98,
        "eps_start": 1,
        "eps_end": 0.05,
        "exploration_fraction": 0.5,
        "gamma": 0.99,
        "ddqn": True,
    },
    ("cart-pole", "pqn"): {
        "num_envs": 16,
        "num_steps": 128,
        "num_minibatches": 16,
        "max_grad_norm": 10,
        "learning_rate": 0.0003,
        "num_epochs": 5,
        "eps_start": 1,
        "eps_end": 0.05,
        "exploration_fraction": 0.5,
        "gamma": 0.99,
        "td_lambda": 0.9,
    },
    ("cart-pole", "ppo"): {
        "agent_kwargs": {"activation": "tanh"},
        "num_envs": 5,
        "num_steps": 100,
        "num_epochs": 5,
        "num_minibatches": 5,
        "learning_rate": 0.00075,
        "max_grad_norm": 0.5,
        "gamma": 0.99,
        "gae_lambda": 0.95,
        "clip_eps": 0.2,
        "ent_coef": 0.01,
        "vf_coef": 0.5,
    },
    ("pendulum", "sac"): {
        "agent_kwargs": {"activation": "swish"},
        "num_envs": 1,
        "buffer_size": 10_000,
        "fill_buffer": 256,
        "batch_size": 256,
        "learning_rate": 0.01,
        "num_epochs": 1,
        "gamma": 0.99,
        "polyak": 0.98,
        "normalize_observations": True,
    },
    ("pendulum", "td3"): {
        "actor_kwargs": {"activation": "swish"},
        "critic_kwargs": {"activation": "swish"},
        "num_envs": 1,
        "buffer_size": 10_000,
        "fill_buffer": 1000,
        "batch_size": 100,
        "learning_rate": 0.001,
        "num_epochs": 1,
        "gamma": 0.99,
        "polyak": 0.95,
        "max_grad_norm": 100,
        "exploration_noise": 0.3,
        "target_noise": 0.2,
        "target_noise_clip": 0.5,
        "policy_delay": 2,
        "normalize_observations": True,
    },
}


def descend(environment: str, algorithm: str, steps: int, seeds: list[int]) -> dict[str, Any]:
    """All seeds in one program, by the preset."""
    from descend.agents import make, registry
    from descend.agents.presets import preset

    chosen = preset(environment, algorithm)
    if chosen.steps != steps:
        raise SystemExit(f"the preset has {chosen.steps} steps, the row {steps}")
    made = registry.algorithm(algorithm)(**chosen.options())
    began = time.perf_counter()
    agents = made.learn(make(environment), steps, seeds=seeds, verbose=0)
    seconds = time.perf_counter() - began
    returns = np.asarray(agents.evaluate(EPISODES).returns).mean(axis=-1)
    return {"seconds": seconds, "returns": returns.tolist()}


def baselines(environment: str, algorithm: str, steps: int, seed: int, library: str) -> Any:
    """Stable-Baselines3 or SBX, one seed."""
    import gymnasium
    import torch
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.noise import NormalActionNoise

    torch.set_num_threads(1)
    if library == "sbx":
        import sbx as package
    else:
        import stable_baselines3 as package
    cls = getattr(package, {"actor-critic": "A2C"}.get(algorithm, algorithm.upper()))
    settings = dict(ZOO[environment, algorithm])
    count = settings.pop("environments", 1)
    noise = settings.pop("noise", None)
    if noise is not None:
        settings["action_noise"] = NormalActionNoise(np.zeros(1), noise * np.ones(1))
    name = NAMES[environment]
    vector = make_vec_env(name, n_envs=count, seed=seed)
    model = cls("MlpPolicy", vector, seed=seed, device="cpu", **settings)
    began = time.perf_counter()
    model.learn(steps)
    seconds = time.perf_counter() - began
    judge, total = gymnasium.make(name), 0.0
    for episode in range(EPISODES):
        seen, _ = judge.reset(seed=1_000_000 + episode)
        over = False
        while not over:
            action, _ = model.predict(seen, deterministic=True)
            seen, reward, terminated, truncated, _ = judge.step(action)
            total, over = total + float(reward), terminated or truncated
    return {"seconds": seconds, "returns": [total / EPISODES]}


class Joined:
    """A gymnax environment whose step has five values, as before gymnax 1.0: what rejax expects."""

    def __init__(self, environment: Any):
        self._environment = environment

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # a copy asks before there is an environment
            raise AttributeError(name)
        return getattr(self._environment, name)

    def step(self, key: Any, state: Any, action: Any, params: Any) -> tuple[Any, ...]:
        """Observation, state, reward, done, information."""
        seen, state, reward, terminated, truncated, information = self._environment.step(
            key, state, action, params
        )
        return seen, state, reward, terminated | truncated, information


def rejax(environment: str, algorithm: str, steps: int, seeds: list[int]) -> dict[str, Any]:
    """All seeds under vmap; judged by its own evaluation at the end."""
    import gymnax
    import jax
    from rejax import get_algo
    from rejax.evaluate import evaluate

    settings = REJAX[environment, algorithm]
    made = get_algo(algorithm).create(
        env=Joined(gymnax.make(NAMES[environment])[0]),
        total_timesteps=steps,
        eval_freq=steps,
        skip_initial_evaluation=True,
        **settings,
    )
    single = len(seeds) == 1
    keys = jax.vmap(jax.random.key)(np.asarray(seeds, np.uint32))
    train = jax.jit(made.train if single else jax.vmap(made.train))
    times = []
    for _ in range(2 if single else 1):
        began = time.perf_counter()
        state, _ = jax.block_until_ready(train(keys[0] if single else keys))
        times.append(time.perf_counter() - began)

    def judge(state: Any) -> Any:
        act, limit = made.make_act(state), made.env_params.max_steps_in_episode
        key = jax.random.key(1_000_000)
        return evaluate(act, key, made.env, made.env_params, EPISODES, limit)[1].mean()

    returns = np.atleast_1d(jax.jit(judge if single else jax.vmap(judge))(state))
    return {"seconds": times[0], "again": times[-1], "returns": returns.tolist()}


def main() -> None:
    """Run what the command line names."""
    environment, algorithm, library, steps, seeds = json.loads(sys.argv[2])
    if library == "descend":
        result = descend(environment, algorithm, steps, seeds)
    elif library == "rejax":
        result = rejax(environment, algorithm, steps, seeds)
    else:
        result = baselines(environment, algorithm, steps, seeds[0], library)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
