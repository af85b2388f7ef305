"""Tables as text, CSV, LaTeX and HTML, models side by side, and the maketables protocol."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from neurons import real_tables

from descend.errors import DescendError
from descend.latex import table_row
from descend.neurons import (
    LinearUnit,
    LogisticUnit,
    PoissonUnit,
    RegressionTable,
    SoftmaxUnit,
    side_by_side,
)
from descend.neurons.table import number, p_value


@pytest.fixture(scope="module")
def spector():
    real = real_tables.spector()
    return LogisticUnit().fit(real.x, real.y)


@pytest.fixture(scope="module")
def linear():
    real = real_tables.spector()
    return LinearUnit(covariance="HC1").fit(real.x, real.y)


def test_summary_has_header_table_and_notes(spector):
    text = spector.summary().text()
    lines = text.splitlines()
    assert lines[0] == "Logistic unit: GRADE"
    assert re.search(r"Rows +32 ", text)
    assert re.search(r"Log-likelihood +-12\.890", text)
    assert re.search(r"Standard errors +classical", text)
    # Greene, "Econometric Analysis", binary choice, the same students: 2.826 (1.263)
    row = next(line for line in lines if line.startswith("GPA"))
    assert row.split() == ["GPA", "2.826", "1.263", "2.24", "0.025", "0.3508", "5.301"]
    head = next(line for line in lines if "coef." in line)
    assert head.split() == ["coef.", "std.", "error", "z", "p", "95%", "low", "95%", "high"]
    assert head.index("coef.") + len("coef.") == row.index("2.826") + len("2.826")
    assert lines[-1] == "p-values and intervals: normal distribution."
    assert str(spector.summary()) == text


def test_summary_says_what_errors_it_shows(linear):
    real = real_tables.spector()
    text = linear.with_covariance("cluster", groups=real.groups).summary().text()
    assert "clustered (8 groups)" in text
    assert "Student's t, 7 degrees of freedom" in text
    assert "robust (HC1)" in str(linear.summary())


def test_near_collinearity_is_noted():
    real = real_tables.longley()
    unit = LinearUnit().fit(real.x, real.y)
    assert "near collinear" in str(unit.summary())
    real = real_tables.diabetes()
    assert "near collinear" not in str(LinearUnit().fit(real.x[["bmi", "age"]], real.y).summary())


def test_level_of_the_intervals():
    real = real_tables.spector()
    unit = LogisticUnit(level=0.9).fit(real.x, real.y)
    assert "90% low" in str(unit.summary())
    narrow, wide = unit.to_frame(), unit.to_frame(0.99)
    assert (narrow["ci_low"] > wide["ci_low"]).all()


def test_csv_holds_the_unrounded_numbers(spector):
    read = pd.read_csv(io.StringIO(spector.summary().csv()), index_col=0)
    pd.testing.assert_frame_equal(read, spector.to_frame(), rtol=1e-15)


def test_latex_is_escaped_and_balanced():
    real = real_tables.spector()
    unit = LinearUnit().fit(real.x.rename(columns={"GPA": "a_b & 5% {x}"}), real.y)
    tex = unit.summary().latex()
    assert r"a\_b \& 5\% \{x\} & 0.4639" in tex
    rows = [line for line in tex.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 5
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {6}
    assert r"\begin{tabular}{lrrrrrr}" in tex
    assert tex.count(r"\begin{") == tex.count(r"\end{") == 2
    assert tex.count("{") - tex.count(r"\{") == tex.count("}") - tex.count(r"\}")


def test_a_row_label_is_no_option_of_the_row_before():
    """LaTeX reads [x] or * behind the end of a row, or a rule, as its option; {} stands between."""
    real = real_tables.spector()
    names = {"GPA": "[GPA]", "TUCE": "*TUCE", "PSI": "C(PSI)[T.1]"}
    lines = LinearUnit().fit(real.x.rename(columns=names), real.y).summary().latex().splitlines()
    starts = [line.partition(" & ")[0] for line in lines if line.endswith(r"\\")]
    assert starts == ["", "Intercept", "{}[GPA]", "{}*TUCE", "C(PSI)[T.1]"]
    assert table_row(["a\n\nb", "[x]"]) == r"a  b & [x] \\"


def test_html_is_well_formed_and_escaped():
    real = real_tables.spector()
    unit = LinearUnit().fit(real.x.rename(columns={"GPA": "<b>&"}), real.y)
    tree = ElementTree.fromstring(unit.summary().html().replace("<br>", "<br/>"))
    assert tree.findtext("caption") == "Linear unit: GRADE"
    heads = [cell.text for cell in tree.iterfind("tbody/tr/th")]
    assert heads == ["Intercept", "<b>&", "TUCE", "PSI"]
    assert all(cell.get("scope") == "row" for cell in tree.iterfind("tbody/tr/th"))
    assert len(tree.findall("tbody/tr/td")) == 4 * 6
    assert unit.summary()._repr_html_() == unit.summary().html()


def test_save_goes_by_the_ending(spector, tmp_path):
    table = spector.summary()
    for ending, form in ((".txt", table.text), (".csv", table.csv), (".tex", table.latex)):
        table.save(tmp_path / f"t{ending}")
        assert (tmp_path / f"t{ending}").read_text() == form().rstrip("\n") + "\n"
    table.save(tmp_path / "t.HTML")
    with pytest.raises(DescendError, match=r"unknown ending .* '.docx'"):
        table.save(tmp_path / "t.docx")


def test_a_softmax_units_table_names_the_outcomes():
    real = real_tables.wine()
    unit = SoftmaxUnit().fit(real.x, real.y)
    table = unit.summary()
    assert [row[0] for row in table.rows][:2] == ["Intercept (1)", "malic_acid (1)"]
    assert table.rules == (4,)
    assert table.title == "Softmax unit: target, beside 0"
    assert unit.to_frame().loc[("1", "ash")].notna().all()


def test_side_by_side_aligns_models_by_name(spector, linear):
    real = real_tables.spector()
    small = LinearUnit().fit(real.x[["PSI"]], real.y)
    table = side_by_side({"logit": spector, "OLS": linear, "PSI": small}, stars=True)
    cells = {row[0]: row[1:] for row in table.rows if row[0]}
    assert table.head == ("", "logit", "OLS", "PSI")
    assert cells["GPA"] == ("2.826**", "0.4639***", "")
    assert cells["PSI"][0] == "2.379**"
    assert cells["Rows"] == ("32", "32", "32")
    assert cells["R2"][0] == ""
    assert cells["Pseudo R2"][1:] == ("", "")
    assert cells["Dependent variable"] == ("GRADE",) * 3
    labels = [row[0] for row in table.rows if row[0]]
    assert labels.index("Intercept") == labels.index("Rows") - 1
    place = [row[0] for row in table.rows].index("GPA")
    assert table.rows[place + 1] == ("", "(1.263)", "(0.1511)", "")
    assert "*** p < 0.01, ** p < 0.05, * p < 0.1." in table.notes
    plain = side_by_side([spector, linear])
    assert "*" not in str(plain)
    assert plain.head == ("", "(1)", "(2)")
    frame = table.to_frame()
    assert frame.loc["GPA", ("logit", "se")] == spector.to_frame().loc["GPA", "std_error"]
    assert frame.loc["ll", ("logit", "b")] == spector.log_likelihood_


def test_side_by_side_takes_effects_and_other_figures(spector):
    table = side_by_side(
        {"coefficients": spector, "effects": spector.marginal_effects()},
        below="p",
        statistics=["N", "se_type", "r2"],
        stars={0.05: "+"},
    )
    cells = {row[0]: row[1:] for row in table.rows if row[0]}
    assert cells["GPA"] == ("2.826+", "0.3626+")
    assert cells["Standard errors"] == ("classical", "classical")
    assert "R2" not in cells
    assert isinstance(table, RegressionTable)


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ([], {}, "at least one model"),
        ([3], {}, r"model \(1\) is a int"),
        ("fitted", {"below": "sd"}, "unknown below 'sd'"),
        ("fitted", {"statistics": ["R2"]}, "unknown statistic 'R2'. Did you mean 'r2'"),
    ],
)
def test_side_by_side_refuses(models, options, message, spector):
    with pytest.raises(DescendError, match=message):
        side_by_side([spector] if models == "fitted" else models, **options)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (2.8261, "2.826"),
        (0.0105, "0.01050"),
        (-13.0213, "-13.02"),
        (1829.15, "1829"),
        (12345.6, "12346"),
        (0.99999, "1.000"),
        (32.0, "32"),
        (1.5e9, "1.500e+09"),
        (3.2e-7, "3.200e-07"),
        (float("nan"), ""),
        (float("inf"), "inf"),
    ],
)
def test_numbers(value, shown):
    assert number(value) == shown


def test_p_values():
    assert [p_value(p) for p in (0.0004, 0.0005, 0.02451, 1.0)] == [
        "<0.001",
        "0.001",
        "0.025",
        "1.000",
    ]


def test_the_protocol_of_maketables(spector):
    table = spector.__maketables_coef_table__
    assert list(table.columns) == ["b", "se", "t", "p", "ci95l", "ci95u"]
    assert table.index.name == "Coefficient"
    assert table.loc["GPA", "b"] == spector.coef_[0, 0]
    assert spector.__maketables_depvar__ == "GRADE"
    assert spector.__maketables_stat__("N") == 32
    assert spector.__maketables_stat__("none") is None
    narrow = LogisticUnit(level=0.5).fit(real_tables.spector().x, real_tables.spector().y)
    np.testing.assert_allclose(narrow.__maketables_coef_table__["ci95l"], table["ci95l"])


def test_maketables_itself_reads_the_units(spector, linear):
    maketables = pytest.importorskip("maketables")
    real = real_tables.wine()
    softmax = SoftmaxUnit().fit(real.x, real.y)
    counts = real_tables.cpunish()
    poisson = PoissonUnit().fit(counts.x, counts.y)
    made = maketables.ETable(
        [spector, linear, spector.marginal_effects(), softmax, poisson],
        model_stats=["N", "pseudo_r2", "r2", "se_type"],
    )
    tex = made.make(type="tex")
    for cell in ("2.826", "0.464", "0.363", "ash (1)", "robust (HC1)", "0.374"):
        assert cell in tex, cell
