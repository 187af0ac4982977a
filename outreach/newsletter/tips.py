"""Which tips one person gets in this issue, and why.

Law: never the same tip twice; the person's own topics first, once they have had a personal answer; a topic
that still waits for that answer is left out; then one tip on each topic that many write about now; then the editor's
order. The reason is read in the reader's language.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

# A topic is a word of the settings, written once: only the language that it is written in can name it.
_WROTE = {"en": "You wrote to us about {topic}", "de": "Sie haben uns zu diesem Thema geschrieben"}
_MANY = {"en": "Many of our customers ask about this at the moment", "de": "Danach fragen uns zurzeit viele"}


@dataclass(frozen=True)
class TipFacts:
    """What the choice reads of a tip. `segment_ok`: the person is in the tip's segment."""

    name: str
    topics: tuple[str, ...]
    segment_ok: bool
    position: int
    valid_from: datetime | None
    valid_until: datetime | None
    languages: tuple[str, ...]


@dataclass(frozen=True)
class ChosenTip:
    """A tip for one person; `reason` is read by that person; `boost` is the id of the boost that it answers."""

    name: str
    reason: str = ""
    boost: int | None = None


def choose_tips(
    pool: Sequence[TipFacts],
    *,
    shown: Collection[str],
    boosts: Mapping[str, int],
    blocked: Collection[str],
    language: str,
    campaign_topics: Collection[str],
    count: int,
    now: datetime,
    trend: Sequence[str] = (),
) -> list[ChosenTip]:
    """At most `count` tips, best first. `boosts` maps a topic to its boost's id; `trend` are topics in their order.

    A campaign with topics of its own takes only tips on them, beside those that answer a boost or a trend.
    """
    wanted, barred = frozenset(campaign_topics), frozenset(blocked)
    fit = [tip for tip in pool if tip.name not in shown and _fits(tip, barred, now)]
    fit.sort(
        key=lambda tip: (not _picked(tip.languages, language), wanted.isdisjoint(tip.topics), tip.position),
    )
    chosen: list[ChosenTip] = []
    wrote = [(topic, tip_reason(topic, language), boost) for topic, boost in boosts.items()]
    many = _MANY[pick_language(tuple(_MANY), language) or "en"]
    for topic, reason, answers in [*wrote, *((topic, many, None) for topic in trend if topic not in boosts)]:
        if len(chosen) < count and topic not in blocked:
            taken = {tip.name for tip in chosen}
            found = next((tip for tip in fit if topic in tip.topics and tip.name not in taken), None)
            if found is not None:
                chosen.append(ChosenTip(found.name, reason, answers))
    taken = {tip.name for tip in chosen}
    rest = [tip for tip in fit if tip.name not in taken and not (wanted and wanted.isdisjoint(tip.topics))]
    chosen += [ChosenTip(tip.name) for tip in rest[: max(0, count - len(chosen))]]
    return chosen


def _fits(tip: TipFacts, barred: frozenset[str], now: datetime) -> bool:
    return (
        tip.segment_ok
        and barred.isdisjoint(tip.topics)
        and (tip.valid_from is None or tip.valid_from <= now)
        and (tip.valid_until is None or now < tip.valid_until)
    )


def tip_reason(topic: str, language: str) -> str:
    """Why a tip on `topic` comes first, in the words of its reader; English for a language that has none here."""
    return _WROTE[pick_language(tuple(_WROTE), language) or "en"].format(topic=topic)


def pick_language(languages: Sequence[str], wanted: str) -> str:
    """The one of `languages` that a reader of `wanted` reads: the same, else the same without its region, else ""."""
    return _picked(tuple(languages), wanted)


@lru_cache(maxsize=1024)
def _picked(languages: tuple[str, ...], wanted: str) -> str:
    known = {language.lower(): language for language in languages}
    wanted = wanted.lower().replace("_", "-")
    return known.get(wanted) or known.get(wanted.partition("-")[0], "")
