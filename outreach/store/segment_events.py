"""What happened to customers, as SQL: one source for each question of `audience.segment_words`.

Law: the same events whether a condition asks for them (`happened`) or they are loaded for the pure judge
(`events_of`); each question walks one customer's own rows by an index.
"""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, null, or_, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Boolean, String
from sqlmodel import Session, col

from ..audience.segment_tree import Event, Happened, Segment, instant_of
from ..audience.segment_words import COUNTS, EVENTS, FACTS, UNSOLVED
from ..cases.case import UNSOLVED as UNSOLVED_STATES
from ..records import (
    Campaign,
    Case,
    CaseState,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    Goal,
    GroupKind,
    Inbound,
    Kind,
    Machine,
    MailingList,
    Membership,
    Subscription,
    SubscriptionState,
    Suppression,
    Touch,
)
from .database import rows_in_chunks

_COMPARE: dict[str, Any] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_ISSUE = re.compile(r"(.+)-(0|[1-9]\d{0,8})")
PAGE = 2_000


@dataclass(frozen=True)
class Source:
    """Where one kind of event is kept. `named` is the condition for a name, `marks` those for each mark's value;
    `told` are the columns (name, issue, then the marks in order) by which an event is loaded, `via` joins for them.
    `whose`: the customer's id in it, where everybody's are few enough to be taken together (`by_name` names them then).
    """

    at: Any
    mine: Any
    kept: tuple[Any, ...] = ()
    named: Callable[[str], Any] | None = None
    marks: Mapping[str, Callable[[str], Any]] = field(default_factory=dict)
    told: tuple[Any, ...] = ()
    via: Callable[[Any], Any] = lambda query: query
    unless_over: Any = None
    whose: Any = None
    by_name: Callable[[str], Any] | None = None


def happened(node: Happened, now: datetime | None, everyone: bool = False) -> ColumnElement[bool]:
    """The condition on `Customer` that it happened to them so many times.

    `everyone` is asked, not a page of them: then whom it happened to may be found once, and all others looked up there.
    """
    source = SOURCES[node.what]
    asked = [*source.kept]
    if source.unless_over is not None:
        asked.append(_still(source.unless_over, now))
    ever = ever_or_never(node.order, node.number)
    together = everyone and ever is not None and source.whose is not None
    named = source.by_name if together and source.by_name is not None else source.named
    if node.name and named is not None:
        asked.append(named(node.name))
    if node.since is not None:
        asked.append(source.at >= instant_of(node.since, now))
    if node.before is not None:
        asked.append(source.at < instant_of(node.before, now))
    asked += [source.marks[mark](value) for mark, value in node.marks]
    if not together:
        asked.append(source.mine)
    if ever is not None:
        found = _among(source.whose, *asked) if together else exists().where(*asked).correlate(Customer)
        return found if ever else ~found
    count = select(func.count()).where(*asked).correlate(Customer).scalar_subquery()
    counted: ColumnElement[bool] = _COMPARE[node.order](count, node.number)
    return counted


def ever_or_never(order: str, number: float) -> bool | None:
    """Whether so many times means at least once (True) or not at all (False); None for any other count."""
    if (order, number) in ((">=", 1), (">", 0), ("!=", 0)):
        return True
    return False if (order, number) in (("==", 0), ("<", 1), ("<=", 0)) else None


def _among(whose: Any, *asked: Any) -> ColumnElement[bool]:
    return col(Customer.id).in_(select(whose).where(*asked, whose.is_not(None)))


def events_of(session: Session, segment: Segment, ids: Sequence[int]) -> dict[int, list[Event]]:
    """What happened to these customers, of all that the rule asks for; for the pure judge."""
    found: dict[int, list[Event]] = defaultdict(list)
    for what in sorted({node.what for node in segment.nodes if isinstance(node, Happened)}):
        source = SOURCES[what]
        query = source.via(select(col(Customer.id), source.at, *source.told).where(source.mine, *source.kept))
        if source.unless_over is not None:
            query = query.where(_still(source.unless_over, segment.now))
        for part in rows_in_chunks(list(ids), PAGE):
            rows: Iterable[Any] = session.connection().execute(query.where(col(Customer.id).in_(part)))
            for customer_id, at, *told in rows:
                found[customer_id].append(_event(what, at, told))
    return dict(found)


def _event(what: str, at: datetime, told: Sequence[Any]) -> Event:
    name, issue, *marks = [*told, None, None][: max(2, len(told))]
    words: dict[str, frozenset[str]] = {}
    for mark, value in zip(EVENTS[what].marks, marks, strict=False):
        several = value if isinstance(value, list) else [] if value is None else [str(value)]
        if mark == "state" and value in UNSOLVED_STATES:
            several = [*several, UNSOLVED]
        words[mark] = frozenset(several)
    return Event(what, at, name or "", issue, words)


def _still(until: Any, now: datetime | None) -> Any:
    if now is None:
        raise ValueError("what runs out needs the instant that is looked at")
    return or_(until.is_(None), until > now)


