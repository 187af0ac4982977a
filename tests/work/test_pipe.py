"""The pipe between desk and carriers: whole messages in order, and nothing that hangs."""

from __future__ import annotations

import marshal
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from outreach.delivery.outcome import Outcome
from outreach.words import DeliveryEvent, DeliveryState, FailureClass
from outreach.work.jobs import Job, read_report, reported
from outreach.work.pipe import LARGEST, Garbled, Pipe


@pytest.fixture
def ends() -> Iterator[tuple[Pipe, Pipe, socket.socket]]:
    """Two ends, and the socket of the first one."""
    one, other = socket.socketpair()
    with one, other:
        yield Pipe(one), Pipe(other), one


def gather(pipe: Pipe, count: int) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    while len(found) < count:
        found += pipe.receive()
    return found


def test_messages_arrive_whole_and_in_order_from_many_threads(ends: tuple[Pipe, Pipe, socket.socket]) -> None:
    here, there, _ = ends
    senders = [
        threading.Thread(target=lambda who=who: [here.send(("say", who, number)) for number in range(200)], daemon=True)  # type: ignore[misc]
        for who in range(4)
    ]
    for sender in senders:
        sender.start()
    found = gather(there, 800)
    for who in range(4):
        assert [message[2] for message in found if message[1] == who] == list(range(200))


def test_what_the_other_side_has_no_room_for_is_sent_later_and_in_order(
    ends: tuple[Pipe, Pipe, socket.socket],
) -> None:
    here, there, _ = ends
    for number in range(50):
        here.post(("say", number, "x" * 50_000))
    assert [message[1] for message in gather(there, 50)] == list(range(50))


def test_an_end_closed_behind_a_rest_ends_its_thread_quietly(
    ends: tuple[Pipe, Pipe, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, _ = ends
    escaped: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", escaped.append)
    before = set(threading.enumerate())
    here.post(("say", "x" * 2_000_000))
    (rest,) = set(threading.enumerate()) - before
    with here._guard:  # where the thread waits, once all it had is sent, before it looks for more
        gather(there, 1)
        here.close()
    rest.join(timeout=30)
    assert not rest.is_alive()
    assert escaped == []


def test_an_end_is_an_end(ends: tuple[Pipe, Pipe, socket.socket]) -> None:
    here, there, _ = ends
    here.close()
    with pytest.raises(EOFError):
        there.receive()


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        struct.pack("<I", LARGEST + 1),
        struct.pack("<I", 3) + b"???",
        struct.pack("<I", len(marshal.dumps([1]))) + marshal.dumps([1]),
        struct.pack("<I", len(marshal.dumps((1,)))) + marshal.dumps((1,)),
    ],
)
def test_what_is_no_message_is_garbled(ends: tuple[Pipe, Pipe, socket.socket], octets: bytes) -> None:
    _, there, raw = ends
    raw.sendall(octets)
    with pytest.raises(Garbled):
        there.receive()


def test_a_report_is_the_same_on_the_other_side() -> None:
    job = Job(7, "abc", 1, None, {}, 2)
    outcome = Outcome(DeliveryEvent.PERMANENT, "550 5.1.1 No", FailureClass.BAD_ADDRESS)
    report = reported(job, DeliveryState.CLAIMED, outcome)
    assert read_report(marshal.loads(marshal.dumps(report.plain()))) == report
    with pytest.raises((KeyError, ValueError)):
        read_report((7, "claimed", "nonsense", "", "", None, True, 0))
