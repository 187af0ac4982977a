"""Thanks are kept with what they were for; asked about once, by a real mail, and quoted only with a yes on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from outreach.errors import InputError, UsageError
from outreach.records import Case, Category, Delivery, Kind, Thanks, ThanksState
from outreach.store.plan import recent_steps
from outreach.store.thanks import list_thanks
from outreach.work.follow_up import after_review, follow_up
from outreach.work.send import send_open
from outreach.work.thanks import ask, decide
from outreach.work.workspace import Workspace

from ..cases.make import follow, receive, review, write_inbound
from ..conftest import BOTH, HandClock, MakeCustomer
from ..servers import Sink, start_sink
from ..store.rows import lay_edition
from .planning_kit import complain
from .sending import with_relay

pytestmark = BOTH
WORDS = "Thank you, the tip about the burrs was great!"


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


@pytest.fixture
def ann(make_customer: MakeCustomer) -> int:
    return make_customer("ann@example.com", first_name="Ann")


def kept(workspace: Workspace) -> list[Thanks]:
    with workspace.database.read() as session:
        return [one for one, _, _, _ in list_thanks(session, list(ThanksState))]


def thank(workspace: Workspace, customer: int, text: str = WORDS, **more: Any) -> None:
    receive(workspace, Category.THANKS, customer_id=customer, text=text, **more)


def reply(workspace: Workspace, customer: int, text: str, **more: Any) -> None:
    (thanks, *_) = kept(workspace)
    assert thanks.delivery_id is not None
    receive(workspace, Category.OTHER, customer_id=customer, text=text, delivery_id=thanks.delivery_id, **more)


def test_who_was_delighted_by_what_is_kept_and_machines_strangers_and_others_are_not(
    workspace: Workspace, ann: int
) -> None:
    edition = lay_edition(workspace, [ann], name="tips", kind=Kind.TIPS)
    with workspace.database.write() as session:
        delivery = session.scalars(select(Delivery).where(col(Delivery.edition_id) == edition)).one()
        delivery.choices = {"tips": ["grind-clean-burrs"]}
        session.add(delivery)
        session.flush()
        delivery_id = delivery.id
    thank(workspace, ann, delivery_id=delivery_id, topics=("grinder",))
    thank(workspace, ann, delivery_id=delivery_id, sender="zoe@example.net", flagged="forwarded")
    receive(workspace, Category.THANKS, customer_id=None, text="thanks", sender="who@example.net")
    receive(workspace, Category.OTHER, customer_id=ann)
    with workspace.database.read() as session:
        ((thanks, inbound, address, about),) = list_thanks(session, list(ThanksState))
        assert inbound is not None
        assert (address, about, inbound.text) == ("ann@example.com", "tips, issue 1", WORDS)
    assert (thanks.state, thanks.tips, thanks.topics, thanks.quote) == (
        ThanksState.KEPT,
        ["grind-clean-burrs"],
        ["grinder"],
        "",
    )


def test_a_review_makes_thanks_and_takes_them_back(workspace: Workspace, ann: int) -> None:
    inbound = write_inbound(workspace, Category.OTHER, customer_id=ann, text=WORDS)
    follow(workspace, inbound)
    for category, count in ((Category.THANKS, 1), (Category.QUESTION, 0)):
        review(workspace, inbound, category)
        with workspace.database.write() as session:
            after_review(session, workspace, inbound, workspace.clock())
        assert len(kept(workspace)) == count


def test_a_yes_by_mail_stands_on_record_with_question_and_answer_and_can_be_taken_back(
    workspace: Workspace, ann: int, sink: Sink, clock: HandClock
) -> None:
    thank(workspace, ann)
    delivery = ask(workspace, kept(workspace)[0].id or 0, by="maria")
    send_open(with_relay(workspace, sink.port))
    assert [record["recipient"] for record in sink.taken()] == ["ann@example.com"]
    with workspace.database.read() as session:
        assert session.get_one(Delivery, delivery).kind is Kind.SERVICE
    clock.advance(days=1)
    reply(workspace, ann, "Yes, but who would read it?")
    reply(workspace, ann, "Yes!", sender="zoe@example.net")
    assert kept(workspace)[0].state is ThanksState.ASKED, "neither is a plain yes of hers"
    reply(workspace, ann, "Yes, of course")
    (thanks,) = kept(workspace)
    assert (thanks.state, thanks.quote, thanks.asked_by) == (ThanksState.ALLOWED, WORDS, "maria")
    assert WORDS in thanks.question
    assert thanks.answer.endswith("Yes, of course")
    assert thanks.answer_id is not None
    assert thanks.decided_at == clock.now
    reply(workspace, ann, "No, I have changed my mind")
    (thanks,) = kept(workspace)
    assert (thanks.state, thanks.quote) == (ThanksState.REFUSED, "")
    reply(workspace, ann, "Yes")
    assert kept(workspace)[0].state is ThanksState.REFUSED, "a no is not overruled by a machine"
    with workspace.database.read() as session:
        assert session.exec(select(Case)).all() == [], "an answer to our question is no case"
        rules = [step.rule for step, _ in recent_steps(session, clock.now.replace(year=2020))]
    assert rules == ["thanks_decided", "thanks_decided", "thanks_asked"]


def test_nobody_is_asked_twice_nor_while_a_complaint_is_open(
    workspace: Workspace, ann: int, make_customer: MakeCustomer, sink: Sink
) -> None:
    ben = make_customer("ben@example.com")
    thank(workspace, ann)
    thank(workspace, ann, "Thanks again, lovely.")
    thank(workspace, ben, sender="ben@example.com")
    third, second, first = (one.id or 0 for one in kept(workspace))
    complain(workspace, ben)
    ask(workspace, first, by="maria")
    for number in (first, second):
        with pytest.raises(InputError, match="nobody is asked twice"):
            ask(workspace, number, by="maria")
    with pytest.raises(InputError, match="open complaint"):
        ask(workspace, third, by="maria")
    with pytest.raises(UsageError, match="no thanks 99"):
        ask(workspace, 99, by="maria")
    send_open(with_relay(workspace, sink.port))
    assert sink.count() == 1


def test_where_the_settings_say_so_everybody_is_asked_by_itself_once(workspace: Workspace, ann: int) -> None:
    thank(workspace, ann)
    thank(workspace, ann, "And thanks again.")
    assert follow_up(workspace)["thanks_asked"] == []
    own = workspace.settings.steps.model_copy(update={"thanks": "apply"})
    asking = replace(workspace, settings=workspace.settings.model_copy(update={"steps": own}))
    assert follow_up(asking)["thanks_asked"] == [kept(workspace)[-1].id]
    assert follow_up(asking)["thanks_asked"] == []


def test_a_person_takes_down_what_was_said_another_way_with_how(workspace: Workspace, ann: int) -> None:
    thank(workspace, ann)
    number = kept(workspace)[0].id or 0
    with pytest.raises(UsageError, match="not said how"):
        decide(workspace, number, allowed=True, by="maria", words=" ")
    decide(workspace, number, allowed=True, by="maria", words="on the phone")
    (thanks,) = kept(workspace)
    assert (thanks.state, thanks.quote, thanks.answer, thanks.decided_by) == (
        ThanksState.ALLOWED,
        WORDS,
        "on the phone",
        "maria",
    )
