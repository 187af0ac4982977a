"""What a text is about: the workspace's own topics, by the cue words that it names for each.

Law: a topic is found by words that stand in the settings, and by nothing else until reviews have taught more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from .tokens import pieces, plain

MOST_TOPICS = 3
SHORT = 3
"""Letters up to which a cue must be the whole word."""


@dataclass(frozen=True)
class _Index:
    """The cues of all topics as (topic, cue): by whole word, by beginning, and by the first word of a phrase."""

    whole: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    begun: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    phrases: dict[str, list[tuple[tuple[str, ...], str, str]]] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)


def find_topics(text: str, topics: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The topics whose cue words `text` uses; see `topics_among`."""
    return topics_among(pieces(plain(text)), topics)


def topics_among(said: Sequence[str], topics: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The topics whose cue words stand among the pieces of a text, those with most different ones first.

    A word counts where another begins with it, up to three letters only as a whole word; a phrase as it stands.
    """
    if not topics:
        return ()
    index = _index(tuple((name, tuple(cues)) for name, cues in topics.items()))
    first: dict[str, dict[str, int]] = {}
    for at, piece in enumerate(said):
        for name, cue in _starting(index, said, at, piece):
            first.setdefault(name, {}).setdefault(cue, at)
    ranked = sorted((-len(cues), min(cues.values()), name) for name, cues in first.items())
    return tuple(name for _, _, name in ranked[:MOST_TOPICS])


def _starting(index: _Index, said: Sequence[str], at: int, piece: str) -> list[tuple[str, str]]:
    """(topic, cue) for each cue that begins at a place."""
    found: list[tuple[str, str]] = []
    for word in (piece, *piece.split("-")) if "-" in piece else (piece,):
        found += index.whole.get(word, ()) or index.whole.get(word.removesuffix("'s").removesuffix("s"), ())
        for length in index.lengths:
            if length > len(word):
                break
            found += index.begun.get(word[:length], ())
    for words, name, cue in index.phrases.get(piece, ()):
        last = said[at + len(words) - 1] if at + len(words) <= len(said) else ""
        if tuple(said[at : at + len(words) - 1]) == words[:-1] and last in (words[-1], f"{words[-1]}s"):
            found.append((name, cue))
    return found


@lru_cache(maxsize=64)
def _index(topics: tuple[tuple[str, tuple[str, ...]], ...]) -> _Index:
    index = _Index()
    for name, cues in topics:
        for cue in cues:
            words = tuple(pieces(plain(cue)))
            if not words:
                continue
            if len(words) > 1:
                index.phrases.setdefault(words[0], []).append((words, name, cue))
            else:
                shelf = index.whole if len(words[0]) <= SHORT else index.begun
                shelf.setdefault(words[0], []).append((name, cue))
    index.lengths.extend(sorted({len(cue) for cue in index.begun}))
    return index
