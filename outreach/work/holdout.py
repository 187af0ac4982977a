"""Whether an issue is tested by leaving some people out, and who of these people is.

Law: decided once per edition and kept on it before anybody is dealt; a forecast decides by the same rules. People with
an open hold, or whose next issue is to begin with what they wrote about, are owed it and are in neither group.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Protocol

from sqlmodel import Session

from ..chance import Share
from ..plan.holdout import Group, HoldOut, HoldOutRules, decide_hold_out, groups_of, read_hold_out
from ..records import Campaign, Edition, Kind, SubscriptionState
from ..store.customers import count_states
from ..store.editions import editions_of
from ..store.holdouts import keep_hold_out, usual_complaints
from ..store.plan import boosts_of, holds_of
from ..store.saved_segments import load_segment
from .workspace import Workspace

NOBODY = HoldOut(False, "")
ONCE = "once-"


class Dealt(Protocol):
    """What dealing reads of a person."""

    @property
    def id(self) -> int: ...
    @property
    def address_key(self) -> str | None: ...


def hold_out_of(
    session: Session, workspace: Workspace, campaign: Campaign, edition: Edition, counted: Counted | None = None
) -> HoldOut:
    """Whether an edition, kept or only a draft, is tested, and the words for it.

    `counted`: how many are subscribed, and what is usual, where the caller has counted already.
    """
    kept = read_hold_out(edition.hold_out or {})
    if kept is not None or (edition.id is not None and edition.planned_at is not None):
        return kept or NOBODY
    if campaign.kind is not Kind.TIPS:
        return NOBODY
    own = workspace.settings.plan
    rules = HoldOutRules(own.hold_out_percent, own.hold_out_effect, own.hold_out_days, own.hold_out_later)
    wanted = str(campaign.options.get("hold_out") or "yes") == "yes" and not campaign.options.get("versions")
    if not rules.percent or not wanted or edition.list_id is None:
        return decide_hold_out(campaign.kind, 0, Share(0, 0), rules, wanted=False)
    found = counted or Counted(session, workspace)
    return decide_hold_out(campaign.kind, found.subscribed(edition), found.usual(edition.list_id, rules.days), rules)


class Counted:
    """What is counted to decide whether an issue is tested: each once in a look."""

    def __init__(self, session: Session, workspace: Workspace) -> None:
        self._session, self._clock = session, workspace.clock
        self._usual: dict[tuple[int | None, int], Share] = {}

    def subscribed(self, edition: Edition) -> int:
        """How many could be dealt."""
        assert edition.list_id is not None
        states = count_states(
            self._session, edition.list_id, load_segment(self._session, edition.segment, edition.due_at)
        )
        return states.get(SubscriptionState.SUBSCRIBED, 0)

    def usual(self, list_id: int | None, days: int) -> Share:
        """People who complained within so many days of the list's last issues."""
        if (list_id, days) not in self._usual:
            self._usual[list_id, days] = usual_complaints(self._session, list_id, days, self._clock())
        return self._usual[list_id, days]


def settle_hold_out(workspace: Workspace, campaign: Campaign, edition: Edition) -> HoldOut:
    """Decide for an edition that is to be planned, and keep it: a planning that broke off goes on by the same."""
    with workspace.database.read() as session:
        plan = hold_out_of(session, workspace, campaign, edition)
    if edition.id is None or edition.hold_out or campaign.kind is not Kind.TIPS:
        return plan
    until = None
    if plan.on and plan.later and edition.expires_at is not None:
        until = edition.expires_at + timedelta(days=plan.days)
    with workspace.database.write() as session:
        keep_hold_out(session, edition.id, plan, expires_at=until)
    return plan


def deal(
    session: Session,
    workspace: Workspace,
    campaign: Campaign,
    occasion: str,
    people: Collection[Dealt],
    plan: HoldOut,
) -> dict[int, Group]:
    """The group of each of these people, whom the rules let have the issue; nothing where it is not tested."""
    if not plan.on:
        return {}
    occasion = as_it_will_be(session, campaign, occasion)
    ids = [person.id for person in people]
    owed = {*boosts_of(session, ids), *holds_of(session, ids)}
    group_of = groups_of(workspace.keys.address, campaign.name, occasion, plan)
    return {person.id: group_of(person.address_key or "") for person in people if person.id not in owed}


def as_it_will_be(session: Session, campaign: Campaign, occasion: str) -> str:
    """The name of an occasion that a person opens: a forecast does not have its number yet."""
    if campaign.id is None or not occasion.startswith(ONCE) or occasion.removeprefix(ONCE).isdigit():
        return occasion
    return f"{ONCE}{1 + sum(edition.occasion.startswith(ONCE) for edition in editions_of(session, campaign.id))}"
