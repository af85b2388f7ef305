"""Sequence to sequence: a small language into another, with and without attention.

Lectures: hull-2023-economic-theory-with-deep-learning, "Specialized Layer: Attention Mechanisms";
scheidegger-2020-deep-learning-cscs-usi, "RECURRENT NEURAL NETS" (sequence to sequence: a sentence
in English, the same in another language).

English sentences from a grammar become German ones. Words change their places: "I have bought the
red car today" is "ich habe heute das rote auto gekauft", the participle at the end; "the" and "red"
depend on the gender of what comes after them. A network that hands one vector from its encoder to
its decoder must squeeze the sentence into it; one with attention looks back at each word when it
needs it, and one can see where it looked.
"""

# %%
import itertools
from pathlib import Path

import numpy as np

from descend.lab import Check, axes, run, save
from descend.palette import BLUE, ORANGE
from descend.text import Alignment, Translator

# %% [markdown]
# ## Two languages
# The grammar: who, what was done, to which thing, when. All combinations are 4,320 sentences; a few
# hundred are learned from, so that most that are judged were never seen.

# %%
WHO = {
    "I have": "ich habe",
    "you have": "du hast",
    "we have": "wir haben",
    "they have": "sie haben",
}
DONE = {
    "seen": "gesehen",
    "bought": "gekauft",
    "sold": "verkauft",
    "painted": "gemalt",
    "lost": "verloren",
}
ADJECTIVES = {"red": "rot", "small": "klein", "old": "alt", "new": "neu"}
THINGS = {  # and their gender
    "car": ("auto", "n"),
    "house": ("haus", "n"),
    "picture": ("bild", "n"),
    "clock": ("uhr", "f"),
    "lamp": ("lampe", "f"),
    "bag": ("tasche", "f"),
    "table": ("tisch", "m"),
    "chair": ("stuhl", "m"),
    "hat": ("hut", "m"),
}
WHEN = {"today": "heute", "yesterday": "gestern", "again": "wieder"}
WHERE = {"": "", "here": "hier"}
ARTICLES = {"m": ("den", "en"), "f": ("die", "e"), "n": ("das", "e")}  # accusative, ending


def sentences() -> tuple[list[str], list[str]]:
    """All sentences of the grammar, in an order drawn once."""
    english, german = [], []
    parts = (WHO, DONE, ADJECTIVES, THINGS, WHEN, WHERE)
    for who, done, adjective, thing, when, where in itertools.product(*parts):
        noun, gender = THINGS[thing]
        article, ending = ARTICLES[gender]
        english.append(" ".join(f"{who} {done} the {adjective} {thing} {where} {when}".split()))
        told = f"{WHO[who]} {WHEN[when]} {WHERE[where]} {article} {ADJECTIVES[adjective]}{ending}"
        german.append(" ".join(f"{told} {noun} {DONE[done]}".split()))
    order = np.random.default_rng(0).permutation(len(english))
    return [english[i] for i in order], [german[i] for i in order]


# %% [markdown]
# ## With and without
# The same encoder, a gated unit that reads in both directions, and the same decoder. "recurrent"
# hands over the last state; "attention" also looks back. Both learn from the true words before each
# (teacher forcing) and are judged on what they write themselves, by a beam of four: is the whole
# sentence right?


# %%
def learned(network: str, pairs: tuple[list[str], list[str]], passes: float) -> Translator:
    translator = Translator(network, "words", units=48, dropout=0.1, seed=0)
    return translator.fit(
        *pairs, passes=passes, batch_tokens=512, buckets=1, learning_rate=0.01, verbose=0
    )


def right(translator: Translator, english: list[str], german: list[str]) -> float:
    """The share of sentences that are translated without a mistake."""
    said = translator.translate(english)
    return float(np.mean([a == b for a, b in zip(said, german, strict=True)]))


def draw(look: Alignment, translators: dict[str, Translator], passes: float, out: Path) -> None:
    figure, (left, right_) = axes(2, height=4.6)
    for (name, translator), colour in zip(translators.items(), (ORANGE, BLUE), strict=True):
        nats = translator.history.history["val_loss"]
        left.plot(np.linspace(0, passes, len(nats) + 1)[1:], nats, color=colour, label=name)
    left.set(xlabel="passes over the training sentences", ylabel="nats a word, validation")
    left.set(title="Told, given the true words before", yscale="log")
    left.legend(frameon=False)
    look.plot(right_)
    right_.set_title("Where it looked")
    save(figure, out, "translation.png")


# %%
def main(out: Path, quick: bool = False) -> list[Check]:
    english, german = sentences()
    n, passes = (600, 24) if quick else (1200, 30)
    translators = {
        name: learned(name, (english[:n], german[:n]), passes)
        for name in ("recurrent", "attention")
    }
    judged = english[-300:], german[-300:]
    shares = {name: right(t, *judged) for name, t in translators.items()}
    nats = {name: t.score(*judged).nats for name, t in translators.items()}
    for name, share in shares.items():
        print(f"{name}: {share:.0%} of 300 new sentences right, {nats[name]:.4f} nats a word")
    text = "I have bought the red car today"
    look = translators["attention"].attention(text)
    said = translators["attention"].translate([text])[0]
    print(f"{text!r} becomes {said!r}")
    print(look)
    draw(look, translators, passes, out)
    seen = dict(zip(look.target, look.looked_at(), strict=True))
    return [
        Check(
            "words change their places",
            "sequence to sequence",
            said,
            said == "ich habe heute das rote auto gekauft",
        ),
        Check(
            "new sentences right, with attention",
            "nearly all",
            f"{shares['attention']:.0%}",
            shares["attention"] > 0.9,
        ),
        Check(
            "attention helps",
            "fewer nats a word than without",
            f"{nats['attention']:.4f} against {nats['recurrent']:.4f}",
            nats["attention"] < nats["recurrent"],
        ),
        Check(
            "telling 'gekauft', it looks at",
            "'bought', four words back",
            repr(seen.get("gekauft")),
            seen.get("gekauft") == "bought",
        ),
    ]


if __name__ == "__main__":
    run(main)
