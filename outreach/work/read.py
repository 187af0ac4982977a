"""Reading what was stored: parsed, matched, sorted, and acted upon; each message wholly or not at all.

Law: whatever goes wrong with a message, it is kept: `unreadable`, with the reason, for a person. Wishes to leave come
first, then machine mail by its headers, then the words. What a mail does is in `work.acts`. Several messages share a
transaction, as long as it is short (I12); where one of them fails, each is read again in a transaction of its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session

from ..contacts import author_key, shown_handle
from ..errors import OutreachError
from ..prose import guess_language
from ..records import Category, Channel, Inbound, InboundState, Machine, Urgency
from ..replies.classify import Judgement, classify
from ..replies.match import PROOFS, Match, choose_match
from ..replies.parse import plain_address
from ..store.customers import was_erased
from ..store.replies import CUES, HEADERS, Judged, add_verdict, earlier_copy, inbounds_with, still_unread
from .absence import heed_new_address
from .acts import act_on_machine, leave_list, tell_evidence
from .copies import add_copy, case_again, find_first, is_copy
from .epoch import advance
from .erase import forget_message
from .follow_up import after_inbound
from .learn import model_of
from .own_mail import take_own_mail
from .owners import find_owners, read_told, told_clues
from .seats import heed_calendar
from .understand import Reading, Understanding
from .workspace import Workspace

JUNK = re.compile(r"\b(?:junk|spam|bulk mail|unerwünscht|indésirable|no deseado|posta indesiderata)", re.IGNORECASE)
"""Names of folders into which mail servers put what they hold for junk."""
NUMBERS = re.compile(r"/\d+/\d+\Z|/[^/]*\Z")
"""What stands behind the folder in a message's place: IMAP's two numbers, or the name of a file in a Maildir."""
LONGEST_KEPT = 200_000
TOGETHER = 50
"""Messages that are understood before the first of them is written."""
SHORT = 0.1
"""Seconds of a transaction after which the next message gets a new one (I12)."""


@dataclass(frozen=True)
class Outcome:
    """What became of a message; `kind` is its category for a person's, else the kind of machine."""

    state: InboundState
    kind: str


def read_inbound(workspace: Workspace, inbound_id: int) -> Outcome:
    """Read one stored message; see `Reader.read`."""
    return Reader(workspace).read(inbound_id)


