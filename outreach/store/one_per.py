"""Kept: who of one household (or company) is on a list, who had its last issue, and who may stand in for whom.

Law: whoever was passed over goes back into the queue only by compare-and-set, and only while nobody of theirs has the
mail, is to get it, or is held out of it; all of that is looked at again in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, func, select, update
from sqlmodel import Session, col

from ..delivery.state import move
from ..plan.one_per import COUNTS_AS_GOT, HAVE_IT, ONE_PER, TO_GET_IT, Other
from ..records import (
    Campaign,
    Consent,
    Customer,
    Delivery,
    DeliveryEvent,
    DeliveryState,
    Edition,
    EditionState,
    GroupKind,
    Inbound,
    MailingList,
    Membership,
    Subscription,
    SubscriptionState,
    Touch,
    Wish,
)
from .crowd import mails_of
from .database import rows_in_chunks
from .packed import in_pieces
from .phases import InState
from .prepared import Among, Prepared, instant
from .reach import BY_PERSON, HERE

CHUNK = 500
_MINE: Any = Membership.__table__.alias("mine")  # type: ignore[attr-defined]
_HOUSE: Any = Membership.__table__.alias("house")  # type: ignore[attr-defined]
_KIND: Any = bindparam("kind")


class OnList(NamedTuple):
    """Somebody of a household who is tied to a list."""

    group_id: int
    customer_id: int
    zone: str | None
    since: datetime | None


def list_word(session: Session, list_id: int | None) -> str:
    """Of which groups one person each gets a list's mail; "": everybody."""
    query = select(col(MailingList.one_per)).where(col(MailingList.id) == list_id)
    return str(session.execute(query).scalar() or "") if list_id is not None else ""


def houses_with(
    session: Session, kind: GroupKind, list_id: int | None, customer_ids: Collection[int]
) -> dict[int, list[OnList]]:
    """The groups of these customers of which more than one person is subscribed to the list, with all who are."""
    return houses_of(session, list_id, groups_of(session, kind, customer_ids).values())


def groups_of(session: Session, kind: GroupKind, customer_ids: Iterable[int]) -> dict[int, int]:
    """The group of this kind that each of these customers is of."""
    found: dict[int, int] = {}
    for ids in rows_in_chunks(sorted(set(customer_ids)), CHUNK):
        found.update((customer, group) for customer, group in _GROUPS.rows(session, ids=ids, kind=kind.value))
    return found


_GROUPS = Prepared(
    select(col(Membership.customer_id), col(Membership.group_id)).where(
        Among(col(Membership.customer_id), "ids"), col(Membership.kind) == _KIND
    )
)


def houses_of(session: Session, list_id: int | None, groups: Iterable[int]) -> dict[int, list[OnList]]:
    """Those of these groups of which more than one person is subscribed to the list, with all who are."""
    found: dict[int, list[OnList]] = defaultdict(list)
    for ids in rows_in_chunks(sorted(set(groups)), CHUNK):
        for row in _HOUSES.rows(session, ids=ids, list=list_id):
            found[row[0]].append(OnList(row[0], row[1], row[2], instant(row[3])))
    return {group: sorted(people) for group, people in found.items() if len(people) > 1}


_HOUSES = Prepared(
    select(col(Membership.group_id), col(Membership.customer_id), col(Customer.zone), col(Subscription.changed_at))
    .select_from(Membership)
    .join(Customer, col(Customer.id) == col(Membership.customer_id) + 0)  # from the groups, never from the whole list
    .join(
        Subscription,
        and_(col(Subscription.customer_id) == col(Customer.id), col(Subscription.list_id) == bindparam("list")),
    )
    .where(
        Among(col(Membership.group_id), "ids"),
        col(Subscription.state) == SubscriptionState.SUBSCRIBED.value,
        col(Customer.address_key).is_not(None),
        col(Customer.erased_at).is_(None),
    )
)


