"""`descend text`: what a user types, sees and finds on disk."""

from __future__ import annotations

import io

import numpy as np
import pytest

from descend.cli.main import run

TEXT = " ".join(np.random.default_rng(0).choice(["to", "be", "or", "not", "that"], 400)) + "."
SMALL = ("--network", "gru", "--units", "12", "--context", "12", "--batch", "4", "--passes", "1")


@pytest.fixture
def said(capsys, tmp_path, monkeypatch):
    """Run `descend text ...` in a folder with a text: (exit status, standard output, errors)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speech.txt").write_text(TEXT)

    def ask(*arguments):
        status = run(["text", *arguments])
        return status, *capsys.readouterr()

    return ask


def test_train_score_and_generate(said, tmp_path, monkeypatch):
    status, out, errors = said("train", "speech.txt", *SMALL)
    assert status == 0, errors
    assert "nats a character" in out
    assert "counting (7-grams)" in out
    assert "speech.descend" in out
    assert "perplexity" in errors
    status, out, _ = said("score", "speech.descend", "speech.txt")
    assert status == 0
    assert f"over {len(TEXT) - 1:,}" in out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert said("score", "speech.descend", "-")[1] == out
    options = ("speech.descend", "--prompt", "to be", "--length", "30", "--seed", "3")
    status, out, errors = said("generate", *options)
    assert status == 0
    assert out.startswith("to be")
    assert len(out) == len("to be") + 30 + 1
    assert "stands in the training text" in errors
    assert said("generate", *options)[1] == out


BAD = [
    (("train", "missing.txt"), "cannot be read"),
    (("train", "speech.txt", "--context", "1"), "context"),
    (("train", "speech.txt", "--passes", "1", "--minutes", "1"), "one of them"),
    (("train", "speech.txt", "--encoding", "nothing"), "no encoding"),
    (("train", "speech.txt", "--network", "lstn"), "lstn"),
    (("score", "missing.descend", "speech.txt"), "missing.descend"),
    (("generate", "speech.txt"), "speech.txt"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_what_is_wrong_is_one_line(said, arguments, words):
    status, _, errors = said(*arguments)
    assert status in (1, 2)
    lines = errors.strip().splitlines()
    assert lines[-1].startswith("error: ")
    assert words in lines[-1]
    assert "Traceback" not in errors
