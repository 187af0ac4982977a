"""At the desk: one person answers at a time, answers are kept ready, promises are told on their day and alarm late."""

from __future__ import annotations

import pytest

from outreach.errors import InputError, NeedsPerson, UsageError
from outreach.records import AlertKind, Case, CaseEvent, CaseState, Category, PromiseState
from outreach.work.answer import answer, answer_case, leave_case, note_answer, take_case
from outreach.work.look import look
from outreach.work.promises import list_promises, make_promise, settle_promise
from outreach.work.ready import keep_answer, preview_answer, remove_answer
from outreach.work.workspace import Workspace

from ..cases.make import receive, review, write_inbound
from ..conftest import BOTH, HandClock, MakeCustomer
from .test_notices import join, news


@pytest.fixture
def case_id(workspace: Workspace, make_customer: MakeCustomer) -> int:
    ann = make_customer("ann@example.com", first_name="Ann", attributes={"machine": "Nova"})
    return receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("grinder",)) or 0


def the_case(workspace: Workspace, case_id: int) -> Case:
    with workspace.database.read() as session:
        return session.get_one(Case, case_id)


def test_two_people_do_not_answer_at_once_and_the_mark_lapses(
    workspace: Workspace, clock: HandClock, case_id: int
) -> None:
    take_case(workspace, case_id, "maria")
    with pytest.raises(NeedsPerson, match="maria is answering case 1"):
        answer_case(workspace, case_id, "Hello", "tom")
    with pytest.raises(NeedsPerson):
        take_case(workspace, case_id, "tom")
    take_case(workspace, case_id, "Maria")
    clock.advance(minutes=31)
    take_case(workspace, case_id, "tom")
    leave_case(workspace, case_id)
    take_case(workspace, case_id, "maria")
    answer(workspace, case_id, "Hello", "tom", anyway=True)
    assert the_case(workspace, case_id).answering_by == "", "an answer takes the mark off"


@BOTH
def test_an_answer_kept_ready_is_filled_for_the_customer_and_sent(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com", first_name="Ann", attributes={"machine": "Nova"})
    first = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("grinder",)) or 0
    text = (
        'Dear {{ first_name or "friend" }}, the sensor of your {{ machine }} is on its way (case {{ case }}). {{ me }}'
    )
    assert keep_answer(workspace, "sensor", text, "maria", topic="grinder")
    assert not keep_answer(workspace, "sensor", text, "maria"), "changed, not new"
    whole = "Dear Ann, the sensor of your Nova is on its way (case 1). maria"
    assert preview_answer(workspace, "sensor", first, "maria") == whole
    answer(workspace, first, "", "maria", use="sensor")
    assert the_case(workspace, first).first_answer_at is not None
    other = receive(workspace, Category.QUESTION, sender="zoe@example.org") or 0
    with pytest.raises(UsageError, match="needs machine, which nobody knows"):
        answer(workspace, other, "", "maria", use="sensor")
    assert the_case(workspace, other).first_answer_at is None
    remove_answer(workspace, "sensor")
    with pytest.raises(UsageError, match="there is no answer 'sensor'"):
        preview_answer(workspace, "sensor", first, "maria")


def test_an_answer_whose_variable_cannot_be_is_not_kept(workspace: Workspace, case_id: int) -> None:
    with pytest.raises(InputError, match=r"a\.txt:2:6: machin is no variable: did you mean machine") as refused:
        keep_answer(workspace, "sensor", "Hello\nyour {{ machin }}", "maria", file="a.txt")
    assert refused.value.remedy == "Nothing was kept."
    with pytest.raises(UsageError, match="cannot be an answer's name"):
        keep_answer(workspace, "The Sensor", "x", "maria")


