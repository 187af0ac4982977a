"""Presses for tests of sending. They are light: a carrier that is handed one imports this module."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from outreach.address import message_id
from outreach.delivery.envelope import Envelope
from outreach.errors import TemplateError


@dataclass(frozen=True)
class Plain:
    """A finished mail."""

    envelope: Envelope
    message: bytes


class PlainPress:
    """Renders a few lines; whoever is called Broken cannot be rendered."""

    def press(self, customer: Any, public_id: str, choices: Mapping[str, Any], now: datetime) -> Plain:
        assert customer is not None
        if customer.first_name == "Broken":
            raise TemplateError("the variable 'plan' is missing")
        address = str(customer.address)
        text = (
            f"Message-ID: {message_id(public_id, 'acme.example')}\r\nFrom: care@acme.example\r\nTo: {address}\r\n"
            f"Subject: Hello\r\nDate: {now:%a, %d %b %Y %H:%M:%S} +0000\r\n\r\nHello, {customer.first_name}.\r\n"
        )
        return Plain(Envelope("care@acme.example", address), text.encode())


class DeadlyPress(PlainPress):
    """Whoever is called Poison kills the process that renders their mail."""

    def press(self, customer: Any, public_id: str, choices: Mapping[str, Any], now: datetime) -> Plain:
        if customer.first_name == "Poison":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().press(customer, public_id, choices, now)
