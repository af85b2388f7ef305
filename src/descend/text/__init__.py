"""Texts: tokenisers, and what is learned from tokens.

Names are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import names_of

# public name -> module of this package that defines it
_HOMES = {
    "Alignment": "translation.results",
    "BytePairs": "byte_pairs",
    "Characters": "tokenisers",
    "Copies": "copied",
    "LanguageModel": "language",
    "NGrams": "ngrams",
    "Score": "results",
    "Tokeniser": "tokeniser",
    "TranslationScore": "translation.results",
    "Translator": "translation.translator",
    "Words": "tokenisers",
    "Written": "results",
    "tokeniser_from": "tokenisers",
}
__all__ = [*_HOMES]

if TYPE_CHECKING:
    from descend.text.byte_pairs import BytePairs as BytePairs
    from descend.text.copied import Copies as Copies
    from descend.text.language import LanguageModel as LanguageModel
    from descend.text.ngrams import NGrams as NGrams
    from descend.text.results import Score as Score
    from descend.text.results import Written as Written
    from descend.text.tokeniser import Tokeniser as Tokeniser
    from descend.text.tokenisers import Characters as Characters
    from descend.text.tokenisers import Words as Words
    from descend.text.tokenisers import tokeniser_from as tokeniser_from
    from descend.text.translation.results import Alignment as Alignment
    from descend.text.translation.results import TranslationScore as TranslationScore
    from descend.text.translation.translator import Translator as Translator

__getattr__, __dir__ = names_of(__name__, {n: f"{__name__}.{m}" for n, m in _HOMES.items()})
