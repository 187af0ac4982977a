"""Bounces heard: a suppression, a point, a rest, a storm; and all of it taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from outreach.cli.demo.reply_mail import as_bounce
from outreach.records import (
    AlertKind,
    Bounce,
    Category,
    ClueKind,
    Customer,
    Delivery,
    DeliveryState,
    FailureClass,
    Inbound,
    Kind,
    Step,
    Suppression,
    SuppressionReason,
)
from outreach.store.accounts import state_counts
from outreach.store.alerts import open_alerts
from outreach.store.bounces import Heard, paused_domains
from outreach.store.consents import find_suppression, suppress
from outreach.work.bounces import bounce_rules, take_bounces, watch_bounces
from outreach.work.compose import apply_campaign
from outreach.work.history import tell_stories
from outreach.work.publish import open_occasion
from outreach.work.relays import resume_domain_named
from outreach.work.review import review, undo_review
from outreach.work.send import send_open
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer
from ..servers.fault import FaultServer
from ..store.rows import lay_edition
from .planning_kit import make_campaign
from .replying import CAMPAIGN, delivery_of, receive, send_newsletter
from .sending import with_relay

BAD, FULL, POLICY = FailureClass.BAD_ADDRESS, FailureClass.MAILBOX_FULL, FailureClass.REFUSED
Hear = Callable[..., str]


@pytest.fixture
def people(make_customer: MakeCustomer) -> list[int]:
    return [make_customer(f"p{number}@{'full' if number % 2 else 'example'}.com") for number in range(24)]


@pytest.fixture
def mails(workspace: Workspace, people: list[int], clock: HandClock) -> dict[int, bytes]:
    got = send_newsletter(workspace, people)
    clock.advance(minutes=10)
    return got


def hear(workspace: Workspace, customer: int, failure: FailureClass, words: str = "it said so", **more: bool) -> str:
    """A bounce of this customer's mail; what followed, in words."""
    rules = bounce_rules(workspace.settings.bounces)
    delivery = delivery_of(workspace, customer)
    with workspace.database.write() as session:
        session.connection().execute(Bounce.__table__.delete().where(col(Bounce.delivery_id) == delivery.id))  # type: ignore[attr-defined]
        heard = Heard(delivery.id or 0, failure, words, **more)
        return take_bounces(session, rules, [heard], "smtp", workspace.clock())[delivery.id or 0]


def block(workspace: Workspace, customer: int) -> SuppressionReason | None:
    with workspace.database.read() as session:
        found = find_suppression(session, session.get_one(Customer, customer).address_key or "")
        return None if found is None else found.reason


def bounces(workspace: Workspace) -> list[Bounce]:
    with workspace.database.read() as session:
        return list(session.execute(select(Bounce).order_by(col(Bounce.id))).scalars())


def test_a_bad_address_is_suppressed_at_once_and_policy_or_a_full_mailbox_never_is(
    workspace: Workspace, people: list[int], mails: dict[int, bytes]
) -> None:
    for customer, failure in zip(people, (BAD, FULL, POLICY, FailureClass.OTHER), strict=False):
        hear(workspace, customer, failure)
    assert [block(workspace, one) for one in people[:4]] == [SuppressionReason.BAD_ADDRESS, None, None, None]
    assert [one.failure for one in bounces(workspace)] == [BAD, FULL, POLICY, FailureClass.OTHER]


def test_the_same_bounce_told_twice_counts_once(
    workspace: Workspace, people: list[int], mails: dict[int, bytes]
) -> None:
    first = receive(workspace, as_bounce(mails[people[0]], status="5.2.2", said="552 5.2.2 mailbox full"))
    again = receive(workspace, as_bounce(mails[people[0]], status="5.2.2", said="552 5.2.2 still full"))
    assert first.id != again.id and len(bounces(workspace)) == 1
    [story] = tell_stories(workspace, str(delivery_of(workspace, people[0]).id))
    assert [line.by for line in story.lines if line.what == "bounced"] == ["a bounce message"], "told once, too"


def test_a_mail_that_was_taken_and_bounced_later_stays_sent_with_the_bounce_beside_it(
    workspace: Workspace, people: list[int], mails: dict[int, bytes]
) -> None:
    receive(workspace, as_bounce(mails[people[0]]))
    delivery = delivery_of(workspace, people[0])
    assert (delivery.state, delivery.failure) == (DeliveryState.SENT, BAD)
    (kept,) = bounces(workspace)
    assert (kept.delivery_id, kept.source, kept.domain_key) == (delivery.id, "dsn", delivery.domain_key)
    assert "User unknown" in kept.words
    assert block(workspace, people[0]) is SuppressionReason.BAD_ADDRESS