def all_signs(session: Session, kind: GroupKind) -> dict[int, datetime]:
    """The last sign of life of everybody who is of such a group; as `store.reach.signs_of` has it, in four walks."""
    member = col(Membership.kind) == kind
    wrote = select(col(Inbound.customer_id), func.max(col(Inbound.received_at))).join(
        Membership, and_(col(Membership.customer_id) == col(Inbound.customer_id), member)
    )
    touched = select(col(Delivery.customer_id), func.max(col(Touch.person_at))).join(
        Delivery, col(Delivery.id) == col(Touch.delivery_id)
    )
    touched = touched.join(Membership, and_(col(Membership.customer_id) == col(Delivery.customer_id), member))
    said = select(col(Consent.customer_id), func.max(col(Consent.at))).join(
        Membership, and_(col(Membership.customer_id) == col(Consent.customer_id), member)
    )
    wished = select(col(Wish.customer_id), col(Wish.changed_at)).join(
        Membership, and_(col(Membership.customer_id) == col(Wish.customer_id), member)
    )
    walks = (
        wrote.where(col(Inbound.machine).in_(BY_PERSON)).group_by(col(Inbound.customer_id)),
        touched.where(col(Touch.person_at).is_not(None)).group_by(col(Delivery.customer_id)),
        said.where(col(Consent.how).in_(HERE), col(Consent.how) != "import").group_by(col(Consent.customer_id)),
        wished.where(col(Wish.how).in_(HERE)),
    )
    found: dict[int, datetime] = {}
    for query in walks:
        for page in Prepared(query).pages(session):
            for person, at in page:
                when = instant(at)
                if when is not None and (person not in found or found[person] < when):
                    found[person] = when
    return found


def last_issue(session: Session, campaign_id: int, edition_id: int | None) -> int | None:
    """The campaign's newest edition before this one (None: of all) that went out."""
    query = select(func.max(col(Edition.id))).where(
        col(Edition.campaign_id) == campaign_id,
        col(Edition.state).in_((EditionState.OPEN, EditionState.PAUSED, EditionState.DONE)),
    )
    if edition_id is not None:
        query = query.where(col(Edition.id) < edition_id)
    return session.execute(query).scalar()


_ON_THE_WAY = [*HAVE_IT, *TO_GET_IT]


def had_issue(session: Session, edition_id: int, customer_ids: Collection[int]) -> set[int]:
    """Who of these was sent this edition, or is to get it."""
    found: set[int] = set()
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        for customer, edition, state in _MAILS.rows(session, ids=ids):
            if edition == edition_id and state in _ON_THE_WAY:
                found.add(customer)
    return found


_MAILS = Prepared(
    select(col(Delivery.customer_id), col(Delivery.edition_id), col(Delivery.state)).where(
        Among(col(Delivery.customer_id), "ids")
    )
)


def all_with_issue(session: Session, edition_id: int, kind: GroupKind) -> Iterator[Sequence[int]]:
    """Everybody of such a group who was sent this edition, or is to get it; on SQLite those, too, who are of none."""
    of_one = select(col(Membership.id)).where(
        col(Membership.customer_id) == col(Delivery.customer_id), col(Membership.kind) == kind
    )
    only = () if in_pieces(session) else (of_one.exists(),)
    for pack in mails_of(session, edition_id, _ON_THE_WAY, [], *only):
        yield pack.persons


def others_in(
    session: Session, edition_id: int, kind: GroupKind, customer_ids: Collection[int]
) -> dict[int, tuple[Other, ...]]:
    """Of each of these customers, who else of their group got this edition, or is to get it. Of two who both wait the
    one with the lower number goes first; whoever does not wait, behind all who do.
    """
    groups = groups_of(session, kind, customer_ids)
    houses: dict[int, dict[int, DeliveryState]] = defaultdict(dict)
    for ids in rows_in_chunks(sorted(set(groups.values())), CHUNK):
        for group, other, state in _ON_THE_WAY_IN.rows(session, ids=ids, edition=edition_id):
            houses[group][other] = DeliveryState(state)
    concerned = [customer for customer, group in groups.items() if houses.get(group, {}).keys() - {customer}]
    own: dict[int, DeliveryState] = {}
    for ids in rows_in_chunks(concerned, CHUNK):
        own |= {one: DeliveryState(state) for one, found, state in _MAILS.rows(session, ids=ids) if found == edition_id}
    return {
        customer: tuple(
            Other(other, state, other < customer or own.get(customer, DeliveryState.QUEUED) not in TO_GET_IT)
            for other, state in sorted(houses[groups[customer]].items())
            if other != customer
        )
        for customer in concerned
    }


_ON_THE_WAY_IN = Prepared(
    select(col(Membership.group_id), col(Delivery.customer_id), col(Delivery.state))
    .select_from(Membership)
    .join(Delivery, col(Delivery.customer_id) == col(Membership.customer_id))
    .where(
        Among(col(Membership.group_id), "ids"),
        col(Delivery.edition_id) + 0 == bindparam("edition"),  # from the people, never from the whole edition
        InState(*_ON_THE_WAY),
    )
)


class Deserted(NamedTuple):
    """A household whose mail of an edition nobody gets, and who was passed over for whom."""

    gone: int
    passed: tuple[int, ...]


