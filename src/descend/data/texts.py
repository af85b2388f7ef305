"""Texts to learn a language from."""

from __future__ import annotations

from descend.data.fetch import File, Source
from descend.errors import DataError, unknown

TINY_SHAKESPEARE = Source(
    "tinyshakespeare",
    "Tiny Shakespeare",
    (
        File(
            "input.txt",
            1_115_394,
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        ),
    ),
    ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare",),
    ending="",
)
TEXTS = {"tinyshakespeare": TINY_SHAKESPEARE}


def text_of(name: str, *, download: bool = True) -> str:
    """A text by its name.

    Args:
        name: "tinyshakespeare": 40,000 lines of Shakespeare's plays, 1.1 million characters
            (Karpathy 2015).
        download: whether it may be fetched, where it is not in the cache.

    Returns:
        The whole text.

    Raises:
        DescendError: another name.
        DataError: it is not in the cache and cannot be fetched.

    Source: Karpathy (2015), "The Unreasonable Effectiveness of Recurrent Neural Networks"; the
    plays are in the public domain.

    Example:
        >>> from descend.data.texts import TINY_SHAKESPEARE, text_of
        >>> if TINY_SHAKESPEARE.cached():
        ...     assert text_of("tinyshakespeare").startswith("First Citizen:")
    """
    if name not in TEXTS:
        raise unknown("text", name, TEXTS)
    source = TEXTS[name]
    content = source.read(download=download)[source.files[0].name]
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{source.title}: {error}") from None
