"""Cases as they are kept: found by author, by thread, by mail; their events in order; answers that were lost."""

from __future__ import annotations

from datetime import timedelta

from outreach.records import CaseEvent, CaseState, Category, DeliveryState, EntryKind, Kind, Machine
from outreach.store import cases as kept
from outreach.store.matters import cases_of_author
from outreach.work.casework import find_case, move_case
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import HandClock, MakeCustomer
from ..web.make import make_edition, make_people


def test_cases_are_listed_with_their_customers_by_state_and_owner(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    first = receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("a",))
    second = receive(workspace, Category.QUESTION, sender="zoe@example.org")
    with workspace.database.write() as session:
        move_case(
            session, workspace, find_case(session, second or 0), CaseEvent.RESOLVE, at=workspace.clock(), by="maria"
        )
        kept.change_case(session, find_case(session, first or 0), {"owner": "maria"})
    with workspace.database.read() as session:
        everything = kept.list_cases(session)
        assert [(case.id, customer.id if customer else None) for case, customer in everything] == [
            (first, ann),
            (second, None),
        ]
        assert [case.id for case, _ in kept.list_cases(session, states=[CaseState.SOLVED])] == [second]
        assert [case.id for case, _ in kept.list_cases(session, owner="maria")] == [first]
        assert [case.id for case, _ in kept.list_cases(session, owner="")] == [second]


def test_cases_of_an_author_come_newest_first_and_nobody_has_none(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    ids = [receive(workspace, Category.COMPLAINT, customer_id=ann, topics=(topic,)) for topic in "abc"]
    with workspace.database.read() as session:
        assert [case.id for case in cases_of_author(session, ann, "")] == ids[::-1]
        assert cases_of_author(session, None, "") == []


def test_events_are_given_in_order_and_notes_are_none(workspace: Workspace, clock: HandClock) -> None:
    case_id = receive(workspace, Category.COMPLAINT) or 0
    with workspace.database.write() as session:
        case = find_case(session, case_id)
        kept.add_entry(session, case_id, clock(), EntryKind.NOTE, text="hm")
        move_case(session, workspace, case, CaseEvent.WAIT, at=clock.advance(hours=1), by="maria")
        move_case(session, workspace, case, CaseEvent.RESOLVE, at=clock.advance(hours=1), by="maria")
    with workspace.database.read() as session:
        moves = kept.moves_of(session, [case_id])[case_id]
    assert [event for _, event in moves] == [CaseEvent.MESSAGE, CaseEvent.WAIT, CaseEvent.RESOLVE]
    assert moves[2][0] - moves[1][0] == timedelta(hours=1)


def test_an_answer_that_failed_or_bounced_is_found_until_it_is_noted(workspace: Workspace) -> None:
    people = make_people(workspace, 3)
    states = [DeliveryState.FAILED, DeliveryState.SENT, DeliveryState.SENT]
    _, deliveries = make_edition(workspace, people, states=states, kind=Kind.SERVICE, campaign="_service")
    cases = [receive(workspace, Category.QUESTION, customer_id=person) or 0 for person in people]
    with workspace.database.write() as session:
        for case_id, delivery_id in zip(cases, deliveries, strict=True):
            case = find_case(session, case_id)
            move_case(
                session, workspace, case, CaseEvent.ANSWER, at=workspace.clock(), by="maria", delivery_id=delivery_id
            )
    receive(workspace, None, machine=Machine.BOUNCE, delivery_id=deliveries[1])
    with workspace.database.write() as session:
        assert [delivery.id for _, delivery in kept.failed_answers(session)] == deliveries[:2]
        assert kept.standing_answers(session, cases[0])
        kept.add_entry(session, cases[0], workspace.clock(), EntryKind.NOTE, delivery_id=deliveries[0])
        assert [delivery.id for _, delivery in kept.failed_answers(session)] == [deliveries[1]]
        assert not kept.standing_answers(session, cases[0])
        assert kept.standing_answers(session, cases[2])