def one_per_editions(session: Session, among: Sequence[int] | None) -> list[tuple[int, GroupKind]]:
    """The open, planned editions of which one of each household (or company) gets a mail."""
    query = select(col(Edition.id), col(Edition.one_per)).where(
        col(Edition.state) == EditionState.OPEN, col(Edition.one_per) != "", col(Edition.planned_at).is_not(None)
    )
    if among is not None:
        query = query.where(col(Edition.id).in_(among))
    return [(number, GroupKind(word)) for number, word in session.execute(query) if number is not None]


def deserted(session: Session, edition_id: int, kind: GroupKind, limit: int = 1000) -> list[Deserted]:
    """The households of which somebody could not get this edition after all, and nobody else does."""
    planned_at = select(col(Edition.planned_at)).where(col(Edition.id) == edition_id).scalar_subquery()
    ended = (DeliveryState.FAILED, DeliveryState.SUPPRESSED, DeliveryState.WITHHELD, DeliveryState.CANCELLED)
    lost = select(col(Delivery.customer_id)).where(
        col(Delivery.edition_id) == edition_id,
        col(Delivery.state).in_(ended),
        col(Delivery.settled_at) >= planned_at,
        col(Delivery.reason).not_in([ONE_PER[kind], *COUNTS_AS_GOT]),
        col(Delivery.customer_id).is_not(None),
    )
    gone = [one for one in session.execute(lost.limit(limit)).scalars() if one is not None]
    found: list[Deserted] = []
    for ids in rows_in_chunks(gone, CHUNK):
        houses: dict[int, list[tuple[int, str, str]]] = defaultdict(list)
        for mine, other, edition, state, reason in _STAND_INS.rows(session, ids=ids, kind=kind.value):
            if edition == edition_id:
                houses[mine].append((other, state, reason))
        for mine, others in houses.items():
            taken = any(state in _ON_THE_WAY or reason in COUNTS_AS_GOT for _, state, reason in others)
            passed = tuple(sorted({other for other, _, reason in others if reason == ONE_PER[kind]}))
            if passed and not taken:
                found.append(Deserted(mine, passed))
    return found


_STAND_INS = Prepared(
    select(
        *(_MINE.c.customer_id, _HOUSE.c.customer_id, col(Delivery.edition_id), col(Delivery.state)),
        col(Delivery.reason),
    )
    .select_from(_MINE)
    .join(_HOUSE, and_(_HOUSE.c.group_id == _MINE.c.group_id, _HOUSE.c.customer_id != _MINE.c.customer_id))
    .join(Delivery, col(Delivery.customer_id) == _HOUSE.c.customer_id)
    .where(Among(_MINE.c.customer_id, "ids"), _MINE.c.kind == _KIND)
)


def stand_in_for(
    session: Session, edition_id: int, kind: GroupKind, house: Deserted, chosen: int, words: str, passed_over: str
) -> bool:
    """withheld --stand_in--> queued for the chosen one; False where somebody of theirs is to get it meanwhile.

    `passed_over`: what the others are told from now on.
    """
    others = others_in(session, edition_id, kind, [chosen]).get(chosen, ())
    if any(one.state in _ON_THE_WAY for one in others):
        return False
    passed = (col(Delivery.reason) == ONE_PER[kind], col(Delivery.state) == DeliveryState.WITHHELD)
    mine = (col(Delivery.edition_id) == edition_id, *passed)
    moved = (
        update(Delivery)
        .where(col(Delivery.customer_id) == chosen, *mine)
        .values(
            state=move(DeliveryState.WITHHELD, DeliveryEvent.STAND_IN),
            reason="stands in",
            evidence=words,
            next_at=None,
            settled_at=None,
        )
    )
    connection = session.connection()
    if connection.execute(moved).rowcount != 1:
        return False
    rest = [one for one in house.passed if one != chosen]
    told = update(Delivery).where(col(Delivery.customer_id).in_(rest), *mine).values(evidence=passed_over)
    connection.execute(told)
    return True


def nothing_left(session: Session, edition_id: int) -> bool:
    """Whether nobody of an edition is still to get it."""
    left = (*TO_GET_IT, DeliveryState.INFLIGHT)
    query = select(col(Delivery.id)).where(col(Delivery.edition_id) == edition_id, col(Delivery.state).in_(left))
    return session.execute(query.limit(1)).first() is None


def campaign_of(session: Session, edition_id: int) -> tuple[Edition, Campaign]:
    """An edition with its campaign."""
    edition = session.get_one(Edition, edition_id)
    return edition, session.get_one(Campaign, edition.campaign_id)
