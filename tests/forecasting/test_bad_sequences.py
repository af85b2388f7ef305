"""Series, texts, translations and music that are none: one clear line each, in Python and at the
command line; what the tests of each package do not ask already."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from descend import Dense, Embedding, Input, Model, Sequential
from descend.cli.main import run
from descend.errors import DescendError
from descend.forecasting import Forecaster, LinearForecaster, Naive, Panel, SeasonalNaive, backtest
from descend.forecasting.panel import panel
from descend.music import MusicModel, read_midi, write_midi
from descend.nn.layers import GRU, AdditiveAttention
from descend.text import Characters, LanguageModel, Translator
from descend.text.corpus import whole_words
from descend.text.reading import BLOCK, LARGE, blocks, read_text

N = 30
DAYS = pd.date_range("2024-01-01", periods=N, freq="D")
SMALL = {"horizon": 3, "context": 6, "network": "linear", "seeds": 1, "updates": 1}
TEXT = "to be or not to be. " * 40


def table(dates=DAYS, y=None, **columns) -> pd.DataFrame:
    y = np.arange(1.0, len(dates) + 1) if y is None else y
    return pd.DataFrame({"day": dates, "y": y, **columns})


def entry(value, row=3) -> pd.DataFrame:
    """The table with a strange entry in its fourth row."""
    y = list(np.arange(1.0, N + 1))
    y[row] = value
    return table(y=pd.Series(y, dtype=object))


def series(frame, time="day", target="y", **how) -> Panel:
    return panel(frame, time, target, **how)


def fit(frame, settings=None, **how) -> Forecaster:
    return Forecaster(**SMALL | (settings or {})).fit(frame, time="day", target="y", **how)


def judged(methods, frame, **how):
    how = {"time": "day", "target": "y", "horizon": 2, "origins": 4, "verbose": 0} | how
    return backtest(methods, frame, **how)


@pytest.fixture(scope="module")
def forecaster() -> Forecaster:
    return fit(table(x=np.arange(N)), observed="x")


@pytest.fixture(scope="module")
def lm() -> LanguageModel:
    tokens = Characters.learn(TEXT)
    size = len(tokens)
    layers = [Embedding(size, 2), GRU(3, return_sequences=True), Dense(size)]
    network = Sequential([Input((8,), dtype="int32"), *layers])
    return LanguageModel(tokens, context=8, network=network, order=0)


@pytest.fixture(scope="module")
def translator() -> Translator:
    source, given = Input((None,)), Input((None,))
    h = GRU(2, return_sequences=True)(Embedding(4, 2)(given))
    h = AdditiveAttention()([h, Embedding(4, 2)(source)])
    return Translator(Model([source, given], Dense(4)(h)), Characters.learn("ab"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, forecaster, lm, translator) -> Path:
    """Files of each kind, and such as are none."""
    folder = tmp_path_factory.mktemp("sequences")
    Sequential([Input((1,)), Dense(1)]).save(folder / "model.descend")
    forecaster.save(folder / "series.descend")
    lm.save(folder / "text.descend")
    translator.save(folder / "translator.descend")
    for name in ("series", "text", "translator"):
        content = (folder / f"{name}.descend").read_bytes()
        (folder / f"{name}-cut.descend").write_bytes(content[:-7])
        (folder / f"{name}-begun.descend").write_bytes(content[:40])
    day = [str(d.date()) for d in DAYS]
    rows = {
        "good": [f"{d},{i}" for i, d in enumerate(day)],
        "word": [f"{d},{'many' if i == 4 else i}" for i, d in enumerate(day)],
        "infinite": [f"{d},{'inf' if i == 4 else i}" for i, d in enumerate(day)],
        "three": [f"{d},{i}" for i, d in enumerate(day[:3])],
        "twice": [f"{day[i // 2]},{i}" for i in range(N)],
        "soon": [f"{'soon' if i == 3 else d},{i}" for i, d in enumerate(day)],
        "names": [],
    }
    for name, lines in rows.items():
        (folder / f"{name}.csv").write_text("\n".join(["day,y", *lines, ""]))
    (folder / "empty.csv").write_bytes(b"")
    (folder / "bytes.csv").write_bytes(b"day,y\n2024-01-01,\xff\xfe\xfd\n2024-01-02,3\n")
    (folder / "speech.txt").write_text(TEXT)
    (folder / "mark.txt").write_bytes(b"\xef\xbb\xbfto be")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "latin.txt").write_bytes("café ".encode("latin-1") * 40)
    return folder


# -- in Python ------------------------------------------------------------------------------------

SERIES = {
    # numbers
    "a decimal comma": (lambda: series(table(y=["1,5"] * N)), "row 1 holds '1,5'; convert it"),
    "a whole number beyond floats": (lambda: series(entry(10**400)), "row 4 holds 1000"),
    "a list in a cell": (lambda: series(entry([1, 2])), "row 4 holds [1, 2]"),
    "complex numbers": (lambda: series(table(y=np.arange(N) + 1j)), "(complex128); convert it"),
    "dates to forecast": (lambda: series(table(y=DAYS)), "must hold numbers, and holds Timestamp"),
    "times to forecast": (lambda: series(table(y=DAYS - DAYS[0])), "holds Timedelta"),
    "a covariate of words": (
        lambda: series(table(x=["a"] * N), known=["x"]),
        "column 'x' must hold numbers, and row 1 holds 'a'",
    ),
    "an infinite covariate": (
        lambda: series(table(x=[np.inf] * N), observed="x"),
        "'x' holds an infinite number in row 1",
    ),
    "numbers too large for a network": (
        lambda: fit(entry(1e39)),
        "largest value of the series is 1e+39 in size, and networks compute with numbers between "
        "1e-30 and 1e+30; give the column in another unit",
    ),
    "numbers too small for a network": (lambda: fit(table(y=[1e-42] * N)), "is 1e-42 in size"),
    "an entry without end": (lambda: series(entry("1x" * 5_000)), "row 4 holds '1x1x1x1x1x1x..."),
    # dates
    "day before month": (
        lambda: series(table(["13/01/2024", "14/01/2024", "15/01/2024"])),
        "'13/01/2024', which is no date as in 2024-12-31",
    ),
    "a day that there is not": (
        lambda: series(table(["2023-02-27", "2023-02-28", "2023-02-29"])),
        "the time in row 3 of 'day' is '2023-02-29'",
    ),
    "a date of another millennium": (
        lambda: series(table(["9999-01-01", "9999-01-02", "9999-01-03"])),
        "row 1 is of the year 9999, and those from 1678 to 2261 can be used",
    ),
    "a date before the calendar": (
        lambda: series(table(["2024-01-01", "0001-01-02", "2024-01-03"])),
        "row 2 is of the year 1,",
    ),
    "a slip among whole numbers": (
        lambda: series(table([1, 2, 10**12])),
        "999,999,999,999 times (steps of 1), and 67,108,864 may: is one of them a slip?",
    ),
    "dates with and without a time zone": (
        lambda: series(table(["2024-01-01", "2024-01-02T00:00+02:00", "2024-01-03"])),
        "follow no frequency: 2024-01-01, 2024-01-01 22:00:00, 2024-01-03",
    ),
    "a frequency of no step": (lambda: series(table(), frequency="0D"), "frequency '0D'; those"),
    "a frequency backwards": (lambda: series(table(), frequency="-1D"), "frequency '-1D'; those"),
    "a frequency too fine": (lambda: series(table(), frequency="ns"), "times (ns), and"),
    "a frequency too coarse": (
        lambda: series(table(), frequency="MS"),
        "29 of 30 dates do not fit monthly (MS): the series has 2024-01-02. Bring all",
    ),
    # tables
    "one column": (lambda: series(table()["y"]), "pandas or polars frame, got Series"),
    "no table": (lambda: series(None), "pandas or polars frame, got NoneType"),
    "two columns of one name": (
        lambda: series(pd.concat([table(), table()["y"]], axis=1)),
        "more than one column called 'y'; rename them",
    ),
    "the number of a column": (lambda: series(table(), time=0), "name columns of the table, got 0"),
    "several columns for series": (lambda: series(table(), by=["y"]), "columns of the table, got"),
    "time is the target": (lambda: series(table(), target="day"), "'day' is named twice"),
    "one of two series is short": (
        lambda: fit(pd.concat([table(s="a"), table(s="b")[:4]]), by="s"),
        "series 'b' has 4 rows, and a window needs 9; choose a smaller context",
    ),
    "one of two series is empty": (
        lambda: fit(pd.concat([table(s="a"), table(s="b", y=np.nan)]), by="s"),
        "'y' of series 'b' has no value at all; leave it out",
    ),
    # arrays
    "no array": (lambda: Panel.of([]), "takes an array (time,), or a list of such arrays; got"),
    "a matrix": (lambda: Panel.of(np.zeros((3, 2))), "got shapes (3, 2)"),
    "numbers instead of series": (lambda: Panel.of([1.0, 2.0]), "got shapes (), ()"),
    "words": (lambda: Panel.of(["a"]), "takes arrays of numbers (time,)"),
    "an infinite value": (lambda: Panel.of(np.array([1, np.inf])), "1 of them infinite"),
    # settings
    "levels in per cent": (lambda: Forecaster(horizon=3, levels=(10, 90)), "such as (.1, .5, .9)"),
    "one level": (lambda: Forecaster(horizon=3, levels=0.5), "got 0.5"),
    "a level that is none": (lambda: Forecaster(horizon=3, levels=(np.nan,)), "got (nan,)"),
    "a horizon in words": (lambda: Forecaster(horizon="3"), "whole number >= 1, got '3'"),
    "a horizon that is true": (lambda: Forecaster(horizon=True), "whole number >= 1, got True"),
    "a horizon without end": (lambda: fit(table(), {"horizon": 10**9}), "smaller context= (now 6)"),
    "a negative season": (lambda: Forecaster(horizon=3, season=-12), "season must be a whole"),
    "no updates": (lambda: Forecaster(horizon=3, updates=0), "(number of updates) must be >= 1"),
    "no batch": (lambda: Forecaster(horizon=3, batch_size=0), "batch_size must be a whole number"),
    "a rate that is none": (lambda: Forecaster(horizon=3, learning_rate=np.nan), "> 0, got nan"),
    "a sample below a window": (lambda: fit(table(), {"sample": 5}), "no window of 9 rows"),
    "a context below one": (lambda: LinearForecaster(context=0), "context must be a whole number"),
    # backtests
    "a season longer than the series": (
        lambda: judged(SeasonalNaive(500), table()),
        "needs at least 502 values, the series has 25 at its earliest origin; give a longer",
    ),
    "a negative horizon": (lambda: judged(Naive(), table(), horizon=-2), "number >= 1, got -2"),
    "levels above one": (lambda: judged(Naive(), table(), levels=(50,)), "in (0, 1), got (50,)"),
    "origins in words": (lambda: judged(Naive(), table(), origins="4"), "number >= 1, got '4'"),
    "a covariate that is not there": (
        lambda: judged(Naive(), table(), known="price"),
        "the table has no column 'price'. Its columns: day, y.",
    ),
}


@pytest.mark.parametrize("case", SERIES)
def test_series(case):
    call, words = SERIES[case]
    one_clear_line(call, words)


def one_clear_line(call, words):
    with pytest.raises(DescendError) as error:
        call()
    said = str(error.value)
    assert words in said
    assert "\n" not in said
    assert 20 < len(said) < 500


def test_what_a_forecaster_cannot_go_on_from(forecaster):
    x = np.arange(N)
    one_clear_line(lambda: forecaster.predict(table(x=x)[:4]), "4 rows, and context needs 6")
    one_clear_line(lambda: forecaster.predict(table()), "no column 'x'. Its columns: day, y.")
    months = table(pd.date_range("2024-01-01", periods=N, freq="MS"), x=x)
    one_clear_line(lambda: forecaster.predict(months), "times (daily (D)) between its first and")
    one_clear_line(lambda: forecaster.predict(Panel.of(x)), "covariates ('x',) (observed)")


def test_numbers_of_other_kinds_are_numbers():
    y = np.arange(1.0, N + 1)
    for column in ([f"{v:.1f}" for v in y], [Decimal(str(v)) for v in y], pd.array(y, "Float64")):
        assert series(table(y=column)).values.tolist() == y.tolist()
    assert series(table(y=[True, False] * 15)).values[:2].tolist() == [1, 0]


def test_a_series_that_never_changes_is_forecast_to_stay():
    found = judged(LinearForecaster(context=6), table(y=[7.0] * N))
    assert np.allclose(next(iter(found.forecasts.values()))[..., 0], 7)
    assert np.isnan(found.table()["MASE"]).all()  # there is nothing to count errors in


WRITING = {
    "the temperature of nothing": ({"temperature": np.nan}, "finite number >= 0, got nan"),
    "without end": ({"temperature": np.inf}, "finite number >= 0, got inf"),
    "in words": ({"temperature": "hot"}, "temperature must be a finite number >= 0, got 'hot'"),
    "true": ({"temperature": True}, "got True"),
    "top_k of a half": ({"top_k": 2.5}, "top_k must be a whole number >= 1 or None, got 2.5"),
    "top_k below": ({"top_k": -1}, "top_k must be a whole number >= 1 or None, got -1"),
    "top_p below": ({"top_p": -0.1}, "top_p must be a share in (0, 1], got -0.1"),
    "top_p of nothing": ({"top_p": np.nan}, "top_p must be a finite number, got nan"),
    "more than memory holds": ({"n": 10**12}, "from 1 to 10,000,000, got 1,000,000,000,000"),
    "a length in words": ({"n": "3"}, "n must be a whole number >= 1, got '3'"),
    "no prompt": ({"prompt": None}, "the prompt is missing"),
    "a prompt of bytes": ({"prompt": b"to"}, "is bytes; say how they are written"),
    "a prompt of tokens": ({"prompt": [3, 4]}, "should be a text (str), and is of type list"),
    "half a character": ({"prompt": "\ud800"}, "was not learned"),
}


@pytest.mark.parametrize("case", WRITING)
def test_what_is_not_written(case, lm):
    options, words = WRITING[case]
    asked = {"prompt": "to", "n": 3} | options
    one_clear_line(lambda: lm.generate(asked.pop("prompt"), **asked), words)


QUICK = {"passes": 0.1, "batch_size": 4, "verbose": 0}


def learn(text=TEXT, tokens="characters", settings=None, **how):
    made = LanguageModel(tokens, **{"network": "gru", "units": 2, "context": 8} | (settings or {}))
    return made.fit(text, **QUICK | how)


TEXTS = {
    "a series of texts": (lambda f: learn(pd.Series([TEXT])), "is of type Series"),
    "a list of texts": (lambda f: learn([TEXT]), "should be a text (str), and is of type list"),
    "an empty file": (lambda f: learn(f / "empty.txt"), "empty: there is nothing to learn from"),
    "an empty file in pieces": (lambda f: learn(f / "empty.txt", piece=9), "empty.txt is empty"),
    "a folder": (lambda f: learn(f), "cannot be read: Is a directory"),
    "bytes of another encoding": (
        lambda f: learn(f / "latin.txt", piece=20),
        "latin.txt is not written in utf-8: byte 0xe9 at about place",
    ),
    "a code that is no encoding": (lambda f: read_text(f / "speech.txt", "rot13"), "no encoding"),
    "a code of bytes": (lambda f: read_text(f / "speech.txt", "base64"), "no encoding 'base64'"),
    "no encoding": (lambda f: read_text(f / "speech.txt", None), "no encoding None; utf-8 is the"),
    "UTF-16 without its mark": (
        lambda f: read_text(f / "speech.txt", "utf-16"),
        "speech.txt is not written in utf-16: UTF-16 stream does not start with BOM. Give",
    ),
    "UTF-16 in pieces": (
        lambda f: learn(f / "speech.txt", encoding="utf-16", piece=9),
        "a text in utf-16 is not read in pieces; write it as UTF-8 first",
    ),
    "pieces of nothing": (lambda f: learn(f / "speech.txt", piece=0), "piece must be a whole"),
    "an aim in words": (lambda f: learn(aim="low"), "aim must be a finite number, got 'low'"),
    "half a patience": (lambda f: learn(patience=1.5), "patience must be a whole number >= 0"),
    "passes without end": (lambda f: learn(passes=np.inf), "passes must be a finite number > 0"),
    "fewer pairs than bytes": (
        lambda f: learn(tokens="pairs", settings={"vocabulary": 256}),
        "size must be a whole number >= 257, got 256",
    ),
    "one character": (lambda f: learn(settings={"vocabulary": 1}), "size must be a whole number"),
    "a run that is a text": (
        lambda f: learn(resume=f / "speech.txt"),
        "speech.txt is not a file that descend wrote",
    ),
    "a run that is a model": (
        lambda f: learn(resume=f / "text.descend"),
        "holds a model without optimiser and epoch; to resume, give a file that ModelCheckpoint",
    ),
    "no folder for the run": (lambda f: learn(checkpoint=f / "no" / "run"), "create it first"),
    # files of another kind
    "a forecaster is no text": (
        lambda f: LanguageModel.load(f / "series.descend"),
        "series.descend holds a forecaster, and no model; Forecaster.load reads it",
    ),
    "a translator is no text": (
        lambda f: LanguageModel.load(f / "translator.descend"),
        "translator.descend holds a model, and no language model",
    ),
    "a text is no forecaster": (
        lambda f: Forecaster.load(f / "text.descend"),
        "text.descend holds a model, not a forecaster",
    ),
    "a model is no translator": (
        lambda f: Translator.load(f / "model.descend"),
        "model.descend holds a model, and no translator",
    ),
    "a forecaster is no music": (
        lambda f: MusicModel.load(f / "series.descend"),
        "series.descend holds a forecaster, and no model",
    ),
    "a truncated forecaster": (
        lambda f: Forecaster.load(f / "series-cut.descend"),
        "series-cut.descend is truncated: its arrays end at byte",
    ),
    "a truncated text": (
        lambda f: LanguageModel.load(f / "text-cut.descend"),
        "Take an earlier copy, or train again",
    ),
    "a truncated translator": (
        lambda f: Translator.load(f / "translator-cut.descend"),
        "translator-cut.descend is truncated",
    ),
    "a begun forecaster": (
        lambda f: Forecaster.load(f / "series-begun.descend"),
        "is truncated: its header ends after 40 bytes",
    ),
    "a begun text": (lambda f: MusicModel.load(f / "text-begun.descend"), "header ends after 40"),
    "a folder is no model": (lambda f: LanguageModel.load(f), "cannot be read: Is a directory"),
    # music
    "three voices": (
        lambda f: MusicModel().fit([np.full((8, 3), 60)]),
        "piece 0 (counted from 0) should be whole numbers (steps, 4), a MIDI pitch or -1 (rest) "
        "for each of soprano, alto, tenor, bass; got int64 of shape (8, 3)",
    ),
    "a key that no piano has": (
        lambda f: MusicModel().fit([np.full((8, 4), 200)]),
        "step 0, soprano: 200 is no key of a piano (21 to 108) and no rest (-1)",
    ),
    "missing notes": (lambda f: MusicModel().fit([np.full((8, 4), np.nan)]), "got float64 of"),
    "one piece": (lambda f: MusicModel().fit(np.full((8, 4), 60)), "one piece: put it into [ ]"),
    "a text is no piece": (lambda f: MusicModel().fit("C5 G4 E4 C3"), "list of pieces, got str"),
    "no pieces": (lambda f: MusicModel().fit(None), "a list of pieces, got NoneType"),
    "a folder of music": (lambda f: read_midi(f), "cannot be read: Is a directory"),
    "a text as music": (lambda f: read_midi(f / "speech.txt"), "no Standard MIDI File (these"),
    "music into a folder": (lambda f: write_midi(f, [[60] * 4]), "a folder; give a file name"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_texts_files_and_pieces(case, folder):
    call, words = TEXTS[case]
    before = sorted(folder.iterdir())
    one_clear_line(lambda: call(folder), words)
    assert sorted(folder.iterdir()) == before


SENTENCES = {
    "a character that was not learned": (lambda t: t.translate(["az"]), "the character 'z'"),
    "a sentence that is missing": (
        lambda t: t.translate([None]),
        "text 0 (counted from 0) is mi",
    ),
    "a sentence of bytes": (lambda t: t.translate([b"ab"]), "is bytes; say how they are written"),
    "a text without end": (lambda t: t.translate(["ab" * 600]), "1,200 tokens, more than 1,024"),
    "half a beam": (lambda t: t.translate(["a"], beam=2.5), "beam must be a whole number >= 1"),
    "a beam without end": (
        lambda t: t.translate(["a"], beam=10**9),
        "beam must be a whole number from 1 to 1,024, got 1,000,000,000",
    ),
    "a limit without end": (lambda t: t.translate(["a"], limit=10**9), "from 1 to 1,024, got 1,0"),
    "a target too many": (lambda t: t.score(["a"], ["b", "b"]), "1 sources and 2 targets"),
    "no pair": (lambda t: t.score([], []), "no pair of sentences"),
    "several at a time": (lambda t: t.attention(["ab"]), "should be a text (str), and is of"),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_sentences(case, translator):
    call, words = SENTENCES[case]
    one_clear_line(lambda: call(translator), words)


def test_what_editors_put_before_a_text_is_no_part_of_it(folder):
    assert read_text(folder / "mark.txt") == "to be"
    assert read_text(folder / "mark.txt", "utf-8-sig") == "to be"


def test_a_line_of_50_mb_is_read_in_pieces(tmp_path):
    path = tmp_path / "long.txt"
    path.write_bytes(b"to be or " * 5_600_000)
    sizes = [len(part) for part in whole_words(blocks(path))]
    assert sum(sizes) == 9 * 5_600_000
    assert max(sizes) <= BLOCK + 9
    path.write_bytes(b"a" * 50_000_000)  # no word ends
    assert max(len(part) for part in whole_words(blocks(path))) <= LARGE + BLOCK
    text = read_text(path)
    one_clear_line(lambda: LanguageModel(Characters.learn("b")).fit(text), "the character 'a'")


# -- at the command line --------------------------------------------------------------------------

COLUMNS = "--time day --target y"
SHORT = "--context 4 --network linear --seeds 1 --updates 1 --origins 2 -q"
FORECAST = [
    ("empty.csv", "", "empty.csv is empty (0 bytes)"),
    ("names.csv", "", "has 2 column names and no rows"),
    ("nowhere.csv", "", "there is no file 'nowhere.csv'"),
    (".", "", ". is a folder; give one file of it"),
    ("word.csv", "", "column 'y' must hold numbers, and row 5 holds 'many'; convert it first"),
    ("bytes.csv", "", "column 'y' must hold numbers, and row 1 holds"),
    ("infinite.csv", "", "'y' holds an infinite number in row 5"),
    ("twice.csv", "", "stands in rows 1 and 2"),
    ("soon.csv", "", "the time in row 4 of 'day' is 'soon'"),
    ("three.csv", "", "the longest series has 3"),
    ("good.csv", "--target sales", "has no column 'sales'"),
    ("good.csv", "--by shop", "has no column 'shop'"),
    ("good.csv", "--known price", "has no column 'price'"),
    ("good.csv", "--horizon 0", "must be a whole number >= 1, got 0"),
    ("good.csv", "--horizon -1", "must be a whole number >= 1, got -1"),
    ("good.csv", "--horizon 99", "the longest series has 30"),
    ("good.csv", "--level 1.5", "between 0 and 1, such as (.1, .5, .9), got (1.5,)"),
    ("good.csv", "--level 0", "got (0.0,)"),
    ("good.csv", "--frequency 0D", "unknown frequency '0D'"),
    ("good.csv", "--season 0", "season must be a whole number >= 1"),
    ("good.csv", "--context 99", "a window needs"),
    ("good.csv", "--seeds 0", "(number of networks) must be >= 1, got 0"),
    ("good.csv", "--network mpl", "'mpl' is not one of"),
    ("good.csv", "--encoding nothing", "no encoding 'nothing'"),
    ("good.csv", "-o no/x.descend", "there is no folder no; create it first"),
    ("good.csv", "-o good.csv", "cannot write good.csv: it is also read from"),
    ("good.csv", "--forecasts good.csv", "cannot write good.csv: it is also read from"),
    ("good.csv", "-o a.csv --forecasts a.csv", "-o and --forecasts are both to be a.csv"),
]
TRAIN = "train speech.txt --network gru --units 2 --context 8 --batch 4 --passes .1"
SAID = [
    ("train empty.txt", "empty: there is nothing to learn from"),
    ("train latin.txt", "latin.txt is not written in utf-8: byte 0xe9"),
    ("train .", ". cannot be read: Is a directory"),
    (f"{TRAIN} --encoding rot13", "there is no encoding 'rot13'"),
    (f"{TRAIN} --tokens pairs --vocabulary 100", "size must be a whole number >= 257, got 100"),
    (f"{TRAIN} --validation 1", "validation must be a share in [0, 1), got 1.0"),
    (f"{TRAIN} --rate 0", "learning_rate must be a finite number > 0, got 0.0"),
    (f"{TRAIN} --dropout 1", "dropout must be a number in [0, 1)"),
    (f"{TRAIN} --seed -1", "seed must be a whole number >= 0, got -1"),
    (f"{TRAIN} -o speech.txt", "cannot write speech.txt: it is also read from"),
    (f"{TRAIN} --checkpoint speech.txt", "cannot write speech.txt: it is also read from"),
    (f"{TRAIN} -o a.descend --checkpoint a.descend", "are both to be a.descend"),
    (f"{TRAIN} -o no/a.descend", "there is no folder no; create it first"),
    ("score text.descend empty.txt", "a score needs two, one to be given and one to be told"),
    ("score text-cut.descend speech.txt", "text-cut.descend is truncated"),
    ("score series.descend speech.txt", "holds a forecaster, and no model"),
    ("generate text.descend --prompt Q", "the character 'Q' (place 0 of the text) was not learned"),
    ("generate text.descend --length 0", "n must be a whole number >= 1, got 0"),
    ("generate text.descend --temperature -1", "temperature must be a finite number >= 0"),
    ("generate text.descend --top-p 1.5", "top_p must be a share in (0, 1], got 1.5"),
    ("generate text.descend --top-k 0", "top_k must be a whole number >= 1"),
    ("generate translator.descend", "holds a model, and no language model"),
]


def refused(arguments, words, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    before = {path.name: os.stat(path).st_mtime_ns for path in folder.iterdir()}
    assert run(arguments) in (1, 2)
    out, said = capsys.readouterr()
    assert out == ""
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert words in said
    assert {path.name: os.stat(path).st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize(("file", "options", "words"), FORECAST)
def test_descend_forecast(file, options, words, folder, monkeypatch, capsys):
    line = f"forecast {file} {COLUMNS} --horizon 2 {SHORT} {options}"
    refused(line.split(), words, folder, monkeypatch, capsys)


@pytest.mark.parametrize(("line", "words"), SAID)
def test_descend_text(line, words, folder, monkeypatch, capsys):
    refused(["text", *line.split()], words, folder, monkeypatch, capsys)


def test_a_prompt_is_found_where_a_line_break_was_not_learned(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run(["text", "generate", "text.descend", "--length", "3"]) == 0
    assert capsys.readouterr().out[0] == " "  # the first of the characters, in their order
