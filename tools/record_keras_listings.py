"""Runs the Keras listings of tests/listings/keras_code on Keras itself and records their facts.

    python tools/record_keras_listings.py

needs the extra [bench] (TensorFlow and Keras). Each listing ends in a dictionary `facts`; what
Keras makes of it is written to tests/listings/keras_facts.json, which the tests hold against what
descend makes of the same listing with its first line changed.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

LISTINGS = Path(__file__).resolve().parent.parent / "tests" / "listings"
REFUSED = {"generator_vae_train_step"}  # runs in TensorFlow's words; descend refuses it


def plain(value):
    """A fact as JSON has it: NumPy's numbers and truth values as Python's."""
    return value.item() if hasattr(value, "item") else str(value)


def main() -> None:
    """Run all listings; write what each leaves as its facts."""
    facts: dict[str, dict] = {}
    for path in sorted((LISTINGS / "keras_code").glob("*.txt")):
        if path.stem in REFUSED:
            continue
        names: dict = {"__name__": "listing"}
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
            os.chdir(LISTINGS)
        facts[path.stem] = names["facts"]
        print(f"{path.stem}: {names['facts']}", flush=True)
    text = json.dumps(facts, indent=1, sort_keys=True, default=plain)
    (LISTINGS / "keras_facts.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
