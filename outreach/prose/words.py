"""Words and word shingles, for comparing two texts.

Law: linear in the text; case and punctuation do not count.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words of `text`, case folded, without punctuation."""
    return _WORD.findall(text.casefold())


def shingles(text: str, n: int = 4) -> frozenset[tuple[str, ...]]:
    """Every run of `n` words in `text`; a text of fewer words is one shingle."""
    words = words_of(text)
    if not words:
        return frozenset()
    return frozenset(tuple(words[at : at + n]) for at in range(max(1, len(words) - n + 1)))
