"""A sequence for one of each household: the first who enters has the place; another goes on in it when they leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.errors import InputError
from outreach.groups import GroupKind
from outreach.records import Campaign, Delivery, DeliveryState, Enrolment, EnrolmentState, Goal
from outreach.store.consents import unsubscribe
from outreach.work.agenda import read_agenda
from outreach.work.duplicates import merge
from outreach.work.erase import erase_customer
from outreach.work.groups import leave_group
from outreach.work.sequence_plan import approve_sequence
from outreach.work.sequence_preview import preview_sequence
from outreach.work.sequences import follow_sequences
from outreach.work.simulate import simulate
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from .test_sequences import HELLO, TIPS, join, mails, send_all, start, write
from .test_together import house

GOING, STANDBY, LEFT, FINISHED = (
    EnrolmentState.GOING,
    EnrolmentState.STANDBY,
    EnrolmentState.LEFT,
    EnrolmentState.FINISHED,
)
LAST = "---\nstep: last\nwhen: 3 days after tips\nsubject: The end\n---\nBye.\n"
STEPS = (HELLO, TIPS + "\n", LAST)


@pytest.fixture
def people(workspace: Workspace, make_customer: MakeCustomer) -> list[int]:
    """Three of one house, and one who lives alone; nobody is on the list yet."""
    ids = [make_customer(f"p{number}@example.com", subscribed=None) for number in range(4)]
    house(workspace, *ids[:3])
    return ids


def states(workspace: Workspace) -> dict[int, tuple[EnrolmentState, str]]:
    with workspace.database.read() as session:
        rows = session.execute(select(Enrolment).order_by(col(Enrolment.id))).scalars()
        return {row.customer_id: (row.state, row.reason) for row in rows}


def state_of(workspace: Workspace, customer: int) -> EnrolmentState | None:
    return states(workspace).get(customer, (None, ""))[0]


def to_whom(workspace: Workspace, customer: int) -> list[str]:
    with workspace.database.read() as session:
        query = select(col(Campaign.name)).join(Delivery, col(Delivery.campaign_id) == col(Campaign.id))
        rows = session.execute(query.where(col(Delivery.customer_id) == customer).order_by(col(Delivery.id)))
        return [name.partition("/")[2] for (name,) in rows]


def live(workspace: Workspace, clock: HandClock, days: float) -> None:
    """Let some days go by, looked at every six hours."""
    for _ in range(int(days * 4)):
        follow_sequences(workspace)
        send_all(workspace)
        clock.advance(hours=6)
    follow_sequences(workspace)
    send_all(workspace)


def begin_all(workspace: Workspace, clock: HandClock, people: Sequence[int]) -> None:
    """The second of the house joins first, the others an hour later each."""
    for person in (people[1], people[0], people[2], people[3]):
        join(workspace, person)
        follow_sequences(workspace)
        send_all(workspace)
        clock.advance(hours=1)


@BOTH
def test_the_first_who_enters_has_the_place_and_the_others_stand_by(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    start(workspace, *STEPS, one_per="household")
    begin_all(workspace, clock, people)
    assert {one: state for one, (state, _) in states(workspace).items()} == {
        people[1]: GOING,
        people[0]: STANDBY,
        people[2]: STANDBY,
        people[3]: GOING,
    }
    why = explain_person(workspace, "p0@example.com", "welcome/hello")
    assert why.answer.startswith("no: stands by (in welcome since 2026-12-01 (signup); ")
    assert why.answer.endswith(f"customer {people[1]} of the same household is in it)")
    live(workspace, clock, 7)
    assert to_whom(workspace, people[1]) == to_whom(workspace, people[3]) == ["hello", "tips", "last"]
    assert states(workspace)[people[0]] == (LEFT, "another of the household had it")
    assert Counter(step for step, _, _ in mails(workspace)) == {"hello": 2, "tips": 2, "last": 2}


def _leaves(workspace: Workspace, clock: HandClock, people: Sequence[int]) -> None:
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=people[1], list_id=None, at=clock.now, how="mail", evidence="x")


def _is_erased(workspace: Workspace, clock: HandClock, people: Sequence[int]) -> None:
    erase_customer(workspace, "p1@example.com", by="ann")


def _moves_out(workspace: Workspace, clock: HandClock, people: Sequence[int]) -> None:
    leave_group(workspace, GroupKind.HOUSEHOLD, [f"#{people[1]}"])


def _is_merged(workspace: Workspace, clock: HandClock, people: Sequence[int]) -> None:
    merge(workspace, "p0@example.com", "p1@example.com", by="ann")


@BOTH
@pytest.mark.parametrize("what", [_leaves, _is_erased, _moves_out, _is_merged])
def test_another_goes_on_where_the_house_was_when_the_holder_is_gone(
    workspace: Workspace,
    people: Sequence[int],
    clock: HandClock,
    what: Callable[[Workspace, HandClock, Sequence[int]], None],
) -> None:
    start(workspace, *STEPS, one_per="household")
    begin_all(workspace, clock, people)
    what(workspace, clock, people)
    live(workspace, clock, 8)
    had = ["hello"] if what is _is_merged else []
    assert to_whom(workspace, people[0]) == [*had, "tips", "last"], "nobody of the house gets the first step twice"
    assert to_whom(workspace, people[2]) == []
    assert state_of(workspace, people[2]) is LEFT
    if what is _moves_out:
        assert to_whom(workspace, people[1]) == ["hello", "tips", "last"]


@BOTH
def test_an_exit_of_the_holder_ends_it_for_the_house(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    start(workspace, *STEPS, one_per="household", exits="[goal order]")
    begin_all(workspace, clock, people)
    with workspace.database.write() as session:
        session.add(Goal(key="1", customer_id=people[1], name="order", at=workspace.clock()))
    live(workspace, clock, 7)
    assert [state_of(workspace, one) for one in people] == [LEFT, LEFT, LEFT, FINISHED]
    assert to_whom(workspace, people[0]) == []


@BOTH
def test_whoever_begins_as_the_holder_leaves_comes_behind_those_who_stand_by(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    start(workspace, *STEPS, one_per="household")
    for person in (people[1], people[0]):
        join(workspace, person)
        follow_sequences(workspace)
        send_all(workspace)
        clock.advance(hours=1)
    _leaves(workspace, clock, people)
    join(workspace, people[2])
    live(workspace, clock, 8)
    assert [to_whom(workspace, one) for one in people[:3]] == [["tips", "last"], ["hello"], []]
    assert states(workspace)[people[2]] == (LEFT, "another of the household had it")


@BOTH
def test_whoever_comes_back_when_another_went_on_in_their_place_gets_no_step_again(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    start(workspace, *STEPS, one_per="household")
    begin_all(workspace, clock, people)
    _leaves(workspace, clock, people)
    follow_sequences(workspace)
    clock.advance(hours=1)
    join(workspace, people[1])
    live(workspace, clock, 8)
    assert [to_whom(workspace, one) for one in people[:3]] == [["tips", "last"], ["hello"], []]
    assert states(workspace)[people[1]] == (LEFT, "could not get it any more: another of the household goes on")


@BOTH
@pytest.mark.parametrize("further", [0, 1])
def test_two_who_move_in_together_get_no_step_that_either_has_had(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock, further: int
) -> None:
    """Whether the first who entered is further, or the second, since the other's mail waited."""
    pair = [make_customer(f"p{number}@example.com", subscribed=None) for number in range(2)]
    start(workspace, *STEPS, one_per="household")
    for person in pair:
        join(workspace, person)
    follow_sequences(workspace)
    with workspace.database.write() as session:
        late = col(Delivery.customer_id) == pair[1 - further]
        session.connection().execute(update(Delivery).where(late).values(state=DeliveryState.DEFERRED))
    live(workspace, clock, 3)
    assert [len(to_whom(workspace, one)) for one in pair] == [2 - further, 1 + further]
    house(workspace, *pair)
    with workspace.database.write() as session:
        went = {"state": DeliveryState.SENT, "sent_at": clock.now, "settled_at": clock.now}
        late = col(Delivery.state) == DeliveryState.DEFERRED
        session.connection().execute(update(Delivery).where(late).values(**went))
    live(workspace, clock, 9)
    assert Counter(step for one in pair for step in to_whom(workspace, one)) == {"hello": 2, "tips": 1, "last": 1}


