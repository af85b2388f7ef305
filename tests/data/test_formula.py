"""Formulas, against formulaic's own model matrices and against what may never be run."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from formulaic import model_matrix

from descend.data.formula import Design, apply, parse
from descend.errors import DataError, DescendError


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = 40
    return pd.DataFrame(
        {
            "default": rng.integers(0, 2, n),
            "income": rng.uniform(1, 9, n),
            "age": rng.integers(18, 70, n),
            "region": rng.choice(["north", "south", "east"], n),
            "owner": rng.choice(["yes", "no"], n),
            "zip": rng.choice([10115, 80331, 50667], n),
            "loan amount": rng.uniform(1, 5, n),
        }
    )


@pytest.mark.parametrize(
    "right",
    [
        "income",
        "income + age",
        "income:age",
        "income*age",
        "(income + age + `loan amount`)**2",
        "income*age*`loan amount` - income:age",
        "log(income) + sqrt(age) + exp(-income / 10)",
        "I(income**2) + I(income / age)",
        "np.log(income):age",
        "log(`loan amount`) + `loan amount`",
        "I(income * 2 + 1) + abs(income - 5)",
        "income/age",
        "I(age > 40) + I(age == 50):income",
    ],
)
def test_numbers_are_those_of_formulaic(frame, right):
    theirs = model_matrix(
        f"0 + {right}",
        frame,
        context={f: getattr(np, f) for f in ("log", "sqrt", "exp", "abs")} | {"np": np},
    )
    ours = apply(f"default ~ {right}", frame)
    assert ours.columns[-1] == "default"
    ours = ours.drop(columns="default")
    assert ours.shape == theirs.shape
    order = lambda a: a[:, np.lexsort(a[::-1])]
    np.testing.assert_allclose(
        order(ours.to_numpy(float)), order(np.asarray(theirs, float)), rtol=1e-12
    )


def test_a_number_times_categories_is_a_column_a_level(frame):
    ours = apply("default ~ income:region", frame).drop(columns="default")
    theirs = model_matrix("0 + income:region", frame)
    assert list(ours) == [f"region[{r}]:income" for r in ("east", "north", "south")]
    np.testing.assert_allclose(ours, theirs)
    ours = apply("income:C(zip):owner", frame)
    theirs = model_matrix("0 + income:C(zip):owner", frame)
    assert ours.shape == theirs.shape == (40, 6)
    np.testing.assert_allclose(np.sort(ours.sum()), np.sort(theirs.sum()))


def test_the_formula_of_the_documentation(frame):
    found = apply("default ~ income + C(region) + income:age", frame)
    assert list(found) == ["income", "C(region)", "income:age", "default"]
    pd.testing.assert_series_equal(found["income"], frame["income"])
    assert isinstance(found["C(region)"].dtype, pd.CategoricalDtype)
    assert found["C(region)"].tolist() == frame["region"].tolist()
    np.testing.assert_array_equal(found["income:age"], frame["income"] * frame["age"])


def test_c_makes_a_category_of_numbers(frame):
    column = apply("C(zip)", frame)["C(zip)"]
    assert sorted(column.cat.categories) == ["10115", "50667", "80331"]
    gaps = frame.assign(zip=frame["zip"].where(frame["age"] > 30))
    column = apply("C(zip)", gaps)["C(zip)"]
    assert sorted(column.cat.categories) == ["10115", "50667", "80331"]
    assert (column.isna() == (frame["age"] <= 30)).all()


def test_two_categories_make_their_pairs(frame):
    column = apply("region:owner", frame)["region:owner"]
    assert column.iloc[0] == f"{frame['region'][0]} & {frame['owner'][0]}"
    assert column.nunique() == len(frame[["region", "owner"]].drop_duplicates())


def test_a_dot_is_all_other_columns(frame):
    found = apply("default ~ . - zip - `loan amount`", frame)
    assert list(found) == ["income", "age", "region", "owner", "default"]


def test_new_rows_get_the_columns_of_the_first(frame):
    design = Design.fit("default ~ income:region + log(income) + .", frame)
    again = Design.from_json(json.loads(json.dumps(design.to_json())))
    assert again == design
    few = frame[frame["region"] == "south"].drop(columns="default").head(3)
    few.loc[few.index[0], "region"] = "west"
    found = again.apply(few, targets=False)
    assert list(found) == [c for c in design.apply(frame) if c != "default"]
    np.testing.assert_array_equal(found["region[east]:income"], [np.nan, 0, 0])  # west: not known
    np.testing.assert_array_equal(found["region[south]:income"], [np.nan, *few["income"].iloc[1:]])


def test_what_is_missing_stays_missing(frame):
    gaps = frame.astype({"region": "object"})
    gaps.loc[0, "income"] = np.nan
    gaps.loc[1, "region"] = None
    found = apply("log(income) + income:region + I(income > 3) + I(region == 'north')", gaps)
    assert found["log(income)"].isna().tolist() == [True] + [False] * 39
    assert found["I(income > 3)"].isna().tolist() == [True] + [False] * 39
    assert found["I(region == 'north')"].isna().tolist() == [False, True] + [False] * 38
    assert found["region[north]:income"].isna().tolist() == [True, True] + [False] * 38


def test_text_that_is_numbers_is_reckoned_with(frame):
    words = frame.assign(income=frame["income"].astype("str"))
    words.loc[3, "income"] = "?"
    found = apply("log(income) + income:age", words)
    expected = np.log(frame["income"])
    expected[3] = np.nan
    np.testing.assert_allclose(found["log(income)"], expected)
    assert found["income:age"].isna().sum() == 1


def test_targets(frame):
    assert Design.fit("log(income) ~ age", frame).targets == ("log(income)",)
    assert Design.fit("income + default ~ age", frame).targets == ("income", "default")
    assert Design.fit("age", frame).targets == ()


DANGEROUS = [
    "y ~ __import__('os').system('touch broken')",
    "y ~ I(__import__('os').system('touch broken'))",
    "y ~ {open('broken', 'w')}",
    "y ~ I(open('broken', 'w'))",
    "y ~ I(exec('1'))",
    "y ~ I(().__class__.__bases__[0].__subclasses__())",
    "y ~ I(x.__class__)",
    "y ~ np.load(x)",
    "y ~ np.lib.npyio.load(x)",
    "y ~ np.fromfile(x)",
    "y ~ os.system(x)",
    "y ~ I([open('broken', 'w') for _ in x])",
    "y ~ I((lambda: open('broken', 'w'))())",
    "y ~ I(f\"{open('broken', 'w')}\")",
    "y ~ log(x, out=open('broken', 'w'))",
    "y ~ log(*[open('broken', 'w')])",
    "y ~ I(x if open('broken', 'w') else x)",
    "y ~ C(open('broken', 'w'))",
    "y ~ I(x := open('broken', 'w'))",
    "y ~ bs(x, 3)",
    "y ~ x[open('broken', 'w')]",
    "y ~ x.map(print)",
    "y ~ `x`.map(print)",
    "open('broken', 'w') ~ x",
]


@pytest.mark.parametrize("formula", DANGEROUS)
def test_no_python_is_ever_run(formula, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DescendError):
        apply(formula, pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]}))
    assert os.listdir(tmp_path) == []


def test_a_saved_design_is_read_by_the_same_rules():
    saved = {"formula": "y ~ I(open('broken', 'w'))", "columns": ["x", "y"], "levels": {}}
    with pytest.raises(DescendError):
        Design.from_json(saved).apply(pd.DataFrame({"x": [1.0], "y": [1]}))


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("", "no inputs"),
        ("default ~", "cannot be read|no inputs"),
        ("default ~ 1", "no inputs"),
        ("default ~ income +", "cannot be read"),
        ("default ~ income age", "cannot be read: Missing operator"),
        ("default ~ (income", "cannot be read"),
        ("default ~ income ~ age", "cannot be read"),
        ("default ~ incme", "Did you mean 'income'"),
        ("prize ~ income", "no column 'prize'"),
        ("default ~ 'income'", "cannot be read"),
        ("default ~ 2:income", "number 2 as a factor"),
        ("default ~ income + default", "both sides"),
        ("default:age ~ income", "left side"),
        ("default ~ I(3)", "holds no column"),
        ("default ~ log(region)", "needs numbers in region, and row 1 holds"),
        ("default ~ I(C(region))", "is a category"),
        ("default ~ log(age - 18 - 0 * income - 60)", r"no finite number in \d+ rows, .*age ="),
        ("default ~ I(1 / (age - age))", "no finite number in 40 rows, the first row 1"),
        ("default ~ I(9**9**9**9 + age)", "no finite number"),
        ("default ~ I(region > 'north')", "compared by == or !="),
        ("default ~ I(18 < age < 40)", "holds '18 < age < 40'"),
        ("default ~ I(not age)", "which a formula may not"),
        ("default ~ lag(income)", "unknown function"),
        ("default ~ lgo(income)", "Did you mean 'log'"),
        ("default ~ log(income, age)", "takes one argument"),
        ("default ~ " + "+".join(["a"] * 9999), "at most 10,000"),
        ("default ~ I" + "(" * 3000 + "age" + ")" * 3000, "cannot be read|nested|no expression"),
    ],
)
def test_a_bad_formula_is_one_clear_error(frame, formula, message):
    with pytest.raises(DescendError, match=message):
        apply(formula, frame)


def test_a_level_that_was_not_there_makes_products_missing_not_zero():
    train = pd.DataFrame({"town": ["u", "v", "u"], "x": [1.0, 2.0, 3.0]})
    design = Design.fit("town:x", train)
    assert design.apply(train)["town[u]:x"].tolist() == [1, 0, 3]
    assert design.apply(pd.DataFrame({"town": ["z", None], "x": [1.0, 1.0]})).isna().all(axis=None)


def test_a_category_of_many_levels_is_not_multiplied(frame):
    many = frame.assign(region=[f"r{i}" for i in range(40)])
    many = pd.concat([many, many.assign(region=[f"s{i}" for i in range(40)])], ignore_index=True)
    with pytest.raises(DataError, match="would make 80 columns"):
        apply("income:region", many)


def test_dates_are_not_reckoned_with(frame):
    dated = frame.assign(day=pd.Timestamp("2020-01-01"))
    assert pd.api.types.is_datetime64_any_dtype(apply("day + age", dated)["day"].dtype)
    with pytest.raises(DataError, match="day holds dates"):
        apply("day:age", dated)


def test_parse_looks_nothing_up():
    left, right = parse("y ~ a + f(b):c", ["a"])
    assert [[f.text for f in t] for t in left] == [["y"]]
    assert [[(f.text, f.computed) for f in t] for t in right] == [
        [("a", False)],
        [("f(b)", True), ("c", False)],
    ]