def test_bounces_on_four_days_let_newsletters_rest_and_why_says_until_when(
    workspace: Workspace, people: list[int], mails: dict[int, bytes], clock: HandClock
) -> None:
    said = []
    for day in range(4):
        said.append(hear_again(workspace, people[1], day))
        clock.advance(days=1)
    assert said[:3] == ["the address is kept"] * 3 and said[3].startswith("newsletters to the address rest until")
    assert block(workspace, people[1]) is SuppressionReason.BOUNCES
    make_campaign(workspace, "offers", Kind.OFFER, schedule="every day at 12:00")
    why = explain_person(workspace, "p1@full.com", "offers")
    assert not why.allowed and why.answer.startswith("no: bounces (") and "rests" in why.answer
    clock.advance(days=60)
    assert explain_person(workspace, "p1@full.com", "offers").allowed, "a rest lapses by itself"


def hear_again(workspace: Workspace, customer: int, number: int, *ways: str) -> str:
    """The bounce of another mail to this customer, by each of these ways, a day apart; what the last one did."""
    edition = lay_edition(workspace, [customer], name=f"mail-{number}")
    with workspace.database.read() as session:
        mail = session.execute(select(col(Delivery.id)).where(col(Delivery.edition_id) == edition)).scalar_one()
    said = ""
    for later, way in enumerate(ways or ("smtp",)):
        with workspace.database.write() as session:
            heard = Heard(mail or 0, FULL, "552 mailbox full")
            at = workspace.clock() + timedelta(days=later)
            said = take_bounces(session, bounce_rules(workspace.settings.bounces), [heard], way, at)[mail or 0]
    return said


def test_a_bounce_that_the_log_and_a_mail_tell_on_two_days_is_one_point(
    workspace: Workspace, people: list[int], mails: dict[int, bytes], clock: HandClock
) -> None:
    """Two mails made four points, and the address rested for a month."""
    for number in range(3):
        assert hear_again(workspace, people[1], number, "maillog", "dsn") == "the address is kept"
        clock.advance(days=2)
    assert len(bounces(workspace)) == 6
    assert block(workspace, people[1]) is None


def storm(workspace: Workspace, customers: list[int], failure: FailureClass = BAD) -> None:
    for customer in customers:
        hear(workspace, customer, failure)


def test_a_storm_pauses_the_domain_frees_whom_it_blocked_and_tells_a_person(
    workspace: Workspace, people: list[int], mails: dict[int, bytes], clock: HandClock
) -> None:
    full = people[1::2]
    storm(workspace, full[:10])
    assert {block(workspace, one) for one in full[:10]} == {SuppressionReason.BAD_ADDRESS}
    (paused,) = watch_bounces(workspace)
    assert (paused.label, paused.until) == ("full.com", clock() + timedelta(hours=6))
    assert {block(workspace, one) for one in full} == {None}, "nobody is suppressed by a storm"
    assert hear(workspace, full[10], BAD) == "full.com refuses everybody: the address is kept"
    assert hear(workspace, people[0], BAD) == "the address is never written to again", "other domains are as ever"
    with workspace.database.read() as session:
        (alert,) = open_alerts(session, AlertKind.DOMAIN_PAUSED)
        undone = session.execute(select(func.count(col(Step.id))).where(col(Step.rule) == "bounce_storm")).scalar_one()
    assert "10 of 12 addresses at full.com bounced within an hour" in alert.words
    assert alert.remedy.endswith("outreach domains resume full.com")
    assert undone == 10
    assert watch_bounces(workspace) == [], "it is told once"


def test_a_bounce_written_down_while_the_domain_was_paused_is_excused_at_the_next_look(
    workspace: Workspace, people: list[int], mails: dict[int, bytes]
) -> None:
    storm(workspace, people[1::2])
    watch_bounces(workspace)
    late = delivery_of(workspace, people[3])
    with workspace.database.write() as session:
        session.connection().execute(update(Bounce).where(col(Bounce.delivery_id) == late.id).values(storm=False))
        bad = {"reason": SuppressionReason.BAD_ADDRESS, "at": workspace.clock(), "evidence": "x"}
        suppress(session, address_key=late.address_key, **bad)
    assert block(workspace, people[3]) is SuppressionReason.BAD_ADDRESS
    assert watch_bounces(workspace) == []
    assert block(workspace, people[3]) is None and all(one.storm for one in bounces(workspace))


def test_a_storm_gives_nobody_a_point(workspace: Workspace, people: list[int], mails: dict[int, bytes]) -> None:
    storm(workspace, people[1::2], POLICY)
    assert len(watch_bounces(workspace)) == 1
    assert all(one.storm for one in bounces(workspace))


def test_mail_to_a_paused_domain_waits_with_the_reason_until_a_person_resumes_it(
    workspace: Workspace, people: list[int], mails: dict[int, bytes], clock: HandClock
) -> None:
    storm(workspace, people[1::2])
    (paused,) = watch_bounces(workspace)
    make_campaign(workspace, "offers", Kind.OFFER, schedule="every day at 15:00")
    why = explain_person(workspace, "p1@full.com", "offers")
    assert why.answer.startswith("later: domain paused (") and why.due == paused.until
    assert explain_person(workspace, "p0@example.com", "offers").answer == "yes: nothing speaks against it"
    resume_domain_named(workspace, "full.com")
    assert explain_person(workspace, "p1@full.com", "offers").answer.startswith("yes")
    with workspace.database.read() as session:
        assert open_alerts(session, AlertKind.DOMAIN_PAUSED) == [], "the alert ends with the pause"