class Reader:
    """Reads messages one after the other, and remembers the editions that they answer.

    `begin` begins a write transaction for several. `forgot`: it read something of somebody who was erased, which must
    leave the disk too.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.begin: Callable[[], AbstractContextManager[Session]] = workspace.database.write
        self.forgot = False
        self.understanding = Understanding(workspace)

    def read(self, inbound_id: int) -> Outcome:
        """Read one message; one that was read before is left as it is."""
        try:
            return self._read(inbound_id)
        except (OutreachError, SQLAlchemyError):
            raise
        except Exception as wrong:  # a message that defeats a reader must not stop the others, nor be lost
            return self._set_aside(inbound_id, f"it could not be read ({type(wrong).__name__}: {str(wrong)[:200]})")

    def read_together(self, inbound_ids: Sequence[int]) -> list[Outcome]:
        """Read several, each as `read` does, in few transactions; what became of them, in the same order."""
        return self._each_alone_if_need_be(inbound_ids, lambda: self.understanding.of(inbound_ids))

    def write_together(self, inbound_ids: Sequence[int], readings: Mapping[int, Reading]) -> list[Outcome]:
        """As `read_together`, where it is known what they say; whatever is not in `readings` is read here."""
        return self._each_alone_if_need_be(inbound_ids, lambda: readings)

    def _each_alone_if_need_be(
        self, inbound_ids: Sequence[int], understood: Callable[[], Mapping[int, Reading]]
    ) -> list[Outcome]:
        try:
            outcomes = self._write_together(understood())
        except (OutreachError, SQLAlchemyError):
            raise
        except Exception:  # one of them defeats a reader: each by itself, so that the others do not suffer
            outcomes = {}
        return [outcomes[number] if number in outcomes else self.read(number) for number in inbound_ids]

    def _write_together(self, readings: Mapping[int, Reading]) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        with self.workspace.database.read() as session:
            inbounds = inbounds_with(session, list(readings))
        waiting = list(readings)
        while waiting:
            with self.begin() as session:
                began, unread = time.monotonic(), still_unread(session, waiting)
                while waiting and time.monotonic() - began < SHORT:
                    number = waiting.pop(0)
                    if number in unread:
                        outcomes[number] = self._settle(session, inbounds[number], readings[number])
                advance(session, self.workspace.root, needed=False)
        return outcomes

    def _read(self, inbound_id: int) -> Outcome:
        with self.workspace.database.read() as session:
            inbound = session.get_one(Inbound, inbound_id)
        if inbound.state is not InboundState.STORED:
            return _outcome(inbound)
        if inbound.channel is not Channel.EMAIL:
            return self._read_told(inbound)
        if why := self.understanding.why_not(inbound.raw):
            return self._set_aside(inbound_id, why)
        return self._write_together(self.understanding.of([inbound_id])).get(inbound_id) or self._known(inbound_id)

    def _known(self, inbound_id: int) -> Outcome:
        """What somebody else read meanwhile."""
        with self.workspace.database.read() as session:
            return _outcome(session.get_one(Inbound, inbound_id))

    def _settle(self, session: Session, inbound: Inbound, reading: Reading) -> Outcome:
        """Write what was read, and what follows from it. Nobody changes one that is still unread."""
        self._write(session, inbound, reading, self.workspace.clock())
        if was_erased(session, inbound.customer_id):
            inbound = session.get_one(Inbound, inbound.id)
            forget_message(session, inbound)
            session.flush()  # so that the next message's look-ups find nothing of this one
            self.forgot = True
        return _outcome(inbound)

    def _write(self, session: Session, inbound: Inbound, reading: Reading, now: datetime) -> None:
        _fill(inbound, reading)
        if copy := earlier_copy(session, inbound):
            inbound.flagged = _joined(inbound.flagged, f"the same mail as message {copy}, come by another way")
            inbound.machine = Machine.OTHER
            add_verdict(session, inbound, _by_headers(inbound, [f"it has the Message-ID of message {copy}"], now))
            return
        own = take_own_mail(session, self.workspace, inbound, reading.mail, reading.stripped.text, reading.match, now)
        if own is not None:
            add_verdict(session, inbound, _by_headers(inbound, own, now))
            return
        answered = reading.machine.calendar
        seats = heed_calendar(session, self.workspace, inbound, answered) if answered is not None else []
        judgement = replace(reading.judgement, reasons=(*reading.judgement.reasons, *seats))
        if reading.machine.machine is Machine.HUMAN or reading.leaves or judgement.category is not Category.MACHINE:
            self._write_human(session, inbound, judgement, reading.match, reading.leaves, now)
            return
        acts = [*act_on_machine(session, self.workspace, inbound, reading.machine, reading.match, now), *seats]
        add_verdict(session, inbound, _by_headers(inbound, [reading.machine.reason, *acts], now))

    def _write_human(
        self, session: Session, inbound: Inbound, judgement: Judgement, match: Match, leaves: bool, now: datetime
    ) -> None:
        """A person's message: the wish to leave first, then the verdict, then what follows from it."""
        inbound.machine = Machine.HUMAN
        inbound.author = author_key(inbound.sender, inbound.handle, inbound.phone, inbound.repost_of)
        leaves = leaves and not inbound.repost_of
        if match.customer_id is None and match.delivery_id is None:
            judgement = _doubt_junk(judgement, inbound.place)
        first = find_first(session, inbound) if not leaves else None
        if first is not None and is_copy(session, inbound, first):
            add_copy(session, self.workspace, inbound, first, now)
            return
        kept = judgement.category is Category.CHANGE_OF_DATA and judgement.urgency is not Urgency.NORMAL
        if leaves and not kept and judgement.category not in (Category.COMPLAINT, Category.UNSUBSCRIBE):
            words = (f"{match.why}", *judgement.reasons)
            judgement = replace(judgement, category=Category.UNSUBSCRIBE, confidence=0.97, reasons=words)
        reasons = list(judgement.reasons)
        if leaves:
            reasons += leave_list(session, self.workspace, inbound, match, now)
        tell_evidence(session, inbound, match, now)
        if match.clue in PROOFS and not match.foreign:
            reasons += heed_new_address(session, inbound, now)
        topics = list(judgement.topics)
        verdict = Judged(now, CUES, judgement.category, reasons, topics, judgement.urgency, judgement.confidence)
        add_verdict(session, inbound, verdict)
        if not was_erased(session, inbound.customer_id):
            after_inbound(session, self.workspace, inbound, now, case_again(session, first) if first else None)

    def _read_told(self, inbound: Inbound) -> Outcome:
        """A call, a letter, a mention: what a person wrote down."""
        told = read_told(inbound.raw)
        passed_on = str(told.get("repost_of") or "")
        text, subject = str(told.get("text") or "")[:LONGEST_KEPT], str(told.get("subject") or "")[:1000]
        language = guess_language(text or subject)
        judgement = classify(text, subject, language, self.workspace.settings.topics, model_of(self.workspace))
        with self.workspace.database.write() as session:
            inbound = session.get_one(Inbound, inbound.id)
            if inbound.state is not InboundState.STORED:
                return _outcome(inbound)
            found = told_clues(told)
            owners = find_owners(session, self.workspace, found, inbound.received_at)
            match = choose_match(found, owners, "")
            inbound.state, inbound.text, inbound.subject, inbound.language = InboundState.READ, text, subject, language
            inbound.repost_of = passed_on
            inbound.sender = plain_address(str(told.get("from") or ""))
            inbound.sender_name = str(told.get("name") or "")[:200]
            inbound.customer_id, inbound.delivery_id, inbound.clue = match.customer_id, match.delivery_id, match.clue
            whose = f"{shown_handle(inbound.network, passed_on)} said this, whoever passed it on" if passed_on else ""
            inbound.flagged = _joined(inbound.flagged, match.flagged, whose)
            session.add(inbound)
            session.flush()
            self._write_human(session, inbound, judgement, match, judgement.leaves, self.workspace.clock())
            return _outcome(inbound)

    def _set_aside(self, inbound_id: int, why: str) -> Outcome:
        with self.workspace.database.write() as session:
            inbound = session.get_one(Inbound, inbound_id)
            if inbound.state is InboundState.STORED:
                inbound.state = InboundState.UNREADABLE
                inbound.flagged = _joined(inbound.flagged, why)
                session.add(inbound)
            return _outcome(inbound)


