from __future__ import annotations

import email
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message

import pytest
from sqlmodel import col, select, update

from outreach.errors import InputError, NeedsPerson, UsageError
from outreach.newsletter.invitation import write_event
from outreach.records import (
    Case,
    Category,
    Delivery,
    DeliveryState,
    Edition,
    Inbound,
    Machine,
    Seat,
    SeatState,
    SeminarSession,
)
from outreach.store.replies import verdicts_of
from outreach.work.agenda import read_agenda
from outreach.work.compose import apply_campaign
from outreach.work.letter import open_press
from outreach.work.publish import open_occasion
from outreach.work.seats import fill_places, import_attendance, take_answer
from outreach.work.seminar_event import event_of
from outreach.work.seminars import apply_seminar, changes_to_tell, figures_of, session_named, tell_changes
from outreach.work.sequence_plan import apply_sequence, approve_sequence
from outreach.work.sequences import follow_sequences
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .replying import receive
from .test_sequences import follow

MakeCustomer = Callable[..., int]
SEMINAR = """---
name: best-shot
title: Your best shot, at home
where: https://meet.acme.example/best-shot
zone: Europe/Berlin
sessions:
  evening: {evening}
  later: 2026-12-17 18:00 for 1 hour
---
Bring your machine; and a cup.
"""
INVITATION = (
    "---\nname: invite\nsubject: Come\nkind: invitation\nlist: customers\nseminar: best-shot/{session}\n---\nHello\n"
)


def offer(
    workspace: Workspace, evening: str = "2026-12-10 18:00 for 45 minutes, 2 places", text: str = SEMINAR
) -> None:
    path = workspace.root / "best-shot.md"
    path.write_text(text.format(evening=evening), encoding="utf-8")
    apply_seminar(workspace, path)


def apply_invitation(workspace: Workspace, session: str = "evening") -> None:
    path = workspace.root / "invite.md"
    path.write_text(INVITATION.format(session=session), encoding="utf-8")
    apply_campaign(workspace, path)


def plan(workspace: Workspace, session: str = "evening") -> int:
    """Plan the invitation, which waits."""
    apply_invitation(workspace, session)
    return open_occasion(workspace, "invite")


def invite(workspace: Workspace, session: str = "evening") -> int:
    """Plan the invitation, and let everybody have had it."""
    edition_id = plan(workspace, session)
    with workspace.database.write() as session_:
        values = {"state": DeliveryState.SENT, "sent_at": workspace.clock(), "settled_at": workspace.clock()}
        session_.execute(update(Delivery).where(col(Delivery.state) == DeliveryState.QUEUED).values(**values))
    return edition_id


def mail_of(workspace: Workspace, edition_id: int, customer_id: int) -> Message:
    from outreach.store.customers import load_customers

    with workspace.database.read() as session:
        press = open_press(session, workspace, edition_id)
        person = load_customers(session, [customer_id])[customer_id]
        query = select(Delivery).where(Delivery.edition_id == edition_id, Delivery.customer_id == customer_id)
        row = session.exec(query).one()
    return email.message_from_bytes(press.press(person, row.public_id, {}, workspace.clock()).message)


def calendar_in(mail: Message) -> dict[str, str]:
    [part] = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    text = payload.decode().replace("\r\n ", "").replace("\n ", "")
    told = {line.partition(":")[0].partition(";")[0]: line for line in text.splitlines()}
    assert part.get_param("method") == told["METHOD"].partition(":")[2]
    return told


