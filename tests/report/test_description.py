"""What the report says of the network is read from the network, whatever the options say."""

import dataclasses

import pytest
from report.small_tables import made, options

from descend.report.table import description
from descend.report.table.evidence import ReportOptions
from descend.report.table.write import table_report
from descend.tables.network import compile_for, network
from descend.tables.options import FitOptions
from descend.tables.prepare import prepare_table
from descend.tables.recipe import fit_table
from descend.tables.reopen import reopen
from descend.train import rules as optimizers
from descend.train.rules.schedules import OneCycle

PREPARED = prepare_table(made("binary"), options("binary"))


def described(asked, rule=None):
    head = PREPARED.target.head
    model = network(PREPARED.encoder, head, asked)
    compile_for(model, head, asked, 156)
    if rule is not None:
        model.compile(optimizer=rule, loss=head.loss)
    return model.describe()


def test_of_the_recipes():
    found = described(FitOptions(target="y", hidden=(8, 4), members=3, l2=1e-4))
    assert description.network(found) == {
        "hidden": [8, 4],
        "activation": "selu",
        "members": 3,
        "outputs": 2,
        "output_activation": "softmax",
        "dropout": 0.1,
        "l2": pytest.approx(1e-4),
    }
    assert (
        description.loss(found["compile"]) == "sparse categorical crossentropy, mean over members"
    )
    assert description.rule(found["compile"]) == [
        ("update rule", "adamw: beta 1 0.9, beta 2 0.95, epsilon 1e-07, weight decay 0.02"),
        ("learning rate", "0.04 times the schedule"),
        ("schedule", "cosine log: updates in all 64, cycles 4"),  # one update of 156 rows an epoch
    ]
    plain = described(FitOptions(target="y", recipe="mlp", hidden=(), learning_rate=0.02))
    assert description.network(plain)["hidden"] == []
    assert description.network(plain)["dropout"] == 0
    rule = dict(description.rule(plain["compile"]))
    assert rule["update rule"].startswith("adam: beta 1 0.9, beta 2 0.999")
    assert rule["learning rate"] == "0.02, constant"


def test_an_average_of_the_weights_is_named_where_it_is_kept():
    for use_ema in (False, True):
        rule = optimizers.get({"name": "adam", "learning_rate": 0.1, "use_ema": use_ema})
        asked = FitOptions(target="y", recipe="mlp", optimizer="adam")
        pairs = dict(description.rule(described(asked, rule)["compile"]))
        assert ("ema momentum 0.99" in pairs["update rule"]) == use_ema


def test_of_a_rule_that_no_option_names():
    rule = optimizers.get({"name": "sgd", "learning_rate": OneCycle(0.5, 40)})
    found = described(FitOptions(target="y", recipe="mlp", optimizer="adam"), rule)
    pairs = dict(description.rule(found["compile"]))
    assert pairs["update rule"].startswith("sgd: momentum")
    assert pairs["learning rate"] == "0.5 times the schedule"
    assert pairs["schedule"].startswith("one cycle: updates in all 40")


def test_the_page_of_a_file_says_what_ran(tmp_path):
    asked = options("regression", batch_size=50, patience=3, dropout=0.2, sealed=False)
    fitted = fit_table(made("regression"), asked)
    fitted.save(tmp_path / "a.descend")
    again = reopen(tmp_path / "a.descend", made("regression"))
    assert again.trained.asked == {"batch_size": 50, "epochs": 12, "patience": 3}
    shown = ReportOptions(baselines=("mean",), resamples=20)
    page = table_report(
        dataclasses.replace(again, scores=fitted.scores), tmp_path / "a.html", shown
    )[0].read_text()
    for said in ("adamw: beta 1 0.9, beta 2 0.95", "weight decay 0.02", "cosine log", "3 epochs"):
        assert said in page
