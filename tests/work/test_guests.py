"""Guests of a seminar who change their mind, come late, are merged, or whom another answers for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlmodel import col, select

from outreach.records import Campaign, Delivery, SeatState, Sequence
from outreach.store.replies import verdicts_of
from outreach.work.doubts_ahead import doubts_ahead
from outreach.work.duplicates import merge
from outreach.work.erase import erase_customer
from outreach.work.seats import give_free_places, import_attendance
from outreach.work.seminars import changes_to_tell, figures_of, tell_changes
from outreach.work.sequence_plan import apply_sequence, approve_sequence
from outreach.work.sequence_preview import coming_mails, preview_sequence
from outreach.work.sequences import follow_sequences
from outreach.work.unmerge import undo_merge
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .test_seminars import (
    SEMINAR,
    apply_invitation,
    calendar_in,
    guest_to_remind,
    invite,
    mail_of,
    offer,
    plan,
    remind,
    reply,
    says,
    singles,
    states,
    uid_of,
)

MakeCustomer = Callable[..., int]


@BOTH
def test_whoever_comes_after_all_is_reminded(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    ann = guest_to_remind(workspace, make_customer)
    assert follow_sequences(workspace).begun == 1
    says(workspace, ann, SeatState.DECLINED)
    clock.now = datetime(2026, 12, 8, 9, 1, tzinfo=UTC)
    offer(workspace, evening="2026-12-10 19:00 for 45 minutes, 2 places")
    assert follow_sequences(workspace).left == 1
    says(workspace, ann, SeatState.ACCEPTED)
    follow_sequences(workspace)
    clock.now = datetime(2026, 12, 9, 9, 1, tzinfo=UTC)
    assert follow_sequences(workspace).mailed == 1


@BOTH
def test_a_session_that_is_put_on_again_reminds_its_guests(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    guest_to_remind(workspace, make_customer)
    follow_sequences(workspace)
    offer(workspace, text=SEMINAR.replace("  evening: {evening}\n", ""))
    clock.now = datetime(2026, 12, 9, 9, 1, tzinfo=UTC)
    assert follow_sequences(workspace).left == 1
    offer(workspace, evening="2026-12-14 18:00 for 45 minutes, 2 places")
    assert follow_sequences(workspace).mailed == 0
    clock.now = datetime(2026, 12, 13, 9, 1, tzinfo=UTC)
    assert follow_sequences(workspace).mailed == 1


def test_whoever_is_found_to_have_been_there_is_not_told_that_they_missed_it(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    for name in ("ann", "ben"):
        person = make_customer(f"{name}@example.com")
        offer(workspace)
        says(workspace, person, SeatState.ACCEPTED)
    path = workspace.root / "recording.md"
    path.write_text(
        "---\nname: recording\nlist: customers\nkind: service\nbegins: seminar best-shot missed\n---\n\n"
        "---\nstep: mail\nwhen: on day 1\nsubject: You missed it\n---\nHello\n",
        encoding="utf-8",
    )
    apply_sequence(workspace, path)
    approve_sequence(workspace, "recording", "maria")
    clock.now = datetime(2026, 12, 10, 19, tzinfo=UTC)
    present = workspace.root / "participants.csv"
    for name, begun in (("stranger", 2), ("ben", 0)):
        present.write_text(f"{name}@example.com\n", encoding="utf-8")
        import_attendance(workspace, "best-shot/evening", present)
        assert follow_sequences(workspace).begun == begun
    clock.now = datetime(2026, 12, 11, 10, tzinfo=UTC)
    counts = follow_sequences(workspace)
    assert (counts.mailed, counts.left) == (1, 1)


def test_a_place_given_back_after_the_session_is_nobodys(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    for number in range(3):
        make_customer(f"p{number}@example.com")
    offer(workspace)
    uid = uid_of(workspace)
    for number in range(3):
        reply(workspace, f"p{number}@example.com", uid, "ACCEPTED")
        clock.advance(minutes=1)
    assert list(states(workspace).values()) == ["accepted", "accepted", "waiting"]
    clock.now = datetime(2026, 12, 12, 9, tzinfo=UTC)
    reply(workspace, "p0@example.com", uid, "DECLINED", 1)
    assert [one.partition(":")[0] for one in singles(workspace)] == ["You are on the waiting list"]
    assert list(states(workspace).values()) == ["accepted", "accepted", "waiting"]


def test_whoever_gets_a_place_a_second_time_is_told_again(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    offer(workspace, "2026-12-10 18:00, 1 place")
    says(workspace, ann, SeatState.ACCEPTED)
    for person, state in (
        (ann, SeatState.DECLINED),
        (bob, SeatState.ACCEPTED),
        (ann, SeatState.ACCEPTED),
        (bob, SeatState.DECLINED),
    ):
        clock.advance(hours=1)
        says(workspace, person, state)
    assert states(workspace) == {ann: "accepted", bob: "declined"}
    with workspace.database.read() as session:
        told = session.exec(select(Delivery.customer_id).where(col(Delivery.occasion).contains(" place "))).all()
    assert sorted(told) == [ann, ann, bob]


def test_a_corrected_title_is_no_news_of_a_session_that_is_over(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com")
    offer(workspace)
    invite(workspace)
    clock.now = datetime(2026, 12, 12, 9, tzinfo=UTC)
    offer(workspace, text=SEMINAR.replace("at home", "in your kitchen"))
    assert [one.place for one in changes_to_tell(workspace, "best-shot")] == ["best-shot/later"]


def test_a_strangers_answer_to_a_forwarded_invitation_is_not_the_guests(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    offer(workspace)
    edition_id = invite(workspace)
    uid = uid_of(workspace)
    reply(workspace, "ann@example.com", uid, "ACCEPTED")
    answered = mail_of(workspace, edition_id, ann)["Message-ID"]
    told = reply(workspace, "friend@example.org", uid, "DECLINED", answers=answered)
    assert states(workspace) == {ann: "accepted"}
    with workspace.database.read() as session:
        reasons = [line for one in verdicts_of(session, told.id or 0) for line in one.reasons]
    assert "best-shot/evening: nobody knows whose answer it is" in reasons
    reply(workspace, "office@example.org", uid, "DECLINED", 1, answers=answered, attendee="ann@example.com")
    assert states(workspace) == {ann: "declined"}


@BOTH
def test_an_invitation_that_waits_says_where_its_session_is_by_then(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    offer(workspace)
    edition_id = plan(workspace)
    offer(workspace, evening="2026-12-11 19:00 for 45 minutes, 2 places")
    found = calendar_in(mail_of(workspace, edition_id, ann))
    assert (found["SEQUENCE"], found["DTSTART"]) == ("SEQUENCE:1", "DTSTART:20261211T180000Z")


@BOTH
def test_nobody_is_invited_any_more_to_a_session_that_was_called_off(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com")
    offer(workspace)
    plan(workspace)
    offer(workspace, text=SEMINAR.replace("  evening: {evening}\n", ""))
    with workspace.database.read() as session:
        assert session.exec(select(Campaign.state).where(Campaign.name == "invite")).one() == "paused"
    [told] = doubts_ahead(workspace, "seminar", ["best-shot"])["best-shot"]
    assert "evening is off, but invite still holds invitations to it: outreach campaigns cancel invite" in told


@BOTH
def test_a_file_that_invites_to_the_next_session_leaves_the_last_ones_guests_invited(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com")
    offer(workspace)
    invite(workspace)
    apply_invitation(workspace, "later")
    told = figures_of(workspace, "best-shot")["sessions"]
    assert [(one["session"], one["invited"]) for one in told] == [("evening", 1), ("later", 0)]
    offer(workspace, "2026-12-11 18:00", text=SEMINAR.replace("12-17 18:00", "12-17 19:00"))
    told = {one.place: (one.invited, tell_changes(workspace, one)) for one in changes_to_tell(workspace, "best-shot")}
    assert told == {"best-shot/evening": (1, 1), "best-shot/later": (0, 0)}


@BOTH
def test_a_place_of_somebody_who_is_erased_goes_to_who_waits(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    offer(workspace, "2026-12-10 18:00, 1 place")
    for person in (ann, bob):
        says(workspace, person, SeatState.ACCEPTED)
    assert give_free_places(workspace) == 0
    erase_customer(workspace, "ann@example.com", by="maria")
    assert give_free_places(workspace) == 1
    assert states(workspace) == {bob: "accepted"}
    clock.advance(days=30)
    assert give_free_places(workspace) == 0


@BOTH
def test_of_two_who_are_merged_the_newest_answer_counts_and_is_parted_again(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    work, home = make_customer("ann@work.example"), make_customer("ann@home.example")
    offer(workspace)
    says(workspace, work, SeatState.DECLINED)
    clock.advance(hours=1)
    says(workspace, home, SeatState.ACCEPTED)
    merge(workspace, "ann@work.example", "ann@home.example", by="maria")
    assert states(workspace) == {work: "accepted"}
    undo_merge(workspace, 1, by="maria")
    assert states(workspace) == {work: "declined", home: "accepted"}


def test_of_two_who_are_merged_whoever_was_there_was_there(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    work, home = make_customer("ann@work.example"), make_customer("ann@home.example")
    offer(workspace)
    says(workspace, home, SeatState.ACCEPTED)
    clock.advance(hours=1)
    says(workspace, work, SeatState.ACCEPTED)
    clock.now = datetime(2026, 12, 11, 9, tzinfo=UTC)
    present = workspace.root / "participants.csv"
    present.write_text("ann@home.example\n", encoding="utf-8")
    import_attendance(workspace, "best-shot/evening", present)
    merge(workspace, "ann@work.example", "ann@home.example", by="maria")
    told = figures_of(workspace, "best-shot")["sessions"][0]
    assert (told["attended"], told["missed"]) == (1, 0)


@BOTH
def test_a_preview_counts_the_guests_whom_reminders_reach(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, ben = (make_customer(f"{name}@example.com", subscribed=None) for name in ("ann", "ben"))
    away = make_customer("away@example.com")
    offer(workspace)
    remind(workspace)
    for person in (ann, ben, away):
        says(workspace, person, SeatState.ACCEPTED)
    follow_sequences(workspace)
    says(workspace, away, SeatState.DECLINED)
    assert preview_sequence(workspace, "remind").now == {"mail": 2}
    with workspace.database.read() as session:
        row = session.exec(select(Sequence)).one()
    assert [(one.step, one.people) for one in coming_mails(workspace, row, 14)] == [("mail", 2)]
