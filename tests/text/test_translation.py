"""The translator: what is learned, told and written; what it is held against."""

import itertools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from descend import Dense, Input, Model
from descend.errors import CheckpointError, DataWarning, DescendError, ShapeError
from descend.nn import stepping
from descend.nn.layers import GRU, AdditiveAttention, Attention, Embedding, MultiHeadAttention
from descend.text import Characters, LanguageModel, Translator, Words
from descend.text.translation.buckets import padded
from descend.text.translation.decoding import searcher
from descend.text.translation.networks import network
from descend.text.translation.pairs import Languages

NUMBERS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf"}
ENGLISH = [" ".join(words) for n in (1, 2, 3) for words in itertools.product(NUMBERS, repeat=n)]
GERMAN = [" ".join(NUMBERS[w] for w in text.split()) for text in ENGLISH]
QUICK = {"validation": 0, "verbose": 0, "batch_tokens": 256, "buckets": 1}


def trained(name, **options):
    translator = Translator(name, "words", units=32, dropout=0, seed=1, **options)
    rate = 0.01 if name == "transformer" else 0.02
    return translator.fit(ENGLISH, GERMAN, passes=30, learning_rate=rate, **QUICK)


@pytest.fixture(scope="module")
def attention():
    return trained("attention")


@pytest.fixture(scope="module")
def transformer():
    return trained("transformer", layers=1, heads=2, wide=64)


