"""Thanks that come in: kept, asked about once, and quoted only with the consent that stands on record.

Law: a person is asked once in their life with us, never while they have an open complaint; the question, the answer and
who took it down are kept with the permission; a yes is taken back by a word.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from ..errors import InputError, UsageError
from ..plan.holds import is_open
from ..plan.steps import StepDraft
from ..plan.thanks import Answer, question, quotable, read_answer
from ..records import Category, Channel, Customer, Edition, Inbound, Thanks, ThanksState
from ..store.matters import address_of
from ..store.plan import apply_step, holds_of
from ..store.thanks import (
    find_thanks,
    forget_thanks,
    keep_thanks,
    last_asked,
    move_thanks,
    thanks_asked_by,
    unasked_thanks,
)
from .thread import Thread, answer_subject, queue_in_thread, references_of
from .workspace import Workspace

READER = "outreach"


def take_thanks(session: Session, workspace: Workspace, inbound: Inbound, now: datetime) -> None:
    """Keep a customer's thanks; read what they answer to our question. What is neither changes nothing."""
    asked = thanks_asked_by(session, inbound.delivery_id) if inbound.delivery_id is not None else None
    if asked is not None and asked.inbound_id != inbound.id and inbound.customer_id == asked.customer_id:
        _take_answer(session, workspace, asked, inbound, now)
    elif inbound.category is Category.THANKS and inbound.customer_id is not None and _own(session, inbound):
        keep_thanks(session, inbound)
    else:
        forget_thanks(session, inbound.id or 0)


def _own(session: Session, inbound: Inbound) -> bool:
    """Whether the customer wrote it, as far as the address tells: nobody else's words are theirs."""
    if inbound.channel is not Channel.EMAIL:
        return True
    address = address_of(session, inbound.customer_id) if inbound.customer_id is not None else None
    return address is not None and inbound.sender.lower() == address.lower()


def _take_answer(session: Session, workspace: Workspace, thanks: Thanks, inbound: Inbound, now: datetime) -> None:
    said = read_answer(inbound.text)
    if not _own(session, inbound) or said is Answer.UNSURE:
        return
    if said is Answer.YES and thanks.state is not ThanksState.ASKED:
        return
    words = f"message {inbound.id}: {quotable(inbound.text)}"
    _decide(session, thanks, said is Answer.YES, by=READER, words=words, now=now, answer_id=inbound.id)


def ask(workspace: Workspace, number: int, *, by: str) -> int:
    """Ask whether these thanks may be quoted; the delivery's id. Raises UsageError for no such thanks or no words,
    InputError where the person was asked before, has an open complaint, or has no address."""
    now = workspace.clock()
    with workspace.database.write() as session:
        return _ask(session, workspace, number, by, now)


def _ask(session: Session, workspace: Workspace, number: int, by: str, now: datetime) -> int:
    thanks = _known(session, number)
    inbound, customer = session.get(Inbound, thanks.inbound_id), session.get(Customer, thanks.customer_id)
    before = last_asked(session, thanks.customer_id)
    if before is not None:
        raise InputError(f"this person was asked on {before:%Y-%m-%d}: nobody is asked twice")
    if customer is None or not customer.address:
        raise InputError(
            "nobody knows an address of this person", remedy="Ask another way, then: outreach thanks allow"
        )
    if any(is_open(hold, now) for hold in holds_of(session, [customer.id or 0]).get(customer.id or 0, ())):
        raise InputError("this person has an open complaint: it comes first", remedy="Ask when it is solved.")
    quote = quotable(inbound.text if inbound is not None else "")
    if not quote:
        raise UsageError(f"thanks {number} has no words that could be quoted")
    identity = workspace.settings.identity
    text = question(quote, customer.first_name or "", identity.company, customer.language or identity.language)
    ids = references_of(inbound) if inbound is not None and inbound.channel is Channel.EMAIL else []
    subject = answer_subject(inbound.subject if inbound is not None else "")
    thread = Thread(customer.address, subject, customer.id, ids[-1] if ids else "", " ".join(ids))
    delivery_id = queue_in_thread(session, workspace, thread, occasion=f"thanks-{number}", text=text, now=now)
    values = {"state": ThanksState.ASKED, "asked_at": now, "asked_by": by, "question": text, "delivery_id": delivery_id}
    move_thanks(session, thanks, [ThanksState.KEPT], values)
    _note(session, thanks, "thanks_asked", "ask whether their thanks may be quoted", f"{by} asked", now)
    return delivery_id


def ask_all(workspace: Workspace) -> list[int]:
    """Where the settings say so: ask everybody whose thanks are kept and who may be asked. The thanks asked about."""
    if workspace.settings.steps.thanks != "apply":
        return []
    with workspace.database.read() as session:
        waiting = unasked_thanks(session)
    asked = []
    for number in waiting:
        try:
            ask(workspace, number, by=READER)
        except (InputError, UsageError):
            continue  # asked before, or a complaint comes first: it stays kept
        asked.append(number)
    return asked


def decide(workspace: Workspace, number: int, *, allowed: bool, by: str, words: str) -> Thanks:
    """Take down what the person said, however they said it; a no takes an earlier yes back.

    Raises UsageError for no such thanks, or where it is not said how they said it.
    """
    if not words.strip():
        raise UsageError("it is not said how they said it", remedy='Say it: --because "by phone on 3 December"')
    now = workspace.clock()
    with workspace.database.write() as session:
        thanks = _known(session, number)
        _decide(session, thanks, allowed, by=by, words=words, now=now, answer_id=None)
        return thanks


def _decide(
    session: Session, thanks: Thanks, allowed: bool, *, by: str, words: str, now: datetime, answer_id: int | None
) -> None:
    inbound = session.get(Inbound, thanks.inbound_id)
    values = {
        "state": ThanksState.ALLOWED if allowed else ThanksState.REFUSED,
        "quote": quotable(inbound.text) if allowed and inbound is not None else "",
        "decided_at": now,
        "decided_by": by,
        "answer": words,
        "answer_id": answer_id,
    }
    move_thanks(session, thanks, list(ThanksState), values)
    said = "may be quoted" if allowed else "may not be quoted"
    _note(session, thanks, "thanks_decided", f"their thanks {said}", words, now)


def _note(session: Session, thanks: Thanks, rule: str, what: str, reason: str, now: datetime) -> None:
    edition = session.get(Edition, thanks.edition_id) if thanks.edition_id is not None else None
    campaign_id = edition.campaign_id if edition is not None else None
    evidence = {"thanks": thanks.id, "inbound": thanks.inbound_id}
    draft = StepDraft(rule, what, reason, thanks.customer_id, None, None, evidence, campaign_id, thanks.edition_id)
    apply_step(session, draft, now)


def _known(session: Session, number: int) -> Thanks:
    thanks = find_thanks(session, number)
    if thanks is None:
        raise UsageError(f"there are no thanks {number}", remedy="`outreach thanks list` shows the numbers.")
    return thanks
