"""The catcher: a real SMTP server on this machine that files mail in a Maildir, so that nothing leaves the house.

Law: a mail is filed, and its line is in catcher.log, before the relay's 250 is said; what was said to be taken is
there. asyncio stays inside its thread. Mail to our own address, with or without a tag (RFC 5233), goes to the inbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any

from aiosmtpd.smtp import SMTP

from ..errors import RelayError
from ..workdays import Clock, utc_now
from .maildir_file import file_mail, make_maildir

LOG = "catcher.log"
SIZE_LIMIT = 104_857_600
START_SECONDS = 10.0
_MESSAGE_ID = re.compile(rb"^Message-ID:[ \t]*(?:\r\n[ \t]+)?([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class Catcher:
    """Runs between `start` and `stop`, or as a context manager. `port` is the one that it listens on.

    `inbox_address` is one address or several. Each mail adds one JSON line (message_id, recipient, box, at) to
    `<maildir>/catcher.log`.
    """

    def __init__(
        self,
        maildir: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        inbox: Path | None = None,
        inbox_address: str | tuple[str, ...] = "",
        clock: Clock = utc_now,
    ) -> None:
        self.maildir, self.inbox, self.host, self.port = maildir, inbox, host, port
        addresses = (inbox_address,) if isinstance(inbox_address, str) else inbox_address
        self._mine = frozenset(_untagged(address) for address in addresses if address)
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._sessions: weakref.WeakSet[SMTP] = weakref.WeakSet()
        self._log = -1

    def __enter__(self) -> Catcher:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, in a thread of its own. Raises RelayError when the port or the folder cannot be had."""
        try:
            make_maildir(self.maildir)
            if self.inbox is not None:
                make_maildir(self.inbox)
            self._log = os.open(self.maildir / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as wrong:
            raise RelayError(f"the catcher cannot write to {self.maildir}: {wrong.strerror}") from wrong
        try:
            listener = _listen(self.host, self.port)
        except OSError as wrong:
            os.close(self._log)
            raise RelayError(
                f"the catcher cannot listen on {self.host}:{self.port}: {wrong.strerror}",
                remedy="Another program (perhaps another catcher) has that port. Stop it, or set relay.port.",
            ) from wrong
        self.port = listener.getsockname()[1]
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="catcher", daemon=True)
        self._thread.start()
        if not ready.wait(START_SECONDS):
            raise RelayError("the catcher did not start")

    def stop(self) -> None:
        """Close every connection and wait for the thread to end. What was filed stays."""
        if self._thread is None or self._loop is None or self._stopping is None:
            return
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_SECONDS)
        self._thread = None
        os.close(self._log)

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        asyncio.run(self._serve(listener, ready))

    async def _serve(self, listener: socket.socket, ready: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(self._session, sock=listener)
        ready.set()
        await self._stopping.wait()
        server.close()
        for session in list(self._sessions):
            if session.transport is not None:
                session.transport.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _session(self) -> SMTP:
        session = SMTP(
            self,
            hostname="catcher.localhost",
            ident="outreach catcher",
            enable_SMTPUTF8=True,
            data_size_limit=SIZE_LIMIT,
            loop=self._loop,
        )
        self._sessions.add(session)
        return session

    async def handle_EHLO(self, _server: Any, session: Any, _envelope: Any, name: str, answers: list[str]) -> list[str]:
        """Offer pipelining: aiosmtpd reads its commands from a stream, so it keeps RFC 2920 without saying so."""
        session.host_name = name
        return [*answers[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", answers[-1]]

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """File the mail once for each recipient, log it, and only then say that it was taken."""
        content: bytes = envelope.original_content
        head = content[: content.find(b"\r\n\r\n") + 2 or len(content)]
        found = _MESSAGE_ID.search(head)
        message_id = found[1].decode("utf-8", "replace").strip() if found else ""
        # aiosmtpd hands on the null path as "<>"
        sender = (envelope.mail_from or "").strip("<>").encode("utf-8", "surrogateescape")
        try:
            for recipient in envelope.rcpt_tos:
                inward = self.inbox is not None and _untagged(recipient) in self._mine
                trace = b"Return-Path: <%b>\r\nDelivered-To: %b\r\n" % (
                    sender,
                    recipient.encode("utf-8", "surrogateescape"),
                )
                file_mail(self.inbox if inward and self.inbox else self.maildir, trace + content)
                self._note(message_id, recipient, "inbox" if inward else "mail")
        except OSError as wrong:
            return f"452 4.3.1 The catcher cannot file it: {wrong.strerror}"
        return "250 2.0.0 Ok: filed"

    def _note(self, message_id: str, recipient: str, box: str) -> None:
        line = {"message_id": message_id, "recipient": recipient, "box": box, "at": self._clock().isoformat()}
        os.write(self._log, json.dumps(line).encode() + b"\n")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named: without it each reply waits 40 ms for an ACK
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


def _untagged(address: str) -> str:
    local, _, domain = address.strip().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}".lower()
