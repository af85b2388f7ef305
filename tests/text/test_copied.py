"""The longest copied run is the longest, found by looking at all of them."""

from __future__ import annotations

import numpy as np
import pytest

from descend.errors import DataError
from descend.text import Copies


def by_looking(source, text):
    """The length of the longest run of `text` in `source`, tried one by one."""
    source, text = ("".join(map(chr, np.asarray(ids) + 40)) for ids in (source, text))
    pieces = ((i, j) for i in range(len(text)) for j in range(i + 1, len(text) + 1))
    return max((j - i for i, j in pieces if text[i:j] in source), default=0)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("size", [2, 5, 100_000])
def test_random_texts(seed, size):
    rng = np.random.default_rng(seed)
    source = rng.integers(size, size=int(rng.integers(1, 120)))
    text = rng.integers(size, size=40)
    at = int(rng.integers(len(source)))
    text[10 : 10 + len(source[at : at + 15])] = source[at : at + 15]
    found = Copies(source).longest(text)
    assert found.length == by_looking(source, text)
    copied = text[found.at : found.at + found.length]
    assert (copied == source[found.source : found.source + found.length]).all()


def test_one_token_for_ever():
    source = np.zeros(3000, int)
    found = Copies(source, longest=64).longest(np.r_[1, np.zeros(50, int), 1])
    assert (found.length, found.at) == (50, 1)


def test_nothing_in_common():
    assert Copies(np.array([1, 2])).longest(np.array([3, 4, 0])).length == 0


def test_the_end_of_the_text_is_no_token():
    assert Copies(np.array([1, 0])).longest(np.array([0, 0])).length == 1


@pytest.mark.parametrize("ids", [[], [-1, 2], [0.5], [[1, 2]]])
def test_what_is_no_text(ids):
    with pytest.raises(DataError, match="whole"):
        Copies(np.array(ids))
