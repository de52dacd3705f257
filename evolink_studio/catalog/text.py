"""Texts as people write them: what counts as nothing, as a blank around a text, as its length."""

import unicodedata

# What `String.prototype.trim` of JavaScript removes, so that a counter in the browser, which counts
# the code points of the trimmed text, and the server always agree.
BLANKS = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
# Letters and symbols by their category, of which nothing is seen: fillers and blank glyphs.
_INVISIBLE_CHARACTERS = frozenset(
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers
    "\u2800"  # the Braille pattern without dots
    "\ufffc"  # stands for an object that is not there
    "\U00013441\U00013442"  # blank Egyptian hieroglyphs
    "\U0001d159"  # the musical null notehead
)
# C: control, format, surrogates, private use, unassigned. M: marks, which stand on a letter.
# Z: separators.
_INVISIBLE_CATEGORIES = "CMZ"
# Unicode reserves these for emoji: new ones are seen by people before Python knows them.
_EMOJI_RANGES = ((0x1F000, 0x1FAFF), (0x1FC00, 0x1FFFD))


def normalize_text(text: str) -> str:
    r"""The text as it is counted, checked and sent: line ends as \n, no NUL, no BLANKS around it.

    Everything inside stays as it was typed, joiners and variation selectors included.
    """
    return strip_nul(text.replace("\r\n", "\n").replace("\r", "\n")).strip(BLANKS)


def strip_nul(text: str) -> str:
    """Without NUL, which PostgreSQL refuses in text and JSON."""
    return text.replace("\0", "")


def is_visible(text: str) -> bool:
    """Whether anything can be seen of this text."""
    return any(map(_is_visible_character, text))


def is_unicode(text: str) -> bool:
    """False for lone surrogates, which no UTF-8 body can carry."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def _is_visible_character(character: str) -> bool:
    if character in _INVISIBLE_CHARACTERS:
        return False
    category = unicodedata.category(character)
    if category == "Cn":
        return any(first <= ord(character) <= last for first, last in _EMOJI_RANGES)
    return category[0] not in _INVISIBLE_CATEGORIES
