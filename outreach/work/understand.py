"""What stored mails say, before anything is written down: parsed, matched, quotes subtracted, sorted.

Law: reads only, so that it may run in a process beside the one that writes, be lost, and be done again. What comes of
it is a plain value, without what was only read for it (bodies, parts, returned headers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from ..address import address_key
from ..prose import guess_language
from ..records import Category, Channel, ClueKind, InboundState, Machine, Urgency
from ..replies.classify import Judgement, classify
from ..replies.dsn import named_addresses
from ..replies.learned import Learned
from ..replies.leaving import asks_to_leave
from ..replies.machine import MachineMail, sort_machine
from ..replies.mail import Limits, ParsedMail
from ..replies.match import Match, choose_match, clues
from ..replies.parse import parse_inbound
from ..replies.quote import Stripped, strip_quotes
from ..store.replies import Stored, stored_with
from .learn import model_of
from .owners import find_by_ledger, find_owners
from .sent_text import SentTexts
from .workspace import Workspace

REPORTS = frozenset(
    (Machine.BOUNCE, Machine.DELAY, Machine.ABUSE_REPORT, Machine.AUTH_REPORT, Machine.RECEIPT, Machine.CALENDAR)
)
HEEDED = (Category.COMPLAINT, Category.QUESTION)
"""What the comment to a calendar's answer may be, so that somebody must read it."""
UNJUDGED = Judgement(Category.MACHINE, (), Urgency.NORMAL, None, ())


@dataclass(frozen=True, slots=True)
class Reading:
    """What a mail says, before it is written down.

    `leaves`: it asks to be unsubscribed, by the address it came to, by a bare command, or in a person's words.
    `judgement`: `UNJUDGED` of what a machine wrote.
    """

    mail: ParsedMail
    machine: MachineMail
    match: Match
    stripped: Stripped
    language: str
    leaves: bool
    judgement: Judgement


class Understanding:
    """Understands mails, and remembers the editions that they answer."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._limits = Limits(max_bytes=workspace.settings.replies.max_bytes)
        self._sent_texts = SentTexts(workspace)

    def of(self, inbound_ids: Sequence[int]) -> dict[int, Reading]:
        """What those of these inbounds say that are unread mails, and can be read. Raises whatever defeats it."""
        model = model_of(self.workspace)
        with self.workspace.database.read() as session:
            found = [one for one in stored_with(session, inbound_ids) if one.channel is Channel.EMAIL]
            parsed = [(one, parse_inbound(one.raw, self._limits)) for one in found if one.state is InboundState.STORED]
            return {
                one.id: _slim(self._understand(session, one, mail, model))
                for one, mail in parsed
                if not mail.unreadable
            }

    def why_not(self, raw: bytes) -> str:
        """Why a mail of these bytes cannot be read, or nothing where it can."""
        return parse_inbound(raw, self._limits).unreadable

    def _understand(self, session: Session, inbound: Stored, mail: ParsedMail, model: Learned) -> Reading:
        keys = self.workspace.keys
        found = clues(mail, keys)
        to_bounces = any(clue.kind is ClueKind.RETURN_PATH for clue in found)
        machine = sort_machine(mail, inbound.raw, to_bounces=to_bounces)
        is_report = machine.machine in REPORTS and machine.machine is not Machine.CALENDAR
        returned = machine.bounce.returned if machine.bounce else None
        returned = machine.feedback.returned if machine.feedback else returned
        if returned is not None:
            found = clues(mail, keys, returned=returned)
        if is_report:
            found = [clue for clue in found if clue.kind is not ClueKind.SENDER]
        key = address_key(keys, mail.sender) if mail.sender else ""
        now, plain = inbound.received_at, self.workspace.settings.replies.scheme == "plain"
        owners = find_owners(session, self.workspace, found, inbound.received_at)
        match = choose_match(found, owners, key, machine=is_report)
        if machine.machine is Machine.BOUNCE and match.delivery_id is None and plain:
            match = find_by_ledger(session, self.workspace, named_addresses(mail, inbound.raw, machine.bounce), now)
        if machine.weak and match.clue is not None:
            machine = MachineMail(Machine.HUMAN, "somebody we know, by way of a list")
        sent = self._sent_texts.of(session, match.delivery_id) if machine.machine not in REPORTS else None
        stripped = strip_quotes(mail.text, mail.html, sent)
        if machine.calendar is not None:
            return self._answered(mail, machine, match, stripped, model)
        language = guess_language(stripped.text or mail.subject)
        leaves = machine.machine not in REPORTS and (match.leave or asks_to_leave(stripped.text, mail.subject))
        if machine.machine is not Machine.HUMAN and not leaves:
            return Reading(mail, machine, match, stripped, language, False, UNJUDGED)
        judgement = classify(stripped.text, mail.subject, language, self.workspace.settings.topics, model)
        leaves = leaves or judgement.leaves
        return Reading(mail, machine, match, stripped, language, leaves, judgement)

    def _answered(
        self, mail: ParsedMail, machine: MachineMail, match: Match, stripped: Stripped, model: Learned
    ) -> Reading:
        """A calendar's answer. What its owner wrote to it is read like any mail: a complaint is one there too."""
        comment = machine.calendar.comment if machine.calendar is not None else ""
        language = guess_language(comment or stripped.text or mail.subject)
        if not comment:
            return Reading(mail, machine, match, stripped, language, False, UNJUDGED)
        judgement = classify(comment, "", language, self.workspace.settings.topics, model)
        leaves = judgement.leaves or asks_to_leave(comment, "")
        if not leaves and judgement.category not in HEEDED:
            return Reading(mail, machine, match, stripped, language, False, UNJUDGED)
        if " ".join(comment.split()) not in " ".join(stripped.text.split()):
            stripped = replace(stripped, text=f"{comment}\n\n{stripped.text}".strip())
        return Reading(mail, machine, match, stripped, language, leaves, judgement)


def _slim(reading: Reading) -> Reading:
    """Without what nobody asks for any more: this crosses over from one process to another."""
    machine = reading.machine
    if machine.bounce is not None and machine.bounce.returned is not None:
        machine = replace(machine, bounce=replace(machine.bounce, returned=None))
    if machine.feedback is not None and machine.feedback.returned is not None:
        machine = replace(machine, feedback=replace(machine.feedback, returned=None))
    return replace(reading, mail=replace(reading.mail, text="", html="", parts=()), machine=machine)
