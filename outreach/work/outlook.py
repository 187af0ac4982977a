"""What the running sequences will send: to how many people which step, on which day and hour of theirs.

Law: a group's mails are moved on in order of time, judged as every mail is, and count in its budget beside editions;
what a mail is put off by, the steps after it wait for. Only what is sure if nothing else happens is counted as going;
what an event would bring is told apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from ..plan.budget import FIRST
from ..records import BULK, CampaignState, Edition, EditionState, Permission
from ..store.sequences_ahead import not_noted
from ..timing.sequence import Ahead, Going, Hope, look_ahead
from ..timing.sequence_words import BeginKind
from ..workdays import zone_or
from .alike import Alike, PutOff, Way
from .at_home import SEQUENCES
from .courses import Courses, Foreseen, with_done
from .foreseen import Counts
from .in_turn import TipsAhead, TipsCalendar, Turn, rank_of
from .judge import MailFactsOfEdition, PersonFacts, edition_facts, judge_person, judge_to_the_end
from .schedules import life_of
from .workspace import Workspace

FIRST_NUMBER, MOST_STEPS = SEQUENCES, 100
"""Entries of a look are numbered from 0, the steps of its sequences from here."""


@dataclass(frozen=True)
class StepMails:
    """So many people get a step at this hour of this day of their own; `at`: when the first of them do."""

    step: str
    day: date
    local: str
    people: int
    at: datetime


@dataclass(frozen=True)
class StepLater:
    """So many get a step on this day of their own, later than it is due, for this reason."""

    step: str
    reason: str
    day: date
    people: int


@dataclass(frozen=True)
class StepRefused:
    """How many will not get a step for one reason."""

    step: str
    state: str
    reason: str
    people: int


@dataclass(frozen=True)
class StepHoped:
    """Up to so many people get a step, when they do what it waits for, the last of them by `until` (None: by the time
    at which it is due)."""

    step: str
    event: str
    people: int
    until: datetime | None


@dataclass(frozen=True)
class Outlook:
    """One running sequence up to the end of a look: `people` are in it, `begin` more will be; `going`: its mails."""

    sequence: str
    kind: str
    begins: str
    people: int
    begin: int
    going: int
    steps: tuple[dict[str, Any], ...]
    mails: tuple[StepMails, ...]
    later: tuple[StepLater, ...]
    refused: tuple[StepRefused, ...]
    hoped: tuple[StepHoped, ...]
    notes: tuple[str, ...]


class Sequences:
    """Lets groups get their mails of sequences, and adds them up."""

    def __init__(self, session: Session, workspace: Workspace, courses: Courses, tips: TipsCalendar) -> None:
        self._session, self._workspace, self._courses, self._tips = session, workspace, courses, tips
        self._ahead: dict[tuple[Way, frozenset[str]], Ahead] = {}
        self._next: dict[Any, Way] = {}
        self._drafts: dict[tuple[int, str, datetime], tuple[Edition, MailFactsOfEdition]] = {}
        self._ahead_on: dict[date, TipsAhead] = {}

    def next_of(self, group: Alike) -> tuple[Turn, int] | None:
        """The next mail of a sequence that is to leave for a group: when, in which order, and by which of its ways."""
        found = None
        for place, way in enumerate(group.ways):
            turn = self._turn(way, group)
            if turn is not None and (found is None or turn < found[0]):
                found = turn, place
        return found

    def finish(self, groups: Sequence[Alike]) -> None:
        """Of all who have got what is left up to the end: what waits still, and what they hope for then."""
        for group in groups:
            if not group.ways or not group.count:
                continue
            for way in group.ways:
                if way.waits is not None:
                    draft, rules = self._draft(way.course, way.waits.step, way.waits.due, way.going.zone)
                    said = judge_to_the_end(rules, self._facts(group, draft, way.waits.until), way.waits.until)
                    self._count(way, group, way.waits.step, way.waits.due, said, way.waits.until)
                else:
                    self._hope(way, group, self._look(way, group))

    def outlooks(self) -> tuple[Outlook, ...]:
        """What came of it, by sequence."""
        return tuple(self._told(one) for one in self._courses.all)

    def names(self) -> dict[int, tuple[str, str]]:
        """Each sequence by the numbers that its mails have in groups."""
        return {
            self._number(place, step): (one.course.row.name, "")
            for place, one in enumerate(self._courses.all)
            for step in one.course.campaigns
        }

    def _number(self, course: int, step: str) -> int:
        """The number that a step's mails have in groups."""
        return FIRST_NUMBER + course * MOST_STEPS + list(self._courses.all[course].course.campaigns).index(step)

    def _turn(self, way: Way, group: Alike) -> Turn | None:
        step, at, opens = "", None, None
        if way.waits is not None:
            step, opens, at, _ = way.waits
        elif (mail := self._look(way, group).mail) is not None:
            step, at, opens = mail.step, mail.at, mail.at
        if at is None or opens is None:
            return None
        kind = self._courses.all[way.course].course.campaigns[step].kind
        return at, rank_of(kind), opens, self._number(way.course, step)

    def _look(self, way: Way, group: Alike) -> Ahead:
        one = self._courses.all[way.course]
        outside = one.outside
        if one.segments:
            outside |= {step for step, audience in one.segments.items() if not group.subscribed(audience)}
        key = way, outside
        if key not in self._ahead:
            going = replace(way.going, outside=outside) if outside else way.going
            self._ahead[key] = look_ahead(one.course.rules.plan, going, way.since, self._courses.until)
        return self._ahead[key]

    def _hope(self, way: Way, group: Alike, ahead: Ahead) -> None:
        for hope in ahead.hopes:
            self._courses.all[way.course].hopes[way.last.get(hope, hope)] += group.count

    def get(self, group: Alike, place: int) -> None:
        """Let a group get the mail that this way of it has for it, or have it put off anew."""
        way = group.ways[place]
        one = self._courses.all[way.course]
        if way.waits is not None:
            step, due, at, reason = way.waits
            going = way.going
        else:
            ahead = self._look(way, group)
            assert ahead.mail is not None and ahead.mail.at is not None
            step, due, at, reason = ahead.mail.step, ahead.mail.at, ahead.mail.at, ""
            going = ahead.going
            self._hope(way, group, ahead)
        campaign = one.course.campaigns[step]
        if campaign.state is CampaignState.PAUSED:
            one.stopped[step] += group.count
            group.ways = (*group.ways[:place], *group.ways[place + 1 :])
            return
        draft, rules = self._draft(way.course, step, due, going.zone)
        said = judge_person(rules, self._facts(group, draft, at), at)
        if said.state is None and said.later is not None and said.later > at:
            after = self._after(way, going, said.later, PutOff(step, due, said.later, reason or said.reason))
        else:
            self._count(way, group, step, due, said, at)
            after = self._after(way, with_done(going, step, at), at, None)
            if said.state is None and campaign.kind in BULK:
                group.get(self._number(way.course, step), at)
        group.ways = (*group.ways[:place], after, *group.ways[place + 1 :])

    def _facts(self, group: Alike, draft: Edition, at: datetime) -> PersonFacts:
        """What the rules read then: what goes after that is not known yet."""
        facts = group.facts(draft, self._tips_of(draft, at).of(group, at))
        return facts._replace(sent=[one for one in facts.sent if one <= at])

    def _count(self, way: Way, group: Alike, step: str, due: datetime, said: Permission, at: datetime) -> None:
        if said.state is None and at > due and said.later is None:
            said = Permission(reason=way.waits.reason if way.waits else said.reason, later=at)
        one = self._courses.all[way.course]
        one.counts.setdefault(step, Counts()).add(group.zone.key, due, said, group.count)

    def _after(self, way: Way, going: Going, since: datetime, waits: PutOff | None) -> Way:
        """One way for all to whom the same happened."""
        key = way, frozenset(going.outside), since, waits
        if key not in self._next:
            self._next[key] = Way(way.course, going, since, waits, way.last)
        return self._next[key]

    def _draft(self, number: int, step: str, at: datetime, zone: Any) -> tuple[Edition, MailFactsOfEdition]:
        """The edition that a step's mail of that instant would join, and its rules."""
        found = self._drafts.get((number, step, at))
        if found is not None:
            return found
        course = self._courses.all[number].course
        campaign = course.campaigns[step]
        when = next(one.when for one in course.rules.plan.steps if one.name == step)
        occasion = f"{at:%Y-%m-%d}"
        if when.days is not None:
            occasion = f"{at.astimezone(zone):%Y-%m-%d}/{course.rules.plan.at:%H:%M}"
        draft = Edition(
            public_id="",
            campaign_id=campaign.id or 0,
            kind=campaign.kind,
            occasion=occasion,
            state=EditionState.OPEN,
            list_id=course.row.list_id,
            due_at=at,
            expires_at=at + life_of(self._workspace, campaign),
            frozen_at=at,
        )
        made = draft, edition_facts(self._workspace, campaign, draft)
        self._drafts[number, step, at] = made
        return made

    def _tips_of(self, draft: Edition, at: datetime) -> TipsAhead:
        """The tips to leave room for; looked up once a day."""
        day = at.date() if draft.kind in BULK and draft.kind not in FIRST else date.min
        if day not in self._ahead_on:
            start = at.replace(hour=0, minute=0, second=0, microsecond=0)
            self._ahead_on[day] = self._tips.before(draft.model_copy(update={"due_at": start}))
        return self._ahead_on[day]

    def _told(self, one: Foreseen) -> Outlook:
        course = one.course
        plan, home = course.row.plan, self._workspace.settings.identity.zone
        order = [step.name for step in course.rules.plan.steps]
        steps = tuple(
            {
                "step": step["name"],
                "when": step["when"],
                "if": step["if"],
                "subject": course.campaigns[step["name"]].subject,
            }
            for step in plan["steps"]
        )
        in_order = [(step, one.counts[step]) for step in order if step in one.counts]
        mails = [mail for step, counts in in_order for mail in _mails(step, counts, home)]
        later: Counter[tuple[str, str, date]] = Counter()
        for step, counts in in_order:
            for (reason, zone, at), people in counts.instead.items():
                later[step, reason, at.astimezone(zone_or(zone, home)).date()] += people
        return Outlook(
            sequence=course.row.name,
            kind=plan["kind"],
            begins=plan["begins"],
            people=one.people,
            begin=one.begin,
            going=sum(mail.people for mail in mails),
            steps=steps,
            mails=tuple(sorted(mails, key=lambda mail: (mail.day, mail.local, order.index(mail.step)))),
            later=tuple(
                StepLater(step, reason, day, people)
                for (step, reason, day), people in sorted(
                    later.items(), key=lambda one: (order.index(one[0][0]), one[0][2], one[0][1])
                )
            ),
            refused=tuple(
                StepRefused(step, state, reason, people)
                for step, counts in in_order
                for (state, reason), people in counts.not_going.most_common()
            ),
            hoped=_hoped(one.hopes, order),
            notes=tuple(self._notes(one)),
        )

    def _notes(self, one: Foreseen) -> list[str]:
        """What the numbers cannot say, in words."""
        course = one.course
        begins, exits = course.rules.begins, course.rules.plan.exits
        notes = []
        if begins.kind in _MORE:
            notes.append(f"on top of these come all {_MORE[begins.kind].format(name=begins.name)} from now on")
        if begins.kind is BeginKind.QUIET and one.begin:
            notes.append(f"the {one.begin:,} who begin do so unless they write or reach a goal before")
        if begins.kind is BeginKind.SEMINAR and begins.who:
            for name, ends, guests in not_noted(self._session, begins.name, course.row.created_at, self._courses.until):
                which = "came to" if begins.who == "attended" else "missed"
                session = f"{begins.name}/{name} ({ends:%-d %b %Y})"
                notes.append(f"up to {guests:,} more who {which} {session}, once it is noted who came")
        if course.rules.one_per is not None:
            notes.append(f"one of each {course.rules.one_per.value} is in it; others who begin meanwhile stand by")
        if exits:
            notes.append(f"it ends for whoever has: {', '.join(map(str, exits))}")
        for step, people in one.stopped.items():
            notes.append(f"a person paused {course.row.name}/{step}: {people:,} wait there")
        return notes


