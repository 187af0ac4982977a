"""Kept: segments that are saved under a name, and reading a rule that names them.

Law: whoever judges or streams people by a rule's text reads it here, so that saved rules stand in their places and
spans are counted from one instant. A rule never comes round to itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from ..audience.segment import parse_segment
from ..audience.segment_text import segment_text
from ..audience.segment_tokens import fault_at
from ..audience.segment_tree import Node, Segment, put_saved
from ..audience.segment_words import nearest
from ..errors import InputError
from ..records import (
    Campaign,
    CampaignState,
    Cause,
    SavedSegment,
    Sequence,
    Tip,
)
from .attributes import kinds_of


def load_segment(session: Session, text: str, now: datetime) -> Segment:
    """The rule as of `now`, saved ones in the places of their names, attributes as declared.

    Raises InputError that points at the column.
    """
    segment = replace(_parsed(text), now=now, kinds=kinds_of(session))
    if segment.tree is None or not segment.saved:
        return segment
    return replace(segment, tree=put_saved(segment.tree, _trees(session, segment, ())))


@lru_cache(maxsize=256)
def _parsed(text: str) -> Segment:
    return parse_segment(text)


def whole_text(session: Session, text: str) -> str:
    """The rule with saved ones written out in their places, for what is frozen; one that cannot be read as it is."""
    try:
        segment = parse_segment(text)
        if segment.tree is None or not segment.saved:
            return text
        return segment_text(put_saved(segment.tree, _trees(session, segment, ())))
    except InputError:
        return text


def _trees(session: Session, segment: Segment, above: tuple[str, ...]) -> dict[str, Node]:
    """The trees of the saved rules that a rule names; `above`: the saved ones that it stands in."""
    found: dict[str, Node] = {}
    for name in segment.saved:
        if name in above:
            way = " → ".join([*above[above.index(name) :], name])
            raise InputError(f"the segment {name} comes round to itself: {way}", remedy="Take one of the names out.")
        row = saved_named(session, name)
        if row is None:
            raise _unknown(session, segment, name)
        inner = parse_segment(row.rule)
        assert inner.tree is not None
        found[name] = put_saved(inner.tree, _trees(session, inner, (*above, name))) if inner.saved else inner.tree
    return found


def _unknown(session: Session, segment: Segment, name: str) -> InputError:
    names = [row.name for row in all_saved(session)]
    column = next((one.column for one in segment.mentions if (one.kind, one.text) == ("segment", name)), 1)
    there = f"There are: {', '.join(names)}." if names else f"Save one: outreach segments save {name} 'RULE'"
    if segment.text == name:
        there += f' To ask for an attribute, write: {name} == "…"'
    return fault_at(segment.text, column, f"no segment is saved as {name}{nearest(name, names)}", there)


def saved_named(session: Session, name: str) -> SavedSegment | None:
    """The segment saved under this name."""
    return session.execute(select(SavedSegment).where(col(SavedSegment.name) == name)).scalar()


def all_saved(session: Session) -> list[SavedSegment]:
    """Every saved segment, by name."""
    return list(session.execute(select(SavedSegment).order_by(col(SavedSegment.name))).scalars())


def keep_saved(session: Session, name: str, values: Mapping[str, Any], now: datetime) -> bool:
    """Save a rule that was checked; whether the name is new. Raises InputError where it comes round to itself."""
    found = saved_named(session, name)
    row = found or SavedSegment(name=name, rule="", created_at=now, changed_at=now)
    for key, value in values.items():
        setattr(row, key, value)
    row.changed_at = now
    session.add(row)
    session.flush()
    load_segment(session, name, now)
    return found is None


def drop_saved(session: Session, name: str) -> None:
    """Let go of a saved rule."""
    found = saved_named(session, name)
    if found is not None:
        session.delete(found)
        session.flush()


def uses_of(session: Session, name: str) -> list[str]:
    """What names the saved rule: "campaign spring", "tip milk", "cause leak", "segment loyal", "sequence welcome"."""
    found: list[str] = []
    campaigns = select(col(Campaign.name), col(Campaign.segment)).where(col(Campaign.state) != CampaignState.CANCELLED)
    kept: tuple[tuple[str, Any, Any], ...] = (
        ("campaign", Campaign, campaigns),
        ("tip", Tip, select(col(Tip.name), col(Tip.segment))),
        ("cause", Cause, select(col(Cause.name), col(Cause.segment))),
        ("segment", SavedSegment, select(col(SavedSegment.name), col(SavedSegment.rule))),
    )
    for what, table, query in kept:
        rows: Iterable[Any] = session.connection().execute(query.order_by(table.name))
        found += [f"{what} {row[0]}" for row in rows if row[1] and name in _names_in(row[1])]
    for sequence in session.execute(select(Sequence).order_by(col(Sequence.name))).scalars():
        rules = [*rules_in(sequence.plan), *rules_in(sequence.draft)]
        if any(name in _names_in(rule) for rule in rules):
            found.append(f"sequence {sequence.name}")
    return found


def rules_in(plan: Any) -> Iterable[str]:
    """The rules in a sequence's plan: what stands under `segment` or `segments`, however deep."""
    if isinstance(plan, list):
        for one in plan:
            yield from rules_in(one)
    elif isinstance(plan, dict):
        for key, value in plan.items():
            if key == "segment" and isinstance(value, str):
                yield value
            elif key == "segments" and isinstance(value, dict):
                yield from (rule for rule in value.values() if isinstance(rule, str))
            else:
                yield from rules_in(value)


def _names_in(rule: str) -> tuple[str, ...]:
    try:
        return parse_segment(rule).saved
    except InputError:
        return ()
