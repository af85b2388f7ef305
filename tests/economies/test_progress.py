"""Progress is events, put into words where they are shown; Ctrl-C loses nothing that is known."""

from __future__ import annotations

import numpy as np
import pytest

from descend.cli.show_economy import Progress
from descend.economies import Event, choosing, load_solution, plots, solve, watching
from descend.economies.accuracy import Measure
from descend.economies.models.brock_mirman import BrockMirman
from descend.report.economy import economy_report
from descend.train.engine.training import InterruptedWarning

# the figures of the shared solution's aims, so that its programs serve these solves too
OUT_OF_REACH = {"ergodic mean": 1e-12, "box max": 1e-12}


def test_the_log_is_the_events_in_words(brock_mirman):
    events = brock_mirman.events
    assert brock_mirman.log == [str(event) for event in events]
    polished = [e for e in events if e.stage == "gauss-newton" and e.seed == 1]
    assert polished[-1].done <= polished[-1].of == 25
    assert polished[-1].residual == pytest.approx(brock_mirman.seeds[1].residual)
    first = next(e for e in events if e.stage == "adam")
    assert first.words.startswith(f"adam, {first.done} of 152: mean residual {first.residual:.1e}")
    assert first.words.endswith("below the aim: 0 of 3 seeds")


def test_a_function_gets_every_event(quick):
    events: list[Event] = []
    options = {**quick, "polish": None, "verbose": events.append}
    solution = solve(BrockMirman(), seeds=3, aim=OUT_OF_REACH, **options)
    assert events == solution.events
    assert any(event.stage == "adam" for event in events)


def test_a_long_stage_says_how_long_at_most():
    news = {"stage": "adam", "done": 10, "of": 100, "residual": 1e-3, "seeds": 2}
    assert "at most" not in str(Event(1.0, **news, left=19.0))
    assert str(Event(1.0, **news, left=45.0)).endswith("of 2 seeds; at most 45 s more")
    assert str(Event(1.0, **news, left=600.0)).endswith("; at most 10 minutes more")


def test_the_terminal_and_the_picture_read_the_events(brock_mirman, capsys):
    with Progress(quiet=False) as progress:
        for event in brock_mirman.events:
            progress.show(event)
    assert capsys.readouterr().err.splitlines() == brock_mirman.log
    left, _ = plots.plot_training(brock_mirman).axes
    drawn = np.concatenate([line.get_ydata() for line in left.lines if len(line.get_ydata()) > 2])
    told = [e.residual for e in brock_mirman.events if e.stage == "adam"]
    assert set(told) <= set(drawn)


def test_a_file_keeps_the_events_and_an_older_one_its_lines(brock_mirman, tmp_path, monkeypatch):
    brock_mirman.save(tmp_path / "new.descend")
    assert load_solution(tmp_path / "new.descend").events == brock_mirman.events
    described = brock_mirman.describe()
    del described["events"]
    monkeypatch.setattr(type(brock_mirman), "describe", lambda self: described)
    brock_mirman.save(tmp_path / "old.descend")
    old = load_solution(tmp_path / "old.descend")
    assert old.log == brock_mirman.log
    plots.plot_training(old)  # without the curve, which only events tell


# -- Ctrl-C -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ctrl_c_in_the_last_judging_returns_the_weights(quick, monkeypatch, tmp_path):
    """The figures are those of the last check, and no verdict takes them for a solution."""
    options = {**quick, "updates": 40, "polish": None, "seeds": 2, "aim": 1.0}
    whole = solve(BrockMirman(), **options)

    def interrupted(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Measure, "__call__", interrupted)
    found = solve(BrockMirman(), **options)
    for name, layer in whole.params.items():
        for array in layer:
            np.testing.assert_array_equal(found.params[name][array], layer[array])
    assert not found.verdict.solved
    assert found.status.startswith("NOT solved: its judging was interrupted (Ctrl-C)")
    assert any("interrupted: 2 of 2 seeds were not judged" in line for line in found.log)
    assert found.accuracy.figure("ergodic mean") == min(s.residual for s in found.seeds)
    economy_report(found, tmp_path / "page.html")
    found.save(tmp_path / "half.descend")
    assert load_solution(tmp_path / "half.descend").status == found.status


@pytest.mark.slow
def test_ctrl_c_in_the_judging_of_another_seed_keeps_what_was_judged(quick, monkeypatch):
    judged: list[int] = []
    measure = Measure.__call__

    def once(self, *arguments):
        if judged:
            raise KeyboardInterrupt
        judged.append(1)
        return measure(self, *arguments)

    monkeypatch.setattr(choosing.Measure, "__call__", once)
    options = {**quick, "updates": 40, "polish": None, "seeds": 2, "aim": 1e-9}
    found = solve(BrockMirman(), **options)
    assert found.status.startswith("aim NOT met: ergodic mean residual")
    assert any("interrupted: 1 of 2 seeds were not judged" in line for line in found.log)


@pytest.mark.parametrize("at", [3, 23])
def test_ctrl_c_while_training_judges_the_best_so_far(quick, monkeypatch, at):
    """In the second check of first-order updates, and in the second seed's polishing."""
    count = 0
    judge = watching.Candidates.judge

    def interrupted(self, *arguments, **options):
        nonlocal count
        count += 1
        if count == at:
            raise KeyboardInterrupt
        return judge(self, *arguments, **options)

    monkeypatch.setattr(watching.Candidates, "judge", interrupted)
    options = {**quick, "polishing_steps": 5, "seeds": 3, "aim": OUT_OF_REACH}
    with pytest.warns(InterruptedWarning):
        found = solve(BrockMirman(), **options)
    assert any("interrupted: the best policies so far are judged" in line for line in found.log)
    assert found.status.startswith("aim NOT met: box max residual")
    assert "ergodic mean residual" in found.status
