"""A misspecified reward: the boat that circles for ever is right, and the reward is wrong.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slide "MISSPECIFIED REWARD FUNCTION"
(CoastRunners: a boat that is paid for prizes on the way never finishes the race).

Shows the same in a race small enough to be solved exactly: dynamic programming, which makes no
mistakes, circles too; an agent that learns does what the exact answer does; and with a reward that
says what is meant, both finish.
"""

# %%
from pathlib import Path

import numpy as np

from descend.agents import DQN, Agents, make
from descend.agents.environments.boat_race import BoatRace
from descend.lab import Check, axes, run, save
from descend.palette import BLUE, ORANGE

GAMMA = 0.99

# %% [markdown]
# ## The race
# Ten moves lead from the start to the finish, which pays 10. Beside the way lies a lagoon with
# three prizes of 1, each back eight steps after it was taken: a circle takes eight steps. The
# second race is the same without the prizes.

# %%
PAID = make("boat-race")
MEANT = make("boat-race", prize=0.0)


# %% [markdown]
# ## The exact answer
# There are 707 states, so Bellman's equation is solved; then the best policy is followed.


# %%
def best_way(race: BoatRace, steps: int = 100) -> tuple[bool, float, list[int]]:
    """Whether the best policy finishes, what it scores, and the cells it comes to."""
    q = race.solve(GAMMA).q
    after, rewards, over = race.transitions()
    cells = np.asarray(race.states().cell)
    state, score, way = 0, 0.0, []
    for _ in range(steps):
        way.append(int(cells[state]))
        action = int(q[state].argmax())
        score += float(rewards[state, action])
        if over[state, action]:
            return True, score, way
        state = int(after[state, action])
    return False, score, way


# %% [markdown]
# ## An agent
# It sees where it is and how long each prize is still away. It is told nothing but the score.


# %%
def learn(race: BoatRace, steps: int) -> Agents:
    made = DQN(gamma=GAMMA, lookahead=8, exploring=0.5)
    return made.learn(race, steps, seeds=3, evaluations=4, verbose=0)


def draw(agents: list[tuple[str, Agents]], out: Path) -> None:
    figure, panels = axes(2, width=5.0, height=3.4)
    for (title, trained), colour in zip(agents, (ORANGE, BLUE), strict=True):
        for i, agent in enumerate(trained):
            episode = agent.episode()
            score = np.cumsum(episode.rewards)
            label = title if i == 0 else None
            panels[0].plot(np.arange(1, len(score) + 1), score, color=colour, label=label)
            finish = float(episode.terminated)
            panels[1].bar(
                i + (0.2 if colour == BLUE else -0.2), len(score), 0.4, color=colour,
                label=label, hatch="" if finish else "//",
            )  # fmt: skip
    panels[0].set(xlabel="step", ylabel="score so far")
    panels[1].set(xlabel="agent", ylabel="steps (hatched: never finished)", xticks=range(3))
    panels[1].set_ylim(0, 260)
    for ax in panels:
        ax.legend(fontsize=8)
    save(figure, out, "misspecified_reward.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    steps = 15_000 if quick else 100_000
    paid, meant = learn(PAID, steps), learn(MEANT, steps)
    draw([("paid for prizes", paid), ("paid for the finish alone", meant)], out)
    finishes, score, _ = best_way(PAID)
    finishes_meant, _, way = best_way(MEANT)
    played, played_meant = paid.evaluate(1), meant.evaluate(1)
    return [
        Check(
            "the exact answer finishes, paid for prizes",
            "it never does",
            f"no: {score:.0f} points in 100 steps, the finish pays 10" if not finishes else "yes",
            not finishes and score > 10,
        ),
        Check(
            "the agents finish, paid for prizes",
            "they never do",
            f"{int(played.terminated.sum())} of 3",
            not played.terminated.any(),
        ),
        Check(
            "their score in 200 steps",
            "above that of finishing, 10 and a few prizes",
            f"{played.returns.min():.0f} to {played.returns.max():.0f}",
            bool((played.returns > 20).all()),
        ),
        Check(
            "the exact answer finishes, paid for the finish",
            "yes",
            f"in {len(way)} moves" if finishes_meant else "no",
            finishes_meant and len(way) == 10,
        ),
        Check(
            "the agents finish, paid for the finish",
            "yes",
            f"{int(played_meant.terminated.sum())} of 3, in "
            f"{played_meant.lengths.max():.0f} moves at most",
            bool(played_meant.terminated.all()),
        ),
    ]


if __name__ == "__main__":
    run(main)
