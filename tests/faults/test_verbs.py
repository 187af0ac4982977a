"""Every SMTP verb with every fault, through a whole send: what the outbox says afterwards, against the server's log.

The tables below give, for each verb and fault, the state in which the delivery must stand once the server has
misbehaved once and then never again. `sent` there means: released, and sent by another connection, once.
"""

from __future__ import annotations

import random
import ssl
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.address import address_key, message_id, new_public_id
from outreach.delivery.envelope import Envelope
from outreach.errors import RelayError
from outreach.records import Customer, Delivery, DeliveryState, MailingList, Subscription, SubscriptionState
from outreach.records import DeliveryState as State
from outreach.work.send import send_open
from outreach.work.workspace import Workspace, open_workspace

from ..conftest import START, HandClock
from ..made import Mould
from ..servers.certificates import Authority
from ..servers.fault import CLOSE, HANG, USUAL, Action, Deaf, Drip, FaultServer, Interrupt, Say, Sip
from ..store.rows import lay_edition, states_of
from ..work.presses import Plain
from ..work.sending import with_relay

PATIENT, HASTY = 30.0, 0.6
"""Seconds that we wait for a reply: where an answer comes, and where none ever will."""
LONGEST = 25.0
"""A whole send must be over by then, whatever the server does: a few tries, their pauses, and a busy machine."""
STATIONS = 12
"""So many processes that send are tried at a time, or a busy machine is slower than HASTY."""
LARGE = (b"y" * 70 + b"\r\n") * 60_000
"""More than the kernel keeps between two programs: so a fault in the middle of a mail comes in its middle."""

FAULTS: dict[str, Action] = {
    "4yz": b"450 4.0.0 not now\r\n",
    "5yz": b"550 5.0.0 never\r\n",
    "421": b"421 4.3.2 shutting down\r\n",
    "disconnect": CLOSE,
    "timeout": HANG,
    "garbage": b"\x16\x03\x01\x02\x00 what?\r\n",
    "drip": Drip(b"250-" + b"x" * 900 + b"\r\n", 0.03),
    "oversized": b"250 " + b"x" * 70_000 + b"\r\n",
    "cut": Say(b"250-yes\r\n250 2.0.0 half a li"),
    "wrong code": b"354 go on\r\n",
}
IN_THE_BODY: dict[str, Action] = {
    "disconnect": Say(b"354 go on\r\n"),
    "timeout": Deaf(b"354 go on\r\n"),
    "drip": Sip(),
    "cut": Interrupt(b"250 2.0.0 half a li", close=True),
    **{name: Interrupt(octets) for name, octets in FAULTS.items() if isinstance(octets, bytes)},
}
WRONG_CODES = {"DATA": b"250 2.0.0 Ok\r\n", "AUTH": b"334 VXNlcm5hbWU6\r\n"}
"""354 is what DATA wants, and 334 what AUTH may go on with: there the wrong code is another one."""

_LATER: dict[str, State] = dict.fromkeys(FAULTS, State.SENT)
_SESSION = _LATER | {"5yz": State.QUEUED}
EXPECTED: dict[str, dict[str, State]] = {
    "CONNECT": _SESSION,
    "EHLO": _SESSION,
    "STARTTLS": _SESSION,
    "AUTH": _SESSION,
    "MAIL": _LATER | {"4yz": State.DEFERRED, "5yz": State.QUEUED},
    "RCPT": _LATER | {"4yz": State.DEFERRED, "5yz": State.FAILED},
    "DATA": _LATER | {"4yz": State.DEFERRED, "5yz": State.FAILED},
    "BODY": _LATER,
    "DOT": dict.fromkeys(FAULTS, State.IN_DOUBT) | {"4yz": State.DEFERRED, "421": State.DEFERRED, "5yz": State.FAILED},
    "RSET": _LATER,
    "QUIT": _LATER,
}
"""A 5yz at CONNECT to AUTH, and to MAIL, is about us: sending stops, a person is told, and the mail stays queued."""


