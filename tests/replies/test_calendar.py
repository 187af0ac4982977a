"""Answers to invitations, as calendars of several makers send them."""

from __future__ import annotations

import pytest

from outreach.replies.calendar import read_answer
from outreach.replies.machine import sort_machine
from outreach.replies.parse import parse_inbound
from outreach.words import Machine


def mail(ics: str, head: str = "text/calendar; method=REPLY; charset=utf-8") -> bytes:
    return (
        "From: ann@b.example\r\nTo: care@acme.example\r\nSubject: Accepted: Seminar\r\n"
        f'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n\r\nAnn has answered.\r\n--x'
        f"\r\nContent-Type: {head}\r\n\r\n{ics}\r\n--x--\r\n"
    ).encode()


def answer(state: str, method: str = "REPLY") -> str:
    return (
        f"BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\nUID:7@acme.example\r\n"
        f'ATTENDEE;CN="Miller, Ann";{state};X-NUM-GUESTS=0:mailto:Ann@b.exam\r\n ple\r\n'
        "SUMMARY:Descaling\\, live and\r\n  in colour\r\nCOMMENT:I come by train\\nat nine\r\n"
        "END:VEVENT\r\nEND:VCALENDAR"
    )


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("PARTSTAT=ACCEPTED", "accepted"),
        ("ROLE=REQ-PARTICIPANT;PARTSTAT=DECLINED", "declined"),
        ("partstat=tentative", "tentative"),
        ('PARTSTAT="DELEGATED"', "delegated"),
        ("PARTSTAT=NEEDS-ACTION", "unanswered"),
        ("RSVP=TRUE", "unanswered"),
    ],
)
def test_who_comes_and_who_does_not(state: str, told: str) -> None:
    raw = mail(answer(state))
    found = read_answer(parse_inbound(raw))
    assert found is not None
    assert (found.answer, found.attendee, found.uid) == (told, "ann@b.example", "7@acme.example")
    assert found.words == f'{told} "Descaling, live and in colour": "I come by train at nine"'
    machine = sort_machine(parse_inbound(raw), raw)
    assert (machine.machine, machine.calendar) == (Machine.CALENDAR, found)
    assert told in machine.reason


@pytest.mark.parametrize(
    "line",
    [
        'ATTENDEE;CN="Dr.: Miller; Ann";PARTSTAT=DECLINED;X-RESPONSE-COMMENT="at nine: I come\\, by^n train"'
        ":mailto:ann@b.ex",
        'ATTENDEE;X-RESPONSE-COMMENT="at nine: I come, by train";CN="a:mailto:bob@b.ex";PARTSTAT=DECLINED'
        ":mailto:ann@b.ex",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@b.ex\r\nCOMMENT;LANGUAGE=en:at nine: I come\\, by train",
    ],
)
def test_a_quoted_name_or_comment_with_colons_is_read_as_one(line: str) -> None:
    found = read_answer(parse_inbound(mail(f"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:7@b\r\n{line}")))
    assert found is not None
    assert (found.answer, found.attendee) == ("declined", "ann@b.ex")
    assert " ".join(found.comment.split()) == "at nine: I come, by train"


def test_another_time_is_proposed_by_a_counter() -> None:
    found = read_answer(parse_inbound(mail(answer("PARTSTAT=TENTATIVE", "COUNTER"))))
    assert found is not None and found.answer == "another time"


def test_an_invitation_of_somebody_else_is_no_answer() -> None:
    raw = mail(answer("PARTSTAT=NEEDS-ACTION", "REQUEST"))
    assert read_answer(parse_inbound(raw)) is None
    assert sort_machine(parse_inbound(raw), raw).machine is Machine.HUMAN


def test_a_broken_calendar_raises_nothing() -> None:
    for ics in (
        "METHOD:REPLY",
        "METHOD:REPLY\r\nATTENDEE",
        "\r\n " * 40_000,
        "METHOD:REPLY\r\nATTENDEE;;;=:x",
        'METHOD:REPLY\r\nATTENDEE;CN="x' + '"y' * 1_999,
    ):
        found = read_answer(parse_inbound(mail(ics)))
        assert found is None or found.answer == "unanswered"
