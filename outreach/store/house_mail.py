"""Kept: what those who live or work together were sent lately, as it counts in each other's budget.

Law: read group by group, so that a large company costs as many rows as it was sent mails, and nothing where nobody of
those asked for is of a group; a newsletter that several of them got counts once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select
from sqlmodel import Session, col

from ..records import BULK, Delivery, Edition, EditionState, GroupKind, Membership
from .database import rows_in_chunks
from .editions import UNFINISHED
from .one_per import groups_of
from .plan import MAY_HAVE_BEEN_SENT
from .prepared import Among, Prepared, instant

CHUNK, MOST = 500, 10_000
_AT = func.coalesce(col(Delivery.sent_at), col(Delivery.intent_at))


class HouseMail:
    """What houses were sent, each read once: for whoever asks page by page. The `MOST` asked for last are kept.

    `shared`: only editions of which one of each group gets it.
    """

    def __init__(self, kind: GroupKind, *, shared: bool) -> None:
        self._kind, self._shared = kind, shared
        self._known: dict[int, _Got] = {}

    def of(self, session: Session, customer_ids: Collection[int], since: datetime) -> dict[int, list[datetime]]:
        """When others of each one's group were sent bulk mail after `since` that they did not get themselves, oldest
        first: each edition once, when the last of the others got it.
        """
        groups = groups_of(session, self._kind, customer_ids)
        self._read(session, set(groups.values()), since)
        found: dict[int, list[datetime]] = {}
        for customer, group in groups.items():
            times = [
                last
                for last, people in self._known[group].editions.values()
                if last > since and not (customer in people and people[customer] > since)
            ]
            if times:
                found[customer] = sorted(times)
        for group in list(self._known)[: max(0, len(self._known) - MOST)]:
            del self._known[group]
        return found

    def _read(self, session: Session, groups: Collection[int], since: datetime) -> None:
        got: dict[int, dict[int, dict[int, datetime]]] = {}
        for group in groups:
            known = self._known.pop(group, None)  # whoever is asked for stands last
            if known is not None and known.since <= since:
                self._known[group] = known
            else:
                got[group] = defaultdict(dict)
        for ids in rows_in_chunks(sorted(got), CHUNK):
            for group, customer, edition, what, state, one_per, at in _SENT.rows(session, ids=ids, since=since):
                if what in BULK and state in MAY_HAVE_BEEN_SENT and (not self._shared or one_per == self._kind):
                    got[group][edition][customer] = instant(at)
        for group, editions in got.items():
            told = {edition: (max(people.values()), people) for edition, people in editions.items()}
            self._known[group] = _Got(since, told)


class _Got(NamedTuple):
    """What a group was sent after `since`: by edition, when the last of them got it, and who did when."""

    since: datetime
    editions: dict[int, tuple[datetime, dict[int, datetime]]]


_SENT = Prepared(
    select(
        *(col(Membership.group_id), col(Membership.customer_id), col(Delivery.edition_id), col(Delivery.kind)),
        *(col(Delivery.state), col(Edition.one_per), _AT),
    )
    .select_from(Membership)
    .join(Delivery, col(Delivery.customer_id) == col(Membership.customer_id))
    .join(Edition, col(Edition.id) == col(Delivery.edition_id))
    .where(Among(col(Membership.group_id), "ids"), bindparam("since") < _AT)
)


def shared_under_way(session: Session, kind: GroupKind) -> set[int]:
    """The editions that are not finished of which one of each group gets it."""
    states = [state for state in UNFINISHED if state is not EditionState.WAITING]
    query = select(col(Edition.id)).where(col(Edition.one_per) == kind.value, col(Edition.state).in_(states))
    return {number for number in session.execute(query).scalars() if number is not None}
