"""A relay's log, line by line: what proves that a mail was taken, what the next server said, what proves nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.delivery import maillog
from outreach.delivery.maillog import Answer, Fact, LogReader, Refused, Taken
from outreach.words import FailureClass, Onward

ID = "abcdefghijklmnopqrstuvwxyz"
OTHER = "zyxwvutsrqponmlkjihgfedcba"
LATEST = datetime(2026, 12, 2, 10, 0, tzinfo=UTC)
HEAD = "Dec  1 10:00:0{second} mx1 postfix/"
PATH = f"bounces+1{ID}abcdefghij@acme.example"


def reader(zone: timezone | ZoneInfo = UTC, latest: datetime = LATEST) -> LogReader:
    return LogReader(lambda path: ID if path == PATH else None, zone, latest)


def read(lines: Iterable[str], into: LogReader | None = None) -> list[Fact]:
    found = into or reader()
    return [fact for number, line in enumerate(lines, 1) for fact in found.read(line + "\n", f"mail.log:{number}")]


def at(second: int) -> datetime:
    return datetime(2026, 12, 1, 10, 0, second, tzinfo=UTC)


def line(daemon: str, said: str, second: int = 0, queue: str = "4F1A2B3C4D") -> str:
    return f"{HEAD.format(second=second)}{daemon}[42]: {queue}: {said}"


def cleanup(second: int = 0, public_id: str = ID, queue: str = "4F1A2B3C4D") -> str:
    return line("cleanup", f"message-id=<{public_id}.o@acme.example>", second, queue)


def active(second: int = 1, queue: str = "4F1A2B3C4D", path: str = "x@acme.example", recipients: int = 1) -> str:
    return line("qmgr", f"from=<{path}>, size=17044, nrcpt={recipients} (queue active)", second, queue)


def answer(
    status: str = "sent",
    words: str = "250 2.0.0 Ok: queued as 9XYZ",
    second: int = 2,
    *,
    to: str = "ann@example.com",
    dsn: str = "2.0.0",
    relay: str = "mx.example.com[192.0.2.1]:25",
    queue: str = "4F1A2B3C4D",
    daemon: str = "smtp",
) -> str:
    said = f"to=<{to}>, relay={relay}, delay=0.9, delays=0.1/0/0.4/0.4, dsn={dsn}, status={status} ({words})"
    return line(daemon, said, second, queue)


def removed(second: int = 3, queue: str = "4F1A2B3C4D") -> str:
    return line("qmgr", "removed", second, queue)


def test_a_mail_that_goes_on_at_once_was_taken_and_accepted() -> None:
    taken, said = read([line("smtpd", "client=app[10.0.0.5]"), cleanup(), active(), answer(), removed()])
    assert taken == Taken(ID, at(1), "mail.log:3", "4F1A2B3C4D")
    assert isinstance(said, Answer)
    assert (said.onward, said.at, said.recipients) == (Onward.ACCEPTED, at(2), ("ann@example.com",))
    assert said.words == "mx.example.com[192.0.2.1]:25: 250 2.0.0 Ok: queued as 9XYZ"


def test_cleanup_alone_proves_nothing_for_it_speaks_before_the_dot() -> None:
    assert read([cleanup(), line("smtpd", "lost connection after DATA (0 bytes) from app[10.0.0.5]")]) == []


def test_a_refusal_at_the_end_of_the_message_proves_that_it_was_not_taken() -> None:
    said = (
        "milter-reject: END-OF-MESSAGE from app[10.0.0.5]: 5.7.1 Looks like spam; from=<x@a.example> to=<b@c.example>"
    )
    assert read([cleanup(), line("cleanup", said, 1)]) == [Refused(ID, at(1), "mail.log:2", "5.7.1 Looks like spam")]
    said = (
        "reject: header Subject: 5.7.1 off from app[10.0.0.5]; from=<x@a.example> to=<b@c.example> "
        "proto=ESMTP helo=<app>: 5.7.1 no such words"
    )
    assert read([cleanup(), line("cleanup", said, 1)]) == [Refused(ID, at(1), "mail.log:2", "5.7.1 no such words")]
    assert read([cleanup(), line("cleanup", "milter-reject: END-OF-MESSAGE from a[1]: 4.7.1 Wait; from=<>", 1)]) == []


@pytest.mark.parametrize(
    "more", ["tls=may, ", "tls=encrypt/(requiretls), ", "tls=dane/!requiretls, size=17044, ", "tls=may,x, dsn=9.9.9, "]
)
def test_what_newer_postfixes_write_between_the_fields_is_passed_over(more: str) -> None:
    """Since 3.11 its client says by which TLS a mail went on."""
    said = answer(dsn="5.1.1", status="bounced", words="host mx[192.0.2.1] said: 550 5.1.1 User unknown")
    facts = read([cleanup(), active(), said.replace(" dsn=", f" {more}dsn=")])
    told = [fact for fact in facts if isinstance(fact, Answer)]
    if "x," in more:
        assert not told, "a line of another form proves nothing"
    else:
        assert [(fact.onward, fact.failure) for fact in told] == [(Onward.BOUNCED, FailureClass.BAD_ADDRESS)]


@pytest.mark.parametrize(
    ("words", "dsn", "failure"),
    [
        ("host mx[1.2.3.4] said: 550 5.1.1 <a@b.example>: User unknown (in reply to RCPT TO)", "5.1.1", "bad_address"),
        ("host mx[1.2.3.4] said: 550 5.7.1 blocked by policy (in reply to end of DATA command)", "5.7.1", "refused"),
        ("host mx[1.2.3.4] said: 550 User unknown (in reply to end of DATA command)", "5.0.0", "other"),
        ("host mx[1.2.3.4] said: 550 5.1.1 No such user (in reply to end of DATA command)", "5.1.1", "bad_address"),
        ("host mx[1.2.3.4] said: 550 User unknown (in reply to RCPT TO command)", "5.0.0", "bad_address"),
        ("host mx[1.2.3.4] said: 552-5.2.2 mailbox full (in reply to RCPT TO command)", "5.2.2", "mailbox_full"),
        ("host mx[1.2.3.4] said: 550 no thanks, this is spam (in reply to DATA command)", "5.0.0", "refused"),
        ('unknown user: "ann"', "5.1.1", "bad_address"),
        ("Host or domain name not found. Name service error for name=b.example type=A", "5.4.4", "bad_address"),
    ],
)  # fmt: skip
def test_a_bounce_says_why_by_the_same_rules_as_a_reply(words: str, dsn: str, failure: str) -> None:
    *_, said = read([cleanup(), active(), answer("bounced", words, dsn=dsn)])
    assert isinstance(said, Answer)
    assert (said.onward, said.failure) == (Onward.BOUNCED, FailureClass(failure))


def test_a_mail_that_waits_and_is_given_up_bounced() -> None:
    lines = [
        cleanup(),
        active(),
        answer("deferred", "connect to mx.example.com[192.0.2.1]:25: timed out", dsn="4.4.1", relay="none"),
        line("qmgr", "from=<x@acme.example>, status=expired, returned to sender", 5),
        removed(6),
    ]
    _, waits, ended = read(lines)
    assert isinstance(waits, Answer)
    assert isinstance(ended, Answer)
    assert (waits.onward, ended.onward, ended.at) == (Onward.DEFERRED, Onward.BOUNCED, at(5))
    assert ended.recipients == ("ann@example.com",)
    assert ended.failure is FailureClass.TRANSIENT


def test_a_log_that_begins_in_the_middle_is_understood_by_our_reverse_path() -> None:
    taken, said = read([answer(second=0), active(path=PATH), answer(), removed()])
    assert taken == Taken(ID, at(1), "mail.log:2", "4F1A2B3C4D")
    assert isinstance(said, Answer)
    assert read([active(path="x@acme.example"), answer()]) == []


def test_a_queue_id_that_is_used_again_is_another_mail() -> None:
    lines = [cleanup(), active(), answer(), removed(), answer("bounced", "host said: 550 5.1.1 no", 4, dsn="5.1.1")]
    assert len(read(lines)) == 2, "what is said after the mail has left the queue is about somebody else's"
    stranger = line("cleanup", "message-id=<hello@elsewhere.example>", 4)
    assert len(read([*lines[:2], stranger, answer(second=5)])) == 1
    again = read([*lines[:4], cleanup(5, OTHER), active(6), answer(second=7)])
    assert [fact.public_id for fact in again] == [ID, ID, OTHER, OTHER]


def test_what_a_filter_of_the_same_relay_took_is_not_the_next_servers_word() -> None:
    lines = [
        cleanup(),
        active(),
        cleanup(2, queue="5F1A2B3C4D"),
        active(2, queue="5F1A2B3C4D"),
        answer(words="250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 5F1A2B3C4D", second=3),
        removed(3),
        answer("bounced", "host mx said: 550 5.1.1 unknown user", 4, dsn="5.1.1", queue="5F1A2B3C4D"),
    ]
    said = [fact for fact in read(lines) if isinstance(fact, Answer)]
    assert [one.onward for one in said] == [Onward.BOUNCED]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("Dec  1 10:00:01 mx1 postfix/", at(1)),
        ("Dec 01 10:00:01.123456 mx1 postfix/", at(1)),
        ("<22>Dec  1 10:00:01 mx1 postfix-out/", at(1)),
        ("2026-12-01T11:00:01.123456+01:00 mx1 postfix/submission/", at(1)),
        ("2026-12-01T11:00:01+0100 mx1 postfix/", at(1)),
        ("2026-12-01T10:00:01Z mx1 postfix/", at(1)),
        ("2026-12-01 10:00:01,5 mx1 postfix/", at(1)),
        ("Dec 31 23:59:59 mx1 postfix/", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Feb 29 12:00:00 mx1 postfix/", datetime(2024, 2, 29, 12, 0, tzinfo=UTC)),
    ],
)
def test_instants_of_every_form_are_read(head: str, expected: datetime) -> None:
    lines = [f"{head}cleanup[1]: 4F1A2B3C4D: message-id=<{ID}.o@acme.example>"]
    lines.append(f"{head}qmgr[1]: 4F1A2B3C4D: from=<>, size=1, nrcpt=1 (queue active)")
    [taken] = read(lines)
    assert taken.at == expected


def test_a_line_of_rfc_5424_is_read() -> None:
    head = "<22>1 2026-12-01T10:00:01Z mx1 postfix/"
    lines = [f"{head}cleanup 1 - - 4F1A2B3C4D: message-id=<{ID}.o@acme.example>"]
    lines.append(f"{head}qmgr 1 - - 4F1A2B3C4D: from=<>, size=1, nrcpt=1 (queue active)")
    assert [type(fact) for fact in read(lines)] == [Taken]


def test_a_clock_without_a_zone_is_the_one_that_is_named() -> None:
    [taken] = read([cleanup(), active()], reader(ZoneInfo("Asia/Tokyo")))
    assert taken.at == datetime(2026, 12, 1, 1, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("iso", [False, True])
def test_the_hour_that_a_clock_shows_twice_is_told_apart_by_what_stood_before_it(iso: bool) -> None:
    """What was put off at 2:50 of summer time is accepted at 2:20 of winter time: half an hour later, not before."""

    def said(clock: str, status: str, words: str) -> str:
        stamp = f"2025-10-26T{clock}" if iso else f"Oct 26 {clock}"
        return answer(status, words).replace("Dec  1 10:00:02", stamp)

    lines = [cleanup().replace("Dec  1 10:00:00", "Oct 26 01:30:00")]
    lines += [
        said(clock, *what)
        for clock, what in (
            ("02:10:00", ("deferred", "450 4.2.0 Greylisted")),
            ("02:50:00", ("deferred", "450 4.2.0 Greylisted")),
            ("02:20:00", ("sent", "250 2.0.0 Ok")),
            ("02:50:00", ("sent", "250 2.0.0 Ok")),
            ("03:10:00", ("sent", "250 2.0.0 Ok")),
        )
    ]
    berlin = reader(ZoneInfo("Europe/Berlin"), datetime(2025, 11, 1, tzinfo=UTC))
    found = [fact for fact in read(lines, berlin) if isinstance(fact, Answer)]
    assert [fact.at.strftime("%H:%M") for fact in found] == ["00:10", "00:50", "01:20", "01:50", "02:10"]


def test_the_year_of_a_rotated_log_is_the_last_one_that_fits() -> None:
    lines = [line("cleanup", f"message-id=<{ID}.o@acme.example>").replace("Dec  1", "Dec 31"), active()]
    [taken] = read([lines[0], lines[1].replace("Dec  1", "Jan  2")], reader(latest=datetime(2027, 1, 3, tzinfo=UTC)))
    assert taken.at == datetime(2027, 1, 2, 10, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize("queue", ["4F1A2B", "3Qf8Zl1zpbz4TqN".replace("l", "b"), "4ZBxyz2r5Dz1GvK", "ABCDEF0123456"])
def test_queue_ids_short_and_long_are_known(queue: str) -> None:
    assert len(read([cleanup(queue=queue), active(queue=queue), answer(queue=queue)])) == 2


@pytest.mark.parametrize(
    "said",
    [
        "to=<ann@example.com>, relay=mx[1.2.3.4]:25, delay=1, dsn=5.0.0, status=bounced (said: 550 status=sent (250)",
        "to=<ann@example.com>, relay=mx[1.2.3.4]:25, delay=1, dsn=5.0.0, status=bounced (host said: 550 removed)",
        "to=<ann@example.com>, relay=mx[1.2.3.4]:25, delay=1, status=bounced (a (queue active) message-id=<b.o@c>)",
    ],
)  # fmt: skip
def test_what_a_strangers_server_says_is_never_taken_for_a_field(said: str) -> None:
    facts = read([cleanup(), active(), line("smtp", said, 2)])
    assert [fact.onward for fact in facts if isinstance(fact, Answer)] == [Onward.BOUNCED]


WHOLE = [cleanup(), active(), answer(), removed()]


@given(st.integers(0, 3), st.integers(0, 200))
def test_a_line_that_is_cut_anywhere_never_says_more_than_it_did(which: int, length: int) -> None:
    cut = [line[:length] if number == which else line for number, line in enumerate(WHOLE)]
    facts = read(cut)
    kinds = [type(fact) for fact in facts]
    assert kinds in ([], [Taken], [Taken, Answer])
    if which == 0 and length < len(WHOLE[0]):
        assert facts == []
    if which == 1 and length < len(WHOLE[1]):
        assert all(fact.at == at(2) for fact in facts)


def spoilt(line: str) -> st.SearchStrategy[str]:
    """The line with something put in its middle."""
    return st.tuples(st.integers(0, 150), st.text(max_size=5)).map(lambda cut: line[: cut[0]] + cut[1] + line[cut[0] :])


LINES = st.one_of(st.text(max_size=300), st.sampled_from(WHOLE), st.sampled_from(WHOLE).flatmap(spoilt))


@given(st.lists(LINES, max_size=12))
def test_whatever_the_log_holds_it_is_read_to_the_end_and_only_known_mails_are_told(lines: list[str]) -> None:
    found = reader()
    facts = read(lines, found)
    assert found.lines == len(lines)
    assert {fact.public_id for fact in facts if not fact.public_id.isalnum() or len(fact.public_id) != 26} == set()
    answered = {fact.public_id for fact in facts if isinstance(fact, Answer)}
    assert answered <= {fact.public_id for fact in facts if isinstance(fact, Taken)}


@pytest.mark.parametrize(
    "crafted",
    [
        "Dec  1 10:00:00 h " + "a/" * 8000,
        "Dec  1 10:00:00 h postfix/smtp[1]: 4F1A2B3C4D: to=<" + "a" * 16000,
        "Dec  1 10:00:00 h postfix/cleanup[1]: 4F1A2B3C4D: reject: header " + ": 5.7.1 " * 2000,
        "Dec  1 10:00:00 h postfix/smtp[1]: 4F1A2B3C4D: to=<a>, relay=x, delay=" + "1" * 15000,
        "message-id=<" * 1300,
    ],
)
def test_a_crafted_line_takes_no_longer_than_an_honest_one(crafted: str) -> None:
    found = reader()
    read([cleanup(), active()], found)
    began = time.process_time()
    for _ in range(20):
        list(found.read(crafted, "x"))
    assert time.process_time() - began < 0.5


def test_memory_stays_the_same_however_long_the_log_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maillog, "REMEMBERED", 50)
    found = reader()
    for number in range(500):
        read([cleanup(queue=f"{number:010X}")], found)
    assert len(found._mails) == 50


def test_first_and_last_tell_what_the_log_covers() -> None:
    found = reader()
    read(["garbage", "Dec  1 09:00:00 mx1 cron[1]: hello", cleanup(), "Dec  1 11:00:00 mx1 cron[1]: bye"], found)
    assert found.first == datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
    assert found.last == found.first + timedelta(hours=2)


def test_a_log_that_a_real_postfix_wrote_is_understood_line_by_line() -> None:
    text = (Path(__file__).parents[1] / "corpus" / "postfix.log").read_text(encoding="utf-8")
    facts = read(text.splitlines(), reader(latest=datetime(2026, 11, 28, tzinfo=UTC)))
    taken = {fact.public_id for fact in facts if isinstance(fact, Taken)}
    assert len(taken) == 18
    last = {fact.public_id: fact for fact in facts if isinstance(fact, Answer)}
    assert Counter(fact.onward for fact in last.values()) == {Onward.ACCEPTED: 14, Onward.BOUNCED: 4}
    assert set(last) == taken
    [refused] = [fact for fact in facts if isinstance(fact, Refused)]
    assert (refused.public_id, refused.words) == ("refusedbyheader22222222222", "5.7.1 no such header here")
    assert "brokenoffinthebody22222222" not in {fact.public_id for fact in facts}
    expired = last["deferredforeverandever2222"]
    assert (expired.words, expired.failure, expired.recipients) == (
        "the relay gave up: nobody took it in time",
        FailureClass.TRANSIENT,
        ("p4@example.com",),
    )
    waited = [fact for fact in facts if fact.public_id == expired.public_id and isinstance(fact, Answer)][:-1]
    assert {fact.onward for fact in waited} == {Onward.DEFERRED}
