"""Charts and tables in plain text."""

import numpy as np
import pytest

from descend.report.terminal import confusion_table, learning_curve, text_table


def plot(chart):
    """Rows of the plot, without tick labels."""
    return [line.split("|", 1)[1] for line in chart.splitlines() if "|" in line]


@pytest.mark.parametrize("epochs", [1, 2, 7, 60, 61, 200, 5000])
@pytest.mark.parametrize("width", [40, 80])
def test_the_chart_fits_and_both_curves_are_in_it(epochs, width):
    train = np.geomspace(1.0, 0.01, epochs)
    validation = train + 0.2
    chart = learning_curve(train, validation, best=epochs, width=width)
    assert max(map(len, chart.splitlines()[1:])) <= width
    assert any("*" in row for row in plot(chart))
    assert any("o" in row for row in plot(chart))
    assert f"epoch {epochs}" in chart.splitlines()[-1]
    assert f"best, epoch {epochs}" in chart
    assert "^" in chart


def test_the_top_is_the_largest_cost_and_the_bottom_the_smallest():
    chart = learning_curve([4.0, 3.0, 2.0, 1.0], height=4, width=40)
    rows = [line for line in chart.splitlines() if "|" in line]
    assert rows[0].split()[0] == "4"
    assert rows[-1].split()[0] == "1"
    rows = plot(chart)
    first = [next(i for i in range(4) if rows[i][c : c + 1] == "*") for c in (0, 9, 18, 27)]
    assert first == [0, 1, 2, 3]


def test_far_apart_costs_are_on_a_log_scale():
    assert "log scale" in learning_curve([100.0, 1.0])
    assert "log scale" not in learning_curve([2.0, 1.0])
    assert "log scale" not in learning_curve([100.0, 0.0])


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0], [np.nan, 1.0], [np.nan], [np.inf, 2.0]])
def test_odd_costs_draw_too(values):
    assert learning_curve(values, values)


CLASSES = ["setosa", "versicolor", "virginica"]
COUNTS = [[10, 0, 0], [1, 8, 1], [0, 2, 0]]


def test_the_confusion_matrix_names_rows_and_columns():
    shown = confusion_table(CLASSES, COUNTS, [1.0, 0.8, 0.0]).splitlines()
    assert "predicted" in shown[0]
    assert shown[1].split() == ["actual", *CLASSES, "rows", "recall"]
    assert shown[3].split() == ["versicolor", "1", "8", "1", "10", "0.800"]
    assert len({len(line) for line in shown[1:]}) == 1


def test_a_class_without_rows_has_no_recall():
    assert confusion_table(["a", "b"], [[1, 0], [0, 0]], [1.0, np.nan]).endswith("-")


@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("k", [2, 12, 40])
def test_it_fits_the_terminal(width, k):
    classes = [f"{i} is the number of this class" for i in range(k)]
    counts = np.eye(k, dtype=int) * 7 + 1
    shown = confusion_table(classes, counts.tolist(), [0.5] * k, width)
    assert max(map(len, shown.splitlines())) <= width


def test_numbers_are_aligned_on_the_right():
    assert text_table([["a", "1"], ["bb", "100"]], indent=0) == "a     1\nbb  100"
