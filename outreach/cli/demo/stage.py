"""The demo's stage: a real workspace, a real mail server and a real web server on this machine, and a clock.

Law: everything here is what production runs; only the clock is moved by hand, so that a week fits into seconds.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from sqlalchemy import func, select
from sqlmodel import col

from ...records import Delivery, DeliveryState
from ...settings import FILE
from ...web.app import public_app
from ...wire.catcher import Catcher
from ...work.create import create_workspace
from ...work.worker import run_once
from ...work.workspace import Workspace, open_workspace
from .people import write_people_csv

PERSON = "maria"
PUBLIC_URL = "https://news.acme.example"
"""What the mails link to. The demo calls the server behind it directly, as a reverse proxy would."""


class StageClock:
    """Stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move_to(self, now: datetime) -> None:
        """Move on to an instant that is not before the present one."""
        self.now = max(self.now, now)

    def advance(self, **parts: float) -> None:
        """Move on by hours, minutes, days."""
        self.now += timedelta(**parts)


@dataclass(frozen=True)
class Stage:
    """Where the demo plays."""

    workspace: Workspace
    clock: StageClock
    catcher: Catcher
    web_port: int
    people: Path

    @property
    def root(self) -> Path:
        return self.workspace.root

    @property
    def mail(self) -> Path:
        """The Maildir in which the catcher files what customers got."""
        return self.root / self.workspace.settings.relay.catcher_maildir


@contextmanager
def open_stage(root: Path, *, connections: int = 10) -> Iterator[Stage]:
    """Make the workspace at `root` and start both servers; they stop at the end, the files stay."""
    clock = StageClock(first_day())
    port = _free_port()
    create_workspace(root, "acme", clock=clock, port=port)
    _settings_for_stage(root, connections)
    people = root / "people.csv"
    write_people_csv(people)
    workspace = open_workspace(root, clock)
    ours = (workspace.reply_address, workspace.bounce_address)
    try:
        with (
            Catcher(
                root / workspace.settings.relay.catcher_maildir,
                port=port,
                inbox=root / "inbox",
                inbox_address=ours,
                clock=clock,
            ) as catcher,
            _web_server(workspace) as web_port,
        ):
            yield Stage(workspace, clock, catcher, web_port, people)
    finally:
        workspace.database.close()


def work(stage: Stage) -> None:
    """One round of what `outreach run` does; what a daemon would report and survive ends the demo."""
    for trouble in run_once(stage.workspace).troubles:
        raise trouble.error


def go_out(stage: Stage) -> None:
    """Let the clock run until nothing waits to be sent."""
    while True:
        work(stage)
        due = _next_due(stage)
        if due is None:
            return
        stage.clock.move_to(due + timedelta(minutes=1))


def _next_due(stage: Stage) -> datetime | None:
    with stage.workspace.database.read() as session:
        waiting = session.execute(
            select(func.min(func.coalesce(col(Delivery.next_at), col(Delivery.due_at)))).where(
                col(Delivery.state).in_([DeliveryState.QUEUED, DeliveryState.DEFERRED])
            )
        ).scalar()
    if isinstance(waiting, str):
        waiting = datetime.fromisoformat(waiting)
    return waiting.replace(tzinfo=stage.clock().tzinfo) if waiting is not None and waiting.tzinfo is None else waiting


def first_day() -> datetime:
    """A Monday morning so long ago that two Tuesdays have passed since: nothing in the story lies in the future."""
    now = datetime.now(UTC)
    monday = (now - timedelta(days=now.weekday())).replace(hour=8, minute=0, second=0, microsecond=0)
    return monday - timedelta(days=7 if now.weekday() >= 3 else 14)


def _settings_for_stage(root: Path, connections: int) -> None:
    path = root / FILE
    text = path.read_text(encoding="utf-8")
    for before, after in (
        ('url = ""', f'url = "{PUBLIC_URL}"'),
        ('owner = ""', 'owner = "maria"'),
        ("connections = 10", f"connections = {connections}"),
    ):
        text = text.replace(f"\n{before}\n", f"\n{after}\n", 1)
    path.write_text(text, encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _web_server(workspace: Workspace) -> Iterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(public_app(workspace), access_log=False, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
