"""Pairs of sentences in buckets of like length: each once a pass, padded the least."""

import itertools

import numpy as np
import pytest

from descend.text.translation.buckets import Pairs, bucket_bounds


def feed_of(lengths, **options):
    rows = [np.full(n, 1 + i, np.int32) for i, n in enumerate(lengths)]
    return Pairs(rows, rows, 99, **options), rows


def seen_in(feed, epochs):
    rows = []
    for epoch in epochs:
        for chunk in feed.chunks(epoch):
            for row in chunk.order:
                batch = feed.draw(None, None, chunk.data, row)[1].data
                rows += [int(r[0]) for r in np.asarray(batch.source) if r[0]]
    return rows


def test_every_pair_is_seen_once_a_pass():
    lengths = np.random.default_rng(0).integers(1, 30, 101)
    feed, _ = feed_of(lengths, tokens=64, parts=3, seed=4)
    passes = [seen_in(feed, range(3 * p, 3 * p + 3)) for p in range(2)]
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(1, 102))
    assert passes[0] != passes[1]
    again, _ = feed_of(lengths, tokens=64, parts=3, seed=4)
    assert seen_in(again, range(3)) == passes[0]
    assert seen_in(feed_of(lengths, tokens=64, parts=3, seed=5)[0], range(3)) != passes[0]


def test_a_part_goes_on_behind_the_chunks_that_are_done():
    feed, _ = feed_of(np.arange(1, 60), tokens=32, seed=1)
    orders = [chunk.order.tolist() for chunk in feed.chunks(2)]
    assert [chunk.order.tolist() for chunk in feed.chunks(2, 3)] == orders[3:]


def test_what_is_read_is_one_step_behind_what_is_told():
    feed, _ = feed_of([3], tokens=8, seed=None)
    (chunk,) = feed.chunks(0)
    batch = feed.draw(None, None, chunk.data, chunk.order[0])[1].data
    assert batch.given.tolist() == [[99, 1, 1], [0, 0, 0]]
    assert batch.target.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_steps_have_a_pair_each_and_about_so_many_tokens():
    lengths = np.concatenate([np.full(7, 40), np.arange(1, 20)])
    feed, _ = feed_of(lengths, tokens=50, buckets=4)
    for chunk in feed.chunks(0):
        assert (chunk.order >= 0).any(axis=-1).all()
        width = chunk.data.source.shape[1]
        assert chunk.order.shape[-1] * width <= 50 + 2 * width


@pytest.mark.parametrize("most", [1, 2, 3, 9])
def test_bounds_pad_the_least(most):
    """Held against all choices."""
    lengths = np.random.default_rng(most).integers(3, 11, 40)
    found = bucket_bounds(lengths, most)

    def cost(bounds):
        return np.asarray(bounds)[np.searchsorted(bounds, lengths)].sum()

    values = np.unique(lengths)
    ways = (
        (*w, values[-1])
        for n in range(min(most, len(values)))
        for w in itertools.combinations(values[:-1], n)
    )
    assert cost(found) == min(map(cost, ways))
    assert len(found) <= most