@dataclass(frozen=True)
class Cell:
    """One fault of one verb. `always`: the server never behaves again."""

    verb: str
    fault: str
    pipelining: bool = True
    always: bool = False
    processes: int = 1

    @property
    def name(self) -> str:
        told = [self.verb, self.fault, "pipelined" if self.pipelining else "stepwise"]
        return " ".join([*told, *(["always"] if self.always else []), *(["carriers"] if self.processes > 1 else [])])

    @property
    def silent(self) -> bool:
        return self.fault in ("timeout", "drip")

    def script(self) -> dict[str, list[Action]]:
        """The fault, and from then on what is usual; with RSET a refused mail goes before, so that it is said."""
        verb, action = self.verb, FAULTS[self.fault]
        if self.fault == "wrong code":
            action = WRONG_CODES.get(verb, action)
        if verb == "BODY":
            verb, action = "DATA", IN_THE_BODY[self.fault]
        after = [action] if self.always else [USUAL[verb] if verb != "EHLO" else greeting(self)]
        script: dict[str, list[Action]] = {verb: [action, *after]}
        if verb == "RSET":
            script["RCPT"] = [b"550 5.1.1 no such user\r\n", USUAL["RCPT"]]
            script["DATA"] = [b"503 5.5.1 nobody to get it\r\n", USUAL["DATA"]] if self.pipelining else [USUAL["DATA"]]
        return script


def extensions(cell: Cell) -> list[str]:
    offered = ["8BITMIME", "SIZE 100000000"]
    offered += ["PIPELINING"] if cell.pipelining else []
    offered += {"STARTTLS": ["STARTTLS"], "AUTH": ["AUTH PLAIN"]}.get(cell.verb, [])
    return offered


def greeting(cell: Cell) -> bytes:
    lines = ["fault.test", *extensions(cell)]
    return "".join(f"250{'-' if line is not lines[-1] else ' '}{line}\r\n" for line in lines).encode()


class Press:
    """A short mail, or one that is larger than what the kernel keeps."""

    def __init__(self, more: bytes) -> None:
        self.more = more

    def press(self, customer: Any, public_id: str, choices: Mapping[str, Any], now: datetime) -> Plain:
        head = f"Message-ID: {message_id(public_id, 'acme.example')}\r\nFrom: care@acme.example\r\nSubject: x\r\n\r\n"
        return Plain(Envelope("care@acme.example", str(customer.address)), head.encode() + b"Hello.\r\n" + self.more)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> ssl.SSLContext:
    return authority.server_context("good", "DNS:localhost,IP:127.0.0.1")


