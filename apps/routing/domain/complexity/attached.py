"""Words of Arabic and Hebrew without the articles, conjunctions and prepositions that are written in one with them."""

from collections.abc import Set

_ARABIC = ("وبال", "وال", "فال", "بال", "كال", "ولل", "فلل", "لل", "ال", "و", "ف", "ب", "ل", "ك")
_HEBREW = ("וכש", "ושה", "וה", "וב", "ול", "ומ", "וש", "שה", "כש", "מה", "ו", "ה", "ב", "ל", "מ", "ש", "כ")
_LEAST = 3  # letters that have to be left, or half of all short words would be taken for others


def without_attached(vocabulary: Set[str], known: Set[str]) -> set[str]:
    """The known words that the others of a vocabulary are, once what is attached to them is taken off."""
    found: set[str] = set()
    for word in vocabulary:
        if "\u05d0" <= word[0] <= "\u064a" and word not in known:
            attached = _HEBREW if word[0] <= "\u05ea" else _ARABIC
            bare = (word[len(one) :] for one in attached if word.startswith(one) and len(word) >= len(one) + _LEAST)
            found.update(next(([stem] for stem in bare if stem in known), ()))
    return found
