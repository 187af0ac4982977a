"""A real SMTP server on loopback that wants a password."""

from __future__ import annotations

import socket
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult, LoginPassword


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LockedRelay:
    """Takes mail only from `user` with `password`."""

    def __init__(self, *, user: str, password: str) -> None:
        self._wanted = LoginPassword(user.encode(), password.encode())
        self._controller = Controller(
            Sink(),
            hostname="127.0.0.1",
            port=free_port(),
            authenticator=self._judge,
            auth_required=True,
            auth_require_tls=False,
        )
        self.port = 0

    def _judge(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data == self._wanted, handled=False)

    def __enter__(self) -> LockedRelay:
        self._controller.start()
        self.port = self._controller.port
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