def test_a_pause_ends_by_itself(
    workspace: Workspace, people: list[int], mails: dict[int, bytes], clock: HandClock
) -> None:
    storm(workspace, people[1::2])
    watch_bounces(workspace)
    clock.advance(hours=6)
    with workspace.database.read() as session:
        assert paused_domains(session, clock()) == {}
    watch_bounces(workspace)
    with workspace.database.read() as session:
        assert open_alerts(session, AlertKind.DOMAIN_PAUSED) == []


def test_some_bad_addresses_at_a_domain_that_takes_the_rest_are_no_storm(
    workspace: Workspace, people: list[int], mails: dict[int, bytes]
) -> None:
    storm(workspace, people[1:8:2])
    assert watch_bounces(workspace) == []
    assert block(workspace, people[1]) is SuppressionReason.BAD_ADDRESS


def test_a_review_takes_back_what_a_bounce_did_and_its_undoing_does_it_again(
    workspace: Workspace, people: list[int], mails: dict[int, bytes]
) -> None:
    got = receive(workspace, as_bounce(mails[people[0]]))
    assert block(workspace, people[0]) is SuppressionReason.BAD_ADDRESS
    review(workspace, got.id or 0, by="maria", category=Category.QUESTION)
    assert block(workspace, people[0]) is None
    assert bounces(workspace)[0].undone_at is not None
    undo_review(workspace, by="maria")
    assert block(workspace, people[0]) is SuppressionReason.BAD_ADDRESS
    (kept,) = bounces(workspace)
    assert kept.undone_at is None


def without_a_token(raw: bytes) -> bytes:
    """The same bounce as a server tells it that returns nothing of ours but the address."""
    head, _, rest = raw.partition(b"Content-Type: text/rfc822-headers")
    del rest
    lines = [
        line for line in head.split(b"\n") if not line.lower().startswith((b"to:", b"references:", b"in-reply-to:"))
    ]
    return b"\n".join(lines).rstrip(b"-\n") + b"\n"


def test_where_no_mail_carries_a_token_a_bounce_that_names_our_address_is_a_point_and_never_blocks(
    workspace: Workspace, people: list[int], mails: dict[int, bytes]
) -> None:
    replies = workspace.settings.replies.model_copy(update={"scheme": "plain"})
    plain = replace(workspace, settings=workspace.settings.model_copy(update={"replies": replies}))
    got = receive(plain, without_a_token(as_bounce(mails[people[0]])))
    assert (got.clue, got.customer_id) == (ClueKind.RECIPIENT, people[0])
    assert block(workspace, people[0]) is None
    assert [one.failure for one in bounces(workspace)] == [BAD]
    other = receive(workspace, without_a_token(as_bounce(mails[people[2]])))
    assert other.delivery_id is None and len(bounces(workspace)) == 1, "with tokens, one without is not believed"


def test_every_kept_bounce_belongs_to_a_delivery_and_an_inbound(
    workspace: Workspace, people: list[int], mails: dict[int, bytes]
) -> None:
    for customer in people[:5]:
        receive(workspace, as_bounce(mails[customer], status="5.7.1", said="550 5.7.1 blocked"))
    with workspace.database.read() as session:
        rows = session.execute(
            select(col(Delivery.state), col(Bounce.failure))
            .join(Bounce, col(Bounce.delivery_id) == col(Delivery.id))
            .join(Inbound, col(Inbound.delivery_id) == col(Delivery.id))
        ).all()
    assert [tuple(row) for row in rows] == [(DeliveryState.SENT, POLICY)] * 5


def test_a_server_that_suddenly_refuses_everybody_while_we_send_blocks_nobody_and_the_rest_waits(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    for number in range(60):
        make_customer(f"s{number}@storm.example")
    edition = open_occasion(workspace, lay_news(workspace))
    with FaultServer({"RCPT": b"550 5.1.1 User unknown\r\n"}) as server:
        sending = workspace.settings.sending.model_copy(update={"batch": 20})
        small = replace(workspace, settings=workspace.settings.model_copy(update={"sending": sending}))
        send_open(with_relay(small, server.port, connections=1))
    with workspace.database.read() as session:
        counts = state_counts(session, edition)
        blocked = session.execute(select(func.count(col(Suppression.id)))).scalar_one()
        (alert,) = open_alerts(session, AlertKind.DOMAIN_PAUSED)
    assert blocked == 0 and "storm.example" in alert.words
    assert counts[DeliveryState.FAILED] >= 10
    assert counts[DeliveryState.FAILED] + counts[DeliveryState.QUEUED] == 60


def lay_news(workspace: Workspace) -> str:
    path = workspace.root / "news.md"
    path.write_text(CAMPAIGN, encoding="utf-8")
    apply_campaign(workspace, path)
    return "news"
