"""Kept no longer: what retention lets go, found and removed a few hundred rows at a time (RELIABILITY I12).

Law: nothing goes that proof, consent or suppression needs: deliveries, consents, suppressions, bounces, looks at
waves, what a person or evidence settled, and the mail by which somebody left, complained as abuse, or let us quote them
all stay. Of a mail that is let go its headers stay, so that an answer still finds its thread; of choices the tips stay,
so that none comes twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, cast, delete, func, or_, select, update
from sqlmodel import Session, col

from ..delivery.state import FINAL
from ..records import (
    Alert,
    Case,
    CaseState,
    Category,
    Channel,
    Consent,
    CustomerMerge,
    Delivery,
    DeliveryEvent,
    DeliveryMove,
    DeliveryState,
    Inbound,
    InboundState,
    Machine,
    Notice,
    Pace,
    Subscription,
    Suppression,
    Thanks,
    Worker,
)
from .consents import MESSAGE_EVIDENCE
from .slices import Leased
from .unconfirmed import asked_in_vain, end_unconfirmed, waited_since

CHUNK = 200
HEAD_BYTES = 65_536
REMOVED = b"\r\n\r\n[outreach: the text of this mail was let go after its time]\r\n"
"""What stands in the place of a body that was let go."""
PLAIN_MOVES = (DeliveryEvent.TEMPORARY, DeliveryEvent.RELEASE)
"""Moves that are history only: an attempt that was put off. A doubt, evidence and a person's word are proof."""
ENDED = frozenset(FINAL) | {DeliveryState.SENT, DeliveryState.FAILED}
PROOF = (Machine.ABUSE_REPORT, Machine.BOUNCE)


@dataclass(frozen=True)
class Sort:
    """One kind of thing that may be let go: `find` gives the next ids after one, `let_go` removes those."""

    name: str
    find: Callable[[datetime, int], Select[Any]]
    let_go: Callable[[Session, list[int]], int]


def _ids(table: Any, condition: ColumnElement[bool], after: int) -> Select[Any]:
    query = select(col(table.id)).where(condition, col(table.id) > after)
    return query.order_by(col(table.id)).limit(CHUNK)


def _deleter(table: Any) -> Callable[[Session, list[int]], int]:
    def let_go(session: Session, ids: list[int]) -> int:
        return session.connection().execute(delete(table).where(col(table.id).in_(ids))).rowcount

    return let_go


def _old_moves(before: datetime, after: int) -> Select[Any]:
    ended = select(col(Delivery.id)).where(col(Delivery.state).in_(ENDED), col(Delivery.id) == DeliveryMove.delivery_id)
    plain = col(DeliveryMove.event).in_([str(event) for event in PLAIN_MOVES])
    return _ids(DeliveryMove, and_(plain, col(DeliveryMove.at) < before, ended.exists()), after)


def _old_reasons(before: datetime, after: int) -> Select[Any]:
    told = col(Delivery.choices)["reasons"].as_string().not_in(["", "{}"])
    # as text, so that no index on states is taken: it would be walked from its beginning for each few hundred rows
    state = cast(col(Delivery.state), String)
    ended = and_(state.in_([str(each) for each in ENDED]), col(Delivery.settled_at) < before)
    return _ids(Delivery, and_(ended, told), after)


def _forget_reasons(session: Session, ids: list[int]) -> int:
    """The tips and the variant stay: a tip that somebody had is not shown to them again."""
    chosen = select(col(Delivery.id), col(Delivery.choices)).where(col(Delivery.id).in_(ids))
    kept = [
        {"which": key, "kept": {name: value for name, value in (choices or {}).items() if name != "reasons"}}
        for key, choices in session.connection().execute(chosen)
    ]
    one = update(Delivery).where(col(Delivery.id) == bindparam("which")).values(choices=bindparam("kept"))
    session.connection().execute(one, kept)
    return len(ids)


