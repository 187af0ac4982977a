"""What tests of sending share: a plain press, a workspace whose relay is a sink, and what arrived there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlmodel import Session

from outreach.address import read_message_id
from outreach.work.workspace import Workspace

from ..servers import Sink
from .presses import Plain, PlainPress

__all__ = ["Plain", "PlainPress", "arrived", "open_plain_press", "with_relay"]


def open_plain_press(session: Session, workspace: Workspace, edition_id: int) -> PlainPress:
    """In place of `work.letter.open_press`, where what a mail looks like is of no matter."""
    return PlainPress()


def with_relay(workspace: Workspace, port: int, **relay: Any) -> Workspace:
    """The same workspace, handing its mail to 127.0.0.1:port."""
    values = {"host": "127.0.0.1", "port": port, "connections": 4, "catcher": False} | relay
    settings = workspace.settings
    return replace(workspace, settings=settings.model_copy(update={"relay": settings.relay.model_copy(update=values)}))


def arrived(sink: Sink) -> list[str]:
    """The public ids of all mails that the sink took, in order."""
    ids = [read_message_id(str(record["message_id"])) for record in sink.taken()]
    assert all(ids)
    return [str(found) for found in ids]
