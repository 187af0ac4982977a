"""One alert mail: queued, claimed, and carried by itself over a relay of its own choice.

Law: it is a Delivery like every mail that leaves the house (body, then the intent's commit, then the dot), but neither
the global pause nor the trouble of other mail stops it; and it never waits in the outbox: what could not be handed over
is cancelled, and told anew. So no alert goes out late, or round in a circle.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from ..delivery.outcome import Outcome, Stage, judge
from ..delivery.state import MOVES
from ..errors import OutreachError, SettingsError
from ..records import Campaign, Delivery, DeliveryEvent, DeliveryState, Kind
from ..settings import Relay
from ..store.campaigns import ALERTS
from ..store.moves import Move, apply_moves
from ..store.outbox import Claimed, claim, finish_editions, intend
from ..wire.relay import relay_error, relay_target
from ..wire.smtp import RelayTarget, SmtpSession
from .jobs import ticks
from .letter import open_press
from .presence import worker_name
from .press import Pressed, Sign
from .signing import open_sign
from .single import queue_single
from .workspace import Workspace

LEASE = timedelta(minutes=10)
OWN = "alerts"
"""What the server of [alerts.server] is called."""
CONNECT_SECONDS, REPLY_SECONDS, DOT_SECONDS = 20.0, 60.0, 120.0
"""An alert does not wait as long as other mail: there may be another way."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one alert mail. `maybe`: it is not known whether it arrived."""

    to: str
    ok: bool
    words: str = ""
    maybe: bool = False


def alert_relays(workspace: Workspace, avoid: Sequence[str] = ()) -> list[Relay]:
    """The relays that an alert may leave by, the best first; none whose name is in `avoid`.

    The server of [alerts.server], the one that [alerts] names, then backups, which have least to do, then the others.
    """
    settings = workspace.settings
    server = settings.alerts.server
    own = [Relay.model_validate({**server.model_dump(), "name": OWN})] if server.host else []
    others = sorted(settings.all_relays, key=lambda relay: (relay.name != settings.alerts.relay, not relay.backup))
    return [relay for relay in [*own, *others] if relay.name not in avoid]


def send_alert_mail(
    workspace: Workspace, to: str, subject: str, text: str, occasion: str, relays: Sequence[Relay]
) -> Told:
    """Hand one mail to the first of the relays that takes it. Raises DatabaseError where it cannot be written down."""
    if not relays:
        return Told(to, False, "there is no relay but the one in trouble: set [alerts.server] or `command` in [alerts]")
    row, pressed = _prepare(workspace, to, subject, text, occasion)
    started = ticks()
    words = ""
    for relay in relays:
        try:
            target = relay_target(_hasty(relay), workspace.root)
        except OutreachError as wrong:
            words = wrong.message
            continue
        session = SmtpSession(target)
        trouble = session.open()
        if trouble is not None:
            words = relay_error(target, trouble).message
            continue
        outcome, before = _carry(workspace, session, row, pressed, started)
        session.quit()
        words = outcome.reason
        if before is DeliveryState.INFLIGHT or outcome.event is not DeliveryEvent.RELEASE:
            return _settle(workspace, row, before, outcome, target, to)
    _apply(workspace, row, DeliveryState.CLAIMED, (DeliveryEvent.RELEASE, DeliveryEvent.CANCEL), words, "", "")
    return Told(to, False, words)


def _hasty(relay: Relay) -> Relay:
    return relay.model_copy(
        update={
            "connect_timeout": min(relay.connect_timeout, CONNECT_SECONDS),
            "reply_timeout": min(relay.reply_timeout, REPLY_SECONDS),
            "dot_timeout": min(relay.dot_timeout, DOT_SECONDS),
        }
    )


def _prepare(workspace: Workspace, to: str, subject: str, text: str, occasion: str) -> tuple[Claimed, Pressed]:
    """Queue the mail and claim it in one transaction: whoever else sends never sees it queued."""
    now = workspace.clock()
    settings = workspace.settings
    with workspace.database.write() as session:
        _cancel_leftovers(session, workspace)
        delivery = queue_single(
            session,
            workspace,
            kind=Kind.SERVICE,
            customer_id=None,
            address=to,
            occasion=f"{occasion}/{secrets.token_hex(4)}",
            subject=subject,
            text=text,
            now=now,
            sender=settings.alerts.sender,
            campaign=ALERTS,
        )
        edition = session.get_one(Delivery, delivery).edition_id
        owner = worker_name("alert")
        row = claim(session, edition_ids=[edition], owner=owner, limit=1, now=now, lease=LEASE)[0]
        press = open_press(session, workspace, edition, sign=_sign(workspace))
        pressed = press.press(None, row.public_id, {}, now)
    return row, pressed


