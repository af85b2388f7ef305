"""Which words follow "Today, we are having a class on deep": counting, and a network.

Lecture: scheidegger-2020-deep-learning-cscs-usi, slides "A SEQUENCE MODELING PROBLEM: PREDICT THE
NEXT WORD" ("Today, we hare having a class on deep learning ... given these words predict the next
word") and "RECURRENT NEURAL NETS" ("Track long-term dependencies ... Share parameters across the
sequence").

Sentences of our own making say where people meet, and much later on what: at the harbour a class on
deep is one on deep water. Since we make them, the true probability of every next word is known, and
counting words and a recurrent network are both held to it. An n-gram sees n - 1 words; a short one
never sees the harbour, and a long one has rarely met the words between. The network carries what
matters.
"""

# %%
from pathlib import Path

import numpy as np

from descend.lab import Check, axes, run, save
from descend.palette import BLACK, BLUE, ORANGE, SKY
from descend.text import LanguageModel, NGrams, Words

# %% [markdown]
# ## The sentences
# What comes behind "deep" or "new" is told by the place, nine or so words before; in between stand
# words that have nothing to do with it. Now and then it is the word of another place. Where no
# place is named, it is mostly the university.

# %%
WHEN = ("today", "tomorrow", "this week", "on monday")
WHO = ("we", "they", "you", "students", "guests", "teachers")
DOING = ("having", "giving", "planning", "missing")
EVENT = ("class", "talk", "course", "lesson", "seminar", "lecture")
PLACES = ("university", "harbour", "kitchen", "mine")
FOLLOWS = {
    "deep": ("learning", "water", "frying", "shafts"),
    "new": ("methods", "boats", "recipes", "tunnels"),
}
OWN = 0.85  # probability of the place's own word; else any of the four
NAMED = 0.8  # that the place is named
UNNAMED = (0.7, 0.1, 0.1, 0.1)  # which place it is where it is not
SLIDE = "today, we are having a class on deep"


def told_by(place: int) -> np.ndarray:
    """The probabilities of the four words, at a place."""
    return OWN * np.eye(4)[place] + (1 - OWN) / 4


def sentences(count: int, seed: int) -> tuple[list[str], list[np.ndarray]]:
    """Beginnings of sentences up to the word that is asked for, that word, and its law (4,)."""
    rng = np.random.default_rng(seed)
    texts, laws = [], []
    for _ in range(count):
        named = rng.random() < NAMED
        place = int(rng.integers(4)) if named else int(rng.choice(4, p=UNNAMED))
        when, who, doing, event = (str(rng.choice(w)) for w in (WHEN, WHO, DOING, EVENT))
        kind = str(rng.choice(list(FOLLOWS)))
        where = f" at the {PLACES[place]}," if named else ""
        word = FOLLOWS[kind][int(rng.choice(4, p=told_by(place)))]
        texts.append(f"{when},{where} {who} are {doing} a {event} on {kind} {word}")
        unnamed = sum(p * told_by(i) for i, p in enumerate(UNNAMED))
        laws.append(told_by(place) if named else unnamed)
    return texts, laws


# %% [markdown]
# ## Counting and a network, on the same words
# Kneser-Ney n-grams of three words and of twelve; an LSTM of 64 units, trained on the sentences as
# one running text.

# %%
ORDERS = (3, 12)


def learn(texts: list[str], quick: bool) -> tuple[LanguageModel, dict[int, NGrams]]:
    text = ". ".join(texts) + "."
    lm = LanguageModel("words", network="lstm", units=64, context=32, order=0, seed=0)
    lm.fit(text, passes=16, batch_size=8, learning_rate=0.01, validation=0.05, verbose=0)
    assert isinstance(lm.tokeniser, Words)
    ids = lm.tokeniser.encode(text) - 1  # 0 stands for padding, which no text holds
    return lm, {n: NGrams(n, len(lm.tokeniser) - 1).fit(ids) for n in ORDERS}


def next_words(lm: LanguageModel, beginnings: list[str]) -> np.ndarray:
    """The network's probabilities of the next word, (beginnings, words)."""
    rows = [lm.tokeniser.encode(". " + text) for text in beginnings]
    found = np.zeros((len(rows), len(lm.tokeniser)))
    for length in {len(row) for row in rows}:
        which = [i for i, row in enumerate(rows) if len(row) == length]
        z = np.asarray(lm.model.predict(np.stack([rows[i] for i in which])), np.float64)[:, -1]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        found[which] = e / e.sum(axis=1, keepdims=True)
    return found


