"""The whole story of one mail: planned, judged, every attempt, doubts and how they ended, what came back.

Law: what the row tells and what its history tells are put together by time, each line with who says so; nothing is
guessed and nothing is left out. An attempt that a crash cut off before its intent handed nothing over, and has no line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from ..address import ID_LENGTH, address_key, canonical_address, read_message_id
from ..errors import UsageError
from ..records import Bounce, DeliveryMove, DeliveryState, Onward
from ..store.consents import consent_history
from ..store.deliveries import CameBack, DeliveryRow, bounces_of, came_back, deliveries_of, notes_of
from ..store.doubts import HANDED_OVER
from ..store.edition_figures import LINK_EVIDENCE
from ..store.editions import find_campaign
from .workspace import Workspace

ME = "outreach"
WORDS_KEPT = 200


@dataclass(frozen=True)
class Line:
    """One thing that happened: when, what in one or two words, the details, the relay, and who says so.

    `next_at` is when the following attempt was due.
    """

    at: datetime
    what: str
    words: str = ""
    relay: str = ""
    by: str = ME
    next_at: datetime | None = None


@dataclass(frozen=True)
class Story:
    """One mail and all that is known of it, oldest line first."""

    row: DeliveryRow
    lines: tuple[Line, ...]


def tell_stories(workspace: Workspace, what: str, campaign: str = "") -> list[Story]:
    """The mails that `what` names: an address, a Message-ID or a number. Raises UsageError where there is none."""
    with workspace.database.read() as session:
        campaign_id = None
        if campaign:
            found = find_campaign(session, campaign)
            if found is None:
                raise UsageError(f"there is no campaign called {campaign}", remedy="See `outreach campaigns list`.")
            campaign_id = found.id
        rows = _named(session, workspace, what, campaign_id)
        if not rows:
            where = f" by {campaign}" if campaign else ""
            raise UsageError(
                f"no mail{where} is known to {what}",
                remedy="Give an e-mail address, or a Message-ID or number as `outreach deliveries list` shows them.",
            )
        return [Story(row, tuple(sorted(_lines(session, row), key=_when))) for row in rows]


def _when(line: Line) -> tuple[datetime, int]:
    """By time; of one instant what must have come first."""
    return line.at, {"planned": 0, "begun": 1}.get(line.what, 2)


def _named(session: Session, workspace: Workspace, what: str, campaign_id: int | None) -> list[DeliveryRow]:
    plain = what.strip().strip("<>")
    if plain.isascii() and plain.isdigit() and len(plain) < 19:
        return deliveries_of(session, delivery_id=int(plain), campaign_id=campaign_id)
    public_id = read_message_id(plain) or (plain.lower() if len(plain) == ID_LENGTH and plain.isalnum() else "")
    if public_id:
        return deliveries_of(session, public_id=public_id, campaign_id=campaign_id)
    key = address_key(workspace.keys, canonical_address(what))
    return deliveries_of(session, address_key=key, campaign_id=campaign_id)


def _lines(session: Session, row: DeliveryRow) -> Iterator[Line]:
    if row.planned_at is not None:
        due = f"due {row.due_at:%Y-%m-%d %H:%M} UTC"
        until = f", not after {row.expires_at:%Y-%m-%d %H:%M} UTC" if row.expires_at is not None else ""
        yield Line(row.planned_at, "planned", f"{row.campaign}, issue {row.edition} ({row.occasion}), {due}{until}")
    bounced = [line for bounce in bounces_of(session, row.id) for line in _bounced(bounce)]
    known = {_bare(line) for line in bounced}
    for note in notes_of(session, row.id):
        line = _noted(note)
        if _bare(line) not in known:  # who came back stands in a row of its own, with who says so
            yield line
    yield from _ended(row)
    yield from bounced
    if row.onward is not None and row.onward_at is not None:
        yield Line(row.onward_at, _ONWARD[row.onward], row.onward_words, row.relay, "the relay's log")
    for message in came_back(session, row.id):
        yield from _answered(message)
    if row.customer_id is not None:
        for act in consent_history(session, row.customer_id):
            if act.evidence == f"{LINK_EVIDENCE}{row.public_id}":
                yield Line(act.at, f"consent {act.act.value}", f"by the link in this mail ({act.how})", by="the reader")


_ONWARD = {
    Onward.ACCEPTED: "accepted by the next server",
    Onward.DEFERRED: "put off by the next server",
    Onward.BOUNCED: "refused by the next server",
}
_WHAT = {
    "intent": "begun",
    "temporary": "put off by the relay",
    "release": "attempt ended early",
    "unknown": "in doubt",
    "poison": "given up",
    "evidence_sent": "settled: sent",
    "evidence_failed": "settled: not sent",
    "resend": "to be sent again",
    "onward_deferred": "put off by the next server",
    "onward_bounced": "refused by the next server",
    "delay": "delay told by a server",
    "bounce": "bounced",
    "abuse_report": "reported as abuse",
}


def _noted(note: DeliveryMove) -> Line:
    what = _WHAT.get(note.event, note.event.replace("_", " "))
    if note.event == "release" and not note.relay and note.reason != "crash":
        what = "put off"  # judged again: not an attempt
    words = f"{note.reason}: {note.detail}" if note.reason and note.detail else note.detail or note.reason
    return Line(note.at, what, words, note.relay, note.by or ME, note.next_at)


def _ended(row: DeliveryRow) -> Iterator[Line]:
    """What the row itself tells: the attempt that ended it, or how it was judged."""
    if row.state is DeliveryState.SENT and row.sent_at is not None and row.reason != "evidence":
        yield Line(row.sent_at, "handed over", row.response, row.relay, "the relay")
    elif row.state is DeliveryState.FAILED and row.settled_at is not None and row.reason not in ("evidence", "poison"):
        why = f"{row.failure.value}: {row.response}" if row.failure is not None else row.response
        yield Line(row.settled_at, "refused by the relay", why, row.relay, "the relay")
    elif row.settled_at is not None and row.state in _JUDGED:
        yield Line(row.settled_at, row.state.value, ": ".join(part for part in (row.reason, row.evidence) if part))
    unclear = row.state in (DeliveryState.INFLIGHT, DeliveryState.IN_DOUBT) or row.reason == "evidence"
    if unclear and row.intent_at is not None:
        yield Line(row.intent_at, "begun", HANDED_OVER, row.relay)


def _bare(line: Line) -> tuple[str, str]:
    """What a line says, as far as both who noted it and who counts bounces keep of it."""
    return line.what, line.words[:WORDS_KEPT]


_JUDGED = (DeliveryState.WITHHELD, DeliveryState.SUPPRESSED, DeliveryState.CANCELLED, DeliveryState.EXPIRED)


def _bounced(bounce: Bounce) -> Iterator[Line]:
    yield Line(
        bounce.at, "bounced", f"{bounce.failure.value}: {bounce.words}", by=_SOURCES.get(bounce.source, bounce.source)
    )
    if bounce.undone_at is not None:
        yield Line(bounce.undone_at, "bounce no longer counts", bounce.failure.value)


_SOURCES = {"smtp": "the relay", "dsn": "a bounce message", "maillog": "the relay's log"}


def _answered(message: CameBack) -> Iterator[Line]:
    kind = message.category if message.machine == "human" else message.machine.replace("_", " ")
    words = f"{message.subject} (outreach replies show {message.inbound_id})".strip()
    yield Line(message.received_at, f"came back: {kind or 'message'}", words, by=message.channel)
    if message.case_id is not None and message.case_opened_at == message.received_at:
        yield Line(message.received_at, "case opened", f"outreach cases show {message.case_id}")
