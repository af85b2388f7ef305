"""Tic-tac-toe by self-play: nobody shows it a good move, and in the end it makes no bad one.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slide "ALPHAZERO: RL FROM SELF-PLAY (2018)"
(Silver et al., Science 2018).

A network says which moves look good and what a position is worth; a tree search that asks it finds
better moves; the network learns from these and from how games came out. The game is small enough to
be solved, so that every position is a question with a known answer.
"""

# %%
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

from descend.agents import make
from descend.agents.alphazero import SelfPlay
from descend.agents.alphazero.players import Players
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, ORANGE, SKY, VERMILION
from descend.train.callbacks import Callback

GAME = make("tic-tac-toe")
SEARCHED = 8  # positions that a search looks at where it is judged

# %% [markdown]
# ## The exact answer
# 5,478 positions can be reached; in 4,520 of them a move is to be made. A move is right if it keeps
# what the position is worth: 1 won, 0 drawn, -1 lost for who is to move.

# %%
EXACT = GAME.exact()
BOARDS, WORTH, BEST = EXACT.states, EXACT.values, EXACT.best


def reached() -> int:
    """The number of positions: the empty board, and all that some legal move leads to."""
    marks = np.asarray(BOARDS.marks)
    mover = np.asarray(BOARDS.moves) % 2
    found = {(0, 0)}
    for cell in range(9):
        free = (marks.sum(axis=1) >> cell & 1) == 0
        after = marks[free].copy()
        after[np.arange(len(after)), mover[free]] |= 1 << cell
        found |= set(map(tuple, after.tolist()))
    return len(found)


# %% [markdown]
# ## Self-play
# Many boards are played side by side, every move by a search from the real position. Then the
# network is trained on J = (z - v)^2 - pi log p: its value v on how games came out, its
# probabilities p on what the searches found. Three moves in four are drawn at random, so that
# positions are seen which good play avoids.


# %%
class Keep(Callback):
    """The weights after every evaluation."""

    def on_train_begin(self, logs=None):
        self.weights = [jax.device_get(self.run.state.params)]

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(jax.device_get(self.run.state.params))


def learn(quick: bool) -> tuple[Players, list[Players]]:
    """(the players, and what they were before training and after each stretch of it)."""
    made, moves = SelfPlay(), 240 * 2048
    if quick:
        made = SelfPlay(hidden=(64, 64), environments=64, batch=128)
        moves = 24 * 1024
    keep = Keep()
    players = made.learn(
        GAME, moves, evaluations=4 if quick else 12, episodes=2, callbacks=[keep], verbose=0
    )
    return players, [Players([replace(players.groups[0], last=w)]) for w in keep.weights]


def errors(players: Players) -> tuple[int, int, float]:
    """(positions spoilt by the network alone, by a search; mean error of the network's value)."""
    thought = players[0].thoughts(BOARDS, simulations=SEARCHED)
    moves = players[0].act(BOARDS, simulations=SEARCHED)
    every = np.arange(len(BEST))
    alone = ~BEST[every, thought["prior"].argmax(axis=1)]
    searched = ~BEST[every, moves]
    return int(alone.sum()), int(searched.sum()), float(np.abs(thought["network"] - WORTH).mean())


# %% [markdown]
# ## The pictures
# Errors over all positions; and a game against itself. In each free cell stands the share of the
# search's simulations that went there; the frame is the move that was made. Values are in the
# search's word, for who is to move: a draw is 0.


