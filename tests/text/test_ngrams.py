"""Kneser-Ney n-grams: their probabilities sum to one, and are the formula's, written out slowly."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from descend.errors import DataError, DescendError, NotFittedError
from descend.text import NGrams


@pytest.fixture(scope="module")
def text():
    """Tokens of 0 to 4 that depend on the two before."""
    rng, ids = np.random.default_rng(0), [0, 1]
    for _ in range(600):
        follows = (ids[-1] * 2 + ids[-2]) % 5
        ids.append(follows if rng.random() < 0.6 else int(rng.integers(5)))
    return np.array(ids)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_probabilities_sum_to_one_after_every_context(text, order):
    grams = NGrams(order, 6).fit(text)  # 5 never occurs, and may still come
    for before in ([], [0], [5], [3, 1], [1, 5, 2], list(text[-order:]), list(text[:4])):
        p = grams.distribution(before)
        assert abs(p.sum() - 1) < 1e-12
        assert (p > 0).all()


def test_scores_are_those_of_the_distributions(text):
    grams = NGrams(4, 6).fit(text)
    other = np.array([0, 1, 2, 4, 3, 5, 0, 2, 2, 1])
    by_token = [np.log(grams.distribution(other[:i])[token]) for i, token in enumerate(other)]
    np.testing.assert_allclose(grams.log_probabilities(other), by_token, rtol=1e-12)
    assert grams.score(other) == pytest.approx(-np.mean(by_token))
    split = grams.log_probabilities(other[6:], before=other[:6])
    np.testing.assert_allclose(split, by_token[6:], rtol=1e-12)


def slowly(ids, order, size):
    """The formula of Chen and Goodman for dictionaries: a function (before, token) -> p."""
    counts = []
    for k in range(1, order + 1):
        grams = Counter(tuple(ids[i : i + k]) for i in range(len(ids) - k + 1))
        if k < order:
            longer = {tuple(ids[i : i + k + 1]) for i in range(len(ids) - k)}
            ends = Counter(gram[1:] for gram in longer)
            ends[tuple(ids[:k])] += 1
            grams = ends
        counts.append(grams)

    def p(before, token):
        result = 1 / size
        for k in range(1, order + 1):
            if k - 1 > len(before):
                break
            h = tuple(before[len(before) - k + 1 :])
            n = [0] + [sum(c == i for c in counts[k - 1].values()) for i in (1, 2, 3, 4)]
            if all(n[1:]):
                y = n[1] / (n[1] + 2 * n[2])
                d = [0, *(i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3))]
            else:
                d = [0, 0.75, 0.75, 0.75]
            followers = {g[-1]: c for g, c in counts[k - 1].items() if g[:-1] == h}
            if not followers:
                break
            total = sum(followers.values())
            freed = sum(d[min(c, 3)] for c in followers.values()) / total
            c = followers.get(token, 0)
            result = (c - d[min(c, 3)]) / total + freed * result
        return result

    return p


def test_it_is_the_formula(text):
    ids, other = text[:200].tolist(), [0, 3, 1, 2, 4, 4, 0, 1, 5]
    p = slowly(ids, 3, 6)
    want = [np.log(p(other[:i], token)) for i, token in enumerate(other)]
    np.testing.assert_allclose(NGrams(3, 6).fit(np.array(ids)).log_probabilities(other), want)


def test_longer_contexts_help_where_the_text_has_them(text):
    scores = [NGrams(k, 5).fit(text[:500]).score(text[500:]) for k in (1, 2, 3)]
    assert scores[0] > scores[1] > scores[2]


def test_counts_below_are_of_contexts_and_not_of_tokens():
    """'Francisco' is frequent, and follows one word alone: elsewhere it is unlikely."""
    san, francisco, the, cat, dog = range(5)
    ids = np.array([san, francisco] * 30 + [the, cat, the, dog] * 6 + [cat, dog, dog, cat] * 3)
    p = NGrams(2, 6).fit(ids).distribution([5])  # a context that was never seen
    assert p[francisco] < p[cat]


def test_of_shakespeare_what_was_measured():
    from descend.data.texts import TINY_SHAKESPEARE, text_of
    from descend.text import Characters

    if not TINY_SHAKESPEARE.cached():
        pytest.skip("Tiny Shakespeare is not in the cache (tools/fill_cache.py tinyshakespeare)")
    text = text_of("tinyshakespeare", download=False)
    cut = int(0.9 * len(text))
    tokens = Characters.learn(text)
    train, last = (tokens.encode(t) - 1 for t in (text[:cut], text[cut:]))
    # counted by an independent program: 2.038, 1.561, 1.516
    for order, nats in ((3, 2.038), (5, 1.561)):
        assert NGrams(order, 65).fit(train).score(last) == pytest.approx(nats, abs=0.004)


BAD = [
    (lambda: NGrams(0, 5), "order"),
    (lambda: NGrams(2.0, 5), "order"),
    (lambda: NGrams(2, 0), "size"),
    (lambda: NGrams(2, 5).fit([]), "no token"),
    (lambda: NGrams(3, 5).fit([1, 2]), "no 3-gram"),
    (lambda: NGrams(2, 5).fit([1, 5]), "0 to 4, got 5"),
    (lambda: NGrams(2, 5).fit([1, -1]), "got -1"),
    (lambda: NGrams(2, 5).fit([0.5, 1.0]), "whole numbers"),
    (lambda: NGrams(2, 5).fit([[1, 2]]), "whole numbers"),
]


@pytest.mark.parametrize(("ask", "words"), BAD)
def test_bad_input_is_one_error(ask, words):
    with pytest.raises(DescendError, match=words):
        ask()


def test_it_must_have_counted():
    with pytest.raises(NotFittedError):
        NGrams(2, 5).score([1, 2])
    with pytest.raises(DataError, match="no token"):
        NGrams(2, 5).fit([1, 2, 3]).score([])