def _editions_named(name: str) -> Any:
    """The editions of a campaign, or the one issue of it that the name tells."""
    wanted = col(Campaign.name) == name
    if found := _ISSUE.fullmatch(name):
        wanted = or_(wanted, and_(col(Campaign.name) == found[1], col(Edition.number) == int(found[2])))
    return select(col(Edition.id)).join(Campaign, col(Campaign.id) == col(Edition.campaign_id)).where(wanted)


def _with_edition(query: Any) -> Any:
    return query.outerjoin(Edition, col(Edition.id) == col(Delivery.edition_id)).outerjoin(
        Campaign, col(Campaign.id) == col(Edition.campaign_id)
    )


def _mail(state: DeliveryState, at: Any) -> Source:
    return Source(
        at=at,
        mine=col(Delivery.customer_id) == col(Customer.id),
        kept=(col(Delivery.state) == state, at.is_not(None), col(Delivery.kind) != Kind.TEST),
        named=lambda name: col(Delivery.edition_id).in_(_editions_named(name)),
        marks={"kind": lambda value: col(Delivery.kind) == Kind(value)},
        told=(col(Campaign.name), col(Edition.number), col(Delivery.kind)),
        via=_with_edition,
    )


def _touches(sort: Any) -> Source:
    """What a person did with a mail, once for each mail and link; what machines follow does not count."""
    return Source(
        at=col(Touch.person_at),
        mine=col(Delivery.customer_id) == col(Customer.id),
        kept=(col(Touch.delivery_id) == col(Delivery.id), col(Touch.person_at).is_not(None), sort),
        named=lambda name: col(Delivery.edition_id).in_(_editions_named(name)),
        told=(col(Campaign.name), col(Edition.number)),
        via=lambda query: _with_edition(query.join(Delivery, col(Delivery.id) == col(Touch.delivery_id))),
        whose=col(Delivery.customer_id),
        by_name=lambda name: col(Touch.edition_id).in_(_editions_named(name)),
    )


def _tie(state: SubscriptionState) -> Source:
    return Source(
        at=col(Subscription.changed_at),
        mine=col(Subscription.customer_id) == col(Customer.id),
        kept=(col(Subscription.state) == state,),
        named=lambda name: col(Subscription.list_id).in_(
            select(col(MailingList.id)).where(col(MailingList.name) == name)
        ),
        told=(col(MailingList.name),),
        via=lambda query: query.join(MailingList, col(MailingList.id) == col(Subscription.list_id)),
    )


def _replies() -> Source:
    return Source(
        at=col(Inbound.received_at),
        mine=col(Inbound.customer_id) == col(Customer.id),
        kept=(col(Inbound.machine) == Machine.HUMAN, col(Inbound.copy_of).is_(None)),
        named=lambda name: (
            exists()
            .where(col(Delivery.id) == col(Inbound.delivery_id), col(Delivery.edition_id).in_(_editions_named(name)))
            .correlate(Inbound)
        ),
        marks={
            "category": lambda value: func.coalesce(col(Inbound.category) == value, False),
            "topic": lambda value: _Lists(col(Inbound.topics), value),
            "channel": lambda value: col(Inbound.channel) == value,
            "urgency": lambda value: col(Inbound.urgency) == value,
        },
        told=(
            *(col(Campaign.name), col(Edition.number), col(Inbound.category), col(Inbound.topics)),
            *(col(Inbound.channel), col(Inbound.urgency)),
        ),
        via=lambda query: _with_edition(query.outerjoin(Delivery, col(Delivery.id) == col(Inbound.delivery_id))),
    )


def _cases() -> Source:
    def in_state(value: str) -> Any:
        return col(Case.state).in_([*UNSOLVED_STATES] if value == UNSOLVED else [CaseState(value)])

    return Source(
        at=col(Case.opened_at),
        mine=col(Case.customer_id) == col(Customer.id),
        marks={
            "topic": lambda value: col(Case.topic) == value,
            "category": lambda value: col(Case.category) == value,
            "state": in_state,
            "urgency": lambda value: col(Case.urgency) == value,
        },
        told=(null(), null(), col(Case.topic), col(Case.category), col(Case.state), col(Case.urgency)),
        whose=col(Case.customer_id),
    )


def _blocks() -> Source:
    return Source(
        at=col(Suppression.at),
        mine=col(Suppression.address_key) == col(Customer.address_key),
        marks={"reason": lambda value: col(Suppression.reason) == value},
        told=(null(), null(), col(Suppression.reason)),
        unless_over=col(Suppression.expires_at),
    )


def _goals() -> Source:
    return Source(
        at=col(Goal.at),
        mine=col(Goal.customer_id) == col(Customer.id),
        named=lambda name: col(Goal.name) == name,
        told=(col(Goal.name),),
    )


class _Lists(FunctionElement[bool]):
    """Whether a JSON list of texts holds this one."""

    type = Boolean()
    inherit_cache = True

    def __init__(self, column: Any, text: str) -> None:
        super().__init__(column, bindparam(None, text, String, unique=True))


