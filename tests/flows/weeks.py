"""Weeks of a company and its customers on a clock moved by hand: planning, sending, replies, cases, the plan again.

Everything is the program's own: schedules open editions, mail goes over SMTP to a sink in another process, people
answer into a Maildir, a person reviews, answers and solves. Law: what is judged is judged by what the simulated people
know and by the sink's log; the program's own records are only asked for the reason why somebody got nothing.
"""

from __future__ import annotations

import mailbox
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from outreach.address import KeyRing
from outreach.chance import Share
from outreach.plan.holdout import HELD_OUT, Group, Help, judge_all_help
from outreach.records import (
    Campaign,
    CaseEvent,
    Category,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    Inbound,
    Machine,
)
from outreach.store.holdouts import trials
from outreach.work.answer import answer_case, change_state
from outreach.work.collect import collect
from outreach.work.compose import apply_campaign, apply_tips
from outreach.work.follow_up import follow_up
from outreach.work.publish import publish_due
from outreach.work.review import review
from outreach.work.send import send_open
from outreach.work.workspace import Workspace
from tests.servers import Sink

from .coming_back import add_people

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
"""A Monday in the past: mail that is filed now was filed no later than the clock by hand says."""
WEEK = timedelta(days=7)
PER_WEEK = 2
TOPICS = ("descaling", "grinder", "milk", "water")
FAR, PLUS = 10, 4
"""One person of so many lives in New York, where it is night at nine in London; one of so many has the plan plus."""
LETTERS = {
    Category.COMPLAINT: "The {topic} does not work again and I am very disappointed. This is number {number}.",
    Category.QUESTION: "How often should I look after the {topic}? Question {number}.",
    Category.THANKS: "Thank you so much, the {topic} works like new. Note {number}.",
    Category.UNSUBSCRIBE: "unsubscribe",
}
CAMPAIGNS = {
    "tips": "kind: tips\ntips: 1\nschedule: every tuesday at 09:00",
    "offer": "kind: offer\nschedule: every 2 weeks on thursday at 09:00 from 2026-06-04",
    "evening": 'kind: invitation\nschedule: every 2 weeks on friday at 09:00 from 2026-06-05\nsegment: plan == "plus"\n'
    "deadline: 10 hours",
}
TEXT = "---\nname: {name}\nsubject: The {name}\ntemplate: {layout}\nlist: customers\n{more}\n---\nWeek {week}.\n"
DAYS = {"tips": 1, "offer": 3, "evening": 4}
"""The weekday of each, from Monday."""


@dataclass(frozen=True)
class Nature:
    """How the simulated people are. Shares of people per week; `untouched` complain who did not get the week's tips,
    `touched` who did: the effect that the hold-out is to find."""

    people: int = 10_000
    weeks: int = 12
    untouched: float = 0.030
    touched: float = 0.012
    questions: float = 0.002
    thanks: float = 0.002
    leaving: float = 0.002
    stubborn: float = 0.08
    held_out_percent: int = 20
    effect: float = 0.6
    seed: int = 4


@dataclass
class Person:
    """What one simulated person knows of themselves and of what came in.

    `complained`: the cases that they complained in; `matters`: those of them still unsolved. Who asks about a matter
    that they complained of takes it up again.
    """

    address: str
    topic: str
    far: bool
    plus: bool
    left: bool = False
    complained: set[int] = field(default_factory=set)
    matters: set[int] = field(default_factory=set)
    mails: list[tuple[datetime, str]] = field(default_factory=list)
    last: str = ""

    @property
    def held(self) -> bool:
        """Whether they have complained and nobody has solved it."""
        return bool(self.matters)


@dataclass
class Odds:
    """One group of a tested issue as chance dealt it: `of` people, `expected` complainers, `count` who complained.

    Whoever waits for the end of a case complains of nothing new, so that fewer are expected than the nature's share.
    """

    of: int = 0
    expected: float = 0.0
    count: int = 0


