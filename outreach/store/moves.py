"""Kept: the moves of deliveries that a worker holds: settled, deferred, refused, given back.

Law: every move is a compare-and-set on state, owner and fence (RELIABILITY I4), and where it leads is read from
`delivery.state.MOVES`. The row tells the attempt that ended it; every other attempt, and each time that somebody was
put off for a reason of their own, is added to its history. So a mail that goes at once costs no second row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import JSON, BigInteger, DateTime, Integer, String, Update, bindparam, insert, select, update
from sqlmodel import col

from ..delivery.state import FINAL, move
from ..records import Boost, Delivery, DeliveryEvent, DeliveryMove, DeliveryState, FailureClass, Permission
from .outbox import Claimed
from .prepared import Connected, Group, Prepared
from .standing import bare_state

JUDGED = {
    DeliveryState.WITHHELD: DeliveryEvent.WITHHOLD,
    DeliveryState.SUPPRESSED: DeliveryEvent.SUPPRESS,
    DeliveryState.CANCELLED: DeliveryEvent.CANCEL,
    DeliveryState.EXPIRED: DeliveryEvent.EXPIRE,
}
TOLD = frozenset(
    {
        DeliveryEvent.TEMPORARY,
        DeliveryEvent.UNKNOWN,
        DeliveryEvent.POISON,
        DeliveryEvent.EVIDENCE_SENT,
        DeliveryEvent.EVIDENCE_FAILED,
    }
)
"""Events that the row itself does not tell: each leaves a DeliveryMove."""
EVERYBODYS = frozenset({"", "paused"})
"""Reasons to put a mail off that are nobody's own: a pause would add a line per person every few minutes."""


class Move(NamedTuple):
    """What is to happen to a delivery that we hold: `events` lead from `before` along `delivery.state.MOVES`."""

    row: Claimed
    before: DeliveryState
    events: tuple[DeliveryEvent, ...]
    reason: str = ""
    evidence: str = ""
    response: str = ""
    failure: FailureClass | None = None
    relay: str = ""
    next_at: datetime | None = None
    tried: bool = False
    boosts: tuple[int, ...] = ()

    @property
    def after(self) -> DeliveryState:
        """Where the events lead. Raises ValueError where the table has no such move."""
        return _led(self.before, self.events)

    @property
    def told(self) -> bool:
        """Whether it belongs in the history: the row itself will not tell it."""
        if self.events[-1] is DeliveryEvent.RELEASE:
            return self.tried or self.reason not in EVERYBODYS
        return not TOLD.isdisjoint(self.events)


@lru_cache(maxsize=256)
def _led(state: DeliveryState, events: tuple[DeliveryEvent, ...]) -> DeliveryState:
    for happened in events:
        state = move(state, happened)
    return state


def release(row: Claimed, *, reason: str = "", evidence: str = "", next_at: datetime | None = None) -> Move:
    """Give a claimed row back, to be judged and claimed again, not before `next_at`."""
    return Move(row, DeliveryState.CLAIMED, (DeliveryEvent.RELEASE,), reason=reason, evidence=evidence, next_at=next_at)


def refuse(row: Claimed, permission: Permission) -> Move:
    """What a refusal does to a claimed row: final with its reason, or back in the queue until `later`."""
    if permission.state is None:
        return release(row, reason=permission.reason, evidence=permission.evidence, next_at=permission.later)
    events = (DeliveryEvent.RELEASE, JUDGED[permission.state])
    return Move(row, DeliveryState.CLAIMED, events, reason=permission.reason, evidence=permission.evidence)


def keep_choices(session: Connected, chosen: Iterable[tuple[Claimed, dict[str, Any]]]) -> None:
    """Write down what was chosen for each person, before anything is rendered from it."""
    values = [_key(row, DeliveryState.CLAIMED) | {"to_choices": choices} for row, choices in chosen]
    _CHOOSE.run(session, values)


def apply_moves(session: Connected, moves: Sequence[Move], now: datetime) -> list[Move]:
    """Make the moves, each as a compare-and-set; returns those that changed no row: somebody else has it now."""
    if not moves:
        return []
    connection = session.connection()
    changed = sum(MOVE.run(session, [move_values(each, now) for each in part]) for part in _apart(moves))
    lost = [] if changed == len(moves) else [wanted for wanted in moves if not _arrived(session, wanted)]
    missed = {id(wanted) for wanted in lost}
    made = [wanted for wanted in moves if id(wanted) not in missed]
    _tell(session, [wanted for wanted in made if wanted.told], now)
    used = [boost for wanted in made if wanted.after is DeliveryState.SENT for boost in wanted.boosts]
    if used:
        connection.execute(
            update(Boost).where(col(Boost.id).in_(used), col(Boost.used_at).is_(None)).values(used_at=now)
        )
    return lost


def settle_sent(session: Connected, moves: Sequence[Move], now: datetime) -> list[Move]:
    """As `apply_moves`, for plain moves to `sent` (`is_sent`) of rows that differ: nearly all of them are such."""
    if not moves:
        return []
    values = [
        {
            "held_id": made.row.id,
            "held_owner": made.row.owner,
            "held_fence": made.row.fence,
            "to_response": made.response,
            "to_relay": made.relay,
            "now": now,
        }
        for made in moves
    ]
    if _SENT.many(session, values) == len(moves):
        return []
    return [made for made in moves if not _arrived(session, made)]


