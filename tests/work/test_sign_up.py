"""An address typed in by a stranger: its owner is asked ever more seldom, and the operator learns of a flood."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from outreach.address import address_key
from outreach.audience.asking import AT_ONCE
from outreach.records import AlertKind, Customer, Delivery, DeliveryState, MailingList, SignUp, SuppressionReason
from outreach.store.consents import suppress
from outreach.work.backup import back_up_workspace
from outreach.work.erase import erase_customer, look_before
from outreach.work.export import export_customer
from outreach.work.health import check_health
from outreach.work.look import look
from outreach.work.opt_in import confirm
from outreach.work.prune import forget_unconfirmed
from outreach.work.restore import restore_workspace
from outreach.work.sign_up import sign_up
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .test_opt_in import WORDS, public, set_list
from .test_unconfirmed import tokens

__all__ = ["public"]
pytestmark = BOTH
ANN = "ann@example.com"
Type = Callable[..., None]


@pytest.fixture
def type_in(public: Workspace, clock: HandClock) -> Type:
    set_list(public, double_opt_in=True, words=WORDS, sign_up=True)
    with public.database.write() as session:
        for name in ("offers", "tips", "news"):
            more = {"words": WORDS, "sign_up": True, "created_at": clock()}
            session.add(MailingList(name=name, double_opt_in=name != "news", **more))

    def do(address: str = ANN, name: str = "customers", source: str = "") -> None:
        sign_up(public, name, address, language="en", place="the page", source=source)

    return do


def mails(workspace: Workspace) -> int:
    with workspace.database.read() as session:
        return session.scalar(select(func.count()).select_from(Delivery)) or 0


def deliver(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        session.execute(update(Delivery).values(state=DeliveryState.SENT, settled_at=workspace.clock()))


def test_the_owner_of_an_address_is_asked_ever_more_seldom_over_all_lists(
    public: Workspace, clock: HandClock, type_in: Type
) -> None:
    counts = []
    for _ in range(45):
        for name in ("customers", "offers", "tips"):
            type_in(name=name)
        deliver(public)
        forget_unconfirmed(public)
        counts.append(mails(public))
        clock.advance(days=1)
    assert counts[0] == 3, "one for each list that somebody may well want in one sitting"
    days = [day for day in range(1, 45) if counts[day] > counts[day - 1]]
    assert days == [7, 37], "then after a week and a month, though the sign-ups themselves are forgotten between"
    assert counts[-1] == 5


def test_an_answer_begins_anew_and_who_complained_is_asked_no_more(
    public: Workspace, clock: HandClock, type_in: Type
) -> None:
    type_in()
    clock.advance(hours=1)
    type_in()
    assert mails(public) == 1
    confirm(public, tokens(public)[0])
    type_in(name="offers")
    clock.advance(hours=25)
    type_in(name="offers")
    assert mails(public) == 3
    with public.database.write() as session:
        key, reason = address_key(public.keys, ANN), SuppressionReason.ABUSE_REPORT
        suppress(session, address_key=key, reason=reason, at=clock(), evidence="a report")
    clock.advance(days=60)
    type_in(name="tips")
    assert mails(public) == 3


def test_where_nobody_may_be_asked_nothing_of_the_address_is_kept(
    public: Workspace, clock: HandClock, type_in: Type
) -> None:
    for _ in range(3):
        type_in()
        deliver(public)
        clock.advance(days=31)
        assert forget_unconfirmed(public) == 1
    with public.database.write() as session:
        session.execute(update(SignUp).values(at=clock()))
    type_in()
    with public.database.read() as session:
        assert session.scalars(select(Customer.address)).all() == []


@pytest.mark.parametrize(
    "addresses",
    [
        [f"a_nn+{number}@example.com" for number in range(20)],
        ["ann.lee@gmail.com", "a.nnlee@gmail.com", "An.Nlee@gmail.com", "annl.ee+x@gmail.com", "ann.l.ee@gmail.com"],
    ],
)
def test_one_mailbox_gets_no_more_by_many_addresses(
    public: Workspace, clock: HandClock, type_in: Type, addresses: list[str]
) -> None:
    type_in("abnn+1@example.com")
    type_in("a_nn+1@example.org")
    for address in addresses:
        type_in(address)
    assert mails(public) == 2 + AT_ONCE
    deliver(public)
    clock.advance(days=6)
    type_in(addresses[-1])
    assert mails(public) == 2 + AT_ONCE
    clock.advance(days=1)
    type_in(addresses[-1])
    assert mails(public) == 2 + AT_ONCE + 1
    for token in tokens(public):
        confirm(public, token)
    type_in(addresses[-2])
    assert mails(public) == 2 + AT_ONCE + 2, "who answers is asked again"


def test_a_flood_from_one_place_is_told_and_no_network_address_is_kept(
    public: Workspace, clock: HandClock, type_in: Type
) -> None:
    for number in range(25):
        type_in(f"p{number}@example.com", source="203.0.113.7")
        type_in(f"q{number}@example.com", source=f"203.0.113.{number + 20}")
    assert [one.subject for one in look(public) if one.kind is AlertKind.SIGN_UPS] == []
    clock.advance(hours=2)
    for token in tokens(public)[1:40:2]:
        confirm(public, token)
    (seen,) = [one for one in look(public) if one.kind is AlertKind.SIGN_UPS]
    assert seen.subject == "one place" and "25 addresses" in seen.words and "none of their owners" in seen.words
    assert "--no-sign-up" in seen.remedy
    with public.database.read() as session:
        places = session.scalars(select(SignUp.place).distinct()).all()
    assert len(places) == 26 and not any("203.0.113" in place for place in places)
    deliver(public)
    clock.advance(days=3)
    assert look_for(public) == []
    forget_unconfirmed(public)
    with public.database.read() as session:
        assert session.scalars(select(SignUp.place).distinct()).all() == [""]
    clock.advance(days=370)
    forget_unconfirmed(public)
    with public.database.read() as session:
        assert session.scalar(select(func.count()).select_from(SignUp)) == 0


def look_for(workspace: Workspace) -> list[str]:
    return [one.subject for one in look(workspace) if one.kind is AlertKind.SIGN_UPS]


def test_a_jump_of_those_who_never_confirm_is_told_wherever_they_come_from(
    public: Workspace, clock: HandClock, type_in: Type
) -> None:
    for number in range(30):
        type_in(f"p{number}@example.com", source=f"198.51.100.{number}")
    assert look_for(public) == [], "there was no time to answer yet"
    clock.advance(hours=2)
    assert look_for(public) == ["unconfirmed"]
    (finding,) = [one for one in check_health(public) if one.check.endswith(": unconfirmed")]
    assert finding.level == "note", "it may be nothing: a monitor must not wake anybody"
    for token in tokens(public)[:12]:
        confirm(public, token)
    assert look_for(public) == []
    clock.advance(days=2)
    assert look_for(public) == []


def test_a_list_that_asks_nobody_tells_of_a_flood_too_and_an_erasure_forgets_it(
    public: Workspace, clock: HandClock, type_in: Type
) -> None:
    for number in range(22):
        type_in(f"p{number}@example.com", name="news", source="203.0.113.7")
    clock.advance(hours=2)
    assert look_for(public) == ["one place"]
    (row,) = export_customer(public, "p1@example.com").sections["sign_up"]
    assert (row["list"], row["asked"], row["at"]) == ("news", False, clock() - timedelta(hours=2))
    assert look_before(public, "p1@example.com").rows["sign_up"] == 1
    assert erase_customer(public, "p1@example.com", by="maria").rows["sign_up"] == 1
    with public.database.read() as session:
        assert session.scalar(select(func.count()).select_from(SignUp)) == 21


def test_a_backup_from_before_somebody_was_a_customer_brings_no_sign_up_of_theirs_back(
    public: Workspace, clock: HandClock, type_in: Type, tmp_path: Path
) -> None:
    type_in()
    deliver(public)
    clock.advance(days=40)
    assert forget_unconfirmed(public)
    made = back_up_workspace(public.root, tmp_path / "kept", clock=clock)
    type_in(name="news")
    clock.advance(hours=1)
    erase_customer(public, ANN, by="maria")
    restored = restore_workspace(public.root, made.file, clock=clock)
    assert restored.erased is not None and restored.erased.blocked == 1
    with public.database.read() as session:
        assert session.scalar(select(func.count()).select_from(SignUp)) == 0
