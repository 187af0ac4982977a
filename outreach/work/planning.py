"""Whom an edition goes to: one Delivery for everybody whom the segment gives, the withheld ones too.

Law: streamed from one snapshot in constant memory, written in chunks (RELIABILITY I12); count and digest stand on the
edition before its first claim; a planning that broke off streams again, and what is in the outbox afterwards is
exactly whom the segment gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlmodel import Session

from ..address import domain_key, new_public_id
from ..delivery.tally import Tally
from ..plan.holdout import HELD_OUT, Group, HoldOut, judge_hold_out
from ..plan.one_per import NOTHING_NEW
from ..records import Campaign, DeliveryState, Edition, EditionState, Permission, withhold
from ..store.accounts import people_tally
from ..store.customers import PersonRow, load_customers
from ..store.editions import (
    end_planning,
    had_content,
    is_planning,
    last_gone_out,
    move_edition,
    planned_rows,
    unplan,
    withhold_queued,
)
from ..store.house_mail import HouseMail
from ..store.outbox import insert_deliveries
from ..store.versions import keep_in_test
from ..timing.occurrence import occasion_wall
from ..workdays import zone_or
from .approve import why_not_agreed
from .choose import TipPool, choose_for, frozen_tips, tip_pool
from .holdout import deal, settle_hold_out
from .house_budget import house_mail_of
from .judge import judge_people
from .preflight import preflight
from .schedules import due_for, life_of, timing_of
from .together import Together
from .versions import FROM, TEST, ZONES, deal_versions, last_of_test
from .wave_deal import WavePlan, deal_waves, waves_of
from .whom import edition_people
from .workspace import Workspace

CHUNK = 500
Progress = Callable[[int], None]
"""Told how many people were added since it was told last."""


@dataclass(frozen=True)
class PlanFacts:
    """What planning knows of the edition that it plans. `repeats`: the same content as the campaign's last one."""

    edition: Edition
    campaign: Campaign
    pool: TipPool
    per_customer: bool
    repeats: bool
    life: timedelta
    hold_out: HoldOut
    last_wave: int = 0
    together: Together | None = None
    homes: HouseMail | None = None
    due: dict[str | None, datetime] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)


def plan_edition(
    workspace: Workspace,
    edition_id: int,
    progress: Progress | None = None,
    *,
    release: bool = False,
    hold: str = "",
) -> EditionState:
    """Plan an edition to its end, from wherever it broke off, and open it, or let it wait for a person.

    `release`: a person has looked at why it waits and lets it go. `hold`: let it wait with these words in any case.
    Returns the state in which it is now.
    """
    with workspace.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        if edition.state is not EditionState.PLANNING:
            return edition.state
        differs = "" if release else why_not_agreed(session, workspace, edition)
        if differs and edition.planned_at is None:
            return _wait(workspace, edition_id, differs)
        facts = _facts(session, workspace, edition)
        waves = waves_of(workspace, facts.campaign)
        nothing_new = facts.repeats and not release and not _anything_new(session, workspace, facts)
        if edition.planned_at is None:
            people = edition_people(session, facts.campaign, edition)
            tally, last = Tally(), edition.due_at
            for chunk in _chunks(people, CHUNK):
                rows = _rows(session, workspace, facts, chunk, skip_repeats=facts.repeats and not nothing_new)
                if not _add(workspace, edition_id, rows):
                    break
                last = max(last, last_of_test(edition, rows, workspace.clock()) or last)
                tally = tally.add(person.address_key for person in chunk)
                if progress is not None:
                    progress(len(chunk))
            else:
                _take_back_strangers(workspace, session, facts, tally)
                _end(workspace, facts, tally, last)
    if nothing_new:
        why = "unchanged since the last edition, and no tips that are new to anybody"
        return _wait(workspace, edition_id, why)
    return _try_letters(workspace, edition_id, waves, release=release, hold=hold)


def _end(workspace: Workspace, facts: PlanFacts, tally: Tally, last: datetime) -> None:
    """All are planned. `last`: when the last of those is due who take part in the edition's test."""
    assert facts.edition.id is not None
    with workspace.database.write() as session:
        ended = end_planning(session, facts.edition.id, tally.count, tally.digest, workspace.clock())
        if ended and facts.edition.versions:
            keep_in_test(session, facts.edition.id, {FROM: last.isoformat(), ZONES: facts.per_customer})