@pytest.fixture(params=["attention", "transformer"])
def translator(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def vague():
    """A network that has learned nothing, with weights so large that it has opinions."""
    languages = [Words.learn(texts) for texts in (ENGLISH, GERMAN)]
    model = network("attention", Languages(*languages), 3, {"units": 8, "dropout": 0})
    params, layers = model.current_weights()
    model.take_weights(jax.tree.map(lambda a: 4 * a, params), layers)
    return Translator(model, languages)


def told(translator, sources, targets):
    """log p of every token, (rows, time, tokens), by the whole forward pass, padded and masked."""
    model, languages = translator.model, translator.languages
    x = padded([ends(languages.source, text) for text in sources], 6)
    given = padded([np.append(languages.end, y) for y in targets], 8)
    key = id(translator)
    if key not in PASSES:
        PASSES[key] = jax.jit(
            lambda params, layers, x, y: jax.nn.log_softmax(
                model.apply_masked(params, layers, (x, y), masks=(x != 0, None))[0]
            )
        )
    rows = (0, 8 - len(x)), (0, 0)  # one shape, one program
    z = PASSES[key](*model.current_weights(), np.pad(x, rows, "edge"), np.pad(given, rows, "edge"))
    return np.asarray(z)[: len(x)]


PASSES = {}


def ends(tokeniser, text):
    """A text's numbers with its end."""
    return np.append(tokeniser.encode(text), len(tokeniser)).astype(np.int32)


def log_p(translator, sources, targets):
    """log p of translations, ends counted, by the whole forward pass."""
    z, end = told(translator, sources, targets), translator.languages.end
    return [
        float(row[np.arange(len(y) + 1), [*y, end]].sum())
        for row, y in zip(z, targets, strict=True)
    ]


def searched(translator, texts, beam, penalty=1.0):
    """The tokens and log p of translations of at most six tokens."""
    ids = [ends(translator.languages.source, text) for text in texts]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # of those that reach the limit
        return translator._found(ids, beam, penalty, 6)


# -- what is written ------------------------------------------------------------------------------


def test_it_translates(translator):
    assert translator.translate(["five two", "three"]) == ["fünf zwei", "drei"]
    assert translator.score(ENGLISH, GERMAN).nats < 0.1


def test_a_network_that_hands_over_one_state_does_not_look():
    tokens = Words.learn(ENGLISH)
    model = network("recurrent", Languages(tokens, tokens), 0, {"units": 4, "dropout": 0})
    with pytest.raises(DescendError, match="does not attend to the source"):
        Translator(model, tokens).attention("one two", "two")


@pytest.mark.parametrize("beam", [1, 4])
def test_the_score_of_a_translation_is_that_of_the_whole_forward_pass(vague, translator, beam):
    texts = ["one two three", "four", "five five"]
    for one in (translator, vague):
        tokens, nats = searched(one, texts, beam)
        np.testing.assert_allclose(nats, log_p(one, texts, tokens), rtol=1e-4, atol=1e-4)


def test_a_beam_of_one_takes_the_likeliest_token_each_time(vague):
    texts, end = ["two five one", "three"], vague.languages.end
    found, _ = searched(vague, texts, 1)
    for text, row in zip(texts, found, strict=True):
        greedy = []
        while len(greedy) < 6:
            z = told(vague, [text], [greedy])[0, len(greedy)]
            best = int(z[1:].argmax()) + 1
            if best == end:
                break
            greedy.append(best)
        assert row.tolist() == greedy


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_wide_beam_finds_what_trying_all_finds(penalty):
    """A vocabulary of three tokens, at most three of them: 40 translations."""
    tokens = Words(("a", "b", "c"), False)
    model = network("attention", Languages(tokens, tokens), 5, {"units": 4, "dropout": 0})
    params, layers = model.current_weights()
    # larger weights, so that translations differ
    params = jax.tree.map(lambda a: 4 * a, params)
    model.take_weights(params, layers)
    end, x = 4, np.array([[1, 3, 2, 4]], np.int32)
    ways = [w for n in range(4) for w in itertools.product((1, 2, 3), repeat=n)]
    given = padded([np.array([end, *way]) for way in ways], 4)  # later tokens change nothing
    z = jax.jit(model.apply)(params, layers, (np.repeat(x, len(ways), axis=0), given))[0]
    log_p = np.asarray(jax.nn.log_softmax(z))
    values = [
        row[np.arange(len(w) + 1), [*w, end]].sum() / (len(w) + 1) ** penalty
        for row, w in zip(log_p, ways, strict=True)
    ]
    best = ways[int(np.argmax(values))]
    found = jax.jit(searcher(model, 8, 40, end))(params, layers, x, 4, penalty)
    written = found.tokens[0, : len(best) + 1].tolist()
    assert written == [*best, end]
    n = len(best) + 1
    assert float(found.nats[0]) / n**penalty == pytest.approx(max(values), rel=1e-4)


def test_a_wider_beam_finds_likelier_ones_and_penalties_lengthen(vague):
    texts = ENGLISH[:8]
    one, wide = (searched(vague, texts, beam, 0.0)[1].sum() for beam in (1, 4))
    assert wide >= one
    short, long = (sum(map(len, searched(vague, texts, 4, a)[0])) for a in (0.0, 3.0))
    assert short <= long


def test_sentences_side_by_side_are_translated_as_each_by_itself(vague):
    texts = ["one", "two three four", "five two"]
    together = searched(vague, texts, 4)[0]
    for text, row in zip(texts, together, strict=True):
        np.testing.assert_array_equal(searched(vague, [text], 4)[0][0], row)


def test_nothing_is_translated_by_nothing(attention):
    assert attention.translate(["", "two", "  "]) == ["", "zwei", ""]
    assert attention.translate([]) == []


def test_what_reaches_the_limit_is_said(attention):
    with pytest.warns(DataWarning, match="1 of 1 translations have as many tokens"):
        assert attention.translate(["one two three"], limit=2) == ["eins zwei"]


def test_what_was_never_learned_is_written_as_unknown(attention):
    tokens = attention.languages.source
    assert tokens.encode("seven").tolist() == [tokens.unknown]
    score = attention.score(["one"], ["sieben eins"])
    assert score.unknown == 1
    assert "1 of them were never learned" in str(score)
    assert isinstance(attention.translate(["seven one"])[0], str)


# -- scores ---------------------------------------------------------------------------------------


def test_a_score_counts_real_tokens_and_ends(translator):
    texts, truth = ["one two three", "four"], ["eins zwei drei", "vier"]
    score = translator.score(texts, truth)
    target = translator.languages.target
    sums = log_p(translator, texts, [target.encode(y) for y in truth])
    assert score.tokens == 6
    assert score.nats == pytest.approx(-sum(sums) / 6, abs=1e-4)
    assert score.perplexity == pytest.approx(np.exp(score.nats))


def test_padding_changes_nothing(translator):
    """Put back, this trap costs: a source read with its padding is told otherwise."""
    model = translator.model
    x = padded([ends(translator.languages.source, "one two")], 9)
    given = np.array([[translator.languages.end, 3, 4]], np.int32)

    @jax.jit
    def three_ways(params, layers):
        ways = ((x[:, :3], None), (x, x != 0), (x, None))
        return [model.apply_masked(params, layers, (s, given), masks=(m, None))[0] for s, m in ways]

    short, masked, unmasked = map(np.asarray, three_ways(*model.current_weights()))
    np.testing.assert_allclose(masked, short, rtol=1e-4, atol=1e-4)
    assert np.abs(unmasked - short).max() > 0.01
    # and the figure does not depend on what a sentence is padded with, or beside whom it stands
    alone = translator.score(["one two"], ["eins vier"])
    both = translator.score(["one two", "one two three"], ["eins vier", "eins zwei vier"])
    other = translator.score(["one two three"], ["eins zwei vier"])
    mean = (alone.nats * alone.tokens + other.nats * other.tokens) / both.tokens
    assert both.nats == pytest.approx(mean, abs=1e-4)


@pytest.mark.filterwarnings("ignore:.*may be cut")
def test_on_the_truth_and_on_its_own_output_are_two_figures(vague):
    score = vague.score(ENGLISH, GERMAN, own=True)
    assert score.nats_on_own != pytest.approx(score.nats, rel=1e-3)
    assert "given the true ones before" in str(score)
    assert "given its own" in str(score)
    assert vague.score(ENGLISH, GERMAN).nats_on_own is None


@pytest.mark.filterwarnings("ignore:.*may be cut")
def test_on_its_own_output_by_hand(vague):
    languages, text = vague.languages, "one two three"
    truth = languages.target.encode("eins zwei drei")
    (own,), _ = searched(vague, [text], 1)
    given = [*own, *[languages.end] * 3][:3]
    z = told(vague, [text], [np.array(given)])[0]
    by_hand = -float(z[np.arange(4), [*truth, languages.end]].mean())
    assert vague.score([text], ["eins zwei drei"], own=True).nats_on_own == pytest.approx(
        by_hand, abs=1e-4
    )


@pytest.mark.filterwarnings("ignore:.*may be cut")
def test_bleu_is_sacrebleu_s_of_texts_and_not_of_own_tokens(vague):
    sacrebleu = pytest.importorskip("sacrebleu")
    truth = [f"{text.capitalize()}." for text in GERMAN]
    score = vague.score(ENGLISH, truth, bleu=True)
    said = vague.translate(ENGLISH)
    assert score.bleu == pytest.approx(sacrebleu.corpus_bleu(said, [truth]).score)
    assert "tok:13a" in score.signature
    # on this translator's own tokens (lower case, marks apart) it would be another number
    words = vague.languages.target
    own = [" ".join(words.words(text)) for text in truth]
    assert sacrebleu.corpus_bleu(said, [own], tokenize="none").score != pytest.approx(score.bleu)


def test_without_sacrebleu_the_extra_is_named(vague, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(DescendError, match=r"descend\[translation\]"):
        vague.score(["one"], ["eins"], bleu=True)


# -- where it looks -------------------------------------------------------------------------------


def test_weights_of_attention(translator):
    look = translator.attention("five one two")
    assert look.source == ("five", "one", "two", "(end)")
    assert look.target == ("fünf", "eins", "zwei", "(end)")
    np.testing.assert_allclose(look.weights.sum(axis=-1), 1, rtol=1e-4)
    assert look.to_frame().shape == (4, 4)
    assert len(str(look).splitlines()) == 5
    ax = look.plot()
    assert ax.get_xlabel() == "token of the source"
    assert [label.get_text() for label in ax.get_yticklabels()] == list(look.target)


@pytest.mark.parametrize(
    "layer", [Attention(use_scale=True), AdditiveAttention(), MultiHeadAttention(2, 3)]
)
def test_weights_are_those_that_apply_uses(layer):
    """A layer's output is its weights times the values."""

    @jax.jit
    def both(key):
        q, v = jax.random.normal(key, (2, 3, 4)), jax.random.normal(key, (2, 5, 4))
        params, _ = layer.init(key, ((3, 4), (5, 4)))
        weights, y = layer.attention_weights(params, (q, v)), layer.apply(params, {}, (q, v))[0]
        if not isinstance(layer, MultiHeadAttention):
            return jnp.einsum("bhqk,bkd->bqd", weights, v), y
        values = jnp.einsum("bkd,dhe->bkhe", v, params["value.kernel"])
        mean = jnp.einsum("bhqk,bkhe->bqhe", weights, values)
        return jnp.einsum("bqhe,hed->bqd", mean, params["attention_output.kernel"]), y

    np.testing.assert_allclose(*both(jax.random.key(0)), atol=1e-5)


# -- networks step by step ------------------------------------------------------------------------


def whole(kind):
    """A decoder that looks at a sequence given whole."""
    source, given = Input((None, 4)), Input((None, 4))
    if kind == "additive":
        h = AdditiveAttention()([given, source])
    elif kind == "concat":
        h = Attention(score_mode="concat")([given, source, source])
    elif kind == "heads":
        h = MultiHeadAttention(2, 3)(given, source)
    elif kind == "keys":
        h = MultiHeadAttention(2, 3)(given, source, source)
    else:
        last = GRU(3)(source)
        h = GRU(3, return_sequences=True)(given, initial_state=last)
    return Model([source, given], Dense(2)(h), seed=2)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(k, None) for k in ("additive", "concat", "heads", "keys", "states")]
    + [(k, "bfloat16") for k in ("concat", "heads", "states")],
)
def test_step_by_step_is_the_whole_pass(kind, dtype):
    model = whole(kind)
    weights = model.current_weights()
    if dtype:
        model = Model(model.input_symbols, model.output_symbols[0], compute_dtype=dtype)

    @jax.jit
    def both(params, layers):
        x = jax.random.normal(jax.random.key(1), (2, 5, 4))
        y = jax.random.normal(jax.random.key(2), (2, 6, 4))
        mask = jnp.arange(5)[None] < jnp.array([[5], [3]])
        expected, _, _ = model.apply_masked(params, layers, (x, y), masks=(mask, None))
        kept = stepping.start_with(model, params, layers, (x, None), (mask, None), 6)
        parts = []
        for piece in (y[:, :1], y[:, 1:4], y[:, 4:]):
            out, kept = stepping.step(model, params, layers, kept, (None, piece))
            parts.append(out)
        return jnp.concatenate(parts, axis=1), expected

    found, expected = (np.asarray(a, np.float32) for a in both(*weights))
    np.testing.assert_allclose(found, expected, atol=1e-5 if dtype is None else 0.05)


