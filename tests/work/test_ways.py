"""Several relays at work, against real servers: shares, failover before the dot, breakers, limits and warm-up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outreach.delivery.breaker import after_bad
from outreach.delivery.outcome import Lost, Stage, judge
from outreach.errors import NeedsPerson, RelayError
from outreach.records import BreakerState, DeliveryState
from outreach.settings import Relay
from outreach.store.relays import Relayed, change_health, relay_states
from outreach.work import dispatch, ways
from outreach.work.jobs import Job, not_reached
from outreach.work.judge import judge_people
from outreach.work.pause import pause_all, resume_all
from outreach.work.send import SendCounts, send_open
from outreach.work.workspace import Workspace

from ..conftest import HandClock
from ..faults.crowd import add_people
from ..servers import Sink, start_sink
from ..servers.fault import CLOSE, HANG, FaultServer, Say
from ..store.rows import delivery, lay_edition, states_of
from .sending import arrived, open_plain_press

StartSink = Callable[..., Sink]


@pytest.fixture
def sinks(tmp_path: Path) -> Iterator[StartSink]:
    """`sinks("a")`: a sink with a log of its own."""
    with ExitStack() as stack:
        yield lambda name, *options: stack.enter_context(start_sink(tmp_path / f"{name}.log", *options))


def with_relays(workspace: Workspace, *relays: dict[str, Any], **sending: Any) -> Workspace:
    """The same workspace with these relays on this machine."""
    usual = {"host": "127.0.0.1", "connections": 3, "reply_timeout": 3.0, "dot_timeout": 3.0, "connect_timeout": 3.0}
    made = tuple(Relay.model_validate(usual | relay) for relay in relays)
    settings = workspace.settings
    values = {"relay": made[0], "relays": made[1:], "sending": settings.sending.model_copy(update=sending)}
    return replace(workspace, settings=settings.model_copy(update=values))


def crowd(workspace: Workspace, count: int) -> int:
    add_people(workspace, count)
    return lay_edition(workspace, list(range(1, count + 1)))


def send(workspace: Workspace, **how: Any) -> SendCounts:
    return send_open(workspace, press=open_plain_press, **how)


def states(workspace: Workspace) -> dict[str, Relayed]:
    with workspace.database.read() as session:
        return relay_states(session)


def assert_everybody_once(edition: int, workspace: Workspace, servers: Sequence[Sink]) -> None:
    taken = [message for server in servers for message in arrived(server)]
    assert len(taken) == len(set(taken)), "somebody was written to twice"
    found = states_of(workspace, edition)
    assert set(found) == {DeliveryState.SENT}
    assert len(taken) == len(found)


@pytest.mark.parametrize("processes", [1, 3])
def test_each_relay_carries_its_share_and_the_backup_nothing(
    workspace: Workspace, sinks: StartSink, processes: int
) -> None:
    one, three, spare = sinks("one"), sinks("three"), sinks("spare")
    here = with_relays(
        workspace,
        {"name": "main", "port": one.port},
        {"name": "three", "port": three.port, "weight": 3},
        {"name": "spare", "port": spare.port, "backup": True},
        processes=processes,
    )
    edition = crowd(here, 200)
    assert send(here).sent == 200
    assert_everybody_once(edition, here, [one, three])
    assert 35 <= one.count() <= 80, "a quarter, give or take; more where the other one stalls"
    assert spare.count() == 0
    assert states(here)["three"].since == here.clock()
    assert "spare" not in states(here)


@pytest.mark.parametrize("processes", [1, 3])
def test_a_relay_that_dies_in_the_middle_loses_nobody_and_the_other_carries_the_rest(
    workspace: Workspace, sinks: StartSink, tmp_path: Path, processes: int
) -> None:
    stays = sinks("stays")
    with start_sink(tmp_path / "dies.log", "--dot-delay", "0.02") as dies:
        here = with_relays(
            workspace, {"name": "main", "port": dies.port}, {"name": "stays", "port": stays.port}, processes=processes
        )
        edition = crowd(here, 400)

        def kill() -> None:
            while dies.count() < 40:
                time.sleep(0.01)
            dies.process.kill()

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        counts = send(here)
        killer.join()
        taken = arrived(dies) + arrived(stays)
    assert len(taken) == len(set(taken)), "somebody was written to twice"
    found = states_of(here, edition)
    assert counts.in_doubt <= 3, "at most one for each connection"
    assert found.count(DeliveryState.SENT) + found.count(DeliveryState.IN_DOUBT) == 400
    assert states(here)["main"].health.failures >= 1
    assert states(here)["main"].health.reason
    assert states(here)["stays"].health.breaker is BreakerState.CLOSED


def test_a_wrong_password_rests_that_relay_at_once_and_the_other_carries_all(
    workspace: Workspace, sinks: StartSink
) -> None:
    good = sinks("good")
    refuses = FaultServer({"AUTH": b"535 5.7.8 Wrong password\r\n"}, extensions=("AUTH PLAIN", "PIPELINING"))
    with refuses:
        here = with_relays(
            workspace,
            {"name": "main", "port": refuses.port, "username": "me", "password": "wrong", "weight": 5},
            {"name": "good", "port": good.port},
        )
        edition = crowd(here, 60)
        assert send(here).sent == 60
    assert_everybody_once(edition, here, [good])
    health = states(here)["main"].health
    assert (health.breaker, "535" in health.reason) == (BreakerState.OPEN, True)
    assert "password" in health.remedy
    assert refuses.connections <= 6, "a wrong password is not tried again and again"


@pytest.mark.parametrize(
    ("verb", "reply"),
    [
        ("DOT", b"550 5.7.60 SMTP; Client does not have permissions to send as this sender\r\n"),
        ("DOT", b"554 Message rejected: Sending paused for this account.\r\n"),
        ("RCPT", b"553 5.7.1 <care@acme.example>: Sender address rejected: not owned by user acme\r\n"),
    ],
)
def test_a_relay_that_refuses_our_account_after_the_envelope_fails_nobody(
    workspace: Workspace, sinks: StartSink, verb: str, reply: bytes
) -> None:
    good = sinks("good")
    with FaultServer({verb: reply}) as refuses:
        here = with_relays(workspace, {"name": "main", "port": refuses.port}, {"name": "good", "port": good.port})
        edition = crowd(here, 60)
        send(here)
        alone = with_relays(workspace, {"name": "alone", "port": refuses.port})
        second = lay_edition(workspace, list(range(1, 61)), name="second")
        with pytest.raises(RelayError, match="refused us"):
            send(alone)
    found = states_of(here, edition)
    assert set(found) <= {DeliveryState.SENT, DeliveryState.DEFERRED}
    assert found.count(DeliveryState.DEFERRED) <= 3, "at most one for each connection"
    assert states(here)["main"].health.remedy
    left = states_of(here, second)
    assert set(left) <= {DeliveryState.QUEUED, DeliveryState.DEFERRED} and left.count(DeliveryState.DEFERRED) <= 3


def test_a_storm_of_421_rests_the_relay_and_nobody_is_blamed(workspace: Workspace, sinks: StartSink) -> None:
    good = sinks("good")
    storm = FaultServer({"MAIL": Say(b"421 4.3.2 Shutting down\r\n")})
    with storm:
        here = with_relays(workspace, {"name": "main", "port": storm.port}, {"name": "good", "port": good.port})
        edition = crowd(here, 100)
        assert send(here).sent == 100
    assert_everybody_once(edition, here, [good])
    assert "421" in states(here)["main"].health.reason
    assert storm.connections <= 12


def test_only_when_no_relay_is_left_does_sending_stop_and_everybody_stays_queued(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "PATIENCE_AT_FIRST", 0.5)
    first, second = FaultServer({"CONNECT": CLOSE}), FaultServer({"CONNECT": b"554 5.7.1 No mail from you\r\n"})
    with first, second:
        here = with_relays(workspace, {"name": "main", "port": first.port}, {"name": "two", "port": second.port})
        edition = crowd(here, 30)
        with pytest.raises(RelayError, match=r"no relay is left: main .*; two .*554") as told:
            send(here)
    assert "stays queued" in told.value.remedy
    assert set(states_of(here, edition)) == {DeliveryState.QUEUED}


def test_the_backup_carries_what_the_others_cannot(workspace: Workspace, sinks: StartSink) -> None:
    spare = sinks("spare")
    with FaultServer({"CONNECT": CLOSE}) as broken:
        here = with_relays(
            workspace, {"name": "main", "port": broken.port}, {"name": "spare", "port": spare.port, "backup": True}
        )
        edition = crowd(here, 40)
        assert send(here).sent == 40
    assert_everybody_once(edition, here, [spare])


def test_a_mail_that_is_refused_after_its_dot_goes_to_no_other_relay(workspace: Workspace, sinks: StartSink) -> None:
    good = sinks("good")
    with FaultServer({"DOT": CLOSE}) as cuts:
        here = with_relays(
            workspace, {"name": "main", "port": cuts.port}, {"name": "good", "port": good.port}, processes=1
        )
        edition = crowd(here, 60)
        counts = send(here)
    found = states_of(here, edition)
    assert counts.in_doubt == cuts.dots >= 1
    assert found.count(DeliveryState.SENT) == good.count() == 60 - cuts.dots
    assert found.count(DeliveryState.IN_DOUBT) == cuts.dots <= 10


def test_a_resting_relay_is_tried_with_one_mail_when_its_time_has_come(
    workspace: Workspace, sinks: StartSink, clock: HandClock
) -> None:
    healed, good = sinks("healed"), sinks("good")
    here = with_relays(workspace, {"name": "main", "port": healed.port}, {"name": "good", "port": good.port})
    with here.database.write() as session:
        change_health(session, "main", lambda health: after_bad(health, clock(), "no connection", trip=True))
    first = crowd(here, 40)
    assert send(here, owner="run").sent == 40
    assert (healed.count(), good.count()) == (0, 40), "it rests"
    clock.advance(seconds=16)
    second = lay_edition(here, list(range(1, 41)), occasion="again", due_at=clock())
    assert send(here, owner="run").sent == 40
    tried = healed.count()
    assert tried >= 1
    assert states(here)["main"].health.breaker is BreakerState.CLOSED
    clock.advance(days=8)
    third = lay_edition(here, list(range(1, 41)), occasion="and again", due_at=clock())
    assert send(here, owner="run").sent == 40
    assert healed.count() - tried >= 10
    assert {*states_of(here, first), *states_of(here, second), *states_of(here, third)} == {DeliveryState.SENT}


def test_the_daemon_leaves_a_resting_relay_alone_and_a_person_who_sends_tries_it(
    workspace: Workspace, sinks: StartSink, clock: HandClock
) -> None:
    sink = sinks("main")
    here = with_relays(workspace, {"name": "main", "port": sink.port})
    with here.database.write() as session:
        change_health(session, "main", lambda health: after_bad(health, clock(), "535 no", "Mend it.", trip=True))
    edition = crowd(here, 20)
    with pytest.raises(RelayError, match="535 no") as told:
        send(here, owner="run")
    assert "Mend it." in told.value.remedy and "10:05:00 UTC" in told.value.remedy
    assert sink.count() == 0
    assert send(here).sent == 20
    assert_everybody_once(edition, here, [sink])


def test_the_only_relay_is_tried_with_one_mail_too(workspace: Workspace, sinks: StartSink, clock: HandClock) -> None:
    with FaultServer({"MAIL": Say(b"421 4.3.2 Still closed\r\n")}) as server:
        here = with_relays(workspace, {"name": "main", "port": server.port})
        with here.database.write() as session:
            change_health(session, "main", lambda health: after_bad(health, clock(), "421", trip=True))
        edition = crowd(here, 30)
        with pytest.raises(RelayError, match="Still closed"):
            send(here)
        assert server.taken == [] and len({line for line in server.heard if line.startswith("MAIL")}) == 1
        assert states(here)["main"].health.rests == 2
    healed = sinks("healed")
    here = with_relays(workspace, {"name": "main", "port": healed.port})
    assert send(here).sent == 30
    assert_everybody_once(edition, here, [healed])
    assert states(here)["main"].health.breaker is BreakerState.CLOSED


def test_the_daemon_tries_a_rested_relay_without_mail_where_none_is_due(workspace: Workspace, clock: HandClock) -> None:
    with FaultServer({"CONNECT": [b"421 4.3.2 Not yet\r\n", b"220 fault.test ESMTP\r\n"]}) as server:
        here = with_relays(workspace, {"name": "main", "port": server.port})
        with here.database.write() as session:
            change_health(session, "main", lambda health: after_bad(health, clock(), "no connection", trip=True))
        send(here, owner="run")
        assert server.connections == 0, "it rests"
        clock.advance(seconds=15)
        send(here, owner="run")
        send(here, owner="run")
        assert server.connections == 1
        assert (states(here)["main"].health.rests, "Not yet" in states(here)["main"].health.reason) == (2, True)
        clock.advance(seconds=30)
        send(here, owner="run")
        assert states(here)["main"].health.breaker is BreakerState.CLOSED
    assert not any(line.startswith("MAIL") for line in server.heard)


def test_a_relay_that_hangs_does_not_hold_up_the_other(workspace: Workspace, sinks: StartSink) -> None:
    good = sinks("good")
    with FaultServer({"MAIL": HANG}) as hangs:
        here = with_relays(
            workspace,
            {"name": "main", "port": hangs.port, "reply_timeout": 4.0, "connections": 2},
            {"name": "good", "port": good.port},
        )
        edition = crowd(here, 60)
        before: list[int] = []
        look = threading.Timer(3.7, lambda: before.append(good.count()))
        look.start()
        assert send(here).sent == 60
        look.join()
    assert before[0] >= 20, "only what the one that hangs has in hand may wait for it: turn and turn about it were 7"
    assert_everybody_once(edition, here, [good])


def test_what_one_process_learns_of_a_relay_another_obeys_within_a_second(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = with_relays(workspace, {"name": "main", "port": 1}, {"name": "two", "port": 2})
    one, other = (ways.Ways(here, here.settings.all_relays) for _ in range(2))
    for each in (one, other):
        each.begin(eager=False)
    assert {other.choose(lambda _: True, [0, 0], 9) for _ in range(4)} == {0, 1}
    for _ in range(5):
        one.heard(not_reached(Job(1, "", 1, None, {}, 0), judge(Stage.CONNECT, Lost(Stage.CONNECT, "refused"))))
    assert one.rested == [0]
    one.look()
    time.sleep(ways.LOOK_SECONDS)
    other.look()
    assert {other.choose(lambda _: True, [0, 0], 9) for _ in range(4)} == {1}


def test_mails_go_through_a_connection_only_so_often(workspace: Workspace) -> None:
    with FaultServer() as one, FaultServer() as two:
        here = with_relays(
            workspace,
            {"name": "main", "port": one.port, "connections": 1, "messages_per_connection": 5},
            {"name": "two", "port": two.port, "connections": 1},
        )
        crowd(here, 60)
        assert send(here).sent == 60
    assert len(one.taken) + len(two.taken) == 60
    assert one.connections >= -(-len(one.taken) // 5)
    assert two.connections == 1


def test_a_warm_up_lets_so_many_go_each_day_and_the_rest_waits(
    workspace: Workspace, sinks: StartSink, clock: HandClock
) -> None:
    sink = sinks("main")
    here = with_relays(workspace, {"name": "main", "port": sink.port, "warmup": [10, 25]})
    edition = crowd(here, 60)
    counts = send(here)
    assert (counts.sent, sink.count()) == (10, 10)
    assert counts.full_until is not None and (counts.full_until - clock()).days == 1
    assert send(here).sent == 0
    clock.advance(hours=23)
    assert send(here, owner="run").sent == 0
    clock.advance(hours=1)
    assert send(here).sent == 25
    clock.advance(days=1)
    assert send(here).sent == 25
    assert_everybody_once(edition, here, [sink])


def test_what_a_warm_up_does_not_let_go_goes_through_the_others(workspace: Workspace, sinks: StartSink) -> None:
    young, old = sinks("young"), sinks("old")
    here = with_relays(
        workspace, {"name": "main", "port": young.port, "warmup": [10]}, {"name": "old", "port": old.port}
    )
    edition = crowd(here, 80)
    assert send(here).sent == 80
    assert young.count() == 10
    assert_everybody_once(edition, here, [young, old])


def test_a_limit_an_hour_ends_the_run_and_tells_when_to_go_on(
    workspace: Workspace, sinks: StartSink, clock: HandClock
) -> None:
    sink = sinks("main")
    here = with_relays(workspace, {"name": "main", "port": sink.port, "per_hour": 30})
    edition = crowd(here, 50)
    counts = send(here)
    assert counts.sent == 30
    assert counts.full_until is not None
    assert 3600 <= (counts.full_until - clock()).total_seconds() <= 3800
    clock.now = counts.full_until
    assert send(here).sent == 20
    assert_everybody_once(edition, here, [sink])


def test_a_pause_stops_a_send_within_a_second_and_resuming_repeats_and_skips_nobody(
    workspace: Workspace, sinks: StartSink
) -> None:
    sink = sinks("main", "--dot-delay", "0.02")
    here = with_relays(workspace, {"name": "main", "port": sink.port, "connections": 2})
    edition = crowd(here, 150)
    ended: list[Exception] = []

    def run() -> None:
        try:
            send(here)
        except NeedsPerson as told:
            ended.append(told)

    sending = threading.Thread(target=run, daemon=True)
    sending.start()
    while sink.count() < 30:
        time.sleep(0.01)
    assert pause_all(here, "wrong price")
    paused, before = time.monotonic(), sink.count()
    sending.join()
    assert time.monotonic() - paused < 5.0, "on a busy machine; else within a second"
    assert sink.count() <= before + 4, "what is in the air is finished, nothing else leaves"
    assert "wrong price" in str(ended[0])
    with pytest.raises(NeedsPerson):
        send(here)
    assert set(states_of(here, edition)) == {DeliveryState.SENT, DeliveryState.QUEUED}
    assert resume_all(here)
    send(here)
    assert_everybody_once(edition, here, [sink])


def test_a_pause_ends_a_wait_for_a_limit(workspace: Workspace, sinks: StartSink) -> None:
    sink = sinks("main")
    here = replace(
        with_relays(workspace, {"name": "main", "port": sink.port, "per_second": 5}), clock=lambda: workspace.clock()
    )
    crowd(here, 20)
    threading.Timer(0.5, lambda: pause_all(here, "stop")).start()
    began = time.monotonic()
    with pytest.raises(NeedsPerson, match="stop"):
        send(here)
    assert time.monotonic() - began < 3.0
    assert delivery(here, 20).state is DeliveryState.QUEUED


def test_what_was_judged_long_ago_and_still_waits_is_judged_anew(
    workspace: Workspace, sinks: StartSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "OLD_SECONDS", 0.2)
    sink = sinks("slow", "--dot-delay", "0.03")
    here = with_relays(workspace, {"name": "main", "port": sink.port, "connections": 1})
    edition = crowd(here, 30)
    judged: list[int] = []

    def judge_and_count(*args: Any, **facts: Any) -> Any:
        judged.append(len(facts["customer_ids"]))
        return judge_people(*args, **facts)

    assert send(here, judge=judge_and_count).sent == 30
    assert sum(judged) > 30, "some were claimed and judged twice"
    assert_everybody_once(edition, here, [sink])
