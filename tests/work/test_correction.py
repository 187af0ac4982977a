"""Two people point at an error in the middle of a send: the rest waits, a correction is drafted, a person decides."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from outreach.errors import NeedsPerson
from outreach.records import Delivery, DeliveryState, Edition, EditionState, Kind, Step, StepState
from outreach.store.alerts import open_alerts
from outreach.store.steps import list_steps
from outreach.work.agenda import read_agenda
from outreach.work.compose import apply_campaign
from outreach.work.follow_up import follow_up
from outreach.work.publish import open_occasion
from outreach.work.send import send_open
from outreach.work.steps import approve_step, undo_step
from outreach.work.watch import watch
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import BOTH, HandClock, MakeCustomer
from ..servers import Sink, start_sink
from ..store.rows import lay_edition
from .sending import open_plain_press, with_relay
from .test_sight import rows

pytestmark = BOTH


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


@pytest.fixture
def people(make_customer: MakeCustomer) -> list[int]:
    return [make_customer(f"p{number}@example.com") for number in range(6)]


def send(workspace: Workspace, sink: Sink) -> int:
    return send_open(with_relay(workspace, sink.port), press=open_plain_press).sent


def half_sent(workspace: Workspace, people: list[int]) -> int:
    """An edition of which the first three got their mail."""
    edition = lay_edition(workspace, people, name="spring", kind=Kind.TIPS)
    with workspace.database.write() as session:
        query = select(Delivery).where(col(Delivery.edition_id) == edition).order_by(col(Delivery.id)).limit(3)
        for row in session.scalars(query):
            row.state, row.sent_at, row.intent_at = DeliveryState.SENT, workspace.clock(), workspace.clock()
            session.add(row)
    return edition


def point(workspace: Workspace, edition: int, customer: int, text: str = "The link does not work", **more: Any) -> None:
    delivery = rows(workspace, edition)[customer][1].id
    sender = more.pop("sender", f"p{customer}@example.com")
    receive(workspace, None, customer_id=customer, delivery_id=delivery, text=text, sender=sender, **more)


def state(workspace: Workspace, edition: int) -> tuple[EditionState, str]:
    with workspace.database.read() as session:
        found = session.get_one(Edition, edition)
        return found.state, found.reason


def steps(workspace: Workspace, rule: str = "correction") -> list[Step]:
    with workspace.database.read() as session:
        return [step for step, _, _ in list_steps(session, list(StepState), rule=rule)]


def stops(workspace: Workspace) -> list[str]:
    watch(workspace)
    with workspace.database.read() as session:
        return [alert.subject for alert in open_alerts(session) if alert.kind == "edition_stopped"]


def test_two_people_stop_the_rest_and_a_person_lets_it_go_on(
    workspace: Workspace, people: list[int], sink: Sink
) -> None:
    edition = half_sent(workspace, people)
    point(workspace, edition, people[0])
    point(workspace, edition, people[0], "and a typo too", sender="p1@work.example")
    assert state(workspace, edition)[0] is EditionState.OPEN, "one person, however often and from wherever"
    point(workspace, edition, people[1], "there is a typo in it")
    now, reason = state(workspace, edition)
    assert now is EditionState.PAUSED
    assert "2 different people point at an error" in reason
    assert send(workspace, sink) == 0
    assert stops(workspace) == ["spring once-1"]
    entry = next(one for one in read_agenda(workspace).entries if one.campaign == "spring")
    assert (entry.state, entry.note) == ("paused", reason)
    (step,) = steps(workspace)
    assert (step.state, step.evidence["left"]) == (StepState.APPLIED, 3)
    undo_step(workspace, step.id or 0, by="maria", words="it is no error")
    assert state(workspace, edition) == (EditionState.OPEN, "")
    assert stops(workspace) == []
    point(workspace, edition, people[2], "wrong date!")
    assert state(workspace, edition)[0] is EditionState.OPEN, "a person has decided: a third voice stops nothing"
    assert send(workspace, sink) == 3


def test_it_is_stopped_at_the_intent_while_mail_is_in_the_air(
    workspace: Workspace, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    people = [make_customer(f"q{number}@example.com") for number in range(15)]
    edition = lay_edition(workspace, people, name="spring", kind=Kind.TIPS)
    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.1") as slow:
        here = with_relay(workspace, slow.port, connections=1)
        sending = threading.Thread(target=send_open, args=(here,), kwargs={"press": open_plain_press}, daemon=True)
        sending.start()
        while slow.count() < 3:
            time.sleep(0.01)
        point(workspace, edition, people[0])
        point(workspace, edition, people[1])
        gone = slow.count()
        sending.join()
        taken = slow.count()
    assert gone <= taken <= gone + 2, "what had its intent goes, no more"
    left = [row for row, _ in rows(workspace, edition).values() if row is DeliveryState.QUEUED]
    assert len(left) == 15 - taken
    assert state(workspace, edition)[0] is EditionState.PAUSED


def test_a_correction_is_drafted_to_those_who_got_it_and_cannot_leave_unfinished(
    workspace: Workspace, people: list[int], sink: Sink, clock: HandClock
) -> None:
    edition = half_sent(workspace, people)
    point(workspace, edition, people[0])
    point(workspace, edition, people[1])
    assert follow_up(workspace)["corrections"] == [edition]
    assert follow_up(workspace)["corrections"] == [], "once"
    path = workspace.root / "drafts" / "correction-spring-1.md"
    assert steps(workspace)[0].evidence["draft"] == "drafts/correction-spring-1.md"
    with pytest.raises(NeedsPerson, match="waits for a person"):
        open_occasion(workspace, "correction-spring-1")
    text = path.read_text(encoding="utf-8")
    for variable, words in (("what_was_wrong", "the link"), ("what_is_right", "this one")):
        text = text.replace("{{ " + variable + " }}", words)
    path.write_text(text, encoding="utf-8")
    clock.advance(minutes=5)
    apply_campaign(workspace, path)
    letter = open_occasion(workspace, "correction-spring-1")
    assert send_open(with_relay(workspace, sink.port), edition_ids=[letter]).sent == 3
    assert {record["recipient"] for record in sink.taken()} == {f"p{number}@example.com" for number in range(3)}


def test_send_with_release_lets_it_go_on_too(workspace: Workspace, people: list[int], sink: Sink) -> None:
    edition = half_sent(workspace, people)
    point(workspace, edition, people[0])
    point(workspace, edition, people[1])
    with pytest.raises(NeedsPerson, match="waits for a person"):
        open_occasion(workspace, "spring")
    assert open_occasion(workspace, "spring", release=True, by="maria") == edition
    assert state(workspace, edition)[0] is EditionState.OPEN
    assert [(step.state, step.decided_by) for step in steps(workspace)] == [(StepState.UNDONE, "maria")]


def test_taking_back_what_one_of_two_said_lets_it_go_on(workspace: Workspace, people: list[int]) -> None:
    edition = half_sent(workspace, people)
    point(workspace, edition, people[0])
    point(workspace, edition, people[1])
    undo_step(workspace, steps(workspace, "error_pointed")[0].id or 0, by="maria")
    assert state(workspace, edition)[0] is EditionState.OPEN
    assert "was taken back" in steps(workspace)[0].decision


def test_where_a_yes_is_wanted_nothing_stops_before_it(workspace: Workspace, people: list[int]) -> None:
    own = workspace.settings.steps.model_copy(update={"corrections": "propose"})
    asking = replace(workspace, settings=workspace.settings.model_copy(update={"steps": own}))
    edition = half_sent(asking, people)
    point(asking, edition, people[0])
    point(asking, edition, people[1])
    assert state(asking, edition)[0] is EditionState.OPEN
    assert follow_up(asking)["corrections"] == []
    approve_step(asking, steps(asking)[0].id or 0, by="maria")
    assert state(asking, edition)[0] is EditionState.PAUSED
    assert follow_up(asking)["corrections"] == [edition]


def test_an_issue_that_everybody_has_is_only_corrected(workspace: Workspace, people: list[int]) -> None:
    edition = lay_edition(workspace, people[:1], name="spring", kind=Kind.TIPS)
    with workspace.database.write() as session:
        session.get_one(Edition, edition).state = EditionState.DONE
    point(workspace, edition, people[0])
    point(workspace, edition, people[0], sender="zoe@example.net", flagged="forwarded")
    assert steps(workspace) == [], "a forwarded mail's token does not make two of one"
    assert state(workspace, edition)[0] is EditionState.DONE
