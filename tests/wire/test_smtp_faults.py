"""Every verb and every fault: what the session hands back, what the policy makes of it, and that nothing hangs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from outreach.delivery.envelope import Envelope
from outreach.delivery.outcome import Lost, Outcome, SmtpReply, Stage, judge
from outreach.wire.smtp import CLOSING_SECONDS, RelayTarget, SmtpSession
from outreach.words import DeliveryEvent as Event

from ..servers.fault import CLOSE, HANG, Action, Deaf, Drip, FaultServer, Interrupt, Say

PATIENT, HASTY = 20.0, 0.3
ENVELOPE = Envelope("care+b1@acme.example", "ann@example.com")
MESSAGE = b"Message-ID: <1.o@acme.example>\r\nSubject: hello\r\n\r\n.dot\r\n..two\r\nend\r\n"


def target(server: FaultServer, seconds: float = PATIENT) -> RelayTarget:
    return RelayTarget(
        "127.0.0.1", server.port, connect_timeout=seconds, reply_timeout=seconds, dot_timeout=seconds, hello="me.test"
    )


@dataclass(frozen=True)
class Tried:
    """How one mail went: how far it came, what was handed back, what the policy says."""

    stage: Stage
    result: object
    outcome: Outcome
    alive: bool


def try_one(session: SmtpSession, message: bytes = MESSAGE) -> Tried:
    """Send one mail as a worker does."""
    trouble = session.open()
    if trouble is not None:
        return Tried(session.stage, trouble, judge(session.stage, trouble), session.alive)
    offered = session.offer(ENVELOPE, message)
    if not offered.ok:
        return Tried(offered.stage, offered.result, judge(offered.stage, offered.result), session.alive)
    answer = session.finish()
    return Tried(Stage.DOT, answer, judge(Stage.DOT, answer), session.alive)


SILENT: dict[str, Action] = {"hang": HANG, "drip": Drip(b"250-" + b"x" * 900 + b"\r\n")}
LOSSES: dict[str, Action] = {
    "close": CLOSE,
    "cut": Say(b"250-fault.test\r\n250 half a li"),
    "cut after the code": Say(b"250"),
    "cut before LF": Say(b"250 ok\r"),
    "garbage": b"\x16\x03\x01 hello?\r\n",
    "bare LF": b"250 ok\n",
    "NUL": b"250 o\x00k\r\n",
    "oversized line": b"250 " + b"x" * 70_000 + b"\r\n",
    "endless line": b"250-" + b"x" * 70_000,
    "too many lines": b"250-x\r\n" * 5000 + b"250 x\r\n",
    "codes that disagree": b"250-yes\r\n550 no\r\n",
    "a code of one digit": b"2 ok\r\n",
    "1yz": b"150 wait\r\n",
    "6yz": b"650 what\r\n",
}
BEFORE_DOT = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"]
STAGES = {verb: Stage(verb.lower()) for verb in [*BEFORE_DOT, "DOT"]}
PIPELINED = pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "stepwise"])


def extensions(pipelining: bool) -> tuple[str, ...]:
    return ("PIPELINING", "8BITMIME", "SIZE 10000000") if pipelining else ("8BITMIME",)


@PIPELINED
@pytest.mark.parametrize("verb", [*BEFORE_DOT, "DOT"])
@pytest.mark.parametrize("fault", LOSSES)
def test_a_conversation_that_breaks_is_released_before_the_dot_and_in_doubt_after_it(
    verb: str, fault: str, pipelining: bool
) -> None:
    with FaultServer({verb: LOSSES[fault]}, extensions(pipelining)) as server:
        tried = try_one(SmtpSession(target(server)))
        server.settle()
        assert isinstance(tried.result, Lost)
        assert tried.stage is tried.result.stage is STAGES[verb]
        assert tried.outcome.event is (Event.UNKNOWN if verb == "DOT" else Event.RELEASE)
        assert tried.outcome.close and tried.outcome.back_off and not tried.alive
        assert server.dots == (verb == "DOT")


@pytest.mark.parametrize("verb", [*BEFORE_DOT, "DOT"])
@pytest.mark.parametrize("fault", SILENT)
def test_a_server_that_is_silent_or_drips_is_left_at_the_deadline(verb: str, fault: str) -> None:
    with FaultServer({verb: SILENT[fault]}) as server:
        start = time.monotonic()
        tried = try_one(SmtpSession(target(server, HASTY)))
        assert time.monotonic() - start < HASTY * 3 + 1
        assert tried.result == Lost(STAGES[verb], f"no answer within {HASTY:g} s")
        assert tried.outcome.event is (Event.UNKNOWN if verb == "DOT" else Event.RELEASE)
        assert server.dots == (verb == "DOT")


REFUSALS = {
    "450": b"450 4.7.1 greylisted\r\n",
    "452": b"452 4.3.1 disk full\r\n",
    "421": b"421 4.3.2 shutting down\r\n",
    "550": b"550-5.1.1 no such\r\n550 5.1.1 user\r\n",
    "554": b"554 5.7.1 not from you\r\n",
}
EXPECTED = {
    ("CONNECT", "4"): Event.RELEASE,
    ("CONNECT", "5"): Event.RELEASE,
    ("EHLO", "4"): Event.RELEASE,
    ("EHLO", "5"): Event.RELEASE,
    ("MAIL", "4"): Event.TEMPORARY,
    ("MAIL", "5"): Event.RELEASE,
    ("RCPT", "4"): Event.TEMPORARY,
    ("RCPT", "5"): Event.PERMANENT,
    ("DATA", "4"): Event.TEMPORARY,
    ("DATA", "5"): Event.PERMANENT,
    ("DOT", "4"): Event.TEMPORARY,
    ("DOT", "5"): Event.PERMANENT,
}


@PIPELINED
@pytest.mark.parametrize("verb", [*BEFORE_DOT, "DOT"])
@pytest.mark.parametrize("fault", REFUSALS)
def test_a_refusal_is_handed_back_whole_and_judged_by_its_place(verb: str, fault: str, pipelining: bool) -> None:
    with FaultServer({verb: REFUSALS[fault]}, extensions(pipelining)) as server:
        tried = try_one(SmtpSession(target(server)))
        server.settle()
        assert isinstance(tried.result, SmtpReply)
        assert (tried.stage, tried.result.code) == (STAGES[verb], int(fault))
        event = EXPECTED[verb, fault[0]]
        if fault == "421" and verb != "DOT":
            event = Event.RELEASE
        assert tried.outcome.event is event
        assert server.taken == []
        assert server.dots == (verb == "DOT")


@PIPELINED
@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
@pytest.mark.parametrize("code", [450, 550])
def test_after_a_refusal_the_connection_is_reset_and_serves_the_next_mail(
    verb: str, code: int, pipelining: bool
) -> None:
    refuse = f"{code} 5.0.0 not now\r\n".encode() if code == 550 else b"450 4.0.0 not now\r\n"
    script: dict[str, list[Action]] = {verb: [refuse, b"250 ok\r\n"], "DATA": [b"503 5.5.1 no\r\n", b"354 go\r\n"]}
    if not pipelining:
        script["DATA"] = [b"354 go\r\n"]
    with FaultServer(script, extensions(pipelining)) as server:
        session = SmtpSession(target(server))
        assert session.open() is None
        offered = session.offer(ENVELOPE, MESSAGE)
        assert (offered.ok, offered.stage, session.alive) == (False, STAGES[verb], True)
        assert session.offer(ENVELOPE, MESSAGE).ok
        assert session.finish() == SmtpReply(250, "2.0.0", "Ok: taken")
        session.quit()
        server.settle()
        assert server.heard.count("RSET") == 1
        assert len(server.taken) == server.connections == 1


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_354_with_nobody_to_get_the_mail_ends_the_connection_without_a_dot(verb: str) -> None:
    with FaultServer({verb: b"550 5.1.1 no\r\n"}) as server:
        session = SmtpSession(target(server))
        assert session.open() is None
        offered = session.offer(ENVELOPE, MESSAGE)
        assert (offered.ok, offered.stage, session.alive) == (False, STAGES[verb], False)
        server.settle()
        assert (server.dots, server.cut) == (0, [b""])


@pytest.mark.parametrize("answer", [b"250 ok\r\n", b"220 hello\r\n", b"334 go\r\n"])
@PIPELINED
def test_data_goes_out_only_after_354(answer: bytes, pipelining: bool) -> None:
    with FaultServer({"DATA": answer}, extensions(pipelining)) as server:
        tried = try_one(SmtpSession(target(server)))
        server.settle()
        assert (tried.stage, tried.outcome.event, tried.alive) == (Stage.DATA, Event.RELEASE, False)
        assert not any("Subject" in line for line in server.heard)


def test_a_relay_that_closes_while_it_gets_the_mail_leaves_nothing_in_doubt() -> None:
    message = MESSAGE + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 200_000
    with FaultServer({"DATA": Say(b"354 go\r\n")}) as server:
        tried = try_one(SmtpSession(target(server)), message)
        assert tried.outcome.event is Event.RELEASE
        assert isinstance(tried.result, Lost) and tried.result.stage is Stage.BODY


def test_a_relay_that_stops_reading_the_mail_is_left_at_the_deadline() -> None:
    message = MESSAGE + (b"y" * 70 + b"\r\n") * 400_000
    with FaultServer({"DATA": Deaf(b"354 go\r\n")}) as server:
        start = time.monotonic()
        tried = try_one(SmtpSession(target(server, HASTY)), message)
        assert tried.result == Lost(Stage.BODY, f"no answer within {HASTY:g} s")
        assert tried.outcome.event is Event.RELEASE
        assert time.monotonic() - start < 5


LARGE = MESSAGE + (b"y" * 70 + b"\r\n") * 200_000
SHUTTING = b"421 4.3.2 shutting down\r\n"


def test_421_before_the_intent_releases() -> None:
    with FaultServer({"DATA": Interrupt(SHUTTING)}) as server:
        tried = try_one(SmtpSession(target(server)), LARGE)
        server.settle()
        assert (tried.stage, tried.outcome.event, tried.alive) == (Stage.BODY, Event.RELEASE, False)
        assert isinstance(tried.result, SmtpReply) and tried.result.code == 421
        assert server.dots == 0


def test_421_between_the_intent_and_the_dot_defers_and_the_dot_is_not_sent() -> None:
    with FaultServer({"DATA": Interrupt(SHUTTING, seconds=0.1)}) as server:
        session = SmtpSession(target(server))
        assert session.open() is None
        assert session.offer(ENVELOPE, MESSAGE).ok
        time.sleep(0.4)
        answer = session.finish()
        server.settle()
        assert isinstance(answer, SmtpReply) and answer.code == 421
        assert judge(Stage.DOT, answer).event is Event.TEMPORARY
        assert (server.dots, session.alive) == (0, False)


def test_421_that_crosses_the_dot_counts_only_if_the_relay_does_not_take_the_mail_after_all() -> None:
    """The server says 421 unasked while our dot is on its way, and then, against RFC 5321 3.8, 250 to the dot."""
    for answer, event in ((SHUTTING + b"250 2.0.0 taken\r\n", Event.UNKNOWN), (Say(SHUTTING), Event.TEMPORARY)):
        with FaultServer({"DOT": answer}) as server:
            tried = try_one(SmtpSession(target(server)))
            server.settle()
            assert (tried.stage, tried.outcome.event, tried.alive) == (Stage.DOT, event, False)
            assert server.dots == 1


def test_421_to_the_dot_is_its_answer_also_where_the_relay_forgets_to_close() -> None:
    with FaultServer({"DOT": SHUTTING}) as server:
        started = time.monotonic()
        assert try_one(SmtpSession(target(server))).outcome.event is Event.TEMPORARY
        assert time.monotonic() - started < CLOSING_SECONDS + 3


@pytest.mark.parametrize("first", [b"450 4.0.0 no\r\n", b"550 5.0.0 no\r\n"])
def test_a_refusal_with_another_answer_behind_it_is_in_doubt(first: bytes) -> None:
    with FaultServer({"DOT": first + b"250 2.0.0 taken\r\n"}) as server:
        tried = try_one(SmtpSession(target(server)))
        assert (tried.stage, tried.outcome.event, tried.alive) == (Stage.DOT, Event.UNKNOWN, False)


EARLY = pytest.mark.parametrize("early", [b"250 2.0.0 taken\r\n", b"250 one\r\n250 two\r\n", b"?\r\n", b"25"])


@EARLY
def test_what_comes_before_the_intent_is_never_taken_for_the_dots_answer(early: bytes) -> None:
    with FaultServer({"DATA": Interrupt(early)}) as server:
        tried = try_one(SmtpSession(target(server)), LARGE)
        server.settle()
        assert (tried.stage, tried.outcome.event) == (Stage.BODY, Event.RELEASE)
        assert (server.dots, server.taken) == (0, [])


@EARLY
def test_what_comes_before_the_dot_is_never_taken_for_its_answer(early: bytes) -> None:
    with FaultServer({"DATA": Interrupt(early, seconds=0.1)}) as server:
        session = SmtpSession(target(server))
        assert session.open() is None
        assert session.offer(ENVELOPE, MESSAGE).ok
        time.sleep(0.4)
        assert judge(Stage.DOT, session.finish()).event is Event.UNKNOWN
        server.settle()
        assert (server.dots, server.taken) == (0, [])


@PIPELINED
@pytest.mark.parametrize("verb", ["RCPT", "DATA"])
def test_more_replies_than_commands_end_the_conversation_before_the_mail_goes_out(verb: str, pipelining: bool) -> None:
    script = {"RCPT": b"250 ok\r\n250 ok\r\n"} if verb == "RCPT" else {"DATA": b"354 go\r\n250 ok\r\n"}
    with FaultServer(script, extensions(pipelining)) as server:
        tried = try_one(SmtpSession(target(server)))
        server.settle()
        assert (tried.stage, tried.outcome.event, tried.alive) == (Stage.DATA, Event.RELEASE, False)
        assert (server.dots, set(server.cut) <= {b""}) == (0, True)


def test_a_421_behind_the_250_keeps_the_250_and_costs_only_the_connection() -> None:
    with FaultServer({"DOT": b"250 2.0.0 taken\r\n421 4.3.2 bye\r\n"}) as server:
        session = SmtpSession(target(server))
        assert session.open() is None
        assert session.offer(ENVELOPE, MESSAGE).ok
        assert judge(Stage.DOT, session.finish()).event is Event.ACCEPTED
        again = session.offer(ENVELOPE, MESSAGE)
        assert judge(again.stage, again.result).event is Event.RELEASE
        assert not session.alive


def test_a_relay_that_closed_in_the_meantime_is_noticed_before_mail() -> None:
    with FaultServer({"DOT": Say(b"250 2.0.0 taken\r\n")}) as server:
        session = SmtpSession(target(server))
        assert session.open() is None
        assert session.offer(ENVELOPE, MESSAGE).ok
        assert judge(Stage.DOT, session.finish()).event is Event.ACCEPTED
        server.settle()
        again = session.offer(ENVELOPE, MESSAGE)
        assert (again.ok, judge(again.stage, again.result).event) == (False, Event.RELEASE)


@pytest.mark.parametrize("answer", [b"502 no\r\n", CLOSE, b"421 bye\r\n"])
def test_a_reset_that_fails_releases_the_next_mail(answer: Action) -> None:
    script = {"RCPT": b"550 5.1.1 no\r\n", "DATA": b"503 5.5.1 no\r\n", "RSET": answer}
    with FaultServer(script) as server:
        session = SmtpSession(target(server))
        assert session.open() is None
        assert not session.offer(ENVELOPE, MESSAGE).ok
        again = session.offer(ENVELOPE, MESSAGE)
        assert (again.ok, judge(again.stage, again.result).event, session.alive) == (False, Event.RELEASE, False)


def test_a_quit_that_is_not_answered_does_not_hold_us() -> None:
    for action in (HANG, CLOSE, b"garbage\r\n"):
        with FaultServer({"QUIT": action}) as server:
            session = SmtpSession(target(server, HASTY))
            assert session.open() is None
            start = time.monotonic()
            session.quit()
            assert time.monotonic() - start < HASTY + 1
            assert not session.alive


@pytest.mark.parametrize(
    "action", [HANG, Drip(b"250-2.1.0 a very long answer", seconds=0.06)], ids=["no answer", "an answer that drips"]
)
def test_a_reply_has_its_deadline_however_it_comes(action: Action) -> None:
    with FaultServer({"MAIL": action}) as server:
        made = SmtpSession(RelayTarget("127.0.0.1", server.port, hello="me.test", reply_timeout=0.5, dot_timeout=0.5))
        assert made.open() is None
        started = time.monotonic()
        offered = made.offer(ENVELOPE, MESSAGE)
        took = time.monotonic() - started
        assert (offered.ok, offered.stage) == (False, Stage.MAIL)
        assert isinstance(offered.result, Lost)
        assert "no answer within 0.5 s" in offered.result.why
        assert 0.45 < took < 2


def test_a_slow_reply_is_waited_for() -> None:
    with FaultServer({"DOT": Drip(b"250 2.0.0 Ok\r\n", seconds=0.02)}) as server:
        made = SmtpSession(RelayTarget("127.0.0.1", server.port, hello="me.test", reply_timeout=5, dot_timeout=5))
        assert made.open() is None
        assert made.offer(ENVELOPE, MESSAGE).ok
        assert made.finish() == SmtpReply(250, "2.0.0", "Ok")
        made.quit()
