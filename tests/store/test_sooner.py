"""What was put off comes back sooner: only what waited for that, a portion at a time, and nothing that was claimed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select, update

from outreach.records import Delivery, DeliveryState, Edition
from outreach.store import sooner
from outreach.store.sooner import DOMAIN_PAUSED, hasten_campaign, hasten_domains
from outreach.work.workspace import Workspace

from ..conftest import BOTH, MakeCustomer
from .rows import lay_edition

PEOPLE = 11


def put_off(workspace: Workspace, reason: str, *numbers: int, domain: str = "") -> None:
    later = workspace.clock() + timedelta(days=1)
    which = update(Delivery).where(Delivery.id.in_(numbers))  # type: ignore[union-attr]
    with workspace.database.write() as session:
        session.execute(which.values(next_at=later, reason=reason, domain_key=domain))


def still_off(workspace: Workspace) -> set[int]:
    with workspace.database.read() as session:
        found = session.exec(select(Delivery.id).where(Delivery.next_at != None)).all()  # noqa: E711
    return {one or 0 for one in found}


@pytest.fixture
def edition(workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sooner, "PORTION", 3)
    return lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(PEOPLE)])


@BOTH
def test_all_who_waited_for_that_come_back_and_nobody_else(workspace: Workspace, edition: int) -> None:
    put_off(workspace, "paused", *range(1, 10))
    put_off(workspace, "quiet hours", 5, 10)
    put_off(workspace, DOMAIN_PAUSED, 6, 7, domain="gone.example")
    put_off(workspace, DOMAIN_PAUSED, 8, 11, domain="other.example")
    with workspace.database.read() as session:
        campaign = session.get_one(Edition, edition).campaign_id
    assert hasten_campaign(workspace.database, campaign, "paused") == 5
    assert still_off(workspace) == {5, 6, 7, 8, 10, 11}
    assert hasten_domains(workspace.database, [edition], ["gone.example"]) == 2
    assert still_off(workspace) == {5, 8, 10, 11}


@BOTH
def test_who_is_claimed_or_put_off_for_another_reason_meanwhile_is_left_alone(
    workspace: Workspace, edition: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_off(workspace, "paused", *range(1, PEOPLE + 1))
    real, met = sooner._put_off, list[int]()

    def found(*given: Any) -> Any:
        after, ids = real(*given)
        if 4 in ids and not met:
            met.append(4)
            put_off(workspace, "quiet hours", 5)
            with workspace.database.write() as session:
                session.execute(update(Delivery).where(Delivery.id == 4).values(state=DeliveryState.CLAIMED))  # type: ignore[arg-type]
        return after, ids

    monkeypatch.setattr(sooner, "_put_off", found)
    with workspace.database.read() as session:
        campaign = session.get_one(Edition, edition).campaign_id
    assert hasten_campaign(workspace.database, campaign, "paused") == PEOPLE - 2
    assert still_off(workspace) == {4, 5}


@BOTH
def test_who_was_put_off_behind_us_is_found_by_one_more_look(
    workspace: Workspace, edition: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_off(workspace, "paused", *range(1, PEOPLE + 1))
    real, met = sooner._put_off, list[int]()

    def found(*given: Any) -> Any:
        if given[-1] is not None and not met:
            met.append(1)
            put_off(workspace, "paused", 1)
        return real(*given)

    monkeypatch.setattr(sooner, "_put_off", found)
    with workspace.database.read() as session:
        campaign = session.get_one(Edition, edition).campaign_id
    hasten_campaign(workspace.database, campaign, "paused")
    assert met and still_off(workspace) == set()
