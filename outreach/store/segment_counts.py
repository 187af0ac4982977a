"""How many customers a rule takes: everybody asked at once, in one look, and what each of its clauses does.

Law: the same people as `segment_filter` takes page by page; a test compares them. On SQLite what declared columns
tell is read from the narrow index that holds them all (`attributes.LEAN`), whole customers only where something else is
asked of them, and whom something happened to is found once and looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select, text
from sqlmodel import Session, col

from ..audience.segment_text import segment_text
from ..audience.segment_tree import AllOf, AnyOf, Happened, InRegion, Node, Not, OneOf, Segment, walk
from ..audience.segment_words import FACTS
from ..records import AttributeKind, Customer, Subscription, SubscriptionState
from .attributes import LEAN_COLUMNS, LEAN_ROWS
from .segments import node_filter, segment_filter

FEW = 20_000
"""So many people are looked up one by one sooner than everybody is walked (measured on a million)."""
_WALKED = f"({LEAN_ROWS}) IS 1"
"""The same in words by which SQLite walks the customers themselves: where more is asked than the index holds."""
REACHABLE = (col(Customer.address_key).is_not(None), col(Customer.erased_at).is_(None))


def count_people(session: Session, segment: Segment) -> int:
    """How many customers with an address the segment takes."""
    query: Any = select(func.count()).select_from(Customer)
    query = query.where(*_taken(session, segment))
    return int(session.connection().execute(query).scalar_one())


def _taken(session: Session, segment: Segment) -> list[Any]:
    """Who can be written to and is taken, by the shortest way."""
    if segment.tree is None or not _is_sqlite(session) or _are_few(session, segment):
        return [*REACHABLE, segment_filter(segment)]
    parts = _top(segment)
    lean = bool(segment.kinds) and any(_is_lean(part, segment) for part in parts)
    # what the index tells is asked first, and a customer is fetched only where all of that holds: SQLite sees to it
    return [text(LEAN_ROWS if lean else _WALKED), *(node_filter(part, segment, everyone=True) for part in parts)]


def _top(segment: Segment) -> tuple[Node, ...]:
    """The parts that must all hold."""
    if segment.tree is None:
        return ()
    return segment.tree.parts if isinstance(segment.tree, AllOf) else (segment.tree,)


def _is_sqlite(session: Session) -> bool:
    return session.connection().dialect.name == "sqlite"


def _are_few(session: Session, segment: Segment) -> bool:
    """Whether a declared attribute must equal something that few people have."""
    for part in _top(segment):
        if not isinstance(part, OneOf) or segment.kinds.get(part.field, AttributeKind.LIST) is AttributeKind.LIST:
            continue
        some = select(col(Customer.id)).where(segment_filter(Segment("", part, kinds=segment.kinds))).limit(FEW + 1)
        if session.connection().execute(select(func.count()).select_from(some.subquery())).scalar_one() <= FEW:
            return True
    return False


def _is_lean(node: Node, segment: Segment) -> bool:
    """Whether the narrow index, or another table by the customer's id, tells all that this part asks for."""
    for one in walk(node):
        if isinstance(one, Happened):
            if one.what == "blocked":
                return False
        elif not isinstance(one, AllOf | AnyOf | Not | InRegion):
            name = getattr(one, "field", "")
            if name == "added" or not (name in segment.kinds or name in FACTS or name in LEAN_COLUMNS):
                return False
    return True


@dataclass(frozen=True)
class Clause:
    """One part of a rule. `alone`: whom it takes by itself; `left`: who is left of those whom the parts before it
    took too (joined by `and`) or have been added so far (by `or`), None for parts inside parts. `depth` from 0.
    """

    text: str
    depth: int
    joined: str
    alone: int
    left: int | None


def count_clauses(session: Session, segment: Segment, list_id: int | None = None) -> tuple[int, list[Clause]]:
    """How many people there are (with an address; subscribed to the list), and how many each clause keeps: one look."""
    parts = [*_parts(segment.tree)] if segment.tree is not None else []
    everyone = _is_sqlite(session)
    # by identity: `x == 1` and `x == true` are equal as Python has it; a saved rule named twice is one
    conditions = {id(node): node for node in segment.nodes if not isinstance(node, AllOf | AnyOf | Not)}
    judged = [
        case((node_filter(node, segment, everyone), 1), else_=0).label(f"c{at}")
        for at, node in enumerate(conditions.values())
    ]
    query = select(col(Customer.id), *judged).select_from(Customer)
    lean = everyone and bool(segment.kinds) and all(_is_lean(node, segment) for node in conditions.values())
    query = query.where(text(LEAN_ROWS if lean else _WALKED)) if everyone else query.where(*REACHABLE)
    if list_id is not None:
        tied = and_(col(Subscription.customer_id) == col(Customer.id), col(Subscription.list_id) == list_id)
        query = query.join(Subscription, tied).where(col(Subscription.state) == SubscriptionState.SUBSCRIBED)
    # each condition is judged once a person: without the offset a database would write it into each count
    told = query.offset(0).subquery()
    answers = {key: told.c[f"c{at}"] == 1 for at, key in enumerate(conditions)}
    truths = [_truth(node, answers) for node, *_ in parts]
    together = or_ if isinstance(segment.tree, AnyOf) else and_
    top = [at for at, (_, depth, _) in enumerate(parts) if depth == 0]
    so_far = [together(*(truths[at] for at in top[:place])) for place in range(2, len(top) + 1)]
    counted: list[Any] = [func.count(case((one, 1))) for one in [*truths, *so_far]]
    people, *numbers = session.connection().execute(select(func.count(), *counted).select_from(told)).one()
    left = dict(zip(top, [*numbers[:1], *numbers[len(parts) :]], strict=True))
    return people, [
        Clause(clause_text(node), depth, joined, numbers[at], left.get(at))
        for at, (node, depth, joined) in enumerate(parts)
    ]


def _truth(node: Node, answers: Mapping[int, ColumnElement[bool]]) -> ColumnElement[bool]:
    """Whether a clause holds, by the answers to its conditions."""
    match node:
        case AllOf(parts):
            return and_(*(_truth(part, answers) for part in parts))
        case AnyOf(parts):
            return or_(*(_truth(part, answers) for part in parts))
        case Not(part):
            return not_(_truth(part, answers))
    return answers[id(node)]


def clause_text(node: Node) -> str:
    """A clause as a person reads it on a line of its own."""
    return f"({segment_text(node)})" if isinstance(node, AllOf | AnyOf) else segment_text(node)


def _parts(tree: Node) -> Iterable[tuple[Node, int, str]]:
    """The clauses of a rule with their depth and the word that joins them."""
    yield from _joined(tree, 0)


def _joined(node: Node, depth: int) -> Iterable[tuple[Node, int, str]]:
    joined = "or" if isinstance(node, AnyOf) else "and"
    parts: Sequence[Node] = node.parts if isinstance(node, AllOf | AnyOf) else (node,)
    for place, part in enumerate(parts):
        yield part, depth, joined if place else ""
        inner = part.part if isinstance(part, Not) else part
        if isinstance(inner, AllOf | AnyOf) and depth < 3:
            yield from _joined(inner, depth + 1)
