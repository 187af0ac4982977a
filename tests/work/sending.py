"""What tests of sending share: a plain press, a workspace whose relay is a sink, and what arrived there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from outreach.address import message_id, read_message_id
from outreach.delivery.envelope import Envelope
from outreach.errors import TemplateError
from outreach.store.customers import CustomerRow
from outreach.work.workspace import Workspace

from ..servers import Sink


@dataclass(frozen=True)
class Plain:
    """A finished mail."""

    envelope: Envelope
    message: bytes


class PlainPress:
    """Renders a few lines; whoever is called Broken cannot be rendered."""

    def press(self, customer: CustomerRow | None, public_id: str, choices: Mapping[str, Any], now: datetime) -> Plain:
        assert customer is not None
        if customer.first_name == "Broken":
            raise TemplateError("the variable 'plan' is missing")
        address = str(customer.address)
        text = (
            f"Message-ID: {message_id(public_id, 'acme.example')}\r\nFrom: care@acme.example\r\nTo: {address}\r\n"
            f"Subject: Hello\r\nDate: {now:%a, %d %b %Y %H:%M:%S} +0000\r\n\r\nHello, {customer.first_name}.\r\n"
        )
        return Plain(Envelope("care@acme.example", address), text.encode())


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
