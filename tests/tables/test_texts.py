"""Columns of free text as inputs of a table: what is learned of them, kept, and refused."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from descend.data.frames import load_frame
from descend.errors import CheckpointError, DataError, DescendError
from descend.tables import FitOptions, TabularClassifier, TabularRegressor, fit_table
from descend.tables import texts as reading
from descend.tables.baselines.side_by_side import fit_baselines
from descend.tables.baselines.words import count_ratios
from descend.tables.checks.at_fit import checks_at_fit
from descend.tables.choosing.ablation import ablate
from descend.tables.choosing.refits import refit
from descend.tables.encoder import Encoder
from descend.tables.judging.words import mean_changes, word_changes
from descend.tables.network import outputs
from descend.tables.predictor import TablePredictor
from descend.tables.prepare import prepare_table
from descend.tables.reopen import reopen

PLAIN = [
    "the",
    "film",
    "a",
    "plot",
    "of",
    "actor",
    "story",
    "scene",
    "music",
    "director",
    "with",
    "and",
    "in",
    "it",
    "was",
]
SIDES = {"yes": ["good", "great", "lovely", "moving"], "no": ["bad", "dull", "awful", "boring"]}
QUICK = {"recipe": "mlp", "hidden": (4,), "epochs": 12, "learning_rate": 0.05}


def reviews(n=240, seed=0):
    """Sentences with a word that tells the target, numbers that say nothing of it."""
    rng = np.random.default_rng(seed)
    liked = np.where(rng.random(n) < 0.5, "yes", "no")
    lines = []
    for side in liked:
        words = [*rng.choice(PLAIN, rng.integers(5, 15)), rng.choice(SIDES[side])]
        lines.append(" ".join(rng.permutation(words)) + " .")
    return pd.DataFrame({"review": lines, "year": rng.integers(1950, 2020, n), "liked": liked})


@pytest.fixture(scope="module")
def fitted():
    frame = reviews()
    frame.loc[3, "review"] = None
    return fit_table(
        load_frame(frame, name="films"), FitOptions(target="liked", text=("review",), **QUICK)
    )


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "films.descend"
    fitted.save(path)
    return path


def test_a_text_that_is_asked_for_becomes_words_and_pairs():
    frame = pd.DataFrame({"review": ["A good film", "a film"] * 20, "n": [1.5, 2, 4, 8] * 10})
    encoder = Encoder.fit(frame, kinds={"review": "text"})
    column = encoder.columns[0]
    tokens = column.vocabulary.words.tokens
    assert set(tokens) == {"", "a", "film", "good", "a good", "good film", "a film"}  # no long word
    x, noted = encoder.transform(frame)
    assert not noted
    assert x.words.shape == (40, encoder.length) == (40, 5)
    assert {tokens[i] for i in x.words[0]} == set(tokens) - {"", "a film"}
    assert {tokens[i] for i in x.words[1]} == {"a", "film", "a film", ""}
    assert x.numbers.shape == (40, 1)


def test_a_word_is_told_once_however_often_it_stands():
    encoder = Encoder.fit(pd.DataFrame({"t": ["no no no", "no no yes"]}), kinds={"t": "text"})
    x = encoder.transform(pd.DataFrame({"t": ["no no no no"]}))[0]
    assert (x.words != 0).sum() == 2  # "no" and "no no"


def test_free_text_is_left_out_beside_other_columns_unless_it_is_asked_for():
    frame = reviews(60)[["review", "year"]]
    assert "review" in Encoder.fit(frame).dropped
    assert not Encoder.fit(frame[["year"]]).length


def test_free_text_is_an_input_where_it_is_all_there_is():
    encoder = Encoder.fit(reviews(60)[["review"]])
    assert [c.kind for c in encoder.columns] == ["text"]
    assert not encoder.dropped


def test_the_vocabulary_is_learned_on_training_rows_alone():
    """A canary word of each other part must have no number."""
    frame = reviews(120)
    options = FitOptions(target="liked", text=("review",), **QUICK)
    split = prepare_table(load_frame(frame), options).split
    for part in ("train", "validation", "test"):
        rows = getattr(split, part)
        frame.loc[rows, "review"] = frame.loc[rows, "review"] + f" canary{part}"
    prepared = prepare_table(load_frame(frame), options)
    tokens = prepared.encoder.columns[0].vocabulary.words.tokens
    assert "canarytrain" in tokens
    assert not {"canaryvalidation", "canarytest"} & set(tokens)


def test_two_texts_share_one_table_without_sharing_numbers():
    frame = pd.DataFrame({"a": ["x y", "y x"], "b": ["x", "z"]})
    encoder = Encoder.fit(frame, kinds={"a": "text", "b": "text"})
    x = encoder.transform(frame)[0].words
    first, second = (c.vocabulary for c in encoder.columns)
    assert encoder.vocabulary == len(first.words) + len(second.words) - 1
    a, b = x[:, : first.length], x[:, first.length :]
    assert a.max() < len(first.words)
    assert b[b > 0].min() >= len(first.words)
    assert x.max() == encoder.vocabulary - 1


def test_missing_texts_and_texts_of_new_words_are_noted_and_told_as_empty():
    encoder = Encoder.fit(pd.DataFrame({"t": ["a b", None, "b c"]}), kinds={"t": "text"})
    x, noted = encoder.transform(pd.DataFrame({"t": ["q r", None, "a"]}))
    assert x.words.any(axis=1).tolist() == [False, False, True]
    assert x.numbers[:, 0].tolist() == [0, 1, 0]  # whether it is missing is an input of its own
    lines = encoder.remarks(noted)
    assert any("1 missing" in line for line in lines)
    assert any("without a word that training saw, such as 'q r' in row 1" in s for s in lines)


def test_tables_without_texts_are_encoded_and_written_as_before():
    encoder = Encoder.fit(reviews(60)[["year"]])
    x = encoder.transform(reviews(60))[0]
    assert x.words.shape == (60, 0)
    assert not isinstance(x.inputs(), list)
    assert "vocabulary" not in json.dumps(encoder.to_json())


def test_the_network_learns_from_words(fitted):
    assert fitted.scores.figures["accuracy"] > 0.85
    assert len(fitted.model.input_shapes) == 2  # numbers, words


def test_a_file_sorted_by_label_is_split_across_it():
    frame = reviews(200).sort_values("liked", kind="stable", ignore_index=True)
    prepared = prepare_table(load_frame(frame), FitOptions(target="liked", text=("review",)))
    for rows in (prepared.split.train, prepared.split.validation, prepared.split.test):
        assert 0.4 < prepared.y[rows].mean() < 0.6


def test_padding_is_not_counted(fitted):
    """More columns of padding, as a longer text elsewhere would bring, change nothing."""
    model, x = fitted.model, fitted.prepared.x.rows(np.arange(20))
    (bag,) = [n.layer for n in model.nodes if type(n.layer).__name__ == "EmbeddingBag"]
    wider = np.concatenate([x.words, np.zeros((20, 7), np.int32)], axis=1)
    params = model.params[str(bag.name)]
    short, long = (np.asarray(bag.apply(params, {}, w)[0]) for w in (x.words, wider))
    np.testing.assert_allclose(short, long, rtol=1e-5, atol=1e-6)  # added up in another order
    table = np.array(params["embeddings"])
    table[0] += 1e6  # the vector of padding must not reach the sum
    spoilt = bag.apply({**params, "embeddings": table}, {}, x.words)[0]
    np.testing.assert_array_equal(short, spoilt)


def test_the_vocabulary_is_saved_with_the_model(fitted, saved):
    again = TablePredictor.load(saved)
    assert again.encoder == fitted.prepared.encoder
    frame = reviews(30, seed=1)
    np.testing.assert_array_equal(again.values(frame), fitted.predictor.values(frame))
    said, noted = again.predict(pd.DataFrame({"review": ["zzz", "a good film"], "year": 2000}))
    assert list(said) == ["predicted_liked", "p_no", "p_yes"]
    assert noted["review"].unseen == 1


def test_a_file_with_another_vocabulary_is_refused(fitted, tmp_path):
    described = json.loads(json.dumps(fitted.describe()))
    del described["encoder"]["columns"][0]["vocabulary"]["words"]["vocabulary"][-1]
    path = tmp_path / "other.descend"
    fitted.model.save(path, extra={"table": described})
    with pytest.raises(CheckpointError, match="vocabulary of"):
        TablePredictor.load(path)


def test_a_saved_fit_is_opened_again_with_its_table(fitted, saved):
    again = reopen(saved, fitted.prepared.table)
    np.testing.assert_array_equal(again.prepared.x.words, fitted.prepared.x.words)
    assert again.prepared.options.text == ("review",)


def test_the_words_that_moved_a_prediction(fitted):
    column = fitted.prepared.encoder.columns[0]
    frame = reviews(80, seed=2)
    changes = word_changes(
        lambda rows: fitted.predictor.values(rows)[:, 1], frame, "review", column.vocabulary.words
    )
    means = mean_changes(changes).set_index("word")["change"]
    assert set(means.index[:3]) <= set(SIDES["yes"])
    assert set(means.index[-3:]) <= set(SIDES["no"])


def test_a_change_is_the_prediction_less_that_without_the_word(fitted):
    frame = pd.DataFrame({"review": ["a good film"], "year": [2000]})
    words = fitted.prepared.encoder.columns[0].vocabulary.words

    def predict(rows):
        return fitted.predictor.values(rows)[:, 1]

    changes = word_changes(predict, frame, "review", words).set_index("word")["change"]
    without = predict(pd.DataFrame({"review": ["a film"], "year": [2000]}))
    assert changes["good"] == pytest.approx(float(predict(frame)[0] - without[0]))


def test_checks_ablation_and_refits_take_texts(fitted):
    checks = {check.code: check for check in checks_at_fit(fitted)}
    assert not checks["L003"].failed  # every text is different, as it should be
    ablated = ablate(fitted.prepared, seeds=1)
    assert ablated.columns[0].column == "review"
    anew = refit(fitted.prepared, 2)
    assert anew.predict(reviews(5)[["review", "year"]]).shape == (2, 5, 2)


def test_a_text_twice_in_two_parts_is_found():
    frame = pd.concat([reviews(100), reviews(100)[:8]], ignore_index=True)
    options = FitOptions(target="liked", text=("review",), **QUICK)
    from descend.tables.checks.of_data import check_prepared

    checks = {c.code: c for c in check_prepared(prepare_table(load_frame(frame), options))}
    assert checks["L001"].failed


def test_members_of_a_recipe_share_the_scores_of_words():
    frame = reviews(120)
    how = {"recipe": "realmlp", "hidden": (8,), "members": 3, "epochs": 2}
    fitted = fit_table(load_frame(frame), FitOptions(target="liked", text=("review",), **how))
    assert outputs(fitted.model, fitted.prepared.x).shape == (120, 3, 2)


def test_a_number_is_predicted_from_text():
    frame = reviews(200)
    y = np.where(frame["liked"] == "yes", 10.0, 0.0)
    model = TabularRegressor(text=["review"], **{**QUICK, "epochs": 60, "learning_rate": 0.005})
    model.fit(frame[["review", "year"]], y)
    assert model.score(frame[["review", "year"]], y) > 0.5


def test_estimators_take_texts_and_are_cloned():
    frame = reviews(160)
    model = clone(TabularClassifier(text=["review"], **QUICK))
    model.fit(frame[["review"]], frame["liked"])
    assert model.encoder_.length
    assert model.score(frame[["review"]], frame["liked"]) > 0.85
    with pytest.raises(DataError, match="no column 'revue'|'revue'"):
        TabularClassifier(text=["revue"]).fit(frame[["review"]], frame["liked"])
    with pytest.raises(DataError, match="text must be a list"):
        TabularClassifier(text="review").fit(frame[["review"]], frame["liked"])


# -- baselines ------------------------------------------------------------------------------------


def baselines_of(frame, y, texts=("review",), **more):
    parts = np.array_split(np.arange(len(frame)), [120, 180])
    inputs = [frame.iloc[p] for p in parts]
    return {
        b.name: b
        for b in fit_baselines(
            *inputs, y[parts[0]], y[parts[1]], texts=texts, **{"task": "classification", **more}
        )
    }, (inputs[2], y[parts[2]])


def test_baselines_of_words_stand_beside_those_of_columns():
    frame = reviews()
    y = (frame["liked"] == "yes").to_numpy(int)
    found, (_, truth) = baselines_of(frame[["review", "year"]], y)
    assert {"mean", "linear", "boosting", "words", "naive_bayes"} <= set(found)
    assert not any(b.failed for b in found.values())
    for name in ("words", "naive_bayes"):
        assert np.mean(found[name].test.argmax(axis=1) == truth) > 0.85
    assert np.mean(found["linear"].test.argmax(axis=1) == truth) < 0.75
    predicted = found["words"].predict(pd.DataFrame({"review": ["good", None], "year": [1990, 1]}))
    assert predicted.shape == (2, 2)


def test_with_texts_alone_there_are_the_mean_and_those_of_words():
    frame = reviews()
    y = (frame["liked"] == "yes").to_numpy(int)
    found, _ = baselines_of(frame[["review"]], y)
    assert set(found) == {"mean", "words", "naive_bayes"}
    found, (_, truth) = baselines_of(frame[["review"]], y * 5.0, task="regression")
    assert set(found) == {"mean", "words"}
    assert np.mean((found["words"].test - truth) ** 2) < 0.5 * truth.var()
    with pytest.raises(DescendError, match="other than texts"):
        baselines_of(frame[["review"]], y, names=["linear"])
    with pytest.raises(DescendError, match="needs a column of text"):
        baselines_of(frame[["year"]], y, texts=(), names=["words"])


def test_three_classes_have_a_logit_each():
    frame = reviews()
    y = (frame["liked"] == "yes").to_numpy(int) + (frame["year"] > 1990).to_numpy(int)
    found, _ = baselines_of(frame[["review"]], y)
    for name in ("words", "naive_bayes"):
        np.testing.assert_allclose(found[name].test.sum(axis=1), 1, rtol=1e-9)


def test_ratios_of_naive_bayes_by_hand():
    from scipy import sparse

    x = sparse.csr_matrix(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    ratios = count_ratios(x, np.array([True, True, False]))
    # p = (3, 2) / 5, q = (1, 2) / 3
    np.testing.assert_allclose(ratios, np.log([(3 / 5) / (1 / 3), (2 / 5) / (2 / 3)]))


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        ({"t": ["", " ", None] * 10}, {}, "is empty in all 30 rows"),
        ({"t": range(30)}, {}, "should hold texts, as asked for, and holds int64, such as '0'"),
        ({"t": [b"caf\xe9 good"] * 30}, {}, r"holds bytes; say how"),
        ({"t": ["caf\ufffd good"] * 30}, {}, "another encoding"),
        ({"t": ["a b"] * 30}, {"drop": ("t",)}, "both a text and dropped"),
        ({"t": ["a b"] * 30}, {"kinds": {"t": "number"}}, "both a text and number"),
        ({"t": ["a b"] * 30}, {"text": ("u",)}, "'u'"),
        ({"t": ["a b"] * 30}, {"text": "t"}, "text must be a list of column names"),
        ({"t": ["a b"] * 30}, {"text": ("y",)}, "both a text and the target"),
    ],
)
def test_bad_texts_are_one_clear_error(frame, options, words):
    frame = pd.DataFrame({**frame, "n": np.arange(30.0) ** 2, "y": ["p", "q"] * 15})
    with pytest.raises(DescendError, match=words) as caught:
        prepare_table(load_frame(frame), FitOptions(**{"target": "y", "text": ("t",), **options}))
    assert "\n" not in str(caught.value)


def test_a_text_without_a_training_row_is_no_input():
    frame = pd.DataFrame({"t": [None] * 29 + ["a"], "y": ["p", "q"] * 15, "n": np.arange(30) ** 2})
    options = FitOptions(target="y", text=("t",))
    rows = prepare_table(load_frame(frame.assign(t="a")), options).split.test
    frame["t"] = None
    frame.loc[rows[0], "t"] = "a word"
    with pytest.raises(DataError, match="'t' should hold texts, as asked for, and is empty in all"):
        prepare_table(load_frame(frame), options)


def test_a_formula_takes_no_text():
    with pytest.raises(DescendError, match="a formula names its inputs"):
        FitOptions(formula="y ~ x", text=("t",))


def test_very_long_rows_are_cut_and_endless_ones_refused(monkeypatch):
    monkeypatch.setattr(reading, "LONGEST", 6)
    frame = pd.DataFrame({"t": ["a b c d e f g h", "a b"]})
    encoder = Encoder.fit(frame, kinds={"t": "text"})
    assert encoder.length == 6
    monkeypatch.setattr(reading, "LONGEST_ENTRY", 10)
    with pytest.raises(DataError, match=r"row 1 holds 15 characters.*quotation mark"):
        Encoder.fit(frame, kinds={"t": "text"})
