"""The demo's story: two issues for the same people, and between them what they said and what was done about it.

Law: each act calls what the commands call; nothing is written into the database past them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from ...address import address_key, canonical_address
from ...records import (
    Boost,
    Campaign,
    Case,
    CaseEvent,
    Category,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    Hold,
    Inbound,
    Schedule,
    Step,
    SuppressionReason,
    Tip,
    Verdict,
)
from ...store.accounts import EditionAccount, account
from ...store.consents import suppress
from ...work.answer import answer_case, change_state
from ...work.compose import apply_campaign, apply_tips
from ...work.intake import import_customers
from ...work.publish import open_occasion
from .later import evening, welcome
from .people import SUPPRESSED
from .post import ANN, Answered, answer_all, received
from .stage import PERSON, Stage, go_out, work

TIPS, NEWS = "tips", "news"
ANSWERS = {
    "descaling": "I am sorry about the light. Hold both buttons for five seconds after the last rinse: it resets the "
    "counter. If it still blinks tomorrow, I will send you a new sensor, free of charge.",
    "app": "I am sorry. The last update lost the pairing for some of you. Please remove the machine in the app and add "
    "it again; your recipes stay. I will ask you on Friday whether it held.",
}
ANSWER = "Thank you for telling us. I have looked into it and will put it right; here is what happens next."
SAID = {
    "complaint": "complaints",
    "question": "questions",
    "thanks": "thanks",
    "out_of_office": "out-of-office notes",
    "unsubscribe_words": "unsubscribes by mail",
    "bounce": "bounce",
    "abuse_report": "abuse report",
    "one_click": "one-click unsubscribe",
}
Say = Callable[[str], None]


@dataclass
class Told:
    """What happened, for the figures and the page."""

    imported: dict[str, int] = field(default_factory=dict)
    answered: Answered | None = None
    categories: dict[str, int] = field(default_factory=dict)
    machine: dict[str, int] = field(default_factory=dict)
    cases: int = 0
    answers: int = 0
    withheld: list[tuple[str, int, str]] = field(default_factory=list)
    accounts: dict[str, list[EditionAccount]] = field(default_factory=dict)
    changed: int = 0
    welcomed: tuple[int, int] = (0, 0)
    evening: tuple[int, int] = (0, 0)
    ann: dict[str, Any] = field(default_factory=dict)


def play(stage: Stage, say: Say) -> Told:
    """The whole loop, told as it happens."""
    told = Told()
    told.imported = people_come(stage)
    say(f"Imported {told.imported['created']} customers; " + _rest(told.imported))
    first = issue(stage)
    say(f"Issue 1 went to {first} people, each at nine in the morning where they live.")
    told.answered = answer_all(stage, received(stage.mail))
    stage.clock.advance(hours=3)
    work(stage)
    _what_was_read(stage, told)
    said = ", ".join(f"{count} {SAID[name]}" for name, count in told.answered.counts.items())
    say(f"Back came {said}; read and sorted into {told.cases} cases.")
    agreed = people_look(stage)
    say(f"{PERSON.title()} agreed with {agreed} of the complaints, with one key each.")
    news(stage, told)
    held = sum(count for reason, count, _ in told.withheld if "complaint" in reason)
    say(f"The news did not go to {held} people with an open complaint.")
    told.answers = people_answer(stage)
    say(f"{PERSON.title()} answered {told.answers} cases by mail, each in its thread; the complaints are solved.")
    second = issue(stage)
    told.changed = _changed(stage)
    say(f"Issue 2 went to {second} people; for {told.changed} it begins with what they had written about.")
    told.welcomed = welcome(stage)
    mails, people = told.welcomed
    say(f"{people} people joined and got the first {mails} mails of a welcome, each counted from their own day.")
    told.evening = evening(stage)
    invited, coming = told.evening
    say(f"{invited} of those who had written were invited to a seminar; {coming} calendars said yes.")
    with stage.workspace.database.read() as session:
        told.accounts = {name: account(session, _campaign_id(session, name)) for name in (TIPS, NEWS)}
        told.ann = _ann(session)
    return told


def people_come(stage: Stage) -> dict[str, int]:
    """One address is suppressed first; then the list is imported, and tips and newsletters are applied."""
    workspace = stage.workspace
    key = address_key(workspace.keys, canonical_address(SUPPRESSED))
    with workspace.database.write() as session:
        suppress(
            session,
            address_key=key,
            reason=SuppressionReason.BY_HAND,
            at=workspace.clock(),
            evidence="asked by phone never to be written to",
        )
    counts = import_customers(workspace, stage.people, list_name="customers").counts
    templates = stage.root / "templates"
    apply_tips(workspace, [templates / "tips"])
    starter = (templates / "campaigns" / "tips.md").read_text(encoding="utf-8")
    scheduled = starter.replace("# schedule: every 2 weeks on tuesday", "schedule: every tuesday")
    scheduled = scheduled.replace("# zone:", "zone:")
    (stage.root / "tips.md").write_text(scheduled, encoding="utf-8")
    apply_campaign(workspace, stage.root / "tips.md")
    apply_campaign(workspace, templates / "campaigns" / "news.md")
    return dict(counts)


def issue(stage: Stage) -> int:
    """Let the clock run until the next issue has gone to everybody, wherever they live; how many got it."""
    before = _sent(stage, TIPS)
    work(stage)
    with stage.workspace.database.read() as session:
        opens = session.execute(select(func.min(col(Schedule.next_at)))).scalar()
    if opens is not None:
        stage.clock.move_to(opens + timedelta(minutes=1))
    go_out(stage)
    return _sent(stage, TIPS) - before


def people_look(stage: Stage) -> int:
    """A person reviews what the cues took for complaints, and agrees."""
    from ...work.review import review  # lazy: as all of the doors' work

    with stage.workspace.database.read() as session:
        query = select(col(Inbound.id)).where(col(Inbound.category) == Category.COMPLAINT)
        found = list(session.execute(query).scalars())
    for inbound_id in found:
        review(stage.workspace, inbound_id, by=PERSON, category=Category.COMPLAINT)
    return len(found)


def news(stage: Stage, told: Told) -> None:
    """Two days later the news goes out; who has an open complaint is left in peace."""
    stage.clock.advance(days=1)
    edition_id = open_occasion(stage.workspace, NEWS)
    work(stage)
    with stage.workspace.database.read() as session:
        rows = session.execute(
            select(col(Delivery.reason), func.count(), func.min(col(Customer.address)))
            .join(Customer, col(Customer.id) == col(Delivery.customer_id))
            .where(
                col(Delivery.edition_id) == edition_id,
                col(Delivery.state).in_([DeliveryState.WITHHELD, DeliveryState.SUPPRESSED]),
            )
            .group_by(col(Delivery.reason))
            .order_by(func.count().desc())
        )
        told.withheld = [(str(reason), int(count), str(example)) for reason, count, example in rows]


def people_answer(stage: Stage) -> int:
    """Every case is answered by a person, in the customer's own thread; a day later the complaints are solved."""
    stage.clock.advance(hours=20)
    with stage.workspace.database.read() as session:
        cases = list(session.execute(select(Case).where(col(Case.customer_id).is_not(None))).scalars())
    for case in cases:
        assert case.id is not None
        answer_case(stage.workspace, case.id, ANSWERS.get(case.topic, ANSWER), PERSON)
    work(stage)
    stage.clock.advance(hours=26)
    for case in cases:
        assert case.id is not None
        solved = case.category is Category.COMPLAINT
        words = "the customer's machine works again" if solved else "we wait for the customer's word"
        change_state(stage.workspace, case.id, CaseEvent.RESOLVE if solved else CaseEvent.WAIT, PERSON, words)
    return len(cases)


