"""Sequences move on: who begins, whose next mail is due, who left.

Law: what was decided for a person, and the mail that follows from it, are one transaction; a mail joins its step's
edition of that day and is from then on a delivery like any other: judged, held, put off and accounted for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlmodel import Session

from ..address import domain_key, new_public_id
from ..delivery.tally import Tally
from ..errors import OutreachError
from ..records import Campaign, CampaignState, DeliveryState, Edition, EditionState, EnrolmentState
from ..store.ahead import among_people
from ..store.editions import next_number
from ..store.places import STANDS_BY, Holder, let_standbys_on, share_done, tell_standbys
from ..store.saved_segments import load_segment
from ..store.sequence_events import events_of, guests_of, leaving_now, let_guests_on, session_starts, wake_waiting
from ..store.sequences import (
    JOINABLE,
    Enrolled,
    add_edition,
    editions_on,
    join_edition,
    mails_of,
    move_enrolment,
    reopen_unfinished,
    running_sequences,
    to_look_at,
)
from ..store.touches import keep_links
from ..timing.sequence import Going, Move, MoveKind, next_moves
from ..timing.sequence_words import BeginKind, Event
from .compose import FrozenContent, freeze
from .judge import judge_people
from .pin import own_digest
from .schedules import life_of
from .sequence_begins import Course, begin, course_of
from .sequence_places import GONE, standing_by
from .workspace import Workspace

OVER = (MoveKind.LEAVE, MoveKind.END)
AGAIN = timedelta(minutes=15)
"""After how long a step that is paused, or cannot be compiled, is tried again."""


@dataclass
class SequenceCounts:
    """What one round did, in people."""

    begun: int = 0
    mailed: int = 0
    passed: int = 0
    left: int = 0
    finished: int = 0


def follow_sequences(workspace: Workspace) -> SequenceCounts:
    """Let everybody begin who does, and send everybody on whose time has come.

    What is wrong with one sequence never stops another: it is raised at the end.
    """
    counts, troubles = SequenceCounts(), []
    with workspace.database.read() as session:
        rows = running_sequences(session)
    for row in rows:
        try:
            with workspace.database.read() as session:
                course = course_of(session, workspace, row)
            counts.begun += begin(workspace, course)
            _go_on(workspace, course, counts)
        except OutreachError as wrong:
            troubles.append(wrong)
    if troubles:
        raise troubles[0]
    return counts


def _go_on(workspace: Workspace, course: Course, counts: SequenceCounts) -> None:
    now = workspace.clock()
    with workspace.database.read() as session:
        leaving = leaving_now(session, course.id, course.steps, course.rules.plan.exits, now)
    with workspace.database.write() as session:
        reopen_unfinished(session, course.steps.values(), now - timedelta(days=1))
        let_standbys_on(session, course.id, course.row.list_id, course.rules.one_per, now)
        if course.rules.begins.kind is BeginKind.SEMINAR and not course.rules.begins.who:
            let_guests_on(session, course.id, GONE[2], now)
        wake_waiting(session, course.id, course.steps, now, leaving)
    while True:
        with workspace.database.read() as session:
            people = to_look_at(session, course.id, course.row.list_id, now)
            decided = _decide(session, workspace, course, people, now) if people else None
        if decided is None or not _keep(workspace, course, decided, counts, now):
            return


class Mail(NamedTuple):
    """A mail that somebody is to get by a step, judged already."""

    step: str
    occasion: str
    row: dict[str, Any]


@dataclass
class Decided:
    """What follows for each of a page of people: where they are then, and the mail that they get, if any. `contents`:
    what a step's new edition is to hold, by (step, occasion); `editions` those that may be joined. `standing`: in
    whose place (by enrolment) others of theirs are."""

    people: list[tuple[Enrolled, list[Move], Mail | None]] = field(default_factory=list)
    contents: dict[tuple[str, str], tuple[str, FrozenContent]] = field(default_factory=dict)
    editions: dict[tuple[str, str], int] = field(default_factory=dict)
    put_off: dict[tuple[str, str], str] = field(default_factory=dict)
    standing: dict[int, Holder] = field(default_factory=dict)


def going_of(session: Session, course: Course, people: Sequence[Enrolled], now: datetime) -> dict[int, Going]:
    """What the rules read of each of these people, by enrolment."""
    plan = course.rules.plan
    mails = mails_of(session, course.steps, {person.customer_id for person in people})
    events: dict[Event, dict[int, datetime]] = {
        event: events_of(session, event, course.steps, people) for event in plan.events()
    }
    starts = session_starts(session, people) if course.rules.begins.kind is BeginKind.SEMINAR else {}
    outside = _outside(session, course, people, now)
    found: dict[int, Going] = {}
    for person in people:
        done: dict[str, datetime] = {}
        busy: datetime | None = None
        for step, told in person.done.items():
            mailed = mails.get((person.customer_id, person.key, step)) if told["how"] == "sent" else None
            done[step] = datetime.fromisoformat(told["at"])
            if mailed is not None and mailed.busy:
                busy = max(mailed.next_at or now, busy or now)
            elif mailed is not None and mailed.at is not None:
                done[step] = mailed.at
        zone, since = course.zone_of(person.zone), person.began_at
        if not course.rules.begins.who and person.id in starts:
            since = starts[person.id]
        found[person.id] = Going(
            since.astimezone(zone).date() if person.id in starts else person.day,
            since,
            zone,
            done,
            {event: times[person.id] for event, times in events.items() if person.id in times},
            busy,
            outside.get(person.customer_id, ()),
        )
    return found


def _outside(session: Session, course: Course, people: Sequence[Enrolled], now: datetime) -> dict[int, set[str]]:
    """The steps that are not for these people: cancelled ones, and those whose own segment leaves them out."""
    ids = [person.customer_id for person in people]
    found: dict[int, set[str]] = defaultdict(set)
    for step, campaign in course.campaigns.items():
        rule = course.rules.segments.get(step, "")
        if campaign.state is CampaignState.CANCELLED:
            inside: set[int] = set()
        elif rule:
            inside = among_people(session, ids, course.row.list_id, load_segment(session, rule, now))
        else:
            continue
        for customer_id in set(ids) - inside:
            found[customer_id].add(step)
    return found


def _decide(
    session: Session, workspace: Workspace, course: Course, people: Sequence[Enrolled], now: datetime
) -> Decided:
    decided = Decided()
    going = going_of(session, course, people, now)
    begins = course.rules.begins
    guests = guests_of(session, people, missed=begins.who == "missed") if begins.kind is BeginKind.SEMINAR else None
    sending: dict[tuple[str, str], list[tuple[Enrolled, list[Move]]]] = defaultdict(list)
    moved: list[tuple[Enrolled, list[Move]]] = []
    for person in people:
        gone = why_gone(course, person, guests)
        leaves = [Move(MoveKind.LEAVE, at=now, reason=gone)]
        moved.append((person, leaves if gone else next_moves(course.rules.plan, going[person.id], now)))
    decided.standing, placed = _placed(session, course, moved)
    for person, moves in placed:
        last = moves[-1]
        if last.kind is MoveKind.SEND:
            sending[last.step, _occasion(course, last, going[person.id].zone, now)].append((person, moves))
        else:
            decided.people.append((person, moves, None))
    for (step, occasion), those in sending.items():
        edition = _edition(session, workspace, course, step, occasion, decided, now)
        if edition is None:
            for person, moves in those:
                wait = Move(MoveKind.WAIT, step, now + AGAIN, decided.put_off[step, occasion])
                decided.people.append((person, [*moves[:-1], wait], None))
            continue
        rows = _mails(session, workspace, course.campaigns[step], edition, those, now)
        decided.people += [(person, moves, Mail(step, occasion, rows[person.id])) for person, moves in those]
    return decided


def _placed(
    session: Session, course: Course, moved: Sequence[tuple[Enrolled, list[Move]]]
) -> tuple[dict[int, Holder], list[tuple[Enrolled, list[Move]]]]:
    """The same, but that whoever is in it beside another of their household, who came first, stands by from now on."""
    ending = {person.id for person, moves in moved if moves[-1].kind in OVER}
    going = [person for person, _ in moved if person.id not in ending]
    by = standing_by(session, course, going, ending)
    words = STANDS_BY.format(kind=course.rules.one_per)
    stand_by = [Move(MoveKind.STAND_BY, reason=words)]
    return by, [(person, stand_by if person.id in by else moves) for person, moves in moved]


def why_gone(course: Course, person: Enrolled, guests: Mapping[int, bool] | None) -> str:
    """Why somebody gets no further step, whatever it is; "" where nothing speaks against it."""
    if not person.address_key:
        return GONE[0]
    if not (person.subscribed or course.rules.service):
        return GONE[1]
    if guests is not None and course.rules.begins.who != "attended" and not guests.get(person.id):
        return GONE[3] if course.rules.begins.who else GONE[2]
    return ""


def _occasion(course: Course, move: Move, zone: ZoneInfo, now: datetime) -> str:
    """The day of a step's edition: with its hour where the step's time is one, so that quiet hours know of it."""
    when = next(step.when for step in course.rules.plan.steps if step.name == move.step)
    assert move.at is not None
    if when.days is None:
        return f"{max(move.at, now).astimezone(course.default):%Y-%m-%d}"
    return f"{move.at.astimezone(zone):%Y-%m-%d}/{course.rules.plan.at:%H:%M}"


def _edition(
    session: Session, workspace: Workspace, course: Course, step: str, occasion: str, decided: Decided, now: datetime
) -> Edition | None:
    """The edition that people join, kept or about to be; None where the step has to wait."""
    campaign = course.campaigns[step]
    if campaign.state is CampaignState.PAUSED:
        decided.put_off[step, occasion] = f"a person paused {campaign.name}"
        return None
    assert campaign.id is not None
    earlier = editions_on(session, campaign.id, occasion)
    current = [one for one in earlier if one.frozen_at >= campaign.updated_at]
    if current and current[-1].state in JOINABLE and current[-1].id is not None:
        decided.editions[step, occasion] = current[-1].id
        return current[-1]
    if current and current[-1].state is not EditionState.CANCELLED:
        decided.put_off[step, occasion] = f"issue {current[-1].number} of {campaign.name} waits for a person"
        return None
    name = f"{occasion}+{len(earlier) + 1}" if earlier else occasion
    content = freeze(session, workspace, campaign, now=now)
    decided.contents[step, occasion] = name, content
    return Edition(**_values(course, campaign, name, content, now))


def _values(course: Course, campaign: Campaign, occasion: str, content: FrozenContent, now: datetime) -> dict[str, Any]:
    return {
        "public_id": new_public_id(),
        "campaign_id": campaign.id,
        "kind": campaign.kind,
        "occasion": occasion,
        "state": EditionState.OPEN,
        "list_id": course.row.list_id,
        "segment": "",
        "frozen": content.frozen,
        "content_digest": own_digest(campaign),
        "subject": content.subject,
        "sender": content.sender,
        "due_at": now,
        "expires_at": None,
        "frozen_at": now,
        "planned_at": now,
        "planned": 0,
        "planned_digest": Tally().digest,
        "released_at": now,
    }


def _mails(
    session: Session,
    workspace: Workspace,
    campaign: Campaign,
    edition: Edition,
    those: Sequence[tuple[Enrolled, list[Move]]],
    now: datetime,
) -> dict[int, dict[str, Any]]:
    """The rows of these people's mails, judged as every mail is when it is planned; by enrolment."""
    judged = judge_people(
        session,
        workspace,
        campaign=campaign,
        edition=edition,
        customer_ids={person.customer_id for person, _ in those},
        now=now,
        zones={person.customer_id: person.zone for person, _ in those},
    )
    life = life_of(workspace, campaign)
    rows: dict[int, dict[str, Any]] = {}
    for person, moves in those:
        said, due = judged[person.customer_id], moves[-1].at or now
        rows[person.id] = {
            "public_id": new_public_id(),
            "campaign_id": campaign.id,
            "occasion": person.key,
            "customer_id": person.customer_id,
            "address_key": person.address_key,
            "domain_key": domain_key(workspace.keys, person.address or ""),
            "kind": campaign.kind,
            "state": said.state or DeliveryState.QUEUED,
            "reason": said.reason,
            "evidence": said.evidence,
            "due_at": due,
            "next_at": said.later,
            "expires_at": max(due, now) + life,
            "settled_at": now if said.state is not None else None,
        }
    return rows