def _apart(moves: Sequence[Move]) -> list[Sequence[Move]]:
    """In parts of which none holds two moves of one row: of those a statement would make only one."""
    if len({wanted.row.id for wanted in moves}) == len(moves):
        return [moves]
    return [[wanted] for wanted in moves]


def _held(given: Callable[[str], Any]) -> Update:
    """An update that touches a row only in the state, and in the hands, that the caller names (I4)."""
    return update(Delivery).where(
        col(Delivery.id) == given("held_id"),
        bare_state() == given("held_state"),
        col(Delivery.owner) == given("held_owner"),
        col(Delivery.fence) == given("held_fence"),
    )


_HELD = {"held_id": BigInteger(), "held_state": String(), "held_owner": String(), "held_fence": BigInteger()}
_CHOOSE = Group(
    _HELD | {"to_choices": JSON()}, col(Delivery.id), lambda given: _held(given).values(choices=given("to_choices"))
)
_WORDS = ("state", "reason", "evidence", "response", "failure", "relay", "owner")
_INSTANTS = ("next_at", "sent_at", "settled_at")
MOVE = Group(
    _HELD
    | {f"to_{name}": String() for name in _WORDS}
    | {f"to_{name}": DateTime(timezone=True) for name in _INSTANTS}
    | {"tries": Integer()},
    col(Delivery.id),
    lambda given: _held(given).values(
        {name: given(f"to_{name}") for name in (*_WORDS, *_INSTANTS)}
        | {"attempts": col(Delivery.attempts) + given("tries"), "lease_until": None}
    ),
)


def taken(response: Any, relay: Any) -> dict[str, Any]:
    """What a row says of a mail that a relay has taken `now`, with these words."""
    return {
        "state": move(DeliveryState.INFLIGHT, DeliveryEvent.ACCEPTED),
        **dict.fromkeys(("reason", "evidence"), ""),
        **dict.fromkeys(("failure", "owner", "next_at", "lease_until")),
        **dict.fromkeys(("sent_at", "settled_at"), bindparam("now")),
        "response": response,
        "relay": relay,
        "attempts": col(Delivery.attempts) + 1,
    }


_SENT = Prepared(
    _held(lambda name: DeliveryState.INFLIGHT.value if name == "held_state" else bindparam(name)).values(
        taken(bindparam("to_response"), bindparam("to_relay"))
    )
)


def _key(row: Claimed, state: DeliveryState) -> dict[str, Any]:
    return {"held_id": row.id, "held_state": state, "held_owner": row.owner, "held_fence": row.fence}


def is_plain(wanted: Move) -> bool:
    """Whether nothing follows from this move but what the row itself says of it."""
    return is_sent(wanted) or not (wanted.told or wanted.boosts or wanted.failure)


def is_sent(wanted: Move) -> bool:
    """Whether the relay took the mail, and nothing follows from it but what the row itself says."""
    return wanted.events == _TAKEN and wanted.before is DeliveryState.INFLIGHT and not wanted.boosts


_TAKEN = (DeliveryEvent.ACCEPTED,)


def move_values(wanted: Move, now: datetime) -> dict[str, Any]:
    """What `MOVE` is given."""
    after = wanted.after
    return _key(wanted.row, wanted.before) | {
        "to_state": after,
        "to_reason": wanted.reason,
        "to_evidence": wanted.evidence,
        "to_response": wanted.response,
        "to_failure": wanted.failure,
        "to_relay": wanted.relay,
        "to_next_at": wanted.next_at,
        "to_owner": wanted.row.owner if after is DeliveryState.IN_DOUBT else None,
        "tries": int(wanted.tried),
        "to_sent_at": now if after is DeliveryState.SENT else None,
        "to_settled_at": now if after in FINAL else None,
    }


def _arrived(session: Connected, wanted: Move) -> bool:
    """Whether the row is where this move leads, under our fence: moved just now, or by a commit that seemed lost."""
    return bool(_ARRIVED.rows(session, id=wanted.row.id, fence=wanted.row.fence, state=wanted.after))


_ARRIVED = Prepared(
    select(col(Delivery.id)).where(
        col(Delivery.id) == bindparam("id"),
        col(Delivery.fence) == bindparam("fence"),
        bare_state() == bindparam("state"),
    )
)


def _tell(session: Connected, moves: Sequence[Move], now: datetime) -> None:
    """Add the history that the rows themselves do not tell."""
    told = [
        {
            "delivery_id": made.row.id,
            "at": now,
            "event": str(made.events[-1]),
            "before": made.before,
            "after": made.after,
            "reason": made.reason,
            "detail": made.response or made.evidence,
            "relay": made.relay,
            "next_at": made.next_at,
            "by": made.row.owner,
        }
        for made in moves
    ]
    if told:
        session.connection().execute(insert(DeliveryMove), told)


def late_reply(wanted: Move) -> Move | None:
    """The same outcome as evidence for a row that was put in doubt meanwhile: a late reply settles it."""
    known = {
        DeliveryEvent.ACCEPTED: DeliveryEvent.EVIDENCE_SENT,
        DeliveryEvent.PERMANENT: DeliveryEvent.EVIDENCE_FAILED,
    }
    if wanted.before is not DeliveryState.INFLIGHT or wanted.events[-1] not in known:
        return None
    return Move(
        wanted.row,
        DeliveryState.IN_DOUBT,
        (known[wanted.events[-1]],),
        reason=wanted.reason,
        evidence="late reply of the relay",
        response=wanted.response,
        failure=wanted.failure,
        relay=wanted.relay,
        tried=True,
        boosts=wanted.boosts,
    )