def _old_bodies(before: datetime, after: int) -> Select[Any]:
    """Mails of people that were read, prove nothing, and whose case is closed."""
    going_on = select(col(Case.id)).where(
        col(Case.id) == col(Inbound.case_id), col(Case.state).not_in([CaseState.CONFIRMED, CaseState.DISMISSED])
    )
    condition = and_(
        col(Inbound.channel) == Channel.EMAIL,
        col(Inbound.state) == InboundState.READ,
        col(Inbound.stored_at) < before,
        col(Inbound.machine).not_in(PROOF),
        or_(col(Inbound.category).is_(None), col(Inbound.category) != Category.UNSUBSCRIBE),
        or_(col(Inbound.flagged) == "", col(Inbound.reviewed_at).is_not(None)),
        ~going_on.exists(),
        ~_proves(),
        func.substr(col(Inbound.raw), func.length(col(Inbound.raw)) - len(REMOVED) + 1) != REMOVED,
    )
    return _ids(Inbound, condition, after).limit(CHUNK // 10)


def _proves() -> ColumnElement[bool]:
    """Whether a consent, a block or somebody's permission to be quoted names this mail, whatever else it says: who
    complains and wants no more mail, or asks to be erased, left by it.
    """
    named = MESSAGE_EVIDENCE + col(Inbound.public_id)
    theirs = col(Consent.customer_id) == col(Inbound.customer_id)
    consent = select(col(Consent.id)).where(theirs, col(Consent.evidence) == named)
    same = col(Suppression.address_key) == col(Delivery.address_key)
    block = select(col(Suppression.id)).join(Delivery, same)
    block = block.where(col(Delivery.id) == col(Inbound.delivery_id), col(Suppression.evidence) == named)
    quoted = select(col(Thanks.id)).where(
        col(Thanks.customer_id) == col(Inbound.customer_id), col(Thanks.answer_id) == col(Inbound.id)
    )
    return or_(*(each.correlate(Inbound).exists() for each in (consent, block, quoted)))


def _cut_bodies(session: Session, ids: list[int]) -> int:
    whole = select(col(Inbound.id), col(Inbound.raw)).where(col(Inbound.id).in_(ids))
    cut = [{"which": key, "cut": _head(bytes(raw)) + REMOVED} for key, raw in session.connection().execute(whole)]
    one = update(Inbound).where(col(Inbound.id) == bindparam("which")).values(raw=bindparam("cut"))
    session.connection().execute(one, cut)
    return len(ids)


def _head(raw: bytes) -> bytes:
    return raw[:HEAD_BYTES].partition(b"\r\n\r\n")[0].partition(b"\n\n")[0]


def _old_workers(before: datetime, after: int) -> Select[Any]:
    held = select(col(Delivery.id)).where(
        col(Delivery.owner) == col(Worker.name),
        col(Delivery.state).in_([DeliveryState.CLAIMED, DeliveryState.INFLIGHT]),
        Leased(),
    )
    return _ids(Worker, and_(col(Worker.beat_at) < before, ~held.exists()), after)


def _old_alerts(before: datetime, after: int) -> Select[Any]:
    return _ids(Alert, col(Alert.over_at) < before, after)


def _old_pace(before: datetime, after: int) -> Select[Any]:
    """Limits of recipients' domains that nobody has written to; a relay's own may hold its warm-up."""
    rests = and_(col(Pace.paused_until).is_not(None), col(Pace.paused_until) >= before)
    return _ids(Pace, and_(col(Pace.key).startswith("domain:"), col(Pace.changed_at) < before, ~rests), after)


def _old_notices(before: datetime, after: int) -> Select[Any]:
    """What colleagues were told of cases that are closed; while one goes on, nothing of it is told twice."""
    closed = select(col(Case.id)).where(
        col(Case.id) == col(Notice.case_id), col(Case.state).in_([CaseState.CONFIRMED, CaseState.DISMISSED])
    )
    return _ids(Notice, and_(col(Notice.at) < before, closed.exists()), after)


def _old_merges(before: datetime, after: int) -> Select[Any]:
    told = cast(col(CustomerMerge.before), String) != "{}"
    return _ids(CustomerMerge, and_(col(CustomerMerge.at) < before, told), after)


def _forget_merges(session: Session, ids: list[int]) -> int:
    """That two were made one, when and by whom stays; what both were does not."""
    emptied = update(CustomerMerge).where(col(CustomerMerge.id).in_(ids)).values(before={})
    return session.connection().execute(emptied).rowcount


def _unconfirmed(before: datetime, after: int) -> Select[Any]:
    return _ids(Subscription, waited_since(before), after)


def _asked_in_vain(before: datetime, after: int) -> Select[Any]:
    return _ids(Subscription, asked_in_vain(before), after)


UNCONFIRMED = Sort("unconfirmed", _unconfirmed, end_unconfirmed)
IN_VAIN = Sort("unconfirmed", _asked_in_vain, end_unconfirmed)
"""Not after days: see `work.prune`."""
SORTS = (
    Sort("bodies", _old_bodies, _cut_bodies),
    Sort("moves", _old_moves, _deleter(DeliveryMove)),
    Sort("reasons", _old_reasons, _forget_reasons),
    Sort("workers", _old_workers, _deleter(Worker)),
    Sort("alerts", _old_alerts, _deleter(Alert)),
    Sort("pace", _old_pace, _deleter(Pace)),
    Sort("notices", _old_notices, _deleter(Notice)),
    Sort("merges", _old_merges, _forget_merges),
    UNCONFIRMED,
)


def next_ids(session: Session, sort: Sort, before: datetime, after: int) -> list[int]:
    """The next things of this sort that are older than `before`, by rising id; none when all were seen."""
    return list(session.scalars(sort.find(before, after)))
