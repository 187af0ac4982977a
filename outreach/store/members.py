"""Kept: who lives or works together, all of them at once, for a look ahead.

Law: each group comes whole, by its number, and in it its people by theirs; on SQLite two thousand groups in one row, in
what order ever, which is put right here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlmodel import Session, col

from ..records import GroupKind, Membership, Subscription, SubscriptionState
from .packed import Make, Within, in_columns, in_pieces

SPARSE = 8
"""Where fewer than one number in so many is a group's, the rows are read one by one."""
Rows = list[tuple[Any, ...]]
_GROUP, _PERSON = col(Membership.group_id), col(Membership.customer_id)
_group: Any = itemgetter(0)


def all_members(session: Session, kind: GroupKind) -> Iterator[Rows]:
    """Everybody of such a group: group, customer."""

    def make(columns: Sequence[Any]) -> Select[Any]:
        return select(*columns).where(col(Membership.kind) == kind)

    found = in_columns(session, make, [_GROUP, _PERSON], _within(session, kind), [_GROUP, _PERSON])
    return _whole(found)


def all_houses(session: Session, kind: GroupKind, list_id: int | None) -> Iterator[Rows]:
    """Everybody of such a group who is subscribed to the list: group, customer, since when (to compare alone)."""
    columns, within = [_GROUP, _PERSON, col(Subscription.changed_at)], _within(session, kind)
    make = on_list(kind, list_id, pieces=within is not None)
    return _whole(in_columns(session, make, columns, within, [_GROUP, _PERSON]))


def on_list(kind: GroupKind, list_id: int | None, *, pieces: bool) -> Make:
    """Those of such a group who are subscribed to the list; in `pieces`: never from the list, which is long."""
    of_list: Any = col(Subscription.list_id) + 0 if pieces else col(Subscription.list_id)
    tie = and_(col(Subscription.customer_id) == _PERSON, of_list == list_id)

    def make(columns: Sequence[Any]) -> Select[Any]:
        theirs = select(*columns).select_from(Membership).join(Subscription, tie)
        return theirs.where(col(Membership.kind) == kind, col(Subscription.state) == SubscriptionState.SUBSCRIBED)

    return make


def _within(session: Session, kind: GroupKind) -> Within | None:
    if not in_pieces(session):
        return None
    query = select(func.min(_GROUP), func.max(_GROUP), func.count()).where(col(Membership.kind) == kind)
    first, last, count = session.execute(query).one()
    return Within(_GROUP, first, last) if count and last - first < SPARSE * count else None


def _whole(found: Iterable[Sequence[Sequence[Any]]]) -> Iterator[Rows]:
    """These rows group by group, none of which is cut in two."""
    rest: Rows = []
    for groups, persons, *more in found:
        rows = [*rest, *sorted(zip(map(int, groups), map(int, persons), *more, strict=True))]
        cut = bisect_left(rows, rows[-1][0], key=_group)
        rest = rows[cut:]
        if cut:
            yield rows[:cut]
    if rest:
        yield rest


def apart(rows: Rows) -> tuple[Rows, list[Rows]]:
    """Those of two to a group, one behind the other, and the larger groups; who is alone in one, in neither."""
    sizes = Counter(map(_group, rows))
    pairs = [row for row in rows if sizes[row[0]] == 2]
    more = [list(group) for _, group in groupby((row for row in rows if sizes[row[0]] > 2), key=_group)]
    return pairs, more
