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
    Delivery,
    Edition,
    GroupKind,
    MailingList,
    Touch,
)
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
