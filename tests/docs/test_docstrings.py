"""Every public name says what it takes, gives and raises, and its source; its example runs."""

from __future__ import annotations

import doctest
import functools
import importlib
import inspect
import sys
import warnings

import jax
import pytest
from public_names import ROOMS, lacking, public

from descend.agents.algorithm import Algorithm

NAMES = public()


def test_there_are_names():
    assert len(NAMES) > 400
    assert {item.room for item in NAMES} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_docstring_has_every_section(room):
    assert {i.path: lacking(i) for i in NAMES if i.room == room and lacking(i)} == {}


@pytest.mark.parametrize("item", NAMES, ids=lambda item: item.path)
def test_help_shows_what_a_call_takes(item):
    if inspect.isclass(item.value) and issubclass(item.value, BaseException):
        return
    kinds = {p.kind for p in inspect.signature(item.value).parameters.values()}
    anything = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    assert not anything <= kinds


@pytest.fixture(scope="module")
def learned_once():
    """Examples that learn the same share its agents: each stands alone, and learning is slow."""
    learn, known = Algorithm.learn, {}

    @functools.wraps(learn)
    def once(self, environment, steps, **options):
        call = repr((self, environment, steps, sorted(options.items())))
        if call not in known:
            known[call] = learn(self, environment, steps, **options)
        return known[call]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Algorithm, "learn", once)
        yield


@pytest.mark.parametrize("room", ROOMS)
def test_the_examples_run(room, tmp_path, monkeypatch, learned_once):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["descend"])
    finder, out = doctest.DocTestFinder(recurse=False), []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    with jax.numpy_rank_promotion("allow"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for item in NAMES:
            if item.room == room:
                module = importlib.import_module(item.value.__module__)
                for example in finder.find(item.value, item.path, module, globs={}):
                    runner.run(example, out=out.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(out)