def _sign(workspace: Workspace) -> Sign | None:
    """An alert goes out without a signature rather than not at all."""
    try:
        return open_sign(workspace)
    except SettingsError:
        return None


def _cancel_leftovers(session: Session, workspace: Workspace) -> None:
    """What a process that died had claimed was given back: it is told anew, so it is cancelled here."""
    alerts = select(col(Campaign.id)).where(col(Campaign.name) == ALERTS).scalar_subquery()
    query = select(col(Delivery.edition_id)).where(
        col(Delivery.campaign_id) == alerts, col(Delivery.state) == DeliveryState.QUEUED
    )
    left = list(session.scalars(query.limit(100)))
    now = workspace.clock()
    rows = claim(session, edition_ids=left, owner=worker_name("alert"), limit=100, now=now, lease=LEASE) if left else []
    events = (DeliveryEvent.RELEASE, DeliveryEvent.CANCEL)
    apply_moves(session, [Move(row, DeliveryState.CLAIMED, events, reason="told anew") for row in rows], now)
    finish_editions(session, left, now)


def _carry(
    workspace: Workspace, session: SmtpSession, row: Claimed, pressed: Pressed, started: float
) -> tuple[Outcome, DeliveryState]:
    """One mail as far as it goes: what came of it, and the state that the delivery is in meanwhile."""
    offered = session.offer(pressed.envelope, pressed.message)
    if not offered.ok:
        return judge(offered.stage, offered.result), DeliveryState.CLAIMED
    late = ticks() - started > LEASE.total_seconds() * 0.8
    if late or not _intend(workspace, row, session.target.name):
        session.drop()
        return Outcome(DeliveryEvent.RELEASE, "this process stood still for too long"), DeliveryState.CLAIMED
    return judge(Stage.DOT, session.finish()), DeliveryState.INFLIGHT


def _intend(workspace: Workspace, row: Claimed, relay: str) -> bool:
    with workspace.database.write() as session:
        return row.id in intend(session, [row], workspace.clock(), relay)


def _settle(
    workspace: Workspace, row: Claimed, before: DeliveryState, outcome: Outcome, target: RelayTarget, to: str
) -> Told:
    """Write down what became of it; what would be tried again later is cancelled: it is told anew."""
    event = outcome.event
    later = (before, event) in MOVES and MOVES[before, event] in (DeliveryState.DEFERRED, DeliveryState.QUEUED)
    events = (event, DeliveryEvent.CANCEL) if later else (event,)
    answered = event in (DeliveryEvent.ACCEPTED, DeliveryEvent.TEMPORARY, DeliveryEvent.PERMANENT)
    response, evidence = (outcome.reason, "") if answered else ("", outcome.reason)
    _apply(workspace, row, before, events, evidence, response, target.name)
    maybe = event is DeliveryEvent.UNKNOWN
    return Told(to, event is DeliveryEvent.ACCEPTED or maybe, f"{target.name}: {outcome.reason}", maybe)


def _apply(
    workspace: Workspace,
    row: Claimed,
    before: DeliveryState,
    events: tuple[DeliveryEvent, ...],
    evidence: str,
    response: str,
    relay: str,
) -> None:
    now = workspace.clock()
    reason = "" if events == (DeliveryEvent.ACCEPTED,) else "alert"
    made = Move(row, before, events, reason=reason, evidence=evidence, response=response, relay=relay, tried=True)
    with workspace.database.write() as session:
        lost = apply_moves(session, [made], now)
        if lost and events == (DeliveryEvent.ACCEPTED,):  # put in doubt meanwhile: a late reply settles it
            known = (DeliveryEvent.EVIDENCE_SENT,)
            apply_moves(session, [made._replace(before=DeliveryState.IN_DOUBT, events=known)], now)
        finish_editions(session, [row.edition_id], now)
