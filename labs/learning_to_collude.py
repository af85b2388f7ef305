"""Learning to collude: two firms that learn prices, and nobody told them to agree.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "THE Q-FUNCTION", "TWO TYPES OF RL
ALGORITHMS" and "MISSPECIFIED REWARD FUNCTION". The game: Calvano et al. (2020), Artificial
Intelligence, Algorithmic Pricing, and Collusion; 1,000 sessions there.

Each firm fills a table of Q(last prices, own price) from its own profits. Shows what prices it
ends at, whether either firm could do better alone, and what happens when one is made to cut.
"""

# %%
from pathlib import Path

import numpy as np

from descend.agents.collusion import Sessions, learn_prices
from descend.agents.environments.duopoly import Duopoly
from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, GREEN, ORANGE, VERMILION

GAME = Duopoly()

# %% [markdown]
# ## The game
# 15 prices from below the price of the one-shot (Nash) equilibrium to above the monopoly's. A state
# is the pair of prices that both charged last: 225 of them, so each firm's table has 225 x 15
# numbers. Patience is delta = .95.


# %% [markdown]
# ## A session
# Each firm learns by the slide's Q(s, a) alone:
#
#     Q_i(s, a_i) <- Q_i(s, a_i) + rate (profit_i + delta max_a' Q_i(s', a') - Q_i(s, a_i))
#
# In period t it tries any price with probability exp(-beta t), else it charges its best one. A
# session ends when no firm has changed its mind, in any state, for 100,000 periods. All sessions
# go side by side, each with luck of its own.


# %%
def learn(quick: bool) -> Sessions:
    if quick:
        return learn_prices(GAME, 32, beta=1e-4, patience=5_000, most=160_000, verbose=0)
    return learn_prices(GAME, 160, rate=0.15, beta=4e-6, patience=100_000)


# %% [markdown]
# ## What was learned
# `judge` computes each firm's best reply to the other's strategy exactly. `impulse` makes one firm
# charge another price for one period, the best one if nothing came of it, and lets both go on by
# their strategies. Two questions are not the same. Does a firm gain by leaving its strategy once
# and then going back to it? Could it gain by any other strategy? The second one reaches states
# that play never comes to, where what the rival does was hardly ever put right.


# %%
def gain_of_once(strategies: np.ndarray, path: np.ndarray) -> float:
    """The most that leaving the strategy once brings on the path, as a share of its value."""
    value, most = GAME.value(strategies), 0.0
    for firm in range(GAME.firms):
        actions = np.repeat(strategies[:, path].T[:, None], GAME.prices, axis=1)
        actions[:, :, firm] = np.arange(GAME.prices)
        after = np.asarray(GAME.state_of(actions))
        worth = GAME.table()[after, firm] + GAME.delta * value[firm, after]
        most = max(most, float((worth.max(axis=1) / value[firm, path] - 1).max()))
    return most


def draw(judged: list, fair: np.ndarray, impulses: list, out: Path) -> None:
    figure, (left, middle, right) = axes(3, width=4.6, height=3.9)
    nash, monopoly = GAME.nash(), GAME.monopoly()
    gains = np.array([one.gain for one in judged])
    bins = np.linspace(min(-0.1, gains.min()), 1.05, 24)
    left.hist([gains[fair], gains[~fair]], bins, stacked=True, color=[GREEN, ORANGE],
              label=["leaving it once does not pay", "leaving it once pays"])  # fmt: skip
    left.axvline(gains.mean(), color=BLACK, ls="--", lw=1, label=f"mean {gains.mean():.2f}")
    left.set(xlabel="profit gain (0: one-shot equilibrium, 1: monopoly)", ylabel="sessions")
    left.legend(frameon=False, fontsize=8, loc="upper left")
    prices = np.array([one.prices for one in judged])
    middle.plot(*prices.T, "o", ms=4, color=BLUE, alpha=0.4, mew=0)
    for price, name in ((nash, "one-shot equilibrium"), (monopoly, "monopoly")):
        middle.plot(price, price, "+", ms=12, mew=2, color=BLACK)
        middle.annotate(name, (price, price), (0, 9), textcoords="offset points", fontsize=8,
                        ha="left" if price == nash else "right")  # fmt: skip
    ends = GAME.grid()[[0, -1]]
    middle.set(xlim=ends, ylim=ends, aspect="equal", xlabel="price of firm 1, mean on the path")
    middle.set(ylabel="price of firm 2, mean on the path", title="where sessions end")
    periods = np.arange(-2, len(impulses[0].prices))
    paths = np.array([one.prices for one in impulses])
    before = np.array([one.prices for one in judged])[: len(paths), None].repeat(2, axis=1)
    paths = np.concatenate([before, paths], axis=1)
    for firm, (colour, name) in enumerate([(VERMILION, "made to cut"), (BLUE, "its rival")]):
        low, high = np.quantile(paths[:, :, firm], [0.25, 0.75], axis=0)
        right.fill_between(periods, low, high, color=colour, alpha=0.15, lw=0)
        right.plot(periods, paths[:, :, firm].mean(axis=0), "o-", ms=3, color=colour, label=name)
    for price, name in ((nash, "one-shot equilibrium"), (monopoly, "monopoly")):
        right.axhline(price, color=BLACK, ls=":", lw=1)
        right.text(periods[-1], price + 0.006, name, ha="right", fontsize=8)
    right.set(
        xlabel="periods since the cut",
        xticks=periods[2::3],
        ylabel="price (means; shaded: middle half)",
    )
    right.set(title="a forced price cut, and what follows")
    right.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.08))
    left.set_title("how far profits are above competition")
    save(figure, out, "learning_to_collude.png")