def _fill(inbound: Inbound, reading: Reading) -> None:
    """What was read, on what stands for the row. The customer of a bounce is whom we had written to."""
    mail, match = reading.mail, reading.match
    found = {
        "state": InboundState.READ,
        "message_id": mail.message_id[:500],
        "recipient": next(iter(mail.recipients), ""),
        "sender": mail.sender,
        "sender_name": mail.sender_name,
        "subject": mail.subject,
        "text": reading.stripped.text[:LONGEST_KEPT],
        "quoted": reading.stripped.quoted[:LONGEST_KEPT],
        "attachments": [{"name": one.name, "media_type": one.media_type, "size": one.size} for one in mail.attachments],
        "language": reading.language,
        "machine": reading.machine.machine,
        "customer_id": match.customer_id,
        "delivery_id": match.delivery_id,
        "clue": match.clue,
        "foreign_token": match.foreign,
        "flagged": _joined(inbound.flagged, match.flagged, *mail.faults),
    }
    for name, value in found.items():
        set_committed_value(inbound, name, value)  # it is written by `keep_inbound`, not by the ORM


def _doubt_junk(judgement: Judgement, place: str) -> Judgement:
    """A stranger's mail out of a folder for junk makes no case before a person has read it, but where harm is told."""
    folder = NUMBERS.sub("", place)
    wanted = judgement.category in (Category.COMPLAINT, Category.QUESTION) and judgement.urgency is not Urgency.HIGH
    if not wanted or not JUNK.search(folder):
        return judgement
    why = f"it lay in the folder {folder} and is from nobody we know: no case before a person has read it"
    return replace(judgement, category=Category.OTHER, confidence=None, reasons=(why, *judgement.reasons))


def _by_headers(inbound: Inbound, reasons: list[str], now: datetime) -> Judged:
    calendar = inbound.machine is Machine.CALENDAR
    category = Category.SEMINAR_ANSWER if calendar else Category.MACHINE
    return Judged(now, HEADERS, category, reasons, confidence=1.0)


def _outcome(inbound: Inbound) -> Outcome:
    if inbound.machine is Machine.HUMAN:
        return Outcome(inbound.state, inbound.category.value if inbound.category is not None else inbound.state.value)
    return Outcome(inbound.state, inbound.machine.value)


def _joined(*parts: str) -> str:
    return "; ".join(dict.fromkeys(part for part in parts if part))[:2000]