@BOTH
def test_a_promise_is_told_on_its_day_and_once_more_and_an_alert_when_it_is_late(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    join(workspace, "maria")
    case_id = receive(workspace, Category.COMPLAINT, customer_id=make_customer("ann@example.com")) or 0
    news(workspace)
    answer(workspace, case_id, "So sorry.", "maria", then=CaseEvent.WAIT)
    promise = make_promise(workspace, case_id, "Refund of 49 euros", "thursday", "maria")
    assert news(workspace) == []
    clock.advance(days=2)
    (mail,) = news(workspace)
    assert "promised by Thu 3 Dec 17:00: Refund of 49 euros" in mail["text"]
    assert news(workspace) == []
    assert [one for one in look(workspace) if one.kind is AlertKind.PROMISE] == []
    clock.advance(hours=8)
    (late,) = (one for one in look(workspace) if one.kind is AlertKind.PROMISE)
    assert late.subject == f"promise {promise.id} of case {case_id}"
    assert f"cases promise {case_id} --kept {promise.id}" in late.remedy
    assert "and late" in news(workspace)[0]["text"]
    settle_promise(workspace, case_id, promise.id or 0, PromiseState.KEPT, "maria")
    assert [one for one in look(workspace) if one.kind is AlertKind.PROMISE] == []
    assert list_promises(workspace) == []


def test_what_an_answer_seems_to_promise_is_suggested_and_only_a_person_makes_it_a_promise(
    workspace: Workspace, clock: HandClock, case_id: int
) -> None:
    done = answer(workspace, case_id, "We will refund it by Thursday. Please send a photo by Friday.", "maria")
    (one,) = done.promises
    assert (one.state, one.text) == (PromiseState.SUGGESTED, "We will refund it by Thursday.")
    note_answer(workspace, case_id, "Told her: we will refund it by Thursday.", "maria")
    assert [len(list_promises(workspace))] == [2]
    clock.advance(days=4)
    assert [one for one in look(workspace) if one.kind is AlertKind.PROMISE] == [], "a suggestion is no alert"
    settle_promise(workspace, case_id, one.id or 0, PromiseState.MADE, "maria")
    assert len([one for one in look(workspace) if one.kind is AlertKind.PROMISE]) == 1
    settle_promise(workspace, case_id, one.id or 0, PromiseState.DROPPED, "maria")
    with pytest.raises(UsageError, match="is dropped already"):
        settle_promise(workspace, case_id, one.id or 0, PromiseState.KEPT, "maria")


@pytest.mark.parametrize(
    ("text", "day", "words"),
    [("", "friday", "no text"), ("Refund", "", "names no day"), ("x", "2020-01-01", "is over")],
)
def test_a_promise_needs_words_and_a_day_to_come(
    workspace: Workspace, case_id: int, text: str, day: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        make_promise(workspace, case_id, text, day, "maria")


def test_overdue_cases_that_nobody_is_told_of_are_an_alert_until_somebody_is_there(
    workspace: Workspace, clock: HandClock, case_id: int
) -> None:
    assert [one.kind for one in look(workspace)] == []
    clock.advance(days=5)
    assert [one.kind for one in look(workspace)] == [AlertKind.CASES]
    join(workspace, "maria")
    assert [one.kind for one in look(workspace)] == []
    assert the_case(workspace, case_id).state is CaseState.NEW


@BOTH
def test_messages_that_made_no_case_are_an_alert_until_somebody_looks(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann = make_customer("ann@example.com", first_name="Ann")
    moved = write_inbound(workspace, Category.CHANGE_OF_DATA, customer_id=ann)
    write_inbound(workspace, Category.THANKS, customer_id=ann)
    clock.advance(hours=5)
    assert look(workspace) == []
    clock.advance(days=5)
    (found,) = look(workspace)
    assert (found.kind, found.subject) == (AlertKind.CASES, "replies")
    assert (
        "A message of 2026-" in found.words
        and "UTC made no case" in found.words
        and "nobody has looked at it" in found.words
    )
    assert "replies review" in found.remedy
    review(workspace, moved, Category.CHANGE_OF_DATA)
    assert look(workspace) == []
