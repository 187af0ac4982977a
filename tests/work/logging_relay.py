"""Logs as a Postfix relay writes them, of deliveries in a workspace."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from outreach.address import message_id
from outreach.records import Delivery
from outreach.work.workspace import Workspace

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
ACCEPTED = "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9XYZ)"
BUSY = "dsn=4.2.1, status=deferred (host mx[192.0.2.1] said: 450 4.2.1 Try later (in reply to RCPT TO command))"
UNKNOWN = "dsn=5.1.1, status=bounced (host mx[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command))"


class RelayLog:
    """Gathers lines; `at` moves on a second with each."""

    def __init__(self, workspace: Workspace, at: datetime) -> None:
        self.workspace, self.at = workspace, at
        self.lines: list[str] = []
        self._queues = 0

    def say(self, daemon: str, words: str) -> None:
        """One line of one of Postfix's daemons."""
        stamp = f"{MONTHS[self.at.month - 1]} {self.at.day:>2} {self.at:%H:%M:%S}"
        self.lines.append(f"{stamp} mx1 postfix/{daemon}[{1000 + len(self.lines) % 50}]: {words}")
        self.at += timedelta(seconds=1)

    def taken(self, row: Delivery, *, queued: bool = True) -> str:
        """The lines of a mail that comes in; its queue id. Not `queued`: the dot never came."""
        self._queues += 1
        queue = f"4F{self._queues:08X}"
        self.say("smtpd", f"{queue}: client=app[10.0.0.5]")
        self.say("cleanup", f"{queue}: message-id={message_id(row.public_id, self.workspace.sender_domain)}")
        if queued:
            self.say("qmgr", f"{queue}: from=<care@acme.example>, size=1742, nrcpt=1 (queue active)")
        else:
            self.say("smtpd", "lost connection after DATA (1742 bytes) from app[10.0.0.5]")
        return queue

    def answered(self, queue: str, address: str, said: str = ACCEPTED, *, done: bool = True) -> None:
        """What the next server said of it."""
        self.say(
            "smtp", f"{queue}: to=<{address}>, relay=mx.test[192.0.2.1]:25, delay=1.2, delays=0.1/0/0.6/0.5, {said}"
        )
        if done:
            self.say("qmgr", f"{queue}: removed")

    def write(self, path: Path) -> Path:
        """The log as a file, last written when its last line was."""
        path.write_text("".join(f"{line}\n" for line in self.lines), encoding="utf-8")
        os.utime(path, (self.at.timestamp(), self.at.timestamp()))
        return path