class Bench:
    """Workspaces in which one cell after the other is tried, each with people, a relay and an edition of its own."""

    def __init__(self, made: Mould, folder: Path, authority: Authority, certificate: ssl.SSLContext) -> None:
        self._authority, self._certificate = authority, certificate
        self._free: SimpleQueue[Workspace] = SimpleQueue()
        self._numbers = count(1)
        for number in range(STATIONS):
            made.pour(folder / str(number))
            self._free.put(open_workspace(folder / str(number), HandClock(START)))

    def close(self) -> None:
        for _ in range(STATIONS):
            self._free.get().database.close()

    def try_all(self, cells: Sequence[Cell]) -> list[str]:
        """What is wrong, in words, in any of them; most of their time is waiting."""
        with ThreadPoolExecutor(STATIONS // max(cell.processes for cell in cells)) as pool:
            return [wrong for found in pool.map(self.try_cell, cells) for wrong in found]

    def try_cell(self, cell: Cell) -> list[str]:
        """What is wrong with this cell."""
        workspace = self._free.get()
        context = self._certificate if cell.verb == "STARTTLS" else None
        try:
            with FaultServer(cell.script(), extensions(cell), context) as server:
                return self._send(cell, workspace, server, f"cell{next(self._numbers)}")
        finally:
            self._free.put(workspace)

    def _send(self, cell: Cell, workspace: Workspace, server: FaultServer, own: str) -> list[str]:
        people = ["first", "second"] if cell.verb == "RSET" else ["only"]
        edition = lay_edition(workspace, [customer(workspace, f"{one}@{own}.example") for one in people], name=own)
        here = sending(workspace, cell, server.port, own, str(self._authority.file))
        press = Press(LARGE if cell.verb == "BODY" else b"")
        started = time.monotonic()
        with suppress(RelayError):
            send_open(here, edition_ids=[edition], press=lambda *_: press)
        took = time.monotonic() - started
        rows = kept(workspace, edition)
        if not cell.always and EXPECTED[cell.verb][cell.fault] is State.SENT and rows[-1].state is State.QUEUED:
            # on a slow machine the relay may have been given up for now: what was given back goes with the next send
            send_open(here, edition_ids=[edition], press=lambda *_: press)
            rows = kept(workspace, edition)
        return [*judged(cell, [row.state for row in rows], took), *compared(rows, server.log)]


def kept(workspace: Workspace, edition: int) -> list[Delivery]:
    with workspace.database.read() as session:
        query = select(Delivery).where(col(Delivery.edition_id) == edition).order_by(col(Delivery.id))
        return list(session.execute(query).scalars())


def sending(workspace: Workspace, cell: Cell, port: int, name: str, authority: str) -> Workspace:
    """The workspace as this cell wants it to send."""
    seconds = HASTY * cell.processes if cell.silent else PATIENT
    relay: dict[str, Any] = {"name": name, "connections": 1, "connect_timeout": seconds, "reply_timeout": seconds}
    if cell.verb == "STARTTLS":
        relay |= {"host": "localhost", "tls": "starttls", "ca_file": authority}
    if cell.verb == "AUTH":
        relay |= {"username": "me", "password": "secret", "auth": "plain"}
    here = with_relay(workspace, port, dot_timeout=seconds, **relay_values(workspace, relay))
    changed = here.settings.sending.model_copy(update={"processes": cell.processes})
    return replace(here, settings=here.settings.model_copy(update={"sending": changed}))


def relay_values(workspace: Workspace, values: Mapping[str, Any]) -> dict[str, Any]:
    """Checked as the settings file is."""
    relay = type(workspace.settings.relay).model_validate({**workspace.settings.relay.model_dump(), **values})
    return {name: getattr(relay, name) for name in values}


def customer(workspace: Workspace, address: str) -> int:
    now = workspace.clock()
    with workspace.database.write() as session:
        made = Customer(
            public_id=new_public_id(),
            address=address,
            address_key=address_key(workspace.keys, address),
            attributes={},
            created_at=now,
            updated_at=now,
        )
        session.add(made)
        session.flush()
        assert made.id is not None
        list_id = session.execute(select(col(MailingList.id)).where(col(MailingList.name) == "customers")).scalar_one()
        subscribed = SubscriptionState.SUBSCRIBED
        session.add(Subscription(list_id=list_id, customer_id=made.id, state=subscribed, changed_at=now))
        return made.id


def judged(cell: Cell, states: Sequence[DeliveryState], took: float) -> list[str]:
    """The state of the delivery that met the fault, and the time."""
    *before, state = states
    wrong = [] if before in ([], [State.FAILED]) else [f"{cell.name}: the refused mail is {before}"]
    expected = {EXPECTED[cell.verb][cell.fault]}
    if cell.always and expected == {State.SENT} and cell.verb not in ("RSET", "QUIT"):
        expected = {State.QUEUED} if EXPECTED[cell.verb] is _SESSION else {State.QUEUED, State.DEFERRED}
    if state not in expected:
        wrong.append(f"{cell.name}: {state}, not {' or '.join(sorted(expected))}")
    if took > LONGEST:
        wrong.append(f"{cell.name}: took {took:.1f} s")
    return wrong


def compared(rows: Sequence[Any], log: Sequence[str]) -> list[str]:
    """The server's log against the outbox: nobody twice, no wrong success; whatever it took is known or in doubt."""
    wrong = [f"{one}: taken twice" for one in set(log) if log.count(one) > 1]
    for row in rows:
        taken = message_id(row.public_id, "acme.example") in log
        if row.state is State.SENT and not taken:
            wrong.append(f"{row.id}: counted as sent, and the server never took it")
        if taken and row.state not in (State.SENT, State.IN_DOUBT):
            wrong.append(f"{row.id}: the server took it, and it is {row.state}")
        if row.state in (State.CLAIMED, State.INFLIGHT):
            wrong.append(f"{row.id}: left {row.state}")
    return wrong


@pytest.fixture(scope="module")
def bench(
    made_once: Mould, tmp_path_factory: pytest.TempPathFactory, authority: Authority, certificate: ssl.SSLContext
) -> Iterator[Bench]:
    made = Bench(made_once, tmp_path_factory.mktemp("stations"), authority, certificate)
    yield made
    made.close()


ALL = [Cell(verb, fault) for verb in EXPECTED for fault in FAULTS]


def test_a_fault_of_a_verb_leaves_the_delivery_where_it_belongs(bench: Bench) -> None:
    """Every second cell of the table, so that each verb and each fault is met in every run."""
    places = [(cell, list(EXPECTED).index(cell.verb) + list(FAULTS).index(cell.fault)) for cell in ALL]
    assert bench.try_all([cell for cell, place in places if place % 2 == 0]) == []


@pytest.mark.long
@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "stepwise"])
@pytest.mark.parametrize("always", [False, True], ids=["once", "always"])
def test_the_whole_table(bench: Bench, pipelining: bool, always: bool) -> None:
    assert bench.try_all([replace(cell, pipelining=pipelining, always=always) for cell in ALL]) == []


