"""Mail of our own that comes back in: an answer that a colleague wrote in a mail program, and a note to a notice.

Law: such a mail never opens a case. It counts as an answer only where it hangs below what the customer of a case wrote
and goes to them; in a Sent folder, which nobody but us can fill, going to the customer of a single open case is enough.
Of a Sent folder nothing else is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from ..address import read_message_id
from ..cases.case import CLOSED
from ..records import Case, CaseEvent, EntryKind, Inbound, Machine
from ..replies.mail import Limits, ParsedMail
from ..replies.match import PROOFS, Match
from ..replies.parse import parse_inbound
from ..store import cases as kept
from ..store.desk import DESK, cases_told_by, is_of_campaign
from .acknowledge import our_addresses
from .casework import move_case
from .follow_up import after_answer
from .promises import suggest_promises
from .workspace import Workspace


@dataclass(frozen=True)
class OwnAnswer:
    """An answer of ours that was found: its case, and who wrote it."""

    case: Case
    by: str
    why: str


def is_sent_box(workspace: Workspace, mailbox: str) -> bool:
    """Whether a mailbox of the settings is a Sent folder of ours."""
    return any(box.sent for box in workspace.settings.replies.mailboxes if box.name == mailbox)


def answers_a_case(workspace: Workspace, raw: bytes) -> bool:
    """Whether a mail of a Sent folder is an answer in an open case: only such a one is kept."""
    mail = parse_inbound(raw, Limits(max_bytes=workspace.settings.replies.max_bytes))
    with workspace.database.read() as session:
        found = find_own_answer(session, workspace, mail, sent_box=True)
    return found is not None and found.case.state not in CLOSED


def find_own_answer(
    session: Session, workspace: Workspace, mail: ParsedMail, *, sent_box: bool = False
) -> OwnAnswer | None:
    """The case that this mail of ours answers, or None where it is none of ours or answers no case."""
    ours = our_addresses(session, workspace)
    sender = mail.sender.lower()
    if read_message_id(mail.message_id) or (sender not in ours and not sent_box):
        return None
    if mail.header("auto-submitted").lower() not in ("", "no"):
        return None
    to = {address.lower() for address in mail.recipients} - set(ours)
    to -= {tagged for tagged in to if any(_is_tagged(tagged, address) for address in ours)}
    by = ours.get(sender) or mail.sender_name or mail.sender or "somebody of us"
    ids = [f"<{one.strip('<>')}>" for one in mail.ancestors][:50]
    for case in kept.cases_of_thread(session, ids, [found for one in ids if (found := read_message_id(one))]):
        if to & _addresses(session, case):
            return OwnAnswer(case, by, "it hangs below what they wrote")
    if sent_box:
        open_cases = [case for address in sorted(to) for case in kept.unsolved_of_address(session, address)]
        if len({case.id for case in open_cases}) == 1:
            return OwnAnswer(open_cases[0], by, "it lies in a Sent folder and goes to them")
    return None


def take_own_mail(
    session: Session, workspace: Workspace, inbound: Inbound, mail: ParsedMail, text: str, match: Match, now: datetime
) -> list[str] | None:
    """Count what one of us wrote as an answer or a note; what was done, in words. None: it is not ours.

    `text` is what they wrote, quotes removed.
    """
    sent_box = is_sent_box(workspace, inbound.mailbox)
    noted = _note(session, inbound, mail, text, match, now)
    if noted is not None:
        return noted
    found = find_own_answer(session, workspace, mail, sent_box=sent_box)
    if found is None:
        return _mark(inbound, ["a mail of ours, and no answer in a case"]) if sent_box else None
    case = found.case
    assert case.id is not None
    said = text.strip() or mail.subject
    if case.state in CLOSED:
        kept.add_entry(
            session, case.id, now, EntryKind.NOTE, by=found.by, text=f"answered by mail: {said}", inbound_id=inbound.id
        )
        return _mark(inbound, [f"written by {found.by}: noted in case {case.id}, which is {case.state}"])
    at = min(now, max(case.opened_at, mail.sent_at or inbound.received_at))
    move_case(session, workspace, case, CaseEvent.ANSWER, at=at, by=found.by, text=said, inbound_id=inbound.id)
    after_answer(session, workspace, case, now, by=found.by)
    suggest_promises(session, workspace, case, said, now, found.by)
    forged = [] if sent_box else ["only its From says who wrote it: that can be forged"]
    return _mark(inbound, [f"written by {found.by}: an answer in case {case.id} ({found.why})", *forged])


def _note(
    session: Session, inbound: Inbound, mail: ParsedMail, text: str, match: Match, now: datetime
) -> list[str] | None:
    """An answer to a mail that told a colleague of a case: a note in it."""
    told = match.delivery_id if match.clue in PROOFS else None
    by_machine = mail.header("auto-submitted").lower() not in ("", "no")
    if told is None or by_machine or not is_of_campaign(session, told, DESK):
        return None
    about = cases_told_by(session, told)
    if len(about) != 1:
        return _mark(inbound, [f"answers our mail about {len(about)} cases: say in which, with `cases note`"])
    by, said = mail.sender_name or mail.sender, text.strip() or mail.subject
    kept.add_entry(session, about[0], now, EntryKind.NOTE, by=by, text=said, inbound_id=inbound.id)
    return _mark(inbound, [f"answers our mail about case {about[0]}: noted there"])


def _mark(inbound: Inbound, reasons: list[str]) -> list[str]:
    """It is one of us who wrote: no customer's message, and no case's."""
    inbound.machine = Machine.COLLEAGUE
    inbound.customer_id, inbound.delivery_id, inbound.flagged = None, None, ""
    return reasons


def _addresses(session: Session, case: Case) -> set[str]:
    """Where the customer of a case wrote from, and their own address."""
    customer = kept.customer_of(session, case)
    wrote = {each.sender.lower() for each in kept.inbounds_of(session, case.id or 0) if each.sender}
    own = {(customer.address or "").lower()} if customer is not None else {case.author.lower()}
    return (wrote | own) - {""}


def _is_tagged(address: str, ours: str) -> bool:
    """Whether an address is ours with a tag behind a plus sign."""
    local, _, domain = ours.rpartition("@")
    return address.startswith(f"{local}+") and address.endswith(f"@{domain}")