# %% [markdown]
# ## The comparison
# In the quick form exploration ends 25 times sooner: too soon to learn much about the other
# firm, and profit gains are lower. Only the full form is the paper's setting.


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    found = learn(quick)
    judged, count = found.judged, len(found)
    pairs = list(zip(found.strategies, found.states.tolist(), strict=True))
    impulses = [GAME.impulse(s, at, periods=16) for s, at in pairs]
    once = np.array([gain_of_once(s, one.path) for (s, _), one in zip(pairs, judged, strict=True)])
    draw(judged, once < 1e-9, impulses, out)
    gains = np.array([one.gain for one in judged])
    error = gains.std(ddof=1) / np.sqrt(count)
    print(
        f"{count} sessions of {found.periods.mean():,.0f} periods on average, "
        f"{found.converged.mean():.0%} converged"
    )
    print(
        f"leaving the strategy once does not pay, on the path: {(once < 1e-9).mean():.0%} of "
        f"sessions; where it pays, {np.median(once[once >= 1e-9]):.1%} (median)"
    )
    lost = np.array([one.lost[:, one.path].max() for one in judged])
    print(
        f"no other strategy pays, on the path: {np.mean([one.equilibrium for one in judged]):.0%}; "
        f"the best one would bring {np.median(lost):.0%} more (median)"
    )
    print(f"prices that do not change: {np.mean([len(one.path) == 1 for one in judged]):.0%}")
    worth = np.array([one.worth[0] for one in impulses])
    cut = np.array(
        [one.prices[0, 0] < j.prices[0] for one, j in zip(impulses, judged, strict=True)]
    )
    answered = np.array(
        [one.prices[1, 1] < j.prices[1] for one, j in zip(impulses, judged, strict=True)]
    )
    share = float((worth[cut] < 0).mean())
    print(f"the rival's price is lower in the period after the cut: {answered[cut].mean():.0%}")
    nash, monopoly = GAME.nash(), GAME.monopoly()
    profit = [GAME.profits_at(np.full(2, p))[0] for p in (nash, monopoly)]
    checks = [
        Check(
            "prices of the one-shot equilibrium and the monopoly",
            "1.473, 1.925",
            f"{nash:.3f}, {monopoly:.3f}",
            abs(nash - 1.47293) < 1e-4 and abs(monopoly - 1.92498) < 1e-4,
        ),
        Check(
            "profits there",
            ".2229, .3375",
            f"{profit[0]:.4f}, {profit[1]:.4f}",
            abs(profit[0] - 0.22293) < 1e-4 and abs(profit[1] - 0.33749) < 1e-4,
        ),
        Check(
            "profit gain, mean over sessions",
            "above 0" if quick else ".85 (Calvano et al.)",
            f"{gains.mean():.3f}, standard error {error:.3f}",
            gains.mean() - 3 * error > 0 if quick else abs(gains.mean() - 0.85) < 0.05,
        ),
        Check(
            "sessions above the one-shot equilibrium",
            "most" if quick else "nearly all",
            f"{(gains > 0).mean():.0%}",
            float((gains > 0).mean()) > (0.6 if quick else 0.95),
        ),
        Check(
            "a forced cut does not pay",
            "in most sessions",
            f"in {share:.0%} of {cut.sum()}",
            share > (0.5 if quick else 0.8),
        ),
    ]
    if not quick:
        fair = float((once < 1e-9).mean())
        checks.append(
            Check(
                "leaving the strategy once does not pay, on the path",
                "in about half of the sessions",
                f"in {fair:.0%}",
                0.35 < fair < 0.65,
            )
        )
    return checks


if __name__ == "__main__":
    run(main)
