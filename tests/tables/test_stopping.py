"""The end of the third wave of rates, where training may stop."""

import numpy as np
import pytest

from descend.tables.network import in_waves
from descend.tables.options import NetworkOptions
from descend.tables.stopping import StopAfterThirdWave, third_wave, why_all
from descend.train.engine.run import Snapshot
from descend.train.engine.task import State, Task
from descend.train.rules.schedules import CosineLog


@pytest.mark.parametrize("epochs", [32, 64, 100])
def test_the_third_wave_is_that_of_the_schedule(epochs):
    """The rates of the schedule itself: largest at the end of the rise, zero at its end."""
    rise, end = third_wave(epochs)
    steps = np.arange(1, 10 * epochs + 1)
    factor = np.array([float(CosineLog(1.0, 10 * epochs).factor(s)) for s in steps])
    inside = slice(10 * end // 3, 10 * end)
    peak = steps[inside][np.argmax(factor[inside])] / 10
    zero = steps[np.argmin(factor[10 * rise : 10 * (end + 3)]) + 10 * rise] / 10
    assert end - 1 <= zero <= end
    # the peak of the cosine lies before the middle, as the wave is slower at its end
    assert peak < rise < end


class FakeRun:
    """What a callback needs of a run."""

    members, epochs, model, task = None, 64, None, Task()

    def __init__(self):
        state = State({}, {}, None, None, {}, None)
        self.snapshot, self.stopped = Snapshot.of(state), None

    def stop(self, reason, members=None):
        self.stopped = reason


def run_over(costs):
    """(epochs run, why it stopped)."""
    stop, run = StopAfterThirdWave(len(costs)), FakeRun()
    stop.set_run(run)
    stop.on_train_begin({})
    for epoch, cost in enumerate(costs):
        stop.on_epoch_end(epoch, {"val_loss": cost})
        if run.stopped:
            return epoch + 1, run.stopped
    return len(costs), None


def test_it_stops_where_the_fall_brought_nothing():
    rise, end = third_wave(64)
    early = np.abs(np.arange(64) - 13) + 1.0  # best in epoch 14
    ran, why = run_over(early)
    assert (ran, end) == (30, 30)
    assert (
        why == "epoch 14 was better than the fall of the third wave of rates, epochs 23 to 30 of 64"
    )
    late = early.copy()
    late[end - 2] = 0.5
    assert run_over(late) == (64, None)
    before = early.copy()
    before[rise - 1] = 0.5  # the last epoch of the rise is none of the fall
    assert run_over(before)[0] == 30
    assert "still improved in its fall (epochs 23 to 30)" in why_all(64)


def test_who_gets_it():
    assert in_waves(NetworkOptions())
    assert not in_waves(NetworkOptions(epochs=20))
    assert not in_waves(NetworkOptions(recipe="mlp"))
    assert not in_waves(NetworkOptions(optimizer="adam"))
