"""Sentences and their translations, where they are in the cache (tools/fill_cache.py multi30k)."""

import pytest

from descend.data.translations import MULTI30K, multi30k
from descend.errors import DataError, DescendError


def test_another_language_is_refused():
    with pytest.raises(DescendError, match="unknown language of Multi30k 'fr'"):
        multi30k("fr")


def test_what_is_not_there_is_not_fetched_where_that_is_forbidden(tmp_path, monkeypatch):
    monkeypatch.setenv("DESCEND_DATA", str(tmp_path))
    with pytest.raises(DataError, match="fill_cache.py multi30k"):
        multi30k(download=False)


def test_sentences_stand_beside_their_translations():
    if not MULTI30K.cached():
        pytest.skip(f"Multi30k is not in {MULTI30K.folder}")
    data = multi30k("en", "de", download=False)
    assert {part: len(side.sources) for part, side in data.items()} == {
        "train": 29_000,
        "val": 1_014,
        "test_2016_flickr": 1_000,
    }
    assert data["train"].sources[2] == "A little girl climbing into a wooden playhouse."
    assert data["train"].targets[2] == "Ein kleines Mädchen klettert in ein Spielhaus aus Holz."
