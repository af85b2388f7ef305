"""Windows: whole, in one series, before their origin; the feed against slices written out."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend.errors import DataError, DescendError
from descend.forecasting import Panel
from descend.forecasting.scaling import Scaling
from descend.forecasting.windows import (
    Shape,
    Standard,
    Windows,
    candidates,
    parts,
    require_long,
    series_of,
    usual_context,
    whole,
)

PLAIN = Scaling(None, None, 1)
RNG = np.random.default_rng(0)


def placed(panel: Panel):
    none = Standard(np.zeros(panel.known.shape[1]), np.ones(panel.known.shape[1]))
    return jax.tree.map(jnp.asarray, series_of(panel, none))


def feed(panel: Panel, shape: Shape, size: int) -> Windows:
    return Windows(placed(panel), shape, [candidates(panel, shape).rows], size)


def drawn(windows: Windows, epoch: int = 0):
    """(contexts, targets, mask) of a pass, as the program draws them."""
    chunk = next(windows.chunks(epoch))
    draw = jax.jit(lambda data, row: windows.draw(None, None, data, row)[1])
    batches = [draw(chunk.data, row) for row in chunk.order[0]]
    x, y = (np.concatenate([getattr(b.data, n)[0] for b in batches]) for n in ("x", "y"))
    masks = [np.ones(len(b.data.y[0])) if b.mask is None else b.mask for b in batches]
    return x, y, np.concatenate(masks)


def test_a_windows_targets_begin_right_behind_its_context():
    """Off by one: the first step is the next hour, not the one after it."""
    x, y, _ = drawn(feed(Panel.of(np.arange(20.0)), Shape(5, 3, PLAIN), 4))
    assert (y[:, 0] == x[:, -1, 0] + 1).all()
    assert y[0].tolist() == [5, 6, 7]
    assert y.max() == 19  # the last window ends in the last value


def test_every_window_counts_whatever_the_batch_size():
    """drop_last: ETTh1's 2880 test hours have 2785 windows of a horizon of 96."""
    hours = Panel.of(np.arange(336.0 + 2880))
    for horizon, count in ((96, 2785), (192, 2689), (336, 2545), (720, 2161)):
        assert len(candidates(hours, Shape(336, horizon, PLAIN)).rows) == count
    panel = Panel.of(np.arange(30.0))
    for size in (7, 100):
        _, y, mask = drawn(feed(panel, Shape(5, 3, PLAIN), size))
        assert mask.sum() == 23
        assert y[mask > 0][:, -1].tolist() == list(range(7, 30))


def test_no_window_crosses_from_one_series_into_another():
    both = Panel.of([np.arange(10.0), 100 + np.arange(12.0)])
    x, y, _ = drawn(feed(both, Shape(4, 2, PLAIN), 64))
    rows = np.concatenate([x[:, :, 0], y], axis=1)[: 5 + 7]
    assert (np.diff(rows, axis=1) == 1).all()


def test_a_long_gap_is_in_no_window_and_a_short_one_is_masked():
    values = np.arange(60.0)
    values[20:30] = np.nan  # long
    values[45] = np.nan  # short: one row in windows of twelve
    shape = Shape(9, 3, PLAIN)
    found = candidates(Panel.of(values), shape)
    ends = found.rows + shape.rows
    assert not ((found.rows < 29) & (ends > 21)).any()  # one row of it at most
    x, y, mask = drawn(feed(Panel.of(values), shape, 64))
    assert np.isfinite(x).all()
    # as a context's row the gap holds the value before it, as a target it does not count
    assert not (x == 45).any()
    assert np.isnan(y[mask > 0]).sum() >= 2
    assert np.isfinite(y[mask > 0]).any(axis=1).all()


def test_what_lies_in_a_gap_changes_nothing():
    values = np.sin(np.arange(50.0))
    values[25] = np.nan
    first = series_of(Panel.of(values), Standard(np.zeros(0), np.ones(0)))
    assert first.values[25] == values[24]
    assert not first.real[25]


def test_a_series_that_begins_missing_takes_nothing_from_the_one_before():
    second = np.array([np.nan, 1.0, 2.0, 3.0])
    filled = series_of(Panel.of([np.full(4, 99.0), second]), Standard(np.zeros(0), np.ones(0)))
    assert filled.values[4:].tolist() == [0, 1, 2, 3]


# -- origins ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [None, 30])
def test_windows_of_an_origin_had_ended_before_it(sample):
    panel = Panel.of([RNG.normal(size=80), RNG.normal(size=60)])
    shape = Shape(8, 4, PLAIN)
    windows = candidates(panel, shape)
    origin, held = np.array([70, 40]), np.array([10, 6])
    train, validation = parts(windows, shape, origin, held, sample)
    for rows, least, most in (
        (train, 0, origin - held),  # a training window ends before validation's targets begin
        (validation, origin - held, origin),
    ):
        series = np.searchsorted(panel.starts, rows, side="right") - 1
        first_target = rows - panel.starts[series] + shape.context
        end = first_target + shape.horizon
        assert (end <= np.broadcast_to(most, 2)[series]).all()
        assert (first_target >= np.broadcast_to(least, 2)[series]).all()
        if sample is not None:
            assert (rows - panel.starts[series] >= (origin - sample)[series]).all()
        assert set(series) == {0, 1}
    # none is forgotten: the last window of each part ends at its edge
    assert (train + shape.rows).max() == max(panel.starts[0] + 60, panel.starts[1] + 34)
    assert not set(train) & set(validation)


