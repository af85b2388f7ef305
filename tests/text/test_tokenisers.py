"""Tokenisers: what they learn, the way there and back, and what they refuse."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descend.errors import DataError, DescendError
from descend.text import BytePairs, Characters, Words, tokeniser_from
from descend.wording import runs, standardised

TEXT = "the low tide lowered the lowest boat; the tide, the boat. " * 3


@pytest.fixture(scope="module")
def pairs():
    return BytePairs.learn(TEXT, size=300)


def test_characters_have_numbers_in_the_order_of_unicode_behind_padding():
    tokeniser = Characters.learn(["ca", "ab"])
    assert tokeniser.tokens == ("", "a", "b", "c")
    assert tokeniser.encode("cab").tolist() == [3, 1, 2]
    assert tokeniser.encode("cab").dtype == np.int32
    assert tokeniser.unknown is None
    assert len(tokeniser) == 4


def test_a_character_never_seen_is_named_or_has_a_number():
    with pytest.raises(DataError, match=r"the character 'é' \(place 1 of the text\).*unknown=True"):
        Characters.learn("abc").encode("aé")
    tokeniser = Characters.learn("abc", unknown=True)
    assert tokeniser.unknown == 1
    assert tokeniser.decode(tokeniser.encode("aéb")) == "a\ufffdb"


def test_rare_characters_are_left_out_and_the_size_is_that_of_all_tokens():
    tokeniser = Characters.learn("aaabbc", unknown=True, least=2)
    assert tokeniser.tokens == ("", "\ufffd", "a", "b")
    assert Characters.learn("aaabbc", unknown=True, size=3).tokens == ("", "\ufffd", "a")


@given(st.text(min_size=1))
@settings(max_examples=60, deadline=None)
def test_characters_come_back_whatever_they_are(text):
    for unknown in (False, True):
        tokeniser = Characters.learn(text, unknown=unknown)
        assert tokeniser.decode(tokeniser.encode(text)) == text


@given(st.text())
@settings(max_examples=150, deadline=None)
def test_byte_pairs_come_back_for_texts_they_have_not_seen(pairs, text):
    assert pairs.decode(pairs.encode(text)) == text


def test_half_characters_of_damaged_files_come_back(pairs):
    assert pairs.decode(pairs.encode("a\ud800b")) == "a\ud800b"


def test_words_and_marks_are_tokens_the_most_frequent_first():
    tokeniser = Words.learn(["The cat, the dog", "a cat"])
    assert tokeniser.tokens == ("", "[UNK]", "cat", "the", ",", "a", "dog")
    assert tokeniser.decode(tokeniser.encode("THE bird, a dog")) == "the [UNK] , a dog"


def test_runs_of_words_are_tokens_behind_the_words():
    tokeniser = Words.learn(["a b c", "a b"], ngrams=3)
    assert tokeniser.tokens[2:] == ("a", "a b", "b", "a b c", "b c", "c")
    assert tokeniser.grams("b c d") == ["b", "c", "d", "b c", "c d", "b c d"]
    assert tokeniser.encode("b c d").tolist() == [4, 7, 1, 6, 1, 1]


def test_beginnings_and_endings_of_longer_words_are_tokens():
    tokeniser = Words.learn("boring", parts=True)
    assert tokeniser.grams("a boredom") == ["a", "boredom", "bored-", "bore-", "-dom"]
    assert set(tokeniser.tokens[2:]) == {"boring", "borin-", "-ing"}


def test_words_without_a_number_for_others_leave_them_out():
    tokeniser = Words.learn("a cat a dog", least=2, unknown=False)
    assert tokeniser.tokens == ("", "a")
    assert tokeniser.encode("a cat a bird").tolist() == [1, 1]


def test_composed_and_decomposed_letters_are_one_word():
    tokeniser = Words.learn("caf\u00e9")
    assert tokeniser.encode("cafe\u0301").tolist() == [2]


def test_words_are_standardised_as_by_the_layer():
    from descend.nn.layers import TextVectorization

    texts = ["It's (very) GOOD!", "good; very good"]
    layer = TextVectorization()
    layer.adapt(texts)
    ours = Words.learn(texts, standardize="lower_and_strip_punctuation", split="whitespace")
    assert set(layer.get_vocabulary()) == set(ours.tokens)
    assert standardised("It's (very) GOOD!", "lower_and_strip_punctuation") == "its very good"
    assert runs(["a", "b", "c"], 2) == ["a b", "b c"]


def test_several_texts_are_padded_with_zero_and_cut():
    tokeniser = Words.learn("a b c")
    assert tokeniser.encode_many(["a", "a b c", ""]).tolist() == [[2, 0, 0], [2, 3, 4], [0, 0, 0]]
    assert tokeniser.encode_many(["a b c"], 2).tolist() == [[2, 3]]
    assert tokeniser.encode_many([]).shape == (0, 0)
    assert tokeniser.decode([2, 0, 0]) == "a"  # padding is no word


def test_blanks_are_no_tokens():
    """Padding must never be counted: the mask is exactly the tokens."""
    tokeniser = BytePairs.learn("a b  c", size=257)
    texts = ["a", "a b  c", ""]
    ids = tokeniser.encode_many(texts)
    assert (ids != 0).sum(axis=1).tolist() == [len(tokeniser.encode(t)) for t in texts]


def counted_anew(text: str, merges: int) -> list[bytes]:
    """Byte pair encoding with all pairs counted anew in each step, on whole texts of one piece."""
    pieces = [[bytes([b]) for b in word.encode()] for word in text.split("|")]
    made = []
    for _ in range(merges):
        counts = Counter(pair for piece in pieces for pair in pairwise(piece))
        if not counts or max(counts.values()) < 2:
            break
        most = max(counts.values())
        names = [bytes([b]) for b in range(256)] + made
        pair = min(
            (p for p, n in counts.items() if n == most),
            key=lambda p: (names.index(p[0]), names.index(p[1])),
        )
        made.append(pair[0] + pair[1])
        for piece in pieces:
            i = 0
            while i < len(piece) - 1:
                if (piece[i], piece[i + 1]) == pair:
                    piece[i : i + 2] = [pair[0] + pair[1]]
                i += 1
    return made


@pytest.mark.parametrize("seed", range(4))
def test_counts_kept_up_to_date_are_those_counted_anew(seed):
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("aab"), rng.integers(1, 9))) for _ in range(60)]
    learned = BytePairs.learn(words, size=257 + 25)
    plain = counted_anew("|".join(words), 25)
    assert [t.encode() for t in learned.tokens[257:]] == plain


def test_the_same_texts_in_another_order_give_the_same_pairs(pairs):
    words = TEXT.split()
    assert BytePairs.learn(words, size=280) == BytePairs.learn(words[::-1], size=280)


def test_a_pair_that_occurs_once_is_none():
    assert BytePairs.learn("ab", size=300).merges == ()


def test_a_very_long_word_is_cut_and_comes_back(pairs):
    text = "a" * 100_000
    learned = BytePairs.learn(text, size=280)
    assert max(map(len, learned.tokens)) <= 41
    assert learned.decode(learned.encode(text)) == text


@pytest.mark.parametrize(
    "tokeniser",
    [
        Characters.learn("ab\u2028\U0001f600", unknown=True),
        Words.learn("a b b", standardize=None, split="whitespace"),
        BytePairs.learn(TEXT, size=270),
    ],
    ids=lambda t: type(t).__name__,
)
def test_a_tokeniser_is_what_its_json_says(tokeniser):
    again = tokeniser_from(json.loads(json.dumps(tokeniser.config())))
    assert again == tokeniser
    assert again.encode("ab b").tolist() == tokeniser.encode("ab b").tolist()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "describes no tokeniser"),
        ({"tokeniser": "Word"}, "Did you mean 'Words'"),
        ({"tokeniser": "Words"}, "describes no Words"),
        ({"tokeniser": "Words", "vocabulary": ["a"], "x": 1}, "describes no Words"),
        ({"tokeniser": "Words", "vocabulary": ["a", "a"]}, "twice"),
        ({"tokeniser": "Words", "vocabulary": []}, "empty"),
        ({"tokeniser": "Words", "vocabulary": [3]}, "got 3"),
        ({"tokeniser": "Words", "vocabulary": ["a"], "split": "x"}, "split must be"),
        ({"tokeniser": "Words", "vocabulary": ["a"], "with_unknown": 3}, "with_unknown"),
        ({"tokeniser": "Characters", "vocabulary": ["ab"]}, "one character"),
        ({"tokeniser": "BytePairs", "merges": [[1, 400]]}, "merge 0"),
        ({"tokeniser": "BytePairs", "merges": [[1, 2, 3]]}, "merge 0"),
        ({"tokeniser": "BytePairs", "merges": [3]}, "describes no BytePairs"),
        ({"tokeniser": "BytePairs", "merges": [[1, 2], [1, 2]]}, "twice"),
        # each token twice as long as the last: a file of a few bytes must not fill the memory
        (
            {"tokeniser": "BytePairs", "merges": [[1, 1], *([n, n] for n in range(257, 300))]},
            "token of 256 bytes",
        ),
    ],
)
def test_json_that_describes_none_is_refused(config, words):
    with pytest.raises(DescendError, match=words):
        tokeniser_from(config)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Characters.learn(""), "no characters"),
        (lambda: Characters.learn([]), "no characters"),
        (lambda: Words.learn([" ", ""]), "no words"),
        (lambda: Words.learn("a b", least=2), "lower least"),
        (lambda: BytePairs.learn(["", ""]), "texts are empty"),
        (lambda: Words.learn(["a", None]), r"text 1 \(counted from 0\) is missing"),
        (lambda: Words.learn(["a", float("nan")]), "is missing"),
        (lambda: Words.learn([3]), "of type int"),
        (lambda: Words.learn(3), "got int"),
        (lambda: Characters.learn(b"abc"), r"decode\('utf-8'\)"),
        (lambda: Characters.learn([b"abc"]), r"text 0 .* is bytes"),
        (lambda: Words.learn("a", size=2), "size must be a whole number >= 3"),
        (lambda: Words.learn("a", least=0), "least must be"),
        (lambda: BytePairs.learn("a", size=100), "size must be a whole number >= 257"),
        (lambda: Words.learn("a").encode(None), "the text is missing"),
        (lambda: Words.learn("a").encode_many(["a"], 0), "length must be"),
        (lambda: Words.learn("a").decode([9]), "no token number 9"),
        (lambda: Words.learn("a").decode([-1]), "no token number -1"),
        (lambda: Words.learn("a").decode([0.5]), "whole numbers"),
        (lambda: Words.learn("a", standardize="x"), "standardize must be"),
        (lambda: Words.learn("a", ngrams=0), "ngrams must be"),
    ],
)
def test_bad_input_is_one_clear_error(call, words):
    with pytest.raises(DescendError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_an_array_that_no_memory_holds_is_refused(monkeypatch):
    from descend.text import tokeniser

    monkeypatch.setattr(tokeniser, "MOST_ENTRIES", 5)
    with pytest.raises(DataError, match="give a length"):
        Words.learn("a b c").encode_many(["a b c", "a"])
