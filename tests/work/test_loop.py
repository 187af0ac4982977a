"""The loop: many conversations in one thread, none of which may hold up another."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from outreach.delivery.envelope import make_envelope
from outreach.delivery.outcome import Lost, SmtpReply, Stage
from outreach.wire.smtp import RelayTarget, SmtpSession
from outreach.wire.waits import READ, Call, Ready, Steps
from outreach.work.loop import Answer, Loop, Nap
from tests.servers.fault import HANG, FaultServer

MESSAGE = b"Subject: x\r\n\r\nHello\r\n"
ENVELOPE = make_envelope("bounce@acme.example", "anna@example.com", "")


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def session(port: int, host: str = "127.0.0.1") -> SmtpSession:
    return SmtpSession(RelayTarget(host, port, hello="me.test", connect_timeout=5, reply_timeout=5, dot_timeout=5))


def hand_over(made: SmtpSession, results: list[object]) -> Steps[None]:
    """One mail, as a line carries it."""
    trouble = yield from made.opening()
    if trouble is None:
        yield from made.offering(ENVELOPE, MESSAGE)
        trouble = yield from made.finishing()
        yield from made.quitting()
    results.append(trouble)


def test_many_sessions_share_one_thread_and_one_that_hangs_holds_up_none(loop: Loop) -> None:
    results: list[object] = []
    with FaultServer() as server, FaultServer({"DOT": HANG}) as hangs:
        stuck = session(hangs.port)
        late = loop.start(hand_over(stuck, []))
        for _ in range(10):
            loop.start(hand_over(session(server.port), results))
        deadline = time.monotonic() + 5
        while len(results) < 10 and time.monotonic() < deadline:
            loop.turn(0.05)
        assert [one for one in results if not (isinstance(one, SmtpReply) and one.code == 250)] == []
        assert len(results) == 10
        assert not late.over
        stuck.cut()
        loop.wake(late)
        loop.turn(0.0)
        assert late.over


@pytest.mark.parametrize("where", ["while it connects", "while its name is looked up"])
def test_a_session_that_is_cut_ends_wherever_it_is(loop: Loop, where: str) -> None:
    results: list[object] = []
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        others = [socket.create_connection(full.getsockname()) for _ in range(1)]  # its queue is full now
        host = "127.0.0.1" if where == "while it connects" else "localhost"
        made = session(full.getsockname()[1], host)
        task = loop.start(hand_over(made, results))
        loop.turn(0.0)
        assert not task.over
        made.cut()
        loop.wake(task)
        loop.turn(0.0)
        assert task.over
        assert isinstance(results[0], Lost)
        assert results[0].stage is Stage.CONNECT
        for each in others:
            each.close()


def test_what_may_block_is_done_elsewhere_and_what_it_raises_comes_back(loop: Loop) -> None:
    threads: list[object] = []
    ticks = 0

    def slow() -> str:
        threads.append(threading.current_thread())
        time.sleep(0.2)
        return "done"

    def fails() -> None:
        raise ValueError("no")

    def calls() -> Steps[None]:
        threads.append((yield Call(slow)))
        with pytest.raises(ValueError, match="no"):
            yield Call(fails)

    def beats() -> Steps[None]:
        nonlocal ticks
        while not task.over:
            ticks += 1
            yield Nap(time.monotonic() + 0.01)

    task = loop.start(calls())
    loop.start(beats())
    loop.run()
    assert threads[0] is not threading.current_thread()
    assert threads[1] == "done"
    assert ticks >= 5


def test_another_thread_is_heard_at_once_also_while_nothing_else_happens() -> None:
    loop = Loop()
    seen: list[float] = []

    def waits() -> Steps[None]:
        while len(seen) < 3:
            yield Answer()

    task = loop.start(waits())
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    for _ in range(3):
        time.sleep(0.05)
        asked = time.monotonic()

        def hear(asked: float = asked) -> None:
            seen.append(time.monotonic() - asked)
            loop.wake(task)

        loop.soon(hear)
    thread.join(5)
    assert not thread.is_alive()
    assert max(seen) < 1


def test_a_wait_ends_when_its_time_is_over_and_not_before(loop: Loop) -> None:
    ours, theirs = socket.socketpair()
    ended: list[float] = []

    def waits() -> Steps[None]:
        yield Ready(ours.fileno(), READ, time.monotonic() + 0.1)
        ended.append(time.monotonic())

    started = time.monotonic()
    loop.start(waits())
    loop.run()
    assert 0.09 < ended[0] - started < 2
    ours.close()
    theirs.close()


def test_a_loop_with_nothing_to_do_sleeps(loop: Loop) -> None:
    worked = time.process_time()
    loop.turn(0.3)
    assert time.process_time() - worked < 0.1


def test_spare_time_is_used_only_while_nobody_can_go_on(loop: Loop) -> None:
    told: list[str] = []

    def works() -> Steps[None]:
        for _ in range(3):
            told.append("work")
            yield Nap(0.0)

    loop.spare = lambda: bool(told.append("spare")) or len(told) < 20
    loop.start(works())
    loop.run()
    assert told[0] == "work"
    assert told.count("work") == 3
    assert "spare" in told
