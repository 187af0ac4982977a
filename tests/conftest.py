"""Fixtures shared by all rooms: a real workspace in an empty folder, and a clock that tests move by hand."""

from __future__ import annotations

import compileall
import fcntl
import gc
import importlib
import importlib.util
import itertools
import os
import pickle
import shutil
import sys
import tomllib
from collections.abc import Callable, Container, Generator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert
from sqlalchemy.engine import Engine
from sqlmodel import col, select

import outreach
from outreach.address import address_key, canonical_address, new_public_id
from outreach.cli import OFTEN, OLDER
from outreach.contacts import phone_end
from outreach.records import Customer, MailingList, Subscription, SubscriptionState
from outreach.settings import FILE
from outreach.store import postgresql, sqlite
from outreach.work.create import create_workspace
from outreach.work.workspace import Workspace, open_workspace

from .chances import CHANCE, draw_alike, drawing
from .examples import load_profile
from .made import Mould
from .servers import program
from .servers.postgres import Cluster, find_binaries, shared_cluster

MADE = "made"
FOR_TESTS = ("OUTREACH_LONG", "OUTREACH_NO_SKIPS", "OUTREACH_TEST_DATABASE", CHANCE)
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
        if name.startswith("OUTREACH_") and name not in FOR_TESTS:
            monkeypatch.delenv(name)


HERE = Path(__file__).parent
MEMORY = Path("/dev/shm")
ROOM = 1_500_000_000


SLOW_ROOMS = ("faults", "flows", "browser", "cli", "work")
BROWSER = "tests/browser/"
ON_SERVER = ("faults", "store")
"""Rooms whose tests of PostgreSQL alone are of a plain run; what both databases must do .ci/run tries on it."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests' folders in memory where there is room: a process may be killed there as well as on a disk,
    and thousands of fsyncs a minute on a busy disk would measure nothing but the disk.

    And keep bytecode, whatever the surroundings say: some 200 processes are started, each would compile the program
    anew. What is loaded before the first test stays to the end, so that no collection of garbage need look at it.
    Small processes that tests start by the dozen are forked, and one text of settings is parsed once.
    """
    load_profile()
    draw_alike()
    program.fork_small_ones()
    _share_what_is_compiled()
    tomllib.loads = _read_toml  # type: ignore[assignment]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    gc.disable()
    chosen = "PYTEST_DEBUG_TEMPROOT" in os.environ
    if not chosen and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


def _read_toml(text: str) -> Any:
    return pickle.loads(_parsed(text))