def test_a_series_that_takes_no_part_has_no_windows():
    panel = Panel.of([RNG.normal(size=30), RNG.normal(size=30)])
    shape = Shape(5, 2, PLAIN)
    origin = np.array([0, 30])
    train, _ = parts(candidates(panel, shape), shape, origin, 0 * origin, None)
    assert train.min() >= 30


def test_members_draw_their_own_windows_in_whole_batches():
    panel, shape = Panel.of(np.arange(40.0)), Shape(4, 2, PLAIN)
    rows = [np.arange(5), np.arange(30)]
    windows = Windows(placed(panel), shape, rows, 8, updates=3)
    windows.order_by(np.array([1, 2]))
    order = windows.order(0)
    assert order.shape == (2, 3, 8)
    assert set(order[0].ravel()) == set(range(5))
    # a pass goes through all windows before it comes back to one
    assert len(set(order[1].ravel())) == 24
    assert (windows.order(0) == order).all()
    assert (windows.order(1) != order).any()
    assert not windows.padded


def test_a_member_without_a_window_is_refused():
    panel, shape = Panel.of(np.arange(9.0)), Shape(4, 2, PLAIN)
    with pytest.raises(DataError, match="a member without a window"):
        Windows(placed(panel), shape, [np.arange(2), np.arange(0)], 4)


# -- scale --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("centre", "spread"), [("last", "std"), ("mean", "std"), (None, "season"), ("last", "mean")]
)
def test_a_window_is_scaled_by_its_own_context_alone(centre, spread):
    values = 50 + np.cumsum(RNG.normal(size=40))
    shape = Shape(6, 3, Scaling(centre, spread, 4))
    x, y, _ = drawn(feed(Panel.of(values), shape, 64))
    for i in (0, 17, 31):
        past, ahead = values[i : i + 6], values[i + 6 : i + 9]
        off = {"last": past[-1], "mean": past.mean(), None: 0.0}[centre]
        by = {
            "std": past.std(),
            "season": abs(past[-4:]).mean(),
            "mean": abs(past).mean(),
        }[spread]
        assert np.allclose(x[i, :, 0], (past - off) / by, atol=1e-4)
        assert np.allclose(y[i], (ahead - off) / by, atol=1e-4)


def test_a_window_that_does_not_move_stays_finite():
    shape = Shape(5, 2, Scaling("last", "std", 1))
    x, y, _ = drawn(feed(Panel.of(np.full(12, 7.0)), shape, 8))
    assert (x == 0).all()
    assert (y[:6] == 0).all()


def test_unknown_scales_suggest_the_nearest():
    with pytest.raises(DescendError, match=r"unknown scale 'sd'"):
        Scaling("last", "sd", 1)
    with pytest.raises(DescendError, match=r"unknown centre 'lats'. Did you mean 'last'"):
        Scaling("lats", "std", 1)


# -- covariates ---------------------------------------------------------------------------------


def test_only_what_is_known_in_advance_is_seen_of_the_horizon():
    """A canary: an observed column reaches the network up to the context's end, no further."""
    y = RNG.normal(size=30)
    panel = Panel.of(
        y,
        known=np.arange(30.0)[:, None],
        known_names=("calendar",),
        observed=y[:, None],
        observed_names=("canary",),
    )
    shape = Shape(6, 3, PLAIN)
    (past, ahead), _, _ = jax.jit(lambda data: whole(data, jnp.array([4]), shape))(placed(panel))
    assert past.shape == (1, 6, 3)
    assert ahead.shape == (1, 3, 1)
    assert ahead[0, :, 0].tolist() == [10, 11, 12]
    assert np.allclose(past[0, :, 2], y[4:10])
    seen = np.concatenate([np.ravel(past), np.ravel(ahead)])
    assert not np.isin(y[10:13].astype(np.float32), seen).any()


# -- lengths ------------------------------------------------------------------------------------


def test_a_context_follows_the_season_and_the_shortest_series():
    assert usual_context(12, 500, 12) == 36
    assert usual_context(24, 5000, 48) == 336
    assert usual_context(12, 60, 12) == 24
    assert usual_context(1, 3, 2) == 1


def test_a_series_that_is_too_short_is_named():
    panel = Panel.of([np.arange(30.0), np.arange(3.0)], names=("long", "short"))
    with pytest.raises(DataError, match=r"series 'short' has 3 rows, and a window needs 9; choose"):
        require_long(panel, panel.lengths[None], 6, 9, "a window")