# %%
def draw(rounds: list[int], judged: np.ndarray, final: Players, out: Path) -> None:
    figure, (left, right) = axes(2)
    steps = np.array(rounds) / 1000
    left.plot(steps, judged[:, 0], "o-", color=ORANGE, label="the network alone")
    left.plot(steps, judged[:, 1], "s-", color=BLUE, label=f"with a search of {SEARCHED} positions")
    left.set(yscale="symlog", ylim=(-0.3, None), xlabel="moves of self-play (thousands)")
    left.set_yticks([0, 1, 10, 100, 1000], ["0", "1", "10", "100", "1,000"])
    left.set_ylabel("positions whose value is spoilt")
    left.set_title("wrong moves, all 4,520 positions")
    left.legend(frameon=False)
    value = final[0].thoughts(BOARDS, simulations=SEARCHED)["network"]
    bins = np.linspace(-1, 1, 41)
    for exact, name, colour in ((-1, "lost", VERMILION), (0, "drawn", BLACK), (1, "won", GREEN)):
        right.hist(value[exact == WORTH], bins, color=colour, alpha=0.6, label=f"in truth {name}")
    right.set(yscale="log", xlabel="the network's value, to who is to move", ylabel="positions")
    right.set_title("what positions are thought worth, at the end")
    right.legend(frameon=False, loc="upper center")
    save(figure, out, "self_play.png")
    played = final[0].episode()
    figure, panels = axes(5, 2, width=2.5, height=2.85)
    for move, ax in enumerate(panels.flat):
        ax.axis("off")
        if move > len(played):
            continue
        state = played.state(move)
        marks = [[int(m) >> cell & 1 for m in state.marks] for cell in range(9)]
        ax.set(xlim=(-0.05, 3.05), ylim=(-0.05, 3.05), aspect="equal")
        over = move == len(played)
        visits = np.zeros(9) if over else played.thoughts["visits"][move]
        for cell, (cross, ring) in enumerate(marks):
            x, y = cell % 3, 2 - cell // 3
            if cross or ring:
                ax.text(x + 0.5, y + 0.47, "X" if cross else "O", ha="center", va="center",
                        fontsize=22, color=BLUE if cross else ORANGE)  # fmt: skip
            elif not over:
                ax.add_patch(_cell(x, y, SKY, alpha=0.75 * visits[cell], lw=0))
                ax.text(x + 0.5, y + 0.5, f"{100 * visits[cell]:.0f} %", ha="center", va="center",
                        fontsize=9)  # fmt: skip
        if not over:
            x, y = played.actions[move] % 3, 2 - played.actions[move] // 3
            ax.add_patch(_cell(x + 0.04, y + 0.04, "none", 0.92, ec=BLACK, lw=1.5))
        for edge in (1, 2):
            ax.plot([edge, edge], [0, 3], color="0.6", lw=0.8)
            ax.plot([0, 3], [edge, edge], color="0.6", lw=0.8)
        who = "XO"[move % 2]
        value = 0 if over else round(float(played.thoughts["value"][move]), 2) + 0.0
        ends = "drawn" if not played.rewards.any() else f"{'OX'[len(played) % 2]} has won"
        ax.set_title(ends if over else f"{who} to move: {value:+.2f}", fontsize=10)
    save(figure, out, "self_play_game.png")


def _cell(x: float, y: float, colour: str, size: float = 1.0, **style):
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), size, size, fc=colour, **style)


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    players, stages = learn(quick)
    task = players[0].task
    rounds = [task.steps_after(epoch) if epoch else 0 for epoch in range(len(stages))]
    judged = np.array([errors(one) for one in stages])
    draw(rounds, judged, stages[-1], out)
    for moves, (alone, searched, value) in zip(rounds, judged, strict=True):
        print(
            f"after {moves:,} moves: {alone:.0f} positions spoilt by the network alone, "
            f"{searched:.0f} with a search; value wrong by {value:.3f} on average"
        )
    (alone, searched, value), before = judged[-1], judged[0]
    count, first = reached(), float(WORTH[np.asarray(BOARDS.moves) == 0][0])
    games = players.evaluate(20 if quick else 100, against=["perfect", "random"])
    counts = games.to_frame().groupby("against")[["wins", "draws", "losses"]].sum()
    print(counts.to_string())
    return [
        Check(
            "positions that can be reached, and what the first is worth",
            "5,478 and a draw",
            f"{count:,} and {first:.0f}",
            (count, first) == (5478, 0),
        ),
        Check(
            "positions spoilt by the network alone",
            f"before training {before[0]:.0f}",
            f"{alone:.0f} of {len(BEST):,}",
            alone < before[0] / 2 if quick else alone <= 10,
        ),
        Check(
            f"positions spoilt with a search of {SEARCHED}",
            f"before training {before[1]:.0f}; fewer than by the network alone",
            f"{searched:.0f}",
            searched <= (before[1] / 2 if quick else 2) and searched <= alone,
        ),
        Check(
            "mean error of the value",
            f"before training {before[2]:.2f}",
            f"{value:.3f}",
            value < (before[2] if quick else 0.1),
        ),
        Check(
            "games lost to the perfect player",
            "none" if not quick else "fewer than half",
            f"{counts.loc['perfect', 'losses']:.0f} of {counts.loc['perfect'].sum():.0f}",
            counts.loc["perfect", "losses"] <= (0.5 * counts.loc["perfect"].sum() if quick else 0),
        ),
    ]


if __name__ == "__main__":
    run(main)
