"""How a case is told in plain text: instants on somebody's wall clock, one case in a few lines, a subject.

Law: pure; no header or line ever holds a stranger's control characters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ..records import Case, CaseState, Customer, NoticeKind, Urgency
from .clock import is_overdue, owed_at

ORDER = (
    NoticeKind.ESCALATED,
    NoticeKind.PROMISE,
    NoticeKind.OVERDUE,
    NoticeKind.BACK,
    NoticeKind.NEW,
    NoticeKind.ASSIGNED,
)
HEADINGS: Mapping[NoticeKind, tuple[str, str]] = {
    NoticeKind.ESCALATED: ("escalated", "Escalated to you"),
    NoticeKind.PROMISE: ("promised", "Promised to a customer"),
    NoticeKind.OVERDUE: ("overdue", "Overdue: the customer waits for a word"),
    NoticeKind.BACK: ("come back", "Come back"),
    NoticeKind.NEW: ("new", "New"),
    NoticeKind.ASSIGNED: ("given to you", "Given to you"),
}
MOST_TOLD = 30


@dataclass(frozen=True)
class News:
    """One thing to tell of one case."""

    kind: NoticeKind
    case: Case
    words: str = ""


def wall_words(instant: datetime, zone: ZoneInfo) -> str:
    """An instant on a wall clock: "Tue 1 Dec 14:30"."""
    here = instant.astimezone(zone)
    return f"{here:%a} {here.day} {here:%b %H:%M}"


def plain(text: str) -> str:
    """One line without what could steer a terminal or a header."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def person_words(case: Case, customer: Customer | None) -> str:
    """Whose case it is."""
    if customer is None or customer.erased_at is not None:
        return plain(case.author) or "somebody unknown"
    name = " ".join(part for part in (customer.first_name, customer.last_name) if part)
    return plain(f"{name} <{customer.address}>" if name else customer.address or case.author)


def due_phrase(case: Case, now: datetime, zone: ZoneInfo) -> str:
    """When the customer is to hear from us, or whose turn it is."""
    if case.state is CaseState.WAITING:
        return "waits for the customer"
    if case.state not in (CaseState.NEW, CaseState.OPEN):
        return str(case.state)
    return wall_words(owed_at(case), zone) + (" (overdue)" if is_overdue(case, now) else "")


def case_lines(case: Case, customer: Customer | None, now: datetime, zone: ZoneInfo, command: str) -> list[str]:
    """A case in a few lines, with the command that shows it."""
    about = f" about {plain(case.topic)}" if case.topic else ""
    urgency = "" if case.urgency is Urgency.NORMAL else f", urgency {case.urgency}"
    return [
        f"Case {case.id}: {case.category}{about}{urgency}",
        f"  from   {person_words(case, customer)}",
        f"  owner  {plain(case.owner) or 'nobody'}",
        f"  due    {due_phrase(case, now, zone)}",
        f'  "{plain(case.summary)}"',
        f"  {command} cases show {case.id}",
    ]


def news_subject(company: str, news: Sequence[News], opened: int, *, digest: bool) -> str:
    """The subject of a mail to a colleague: what it holds, in numbers."""
    parts = []
    for kind in ORDER:
        count = len({one.case.id for one in news if one.kind is kind})
        if count:
            parts.append(f"{count} {HEADINGS[kind][0]}")
    if not parts:
        parts = [f"{opened} open"]
    if len({one.case.id for one in news}) == 1 and not digest:
        one = news[0].case
        about = f" about {plain(one.topic)}" if one.topic else ""
        return f"[{plain(company)}] case {one.id}, {one.category}{about}: {', '.join(part[2:] for part in parts)}"
    return f"[{plain(company)}] cases: {', '.join(parts)}"


def news_text(
    news: Sequence[News],
    still: Sequence[Case],
    people: Mapping[int, Customer],
    now: datetime,
    zone: ZoneInfo,
    command: str,
) -> str:
    """The text of a mail to a colleague; `still` are their open cases in the order of work, for a digest."""
    parts: list[str] = []
    for kind in ORDER:
        told = [one for one in news if one.kind is kind]
        if not told:
            continue
        parts.append(HEADINGS[kind][1].upper())
        for one in told[:MOST_TOLD]:
            customer = people.get(one.case.customer_id or 0)
            lines = case_lines(one.case, customer, now, zone, command)
            if one.words:
                lines.insert(1, f"  {plain(one.words)}")
            parts.append("\n".join(lines))
        if len(told) > MOST_TOLD:
            parts.append(f"… and {len(told) - MOST_TOLD} more: {command} cases list")
    if still:
        parts.append("YOUR OPEN CASES, IN THE ORDER OF WORK")
        rows = [
            f"{case.id:>5}  {due_phrase(case, now, zone):<26}  {case.category}"
            f"{' about ' + plain(case.topic) if case.topic else ''}: {plain(case.summary)[:60]}"
            for case in still[:MOST_TOLD]
        ]
        more = len(still) - MOST_TOLD
        parts.append("\n".join([*rows, *([f"… and {more} more: {command} cases list"] if more > 0 else [])]))
    ids = {one.case.id for one in news}
    note = f"Answer this mail to leave a note in case {next(iter(ids), 0)}; the customer does not see it.\n"
    last = note if len(ids) == 1 else ""
    return "\n\n".join([*parts, f"-- \n{last}Times are in {zone.key}. All cases: {command} cases list\n"])
