from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import col, select, update

from outreach.address import new_public_id
from outreach.errors import InputError, UsageError
from outreach.records import (
    Campaign,
    Channel,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Enrolment,
    EnrolmentState,
    Goal,
    Inbound,
    InboundState,
    SequenceState,
    Touch,
)
from outreach.store.accounts import account
from outreach.store.consents import subscribe, unsubscribe
from outreach.store.customers import list_id_of
from outreach.store.outbox import finish_editions
from outreach.work.duplicates import merge
from outreach.work.publish import open_occasion
from outreach.work.sequence_plan import apply_sequence, approve_sequence, change_sequence
from outreach.work.sequence_preview import coming_mails, preview_sequence
from outreach.work.sequences import SequenceCounts, follow_sequences
from outreach.work.unmerge import undo_merge
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .planning_kit import complain

MakeCustomer = Callable[..., int]
HEAD = "---\nname: welcome\nlist: customers\nkind: {kind}\nbegins: {begins}\n{more}---\n\n"
HELLO = "---\nstep: hello\nwhen: at once\nsubject: Welcome\n---\nHello {{ first_name or 'there' }},\n\n"
TIPS = "---\nstep: tips\nwhen: 2 days after hello\nsubject: Three tips\n---\nDo this.\n"


def write(workspace: Workspace, *steps: str, begins: str = "signup", kind: str = "tips", **more: str) -> None:
    lines = "".join(f"{key}: {value}\n" for key, value in more.items())
    text = HEAD.format(begins=begins, more=lines, kind=kind) + "\n".join(steps or (HELLO, TIPS))
    path = workspace.root / "welcome.md"
    path.write_text(text, encoding="utf-8")
    apply_sequence(workspace, path)


def start(workspace: Workspace, *steps: str, **lines: str) -> None:
    write(workspace, *steps, **lines)
    approve_sequence(workspace, "welcome", "maria")


def join(workspace: Workspace, customer_id: int, how: str = "form") -> None:
    with workspace.database.write() as session:
        list_id = list_id_of(session, "customers")
        assert list_id is not None
        subscribe(session, customer_id=customer_id, list_id=list_id, at=workspace.clock(), how=how, evidence="test")


def mails(workspace: Workspace) -> list[tuple[str, str, str]]:
    """(step, occasion, state) of every mail of the sequence, in order."""
    query = select(Campaign.name, Delivery.occasion, Delivery.state).join(Delivery).order_by(col(Delivery.id))
    with workspace.database.read() as session:
        return [(name.partition("/")[2], occasion, state.value) for name, occasion, state in session.exec(query)]


def send_all(workspace: Workspace, state: DeliveryState = DeliveryState.SENT) -> None:
    now = workspace.clock()
    with workspace.database.write() as session:
        session.execute(
            update(Delivery)
            .where(col(Delivery.state) == DeliveryState.QUEUED)
            .values(state=state, sent_at=now if state is DeliveryState.SENT else None, settled_at=now)
        )
        finish_editions(session, session.exec(select(col(Edition.id))).all(), now)  # type: ignore[arg-type]


def follow(workspace: Workspace, clock: HandClock, days: float) -> None:
    """Let so many days pass, with a round and a sending every six hours."""
    for _ in range(int(days * 4)):
        clock.advance(hours=6)
        follow_sequences(workspace)
        send_all(workspace)


def where(workspace: Workspace) -> list[tuple[EnrolmentState, str]]:
    with workspace.database.read() as session:
        return [(one.state, one.reason) for one in session.exec(select(Enrolment).order_by(col(Enrolment.id)))]


def reply(workspace: Workspace, customer_id: int) -> None:
    """An answer of this customer to the last mail they had."""
    with workspace.database.write() as session:
        query = (
            select(col(Delivery.id)).where(col(Delivery.customer_id) == customer_id).order_by(col(Delivery.id).desc())
        )
        session.add(
            Inbound(
                public_id=new_public_id(),
                channel=Channel.EMAIL,
                state=InboundState.READ,
                received_at=workspace.clock(),
                stored_at=workspace.clock(),
                content_hash=new_public_id(),
                raw=b"x",
                customer_id=customer_id,
                delivery_id=session.exec(query).first(),
            )
        )