@cache
def _parsed(text: str, read: Callable[[str], Any] = tomllib.loads) -> bytes:
    return pickle.dumps(read(text))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """In a fresh clone nothing is compiled: each worker begins with its share, and finds what the others did."""
    known = getattr(session.config, "workerinput", None)
    if known is None:
        return
    number, count = int(known["workerid"].removeprefix("gw")), known["workercount"]
    for path in sorted(Path(outreach.__file__).parent.rglob("*.py"))[number::count]:
        compileall.compile_file(path, quiet=2)
    places = [Path(words.partition("::")[0]).resolve() for words in session.config.args]
    wanted = [path for path in sorted(HERE.rglob("test_*.py")) if any(path.is_relative_to(place) for place in places)]
    for path in wanted[number::count]:
        with suppress(Exception, pytest.skip.Exception):  # it is told when the file is collected
            importlib.import_module(".".join(path.relative_to(HERE.parent).with_suffix("").parts))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(5 * OFTEN, *OLDER)
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """At its end pytest collects garbage five times; once, among what is young, is enough."""
    gc.collect(1)
    gc.freeze()


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: a third of the time a test waits, for a process or for a server."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file's tests go to one worker, and so do those of the browser, which is started once for all of them."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # lazy: only where there are workers

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return BROWSER if file.startswith(BROWSER) else file

    return Scheduling(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    drawing.begin(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where every server is promised (OUTREACH_NO_SKIPS, as in .ci/run), a test skipped for want of one has failed."""
    report = yield
    put_off = "long" in item.keywords and not os.environ.get("OUTREACH_LONG")
    if report.skipped and not put_off and "needs_debian" in item.keywords and os.environ.get("OUTREACH_NO_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"skipped though every server is promised: {report.longrepr}"
    return report


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    everywhere = os.environ.get("OUTREACH_TEST_DATABASE", "")
    names = {item.nodeid for item in items}
    items[:] = [item for item in items if _has_its_database(item, everywhere, names)]
    items.sort(key=_place)
    if os.environ.get("OUTREACH_LONG"):
        return
    skip = pytest.mark.skip(reason="a long campaign: runs with OUTREACH_LONG=1, as .ci/run does")
    for item in items:
        if "long" in item.keywords:
            item.add_marker(skip)


def _place(item: pytest.Item) -> int:
    """The rooms whose tests wait the longest come first, so that no worker is left alone with them in the end."""
    room = item.path.relative_to(HERE).parts[0]
    return SLOW_ROOMS.index(room) if room in SLOW_ROOMS else len(SLOW_ROOMS)


def _has_its_database(item: pytest.Item, everywhere: str, names: Container[str]) -> bool:
    """Whether a test is of this run: what is about SQLite itself has no other, and a run on one has no second.

    A plain run tries on SQLite what both must do, but for a test that is asked for by its name alone.
    """
    on = getattr(item, "callspec", None) and item.callspec.params.get("backend")  # type: ignore[attr-defined]
    if everywhere and on not in (None, everywhere):
        return False
    if not everywhere and on == "postgresql":
        here = item.path.relative_to(HERE).parts[0] in ON_SERVER
        return here and item.nodeid.replace("postgresql", "sqlite") not in names
    return not ("sqlite" in item.keywords and "postgresql" in (on, everywhere))


@pytest.fixture
def clock() -> HandClock:
    """Tuesday, 1 December 2026, 10:00 UTC."""
    return HandClock(START)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Mould:
    """A workspace as `outreach init` makes it, made once for a whole run; tests get copies."""
    root = tmp_path_factory.mktemp("made") / "acme"
    with drawing.apart(MADE):
        create_workspace(root, "acme", clock=HandClock(START))
    return Mould(root)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def postgres(shared_folder: Path) -> Iterator[Cluster]:
    """The run's private PostgreSQL."""
    if find_binaries() is None or not importlib.util.find_spec("psycopg"):
        pytest.skip("PostgreSQL or psycopg is missing: apt-get install postgresql, pip install 'outreach[postgresql]'")
    with shared_cluster(shared_folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def made_on_postgres(postgres: Cluster, shared_folder: Path) -> Mould:
    """What `made_once` is, on the run's PostgreSQL: its database is a template for copies."""
    root = shared_folder / postgres.folder.name / "acme"
    with (shared_folder / "made.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "done").exists():
            url = postgres.create(MADE)
            with drawing.apart(MADE):
                create_workspace(root, "acme", clock=HandClock(START), database=url)
            (root / "done").touch()
    return Mould(root)


BOTH = pytest.mark.parametrize(
    "backend", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_debian)], indirect=True
)
"""Marks tests of what both databases must do: a plain run tries them on SQLite; OUTREACH_TEST_DATABASE=postgresql runs
them on PostgreSQL, and .ci/run does that for every room that has some."""
_numbers = itertools.count(1)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """The database of `workspace`: sqlite, or what OUTREACH_TEST_DATABASE names, or what `BOTH` gives."""
    return str(getattr(request, "param", os.environ.get("OUTREACH_TEST_DATABASE") or "sqlite"))


@pytest.fixture
def database_url(request: pytest.FixtureRequest, backend: str) -> Iterator[str]:
    """An empty database of its own: "outreach.db" on SQLite, a URL on PostgreSQL."""
    if backend == "sqlite":
        yield "outreach.db"
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    yield cluster.create(name)
    cluster.drop(name)


class Compiled(dict[Any, Any]):
    """Compiled statements by kind of database, for all tests of a process: each engine would compile its own anew."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(self._of_kind(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(self._of_kind(key), value)

    @staticmethod
    def _of_kind(key: Any) -> Any:
        return (key[0].name, *key[1:])


def _share_what_is_compiled() -> None:
    """All engines of this process share it, also those that a test or the program opens by itself."""
    compiled = Compiled()
    for opening in (sqlite, postgresql):

        def sharing(*given: Any, _made: Callable[..., Engine] = opening.create_engine, **named: Any) -> Engine:
            engine = _made(*given, **named)
            engine.update_execution_options(compiled_cache=compiled)
            return engine

        opening.create_engine = sharing  # type: ignore[attr-defined]


@pytest.fixture
def workspace(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock, backend: str) -> Iterator[Workspace]:
    """A fresh workspace with a list called customers, on the hand-moved clock."""
    root = tmp_path / "acme"
    if backend == "sqlite":
        request.getfixturevalue("made_once").pour(root)
        opened = open_workspace(root, clock)
        yield opened
        opened.database.close()
        return
    request.getfixturevalue("made_on_postgres").pour(root)
    cluster: Cluster = request.getfixturevalue("postgres")
    name = f"w_{os.getpid()}_{next(_numbers)}"
    url, settings = cluster.create(name, MADE), root / FILE
    settings.write_text(settings.read_text(encoding="utf-8").replace(cluster.url(MADE), url), encoding="utf-8")
    opened = open_workspace(root, clock)
    yield opened
    opened.database.close()
    cluster.drop(name)


MakeCustomer = Callable[..., int]
ADD_CUSTOMER, ADD_SUBSCRIPTION = insert(Customer), insert(Subscription)
FIND_LIST = select(col(MailingList.id)).where(col(MailingList.name) == bindparam("wanted"))


@pytest.fixture
def make_customer(workspace: Workspace) -> MakeCustomer:
    """`make_customer("ann@example.com", first_name="Ann", subscribed=True, **attributes) -> id`."""
    return customers_of(workspace)


def customers_of(workspace: Workspace) -> MakeCustomer:
    """What makes customers of a workspace: see `make_customer`."""

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
        customer = Customer(
            public_id=new_public_id(),
            address=canonical,
            address_key=address_key(workspace.keys, canonical),
            attributes=attributes or {},
            created_at=now,
            updated_at=now,
            phone_end=phone_end(fields.get("phone") or ""),
            **fields,
        )
        with workspace.database.write() as session:
            here = session.connection()
            added = here.execute(ADD_CUSTOMER, customer.model_dump(exclude={"id"})).inserted_primary_key
            assert added is not None
            number = int(added[0])
            if subscribed is not None:
                list_id = here.execute(FIND_LIST, {"wanted": list_name}).scalar_one()
                state = SubscriptionState.SUBSCRIBED if subscribed else SubscriptionState.UNSUBSCRIBED
                tie = Subscription(list_id=list_id, customer_id=number, state=state, changed_at=now)
                here.execute(ADD_SUBSCRIPTION, tie.model_dump(exclude={"id"}))
        return number

    return make
