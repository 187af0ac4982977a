"""Segments as people use them: a rule checked against what there is, saved under a name, explained, let go of.

Law: a list or saved segment that does not exist is an error at its column; a field, campaign or goal that nobody has
heard of is said (it may come yet), with the nearest one that is known. A saved rule that is in use stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlmodel import Session

from ..audience.segment import SAVED_NAME
from ..audience.segment_tokens import fault_at, on_one_line
from ..audience.segment_tree import Segment, judge_segment
from ..audience.segment_words import nearest
from ..errors import InputError, UsageError
from ..records import SavedSegment
from ..store.customers import find_customer, list_id_of, list_names, load_customers
from ..store.saved_segments import all_saved, drop_saved, keep_saved, load_segment, saved_named, uses_of
from ..store.segment_counts import clause_text
from ..store.segment_events import events_of, facts_of
from .workspace import Workspace


def check_rule(session: Session, workspace: Workspace, text: str) -> Segment:
    """The rule as of now, ready to use. Raises InputError that points at the column of what is wrong or not there."""
    segment = load_segment(session, text, workspace.clock())
    if not segment.mentions:
        return segment
    lists, topics = list_names(session), list(workspace.settings.topics)
    for one in segment.mentions:
        known = {"list": lists, "topic": topics}.get(one.kind)
        if known is not None and one.text not in known:
            there = f"There are: {', '.join(known)}." if known else "There is none yet."
            words = f"there is no {one.kind} {one.text!r}{nearest(one.text, known)}"
            raise fault_at(segment.text, one.column, words, there)
    return segment


@dataclass(frozen=True)
class Saved:
    """What saving did: created, changed or unchanged. `before`: the rule that stood there."""

    name: str
    change: str
    before: str
    used_by: tuple[str, ...]


def save_segment(workspace: Workspace, name: str, rule: str, *, about: str, again: bool, by: str) -> Saved:
    """Save a rule under a name. Raises UsageError for a bad name or one that stands with another rule, InputError for a
    wrong rule.
    """
    if not SAVED_NAME.fullmatch(name) or name.isdigit() or name in ("true", "false", "not"):
        raise UsageError(
            f"{name!r} cannot be a segment's name", remedy="Use lower-case letters, digits, dots and dashes: loyal-de"
        )
    plain = on_one_line(rule)
    if not plain:
        raise UsageError("a segment of everybody needs no name", remedy="Give a rule: 'plan == \"pro\"'")
    with workspace.database.read() as session:
        check_rule(session, workspace, plain)
    with workspace.database.write() as session:
        found = saved_named(session, name)
        before, used = (found.rule if found else ""), tuple(uses_of(session, name))
        if found is not None and found.rule != plain and not again:
            users = f", and {', '.join(used)} use it" if used else ""
            raise UsageError(
                f"{name} is saved already: {found.rule}{users}", remedy="Say --replace to save this rule in its place."
            )
        if found is not None and (found.rule, found.about) == (plain, about or found.about):
            return Saved(name, "unchanged", before, used)
        values: dict[str, Any] = {"rule": plain, "by": by} | ({"about": about} if about else {})
        new = keep_saved(session, name, values, workspace.clock())
    return Saved(name, "created" if new else "changed", before, used)


def known_saved(session: Session, name: str) -> SavedSegment:
    """The segment saved under this name. Raises InputError with the nearest name."""
    found = saved_named(session, name)
    if found is None:
        names = [row.name for row in all_saved(session)]
        there = f"There are: {', '.join(names)}." if names else f"Save one: outreach segments save {name} 'RULE'"
        raise InputError(f"no segment is saved as {name}{nearest(name, names)}", remedy=there)
    return found


def delete_segment(workspace: Workspace, name: str) -> None:
    """Let go of a saved rule. Raises InputError where there is none, or something uses it."""
    with workspace.database.write() as session:
        known_saved(session, name)
        used = uses_of(session, name)
        if used:
            raise InputError(
                f"{name} is used by {', '.join(used)}", remedy="Take it out there first, or cancel the campaign."
            )
        drop_saved(session, name)


def judge_clauses(session: Session, workspace: Workspace, segment: Segment, email: str) -> dict[str, bool]:
    """What each clause of a rule says of one customer, by its text. Raises InputError for an unknown address."""
    customer = find_customer(session, workspace.keys, email)
    if customer is None or customer.id is None:
        raise InputError(f"no customer has the address {email}", remedy="Look with: outreach customers list")
    who = customer.id
    values = load_customers(session, [who])[who].values() | facts_of(session, segment, [who]).get(who, {})
    events = events_of(session, segment, [who]).get(who, [])
    return {clause_text(node): judge_segment(replace(segment, tree=node), values, events) for node in segment.nodes}


def known_list(session: Session, name: str) -> int:
    """The id of a mailing list. Raises InputError with the nearest name."""
    found = list_id_of(session, name)
    if found is None:
        names = list_names(session)
        raise InputError(
            f"there is no mailing list {name!r}{nearest(name, names)}", remedy=f"There are: {', '.join(names)}."
        )
    return found