class Day(FunctionElement[str]):
    """The day of an instant, in UTC, as ISO text."""

    type = String()
    inherit_cache = True


class Small(FunctionElement[str]):
    """An address with A to Z as small letters, whatever the database's collation."""

    type = String()
    inherit_cache = True


_SPELT: dict[tuple[Any, str], str] = {
    (Small, "sqlite"): "lower({0})",
    (Small, "postgresql"): 'lower({0} COLLATE "C")',
    (_Lists, "sqlite"): "EXISTS (SELECT 1 FROM json_each({0}) WHERE json_each.value = {1})",
    (_Lists, "postgresql"): "EXISTS (SELECT 1 FROM json_array_elements_text({0}) AS one WHERE one = {1})",
    (Day, "sqlite"): "substr({0}, 1, 10)",
    (Day, "postgresql"): "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}


def spell(spelt: Mapping[tuple[Any, str], str]) -> None:
    """Teach each database how an element of ours is written; {0}, {1} … are its parts, each as often as needed."""
    for (element, dialect), form in spelt.items():

        def render(element: Any, compiler: Any, form: str = form, **options: Any) -> str:
            parts = list(element.clauses)
            said = [compiler.process(part, **options) if f"{{{n}}}" in form else "" for n, part in enumerate(parts)]
            return "(" + form.format(*said) + ")"

        compiles(element, dialect)(render)


spell(_SPELT)

SOURCES = {
    "got": _mail(DeliveryState.SENT, col(Delivery.sent_at)),
    "bounced": _mail(DeliveryState.FAILED, col(Delivery.settled_at)),
    "opened": _touches(col(Touch.number) == 0),
    "clicked": _touches(col(Touch.number) > 0),
    "replied": _replies(),
    "case": _cases(),
    "reached": _goals(),
    "subscribed": _tie(SubscriptionState.SUBSCRIBED),
    "unsubscribed": _tie(SubscriptionState.UNSUBSCRIBED),
    "pending": _tie(SubscriptionState.PENDING),
    "blocked": _blocks(),
}


def count_of(fact: str) -> Any:
    """How many of these a customer has (`segment_words.COUNTS`)."""
    kind, _, what = fact.partition("_")
    if kind in set(GroupKind):
        return _count_together(GroupKind(kind), what)
    mine = select(func.count()).where(col(Case.customer_id) == col(Customer.id), _counts(fact))
    return mine.correlate(Customer).scalar_subquery()


def _count_together(kind: GroupKind, what: str) -> Any:
    """How many people a customer's group has, or how many open cases they have together."""
    own: Any = Membership.__table__.alias("own")  # type: ignore[attr-defined]
    each: Any = Membership.__table__.alias("each_one")  # type: ignore[attr-defined]
    mine = select(func.count()).where(own.c.customer_id == col(Customer.id), own.c.kind == kind)
    mine = mine.where(each.c.group_id == own.c.group_id)
    if what == "open_cases":
        mine = mine.where(col(Case.customer_id) == each.c.customer_id, col(Case.state).in_(UNSOLVED_STATES))
    return mine.correlate(Customer).scalar_subquery()


CASE_COUNTS = ("open_cases", "all_cases")


def has_some(fact: str, everyone: bool = False) -> ColumnElement[bool]:
    """The condition on `Customer` that they have at least one of these (of CASE_COUNTS)."""
    if everyone:
        return _among(col(Case.customer_id), _counts(fact))
    return exists().where(col(Case.customer_id) == col(Customer.id), _counts(fact)).correlate(Customer)


def _counts(fact: str) -> ColumnElement[bool]:
    return col(Case.state).in_(UNSOLVED_STATES) if fact == "open_cases" else true()


_LAST = {
    "last_sent": "got",
    "last_open": "opened",
    "last_click": "clicked",
    "last_reply": "replied",
    "last_case": "case",
}


def day_of(fact: str) -> Any:
    """The day of a customer's last of these (`segment_words.DAYS`); NULL where there was none."""
    if fact == "added":
        return Day(col(Customer.created_at))
    source = SOURCES[_LAST[fact]]
    last = select(func.max(source.at)).where(source.mine, *source.kept).correlate(Customer).scalar_subquery()
    return Day(last)


def facts_of(session: Session, segment: Segment, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The facts that the rule looks at, of these customers, by name; for the pure judge."""
    names = sorted(segment.fields & FACTS)
    if not names:
        return {}
    columns = [(count_of if name in COUNTS else day_of)(name) for name in names]
    query = select(col(Customer.id), *columns)
    found: dict[int, dict[str, Any]] = {}
    for part in rows_in_chunks(list(ids), PAGE):
        rows: Iterable[Any] = session.connection().execute(query.where(col(Customer.id).in_(part)))
        found.update((row[0], dict(zip(names, row[1:], strict=True))) for row in rows)
    return found
