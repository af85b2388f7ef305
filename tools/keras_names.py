"""Writes docs/keras.md from the table in descend.keras: run it when a name has come or gone.

python tools/keras_names.py
"""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "keras.md"

HEAD = """# Keras's names

*Made by `tools/keras_names.py` from the table in `descend.keras`; do not edit.*

`from descend import keras` in the place of `import keras` (or `from tensorflow import keras`) is
the one line to change in a listing. A name is **the same** (name, arguments and numbers as in Keras
{version}), **differs** (how), or is **absent** (why, or what does it here). Asking for an absent
name says the same.
"""


def page() -> str:
    """The page."""
    from descend.keras.lists import LISTS, VERSION
    from descend.keras.table import TABLE

    parts, counts = [], []
    for key, names in LISTS.items():
        entries = [TABLE[key].entry(name) for name in names]
        by = {s: [e for e in entries if e.status == s] for s in ("same", "differs", "absent")}
        title = "optimizers.schedules" if key == "schedules" else key
        counts.append(
            f"| [{title}](#keras{title.replace('.', '')}) | "
            + " | ".join(str(len(by[s])) for s in by)
            + " |"
        )
        parts.append(f"\n## keras.{title}\n")
        if by["same"]:
            parts.append("The same: " + ", ".join(f"`{e.name}`" for e in by["same"]) + ".\n")
        for status, word in (("differs", "how"), ("absent", "why, or what does it here")):
            if by[status]:
                rows = [f"| `{', '.join(n)}` | {note} |" for note, n in _grouped(by[status])]
                rows = [row.replace(", ", "`, `", row.split(" | ")[0].count(", ")) for row in rows]
                parts.append(f"| {status} | {word} |\n|---|---|\n" + "\n".join(rows) + "\n")
    table = (
        "\n| list | the same | differ | absent |\n|---|---|---|---|\n" + "\n".join(counts) + "\n"
    )
    return HEAD.format(version=VERSION) + table + "\n".join(parts)


def _grouped(entries: list) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for entry in entries:
        groups.setdefault(entry.note, []).append(entry.name)
    return list(groups.items())


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE} written")