def _rest(counts: dict[str, int]) -> str:
    words = {"invalid": "set aside as no address", "suppressed": "suppressed", "duplicate": "twice in the file"}
    return ", ".join(f"{counts.get(name, 0)} {said}" for name, said in words.items()) + "."


def _sent(stage: Stage, name: str) -> int:
    with stage.workspace.database.read() as session:
        query = select(func.count()).where(
            col(Delivery.campaign_id) == _campaign_id(session, name), col(Delivery.state) == DeliveryState.SENT
        )
        return int(session.execute(query).scalar() or 0)


def _campaign_id(session: Session, name: str) -> int:
    return int(session.execute(select(col(Campaign.id)).where(col(Campaign.name) == name)).scalar_one() or 0)


def _what_was_read(stage: Stage, told: Told) -> None:
    with stage.workspace.database.read() as session:
        rows = list(session.execute(select(Inbound)).scalars())
        told.cases = int(session.execute(select(func.count()).select_from(Case)).scalar() or 0)
    told.categories = dict(Counter(str(row.category) for row in rows if row.category is not None))
    told.machine = dict(Counter(str(row.machine) for row in rows))


def _changed(stage: Stage) -> int:
    with stage.workspace.database.read() as session:
        rows = session.execute(select(col(Delivery.choices)).where(col(Delivery.state) == DeliveryState.SENT)).scalars()
        return sum(bool(choices.get("boosts")) for choices in rows)


def _ann(session: Session) -> dict[str, Any]:
    """All that the page shows of the one customer whose two issues it compares."""
    ann = session.execute(select(Customer).where(col(Customer.address) == ANN)).scalar_one()
    inbound = (
        session.execute(
            select(Inbound).where(col(Inbound.customer_id) == ann.id, col(Inbound.category) == Category.COMPLAINT)
        )
        .scalars()
        .first()
    )
    reasons = (
        session.execute(select(Verdict).where(col(Verdict.inbound_id) == inbound.id).order_by(col(Verdict.id)))
        .scalars()
        .first()
        if inbound is not None
        else None
    )
    deliveries = session.execute(
        select(Delivery, Edition)
        .join(Edition, col(Edition.id) == col(Delivery.edition_id))
        .where(col(Delivery.customer_id) == ann.id, col(Edition.campaign_id) == _campaign_id(session, TIPS))
        .order_by(col(Edition.id))
    ).all()
    titles = {tip.name: next(iter(tip.texts.values()))["title"] for tip in session.execute(select(Tip)).scalars()}
    steps = session.execute(select(Step).where(col(Step.customer_id) == ann.id).order_by(col(Step.id))).scalars()
    return {
        "customer": ann,
        "inbound": inbound,
        "verdict": reasons,
        "deliveries": [row._tuple() for row in deliveries],
        "titles": titles,
        "steps": list(steps),
        "holds": list(session.execute(select(Hold).where(col(Hold.customer_id) == ann.id)).scalars()),
        "boosts": list(session.execute(select(Boost).where(col(Boost.customer_id) == ann.id)).scalars()),
    }


def find_page(root: Path) -> Path:
    """Where the page that compares both issues is written."""
    return root / "demo.html"
