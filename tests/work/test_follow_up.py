"""What follows from a reply: its case, its holds and boosts with reasons; reviews put right what cues got wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from outreach.plan.holds import is_open
from outreach.records import (
    Boost,
    Case,
    CaseEntry,
    CaseEvent,
    CaseState,
    Category,
    Channel,
    Customer,
    EntryKind,
    Hold,
    HoldState,
    Inbound,
    Machine,
    Notice,
    NoticeKind,
    Step,
    Urgency,
)
from outreach.work.answer import answer, answer_case
from outreach.work.casework import move_case
from outreach.work.follow_up import after_answer, after_close, after_reopen, after_review, follow_up
from outreach.work.people import add_colleague
from outreach.work.workspace import Workspace

from ..cases.make import follow as follow_inbound
from ..cases.make import receive, review, write_inbound
from ..conftest import HandClock, MakeCustomer
from ..web.make import make_edition


@pytest.fixture
def ann(make_customer: MakeCustomer) -> int:
    return make_customer("ann@example.com", first_name="Ann")


def the_case(workspace: Workspace, case_id: int | None) -> Case:
    assert case_id is not None
    with workspace.database.read() as session:
        return session.get_one(Case, case_id)


def holds(workspace: Workspace, state: HoldState | None = None) -> set[tuple[str, str]]:
    with workspace.database.read() as session:
        found = session.exec(select(Hold)).all()
    now = workspace.clock()
    return {(each.scope, each.topic) for each in found if is_open(each, now) and state in (None, each.state)}


def do(workspace: Workspace, case_id: int | None, event: CaseEvent, *, by: str = "maria") -> None:
    assert case_id is not None
    with workspace.database.write() as session:
        case = session.get_one(Case, case_id)
        now = workspace.clock()
        move_case(session, workspace, case, event, at=now, by=by)
        if event is CaseEvent.ANSWER:
            after_answer(session, workspace, case, now, by=by)
        elif event is CaseEvent.REOPEN:
            after_reopen(session, workspace, case, now, by=by)
        elif event in (CaseEvent.RESOLVE, CaseEvent.CONFIRM, CaseEvent.DISMISS):
            after_close(session, workspace, case, now, by=by)


def reviewed(workspace: Workspace, inbound_id: int, category: Category, **fields: object) -> int | None:
    review(workspace, inbound_id, category, **fields)
    with workspace.database.write() as session:
        return after_review(session, workspace, inbound_id, workspace.clock())


def test_a_complaint_opens_a_case_and_holds_promotion_with_a_reason(workspace: Workspace, ann: int) -> None:
    version = _version(workspace, ann)
    case = the_case(workspace, receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",)))
    assert (case.state, case.category, case.topic) == (CaseState.NEW, Category.COMPLAINT, "charging")
    assert case.opened_at == workspace.clock()
    assert case.due_at > case.opened_at
    assert holds(workspace, HoldState.SUGGESTED) == {("promotion", ""), ("tips", "charging")}
    with workspace.database.read() as session:
        step = session.exec(select(Step)).first()
    assert step is not None
    assert step.reason
    assert "does not work" in str(step.evidence)
    assert _version(workspace, ann) > version, "mail already claimed must be judged again (I8)"


def test_a_question_opens_a_case_and_holds_nothing(workspace: Workspace, ann: int) -> None:
    assert the_case(workspace, receive(workspace, Category.QUESTION, customer_id=ann)).category is Category.QUESTION
    assert holds(workspace) == set()


@pytest.mark.parametrize("category", [Category.THANKS, Category.OTHER, Category.CHANGE_OF_DATA, None])
def test_what_needs_no_answer_makes_no_case(workspace: Workspace, ann: int, category: Category | None) -> None:
    assert receive(workspace, category, customer_id=ann) is None


def test_a_machines_mail_makes_no_case_whatever_it_says(workspace: Workspace, ann: int) -> None:
    assert receive(workspace, Category.COMPLAINT, customer_id=ann, machine=Machine.AUTO_REPLY) is None
    assert holds(workspace) == set()


def test_following_up_the_same_message_twice_changes_nothing(workspace: Workspace, ann: int) -> None:
    inbound_id = write_inbound(workspace, Category.COMPLAINT, customer_id=ann)
    assert follow_inbound(workspace, inbound_id) == follow_inbound(workspace, inbound_id)
    with workspace.database.read() as session:
        assert len(session.exec(select(CaseEntry)).all()) == 1


def test_a_second_message_on_the_same_topic_is_added_and_leaves_age_and_due_time(
    workspace: Workspace, ann: int, clock: HandClock
) -> None:
    first = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    before = the_case(workspace, first)
    clock.advance(hours=3)
    assert receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",), text="Still?") == first
    after = the_case(workspace, first)
    assert (after.opened_at, after.due_at) == (before.opened_at, before.due_at)
    with workspace.database.read() as session:
        assert [entry.text for entry in session.exec(select(CaseEntry))] == ["It does not work.", "Still?"]


def test_another_topic_or_another_person_is_another_case(
    workspace: Workspace, ann: int, make_customer: MakeCustomer
) -> None:
    bob = make_customer("bob@example.com")
    cases = {
        receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",)),
        receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("billing",)),
        receive(workspace, Category.COMPLAINT, customer_id=bob, topics=("charging",)),
    }
    assert len(cases) == 3


def test_a_question_grown_into_an_urgent_complaint_is_due_sooner(
    workspace: Workspace, ann: int, clock: HandClock
) -> None:
    case_id = receive(workspace, Category.QUESTION, customer_id=ann, topics=("charging",))
    before = the_case(workspace, case_id)
    clock.advance(hours=1)
    receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",), urgency=Urgency.HIGH)
    after = the_case(workspace, case_id)
    assert (after.category, after.urgency) == (Category.COMPLAINT, Urgency.HIGH)
    assert after.due_at < before.due_at
    assert after.opened_at == before.opened_at


def test_somebody_who_is_no_customer_gets_a_case_of_their_own_and_no_hold(workspace: Workspace) -> None:
    mention = {"channel": Channel.MENTION, "sender": "", "handle": "@Zoe", "topics": ("charging",)}
    first = receive(workspace, Category.COMPLAINT, **mention)
    assert first is not None
    assert receive(workspace, Category.COMPLAINT, **{**mention, "handle": "@zoe"}) == first
    assert receive(workspace, Category.COMPLAINT, **{**mention, "handle": "@kim"}) != first
    assert holds(workspace) == set()


def test_an_answer_frees_the_tips_and_brings_the_topic_forward(workspace: Workspace, ann: int) -> None:
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    do(workspace, case_id, CaseEvent.ANSWER)
    assert holds(workspace) == {("promotion", "")}
    with workspace.database.read() as session:
        boost = session.exec(select(Boost)).one()
    assert (boost.customer_id, boost.topic, boost.used_at) == (ann, "charging", None)


def test_a_customer_is_never_told_that_they_wrote_what_a_stranger_did(workspace: Workspace, ann: int) -> None:
    case_id = receive(
        workspace,
        Category.QUESTION,
        customer_id=ann,
        topics=("charging",),
        sender="sam@example.net",
        flagged="forwarded",
    )
    do(workspace, case_id, CaseEvent.ANSWER)
    with workspace.database.read() as session:
        assert session.exec(select(Boost)).all() == []
    assert receive(workspace, Category.QUESTION, customer_id=ann, topics=("charging",)) == case_id
    do(workspace, case_id, CaseEvent.ANSWER)
    with workspace.database.read() as session:
        assert session.exec(select(Boost)).one().topic == "charging"


def test_solving_lifts_the_holds_and_reopening_holds_again(workspace: Workspace, ann: int, clock: HandClock) -> None:
    inbound_id = write_inbound(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    case_id = follow_inbound(workspace, inbound_id)
    reviewed(workspace, inbound_id, Category.COMPLAINT)
    do(workspace, case_id, CaseEvent.RESOLVE)
    assert holds(workspace) == set()
    clock.advance(hours=1)
    do(workspace, case_id, CaseEvent.REOPEN)
    assert ("promotion", "") in holds(workspace, HoldState.CONFIRMED)


def test_writing_again_about_a_solved_matter_reopens_it(workspace: Workspace, ann: int, clock: HandClock) -> None:
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    do(workspace, case_id, CaseEvent.RESOLVE)
    clock.advance(days=1)
    assert receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",)) == case_id
    case = the_case(workspace, case_id)
    assert (case.state, case.reopened) == (CaseState.OPEN, 1)
    assert ("promotion", "") in holds(workspace)


@pytest.mark.parametrize(
    ("category", "text", "reopens"),
    [
        (Category.OTHER, "Hmm nein, heute früh steht wieder Wasser unter dem Gerät.", True),
        (Category.CHANGE_OF_DATA, "Send it to 14 Mill Lane instead.", True),
        (Category.OTHER, "Ok, alles klar", False),
        (Category.OTHER, "", False),
        (Category.UNSUBSCRIBE, "Please take me off your list.", False),
        (
            Category.UNSUBSCRIBE,
            "Unsubscribe me from this newsletter, and tell me at last when somebody comes to mend it.",
            True,
        ),
    ],
)
def test_what_nobody_understood_reopens_the_solved_case_that_it_answers(
    workspace: Workspace, ann: int, category: Category, text: str, reopens: bool
) -> None:
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    assert case_id is not None
    answer(workspace, case_id, "A new cable is on its way.", "maria", then=CaseEvent.RESOLVE)
    with workspace.database.read() as session:
        answered = session.exec(select(CaseEntry.delivery_id).where(CaseEntry.kind == EntryKind.ANSWER)).one()
    assert receive(workspace, category, customer_id=ann, text=text, delivery_id=answered) == case_id
    assert the_case(workspace, case_id).state is (CaseState.OPEN if reopens else CaseState.SOLVED)


def test_who_asks_for_their_data_gets_a_case_and_nothing_is_held(workspace: Workspace, ann: int) -> None:
    moved = receive(workspace, Category.CHANGE_OF_DATA, customer_id=ann, text="We have moved to 14 Mill Lane.")
    assert moved is None
    asked = write_inbound(workspace, Category.CHANGE_OF_DATA, customer_id=ann, urgency=Urgency.RAISED)
    case = the_case(workspace, follow_inbound(workspace, asked))
    assert (case.category, case.urgency) == (Category.QUESTION, Urgency.RAISED)
    assert holds(workspace) == set()
    reviewed(workspace, asked, Category.CHANGE_OF_DATA, urgency=Urgency.RAISED)
    assert the_case(workspace, case.id).state is CaseState.NEW
    reviewed(workspace, asked, Category.THANKS)
    assert the_case(workspace, case.id).state is CaseState.DISMISSED


def test_a_photo_without_a_word_reopens_a_solved_case_too(workspace: Workspace, ann: int) -> None:
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    assert case_id is not None
    answer(workspace, case_id, "A new cable is on its way.", "maria", then=CaseEvent.RESOLVE)
    with workspace.database.read() as session:
        answered = session.exec(select(CaseEntry.delivery_id).where(CaseEntry.kind == EntryKind.ANSWER)).one()
    photo = [{"name": "IMG_2231.jpg", "media_type": "image/jpeg", "size": 3000}]
    receive(workspace, Category.OTHER, customer_id=ann, text="", delivery_id=answered, attachments=photo)
    assert the_case(workspace, case_id).state is CaseState.OPEN


def test_the_owner_is_told_once_when_the_customer_writes_after_our_answer(workspace: Workspace, ann: int) -> None:
    add_colleague(workspace, "maria", {"mail": "maria@acme.example"})
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    assert case_id is not None
    answer_case(workspace, case_id, "Which cable is it?", "tom")
    for text in ("The white one. It still fails.", "Sorry, the grey one. It still fails."):
        receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",), text=text)
    with workspace.database.read() as session:
        told = session.exec(select(Notice.words).where(Notice.kind == NoticeKind.BACK)).all()
    assert list(told) == ["The white one. It still fails."]


def test_thanks_are_noted_in_a_solved_case_but_confirm_nothing(workspace: Workspace, ann: int) -> None:
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    do(workspace, case_id, CaseEvent.RESOLVE)
    assert receive(workspace, Category.THANKS, customer_id=ann, text="It works now!") == case_id
    assert the_case(workspace, case_id).state is CaseState.SOLVED
    with workspace.database.read() as session:
        notes = [entry.text for entry in session.exec(select(CaseEntry)) if "confirm" in entry.text]
    assert notes == [f"the customer says thanks: if that is a yes, `outreach cases confirm {case_id}`"]


def test_thanks_after_our_answer_say_how_to_close_the_case_and_close_nothing(workspace: Workspace, ann: int) -> None:
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    assert case_id is not None
    receive(workspace, Category.THANKS, customer_id=ann, text="Thanks for looking into it")
    answer_case(workspace, case_id, "A new cable is on its way.", "maria")
    receive(workspace, Category.THANKS, customer_id=ann, text="It came, all good now, thanks!")
    assert the_case(workspace, case_id).state is CaseState.OPEN
    with workspace.database.read() as session:
        notes = [entry.text for entry in session.exec(select(CaseEntry)) if entry.kind is EntryKind.NOTE]
    assert notes == [f"the customer says thanks: if it is solved, `outreach cases resolve {case_id}`"]


def test_a_suggested_hold_lapses_after_two_business_days_and_a_confirmed_one_stays(
    workspace: Workspace, ann: int, make_customer: MakeCustomer, clock: HandClock
) -> None:
    bob = make_customer("bob@example.com")
    receive(workspace, Category.COMPLAINT, customer_id=ann)
    inbound_id = write_inbound(workspace, Category.COMPLAINT, customer_id=bob)
    follow_inbound(workspace, inbound_id)
    reviewed(workspace, inbound_id, Category.COMPLAINT)
    clock.advance(days=2)
    assert follow_up(workspace)["lapsed"] == []
    clock.advance(hours=12)
    assert follow_up(workspace)["lapsed"] == [ann]
    assert holds(workspace) == {("promotion", "")}
    assert follow_up(workspace) == {"lapsed": [], "lost_answers": [], "corrections": [], "thanks_asked": []}


def test_a_review_that_finds_no_complaint_dismisses_the_case_and_lifts_the_holds(
    workspace: Workspace, ann: int
) -> None:
    inbound_id = write_inbound(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    case_id = follow_inbound(workspace, inbound_id)
    reviewed(workspace, inbound_id, Category.THANKS)
    assert the_case(workspace, case_id).state is CaseState.DISMISSED
    assert holds(workspace) == set()
    reviewed(workspace, inbound_id, Category.COMPLAINT)
    assert the_case(workspace, case_id).state is CaseState.OPEN, "corrected back: the case lives again"
    assert ("promotion", "") in holds(workspace, HoldState.CONFIRMED)


def test_a_review_that_finds_a_question_keeps_the_case_without_holds(workspace: Workspace, ann: int) -> None:
    inbound_id = write_inbound(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    case_id = follow_inbound(workspace, inbound_id)
    reviewed(workspace, inbound_id, Category.QUESTION, topics=("billing",), urgency=Urgency.HIGH)
    case = the_case(workspace, case_id)
    assert (case.state, case.category, case.topic) == (CaseState.NEW, Category.QUESTION, "billing")
    assert case.urgency is Urgency.HIGH
    assert case.due_at == workspace.clock() + timedelta(hours=4)
    assert holds(workspace) == set()


def test_a_review_opens_the_case_that_the_cues_missed(workspace: Workspace, ann: int) -> None:
    inbound_id = write_inbound(workspace, Category.OTHER, customer_id=ann)
    assert follow_inbound(workspace, inbound_id) is None
    case = the_case(workspace, reviewed(workspace, inbound_id, Category.COMPLAINT))
    assert case.category is Category.COMPLAINT
    assert holds(workspace, HoldState.CONFIRMED) == {("promotion", "")}


def test_one_wrong_message_does_not_dismiss_a_case_with_a_right_one(workspace: Workspace, ann: int) -> None:
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    second = write_inbound(workspace, Category.QUESTION, customer_id=ann, topics=("charging",))
    assert follow_inbound(workspace, second) == case_id
    reviewed(workspace, second, Category.THANKS)
    case = the_case(workspace, case_id)
    assert (case.state, case.category) == (CaseState.NEW, Category.COMPLAINT)
    assert ("promotion", "") in holds(workspace)


def test_undoing_a_confirmation_leaves_only_a_suggestion(workspace: Workspace, ann: int) -> None:
    inbound_id = write_inbound(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    follow_inbound(workspace, inbound_id)
    reviewed(workspace, inbound_id, Category.COMPLAINT)
    with workspace.database.write() as session:
        inbound = session.get_one(Inbound, inbound_id)
        inbound.reviewed_at = None
        session.add(inbound)
        after_review(session, workspace, inbound_id, workspace.clock())
    assert holds(workspace, HoldState.CONFIRMED) == set()
    assert ("promotion", "") in holds(workspace, HoldState.SUGGESTED)


def _version(workspace: Workspace, customer_id: int) -> int:
    with workspace.database.read() as session:
        return session.get_one(Customer, customer_id).version


def test_what_comes_back_to_our_answer_belongs_to_its_case_whatever_it_is(
    workspace: Workspace, ann: int, clock: HandClock
) -> None:
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    assert case_id is not None
    answer = answer_case(workspace, case_id, "Which cable do you use?", "maria")
    do(workspace, case_id, CaseEvent.WAIT)
    clock.advance(days=1)
    assert receive(workspace, Category.OTHER, customer_id=ann, delivery_id=answer, text="The black one.") == case_id
    assert the_case(workspace, case_id).state is CaseState.OPEN
    do(workspace, case_id, CaseEvent.RESOLVE)
    do(workspace, case_id, CaseEvent.CONFIRM)
    again = receive(workspace, Category.COMPLAINT, customer_id=ann, delivery_id=answer, topics=("billing",))
    assert again == case_id, "a confirmed case is reopened by its own thread"
    assert the_case(workspace, case_id).state is CaseState.OPEN


def test_the_same_topic_after_the_customer_confirmed_is_a_new_matter(workspace: Workspace, ann: int) -> None:
    case_id = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",))
    do(workspace, case_id, CaseEvent.RESOLVE)
    do(workspace, case_id, CaseEvent.CONFIRM)
    assert receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("charging",)) != case_id


def test_two_replies_to_one_mail_are_one_matter_unless_their_topics_differ(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann2@example.com")
    _, (delivery_id,) = make_edition(workspace, [ann])
    first = receive(workspace, Category.COMPLAINT, customer_id=ann, delivery_id=delivery_id, topics=("charging",))
    assert receive(workspace, Category.QUESTION, customer_id=ann, delivery_id=delivery_id) == first
    other = receive(workspace, Category.QUESTION, customer_id=ann, delivery_id=delivery_id, topics=("billing",))
    assert other != first