def test_what_cannot_be_read_so_is_refused_by_name():
    source, given = Input((4,)), Input((4,))
    tokens = Words(("a",), False)
    vectors = Embedding(3, 4)(given)
    both = Dense(3)(AdditiveAttention(name="look")([Embedding(3, 4)(source), vectors]))
    model = Model([source, given], both)
    with pytest.raises(DescendError, match="'look' cannot be read step by step"):
        Translator(model, tokens).translate(["a"])
    two = Model([source, given], [Dense(2)(source), Dense(1)(vectors)])
    with pytest.raises(DescendError, match="depends on what is given whole alone"):
        stepping.start_with(two, *two.current_weights(), (np.zeros((1, 4)), None), (None, None))


# -- networks of one's own, files -----------------------------------------------------------------


def own_network(tokens, width=None):
    source, given = Input((width,), dtype="int32"), Input((width,), dtype="int32")
    table = Embedding(tokens + 1, 16)
    memory, last = GRU(16, return_sequences=True, return_state=True)(table(source))
    h = GRU(16, return_sequences=True)(table(given), initial_state=last)
    h = AdditiveAttention()([h, memory])
    return Model([source, given], Dense(tokens + 1, "softmax")(h), seed=0)


@pytest.mark.filterwarnings("ignore:.*may be cut")
def test_a_network_of_ones_own_of_fixed_lengths():
    tokens = Characters.learn("ab")
    fixed, free = (Translator(own_network(3, width), tokens) for width in (5, None))
    free.model.set_weights(fixed.model.get_weights())
    assert fixed.translate(["aab", "b"], limit=4) == free.translate(["aab", "b"], limit=4)
    assert fixed.score(["aab", "b"], ["a", "bba"]).nats == pytest.approx(
        free.score(["aab", "b"], ["a", "bba"]).nats, abs=1e-5
    )
    with pytest.raises(DescendError, match="text 0 .* has 6 tokens, its end counted"):
        fixed.translate(["ababa"])
    with pytest.raises(DescendError, match="the target has 6 tokens, its end counted, and the net"):
        fixed.score(["ab"], ["ababa"])