def reply(
    workspace: Workspace,
    address: str,
    uid: str,
    answer: str,
    number: int = 0,
    comment: str = "",
    *,
    answers: str = "",
    attendee: str = "",
) -> Inbound:
    """A calendar program's answer, read. `answers`: our Message-ID that it names; `attendee`: whose it is otherwise."""
    more = f"COMMENT:{comment}\r\n" if comment else ""
    above = f"References: {answers}\r\n" if answers else ""
    text = (
        f"From: {address}\r\nTo: {workspace.reply_address}\r\nSubject: {answer}: Your best shot\r\n"
        f"Message-ID: <{number}-{answer}-{address}>\r\nDate: Tue, 01 Dec 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        f"{above}Content-Type: text/calendar; method=REPLY; charset=utf-8\r\n\r\n"
        "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\n"
        f"UID:{uid}\r\nATTENDEE;PARTSTAT={answer}:mailto:{attendee or address}\r\n{more}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    return receive(workspace, text.encode(), mailbox="test", place=f"{number}{answer}{address}")


def uid_of(workspace: Workspace, place: str = "best-shot/evening") -> str:
    with workspace.database.read() as session:
        return event_of(workspace, *session_named(session, place)).uid


def remind(workspace: Workspace) -> None:
    """A reminder on the day before a session, to those who have a place."""
    path = workspace.root / "remind.md"
    path.write_text(
        "---\nname: remind\nlist: customers\nkind: service\nbegins: seminar best-shot\n---\n\n"
        "---\nstep: mail\nwhen: on day -1\nsubject: Tomorrow\n---\nHello\n",
        encoding="utf-8",
    )
    apply_sequence(workspace, path)
    approve_sequence(workspace, "remind", "maria")


def states(workspace: Workspace) -> dict[int, str]:
    with workspace.database.read() as session:
        return {
            seat.customer_id: seat.state.value for seat in session.exec(select(Seat).order_by(col(Seat.customer_id)))
        }


def says(workspace: Workspace, customer_id: int, state: SeatState, place: str = "best-shot/evening") -> str:
    with workspace.database.write() as session:
        seminar, held = session_named(session, place)
        return take_answer(session, workspace, seminar, held, customer_id, state, workspace.clock(), "person")


def guest_to_remind(workspace: Workspace, make_customer: MakeCustomer) -> int:
    """Ann has a place in a seminar that is offered, with a reminder."""
    ann = make_customer("ann@example.com")
    offer(workspace)
    remind(workspace)
    says(workspace, ann, SeatState.ACCEPTED)
    return ann


def singles(workspace: Workspace) -> list[str]:
    query = select(Edition.subject).join(Delivery).where(col(Delivery.occasion).startswith("seminar"))
    with workspace.database.read() as session:
        return sorted(session.exec(query))


def test_each_guest_gets_an_invitation_that_names_them_alone(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, ben = make_customer("ann@example.com"), make_customer("ben@example.com")
    offer(workspace)
    edition_id = invite(workspace)
    found = calendar_in(mail_of(workspace, edition_id, ann))
    assert found["METHOD"] == "METHOD:REQUEST" and found["SEQUENCE"] == "SEQUENCE:0"
    assert found["DTSTART"] == "DTSTART:20261210T170000Z" and found["DTEND"] == "DTEND:20261210T174500Z"
    assert found["SUMMARY"] == "SUMMARY:Your best shot\\, at home"
    assert found["ATTENDEE"].endswith("RSVP=TRUE:mailto:ann@example.com")
    assert found["ORGANIZER"].endswith(f"mailto:{workspace.reply_address}")
    other = calendar_in(mail_of(workspace, edition_id, ben))
    assert other["UID"] == found["UID"] and "ann" not in str(other)


def test_another_reader_of_calendars_finds_no_fault_in_it(workspace: Workspace) -> None:
    from icalendar import Calendar

    offer(workspace)
    with workspace.database.read() as session:
        text = write_event(event_of(workspace, *session_named(session, "best-shot/evening")), "ann@example.com")
    whole = Calendar.from_ical(text)
    [event] = whole.walk("VEVENT")
    assert whole["METHOD"] == "REQUEST" and event.errors == []
    assert event["SUMMARY"] == "Your best shot, at home" and event["DESCRIPTION"] == "Bring your machine; and a cup."
    assert event["ATTENDEE"].params["PARTSTAT"] == "NEEDS-ACTION"
    assert event["DTSTART"].dt == datetime(2026, 12, 10, 17, tzinfo=UTC)


def test_lines_are_folded_at_75_octets_and_never_within_a_character(workspace: Workspace) -> None:
    offer(workspace, text=SEMINAR.replace("at home", "zu Hause – " + "größer, schöner; " * 12))
    with workspace.database.read() as session:
        text = write_event(event_of(workspace, *session_named(session, "best-shot/evening")), "ann@example.com")
    lines = text.split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    assert "größer\\, schöner\\; " * 11 in text.replace("\r\n ", "")


@BOTH
def test_answers_are_counted_and_the_newest_counts(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    people = [make_customer(f"p{number}@example.com") for number in range(3)]
    offer(workspace)
    invite(workspace)
    uid = uid_of(workspace)
    assert reply(workspace, "p0@example.com", uid, "ACCEPTED").customer_id == people[0]
    reply(workspace, "p1@example.com", uid, "TENTATIVE")
    reply(workspace, "p2@example.com", uid, "ACCEPTED")
    clock.advance(hours=1)
    reply(workspace, "p2@example.com", uid, "DECLINED", 1)
    assert states(workspace) == {people[0]: "accepted", people[1]: "tentative", people[2]: "declined"}
    told = figures_of(workspace, "best-shot", who=True)["sessions"][0]
    assert [told[key] for key in ("invited", "accepted", "tentative", "declined", "waiting")] == [3, 1, 1, 1, 0]
    assert [guest["how"] for guest in told["guests"]] == ["calendar"] * 3


def test_a_complaint_in_the_comment_of_an_answer_becomes_a_case(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    offer(workspace)
    invite(workspace)
    uid = uid_of(workspace)
    thanks = reply(workspace, "bob@example.com", uid, "ACCEPTED", comment="Looking forward to it!")
    assert (thanks.machine, thanks.case_id) == (Machine.CALENDAR, None)
    said = "No: the pump leaks again\\, and nobody answers my mails. I want my money back!"
    angry = reply(workspace, "ann@example.com", uid, "DECLINED", comment=said)
    assert states(workspace) == {ann: "declined", bob: "accepted"}
    assert (angry.category, angry.customer_id) == (Category.COMPLAINT, ann)
    assert angry.text.startswith("No: the pump leaks again, and nobody")
    with workspace.database.read() as session:
        case = session.get_one(Case, angry.case_id)
        assert "the pump leaks" in case.summary
        reasons = [line for one in verdicts_of(session, angry.id or 0) for line in one.reasons]
    assert "best-shot/evening: declined" in reasons


def test_an_answer_to_a_session_of_somebody_else_changes_nothing(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com")
    offer(workspace)
    reply(workspace, "ann@example.com", "040000008200E00074C5B7101A82E008@outlook.example", "ACCEPTED")
    assert states(workspace) == {}


def test_who_comes_too_late_waits_and_gets_the_place_that_is_given_back(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    people = [make_customer(f"p{number}@example.com") for number in range(4)]
    offer(workspace)
    for person in people:
        says(workspace, person, SeatState.ACCEPTED)
        clock.advance(minutes=1)
    assert list(states(workspace).values()) == ["accepted", "accepted", "waiting", "waiting"]
    assert says(workspace, people[3], SeatState.ACCEPTED).endswith("waiting already")
    says(workspace, people[0], SeatState.DECLINED)
    assert list(states(workspace).values()) == ["declined", "accepted", "accepted", "waiting"]
    assert [subject.partition(":")[0] for subject in singles(workspace)] == [
        *["You are on the waiting list"] * 2,
        *["You have a place"] * 3,
    ]
    offer(workspace, evening="2026-12-10 18:00 for 45 minutes, 5 places")
    assert fill_places(workspace, "best-shot/evening") == 1
    assert list(states(workspace).values()) == ["declined", "accepted", "accepted", "accepted"]


@BOTH
def test_a_new_date_is_told_once_to_all_invited_who_did_not_decline(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    people = [
        make_customer(f"p{number}@example.com", language=code) for number, code in enumerate(["en", "en", "de-AT"])
    ]
    offer(workspace)
    invite(workspace)
    says(workspace, people[0], SeatState.DECLINED)
    assert changes_to_tell(workspace, "best-shot") == []
    before = uid_of(workspace)
    offer(workspace, evening="2026-12-11 19:00 for 45 minutes, 2 places")
    [change] = changes_to_tell(workspace, "best-shot")
    assert (change.invited, change.revision, change.cancelled) == (2, 1, False)
    assert f"{change.local:%a %H:%M}" == "Fri 19:00"
    assert tell_changes(workspace, change) == 2
    assert tell_changes(workspace, change) == 2
    assert singles(workspace) == ["Changed: Your best shot, at home", "Geändert: Your best shot, at home"]
    assert changes_to_tell(workspace, "best-shot") == []
    with workspace.database.read() as session:
        query = select(Delivery).where(Delivery.customer_id == people[1], col(Delivery.occasion).startswith("seminar"))
        row = session.exec(query).one()
    found = calendar_in(mail_of(workspace, row.edition_id, people[1]))
    assert (found["METHOD"], found["SEQUENCE"], found["UID"]) == ("METHOD:REQUEST", "SEQUENCE:1", f"UID:{before}")
    assert found["DTSTART"] == "DTSTART:20261211T180000Z"


def test_a_session_that_is_taken_out_is_cancelled_in_calendars(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    offer(workspace)
    invite(workspace)
    offer(workspace, text=SEMINAR.replace("  evening: {evening}\n", ""))
    [change] = changes_to_tell(workspace, "best-shot")
    assert change.cancelled and tell_changes(workspace, change) == 1
    with workspace.database.read() as session:
        row = session.exec(select(Delivery).where(col(Delivery.occasion).startswith("seminar"))).one()
    found = calendar_in(mail_of(workspace, row.edition_id, ann))
    assert (found["METHOD"], found["STATUS"]) == ("METHOD:CANCEL", "STATUS:CANCELLED")
    assert says(workspace, ann, SeatState.ACCEPTED).endswith("called off: nothing was noted")
    with pytest.raises(InputError, match="called off"):
        invite(workspace)


@BOTH
def test_guests_are_reminded_and_those_who_missed_it_get_the_recording(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    ann, ben, away = (make_customer(f"{name}@example.com") for name in ("ann", "ben", "away"))
    offer(workspace, evening="2026-12-10 18:00 for 45 minutes")
    for name, begins, when in (("remind", "", "3 hours before start"), ("recording", " missed", "at once")):
        path = workspace.root / f"{name}.md"
        path.write_text(
            f"---\nname: {name}\nlist: customers\nkind: service\nbegins: seminar best-shot{begins}\n---\n\n"
            f"---\nstep: mail\nwhen: {when}\nsubject: {name}\n---\nHello\n",
            encoding="utf-8",
        )
        apply_sequence(workspace, path)
        approve_sequence(workspace, name, "maria")
    for person in (ann, ben, away):
        says(workspace, person, SeatState.ACCEPTED)
    follow(workspace, clock, 8)
    says(workspace, away, SeatState.DECLINED)
    clock.now = datetime(2026, 12, 10, 13, 59, tzinfo=UTC)
    assert follow_sequences(workspace).mailed == 0
    clock.advance(minutes=2)
    assert follow_sequences(workspace).mailed == 2
    clock.advance(hours=6)
    present = workspace.root / "participants.csv"
    present.write_text("Name;E-Mail\nAnn;ann@example.com\nX;stranger@example.org\n", encoding="utf-8")
    done = import_attendance(workspace, "best-shot/evening", present)
    assert (done.found, done.noted, done.unknown) == (2, 1, ("stranger@example.org",))
    assert follow_sequences(workspace).mailed == 1
    with workspace.database.read() as session:
        last = session.exec(select(Delivery).order_by(col(Delivery.id).desc())).first()
    assert last is not None and last.customer_id == ben
    told = figures_of(workspace, "best-shot")["sessions"][0]
    assert (told["attended"], told["missed"]) == (1, 1)
    present.write_text("away@example.com\n", encoding="utf-8")
    import_attendance(workspace, "best-shot/evening", present)
    told = figures_of(workspace, "best-shot")["sessions"][0]
    assert (told["attended"], told["missed"]) == (2, 1), "whoever had declined and came took nobody's absence away"


def test_a_session_that_is_moved_moves_its_reminder(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    guest_to_remind(workspace, make_customer)
    assert follow_sequences(workspace).begun == 1
    offer(workspace, evening="2026-12-14 18:00 for 45 minutes, 2 places")
    clock.now = datetime(2026, 12, 10, 9, 1, tzinfo=UTC)
    assert follow_sequences(workspace).mailed == 0
    clock.now = datetime(2026, 12, 13, 9, 1, tzinfo=UTC)
    assert follow_sequences(workspace).mailed == 1


def test_the_plan_says_what_is_invited_to_and_whom_its_reminders_reach(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    ann, ben = make_customer("ann@example.com"), make_customer("ben@example.com")
    offer(workspace)
    path = workspace.root / "invite.md"
    path.write_text(INVITATION.format(session="evening"), encoding="utf-8")
    apply_campaign(workspace, path)

    def invites() -> list[str]:
        return [entry.invites for entry in read_agenda(workspace, days=20).entries if entry.campaign == "invite"]

    assert invites() == ["invites to best-shot/evening, Thu 10 Dec 2026 18:00 Europe/Berlin: 0 of 2 places are taken"]
    open_occasion(workspace, "invite")
    says(workspace, ann, SeatState.ACCEPTED)
    says(workspace, ben, SeatState.DECLINED)
    assert invites() == ["invites to best-shot/evening, Thu 10 Dec 2026 18:00 Europe/Berlin: 1 of 2 places are taken"]
    remind(workspace)
    [told] = read_agenda(workspace, days=20).sequences
    assert [(mail.step, f"{mail.day}", mail.people) for mail in told.mails] == [("mail", "2026-12-09", 1)]
    offer(workspace, evening="2026-12-14 18:00 for 45 minutes")
    assert invites() == ["invites to best-shot/evening, Mon 14 Dec 2026 18:00 Europe/Berlin: 1 come"]
    [told] = read_agenda(workspace, days=20).sequences
    assert [(mail.step, f"{mail.day}", mail.people) for mail in told.mails] == [("mail", "2026-12-13", 1)]
    offer(workspace, text=SEMINAR.replace("  evening: {evening}\n", ""))
    assert invites() == ["invites to best-shot/evening, Mon 14 Dec 2026 18:00 Europe/Berlin, which is cancelled"]
    [told] = read_agenda(workspace, days=20).sequences
    assert (told.begin, told.mails) == (0, ())


def test_what_cannot_be_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="is no session"):
        offer(workspace, evening="some evening")
    with pytest.raises(InputError, match=r"best-shot.md:6: sessions: evening: nobody could come on 0 places"):
        offer(workspace, evening="2026-12-10 18:00, 0 places")
    with pytest.raises(InputError, match="there is no 02:30 on 2027-03-28 in Europe/Berlin") as gap:
        offer(workspace, evening="2027-03-28 02:30")
    assert gap.value.remedy == "Write 03:00, or another hour"
    offer(workspace)
    with pytest.raises(NeedsPerson, match="not begun"):
        import_attendance(workspace, "best-shot/evening", workspace.root / "best-shot.md")
    with pytest.raises(UsageError, match=r"no session called best-shot/noon"):
        import_attendance(workspace, "best-shot/noon", workspace.root / "best-shot.md")
    path = workspace.root / "invite.md"
    path.write_text(INVITATION.format(session="noon"), encoding="utf-8")
    with pytest.raises(InputError, match="no session called"):
        apply_campaign(workspace, path)
    path.write_text(INVITATION.format(session="evening").replace("Hello", "[Save it]({{ calendar_url }})"), "utf-8")
    with pytest.raises(InputError, match="no public address"):
        apply_campaign(workspace, path)
    with workspace.database.read() as session:
        assert len(session.exec(select(SeminarSession)).all()) == 2
