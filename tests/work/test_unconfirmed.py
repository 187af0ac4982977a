"""Sign-ups that nobody confirmed: ended after their time, and their people forgotten where nothing else is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.address import address_key, sign_token, tagged_address
from outreach.cli.demo.reply_mail import as_bounce
from outreach.records import (
    Bounce,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    FailureClass,
    Inbound,
    Machine,
    MailingList,
    Subscription,
    SuppressionReason,
)
from outreach.store.bounces import Heard
from outreach.store.consents import find_suppression
from outreach.store.prune import UNCONFIRMED, next_ids
from outreach.store.unconfirmed import count_waiting, end_unconfirmed
from outreach.work.bounces import bounce_rules, take_bounces
from outreach.work.opt_in import confirm, find_asked
from outreach.work.prune import forget_unconfirmed, prune
from outreach.work.sign_up import sign_up
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .importing import take
from .replying import receive
from .test_opt_in import WORDS, public, set_list

__all__ = ["public"]
pytestmark = BOTH
ANN, BOB = "ann@example.com", "bob@example.com"


@pytest.fixture
def ask(public: Workspace) -> Callable[[str], None]:
    set_list(public, double_opt_in=True, words=WORDS, sign_up=True)

    def do(address: str) -> None:
        sign_up(public, "customers", address, language="en", place="the page")
        sent = {"state": DeliveryState.SENT, "settled_at": public.clock()}
        with public.database.write() as session:
            session.execute(update(Delivery).values(**sent))

    return do


def people(workspace: Workspace) -> dict[str, str | None]:
    """Everybody there is, with the state of their subscription."""
    with workspace.database.read() as session:
        query = select(Customer.address, Subscription.state).outerjoin(Subscription)
        return {row[0] or "": row[1] for row in session.execute(query).all()}


def counts(workspace: Workspace) -> tuple[int, int]:
    with workspace.database.read() as session:
        return count_waiting(session)


def tokens(workspace: Workspace) -> list[str]:
    with workspace.database.read() as session:
        texts = [row.frozen["text"] for row in session.scalars(select(Edition).order_by(col(Edition.id)))]
    return [text.partition("https://news.acme.example/s/")[2].split()[0] for text in texts if "/s/" in text]


def test_after_its_time_nothing_is_left_of_a_sign_up_but_a_count(
    public: Workspace, clock: HandClock, ask: Callable[[str], None]
) -> None:
    ask(ANN)
    clock.advance(days=29)
    ask(BOB)
    (first, _) = tokens(public)
    clock.advance(days=2)
    assert counts(public) == (2, 0)
    assert prune(public, dry_run=True).removed["unconfirmed"] == 1
    assert people(public) == {ANN: "pending", BOB: "pending"}
    assert forget_unconfirmed(public) == 1
    assert people(public) == {BOB: "pending"}
    assert counts(public) == (1, 1)
    with public.database.read() as session:
        mails = session.scalars(select(Delivery).order_by(col(Delivery.id))).all()
        assert [mail.customer_id is None for mail in mails] == [True, False]
        letter = session.get_one(Edition, mails[0].edition_id)
        assert ANN not in str(letter.frozen) + letter.subject
        assert WORDS not in str(letter.frozen)
        asked = find_asked(session, public, first)
    assert asked is not None and asked.state is None, "the old link says that it is over"
    confirm(public, first)
    assert people(public) == {BOB: "pending"}
    assert forget_unconfirmed(public) == 0


def test_whoever_signs_up_again_starts_anew_and_gets_a_mail(
    public: Workspace, clock: HandClock, ask: Callable[[str], None]
) -> None:
    ask(ANN)
    for again in (1, 2):
        clock.advance(days=31)
        assert forget_unconfirmed(public) == 1
        ask(ANN)
        with public.database.read() as session:
            assert len(session.scalars(select(Delivery)).all()) == again + 1
    confirm(public, tokens(public)[-1])
    clock.advance(days=31)
    assert prune(public).removed["unconfirmed"] == 0
    assert people(public) == {ANN: "subscribed"}


def test_a_later_request_and_a_mail_on_its_way_keep_somebody(
    public: Workspace, clock: HandClock, ask: Callable[[str], None]
) -> None:
    ask(ANN)
    clock.advance(days=20)
    ask(ANN)
    clock.advance(days=20)
    assert forget_unconfirmed(public) == 0
    with public.database.write() as session:
        session.execute(update(Delivery).values(state=DeliveryState.DEFERRED))
    clock.advance(days=20)
    assert forget_unconfirmed(public) == 0
    with public.database.write() as session:
        session.execute(update(Delivery).values(state=DeliveryState.FAILED))
    assert forget_unconfirmed(public) == 1


def test_whoever_asks_again_or_confirms_in_the_moment_of_being_forgotten_stays(
    public: Workspace, clock: HandClock, ask: Callable[[str], None]
) -> None:
    ask(ANN)
    ask(BOB)
    clock.advance(days=31)
    with public.database.read() as session:
        ids = next_ids(session, UNCONFIRMED, clock() - timedelta(days=30), 0)
    assert len(ids) == 2
    sign_up(public, "customers", ANN, language="en", place="the page")
    confirm(public, tokens(public)[1])
    with public.database.write() as session:
        assert end_unconfirmed(session, ids) == 0
    assert people(public) == {ANN: "pending", BOB: "subscribed"}
    confirm(public, tokens(public)[-1])
    assert people(public) == {ANN: "subscribed", BOB: "subscribed"}


@pytest.mark.parametrize("known", ["name", "file", "list", "mail"])
def test_of_whom_there_is_more_only_the_waiting_subscription_ends(
    public: Workspace, clock: HandClock, ask: Callable[[str], None], known: str
) -> None:
    if known == "file":
        take(public, f"email\n{ANN}\n")
    ask(ANN)
    with public.database.write() as session:
        ann = session.scalars(select(Customer)).one()
        if known == "name":
            ann.first_name = "Ann"
        elif known == "list":
            other = MailingList(name="offers", created_at=clock())
            session.add(other)
            session.flush()
            more = {"state": "subscribed", "changed_at": clock()}
            session.add(Subscription(list_id=other.id or 0, customer_id=ann.id or 0, **more))
        elif known == "mail":
            session.execute(update(Delivery).values(occasion="case/1/1"))
        session.add(ann)
    clock.advance(days=31)
    assert forget_unconfirmed(public) == 1
    assert people(public) == {ANN: "subscribed" if known == "list" else None}
    assert counts(public) == (0, 1)
    ask(ANN)
    assert "pending" in [tie.state for tie in _ties(public)]


def received(workspace: Workspace, mail: Delivery) -> bytes:
    """A mail to Ann as her server had it."""
    path = tagged_address(workspace.bounce_address, "b" + sign_token(workspace.keys, "bounce", mail.public_id))
    head = f"Return-Path: <{path}>\r\nDelivered-To: {ANN}\r\nTo: {ANN}\r\nSubject: Please confirm\r\n"
    return f"{head}Date: {workspace.clock():%a, %d %b %Y %H:%M:%S} +0000\r\n\r\nx\r\n".encode()


@pytest.mark.parametrize("told", ["smtp", "report"])
def test_a_sign_up_of_an_address_that_does_not_exist_goes_within_the_hour_and_its_block_stays(
    public: Workspace, clock: HandClock, ask: Callable[[str], None], told: str
) -> None:
    for who in (ANN, BOB):
        ask(who)
    with public.database.read() as session:
        mail, other = session.scalars(select(Delivery).order_by(col(Delivery.id))).all()
    said = f"550 5.1.1 <{ANN}>: user unknown"
    if told == "report":
        back = receive(public, as_bounce(received(public, mail), status="5.1.1", said=said))
        assert (back.machine, back.delivery_id) == (Machine.BOUNCE, mail.id)
    else:
        with public.database.write() as session:
            heard = Heard(mail.id or 0, FailureClass.BAD_ADDRESS, said)
            take_bounces(session, bounce_rules(public.settings.bounces), [heard], "smtp", clock())
    with public.database.write() as session:
        full = Heard(other.id or 0, FailureClass.MAILBOX_FULL, "552 5.2.2 full")
        take_bounces(session, bounce_rules(public.settings.bounces), [full], "smtp", clock())
    clock.advance(minutes=30)
    assert forget_unconfirmed(public) == 0, "it may be a storm, which blocks nobody"
    clock.advance(hours=1)
    assert prune(public, dry_run=True).removed["unconfirmed"] == 1
    assert forget_unconfirmed(public) == 1
    assert people(public) == {BOB: "pending"}, "a mailbox that was full may have room tomorrow"
    assert counts(public) == (1, 1)
    with public.database.read() as session:
        block = find_suppression(session, address_key(public.keys, ANN))
        assert block is not None and block.reason is SuppressionReason.BAD_ADDRESS
        rows = [*session.scalars(select(Inbound)), *session.scalars(select(Bounce)), block]
        assert ANN not in str([row.model_dump() for row in rows]), "nothing names it any more"
    ask(ANN)
    assert people(public) == {BOB: "pending"}


def test_that_a_mail_came_back_keeps_nobody_whose_time_is_over(
    public: Workspace, clock: HandClock, ask: Callable[[str], None]
) -> None:
    ask(ANN)
    with public.database.read() as session:
        mail = session.scalars(select(Delivery)).one()
    receive(public, as_bounce(received(public, mail), status="5.2.2", said="552 5.2.2 mailbox full"))
    clock.advance(days=31)
    assert forget_unconfirmed(public) == 1
    assert people(public) == {}


def _ties(workspace: Workspace) -> list[Subscription]:
    with workspace.database.read() as session:
        return list(session.scalars(select(Subscription)))


def test_nobody_is_forgotten_where_the_time_is_nought(
    public: Workspace, clock: HandClock, ask: Callable[[str], None]
) -> None:
    ask(ANN)
    clock.advance(days=4_000)
    retention = public.settings.retention.model_copy(update={"unconfirmed_days": 0})
    settings = public.settings.model_copy(update={"retention": retention})
    forever = Workspace(public.root, settings, public.keys, public.database, clock)
    assert forget_unconfirmed(forever) == 0
    assert people(public) == {ANN: "pending"}
