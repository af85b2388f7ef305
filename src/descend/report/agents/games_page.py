"""From the document of agents that play a game to the page; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.report.agents import page as agents_page
from descend.report.agents.page import Figures
from descend.report.page import page, paragraph, picture, preformatted, table
from descend.report.table.words import digits


def render(document: Mapping[str, Any], figures: Figures) -> str:
    """The page.

    Args:
        document: as of `games.document_of`.
        figures: "curves", and where the game has a picture "frames".
    """
    sections = [
        ("Against opponents", _results(document)),
        ("Learning curves", agents_page.curves(document, figures)),
        ("Every agent", _agents(document)),
        ("A game that was lost", _lost(document)),
        ("A game, move by move", _game(document, figures)),
        ("Environment", agents_page.environment(document["environment"])),
        ("Settings", agents_page.settings(document)),
        ("Deviations from the paper", agents_page.deviations(document)),
        ("To do it again", agents_page.again(document)),
    ]
    lead = paragraph(document["summary"], "status")
    lead += "".join(paragraph(line, "status warn") for line in document["warnings"])
    return page(document["title"], [s for s in sections if s[1]], lead)


def _results(document: Mapping[str, Any]) -> str:
    run, rows = document["run"], []
    for one in document["results"]:
        for which in ("last", "best"):
            for row in one[which]:
                rows.append(
                    [
                        one["setting"] or run["algorithm"],
                        which,
                        row["against"],
                        row["plays"],
                        *(f"{row[k]:,}" for k in ("wins", "draws", "losses")),
                        digits(row["length"]),
                    ]
                )
    head = ["agents", "weights", "against", "plays", "wins", "draws", "losses", "mean moves"]
    words = (
        f"{run['agents']} agents made {run['steps']:,} moves each against themselves, trained side "
        f"by side in {digits(run['seconds'])} seconds, compilation included. Each played "
        f"{document['games']:,} games against each opponent, half of them as the first player, "
        "without exploring; an opponent that knows several best moves draws one."
    )
    return table("Games", head, rows, words=4) + paragraph(words)


def _agents(document: Mapping[str, Any]) -> str:
    swept = list(dict.fromkeys(name for one in document["results"] for name in one["settings"]))
    exact = any("spoilt" in one for one in document["agents"])
    rows = []
    for one in document["agents"]:
        rows.append(
            [
                str(one["agent"]),
                *(agents_page.value(one["settings"].get(name)) for name in ("seed", *swept)),
                digits(one["last"]["mean"]),
                f"{sum(one['last']['losses'].values()):,}",
                digits(one["best"]["mean"]),
                f"{sum(one['best']['losses'].values()):,}",
                *([f"{one['spoilt']:,}"] if exact else []),
                "DIVERGED" if one["diverged"] else f"{one['best at']:,}",
            ]
        )
    head = ["agent", "seed", *swept, "last: mean", "last: lost", "best: mean", "best: lost"]
    head += [*(["positions spoilt"] if exact else []), "best at step"]
    return table("Mean score and games lost", head, rows)


def _lost(document: Mapping[str, Any]) -> str:
    one = document["lost"]
    if one is None:
        return paragraph("None was lost by the last weights.")
    words = (
        f"Agent {one['agent']} as {one['plays']} player against {one['against']}: {one['end']}. To "
        f"play it again: agents[{one['agent']}].episode(seed={one['seed']}, "
        f'against="{one["against"]}", first={one["plays"] == "first"}).'
    )
    return paragraph(words) + preformatted("\n\n".join(one["moves"]), "the game")


def _game(document: Mapping[str, Any], figures: Figures) -> str:
    one = document["game"]
    words = (
        f"Agent {one['agent']}, the median one by its mean score, against itself: {one['end']}. "
        "Its value is what the board is worth to who is to move, from -1 to 1, after the search; "
        "visits are the shares of the search's positions that went through a move."
    )
    parts = [paragraph(words)]
    frames = figures.get("frames")
    if frames is not None:
        alt = f"Boards of {document['run']['environment']} from the first to the last."
        parts.append(picture(frames, alt, "The game in pictures."))
    return "".join(parts) + preformatted("\n\n".join(one["moves"]), "the game")
