"""Training, validation and test rows."""

import numpy as np
import pytest

from descend.data.splits import three_way
from descend.errors import DataError


@pytest.mark.parametrize("n", [10, 11, 150, 997])
@pytest.mark.parametrize("shares", [(0.2, 0.2), (0.25, 0.3)])
def test_every_row_is_in_one_part(n, shares):
    split = three_way(n, validation_share=shares[0], test_share=shares[1], seed=3)
    rows = np.concatenate([split.train, split.validation, split.test])
    assert np.array_equal(np.sort(rows), np.arange(n))
    assert abs(len(split.test) - shares[1] * n) <= 1
    assert abs(len(split.validation) - shares[0] * n) <= 1


def test_classes_keep_their_shares():
    labels = np.repeat([0, 1, 2], [100, 60, 40])
    split = three_way(200, labels=labels)
    for part, size in ((split.train, 120), (split.validation, 40), (split.test, 40)):
        assert np.bincount(labels[part]).tolist() == [size // 2, size * 3 // 10, size // 5]


def test_the_seed_decides():
    a, b, c = (three_way(100, seed=s).test for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize(
    ("n", "options", "message"),
    [
        (9, {}, "at least 10"),
        (100, {"test_share": 0.0}, "between 0 and 1"),
        (100, {"test_share": float("nan")}, "between 0 and 1"),
        (100, {"test_share": 0.6, "validation_share": 0.4}, "nothing to train on"),
        (20, {"test_share": 0.01}, "at least 2"),
        (20, {"labels": np.repeat([0, 1], [19, 1])}, "has 1 row"),
        (40, {"labels": np.arange(40) % 13}, "13 classes and only 8 rows"),
    ],
)
def test_what_cannot_be_split(n, options, message):
    with pytest.raises(DataError, match=message):
        three_way(n, **options)
