"""A whole commit of sending in one call: what became of some mails, the leave for the next, and the turn of the lane.

Law: on PostgreSQL it is one statement that is its own transaction, so that a commit costs one journey to the server
and no row is held any longer than that; on SQLite three in one transaction. It is committed when the call returns, and
only then may a dot leave (RELIABILITY I2); the outcomes are committed with the intents (I7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, bindparam, exists, literal, select, union_all, update
from sqlmodel import col

from ..records import Delivery, DeliveryState
from .database import Writer
from .lanes import lifted, lifted_at, raise_lane
from .moves import MOVE, Move, apply_moves, is_plain, is_sent, move_values, settle_sent, taken
from .outbox import Claimed, intend
from .prepared import Prepared, given_lists
from .standing import bare_state, intent_statement, intent_values

BY_NUMBER = 50
"""Each so many turns the lane's row is sought by its number: only then does the server clear away what it left."""


@dataclass(frozen=True, slots=True)
class Done:
    """Whose intents are granted; which moves changed no row; the epoch and the turn, where one was granted.

    A move that changed no row may have been made by a commit that seemed lost, or somebody else has the row: whoever
    wants to know tries it again by `apply_moves`.
    """

    granted: set[int]
    missed: list[Move]
    raised: tuple[str, int] | None


def settle_and_intend(
    writer: Writer, moves: Sequence[Move], asks: Mapping[str, Sequence[Claimed]], now: datetime
) -> Done:
    """Make these moves and grant what may be granted of these rows, by relay, in a transaction of its own.

    All rows of `asks` are one owner's. Every move is plain (`moves.is_plain`): nothing follows from it but the row.
    Raises ValueError for another, and where one row is named twice.
    """
    rows = [row for those in asks.values() for row in those]
    ids = [made.row.id for made in moves] + [row.id for row in rows]
    if len(set(ids)) < len(ids) or not all(map(is_plain, moves)):
        raise ValueError("only plain moves go together, and each row once")
    if not ids:
        return Done(set(), [], None)
    if writer.is_sqlite:
        return _in_turn(writer, moves, asks, now)
    owner = rows[0].owner if rows else moves[0].row.owner
    if all(made.row.owner == owner and is_sent(made) for made in moves):
        statement, values = _USUALLY, _sent_values(moves)
    else:
        statement, values = _TOGETHER, MOVE.values([move_values(made, now) for made in moves])
    lane = {"lane": writer.lane, "place": writer.lane_lies} if writer.alone else {"lane": writer.lane}
    values |= intent_values(rows, asks)
    found = writer.at_once(statement[writer.alone], **values, owner=owner, now=now, **lane)
    moved = {number for what, number, _ in found if what == _MOVED}
    raised = next(((epoch, turn) for what, turn, epoch in found if what == _RAISED), None)
    if raised is not None:
        lies = next((place for what, _, place in found if what == _LIES), None)
        writer.lane_lies = lies if raised[1] % BY_NUMBER else None
    granted = {number for what, number, _ in found if what == _GRANTED}
    if granted and raised is None:  # another who shares the lane was at it: its row lies elsewhere since
        with writer.write():
            raised = raise_lane(writer, writer.lane)
    return Done(granted, [made for made in moves if made.row.id not in moved], raised)


def _in_turn(writer: Writer, moves: Sequence[Move], asks: Mapping[str, Sequence[Claimed]], now: datetime) -> Done:
    with writer.write_plainly():
        missed = settle_sent(writer, [made for made in moves if is_sent(made)], now)
        missed += apply_moves(writer, [made for made in moves if not is_sent(made)], now)
        granted: set[int] = set()
        for relay, rows in asks.items():
            granted |= intend(writer, rows, now, relay)
        raised = raise_lane(writer, writer.lane) if granted else None
    return Done(granted, missed, raised)


def _sent_values(moves: Sequence[Move]) -> dict[str, Any]:
    return {
        "sent_id": [made.row.id for made in moves],
        "sent_fence": [made.row.fence for made in moves],
        "sent_response": [made.response for made in moves],
        "sent_relay": [made.relay for made in moves],
    }


def _sent() -> Any:
    """The update of rows that a relay took, which nearly all are: what they have in common is not given for each."""
    given = given_lists("sent", {"id": BigInteger(), "fence": BigInteger(), "response": String(), "relay": String()})
    return (
        update(Delivery)
        .where(
            col(Delivery.id) == given.id,
            col(Delivery.fence) == given.fence,
            bare_state() == DeliveryState.INFLIGHT.value,
            col(Delivery.owner) == bindparam("owner"),
        )
        .values(taken(given.response, given.relay))
    )


def _with_intents(moves: Any) -> dict[bool, Prepared]:
    """The statement for a lane that is shared, and for one that is nobody else's."""
    moved = moves.returning(col(Delivery.id)).cte("moved")
    granted = intent_statement().cte("granted")
    said = [select(literal(_MOVED), moved.c.id, literal("")), select(literal(_GRANTED), granted.c.id, literal(""))]
    lane: Any = bindparam("lane")
    some = exists(select(granted.c.id))
    shared = lifted(lane).where(some).cte("raised")
    own = lifted_at(lane, bindparam("place", type_=String)).where(some).cte("raised")
    return {
        False: Prepared(union_all(*said, select(literal(_RAISED), shared.c.turn, shared.c.epoch))),
        True: Prepared(
            union_all(
                *said,
                select(literal(_RAISED), own.c.turn, own.c.epoch),
                select(literal(_LIES), literal(0), own.c.place),
            )
        ),
    }


_MOVED, _GRANTED, _RAISED, _LIES = range(4)
_TOGETHER = _with_intents(MOVE.statement)
_USUALLY = _with_intents(_sent())
