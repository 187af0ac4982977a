"""A person says whose message it is: joined, remembered for the next one, and taken back.

Law: what is joined is what nobody's clue had joined better: this message, and the others of the same author that are
nobody's. Case, holds and a wish to leave follow; taking it back lets the clues decide again. Nobody is subscribed.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from ..address import address_key
from ..errors import InputError
from ..records import Case, Category, Channel, ClueKind, ContactKind, Customer, EntryKind, Inbound
from ..replies.match import Match, choose_match, clues
from ..replies.parse import parse_inbound
from ..store import cases as kept
from ..store.channels import joined_by_hand, same_author
from ..store.contacts import Known, add_contacts, contacts_of, drop_contact
from .acts import evidence_of, leave_by_person, stay_after_all
from .follow_up import after_inbound, after_review, lift_case
from .owners import find_owners, read_told, told_clues
from .workspace import Workspace

ASKED = ("say whose it is", "perhaps forwarded", "to another customer")
REVIEW = "review"


def join_customer(workspace: Workspace, inbound_id: int, customer_id: int, *, by: str) -> list[int]:
    """Give a message to a customer, with the same author's others that are nobody's; the numbers of all these.

    The handle, number or address it came from is remembered for the next. Raises InputError where there is no such
    message or customer.
    """
    with workspace.database.write() as session:
        inbound, now = _inbound(session, inbound_id), workspace.clock()
        customer = session.get(Customer, customer_id)
        if customer is None or customer.erased_at is not None:
            raise InputError(f"there is no customer {customer_id}")
        _remember(session, workspace, inbound, customer, now, by)
        others = same_author(session, inbound, None)
        messages = [inbound, *(one for one in others if one.id != inbound.id)]
        match = Match(customer_id, None, ClueKind.PERSON)
        _give(session, workspace, [(one, match) for one in messages], now, by)
        return [one.id or 0 for one in messages]


def take_back(workspace: Workspace, inbound_id: int, *, by: str) -> list[int]:
    """Undo the joining of a message, and of its author's others; the numbers of all these. What was remembered goes.

    Raises InputError where no person had joined it.
    """
    with workspace.database.write() as session:
        inbound, now = _inbound(session, inbound_id), workspace.clock()
        if inbound.clue is not ClueKind.PERSON or inbound.customer_id is None:
            raise InputError(f"message {inbound_id} was not joined to a customer by a person")
        for known in _known_by(workspace, inbound):
            drop_contact(session, inbound.customer_id, known, how=REVIEW)
        session.flush()
        joined = joined_by_hand(session, inbound) or [inbound]
        _give(session, workspace, [(one, _match_again(session, workspace, one)) for one in joined], now, by)
        return [one.id or 0 for one in joined]


def _remember(
    session: Session, workspace: Workspace, inbound: Inbound, customer: Customer, now: datetime, by: str
) -> None:
    assert customer.id is not None
    wanted = [known for known in _known_by(workspace, inbound) if known[2] != customer.address_key]
    if inbound.customer_id not in (None, customer.id):
        for known in wanted:
            drop_contact(session, inbound.customer_id or 0, known, how=REVIEW)
    have = {(one.kind, one.network, one.value) for one in contacts_of(session, customer.id)}
    new = [(customer.id, known) for known in wanted if known not in have]
    add_contacts(session, new, at=now, how=REVIEW, evidence=evidence_of(inbound), by=by)


def _known_by(workspace: Workspace, inbound: Inbound) -> list[Known]:
    """By what the author of a message can be known again."""
    found: list[Known] = []
    if inbound.handle and not inbound.repost_of:
        found.append((ContactKind.HANDLE, inbound.network, inbound.handle))
    if inbound.phone:
        found.append((ContactKind.PHONE, "", inbound.phone))
    if inbound.sender:
        found.append((ContactKind.ADDRESS, "", address_key(workspace.keys, inbound.sender)))
    return found


def _match_again(session: Session, workspace: Workspace, inbound: Inbound) -> Match:
    """Whose it is by its clues alone."""
    if inbound.channel is not Channel.EMAIL:
        found = told_clues(read_told(inbound.raw))
        return choose_match(found, find_owners(session, workspace, found, inbound.received_at), "")
    found = clues(parse_inbound(inbound.raw), workspace.keys)
    key = address_key(workspace.keys, inbound.sender) if inbound.sender else ""
    return choose_match(found, find_owners(session, workspace, found, inbound.received_at), key)


def _give(session: Session, workspace: Workspace, given: list[tuple[Inbound, Match]], now: datetime, by: str) -> None:
    """Write down whose these messages are, and let their cases and what those hold follow."""
    moved: dict[int, Inbound] = {}
    for inbound, match in given:
        if inbound.category is Category.UNSUBSCRIBE and inbound.customer_id not in (None, match.customer_id):
            stay_after_all(session, inbound, now, by)
        if inbound.case_id is not None and inbound.customer_id != match.customer_id:
            moved.setdefault(inbound.case_id, inbound)
        parts = [part for part in inbound.flagged.split("; ") if part and not part.endswith(ASKED)]
        inbound.flagged = "; ".join([*parts, *([match.flagged] if match.flagged else [])])
        inbound.customer_id, inbound.clue = match.customer_id, match.clue
        inbound.foreign_token = match.foreign
        session.add(inbound)
        session.flush()
        if inbound.category is Category.UNSUBSCRIBE and match.customer_id is not None:
            leave_by_person(session, inbound, now, by)
    for case_id, inbound in moved.items():
        _move_case(session, workspace, session.get_one(Case, case_id), inbound, now, by)


def _move_case(session: Session, workspace: Workspace, case: Case, inbound: Inbound, now: datetime, by: str) -> None:
    """The whole case where all of it is this person's now, else only the messages."""
    assert case.id is not None
    messages = [one for one in kept.inbounds_of(session, case.id) if one.copy_of is None]
    mine = [one for one in messages if one.customer_id == inbound.customer_id]
    whose = (
        kept.customer_of(session, case) if inbound.customer_id is None else session.get(Customer, inbound.customer_id)
    )
    name = (whose.address if whose is not None else None) or "nobody that we know"
    if len(mine) == len(messages):
        lift_case(session, workspace, case, inbound, now, by)
        kept.change_case(session, case, {"customer_id": inbound.customer_id})
        words = f"{by} said that it is {name}'s" if inbound.customer_id is not None else f"{by} took back whose it is"
        kept.add_entry(session, case.id, now, EntryKind.NOTE, by=by, text=words, inbound_id=inbound.id)
        after_review(session, workspace, inbound.id or 0, now)
        return
    for one in mine:
        one.case_id = None
        session.add(one)
        words = f"message {one.id} is {name}'s, said {by}: it went to a case of its own"
        kept.add_entry(session, case.id, now, EntryKind.NOTE, by=by, text=words, inbound_id=one.id)
    session.flush()
    for one in mine:
        after_inbound(session, workspace, one, now)
    rest = next((one for one in messages if one.case_id == case.id), None)
    if rest is not None:
        after_review(session, workspace, rest.id or 0, now)


def _inbound(session: Session, inbound_id: int) -> Inbound:
    inbound = session.get(Inbound, inbound_id)
    if inbound is None:
        raise InputError(f"there is no message {inbound_id}", remedy="`outreach replies list` shows the numbers.")
    return inbound
