"""Every mail tried before the first leaves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from outreach.address import new_public_id
from outreach.records import Delivery, DeliveryState, Edition, EditionState
from outreach.store.campaigns import campaign_named
from outreach.store.customers import load_customers
from outreach.store.outbox import insert_deliveries
from outreach.work.compose import apply_campaign, apply_tips, freeze
from outreach.work.preflight import Preflight, preflight
from outreach.work.workspace import Workspace

MakeCustomer = Callable[..., int]


def edition_for(workspace: Workspace, people: list[int], body: str, front: str = "kind: news") -> int:
    """An edition in planning, with a queued delivery for each of these people."""
    path: Path = workspace.root / "issue.md"
    path.write_text(f"---\nsubject: Hi\nlist: customers\n{front}\n---\n{body}\n", encoding="utf-8")
    apply_campaign(workspace, path)
    now = workspace.clock()
    occasion = new_public_id()
    with workspace.database.write() as session:
        campaign = campaign_named(session, "issue")
        assert campaign is not None and campaign.id is not None
        content = freeze(session, workspace, campaign, now=now)
        edition = Edition(
            public_id=new_public_id(),
            campaign_id=campaign.id,
            kind=campaign.kind,
            occasion=occasion,
            state=EditionState.PLANNING,
            list_id=campaign.list_id,
            frozen=content.frozen,
            due_at=now,
            frozen_at=now,
        )
        session.add(edition)
        session.flush()
        assert edition.id is not None
        customers = load_customers(session, people)
        insert_deliveries(
            session,
            [
                {
                    "public_id": new_public_id(),
                    "edition_id": edition.id,
                    "campaign_id": campaign.id,
                    "occasion": occasion,
                    "customer_id": person,
                    "address_key": customers[person].address_key,
                    "kind": campaign.kind,
                    "due_at": now,
                }
                for person in people
            ],
        )
        return edition.id


def test_customer_and_variable_are_named_and_the_others_pass(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@example.com", first_name="Ann", attributes={"plan": "pro"})
    bob = make_customer("bob@example.com", first_name="Bob")
    nobody = make_customer("x@example.com", attributes={"plan": "pro"})
    told: list[int] = []
    edition = edition_for(workspace, [ann, bob, nobody], 'Dear {{ first_name or "you" }}, your plan is {{ plan }}.')
    found = preflight(workspace, edition, told.append)
    assert found.checked == 3 and sum(told) == 3
    assert set(found.failing) == {bob}
    variable, words = found.failing[bob]
    assert variable == "plan" and "issue.md:6" in words
    assert set(preflight(workspace, edition_for(workspace, [ann], "Dear {{ last_name }}")).failing) == {ann}


def test_the_tips_that_each_would_get_are_tried(workspace: Workspace, make_customer: MakeCustomer) -> None:
    folder = workspace.root / "pool"
    folder.mkdir()
    (folder / "a.md").write_text(
        '---\ntitle: A\nsegment: plan == "pro"\nposition: 1\n---\nYour pump {{ serial }}.\n', encoding="utf-8"
    )
    (folder / "b.md").write_text("---\ntitle: B\nposition: 2\n---\nText.\n", encoding="utf-8")
    apply_tips(workspace, [folder])
    pro = make_customer("pro@example.com", attributes={"plan": "pro"})
    free = make_customer("free@example.com", attributes={"plan": "free"})
    found = preflight(workspace, edition_for(workspace, [pro, free], "Hi.", "kind: tips"))
    assert {person: variable for person, (variable, _) in found.failing.items()} == {pro: "serial"}


@pytest.mark.parametrize("kind", ["news", "tips"])
def test_nobody_queued_is_nothing_to_try(workspace: Workspace, kind: str) -> None:
    assert preflight(workspace, edition_for(workspace, [], "Hi {{ x }}", f"kind: {kind}")) == Preflight(0, {})


def test_a_bomb_fails_everybody_and_never_hangs(
    workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.work.trial.CPU_SECONDS_PER_MAIL", 0.3)
    people = [make_customer(f"p{number}@example.com") for number in range(3)]
    edition = edition_for(
        workspace, people, "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    )
    started = time.monotonic()
    found = preflight(workspace, edition)
    assert time.monotonic() - started < 30
    assert set(found.failing) == set(people) and found.checked == 3
    assert all("issue.md:6" in words and "too long" in words for _, words in found.failing.values())


def test_above_the_limit_every_shape_of_data_is_tried_and_all_who_fail_are_named(
    workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending = workspace.settings.sending.model_copy(update={"preflight_all_up_to": 10})
    small = replace(workspace, settings=workspace.settings.model_copy(update={"sending": sending}))
    monkeypatch.setattr("outreach.work.preflight.SAMPLE", 1)
    people = [make_customer(f"p{number}@example.com", attributes={"plan": "pro"}) for number in range(12)]
    without = [make_customer(f"q{number}@example.com") for number in range(6)]
    edition = edition_for(workspace, people + without, "Plan {{ plan }}")
    found = preflight(small, edition)
    assert (found.checked, set(found.failing)) == (18, set(without))


def test_what_is_already_withheld_is_not_tried(workspace: Workspace, make_customer: MakeCustomer) -> None:
    bob = make_customer("bob@example.com")
    edition = edition_for(workspace, [bob], "{{ plan }}")
    with workspace.database.write() as session:
        row = session.get_one(Delivery, 1)
        row.state = DeliveryState.WITHHELD
    assert preflight(workspace, edition) == Preflight(0, {})
