"""Trying relays whose rest is over while there is no mail to try them with: connect, TLS, login, goodbye.

Law: one process tries, as with mail (`delivery.breaker`); nothing is sent. So what needed a person ends by itself, and
the next mail finds the relay in order.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..delivery.breaker import Health, after_bad, after_good, probe
from ..delivery.outcome import judge
from ..errors import SettingsError
from ..records import BreakerState
from ..settings import Relay
from ..store.relays import change_health, relay_states
from ..wire.relay import relay_target
from ..wire.smtp import SmtpSession
from .workspace import Workspace

LONGEST_SECONDS = 10.0
"""Other work of the daemon waits meanwhile."""


def try_rested(workspace: Workspace) -> None:
    """Try each relay that has rested long enough."""
    with workspace.database.read() as session:
        states = relay_states(session)
    for relay in workspace.settings.all_relays:
        known = states.get(relay.name)
        if known is None or known.health.breaker is BreakerState.CLOSED:
            continue
        with workspace.database.write() as session:
            now = workspace.clock()
            ours = change_health(session, relay.name, partial(probe, now=now))
        if ours is not None:
            _try(workspace, relay)


def _try(workspace: Workspace, relay: Relay) -> None:
    reason, remedy = _what_is_wrong(workspace, relay)
    now = workspace.clock()

    def learned(health: Health) -> Health:
        return after_bad(health, now, reason, remedy) if reason else after_good(health, now)

    with workspace.database.write() as session:
        change_health(session, relay.name, learned)


def _what_is_wrong(workspace: Workspace, relay: Relay) -> tuple[str, str]:
    """Why the relay does not take us, and what a person can do; empty where it does."""
    try:
        target = relay_target(relay, workspace.root)
    except SettingsError as wrong:
        return wrong.message, wrong.remedy
    patient = {"connect_timeout": LONGEST_SECONDS, "reply_timeout": LONGEST_SECONDS}
    session = SmtpSession(replace(target, **{name: min(getattr(target, name), most) for name, most in patient.items()}))
    trouble = session.open()
    if trouble is None:
        session.quit()
        return "", ""
    outcome = judge(session.stage, trouble)
    return outcome.reason, outcome.remedy
