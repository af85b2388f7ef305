"""From the document of agents to the page; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from descend.report.page import (
    listing,
    page,
    paragraph,
    picture,
    preformatted,
    subheading,
    table,
)
from descend.report.table.words import digits, interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Figures = Mapping[str, "Figure | None"]
STEPS = 12  # of an episode that are printed from its beginning, and from its end
COLUMNS = 14  # of an episode's table


def render(document: Mapping[str, Any], figures: Figures) -> str:
    """The page.

    Args:
        document: as of `document_of`.
        figures: "curves", "episode", "worst", and where there are such "frames" and "surface".
    """
    sections = [
        ("How good they are", _results(document)),
        ("Learning curves", curves(document, figures)),
        ("Every agent", _agents(document)),
        ("The worst", _worst(document, figures)),
        ("One agent, step by step", _episode(document, figures)),
        ("What states are worth", _surface(document, figures)),
        ("Environment", environment(document["environment"])),
        ("Settings", settings(document)),
        ("Deviations from the paper", deviations(document)),
        ("To do it again", again(document)),
    ]
    lead = paragraph(document["summary"], "status")
    lead += "".join(paragraph(line, "status warn") for line in document["warnings"])
    return page(document["title"], [s for s in sections if s[1]], lead)


def _results(document: Mapping[str, Any]) -> str:
    run, choice = document["run"], document["choice"]
    rows = []
    for one in document["results"]:
        for which in ("last", "best"):
            found = one[which]
            rows.append(
                [
                    one["setting"] or run["algorithm"],
                    which,
                    interval(found, "interquartile mean"),
                    digits(found["worst agent"]),
                    digits(found["worst episode"]),
                    digits(found["length"]),
                    f"{found['terminated']:.1%}",
                ]
            )
    head = ["agents", "weights", "interquartile mean", "worst agent", "worst episode", "mean steps"]
    words = (
        f"{run['agents']} agents took {run['steps']:,} steps each, trained side by side in "
        f"{digits(run['seconds'])} seconds, compilation included: "
        f"{run['steps a second']:,.0f} steps a second. The interquartile mean leaves out the "
        "lowest and the highest quarter of the agents; its interval is what agents of other seeds "
        "would give (95 %, bootstrap). Nothing is done at random while the agents are judged."
    )
    best = (
        f"The best weights of an agent are those of the best of its {choice['evaluations']} "
        f"evaluations in training, each of {choice['episodes']} episodes. They are shown on "
        f"{choice['shown on']} other episodes, the same for all agents, as the last weights are: "
        "weights that some episodes chose look too good on these."
    )
    return (
        table("Returns", [*head, "ended by itself"], rows, words=2)
        + paragraph(words)
        + paragraph(best)
    )


def curves(document: Mapping[str, Any], figures: Figures) -> str:
    """Learning curves."""
    found = document["curves"]
    last = "; ".join(
        f"{one['setting'] or 'all agents'}: {digits(one['interquartile mean'][-1])} at the end"
        for one in found["settings"]
        if one["interquartile mean"]
    )
    figure = figures["curves"]
    assert figure is not None
    return picture(
        figure,
        f"Return of every agent against steps, with the interquartile mean and its band. {last}.",
        "Evaluations in training, without exploring. Grey: each agent; coloured: the interquartile "
        "mean over seeds with its 95 % interval by the bootstrap.",
    )


def _agents(document: Mapping[str, Any]) -> str:
    swept = list(dict.fromkeys(name for one in document["results"] for name in one["settings"]))
    rows = []
    for one in document["agents"]:
        last, best = one["last"], one["best"]
        rows.append(
            [
                str(one["agent"]),
                *(value(one["settings"].get(name)) for name in ("seed", *swept)),
                digits(last["mean"]),
                f"{digits(last['worst episode'])} (seed {last['worst episode seed']})",
                digits(best["mean"]),
                f"{digits(best['worst episode'])} (seed {best['worst episode seed']})",
                "DIVERGED" if one["diverged"] else f"{one['best at']:,}",
            ]
        )
    head = ["agent", "seed", *swept, "last: mean", "last: worst episode", "best: mean"]
    head += ["best: worst episode", "best at step"]
    again = (
        'The seed of an episode plays it again: agents[1].episode(seed=7), and with which="best" '
        "by the best weights."
    )
    return table("Mean return and worst episode", head, rows) + paragraph(again)


def _worst(document: Mapping[str, Any], figures: Figures) -> str:
    worst = document["worst"]
    episode = worst["episode"]
    end = "it ended by itself" if episode["terminated"] else "it was cut short"
    words = (
        f"The worst agent is number {worst['agent']} ({_words(worst['settings'])}), mean return "
        f"{digits(worst['mean'])}. The worst episode of all is number {episode['agent']}'s "
        f"({_words(episode['settings'])}), episode seed {episode['seed']}: return "
        f"{digits(episode['return'])} in {episode['steps']:,} steps, and {end}. To play it again: "
        f"agents[{episode['agent']}].episode(seed={episode['seed']})."
    )
    figure = figures["worst"]
    assert figure is not None
    return paragraph(words) + picture(
        figure,
        f"The worst episode over its {episode['steps']} steps: what was seen, done, gained, and "
        "what the agent thought it to be worth.",
        f"The worst episode, by agent {episode['agent']}.",
    )


def _episode(document: Mapping[str, Any], figures: Figures) -> str:
    one = document["episode"]
    end = "ended by itself" if one["terminated"] else "was cut short"
    words = (
        f"Agent {one['agent']} ({_words(one['settings'])}) is the median one by its mean return. "
        f"Its episode of seed {one['seed']} brought {digits(one['return'])} in {one['steps']:,} "
        f"steps and {end}."
    )
    parts = [paragraph(words)]
    frames = figures.get("frames")
    if frames is not None:
        alt = f"Pictures of {document['run']['environment']} from the first to the last state."
        parts.append(picture(frames, alt, "The episode in pictures."))
    figure = figures["episode"]
    assert figure is not None
    caption = "The episode over its steps."
    if one["worth"]:
        caption += (
            f" In grey, what came of it: the rewards that followed, discounted by "
            f"{one['gamma']:g} a step"
            + (", to where it was cut short. " if not one["terminated"] else ". ")
            + f"On average {one['worth']} was {digits(one['mean worth'])}, and what followed "
            f"{digits(one['mean of what followed'])}."
        )
    parts.append(
        picture(
            figure,
            "What the agent saw, did, gained and thought, over the steps of the episode; the table "
            "below has the numbers of its beginning and its end.",
            caption,
        )
    )
    columns = list(one["table"].items())
    left = columns[:COLUMNS] if len(columns) > COLUMNS else columns
    steps = list(range(one["steps"]))
    printed = steps if len(steps) <= 2 * STEPS else [*steps[:STEPS], *steps[-STEPS:]]
    rows = [[str(s), *(value(values[s]) for _, values in left)] for s in printed]
    if len(printed) < len(steps):
        rows.insert(STEPS, ["..."] + [""] * len(left))
    caption = "What it saw, did, gained, and what it thought of it"
    if len(printed) < len(steps):
        caption += f": the first and the last {STEPS} of {one['steps']:,} steps"
    if len(left) < len(columns):
        caption += f"; {len(columns) - len(left)} more columns are in the JSON"
    parts.append(table(caption, ["step", *(name for name, _ in left)], rows))
    return "".join(parts)


def _surface(document: Mapping[str, Any], figures: Figures) -> str:
    found, figure = document["surface"], figures.get("surface")
    if found is None or figure is None:
        return ""
    first, second = found["variables"]
    values = [one for row in found["values"] for one in row]
    low, high = digits(min(values)), digits(max(values))
    return picture(
        figure,
        f"Two maps over {first} and {second}: what states are worth, from {low} to {high}, and "
        "what the agent does there.",
        f"{found['what']} of agent {document['episode']['agent']} and its action, over the two "
        "variables that move the value most in its episode. The others are held at the mean of the "
        "episode; the small dots are its states, the large one is the first.",
    )


def environment(here: Mapping[str, Any]) -> str:
    """Where they act."""
    gamma = here["discount"]
    rows = [
        ["actions", here["actions"]],
        ["observation", "x".join(map(str, here["observation"])) + " numbers"],
        ["variables", "; ".join(here["variables"][:12]) or "no names"],
        ["cut short after", f"{here['limit']:,} steps"],
        ["returns", "plain sums" if gamma is None else f"discounted by {gamma:g} a step"],
    ]
    parameters = [[p["name"], value(p["value"]), p["what"]] for p in here["parameters"]]
    return (
        (paragraph(here["what"]) if here["what"] else "")
        + table(here["name"], ["what", "how"], rows, words=2)
        + table("Parameters", ["parameter", "value", "what it is"], parameters, words=3)
    )


def settings(document: Mapping[str, Any]) -> str:
    """The algorithm's settings."""
    rows = [[s["name"], value(s["value"]), s["what"]] for s in document["settings"]]
    run = document["run"]
    parts = table(f"{run['algorithm']}", ["setting", "value", "what it is"], rows, words=3)
    if run["settings"] > 1:
        swept = [one["setting"] for one in document["results"]]
        parts += subheading("Swept") + listing(swept)
    return parts


def deviations(document: Mapping[str, Any]) -> str:
    """In what it differs from its paper."""
    if not document["deviations"]:
        return paragraph("None is known.")
    words = "What this differs in from the paper that its class cites, with these settings:"
    return paragraph(words) + listing(document["deviations"])


def again(document: Mapping[str, Any]) -> str:
    """Command, Python and versions."""
    again, parts = document["reproduce"], []
    if again["command"]:
        parts.append(preformatted(again["command"], "command"))
    parts.append(preformatted(again["python"], "Python"))
    rows = [[name, found] for name, found in document["versions"].items()]
    return "".join(parts) + table("Versions", ["of", "version"], rows, words=2)


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value(number)}" for name, number in settings.items())


def value(number: Any) -> str:
    """A setting as the page writes it."""
    if number is None:
        return "-"
    if isinstance(number, bool):
        return "yes" if number else "no"
    return f"{number:.4g}" if isinstance(number, float) else str(number)
