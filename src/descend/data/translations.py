"""Sentences and their translations: fetched once, kept in the user's cache."""

from __future__ import annotations

from typing import NamedTuple

from descend.data.fetch import File, Source
from descend.errors import DataError, unknown

PARTS = {"train": 29_000, "val": 1_014, "test_2016_flickr": 1_000}  # and their sentences
LANGUAGES = ("de", "en")
MULTI30K = Source(
    "multi30k",
    "Multi30k",
    (
        File(
            "train.de",
            2_110_398,
            "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
        ),
        File(
            "train.en",
            1_801_238,
            "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
        ),
        File(
            "val.de",
            75_981,
            "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
        ),
        File(
            "val.en",
            63_297,
            "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
        ),
        File(
            "test_2016_flickr.de",
            70_649,
            "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
        ),
        File(
            "test_2016_flickr.en",
            62_076,
            "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
        ),
    ),
    ("https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw",),
)


class Translations(NamedTuple):
    """Sentences and their translations, at the same places.

    Attributes:
        sources, targets: the sentences.
    """

    sources: list[str]
    targets: list[str]


def multi30k(
    source: str = "de", target: str = "en", *, download: bool = True
) -> dict[str, Translations]:
    """Descriptions of photographs in German and English.

    Args:
        source, target: "de" and "en", or the other way round.
        download: whether they may be fetched, where they are not in the cache.

    Returns:
        {"train", "val" and "test_2016_flickr": the sentences}.

    Raises:
        DescendError: another language.
        DataError: they are not in the cache and cannot be fetched.

    Source: Elliott, Frank, Sima'an and Specia (2016), "Multi30K: Multilingual English-German Image
    Descriptions"; for research (CC BY-NC-SA).

    Example:
        >>> from descend.data.translations import MULTI30K, multi30k
        >>> if MULTI30K.cached():
        ...     assert multi30k()["train"].targets[2].startswith("A little girl climbing")
    """
    for language in (source, target):
        if language not in LANGUAGES:
            raise unknown("language of Multi30k", language, LANGUAGES)
    content = MULTI30K.read(download=download)
    found = {}
    for part, count in PARTS.items():
        sides = [
            [line.strip() for line in content[f"{part}.{x}"].decode("utf-8").strip().split("\n")]
            for x in (source, target)
        ]
        if [len(side) for side in sides] != [count, count]:
            raise DataError(f"{MULTI30K.title}: expected {count:,} lines in each file of {part}")
        found[part] = Translations(*sides)
    return found