def test_whoever_begins_once_it_is_over_for_the_house_has_the_place(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    start(workspace, HELLO, one_per="household")
    join(workspace, people[1])
    live(workspace, clock, 1)
    assert state_of(workspace, people[1]) is FINISHED
    join(workspace, people[0])
    follow_sequences(workspace)
    assert state_of(workspace, people[0]) is GOING


@BOTH
def test_a_sequence_is_made_one_per_household_and_back_and_both_are_previewed(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    start(workspace, *STEPS)
    begin_all(workspace, clock, people)
    assert Counter(step for step, _, _ in mails(workspace)) == {"hello": 4}
    write(workspace, *STEPS, one_per="household")
    found = preview_sequence(workspace, "welcome")
    assert {step: one.people for step, one in found.lost.items()} == {"tips": 2, "last": 2}
    assert {address for address, _ in found.lost["tips"].named} == {"p0@example.com", "p2@example.com"}
    assert not found.new and not found.moved
    approve_sequence(workspace, "welcome", "maria")
    follow_sequences(workspace)
    assert [state_of(workspace, one) for one in people] == [STANDBY, GOING, STANDBY, GOING]
    write(workspace, *STEPS)
    found = preview_sequence(workspace, "welcome")
    assert {step: one.people for step, one in found.new.items()} == {"tips": 2, "last": 2}
    assert not found.lost
    approve_sequence(workspace, "welcome", "maria")
    live(workspace, clock, 7)
    assert Counter(step for step, _, _ in mails(workspace)) == {"hello": 4, "tips": 4, "last": 4}


@BOTH
@pytest.mark.parametrize(("days", "tips"), [(7, 3), pytest.param(21, 5, marks=pytest.mark.long)])
def test_the_plan_foresees_places_as_they_are_lived_through(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock, days: int, tips: int
) -> None:
    born = ["12-03", "12-04", "12-20", "12-05", "12-05", "12-06", "12-07", "12-08", "12-30", "12-12"]
    ids = [
        make_customer(f"p{number}@example.com", attributes={"born": f"1980-{day}"}) for number, day in enumerate(born)
    ]
    for number, members in enumerate(([0, 1, 2], [3, 4], [5, 6], [7, 8])):
        house(workspace, *(ids[one] for one in members), name=f"h{number}")
    start(workspace, *STEPS, begins="each year on born", kind="news", one_per="household", zone="customer")
    clock.advance(days=3)
    follow_sequences(workspace)
    send_all(workspace)
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=ids[5], list_id=None, at=clock.now, how="mail", evidence="x")
    clock.advance(minutes=1)
    (outlook,) = read_agenda(workspace, days=days).sequences
    lived: Counter[str] = Counter()
    for one in simulate(workspace, days).editions:
        lived[one.campaign.partition("/")[2]] += one.sent + one.to_go
    foreseen: Counter[str] = Counter()
    for mail in outlook.mails:
        foreseen[mail.step] += mail.people
    assert foreseen == lived, "what went before is not counted again"
    assert foreseen["tips"] >= tips and "one of each household is in it;" in " ".join(outlook.notes)


def test_a_guests_reminder_is_each_ones_own(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="one_per: a seminar's guests are each told of their own seat"):
        write(workspace, HELLO, begins="seminar best-shot", kind="service", one_per="household")
    with pytest.raises(InputError, match="'house' is none of household, company, person"):
        write(workspace, HELLO, one_per="house")
