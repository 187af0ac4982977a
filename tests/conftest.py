"""Fixtures shared by all rooms: a real workspace in an empty folder, and a clock that tests move by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from outreach.address import address_key, canonical_address, new_public_id
from outreach.records import Customer, MailingList, Subscription, SubscriptionState
from outreach.work.create import create_workspace
from outreach.work.workspace import Workspace, open_workspace

CHROMIUM = Path("/usr/bin/chromium")
START = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> datetime:
        self.now += timedelta(**parts)
        return self.now


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OUTREACH_") and name not in ("OUTREACH_LONG", "OUTREACH_NO_SKIPS"):
            monkeypatch.delenv(name)


MEMORY = Path("/dev/shm")
ROOM = 1_500_000_000


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests' folders in memory where there is room: a process may be killed there as well as on a disk,
    and thousands of fsyncs a minute on a busy disk would measure nothing but the disk."""
    chosen = "PYTEST_DEBUG_TEMPROOT" in os.environ
    if not chosen and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where every server is promised (OUTREACH_NO_SKIPS, as in .ci/run), a test skipped for want of one has failed."""
    report = yield
    if report.skipped and "needs_debian" in item.keywords and os.environ.get("OUTREACH_NO_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"skipped though every server is promised: {report.longrepr}"
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("OUTREACH_LONG"):
        return
    skip = pytest.mark.skip(reason="a long campaign: runs with OUTREACH_LONG=1, as .ci/run does")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium. A file's own: its event loop must be gone before other tests start theirs."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    from playwright.sync_api import Error, sync_playwright  # lazy: few files need it

    with sync_playwright() as play:
        try:
            opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        except Error as wrong:
            pytest.skip(f"Chromium does not start: {wrong.message[:200]}")
        yield opened
        opened.close()


@pytest.fixture
def clock() -> HandClock:
    """Tuesday, 1 December 2026, 10:00 UTC."""
    return HandClock(START)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace as `outreach init` makes it, made once for a whole run; tests get copies."""
    root = tmp_path_factory.mktemp("made") / "acme"
    create_workspace(root, "acme", clock=HandClock(START))
    return root


@pytest.fixture
def workspace(tmp_path: Path, clock: HandClock, made_once: Path) -> Iterator[Workspace]:
    """A fresh workspace with a list called customers, on the hand-moved clock."""
    root = tmp_path / "acme"
    shutil.copytree(made_once, root)
    opened = open_workspace(root, clock)
    yield opened
    opened.database.close()


MakeCustomer = Callable[..., int]


@pytest.fixture
def make_customer(workspace: Workspace) -> MakeCustomer:
    """`make_customer("ann@example.com", first_name="Ann", subscribed=True, **attributes) -> id`."""

    def make(
        address: str,
        *,
        list_name: str = "customers",
        subscribed: bool | None = True,
        attributes: dict[str, Any] | None = None,
        **fields: Any,
    ) -> int:
        now = workspace.clock()
        canonical = canonical_address(address)
        with workspace.database.write() as session:
            customer = Customer(
                public_id=new_public_id(),
                address=canonical,
                address_key=address_key(workspace.keys, canonical),
                attributes=attributes or {},
                created_at=now,
                updated_at=now,
                **fields,
            )
            session.add(customer)
            session.flush()
            assert customer.id is not None
            if subscribed is not None:
                list_row = session.exec(select(MailingList).where(MailingList.name == list_name)).one()
                assert list_row.id is not None
                state = SubscriptionState.SUBSCRIBED if subscribed else SubscriptionState.UNSUBSCRIBED
                session.add(Subscription(list_id=list_row.id, customer_id=customer.id, state=state, changed_at=now))
            return customer.id

    return make