_MORE = {
    BeginKind.SIGNUP: "who join the list",
    BeginKind.GOAL: "who reach the goal {name}",
    BeginKind.EVERY_GOAL: "who reach the goal {name}",
    BeginKind.CASE_CLOSED: "whose case is closed",
}


def _mails(step: str, counts: Counts, home: str) -> list[StepMails]:
    people: Counter[tuple[date, str]] = Counter()
    first: dict[tuple[date, str], datetime] = {}
    for (zone, at), count in counts.going.items():
        local = at.astimezone(zone_or(zone, home))
        key = local.date(), f"{local:%H:%M}"
        people[key] += count
        first[key] = min(at, first.get(key, at))
    return [StepMails(step, day, hour, count, first[day, hour]) for (day, hour), count in people.items() if count]


def _hoped(hopes: Counter[Hope], order: Sequence[str]) -> tuple[StepHoped, ...]:
    people: Counter[tuple[str, str]] = Counter()
    until: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for hope, count in hopes.items():
        key = hope.step, str(hope.event)
        people[key] += count
        until[key] += [hope.until] if hope.until is not None else []
    found = [
        StepHoped(step, event, count, max(until[step, event], default=None)) for (step, event), count in people.items()
    ]
    return tuple(sorted((one for one in found if one.people), key=lambda one: (order.index(one.step), one.event)))
