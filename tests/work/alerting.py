"""What tests of alerts share: a workspace that tells somebody, and a trouble to tell of."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

from outreach.records import AlertKind
from outreach.store.alerts import end_alert, raise_alert
from outreach.work.workspace import Workspace

from ..servers.fault import FaultServer
from ..servers.locked import free_port
from .sending import with_relay

KIND = AlertKind.DATABASE


def telling(workspace: Workspace, server: FaultServer | None = None, **alerts: Any) -> Workspace:
    """The workspace whose first relay is dead, and whose alerts leave by `server` to two people."""
    values: dict[str, Any] = {"to": ("ops@acme.example", "eve@acme.example")}
    own = workspace.settings.alerts
    if server is not None:
        host = {"host": "127.0.0.1", "port": server.port, "tls": "none"}
        values["server"] = own.server.model_copy(update=host)
    changed = own.model_copy(update=values | alerts)
    dead = with_relay(workspace, free_port())
    return replace(dead, settings=dead.settings.model_copy(update={"alerts": changed}))


def trouble(
    workspace: Workspace, words: str = "the disk is full", subject: str = "disk", kind: AlertKind = KIND
) -> bool:
    with workspace.database.write() as session:
        return raise_alert(session, kind, subject, words, "df -h", workspace.clock())


def over(workspace: Workspace, subject: str = "disk", kind: AlertKind = KIND) -> bool:
    with workspace.database.write() as session:
        return end_alert(session, kind, subject, workspace.clock())


def mails(server: FaultServer) -> list[EmailMessage]:
    return [email.message_from_bytes(raw, policy=email.policy.default) for raw in server.taken]  # type: ignore[misc]
