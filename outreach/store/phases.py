"""How rows of the outbox are found by their state, by what each database has an index of.

Law: on PostgreSQL a change of an indexed column is a new entry in every index of the table, so there the column `phase`
stands in the indexes instead of the state: one word for all states of a mail that goes its way unharmed. It is
computed by the database from the state alone (migration 0035); nobody writes it. Which of these wait is asked
of `store.waiting`, which are held is known by `store.slices`; by their state alone those who wait are sought among all
that goes its way.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.visitors import InternalTraversal
from sqlmodel import col

from ..records import Delivery, DeliveryState

GOING = "going"
TOGETHER = frozenset({DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.INFLIGHT, DeliveryState.SENT})
"""The states that are one phase, `GOING`; every other is a phase of its own."""

IN_HAND = frozenset({DeliveryState.CLAIMED, DeliveryState.INFLIGHT})


def phase(state: DeliveryState) -> str:
    """What the column says of a row in this state."""
    return GOING if state in TOGETHER else state.value


_TOLD_APART_BY = [("states", InternalTraversal.dp_plain_obj)]


class InState(ColumnElement[bool]):
    """Whether a delivery is in one of these states, in the words of the index that finds such rows."""

    _cache_key_traversal = _TOLD_APART_BY
    type = Boolean()

    def __init__(self, *states: DeliveryState) -> None:
        self.column: Any = col(Delivery.state)
        self.states = states

    def self_group(self, against: Any = None) -> InState:
        """Bare: as `prepared.Among`."""
        return self


def _among(column: str, words: list[str]) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"{column} = {listed}" if len(words) == 1 else f"{column} IN ({listed})"


@compiles(InState)
def _by_state(element: InState, compiler: Any, **how: Any) -> str:
    return _among(compiler.process(element.column, **how), [state.value for state in element.states])


@compiles(InState, "postgresql")
def _by_phase(element: InState, compiler: Any, **how: Any) -> str:
    column = compiler.process(element.column, **how)
    its = column.removesuffix("state")
    if IN_HAND.issuperset(element.states):
        held = f"{its}id = ANY(ARRAY(SELECT unnest(held_slice.ids) FROM held_slice))"  # noqa: S608  fixed words
        return f"{held} AND {_by_state(element, compiler, **how)}"
    found = _among(f"{its}phase", sorted({phase(state) for state in element.states}))
    whole = TOGETHER.issubset(element.states) or TOGETHER.isdisjoint(element.states)
    return found if whole else f"{found} AND {_by_state(element, compiler, **how)}"
