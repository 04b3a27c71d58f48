"""Tokens of texts: counted, approximated and trimmed without a network."""

from .counting import Keep, approximate, count, estimate, trim, vocabulary_of
from .vocabularies import VOCABULARIES, VocabularyError, ensure_vocabularies

__all__ = [
    "VOCABULARIES",
    "Keep",
    "VocabularyError",
    "approximate",
    "count",
    "ensure_vocabularies",
    "estimate",
    "trim",
    "vocabulary_of",
]
