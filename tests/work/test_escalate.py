"""Escalation: the first rule that fits, each level once and in order, looked at before it is done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from outreach.records import CaseEvent, Category, Channel, Urgency
from outreach.settings import Settings
from outreach.settings_office import EscalationRule
from outreach.store import cases as cases_kept
from outreach.work.answer import assign_case, change_state
from outreach.work.escalate import escalate, what_is_due
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import BOTH, HandClock
from .test_notices import join, news


def ruled(workspace: Workspace, *rules: dict[str, Any]) -> Workspace:
    found = tuple(EscalationRule.model_validate(rule) for rule in rules)
    return replace(workspace, settings=workspace.settings.model_copy(update={"escalations": found}))


HARM = {"name": "harm", "urgencies": ["high"], "levels": [{"after": 0, "to": "tom"}, {"after": 2, "to": "all"}]}
REST = {"name": "rest", "levels": [{"after": 8, "to": "owner"}]}


def due(workspace: Workspace) -> list[tuple[int | None, str, int, list[str]]]:
    with workspace.database.read() as session:
        found = what_is_due(session, workspace, workspace.clock())
    return [(one.case.id, one.rule, one.level.number, [who.name for who in one.to]) for one in found]


@BOTH
def test_each_level_is_done_once_in_order_and_mails_its_person(workspace: Workspace, clock: HandClock) -> None:
    workspace = ruled(workspace, HARM, REST)
    for name in ("maria", "tom"):
        join(workspace, name)
    receive(workspace, Category.COMPLAINT, urgency=Urgency.HIGH)
    receive(workspace, Category.QUESTION, sender="zoe@example.org")
    assign_case(workspace, 2, "maria", "eve")
    news(workspace)
    assert due(workspace) == []
    clock.advance(hours=4, minutes=1)
    assert due(workspace) == [(1, "harm", 1, ["tom"])]
    assert due(workspace) == [(1, "harm", 1, ["tom"])], "looking changes nothing"
    told = [mail for mail in news(workspace) if "ESCALATED" in mail["text"]]
    assert [mail["to"] for mail in told] == ["tom@acme.example"]
    assert "level 1 of harm" in told[0]["text"]
    assert due(workspace) == []
    clock.advance(days=3)
    assert due(workspace) == [(1, "harm", 2, ["maria", "tom"]), (2, "rest", 1, ["maria"])]
    assert len(escalate(workspace)) == 2
    assert escalate(workspace) == []
    with workspace.database.read() as session:
        assert [entry.text for entry in cases_kept.entries_of(session, 1) if entry.kind == "escalation"] == [
            "level 1 of harm: 0.0 business hours, told tom",
            "level 2 of harm: 24.0 business hours, told maria, tom",
        ]


def test_levels_that_were_missed_are_done_together_and_told_in_one_mail(workspace: Workspace, clock: HandClock) -> None:
    workspace = ruled(workspace, {**HARM, "levels": [{"after": 0, "to": "tom"}, {"after": 2, "to": "tom"}]}, REST)
    join(workspace, "tom")
    receive(workspace, Category.COMPLAINT, urgency=Urgency.HIGH)
    clock.advance(days=7)
    (mail,) = news(workspace)
    assert "level 1 of harm" in mail["text"]
    assert "level 2 of harm" in mail["text"]


def test_what_waits_for_the_customer_is_not_escalated_and_goes_on_afterwards(
    workspace: Workspace, clock: HandClock
) -> None:
    workspace = ruled(workspace, HARM, REST)
    receive(workspace, Category.COMPLAINT, urgency=Urgency.HIGH)
    change_state(workspace, 1, CaseEvent.WAIT, "maria")
    clock.advance(days=30)
    assert due(workspace) == []
    change_state(workspace, 1, CaseEvent.REOPEN, "maria")
    assert due(workspace) == []
    clock.advance(hours=5)
    assert [one[2] for one in due(workspace)] == [1]


def test_a_reopened_case_does_not_begin_its_levels_again(workspace: Workspace, clock: HandClock) -> None:
    workspace = ruled(workspace, HARM, REST)
    receive(workspace, Category.COMPLAINT, urgency=Urgency.HIGH)
    clock.advance(hours=5)
    assert len(escalate(workspace)) == 1
    change_state(workspace, 1, CaseEvent.RESOLVE, "maria")
    change_state(workspace, 1, CaseEvent.REOPEN, "maria")
    assert escalate(workspace) == []


def test_rules_by_topic_channel_and_category_and_hours_of_age(workspace: Workspace, clock: HandClock) -> None:
    workspace = ruled(
        workspace,
        {"name": "calls", "channels": ["phone"], "counts": "age", "levels": [{"after": 1, "to": "all"}]},
        {"name": "money", "topics": ["billing"], "categories": ["complaint"], "levels": [{"after": 0, "to": "all"}]},
        REST,
    )
    receive(workspace, Category.QUESTION, channel=Channel.PHONE, sender="a@example.com")
    receive(workspace, Category.COMPLAINT, topics=("billing",), sender="b@example.com")
    receive(workspace, Category.QUESTION, topics=("billing",), sender="c@example.com")
    clock.advance(hours=1)
    assert [one[:2] for one in due(workspace)] == [(1, "calls")]
    clock.advance(days=2)
    assert [one[:2] for one in due(workspace)] == [(1, "calls"), (2, "money")]


def test_where_the_named_person_is_not_known_everybody_is_told_and_it_is_said(
    workspace: Workspace, clock: HandClock
) -> None:
    workspace = ruled(workspace, HARM, REST)
    join(workspace, "maria")
    receive(workspace, Category.COMPLAINT, urgency=Urgency.HIGH)
    clock.advance(hours=5)
    with workspace.database.read() as session:
        (found,) = what_is_due(session, workspace, workspace.clock())
    assert [one.name for one in found.to] == ["maria"]
    assert "'tom' is not in `outreach people`" in found.trouble


def test_a_digest_does_not_hold_an_escalation_back(workspace: Workspace, clock: HandClock) -> None:
    workspace = ruled(workspace, {"name": "all", "levels": [{"after": 0, "to": "owner"}]})
    join(workspace, "maria", tell="digest")
    receive(workspace, Category.COMPLAINT, urgency=Urgency.HIGH)
    assign_case(workspace, 1, "maria", "eve")
    assert len(news(workspace)) == 1, "the digest of today"
    clock.advance(hours=4, minutes=1)
    (mail,) = news(workspace)
    assert "ESCALATED" in mail["text"]
    assert "OVERDUE" not in mail["text"], "that has time until tomorrow"


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([HARM], "the last of"),
        ([REST, HARM, {**REST, "name": "end"}], "would never be looked at"),
        ([HARM, HARM, REST], "the same name"),
        ([{**REST, "levels": [{"after": 4, "to": "a"}, {"after": 2, "to": "b"}]}], "more hours"),
        ([{**REST, "levels": []}], "at least 1"),
        ([{**HARM, "urgencies": ["huge"]}, REST], "urgencies"),
    ],
)
def test_rules_that_let_a_case_fall_through_or_cannot_act_are_refused(rules: list[Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings.model_validate({"escalations": rules})
