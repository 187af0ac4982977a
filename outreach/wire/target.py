"""Where and how to hand over mail, as plain values that a light process can be given.

Law: no settings are read here; whoever makes a target has seen to it that no password goes out in plain text.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from .secure import tls_context


@dataclass(frozen=True)
class RelayTarget:
    """Where and how to hand over mail. `context` is None where TLS is off; times are in seconds.

    `signs_dkim`: the relay signs what it gets, so our signatures are left off.
    """

    host: str
    port: int
    tls: Literal["none", "starttls", "tls"] = "none"
    context: ssl.SSLContext | None = field(default=None, repr=False)
    verify: bool = True
    ca_file: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    auth: Literal["auto", "plain", "login", "xoauth2"] = "auto"
    token_command: str = ""
    hello: str = ""
    connect_timeout: float = 30.0
    reply_timeout: float = 300.0
    dot_timeout: float = 600.0
    messages_per_connection: int = 1000
    catcher: bool = False
    signs_dkim: bool = False

    @property
    def name(self) -> str:
        """host:port, for messages and for `Delivery.relay`."""
        return f"{self.host}:{self.port}"

    def plain(self) -> RelayTarget:
        """The same without its TLS context, which cannot cross a pipe."""
        return replace(self, context=None)

    def prepared(self) -> RelayTarget:
        """The same with its TLS context. Raises SettingsError when the file of authorities cannot be read."""
        if self.tls == "none":
            return self
        return replace(self, context=tls_context(verify=self.verify, ca_file=self.ca_file, root=Path("/")))
