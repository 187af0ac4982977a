"""Cues as text to a table of what may begin at a word, and the search for them.

Law: each place of a text is looked at once, with bounded gaps behind it, so that a search is linear in the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...records import Category, Urgency
from ..tokens import is_word, pieces

Cues = Mapping[Category, Mapping[int, str]]
Urgent = Mapping[tuple[Urgency, str], str]
Leanings = Mapping[float, str]
SEVERAL = 3
"""More hits of one weight than this count no further: a long text must not outweigh a clear one."""
LEANS = 0.5
"""What a leaning counts where languages are told apart: a word of that language, no more."""
URGES = 2.0
"""What a rule of urgency counts there: as a word that speaks for something."""
GAP = 4
"""Words that "…" may stand for."""

Said = Sequence[str]
_Denied = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Hit:
    """A cue that was found, in the text's own words. `leaning`: it only makes a complaint likelier or less so."""

    category: Category
    weight: float
    words: str
    leaning: bool = False


@dataclass(frozen=True)
class _Group:
    """What the cues of one level speak for: a category, or a rule of urgency (the lower the rank the more urgent)."""

    category: Category
    weight: float
    urgency: Urgency | None = None
    rule: str = ""
    rank: int = 0
    leaning: bool = False


@dataclass(frozen=True)
class _Cue:
    group: _Group
    parts: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class CueTable:
    """One language's cues by their first word, whole or only its beginning; and what turns praise round: "not very"."""

    whole: Mapping[str, tuple[_Cue, ...]]
    begun: Mapping[str, tuple[_Cue, ...]]
    lengths: tuple[int, ...]
    denials: _Denied
    degrees: _Denied
    leans: bool = False


@dataclass(frozen=True)
class Found:
    """What a search came back with: hits, and the most urgent rule that was met (urgency, its name, the words)."""

    hits: list[Hit] = field(default_factory=list)
    urgent: tuple[Urgency, str, str] | None = None

    @property
    def strength(self) -> float:
        """How much was found, for telling languages apart."""
        told = sum(LEANS if hit.leaning and hit.words[0].isalpha() else abs(hit.weight) for hit in self.hits)
        return told + (URGES if self.urgent else 0.0)


NO_CUES = Found()
"""What a search finds where there are none."""


def compile_table(cues: Cues, urgent: Urgent, denials: str, degrees: str, leanings: Leanings | None = None) -> CueTable:
    """The table of one language. Cues stand one per line or between bars; so do `denials` ("not") and the
    `degrees` that may stand between them and a word of praise ("very"); `leanings` are weights of log-odds.
    """
    groups: list[tuple[_Group, str]] = []
    for category, levels in cues.items():
        groups += [(_Group(category, weight), words) for weight, words in levels.items()]
    for weight, words in (leanings or {}).items():
        groups.append((_Group(Category.COMPLAINT, weight, leaning=True), words))
    for rank, ((urgency, rule), words) in enumerate(urgent.items()):
        groups.append((_Group(Category.COMPLAINT, 0, urgency, rule, rank), words))
    whole: dict[str, list[_Cue]] = {}
    begun: dict[str, list[_Cue]] = {}
    for group, words in groups:
        for cue in _split(words):
            parts = tuple(_parts(part) for part in cue.split("…"))
            first = parts[0][0]
            shelf, key = (begun, first[:-1]) if first.endswith("*") else (whole, first)
            shelf.setdefault(key, []).append(_Cue(group, parts))
    return CueTable(
        {key: tuple(found) for key, found in whole.items()},
        {key: tuple(found) for key, found in begun.items()},
        tuple(sorted({len(key) for key in begun})),
        frozenset(tuple(pieces(words)) if "*" not in words else (words,) for words in _split(denials)),
        frozenset(tuple(pieces(words)) for words in _split(degrees)),
        bool(leanings),
    )


def find_cues(table: CueTable, said: Said) -> Found:
    """Every cue among the pieces of a text: each wording once, of one level none that overlap and at most SEVERAL."""
    ends: dict[_Group, int] = {}
    hits: dict[_Group, dict[Hit, None]] = {}
    urgent: tuple[int, tuple[Urgency, str, str]] | None = None
    for start, end, group in _matches(table, said):
        if group.leaning:
            hits.setdefault(group, {})[_leaning(table, group, said, start, end)] = None
            continue
        if start < ends.get(group, 0):
            continue
        ends[group] = end
        if group.urgency is not None:
            if urgent is None or group.rank < urgent[0]:
                urgent = (group.rank, (group.urgency, group.rule, _words(said, start, end)))
            continue
        some = hits.setdefault(group, {})
        if len(some) < SEVERAL:
            some[_hit(table, group, said, start, end)] = None
    return Found([hit for some in hits.values() for hit in some], urgent[1] if urgent else None)


