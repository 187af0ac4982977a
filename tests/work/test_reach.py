"""Reach, end to end: signs of life, one question, a rest, and the way back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.cli.demo.reply_mail import Voice, as_reply
from outreach.records import (
    Campaign,
    Consent,
    Customer,
    Delivery,
    Edition,
    GroupKind,
    Kind,
    MailingList,
    Subscription,
    SubscriptionState,
    SuppressionReason,
    Touch,
)
from outreach.store.consents import suppress
from outreach.store.customers import ensure_list
from outreach.store.one_per import all_signs
from outreach.store.reach import accepted_of, people_heard_from, signs_of
from outreach.store.wishes import keep_wish
from outreach.work.groups import join_group
from outreach.work.judge import judge_people
from outreach.work.opt_in import confirm
from outreach.work.reach import ReachLook, look_for_silent
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from .planning_kit import make_campaign, make_edition, make_sent
from .replying import receive, send_newsletter

pytestmark = BOTH
HELLO = Voice("question", "", "", "How do I clean the grinder, please?")


@pytest.fixture
def looking(workspace: Workspace) -> Workspace:
    """It looks for silent people, and its list counts clicks."""
    with workspace.database.write() as session:
        session.execute(update(MailingList).values(clicks=True))
    settings = workspace.settings
    reach = settings.reach.model_copy(update={"silent_issues": 3, "silent_days": 60, "answer_days": 30})
    public = settings.public.model_copy(update={"url": "https://news.acme.example"})
    more = settings.model_copy(update={"reach": reach, "public": public})
    return Workspace(workspace.root, more, workspace.keys, workspace.database, workspace.clock)


def sent(workspace: Workspace, people: list[int], issues: int = 4) -> None:
    campaign = make_campaign(workspace)
    for number in range(issues):
        edition = make_edition(workspace, campaign, f"once-{number}", state="done")
        for person in people:
            make_sent(workspace, edition, person, workspace.clock() - timedelta(days=90 - 20 * number))


def click(workspace: Workspace, customer_id: int) -> None:
    with workspace.database.write() as session:
        mail = session.scalars(
            select(Delivery).where(col(Delivery.customer_id) == customer_id).order_by(col(Delivery.id).desc())
        ).first()
        assert mail is not None
        now = workspace.clock()
        told = {"number": 1, "first_at": now, "last_at": now, "person_at": now}
        session.add(Touch(delivery_id=mail.id or 0, edition_id=mail.edition_id, **told))


def reason(workspace: Workspace, customer_id: int) -> str:
    with workspace.database.read() as session:
        campaign = session.scalars(select(Campaign).where(col(Campaign.name) == "tips")).one()
        edition = session.scalars(select(Edition).where(col(Edition.campaign_id) == campaign.id)).first()
        assert edition is not None
        found = judge_people(
            session,
            workspace,
            campaign=campaign,
            edition=edition,
            customer_ids=[customer_id],
            now=edition.due_at,
        )
    return found[customer_id].reason


def questions(workspace: Workspace) -> list[str]:
    with workspace.database.read() as session:
        mails = select(Edition).join(Delivery, col(Delivery.edition_id) == col(Edition.id))
        rows = session.scalars(mails.where(col(Delivery.occasion).startswith("still/")))
        return [one.frozen["text"] for one in rows]


def test_the_silent_are_asked_once_then_rested_and_a_sign_wakes_them(
    looking: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    sent(looking, [ann, bob])
    click(looking, bob)
    assert look_for_silent(looking) == ReachLook(asked=1)
    assert look_for_silent(looking) == ReachLook()
    (question,) = questions(looking)
    assert "https://news.acme.example/s/" in question
    assert "by phone or by letter" in question
    assert "https://news.acme.example/p/" in question
    clock.advance(days=29)
    assert look_for_silent(looking) == ReachLook()
    assert reason(looking, ann) == ""
    clock.advance(days=1)
    assert look_for_silent(looking) == ReachLook(rested=1)
    assert (reason(looking, ann), reason(looking, bob)) == ("rested", "")
    clock.advance(days=10)
    assert look_for_silent(looking) == ReachLook()
    assert len(questions(looking)) == 1
    click(looking, ann)
    assert look_for_silent(looking) == ReachLook(woken=1)
    assert reason(looking, ann) == ""


def test_the_button_says_yes_for_good_and_keeps_the_proof(
    looking: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann = make_customer("ann@example.com")
    sent(looking, [ann])
    look_for_silent(looking)
    clock.advance(days=31)
    look_for_silent(looking)
    assert reason(looking, ann) == "rested"
    token = questions(looking)[0].partition("/s/")[2].split()[0]
    done = confirm(looking, token)
    assert done is not None
    assert reason(looking, ann) == ""
    with looking.database.read() as session:
        assert session.scalars(select(Consent.how)).one() == "page"
        assert signs_of(session, [ann])[ann].how == "page"
        assert people_heard_from(session) == 1
    assert look_for_silent(looking) == ReachLook()


def test_where_no_clicks_are_counted_nobody_is_silent(looking: Workspace, make_customer: MakeCustomer) -> None:
    sent(looking, [make_customer("ann@example.com")])
    with looking.database.write() as session:
        session.execute(update(MailingList).values(clicks=False))
    assert look_for_silent(looking) == ReachLook()


def test_whoever_left_another_list_is_still_asked_for_the_one_they_are_on(
    looking: Workspace, make_customer: MakeCustomer
) -> None:
    """Only the list that was made last was looked at, and who had left that one was never asked."""
    ann = make_customer("ann@example.com")
    sent(looking, [ann])
    with looking.database.write() as session:
        other = ensure_list(session, "offers", looking.clock())
        session.execute(update(MailingList).values(clicks=True))
        state = SubscriptionState.UNSUBSCRIBED
        session.add(Subscription(customer_id=ann, list_id=other, state=state, changed_at=looking.clock()))
    edition = make_edition(looking, make_campaign(looking, "offers", Kind.OFFER), list_id=other, state="done")
    make_sent(looking, edition, ann, looking.clock() - timedelta(days=70))
    assert look_for_silent(looking) == ReachLook(asked=1)


def test_an_issue_of_a_list_that_counts_nothing_makes_nobody_silent(
    looking: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann = make_customer("ann@example.com")
    sent(looking, [ann])
    click(looking, ann)
    clock.advance(days=1)
    with looking.database.write() as session:
        blind = ensure_list(session, "blind", looking.clock())
    campaign = make_campaign(looking, "blind", Kind.NEWS)
    for number in range(4):
        edition = make_edition(looking, campaign, f"b-{number}", list_id=blind, state="done")
        make_sent(looking, edition, ann, looking.clock())
    clock.advance(days=61)
    assert look_for_silent(looking) == ReachLook()


@pytest.mark.parametrize("reason", [SuppressionReason.UNSUBSCRIBED_ALL, SuppressionReason.BAD_ADDRESS])
def test_whoever_is_blocked_is_not_asked(
    looking: Workspace, make_customer: MakeCustomer, clock: HandClock, reason: SuppressionReason
) -> None:
    """Who wanted no newsletters at all, by a stop that reached their address alone, was asked whether they do; and who
    could not be asked rested "since we asked".
    """
    ann = make_customer("ann@example.com")
    sent(looking, [ann])
    with looking.database.write() as session:
        key, end = session.get_one(Customer, ann).address_key or "", clock() + timedelta(days=40)
        suppress(session, address_key=key, reason=reason, at=clock(), evidence="x", expires_at=end)
    assert look_for_silent(looking) == ReachLook()
    clock.advance(days=41)
    assert look_for_silent(looking) == ReachLook(asked=1)


def test_signs_are_told_apart_from_a_server_that_took_the_mail(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    mails = send_newsletter(workspace, [ann, bob])
    clock.advance(hours=3)
    receive(workspace, as_reply(HELLO, mails[ann], "ann@example.com"))
    with workspace.database.read() as session:
        signs = signs_of(session, [ann, bob])
        assert {who: sign.how for who, sign in signs.items()} == {ann: "reply"}
        assert set(accepted_of(session, [ann, bob])) == {ann, bob}
        assert people_heard_from(session) == 1


def wish(workspace: Workspace, customer_id: int, how: str = "page") -> None:
    with workspace.database.write() as session:
        told = {"paused_until": None, "every_days": 30, "no_topics": [], "channel": "letter"}
        keep_wish(session, customer_id, **told, at=workspace.clock(), how=how, evidence="the mail")


def test_whoever_was_asked_and_says_rather_less_often_is_awake(
    looking: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    sent(looking, [ann, bob])
    assert look_for_silent(looking) == ReachLook(asked=2)
    clock.advance(days=3)
    wish(looking, ann)
    wish(looking, bob, how="merge")
    assert look_for_silent(looking) == ReachLook(woken=1)
    clock.advance(days=30)
    assert look_for_silent(looking) == ReachLook(rested=1)
    assert (reason(looking, ann), reason(looking, bob)) == ("", "rested")
    with looking.database.read() as session:
        assert signs_of(session, [ann, bob])[ann].how == "page"
        assert people_heard_from(session) == 1


def test_an_answered_invitation_is_a_sign(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    head = "Content-Type: text/calendar; method=REPLY\r\n\r\n"
    event = "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:7@x\r\n"
    said = f"{event}ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    receive(workspace, f"From: ann@example.com\r\n{head}{said}".encode())
    for who, name in (("ann@example.com", "Baker"), ("bob@example.com", "Cook")):
        join_group(workspace, GroupKind.HOUSEHOLD, name, [who], by="us")
    with workspace.database.read() as session:
        signs = signs_of(session, [ann, bob])
        assert {who: sign.how for who, sign in signs.items()} == {ann: "reply"}
        assert all_signs(session, GroupKind.HOUSEHOLD) == {ann: signs[ann].at}
