"""The next mail's commands behind a dot (RFC 2920 3.1): a journey less, and what a relay may make of it."""

from __future__ import annotations

import pytest

from outreach.delivery.envelope import Envelope
from outreach.delivery.outcome import Lost, SmtpReply, Stage, judge
from outreach.wire.smtp import SmtpSession
from outreach.words import DeliveryEvent as Event

from ..servers.fault import CLOSE, Action, FaultServer, Hold, Say
from .test_smtp_faults import EXPECTED, LOSSES, REFUSALS, SHUTTING, STAGES, target

ANN = Envelope("care+b1@acme.example", "ann@example.com"), b"Message-ID: <1.o@acme.example>\r\n\r\nFor Ann.\r\n"
BOB = Envelope("care+b2@acme.example", "bob@example.com"), b"Message-ID: <2.o@acme.example>\r\n\r\nFor Bob.\r\n"
TAKEN = SmtpReply(250, "2.0.0", "Ok: taken")


def after_ann(server: FaultServer) -> tuple[SmtpSession, SmtpReply | Lost]:
    """A session in which Ann's mail has had its dot, with Bob's commands behind it, and the answer."""
    session = SmtpSession(target(server))
    assert session.open() is None
    assert session.offer(*ANN).ok
    return session, session.finish(then=BOB)


def test_the_commands_go_with_the_dot_and_the_text_only_after_their_answers() -> None:
    with FaultServer({"DOT": [Hold(b"250 2.0.0 Ok: taken\r\n", 5.0), b"250 2.0.0 Ok: taken\r\n"]}) as server:
        session, answer = after_ann(server)
        assert (answer, session.begun, server.ahead) == (TAKEN, True, 1)
        assert session.offer(*BOB).ok
        assert not session.begun
        assert session.finish() == TAKEN
        session.quit()
        server.settle()
        assert server.taken == [ANN[1], BOB[1]]
        assert server.connections == 1 and server.heard[-1] == "QUIT"


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("fault", [*LOSSES, *REFUSALS, "disconnect"])
def test_whatever_becomes_of_the_next_mail_the_one_before_was_taken(verb: str, fault: str) -> None:
    action: Action = CLOSE if fault == "disconnect" else LOSSES.get(fault) or REFUSALS[fault]
    with FaultServer({verb: [FaultServer().action(verb), action]}) as server:
        session, answer = after_ann(server)
        assert answer == TAKEN
        offered = session.offer(*BOB)
        event = Event.RELEASE if fault in (*LOSSES, "disconnect", "421") else EXPECTED[verb, fault[0]]
        assert not offered.ok
        assert (offered.stage, judge(offered.stage, offered.result).event) == (STAGES[verb], event)
        server.settle() if not session.alive else session.drop()
        assert (server.taken, server.dots) == ([ANN[1]], 1)


@pytest.mark.parametrize("code", [450, 452, 550, 554])
def test_a_refusal_of_the_mail_before_leaves_the_next_one_its_turn(code: int) -> None:
    with FaultServer({"DOT": [f"{code} {code // 100}.0.0 no\r\n".encode(), b"250 2.0.0 Ok: taken\r\n"]}) as server:
        session, answer = after_ann(server)
        assert isinstance(answer, SmtpReply) and answer.code == code
        assert session.alive and session.begun
        assert session.offer(*BOB).ok
        assert session.finish() == TAKEN
        server.settle() if not session.alive else session.quit()
        assert server.taken == [BOB[1]]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_relay_may_refuse_both_mails_at_once(verb: str) -> None:
    script: dict[str, list[Action]] = {"DOT": [b"452 4.3.1 disk full\r\n"]}
    for later in ("MAIL", "RCPT", "DATA")[("MAIL", "RCPT", "DATA").index(verb) :]:
        script[later] = [FaultServer().action(later), b"452 4.3.1 disk full\r\n" if later == verb else b"503 no\r\n"]
    with FaultServer(script) as server:
        session, answer = after_ann(server)
        assert isinstance(answer, SmtpReply) and answer.code == 452
        offered = session.offer(*BOB)
        assert (offered.ok, offered.stage) == (False, STAGES[verb])
        assert isinstance(offered.result, SmtpReply) and offered.result.code == 452
        assert session.alive and not session.begun
        session.drop()


@pytest.mark.parametrize("first", [b"450 4.0.0 no\r\n", b"550 5.0.0 no\r\n", SHUTTING])
@pytest.mark.parametrize("more", [b"250 2.0.0 taken\r\n", b"what?\r\n", b"250 half", b"354 go on\r\n"])
def test_more_answers_than_were_asked_for_put_the_mail_in_doubt(first: bytes, more: bytes) -> None:
    with FaultServer({"DOT": Say(first + more) if more == b"250 half" else first + more}) as server:
        session, answer = after_ann(server)
        assert isinstance(answer, Lost)
        assert judge(Stage.DOT, answer).event is Event.UNKNOWN
        assert (session.alive, session.begun) == (False, False)


@pytest.mark.parametrize("action", [Say(SHUTTING), SHUTTING, Say(b"450 4.0.0 later\r\n")])
def test_a_relay_that_closes_behind_its_refusal_has_refused_and_nothing_is_begun(action: Action) -> None:
    script: dict[str, list[Action]] = {"DOT": [action]}
    if action == SHUTTING:
        script["MAIL"] = [FaultServer().action("MAIL"), Say(SHUTTING)]
    with FaultServer(script) as server:
        session, answer = after_ann(server)
        assert isinstance(answer, SmtpReply) and answer.code in (421, 450)
        assert judge(Stage.DOT, answer).event is Event.TEMPORARY
        assert (session.alive, session.begun) == (False, False)


@pytest.mark.parametrize("why", ["no PIPELINING", "too long a line"])
def test_nothing_is_begun_where_it_cannot_go_along(why: str) -> None:
    then = (BOB[0], b"x" * 999 + b"\r\n") if why == "too long a line" else BOB
    with FaultServer(extensions=() if why == "no PIPELINING" else ("PIPELINING",)) as server:
        session = SmtpSession(target(server))
        assert session.open() is None
        assert session.offer(*ANN).ok
        assert session.finish(then=then) == TAKEN
        assert not session.begun and session.alive
        assert session.offer(*BOB).ok
        assert session.finish() == TAKEN
        session.quit()


def test_whoever_begins_a_mail_offers_it_or_hangs_up_without_a_word_that_could_become_its_text() -> None:
    with FaultServer() as server:
        session, _ = after_ann(server)
        with pytest.raises(ValueError, match="another mail has been begun"):
            session.offer(*ANN)
        again, _ = after_ann(server)
        again.quit()
        session.drop()
        server.settle()
        assert (server.taken, server.dots) == ([ANN[1], ANN[1]], 2)
        assert set(server.cut) <= {b""} and "QUIT" not in server.heard