def _keep(workspace: Workspace, course: Course, decided: Decided, counts: SequenceCounts, now: datetime) -> bool:
    """Write a page's moves with their mails; whether anything was new (else somebody else is at it)."""
    moved = False
    joining: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    places: list[Holder] = []
    ended: set[int] = set()
    with workspace.database.write() as session:
        for person, moves, mail in decided.people:
            after = _after(person, moves, now)
            if not move_enrolment(session, person, after, now, course.steps):
                continue
            moved = True
            if person.id in decided.standing and course.rules.one_per is not None:
                share_done(session, course.rules.one_per, decided.standing[person.id].id, person.id)
                continue
            places.append(Holder(person.id, person.customer_id, after["done"]))
            if moves[-1].kind is MoveKind.END or (moves[-1].kind is MoveKind.LEAVE and moves[-1].reason not in GONE):
                ended.add(person.customer_id)
            _count(counts, moves)
            if mail is not None:
                joining[mail.step, mail.occasion].append(mail.row)
        for place, rows in joining.items():
            edition_id = decided.editions.get(place) or _open(session, course, place, decided, now)
            join_edition(session, edition_id, [row | {"edition_id": edition_id} for row in rows])
        if course.rules.one_per is not None and places:
            tell_standbys(session, course.id, course.rules.one_per, places, ended, now)
    return moved