@dataclass
class Verdict:
    """What the weeks were like, by the people and the sink; each list names what must not be."""

    people: int = 0
    weeks: int = 0
    mails: int = 0
    answers: int = 0
    editions: int = 0
    replies: int = 0
    complaints: int = 0
    solved: int = 0
    skips: Counter[str] = field(default_factory=Counter)
    held_mailed: list[str] = field(default_factory=list)
    others_mailed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    without_reason: list[str] = field(default_factory=list)
    wrong_reason: list[str] = field(default_factory=list)
    misread: list[str] = field(default_factory=list)
    miscounted: list[str] = field(default_factory=list)
    answers_lost: int = 0
    tested: int = 0
    held_out: int = 0
    true_difference: float = 0.0
    help: Help | None = None
    seconds: float = 0.0

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        named = ["held_mailed", "others_mailed", "missed", "twice", "without_reason", "wrong_reason"]
        named += ["misread", "miscounted"]
        return [f"{name}: {one}" for name in named for one in getattr(self, name)]


class Weeks:
    """The company, its customers and the clock.

    `after_review` lets a test spoil what a review brought about; `say` is told of each week that is over.
    """

    def __init__(
        self,
        workspace: Workspace,
        clock: Any,
        sink: Sink,
        nature: Nature,
        after_review: Callable[[Workspace, int], None] = lambda _workspace, _inbound: None,
        say: Callable[[int, Verdict], None] = lambda _week, _verdict: None,
    ) -> None:
        self.say = say
        self.clock, self.sink, self.nature, self.after_review = clock, sink, nature, after_review
        self.workspace = _settled(workspace, sink.port, nature)
        self.chance = random.Random(nature.seed)
        self.verdict = Verdict(nature.people, nature.weeks)
        self.people = {
            f"p{number}@example{number % 97}.com": Person(
                f"p{number}@example{number % 97}.com",
                TOPICS[number % len(TOPICS)],
                far=number % FAR == 0,
                plus=number % PLUS == 0,
            )
            for number in range(nature.people)
        }
        self.by_id: dict[int, Person] = {}
        self.to_write: list[tuple[datetime, Person, Category]] = []
        self.truth: dict[str, tuple[Person, Category]] = {}
        self.to_answer: list[tuple[datetime, int, bool]] = []
        self.to_solve: list[tuple[datetime, int]] = []
        self.odds: dict[int, dict[str, Odds]] = {}
        self.answered = 0
        self._read = 0
        self._letters = 0

    def live(self) -> Verdict:
        """Let all weeks pass, and say what they were like."""
        began = time.monotonic()
        self.clock.now = BEGIN + timedelta(hours=7)
        self._begin()
        for week in range(self.nature.weeks):
            for day in range(7):
                self._day(BEGIN + week * WEEK + timedelta(days=day), week, day)
            self.verdict.seconds = time.monotonic() - began
            self.say(week + 1, self.verdict)
        self._day(BEGIN + self.nature.weeks * WEEK, self.nature.weeks, 0)
        self._conclude()
        self.verdict.seconds = time.monotonic() - began
        return self.verdict

    def _begin(self) -> None:
        add_people(self.workspace, self.people)
        with self.workspace.database.write() as session:
            for row in session.execute(select(Customer)).scalars():
                person = self.people[str(row.address)]
                assert row.id is not None
                self.by_id[row.id] = person
                row.zone = "America/New_York" if person.far else "Europe/London"
                row.attributes = {"plan": "plus" if person.plus else "basic"}
                session.add(row)
        for number in range(self.nature.weeks + 2):
            path = self.workspace.root / f"tip-{number}.md"
            topic = TOPICS[number % len(TOPICS)]
            path.write_text(f"---\ntitle: Tip {number}\ntopics: [{topic}]\n---\nLook after it.\n", encoding="utf-8")
            apply_tips(self.workspace, [path])
        for name in CAMPAIGNS:
            self._write_campaign(name, 0)

    def _write_campaign(self, name: str, week: int) -> None:
        """The marketer writes something new for each week; tips come from the pool."""
        if name == "tips" and week:
            return
        path = self.workspace.root / f"{name}.md"
        layout = "tips" if name == "tips" else "news"
        text = TEXT.format(name=name, layout=layout, more=CAMPAIGNS[name], week=week + 1)
        path.write_text(text, encoding="utf-8")
        apply_campaign(self.workspace, path)

    def _day(self, day: datetime, week: int, weekday: int) -> None:
        if weekday < 5:
            self._desk(day + timedelta(hours=8, minutes=45))
        today = [
            name
            for name, on in DAYS.items()
            if on == weekday and (name == "tips" or week % 2 == 0) and week < self.nature.weeks
        ]
        if not today:
            if weekday < 5:
                self._send(day + timedelta(hours=10))
            return
        (campaign,) = today
        self._write_campaign(campaign, week)
        taken: dict[str, int] = defaultdict(int)
        final = day + timedelta(hours=9) if campaign == "evening" else None  # too late tomorrow: no room now is no room
        planned = {one.address: self._why_not(one, campaign, final) for one in self.people.values()}
        wanted: dict[str, str] = {}
        for hour, far in ((9, False), (14, True)):
            now = day + timedelta(hours=hour)
            if far:
                self._desk(now - timedelta(minutes=15))
            wanted |= {
                one.address: planned[one.address] or self._why_not(one, campaign, now)
                for one in self.people.values()
                if one.far is far
            }
            for address, subject in self._send(now):
                if subject == f"The {campaign}":
                    taken[address] += 1
                elif subject.startswith("The "):
                    self.verdict.others_mailed.append(f"{address}: {subject} on a day of {campaign}")
        dealt = self._judge(campaign, day, taken, wanted)
        if campaign == "tips":
            self._react(day + timedelta(hours=15), taken, dealt)

    def _why_not(self, person: Person, campaign: str, now: datetime | None) -> str:
        """Why this person must get nothing of it, "" where they must, as they know it themselves.

        Without `now` as of the planning: who is left out then stays so. How much mail they had counts when it goes.
        """
        if campaign == "evening" and not person.plus:
            return "not asked"
        if person.left:
            return "unsubscribed"
        if campaign != "tips" and person.held:
            return "open complaint"
        if now is not None and sum(at > now - WEEK for at, _ in person.mails) >= PER_WEEK:
            return "budget"
        if now is not None and campaign != "tips" and self._tips_come_first(person, now):
            return "budget"
        return ""

    def _tips_come_first(self, person: Person, now: datetime) -> bool:
        """Whether one mail more would put off the coming Tuesday's tips by more than a day."""
        tuesday = now.replace(hour=9, minute=0) + timedelta(days=(DAYS["tips"] - now.weekday()) % 7)
        return sum(at > tuesday - WEEK + timedelta(days=1) for at, _ in person.mails) + 1 >= PER_WEEK

    def _judge(
        self, campaign: str, day: datetime, taken: dict[str, int], wanted: dict[str, str]
    ) -> dict[str, Delivery]:
        """Hold what the sink took against what each person knows; for those who got nothing, ask for the reason.

        The deliveries, by address.
        """
        rows = self._rows(campaign, day)
        self.verdict.editions += 1
        for address, why in wanted.items():
            got, row = taken.get(address, 0), rows.get(address)
            if got > 1:
                self.verdict.twice.append(f"{address}: {got} times {campaign} on {day:%d %b}")
            if got and why:
                named = self.verdict.held_mailed if why == "open complaint" else self.verdict.others_mailed
                named.append(f"{address} got {campaign} on {day:%d %b} ({why})")
            if got or why == "not asked":
                continue
            reason = row.reason if row is not None and row.state is not DeliveryState.SENT else ""
            self.verdict.skips[reason or "none"] += 1
            if not reason or row is None or not row.evidence:
                self.verdict.without_reason.append(f"{address}: {campaign} on {day:%d %b}")
            elif not why and not (reason == HELD_OUT and campaign == "tips" and row.variant == Group.HELD):
                self.verdict.missed.append(f"{address}: {campaign} on {day:%d %b}, said to be {reason}")
            elif why and reason != why:
                self.verdict.wrong_reason.append(f"{address}: {campaign} on {day:%d %b}: {reason}, but {why}")
        return rows

    def _rows(self, campaign: str, day: datetime) -> dict[str, Delivery]:
        with self.workspace.database.read() as session:
            query = (
                select(Delivery)
                .join(Edition, col(Edition.id) == col(Delivery.edition_id))
                .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
                .where(col(Campaign.name) == campaign, col(Edition.occasion) == f"{day:%Y-%m-%d}/09:00")
            )
            found = session.execute(query).scalars().all()
        if campaign == "tips":
            self.verdict.held_out += sum(row.variant == Group.HELD for row in found)
            self.verdict.tested += any(row.variant == Group.HELD for row in found)
        return {self.by_id[row.customer_id].address: row for row in found if row.customer_id is not None}

    def _send(self, now: datetime) -> list[tuple[str, str]]:
        """Open what is due and send it; what the sink took of it, as (address, subject)."""
        self.clock.now = now
        publish_due(self.workspace)
        send_open(self.workspace)
        with self.sink.log.open(encoding="utf-8") as log:
            log.seek(self._read)
            lines = log.read()
            self._read = log.tell()
        took: list[tuple[str, str]] = []
        for record in _records(lines):
            address, subject = str(record["recipient"]), str(record["subject"])
            person = self.people[address]
            person.last = str(record["message_id"])
            took.append((address, subject))
            if subject.startswith("The "):
                self.verdict.mails += 1
                person.mails = [mail for mail in person.mails if mail[0] > now - WEEK] + [(now, subject)]
            else:
                self.verdict.answers += 1
        return took

    def _react(self, now: datetime, taken: dict[str, int], dealt: dict[str, Delivery]) -> None:
        """Who will write in the week to come, about what; what the test of this issue has to find then."""
        nature, chance = self.nature, self.chance
        odds: dict[str, Odds] = defaultdict(Odds)
        edition: set[int | None] = set()
        for person in self.people.values():
            row = dealt.get(person.address)
            group = odds[row.variant if row is not None else ""]
            edition |= {row.edition_id} if row is not None else set()
            group.of += 1
            if person.left:
                continue
            draw, rate = chance.random(), nature.touched if taken.get(person.address) else nature.untouched
            when = now + timedelta(minutes=chance.randrange(60 * 24 * 6 + 60 * 15))
            group.expected += 0 if person.held else rate
            if draw < rate:
                if not person.held:
                    self.to_write.append((when, person, Category.COMPLAINT))
                    group.count += 1
            elif draw < rate + nature.questions:
                self.to_write.append((when, person, Category.QUESTION))
            elif draw < rate + nature.questions + nature.thanks:
                self.to_write.append((when, person, Category.THANKS))
            elif draw < rate + nature.questions + nature.thanks + nature.leaving:
                self.to_write.append((when, person, Category.UNSUBSCRIBE))
        (edition_id,) = edition
        assert edition_id is not None
        self.odds[edition_id] = odds

    def _desk(self, now: datetime) -> None:
        """Somebody reads what came, agrees or corrects, answers what was read before, and solves what was answered."""
        self.clock.now = now
        due = [letter for letter in self.to_write if letter[0] <= now]
        self.to_write = [letter for letter in self.to_write if letter[0] > now]
        for when, person, category in sorted(due, key=lambda letter: letter[0]):
            self._post(when, person, category)
        collect(self.workspace)
        self._review(now)
        for ready, case, stubborn in [one for one in self.to_answer if one[0] <= now]:
            answer_case(self.workspace, case, "We are sorry, and have sent a new part.", "maria")
            self.answered += 1
            self.to_solve.append((now + (timedelta(days=16) if stubborn else timedelta(hours=20)), case))
            self.to_answer.remove((ready, case, stubborn))
        for ready, case in [one for one in self.to_solve if one[0] <= now]:
            change_state(self.workspace, case, CaseEvent.RESOLVE, "maria")
            self.verdict.solved += 1
            for person in self.people.values():
                person.matters.discard(case)
            self.to_solve.remove((ready, case))
        follow_up(self.workspace)

    def _post(self, when: datetime, person: Person, category: Category) -> None:
        """One person writes, in answer to the last mail that they had."""
        self._letters += 1
        own = f"letter-{self._letters}@people.example"
        self.truth[own] = (person, category)
        text = LETTERS[category].format(topic=person.topic, number=self._letters)
        thread = f"In-Reply-To: {person.last}\r\n" if person.last and category is not Category.UNSUBSCRIBE else ""
        subject = "unsubscribe" if category is Category.UNSUBSCRIBE else "Re: your mail"
        raw = (
            f"From: <{person.address}>\r\nTo: <{self.workspace.reply_address}>\r\nSubject: {subject}\r\n"
            f"Date: {when:%a, %d %b %Y %H:%M:%S} +0000\r\nMessage-ID: <{own}>\r\n{thread}\r\n{text}\r\n"
        )
        box = mailbox.Maildir(self.workspace.root / "inbox", create=True)
        key = box.add(raw.encode())
        stamp = when.timestamp()
        os.utime(Path(box._path) / box._lookup(key), (stamp, stamp))  # type: ignore[attr-defined]
        if category is Category.UNSUBSCRIBE:
            person.left = True

    def _review(self, now: datetime) -> None:
        with self.workspace.database.read() as session:
            query = select(Inbound).where(col(Inbound.reviewed_at).is_(None), col(Inbound.category).is_not(None))
            found = session.execute(query.order_by(col(Inbound.id))).scalars().all()
        for inbound in found:
            assert inbound.id is not None
            person, category = self.truth.pop(inbound.message_id.strip("<>"))
            self.verdict.replies += 1
            if inbound.machine is not Machine.HUMAN and category is not Category.UNSUBSCRIBE:
                self.verdict.misread.append(f"{inbound.text}: {inbound.machine}")
            if category is Category.UNSUBSCRIBE and inbound.category is not Category.UNSUBSCRIBE:
                self.verdict.misread.append(f"{inbound.text}: {inbound.category}")
            topics = [person.topic] if category in (Category.COMPLAINT, Category.QUESTION) else []
            review(self.workspace, inbound.id, by="maria", category=category, topics=topics)
            self._note(inbound.id, person, category, now)
            self.after_review(self.workspace, inbound.id)

    def _note(self, inbound_id: int, person: Person, category: Category, now: datetime) -> None:
        with self.workspace.database.read() as session:
            case = session.get_one(Inbound, inbound_id).case_id
        if category not in (Category.COMPLAINT, Category.QUESTION):
            return
        if case is None:
            self.verdict.misread.append(f"{person.address}: no case for a {category}")
            return
        self.verdict.complaints += category is Category.COMPLAINT
        if category is Category.COMPLAINT or case in person.complained:
            person.complained.add(case)
            person.matters.add(case)
        waiting = {one for _, one, _ in self.to_answer} | {one for _, one in self.to_solve}
        if case not in waiting:
            stubborn = self.chance.random() < self.nature.stubborn
            self.to_answer.append((now + timedelta(hours=20), case, stubborn))

    def _conclude(self) -> None:
        """What the tests of the issues found, beside what chance dealt the people."""
        self.verdict.answers_lost = self.answered - self.verdict.answers
        with self.workspace.database.read() as session:
            tried = {one: trial for one, trial in trials(session, self.clock.now).items() if trial.over}
        self.verdict.help = judge_all_help(list(tried.values()))
        above = weight = 0.0
        for edition_id, trial in tried.items():
            issue, held = (self.odds[edition_id][group] for group in (Group.ISSUE, Group.HELD))
            if (trial.issue, trial.held) != (Share(issue.count, issue.of), Share(held.count, held.of)):
                self.verdict.miscounted.append(f"edition {edition_id}: {trial.issue}, {trial.held}: {issue}, {held}")
            share = issue.of * held.of / (issue.of + held.of)
            above += share * (held.expected / held.of - issue.expected / issue.of)
            weight += share
        self.verdict.true_difference = above / weight if weight else 0.0


def _settled(workspace: Workspace, port: int, nature: Nature) -> Workspace:
    """The same workspace, its relay the sink, one process sending, issues tested, and keys that deal the same again."""
    own = workspace.settings
    relay = own.relay.model_copy(update={"host": "127.0.0.1", "port": port, "connections": 4, "catcher": False})
    sending = own.sending.model_copy(update={"processes": 1, "per_week": PER_WEEK})
    plan = own.plan.model_copy(
        update={
            "hold_out_percent": nature.held_out_percent,
            "hold_out_effect": nature.effect,
            "hold_out_days": 7,
        }
    )
    settings = own.model_copy(update={"relay": relay, "sending": sending, "plan": plan})
    keys = KeyRing(address=b"a" * 32, signing={1: b"s" * 32}, current=1)
    return replace(workspace, settings=settings, keys=keys)


def _records(lines: str) -> Iterator[dict[str, object]]:
    import json

    yield from (json.loads(line) for line in lines.splitlines() if line)
