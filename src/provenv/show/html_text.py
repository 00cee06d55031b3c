"""Strangers' text on a page: escaped, without characters that hide, turn or break it."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["plain", "safe"]

_MOST = 1500
_ODD = "\ufffd"
_SPACES = (9, 10, 11, 12, 13, 0x85, 0x2028, 0x2029)
_RANGES = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),  # soft hyphen
    (0x61C, 0x61C),  # what follows turns the direction of writing, joins words, or is not seen at all
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0xD800, 0xDFFF),  # halves of pairs: no file can hold them
    (0xFDD0, 0xFDEF),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0xFFFE, 0xFFFF),
    (0xE0000, 0xE0FFF),
)
_PLAIN: dict[int, str] = {code: _ODD for first, last in _RANGES for code in range(first, last + 1)}
_PLAIN |= dict.fromkeys(_SPACES, " ")
_ESCAPED: dict[int, str] = {
    ord("&"): "&amp;",
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord('"'): "&quot;",
    ord("'"): "&#39;",
}


def plain(text: str, most: int = _MOST) -> str:
    """One line of at most ``most`` characters; odd characters are seen as U+FFFD. Not escaped."""
    told = text[: most + 1].translate(_PLAIN)
    return told if len(told) <= most else f"{told[: most - 1]}…"


@lru_cache(maxsize=20_000)
def safe(text: str, most: int = _MOST) -> str:
    """The same for HTML: inside elements and inside quoted attributes."""
    return plain(text, most).translate(_ESCAPED)