def counted(grams: NGrams, lm: LanguageModel, beginnings: list[str]) -> np.ndarray:
    """Counting's, (beginnings, words)."""
    rows = [grams.distribution(lm.tokeniser.encode(". " + text) - 1) for text in beginnings]
    return np.column_stack([np.zeros(len(rows)), np.array(rows)])  # padding never follows


# %% [markdown]
# ## How well the last word is told
# The mean of -log p of the word that came, over new sentences. Nobody can do better, in the mean,
# than the law by which they were made.


# %%
def nats(p: np.ndarray, lm: LanguageModel, words: list[str]) -> float:
    asked = [lm.tokeniser.tokens.index(word) for word in words]
    return float(-np.log(p[np.arange(len(words)), asked]).mean())


def draw(shown: dict[str, dict[str, np.ndarray]], out: Path) -> None:
    figure, grid = axes(len(shown), width=4.2, height=3.6)
    looks = ((BLACK, ""), (BLUE, ""), (ORANGE, "//"), (SKY, ".."))
    for ax, (beginning, bars) in zip(np.atleast_1d(grid), shown.items(), strict=True):
        for i, ((name, p), (colour, hatch)) in enumerate(zip(bars.items(), looks, strict=True)):
            at = np.arange(4) + 0.2 * (i - 1.5)
            ax.bar(at, p, 0.2, color=colour, hatch=hatch, edgecolor="white", label=name)
        ax.set_xticks(range(4), FOLLOWS["deep"])
        ax.set(ylim=(0, 1), xlabel="next word", title=f"... {beginning} ... deep")
    np.atleast_1d(grid)[0].set_ylabel("probability")
    np.atleast_1d(grid)[-1].legend(frameon=False, fontsize="small")
    save(figure, out, "next_words.png")


# %% [markdown]
# ## The comparison


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    lm, grams = learn(sentences(2000 if quick else 4000, seed=0)[0], quick)
    texts, laws = sentences(400, seed=1)
    beginnings, words = zip(*(text.rsplit(" ", 1) for text in texts), strict=True)
    told = {"the network": next_words(lm, beginnings)}
    told |= {f"{n}-grams": counted(grams[n], lm, beginnings) for n in ORDERS}
    scores = {name: nats(p, lm, words) for name, p in told.items()}
    all_words = {word: i for kind in FOLLOWS.values() for i, word in enumerate(kind)}
    law = np.mean([-np.log(p[all_words[w]]) for p, w in zip(laws, words, strict=True)])
    for name, value in {**scores, "the law itself": law}.items():
        print(f"{name:14s} {value:.3f} nats at the last word")

    asked = {
        "today, we are": SLIDE,
        "at the harbour, we are": SLIDE.replace(", we", ", at the harbour, we"),
        "in the mine": "on monday, at the mine, guests are missing a seminar on deep",
    }
    columns = [lm.tokeniser.tokens.index(word) for word in FOLLOWS["deep"]]
    network = next_words(lm, list(asked.values()))
    of = {n: counted(grams[n], lm, list(asked.values())) for n in ORDERS}
    true = [sum(p * told_by(i) for i, p in enumerate(UNNAMED)), told_by(1), told_by(3)]
    draw(
        {
            name: {"true": true[i], "LSTM": network[i][columns]}
            | {f"{n}-grams": of[n][i][columns] for n in ORDERS}
            for i, name in enumerate(asked)
        },
        out,
    )
    likeliest = [lm.tokeniser.tokens[i] for i in network.argmax(axis=1)]
    short = lm.tokeniser.tokens[int(of[ORDERS[0]][1].argmax())]
    gap = max(abs(network[i][columns] - true[i]).max() for i in range(3))
    return [
        Check(f'"{SLIDE} ..."', "learning", likeliest[0], likeliest[0] == "learning"),
        Check(
            "the same, at the harbour", "none printed: water", likeliest[1], likeliest[1] == "water"
        ),
        Check(
            "the same to 3-grams",
            "the order of words they see is too short",
            short,
            short != "water",
        ),
        Check(
            "largest error of a probability of the network",
            "none printed",
            f"{gap:.2f}",
            gap < 0.25,
        ),
        Check(
            "nats at the last word: network / " + " / ".join(map(str, ORDERS)) + "-grams / law",
            "track long-term dependencies",
            " / ".join(f"{v:.2f}" for v in [*scores.values(), law]),
            scores["the network"] < min(v for n, v in scores.items() if n != "the network"),
        ),
    ]


if __name__ == "__main__":
    run(main)
