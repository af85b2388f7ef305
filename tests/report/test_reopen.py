"""A fitted table found again from its file and its data; and not from other data."""

import dataclasses

import numpy as np
import pytest
from report.small_tables import made, options

from descend.errors import CheckpointError, DataError
from descend.tables.recipe import fit_table, open_test
from descend.tables.reopen import reopen
from descend.tables.seal import read_seal


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A sealed network, its file, and what opening its test in memory gives."""
    fitted = fit_table(made("binary"), options("binary", epochs=3, sealed=True))
    path = tmp_path_factory.mktemp("reopen") / "made.descend"
    fitted.save(path)
    return fitted, path


@pytest.mark.parametrize("task", ["multi", "regression", "several", "quantile"])
def test_the_test_of_a_file_is_that_of_the_fit(task, tmp_path):
    fitted = fit_table(made(task), options(task, epochs=2))
    fitted.save(tmp_path / "a.descend")
    again = reopen(tmp_path / "a.descend", made(task))
    assert again.scores is None
    assert again.seal == fitted.seal
    assert open_test(again).scores.figures == pytest.approx(fitted.scores.figures, rel=1e-6)
    for part in ("train", "validation", "test"):
        found, was = (getattr(f.prepared.split, part) for f in (again, fitted))
        np.testing.assert_array_equal(found, was)


def test_history_and_best_epoch_come_back(saved):
    fitted, path = saved
    again = reopen(path, made("binary"))
    assert again.trained.history.history == fitted.trained.history.history
    assert len(again.trained.history) == 3
    assert again.trained.best_epoch == fitted.trained.best_epoch
    assert again.stopped == fitted.stopped


def test_reopening_opens_nothing(saved):
    _, path = saved
    reopen(path, made("binary"))
    assert read_seal(path).openings == ()


def test_a_test_table_of_its_own(tmp_path):
    table, test = made("count"), made("count", 60, seed=3)
    fitted = fit_table(table, options("count", epochs=2), test=test)
    fitted.save(tmp_path / "a.descend")
    again = open_test(reopen(tmp_path / "a.descend", table, test))
    assert again.scores.figures == pytest.approx(fitted.scores.figures, rel=1e-6)
    with pytest.raises(DataError, match=r"table of its own \(60 rows\); give that table"):
        reopen(tmp_path / "a.descend", table)
    with pytest.raises(DataError, match="the test table is another one"):
        reopen(tmp_path / "a.descend", table, made("count", 60, seed=4))


def changed(table, digest="other", **columns):
    return dataclasses.replace(table, frame=table.frame.assign(**columns), digest=digest)


def test_what_differs_is_said(saved):
    fitted, path = saved
    table = made("binary")
    frame, split = table.frame, fitted.prepared.split
    tested, trained = (np.isin(np.arange(260), rows) for rows in (split.test, split.train))
    for other, said in (
        (changed(table, age=frame["age"].where(~tested, 1.0)), r"content has changed \(sha256 oth"),
        (changed(table, age=frame["age"].where(~trained, 9.0)), "its training rows are others now"),
        (changed(table, more=1), "it also has 'more'"),
        (
            dataclasses.replace(table, frame=frame.drop(columns=["age", "town"])),
            "it lacks 'age', 'town'",
        ),
        (
            dataclasses.replace(table, frame=frame.iloc[:200]),
            "the table has 200 rows, it had 260",
        ),
        (
            changed(dataclasses.replace(table, frame=frame.sample(frac=1, random_state=1))),
            "not those that .* was tested on",
        ),
    ):
        with pytest.raises(DataError, match=said):
            reopen(path, other)
    with pytest.raises(DataError, match="leave the test table out"):
        reopen(path, table, made("binary", 50, seed=2))


def test_the_same_values_in_another_file_are_the_same_rows(saved):
    _, path = saved
    again = reopen(path, dataclasses.replace(made("binary"), digest="written anew"))
    assert again.prepared.seal.digest == again.seal.digest


def test_an_option_from_a_later_version(saved, tmp_path):
    fitted, _ = saved
    described = fitted.describe()
    described["options"]["quantum"] = True
    extra = {"table": described, "seal": fitted.seal.to_json()}
    fitted.model.save(tmp_path / "a.descend", extra=extra)
    with pytest.raises(CheckpointError, match=r"does not know: quantum\. Upgrade"):
        reopen(tmp_path / "a.descend", made("binary"))