def _facts(session: Session, workspace: Workspace, edition: Edition) -> PlanFacts:
    campaign = session.get_one(Campaign, edition.campaign_id)
    assert edition.id is not None
    scheduled = occasion_wall(edition.occasion) is not None
    timing = timing_of(workspace, campaign) if scheduled else None
    last = last_gone_out(session, edition.campaign_id, edition.id) if timing and timing.rule.recurring else None
    facts = PlanFacts(
        edition,
        campaign,
        tip_pool(session, workspace, campaign, frozen_tips(edition), edition.id),
        timing.per_customer if timing else False,
        last is not None and last.content_digest == edition.content_digest,
        life_of(workspace, campaign),
        settle_hold_out(workspace, campaign, edition),
        waves_of(workspace, campaign).last,
    )
    if not edition.one_per:
        return facts
    facts = replace(facts, homes=house_mail_of(workspace, edition))
    together = Together(session, campaign, edition, lambda zones: _judge(session, workspace, facts, zones))
    return replace(facts, together=together)


def _rows(
    session: Session, workspace: Workspace, facts: PlanFacts, people: Sequence[PersonRow], *, skip_repeats: bool
) -> list[dict[str, Any]]:
    """The outbox rows of these people, judged as of the instant at which their mail is due."""
    now = workspace.clock()
    edition = facts.edition
    due = {person.id: _due(workspace, facts, person.zone) for person in people}
    judged = _judge(session, workspace, facts, {person.id: person.zone for person in people})
    if facts.together is not None:
        judged |= facts.together.passed_over(people, judged)
    if skip_repeats:
        judged |= _nothing_new(session, workspace, facts, [person for person in due if judged[person].state is None])
    going = [person for person in people if judged[person.id].state is None]
    groups: dict[int, str] = dict(deal(session, workspace, facts.campaign, edition.occasion, going, facts.hold_out))
    held = [person for person, group in groups.items() if group is Group.HELD]
    judged |= {person: judge_hold_out(facts.hold_out, max(due[person], now)) for person in held}
    versions = deal_versions(workspace, facts.campaign, edition, going)
    for person_id, (name, later, waits) in versions.items():
        groups[person_id] = name
        due[person_id] += later
        if waits is not None:
            judged[person_id] = replace(waits, later=max(due[person_id], judged[person_id].later or due[person_id]))
    return [
        _row(facts, person, judged[person.id], due[person.id], max(judged[person.id].later or due[person.id], now), now)
        | {"domain_key": _domain(workspace, facts, person.address or ""), "variant": groups.get(person.id, "")}
        for person in people
    ]


def _judge(
    session: Session, workspace: Workspace, facts: PlanFacts, zones: Mapping[int, str | None]
) -> dict[int, Permission]:
    """A permission for each of these people, as of when their mail is due."""
    return judge_people(
        session,
        workspace,
        campaign=facts.campaign,
        edition=facts.edition,
        customer_ids=list(zones),
        now=workspace.clock(),
        due={person: _due(workspace, facts, zone) for person, zone in zones.items()},
        zones=zones,
        homes=facts.homes,
    )


def _row(
    facts: PlanFacts, person: PersonRow, said: Permission, due: datetime, goes: datetime, now: datetime
) -> dict[str, Any]:
    edition = facts.edition
    return {
        "public_id": new_public_id(),
        "edition_id": edition.id,
        "campaign_id": edition.campaign_id,
        "occasion": edition.occasion,
        "customer_id": person.id,
        "address_key": person.address_key,
        "kind": edition.kind,
        "state": said.state or DeliveryState.QUEUED,
        "reason": said.reason,
        "evidence": said.evidence,
        "due_at": due,
        "next_at": said.later,
        "expires_at": _expires(facts, said, max(due, now), goes),
        "settled_at": now if said.state is not None else None,
        "wave": facts.last_wave,
    }


def _expires(facts: PlanFacts, said: Permission, due: datetime, goes: datetime) -> datetime:
    """Until when it may go: who waits for a test, or is held out of one, has as long after its end as others have."""
    if said.reason == TEST and facts.edition.expires_at is not None:
        return max(due + facts.life, facts.edition.expires_at)
    return (goes if said.reason == HELD_OUT else due) + facts.life


def _domain(workspace: Workspace, facts: PlanFacts, address: str) -> str:
    domain = address.rpartition("@")[2]
    if domain not in facts.domains:
        facts.domains[domain] = domain_key(workspace.keys, address)
    return facts.domains[domain]


def _due(workspace: Workspace, facts: PlanFacts, zone: str | None) -> datetime:
    if not facts.per_customer:
        return facts.edition.due_at
    if zone not in facts.due:
        own = zone_or(zone, workspace.settings.identity.zone)
        facts.due[zone] = due_for(facts.edition.occasion, facts.edition.due_at, own)
    return facts.due[zone]