def test_a_file_is_the_translator(attention, tmp_path):
    attention.save(tmp_path / "t.descend")
    again = Translator.load(tmp_path / "t.descend")
    assert again.languages == attention.languages
    assert again.translate(ENGLISH[:9]) == attention.translate(ENGLISH[:9])
    assert again.history.history == attention.history.history
    lm = LanguageModel("characters", network="gru", units=4, context=4)
    lm.fit("abab" * 20, passes=0.1, batch_size=2, verbose=0, validation=0)
    lm.save(tmp_path / "lm.descend")
    with pytest.raises(CheckpointError, match="no translator"):
        Translator.load(tmp_path / "lm.descend")


def test_sizes_of_the_benchmark():
    """At most 5 million weights, the aim's condition."""
    tokens = Words(tuple(f"w{i}" for i in range(3998)))  # as many numbers as 4,000 pairs
    model = network("transformer", Languages(tokens, tokens), 0, {})
    assert sum(model.parameter_counts().values()) <= 5_000_000


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Translator("transfomer"), "unknown network of a translator 'transfomer'. Did you"),
        (lambda: Translator(tokens="word"), "unknown kind of token 'word'. Did you mean 'words'"),
        (lambda: Translator(tokens=3), "tokens must be one of 'pairs', 'words', 'characters'"),
        (lambda: Translator(units=30), "the heads must divide the units: 30 is no multiple of 4"),
        (lambda: Translator("attention", units=7), "must divide the units: 7"),
        (lambda: Translator(dropout=1.0), r"dropout must be a number in \[0, 1\)"),
        (lambda: Translator(layers=0), "layers must be a whole number >= 1 or None"),
        (lambda: Translator(own_network(5), Words(("a",))), "make its last layer Dense\\(4\\)"),
    ],
)
def test_what_makes_no_translator(make, words):
    with pytest.raises(DescendError, match=words):
        make()


def test_networks_of_other_forms():
    tokens = Characters.learn("ab")
    one = Input((None,))
    with pytest.raises(DescendError, match="has two inputs"):
        Translator(Model(one, Dense(4)(Embedding(4, 2)(one))), tokens)
    two, three = Input((None, 2)), Input((None,))
    with pytest.raises(ShapeError, match=r"takes \(steps,\) and \(time,\) token numbers"):
        Translator(Model([two, three], AdditiveAttention()([Embedding(4, 2)(three), two])), tokens)
    source, given = Input((None,)), Input((None,))
    h = AdditiveAttention()([Embedding(4, 2)(given), Embedding(4, 2)(source)])
    with pytest.raises(DescendError, match="to be logits"):
        Translator(Model([source, given], Dense(4, "relu")(h)), tokens)
