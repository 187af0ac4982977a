"""A way to a PostgreSQL server that ends in the midst of a commit of sending, before the server hears of it or after.

After it: the server has committed, has said so, and nobody will ever be told.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

COMMIT = b"\0outreach_"
"""In the message that binds values to a statement of `store.at_once`: no portal, this name."""


@dataclass
class Cut:
    """A context. `at`: the commit that is cut, the first is 1; `heard`: whether the server hears of it."""

    server: Path
    at: int
    heard: bool
    seen: int = 0
    cut: bool = False
    _here: socket.socket = field(default_factory=socket.socket)

    def __enter__(self) -> Cut:
        self._here.bind(("127.0.0.1", 0))
        self._here.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._here.shutdown(socket.SHUT_RDWR)
        self._here.close()

    @property
    def port(self) -> int:
        return int(self._here.getsockname()[1])

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._here.accept()[0]
                threading.Thread(target=self._carry, args=[client], daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(str(self.server / ".s.PGSQL.5432"))
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    said = ready.recv(1 << 16)
                    if not said:
                        return
                    if ready is client and self._is_the_one(said):
                        if self.heard:
                            server.sendall(said)
                            server.recv(1 << 16)
                        return
                    (server if ready is client else client).sendall(said)

    def _is_the_one(self, said: bytes) -> bool:
        if said[:1] != b"B" or COMMIT not in said[:20]:
            return False
        self.seen += 1
        self.cut = self.cut or self.seen == self.at
        return self.seen == self.at
