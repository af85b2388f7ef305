"""The face of all algorithms: `learn`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descend.agents.environment import Environment
from descend.agents.settings import Settings

if TYPE_CHECKING:
    from descend.agents.agents import Agents


@dataclass(frozen=True)
class Algorithm(Settings):
    """The base of algorithms."""

    _contract = True

    def learn(
        self,
        environment: Environment,
        steps: int,
        *,
        seeds: int | Sequence[int] = 1,
        grid: Any = None,
        evaluations: int = 20,
        episodes: int = 20,
        callbacks: Sequence[Any] = (),
        checkpoint: str | Path | None = None,
        resume: str | Path | None = None,
        verbose: int = 1,
    ) -> Agents:
        """Learn in an environment; every seed and setting is a member of one compiled program.

        Args:
            environment: environment to act in.
            steps: steps of the environment that each agent may take in all, also at random.
            seeds: number of agents, or a list of the seeds that they follow from.
            grid: settings to be swept, {name: values} or a list of dicts; numbers of the algorithm
                ("gamma"), of its update rules ("learning_rate") and of the environment
                ("environment.gravity") are members, all else ("hidden") makes another program.
            evaluations: times that the agents are judged on the way, evenly spaced.
            episodes: episodes of such an evaluation; they choose the best weights.
            callbacks: callbacks of `descend.train.callbacks`; an epoch ends with an evaluation.
            checkpoint: file that is written after every evaluation, replay memory included.
            resume: such a file, of the same call, to go on from; the result is bit-equal.
            verbose: verbosity; 0 shows nothing.

        Returns:
            The `Agents`.

        Raises:
            DescendError: no Environment, or one that this algorithm cannot act in; an unknown or
                empty setting; too few steps.
            CheckpointError: `resume` cannot be used.
        """
        from descend.agents.learning import learn

        return learn(
            self,
            environment,
            steps,
            seeds=seeds,
            grid=grid,
            evaluations=evaluations,
            episodes=episodes,
            callbacks=callbacks,
            checkpoint=checkpoint,
            resume=resume,
            verbose=verbose,
        )