def _open(session: Session, course: Course, place: tuple[str, str], decided: Decided, now: datetime) -> int:
    campaign = course.campaigns[place[0]]
    assert campaign.id is not None
    name, content = decided.contents[place]
    for found in editions_on(session, campaign.id, place[1]):
        if found.occasion == name and found.id is not None:
            return found.id
    number = next_number(session, campaign.id)
    edition_id = add_edition(session, _values(course, campaign, name, content, now) | {"number": number})
    keep_links(session, edition_id, content.links, opens=content.opens)
    return edition_id


def _after(person: Enrolled, moves: Sequence[Move], now: datetime) -> dict[str, Any]:
    """Where a person is after these moves, as their enrolment keeps it."""
    done, last = dict(person.done), moves[-1]
    for move in moves:
        if move.kind in (MoveKind.SEND, MoveKind.PASSED):
            how = "sent" if move.kind is MoveKind.SEND else "passed"
            at = now if move.kind is MoveKind.SEND else move.at or now
            done[move.step] = {"at": at.isoformat(), "how": how, "why": move.reason}
    values: dict[str, Any] = {"done": done, "step": last.step, "waits": "", "reason": last.reason, "look_at": None}
    if last.kind is MoveKind.STAND_BY:
        return values | {"state": EnrolmentState.STANDBY}
    if last.kind is MoveKind.LEAVE:
        return values | {"state": EnrolmentState.LEFT}
    if last.kind is MoveKind.END:
        return values | {"state": EnrolmentState.FINISHED}
    look = now if last.kind is MoveKind.SEND else max(last.at or now, now + timedelta(seconds=1))
    return values | {"look_at": look, "waits": str(last.waits) if last.waits is not None else ""}


def _count(counts: SequenceCounts, moves: Sequence[Move]) -> None:
    for move in moves:
        counts.mailed += move.kind is MoveKind.SEND
        counts.passed += move.kind is MoveKind.PASSED
        counts.left += move.kind is MoveKind.LEAVE
        counts.finished += move.kind is MoveKind.END