def _matches(table: CueTable, said: Said) -> Iterator[tuple[int, int, _Group]]:
    """(first piece, behind the last, group), by place; of several that begin at one the longest first."""
    whole, begun, lengths = table.whole, table.begun, table.lengths
    for start, piece in enumerate(said):
        cues = whole.get(piece, ())
        for length in lengths:
            if length > len(piece):
                break
            cues += begun.get(piece[:length], ())
        if not cues:
            continue
        if len(cues) == 1:
            if (end := _end(said, start, cues[0].parts)) is not None:
                yield start, end, cues[0].group
            continue
        found = [(end, cue.group) for cue in cues if (end := _end(said, start, cue.parts)) is not None]
        for end, group in sorted(found, key=lambda one: -one[0]):
            yield start, end, group


def _end(said: Said, at: int, parts: tuple[tuple[str, ...], ...]) -> int | None:
    """Where the cue that begins at a place ends, if all of it stands there."""
    for want in parts[0]:
        if at >= len(said):
            return None
        if said[at] != want and not (want[-1] == "*" and len(want) > 1 and said[at].startswith(want[:-1])):
            return None
        at += 1
    if len(parts) == 1:
        return at
    skipped = 0
    while at < len(said):
        if (end := _end(said, at, parts[1:])) is not None:
            return end
        if is_word(said[at]):
            skipped += 1
            if skipped > GAP:
                return None
        at += 1
    return None


def _hit(table: CueTable, group: _Group, said: Said, start: int, end: int) -> Hit:
    """The hit; praise that is denied ("not very happy") is a complaint."""
    if group.category is Category.THANKS and group.weight > 0:
        begins = _denied_from(table, said, start)
        if begins is not None:
            return Hit(Category.COMPLAINT, max(group.weight, 2.0), _words(said, begins, end))
    return Hit(group.category, group.weight, _words(said, start, end), group.leaning)


def _leaning(table: CueTable, group: _Group, said: Said, start: int, end: int) -> Hit:
    """The leaning; what speaks against a complaint leans to one where it is denied."""
    begins = _denied_from(table, said, start) if group.weight < 0 else None
    if begins is not None:
        return Hit(group.category, abs(group.weight), _words(said, begins, end), True)
    return Hit(group.category, group.weight, _words(said, start, end), True)


def _denied_from(table: CueTable, said: Said, at: int) -> int | None:
    """Where the denial right before a place begins: "not", with "very" and its like between."""
    for _ in range(5):
        if at and said[at - 1].endswith("n't") and ("*n't",) in table.denials:
            return at - 1
        if (length := _stands_before(table.denials, said, at)) is not None:
            return at - length
        if (length := _stands_before(table.degrees, said, at)) is None:
            return None
        at -= length
    return None


def _stands_before(phrases: _Denied, said: Said, at: int) -> int | None:
    return next((n for n in (4, 3, 2, 1) if n <= at and tuple(said[at - n : at]) in phrases), None)


def _words(said: Said, start: int, end: int) -> str:
    words = ""
    for piece in said[start:end]:
        words += f" {piece}" if words and (is_word(piece) or piece in "😡🤬😠👎👍🙏❤") else piece
    return words


def _split(words: str) -> list[str]:
    cues = [" ".join(cue.split()) for line in words.splitlines() for cue in line.split("|")]
    joined = [cue for cue in cues if cue]
    return list(dict.fromkeys(joined))


def _parts(part: str) -> tuple[str, ...]:
    """The pieces of one part of a cue; a star stays at the word before it."""
    if part.strip() in ("<service>", "<handle>", "<link>", "<address>"):
        return (part.strip(),)
    found: list[str] = []
    for word in part.split():
        for name in ("<service>", "<handle>", "<link>", "<address>"):
            if word == name:
                found.append(word)
                break
        else:
            cut = pieces(word)
            if len(cut) > 1 and cut[-1] == "*":
                cut = [*cut[:-2], cut[-2] + "*"]
            found += cut
    return tuple(found)
