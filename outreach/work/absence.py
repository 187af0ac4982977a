"""What follows from an automatic reply: mail waits until somebody is back; who left, or moved, is told to a person.

Law: a wait is a step with its reason, taken back by `steps undo`, and ends by itself; a new address is asked for by a
person and never taken over from a mail: whoever can write a mail could write one in another's name.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from sqlmodel import Session

from ..plan.effects import NewHold
from ..plan.holds import AWAY_SCOPE
from ..plan.steps import StepDraft, waits_for_a_yes
from ..records import HoldState, Inbound, StepState
from ..replies.away import Absence, read_absence, says_new_address
from ..store.customers import CustomerRow, load_customers
from ..store.plan import apply_step
from ..workdays import zone_or
from .workspace import Workspace

OPENS = time(8, 0)
"""When somebody who is back reads mail, in their own zone."""


def heed_absence(session: Session, workspace: Workspace, inbound: Inbound, now: datetime) -> list[str]:
    """Let mail wait for the customer who is away, or propose to ask where they are now; what was done, in words."""
    customer = _customer(session, inbound)
    if customer is None or not customer.address:
        return []
    zone = zone_or(customer.zone, workspace.settings.identity.zone)
    said = read_absence(inbound.text, inbound.subject, inbound.received_at.astimezone(zone).date(), inbound.sender)
    if said.gone or said.new_address:
        return _ask_for_address(session, customer, inbound, said, now)
    return _wait(session, workspace, customer, inbound, said, zone, now) if said.back_on is not None else []


def heed_new_address(session: Session, inbound: Inbound, now: datetime) -> list[str]:
    """A person named a new address of theirs: propose to ask, as for a machine's mail."""
    new = says_new_address(inbound.text, inbound.sender) if inbound.customer_id is not None else ""
    customer = _customer(session, inbound) if new else None
    if customer is None or not customer.address or new == customer.address:
        return []
    return _ask_for_address(session, customer, inbound, Absence(new_address=new), now)


def _customer(session: Session, inbound: Inbound) -> CustomerRow | None:
    number = inbound.customer_id
    return load_customers(session, [number]).get(number) if number is not None else None


def _wait(
    session: Session,
    workspace: Workspace,
    customer: CustomerRow,
    inbound: Inbound,
    said: Absence,
    zone: ZoneInfo,
    now: datetime,
) -> list[str]:
    assert said.back_on is not None
    until = datetime.combine(said.back_on, OPENS, zone).astimezone(UTC)
    day = f"{said.back_on.day} {said.back_on:%b %Y}"
    reason = f"away until {day}, says their automatic reply (message {inbound.id})"
    draft = StepDraft(
        "away",
        f"newsletters wait until {day}",
        f'the automatic reply of {customer.address} says: "{said.words}"',
        customer.id,
        None,
        NewHold(customer.id, None, AWAY_SCOPE, "", HoldState.SUGGESTED, reason, until),
        {"inbound": inbound.id, "words": said.words, "back_on": said.back_on.isoformat()},
    )
    waits = until > now and waits_for_a_yes(draft, workspace.settings.steps.policies)
    state = StepState.PROPOSED if waits else StepState.APPLIED
    if until <= now or not apply_step(session, draft, now, state=state):
        return []
    return [f"away until {day}: {'proposed that ' if waits else ''}newsletters wait until then"]


def _ask_for_address(
    session: Session, customer: CustomerRow, inbound: Inbound, said: Absence, now: datetime
) -> list[str]:
    where = f" (it names {said.new_address})" if said.new_address else ""
    why = "has left or reads it no more" if said.gone else "has a new address"
    told = f': "{said.words}"' if said.words else ""
    draft = StepDraft(
        "new_address",
        f"ask {customer.address} for the new address{where}",
        f"message {inbound.id} says that whoever had {customer.address} {why}{told}",
        customer.id,
        None,
        None,
        {"inbound": inbound.id, "words": said.words, "new_address": said.new_address},
    )
    if not apply_step(session, draft, now, state=StepState.PROPOSED):
        return []
    return [f"proposed: ask for the new address{where}"]