@BOTH
def test_whoever_signs_up_goes_through_the_steps_once_each(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    old = make_customer("old@example.com")
    start(workspace)
    join(workspace, make_customer("ann@example.com", subscribed=None))
    join(workspace, make_customer("imported@example.com", subscribed=None), how="import")
    assert follow_sequences(workspace) == SequenceCounts(begun=1, mailed=1)
    assert follow_sequences(workspace) == SequenceCounts()
    assert mails(workspace) == [("hello", "signup", "queued")]
    send_all(workspace)
    follow(workspace, clock, 10)
    assert mails(workspace) == [("hello", "signup", "sent"), ("tips", "signup", "sent")]
    assert where(workspace) == [(EnrolmentState.FINISHED, "")]
    with workspace.database.read() as session:
        assert session.exec(select(Delivery).where(Delivery.customer_id == old)).first() is None


@BOTH
def test_people_join_one_edition_a_day_and_its_account_adds_up(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    start(workspace)
    for number in range(3):
        join(workspace, make_customer(f"p{number}@example.com", subscribed=None))
        follow_sequences(workspace)
        send_all(workspace)
        clock.advance(minutes=5)
    with workspace.database.read() as session:
        [edition] = session.exec(select(Edition)).all()
        assert (edition.planned, edition.state) == (3, EditionState.DONE)
        assert edition.id is not None
        [told] = account(session, edition.campaign_id)
    assert told.adds_up


def test_a_step_waits_until_the_one_before_has_gone(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    start(workspace)
    join(workspace, make_customer("ann@example.com", subscribed=None))
    for _ in range(8):
        follow_sequences(workspace)
        clock.advance(hours=12)
    assert mails(workspace) == [("hello", "signup", "queued")]
    send_all(workspace)
    follow(workspace, clock, 3)
    assert [step for step, _, _ in mails(workspace)] == ["hello", "tips"]


def test_a_changed_step_never_goes_again_to_whoever_had_it(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    start(workspace)
    join(workspace, make_customer("ann@example.com", subscribed=None))
    follow_sequences(workspace)
    send_all(workspace)
    clock.advance(minutes=10)
    start(workspace, HELLO.replace("Welcome", "A better welcome"), TIPS)
    join(workspace, make_customer("ben@example.com", subscribed=None))
    follow_sequences(workspace)
    assert [step for step, _, _ in mails(workspace)] == ["hello", "hello"]
    with workspace.database.read() as session:
        found = session.exec(select(Edition).order_by(col(Edition.id))).all()
    assert [(one.subject, one.occasion) for one in found] == [
        ("Welcome", "2026-12-01"),
        ("A better welcome", "2026-12-01+2"),
    ]


@BOTH
def test_a_step_that_one_of_two_has_had_does_not_come_again_to_who_they_are_together(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    """Who signed up with a slip, and days later with the right address, got all the steps a second time."""
    slip = make_customer("ann@gmial.com", subscribed=None)
    start(workspace, HELLO, TIPS + "\n", "---\nstep: last\nwhen: 3 days after tips\nsubject: The end\n---\nBye.\n")
    join(workspace, slip)
    follow(workspace, clock, 4)
    ann = make_customer("ann@gmail.com", subscribed=None)
    join(workspace, ann)
    follow(workspace, clock, 0.25)
    assert [step for step, _, _ in mails(workspace)] == ["hello", "tips", "hello"]
    merge(workspace, "ann@gmail.com", "ann@gmial.com", by="maria")
    follow(workspace, clock, 0.25)
    undo_merge(workspace, 1, by="maria")
    with workspace.database.read() as session:
        ways = {one.customer_id: sorted(one.done) for one in session.exec(select(Enrolment))}
    assert ways == {slip: ["hello", "tips"], ann: ["hello"]}
    merge(workspace, "ann@gmail.com", "ann@gmial.com", by="maria")
    follow(workspace, clock, 6)
    assert [step for step, _, _ in mails(workspace)] == ["hello", "tips", "hello", "last"]
    assert where(workspace) == [(EnrolmentState.FINISHED, "")]


def test_a_draft_sends_nothing_and_its_preview_names_who_would_get_what(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    start(workspace)
    ann = make_customer("ann@example.com", subscribed=None)
    join(workspace, ann)
    follow_sequences(workspace)
    send_all(workspace)
    follow(workspace, clock, 6)
    assert where(workspace) == [(EnrolmentState.FINISHED, "")]
    more = "---\nstep: more\nwhen: on day 9\nsubject: And more\n---\nMore.\n"
    write(workspace, HELLO, TIPS, more)
    follow(workspace, clock, 1)
    assert len(mails(workspace)) == 2
    found = preview_sequence(workspace, "welcome")
    assert found.draft
    assert (found.now, found.then) == ({}, {"more": 1})
    assert found.new["more"].named == [("ann@example.com", datetime(2026, 12, 10, 9, tzinfo=UTC))]
    done = approve_sequence(workspace, "welcome", "maria")
    assert (done.added, done.changed, done.removed) == (("more",), (), ())
    follow(workspace, clock, 10)
    assert [step for step, _, _ in mails(workspace)] == ["hello", "tips", "more"]


def test_a_step_put_before_those_that_people_had_is_new_for_nobody_of_them(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    start(workspace)
    join(workspace, make_customer("ann@example.com", subscribed=None))
    follow_sequences(workspace)
    send_all(workspace)
    follow(workspace, clock, 4)
    write(workspace, HELLO, "---\nstep: between\nwhen: on day 1\nsubject: B\n---\nB\n", TIPS)
    assert preview_sequence(workspace, "welcome").new == {}
    approve_sequence(workspace, "welcome", "maria")
    follow(workspace, clock, 4)
    assert [step for step, _, _ in mails(workspace)] == ["hello", "tips"]


def test_a_preview_of_a_first_draft_counts_who_would_begin(workspace: Workspace, make_customer: MakeCustomer) -> None:
    write(workspace, begins="date joined", starting="2026-11-25")
    for number in range(3):
        make_customer(f"p{number}@example.com", attributes={"joined": "2026-12-01"})
    make_customer("long@example.com", attributes={"joined": "2020-01-01"})
    assert follow_sequences(workspace) == SequenceCounts()
    found = preview_sequence(workspace, "welcome")
    assert found.begin == 3
    assert found.new["hello"].people == found.new["tips"].people == 3


@BOTH
def test_an_anniversary_comes_each_year_also_for_the_29th_of_february(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    make_customer("leap@example.com", attributes={"born": "2000-02-29"})
    start(
        workspace,
        "---\nstep: cake\nwhen: on the day\nsubject: Happy birthday\n---\nAll the best!\n",
        begins="each year on born",
    )
    clock.now = datetime(2027, 2, 26, 12, tzinfo=UTC)
    follow(workspace, clock, 6)
    assert mails(workspace) == [("cake", "2027", "sent")]
    clock.now = datetime(2028, 2, 26, 12, tzinfo=UTC)
    follow(workspace, clock, 6)
    assert mails(workspace) == [("cake", "2027", "sent"), ("cake", "2028", "sent")]
    with workspace.database.read() as session:
        days = [one.day for one in session.exec(select(Enrolment).order_by(col(Enrolment.id)))]
    assert days == [date(2027, 2, 28), date(2028, 2, 29)]


def test_days_before_an_anniversary_are_foreseen(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", attributes={"renewal": "2025-12-20"})
    start(
        workspace, "---\nstep: soon\nwhen: on day -7\nsubject: In a week\n---\nSoon.\n", begins="each year on renewal"
    )
    follow(workspace, clock, 11)
    assert mails(workspace) == []
    follow(workspace, clock, 2)
    assert mails(workspace) == [("soon", "2026", "sent")]


@BOTH
def test_an_answer_brings_the_step_that_waits_for_it_and_an_order_ends_it(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    asked = "---\nstep: more\nwhen: 1 hour after replied hello, within 10 days\nsubject: Since you asked\n---\nMore.\n"
    start(workspace, HELLO, asked, "---\nstep: last\nwhen: on day 8\nsubject: Last\n---\nLast.\n", exits="[goal order]")
    ann, ben = (make_customer(f"{name}@example.com", subscribed=None) for name in ("ann", "ben"))
    for person in (ann, ben):
        join(workspace, person)
    follow_sequences(workspace)
    send_all(workspace)
    follow(workspace, clock, 2)
    reply(workspace, ann)
    follow(workspace, clock, 1)
    assert [step for step, _, _ in mails(workspace)] == ["hello", "hello", "more"]
    with workspace.database.write() as session:
        session.add(Goal(key="1", customer_id=ann, name="order", at=workspace.clock()))
    follow(workspace, clock, 12)
    assert Counter(step for step, _, _ in mails(workspace)) == {"hello": 2, "more": 1, "last": 1}
    assert where(workspace)[0] == (EnrolmentState.LEFT, "goal order")
    assert where(workspace)[1][0] is EnrolmentState.FINISHED


def test_a_click_brings_the_step_that_waits_for_it(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    more = "---\nstep: more\nwhen: after clicked hello, within 3 days\nsubject: More\n---\nMore.\n"
    start(workspace, HELLO, more)
    ann, ben, scanned = (make_customer(f"{name}@example.com", subscribed=None) for name in ("ann", "ben", "scanned"))
    for person in (ann, ben, scanned):
        join(workspace, person)
    follow_sequences(workspace)
    send_all(workspace)
    clock.advance(hours=5)
    follow_sequences(workspace)
    with workspace.database.write() as session:
        for row in session.exec(select(Delivery).where(col(Delivery.customer_id).in_((ann, scanned)))):
            at = workspace.clock()
            person_at = at if row.customer_id == ann else None
            touch = {"delivery_id": row.id, "edition_id": row.edition_id, "number": 1, "first_at": at, "last_at": at}
            session.add(Touch(**touch, person_at=person_at))
    follow(workspace, clock, 5)
    assert Counter(step for step, _, _ in mails(workspace)) == {"hello": 3, "more": 1}


def test_an_open_complaint_holds_a_sequences_offer_as_it_holds_any(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    start(workspace, kind="offer")
    ann = make_customer("ann@example.com", subscribed=None)
    join(workspace, ann)
    complain(workspace, ann)
    follow_sequences(workspace)
    assert mails(workspace) == [("hello", "signup", "withheld")]


def test_whoever_unsubscribes_leaves(workspace: Workspace, clock: HandClock, make_customer: MakeCustomer) -> None:
    start(workspace)
    ann = make_customer("ann@example.com", subscribed=None)
    join(workspace, ann)
    follow_sequences(workspace)
    send_all(workspace)
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=ann, list_id=None, at=workspace.clock(), how="page", evidence="x")
    follow(workspace, clock, 4)
    assert mails(workspace) == [("hello", "signup", "sent")]
    assert where(workspace) == [(EnrolmentState.LEFT, "is not on the list any more")]


def test_a_paused_sequence_sends_nothing_and_one_that_ended_never_will(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    start(workspace)
    join(workspace, make_customer("ann@example.com", subscribed=None))
    assert change_sequence(workspace, "welcome", SequenceState.PAUSED)
    assert follow_sequences(workspace) == SequenceCounts()
    assert change_sequence(workspace, "welcome", SequenceState.RUNNING)
    assert follow_sequences(workspace) == SequenceCounts(begun=1, mailed=1)
    assert change_sequence(workspace, "welcome", SequenceState.ENDED)
    follow(workspace, clock, 3)
    assert [step for step, _, _ in mails(workspace)] == ["hello"]
    assert not change_sequence(workspace, "welcome", SequenceState.ENDED)


def test_those_who_were_silent_are_asked_once(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    quiet, lively = make_customer("quiet@example.com"), make_customer("lively@example.com")
    start(workspace, HELLO, begins="quiet 30 days")
    from .planning_kit import make_campaign, make_edition, make_sent

    clock.advance(days=40)
    edition = make_edition(workspace, make_campaign(workspace, "news"))
    for person in (quiet, lively):
        make_sent(workspace, edition, person, workspace.clock())
    clock.advance(days=1)
    reply(workspace, lively)
    follow(workspace, clock, 20)
    assert [(step, state) for step, _, state in mails(workspace) if step == "hello"] == [("hello", "sent")]


def test_each_order_begins_again_but_not_one_of_the_same_days(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    start(workspace, begins="every goal order")
    for number, days in enumerate((0, 1, 20)):
        with workspace.database.write() as session:
            session.add(
                Goal(key=str(number), customer_id=ann, name="order", at=workspace.clock() + timedelta(days=days))
            )
    follow(workspace, clock, 30)
    assert Counter(occasion for _, occasion, _ in mails(workspace)) == {"goal order 1": 2, "goal order 3": 2}


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        (HEAD.format(begins="sometimes", more="", kind="tips") + HELLO, "begins: 'sometimes' does not say", 5),
        (
            HEAD.format(begins="signup", more="", kind="tips") + HELLO.replace("at once", "3 days after nobody"),
            "nobody",
            10,
        ),
        (HEAD.format(begins="signup", more="exits: [bored]\n", kind="tips") + HELLO, "bored", 6),
        (HEAD.format(begins="signup", more="", kind="tips") + HELLO + HELLO, "two steps", 16),
        (HEAD.format(begins="signup", more="", kind="tips"), "no steps", 1),
        (HEAD.format(begins="signup", more="", kind="tips") + HELLO.replace("subject", "sujet"), "sujet", 11),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    workspace: Workspace, text: str, words: str, line: int
) -> None:
    path = workspace.root / "welcome.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words) as told:
        apply_sequence(workspace, path)
    assert told.value.line == line


def test_a_step_is_no_campaign_that_one_sends_by_hand(workspace: Workspace, make_customer: MakeCustomer) -> None:
    start(workspace)
    with pytest.raises(UsageError, match="step of a sequence"):
        open_occasion(workspace, "welcome/hello")
    ann = make_customer("ann@example.com", subscribed=None)
    join(workspace, ann)
    follow_sequences(workspace)
    told = explain_person(workspace, "ann@example.com", "welcome/hello")
    assert ("sequence", "yes") in [(rule.rule, rule.answer) for rule in told.rules]
    waits = explain_person(workspace, "ann@example.com", "welcome/tips")
    assert ("sequence", "later") in [(rule.rule, rule.answer) for rule in waits.rules]


def test_what_is_to_come_is_counted_by_step_and_day(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    from outreach.store.sequences import find_sequence

    start(workspace)
    join(workspace, make_customer("ann@example.com", subscribed=None))
    follow_sequences(workspace)
    send_all(workspace)
    with workspace.database.read() as session:
        row = find_sequence(session, "welcome")
    assert row is not None
    assert [(one.step, one.day, one.people) for one in coming_mails(workspace, row, 7)] == [("tips", "2026-12-03", 1)]


@BOTH
def test_what_brought_somebody_in_does_not_end_it_and_the_next_one_does(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    start(workspace, begins="goal order", exits="[goal order]")
    with workspace.database.write() as session:
        session.add(Goal(key="1", customer_id=ann, name="order", at=workspace.clock()))
    follow_sequences(workspace)
    send_all(workspace)
    assert [step for step, _, _ in mails(workspace)] == ["hello"]
    clock.advance(days=1)
    with workspace.database.write() as session:
        session.add(Goal(key="2", customer_id=ann, name="order", at=workspace.clock()))
    clock.advance(days=2)
    assert follow_sequences(workspace).left == 1
    assert [step for step, _, _ in mails(workspace)] == ["hello"]