def _anything_new(session: Session, workspace: Workspace, facts: PlanFacts) -> bool:
    """Whether anybody who may be written to would get a tip that they have not had."""
    if not facts.pool.facts or not facts.pool.count:
        return False
    people = edition_people(session, facts.campaign, facts.edition)
    for chunk in _chunks(people, CHUNK):
        ids = [person.id for person in chunk]
        judged = judge_people(
            session,
            workspace,
            campaign=facts.campaign,
            edition=facts.edition,
            customer_ids=ids,
            now=workspace.clock(),
            zones={person.id: person.zone for person in chunk},
            homes=facts.homes,
        )
        allowed = [person for person in ids if judged[person].state is None]
        if any(choices["tips"] for choices in _choices(session, workspace, facts, allowed).values()):
            return True
    return False


def _nothing_new(
    session: Session, workspace: Workspace, facts: PlanFacts, customer_ids: Sequence[int]
) -> dict[int, Permission]:
    """Refusals for those who have had this very content and would get no new tip."""
    edition = facts.edition
    had = had_content(session, edition.campaign_id, edition.content_digest, customer_ids)
    choices = _choices(session, workspace, facts, sorted(had))
    words = "this person has had the same content already, and every tip that fits"
    return {person: withhold(NOTHING_NEW, words) for person in had if not choices[person]["tips"]}


def _choices(
    session: Session, workspace: Workspace, facts: PlanFacts, customer_ids: Sequence[int]
) -> dict[int, dict[str, Any]]:
    people = load_customers(session, customer_ids).values()
    return choose_for(
        session,
        workspace,
        edition=facts.edition,
        campaign=facts.campaign,
        customers=people,
        now=workspace.clock(),
        pool=facts.pool,
    )


def _add(workspace: Workspace, edition_id: int, rows: list[dict[str, Any]]) -> bool:
    """Add a chunk to the outbox, unless another process has ended this planning."""
    with workspace.database.write() as session:
        if not is_planning(session, edition_id):
            return False
        insert_deliveries(session, rows)
    return True


def _take_back_strangers(workspace: Workspace, session: Session, facts: PlanFacts, tally: Tally) -> None:
    """Remove what a broken-off planning left for people whom the segment no longer gives.

    `session` is the snapshot that the people came from: their ids are compared, in order, with the outbox's.
    """
    edition_id = facts.edition.id
    assert edition_id is not None
    with workspace.database.read() as fresh:
        if people_tally(fresh, edition_id) == tally:
            return
    with workspace.database.read() as fresh:
        members = (person.id for person in edition_people(session, facts.campaign, facts.edition))
        strangers = list(_not_among(planned_rows(fresh, edition_id), members))
    for start in range(0, len(strangers), CHUNK):
        with workspace.database.write() as writing:
            unplan(writing, edition_id, strangers[start : start + CHUNK])


def _not_among(rows: Iterable[tuple[int, int | None]], members: Iterator[int]) -> Iterator[int]:
    """The delivery ids whose customer is not among `members`; both rise by customer id."""
    member = next(members, None)
    for delivery_id, customer_id in rows:
        while member is not None and customer_id is not None and member < customer_id:
            member = next(members, None)
        if customer_id is None or member != customer_id:
            yield delivery_id


def _try_letters(workspace: Workspace, edition_id: int, waves: WavePlan, *, release: bool, hold: str) -> EditionState:
    """Render before the first mail leaves: withhold whom it fails for, or let the edition wait where too many."""
    found = preflight(workspace, edition_id)
    failing = found.failing
    if failing and not release and len(failing) > workspace.settings.sending.max_failing * found.checked:
        variables = ", ".join(sorted({variable for variable, _ in failing.values()}))
        words = f"{len(failing)} of {found.checked} mails that were tried cannot be rendered ({variables})"
        return _wait(workspace, edition_id, words)
    refusals = [(person, (f"render: {variable}", words)) for person, (variable, words) in sorted(failing.items())]
    for start in range(0, len(refusals), 200):
        with workspace.database.write() as session:
            withhold_queued(session, edition_id, dict(refusals[start : start + 200]), workspace.clock())
    deal_waves(workspace, edition_id, waves)
    if hold:
        return _wait(workspace, edition_id, hold)
    with workspace.database.write() as session:
        now = workspace.clock()
        move_edition(session, edition_id, [EditionState.PLANNING], EditionState.OPEN, released_at=now)
    return _state(workspace, edition_id)


def _wait(workspace: Workspace, edition_id: int, why: str) -> EditionState:
    with workspace.database.write() as session:
        move_edition(session, edition_id, [EditionState.PLANNING], EditionState.WAITING, why)
    return _state(workspace, edition_id)


def _state(workspace: Workspace, edition_id: int) -> EditionState:
    with workspace.database.read() as session:
        return session.get_one(Edition, edition_id).state


def _chunks(people: Iterable[PersonRow], size: int) -> Iterator[list[PersonRow]]:
    stream = iter(people)
    while chunk := list(islice(stream, size)):
        yield chunk
