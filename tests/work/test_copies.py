"""Copies of one matter go to one case; what is passed on adds reach, and takes no turn of anybody's."""

from __future__ import annotations

from sqlalchemy import func, select

from outreach.records import Case, CaseEvent, CaseState, Category, Channel, Inbound, SubscriptionState
from outreach.store.cases import entries_of
from outreach.store.channels import reach_of_cases
from outreach.store.consents import subscriptions_of
from outreach.store.replies import unreviewed_ids
from outreach.work.answer import change_state, note_answer
from outreach.work.review import review
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer
from .replying import inbound, receive
from .test_join import told

SAID = "The milk foam of my machine is cold again after two weeks, this is unacceptable"


def cases(workspace: Workspace) -> int:
    with workspace.database.read() as session:
        return session.execute(select(func.count()).select_from(Case)).scalar_one()


def post(workspace: Workspace, handle: str, text: str = SAID, **more: object) -> Inbound:
    return told(workspace, text=text, handle=handle, network="x", link=f"https://x.com/{handle}/{len(text)}", **more)


def test_a_hundred_reposts_add_reach_and_no_case_no_hold_and_no_review(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, bob = make_customer("ann@example.com", handle="ann"), make_customer("bob@example.com", handle="bob")
    first = post(workspace, "ann", reach=100)
    for number in range(5):
        passed = post(workspace, f"fan{number}", f"RT @ann: {SAID[:70]}…", reach=1000)
        assert (passed.copy_of, passed.case_id, passed.customer_id) == (first.id, first.case_id, ann)
    shared = post(workspace, "bob", SAID, repost_of="ann", reach=50)
    assert (shared.customer_id, shared.category, shared.case_id) == (ann, first.category, first.case_id)
    assert cases(workspace) == 1
    with workspace.database.read() as session:
        assert reach_of_cases(session, [first.case_id or 0]) == {first.case_id: 5150}
        assert unreviewed_ids(session) == [first.id]
        notes = [entry.text for entry in entries_of(session, first.case_id or 0)]
        assert subscriptions_of(session, bob)[0].state is SubscriptionState.SUBSCRIBED
    assert "passed on by @fan0 (x): 1,000 may read it there" in notes


def test_what_was_passed_on_before_its_first_post_came_is_its_authors(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    passed = post(workspace, "fan", f"RT @ann: {SAID}", reach=10)
    with workspace.database.read() as session:
        assert session.get_one(Case, passed.case_id).author == "@ann (x)"
    assert "@ann (x) said this, whoever passed it on" in passed.flagged
    again = post(workspace, "ann", reach=7)
    assert (again.copy_of, again.case_id, cases(workspace)) == (passed.id, passed.case_id, 1)


def test_who_adds_words_speaks_for_themselves(workspace: Workspace) -> None:
    first = post(workspace, "ann")
    own = post(workspace, "bob", f"Mine does the very same, I want my money back! RT @ann: {SAID}")
    assert (own.copy_of, own.repost_of) == (None, "")
    assert own.case_id not in (None, first.case_id)
    other = post(workspace, "eve")
    assert other.case_id not in (None, first.case_id), "the same words by another without a word of whose they are"


def test_one_matter_by_three_ways_is_one_case(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", handle="ann", phone="+491701234567")
    first = post(workspace, "ann")
    mail = receive(workspace, f"From: ann@example.com\r\nSubject: foam\r\n\r\n{SAID}!\r\n".encode())
    call = told(workspace, Channel.PHONE, text=SAID.lower(), phone="0170 1234567")
    assert {first.case_id, mail.case_id, call.case_id} == {first.case_id}
    assert [one.copy_of for one in (mail, call)] == [first.id, first.id]


def test_the_same_words_after_an_answer_are_no_copy(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    make_customer("ann@example.com", handle="ann")
    first = post(workspace, "ann", "It leaks again, so disappointed.")
    note_answer(workspace, first.case_id or 0, "Sorry!", "maria", link="https://x.com/acme/1")
    change_state(workspace, first.case_id or 0, CaseEvent.WAIT, "maria")
    clock.advance(hours=2)
    again = post(workspace, "ann", "It leaks again, so disappointed.", id="2")
    assert (again.copy_of, again.case_id) == (None, first.case_id)
    with workspace.database.read() as session:
        assert session.get_one(Case, first.case_id).state is CaseState.OPEN
        assert [entry.link for entry in entries_of(session, first.case_id or 0) if entry.link] == [
            "https://x.com/acme/1"
        ]
    shared = post(workspace, "fan", "RT @ann: It leaks again, so disappointed.")
    assert shared.case_id == first.case_id


def test_a_review_of_the_first_holds_for_its_copies(workspace: Workspace) -> None:
    first = post(workspace, "ann")
    passed = post(workspace, "fan", f"RT @ann: {SAID}")
    review(workspace, first.id or 0, by="maria", category=Category.OTHER)
    assert inbound(workspace, passed.id or 0).category is Category.OTHER
    with workspace.database.read() as session:
        assert session.get_one(Case, first.case_id).state is CaseState.DISMISSED