@pytest.mark.long
def test_the_whole_table_with_a_process_that_carries(bench: Bench) -> None:
    assert bench.try_all([replace(cell, processes=3) for cell in ALL]) == []


def test_the_table_is_whole() -> None:
    assert all(set(row) == set(FAULTS) == set(IN_THE_BODY) for row in EXPECTED.values())


def moody(seed: int, share: float, greeted: bytes) -> dict[str, list[Action]]:
    """A script by which each verb fails in `share` of all cases, in one of the ways of the table."""
    dice = random.Random(seed)
    faults = [fault for name, fault in FAULTS.items() if name not in ("timeout", "drip")]
    script: dict[str, list[Action]] = {}
    for verb, usual in {**USUAL, "EHLO": greeted}.items():
        if verb in ("HELO", "STARTTLS", "AUTH"):
            continue
        some = [*faults, *([Interrupt(b"421 4.3.2 bye\r\n"), Deaf(b"")] if verb == "DATA" else [])]
        rare = share / 10 if verb in ("CONNECT", "EHLO", "MAIL") else share
        script[verb] = [dice.choice(some) if dice.random() < rare else usual for _ in range(5000)]
    return script


@pytest.mark.parametrize(
    ("people", "seed"), [(60, 1), *(pytest.param(800, seed, marks=pytest.mark.long) for seed in (2, 3))]
)
def test_a_relay_that_fails_at_random_loses_nobody_and_gets_nobody_twice(
    workspace: Workspace, clock: HandClock, people: int, seed: int
) -> None:
    names = [f"p{number}@d{number % 50}.example" for number in range(people)]
    edition = lay_edition(workspace, [customer(workspace, name) for name in names])
    press, usual = Press(b""), Cell("DOT", "cut")
    with FaultServer(moody(seed, 0.15, greeting(usual)), extensions(usual)) as server:
        here = with_relay(workspace, server.port, connections=6, reply_timeout=3.0, dot_timeout=3.0)
        for _ in range(people):
            with suppress(RelayError):
                send_open(here, press=lambda *_: press)
            states = states_of(workspace, edition)
            if not {State.QUEUED, State.DEFERRED} & set(states):
                break
            clock.advance(hours=4)
    assert set(states) <= {State.SENT, State.FAILED, State.IN_DOUBT}, Counter(states)
    assert states.count(State.SENT) > people / 3
    with workspace.database.read() as session:
        rows = list(session.execute(select(Delivery).where(col(Delivery.edition_id) == edition)).scalars())
    assert compared(rows, server.log) == []
