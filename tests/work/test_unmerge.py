"""A merging taken back leaves two people as they were; what came since is kept, and what cannot be parted is said."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel, col

from outreach.address import address_key
from outreach.errors import InputError, NeedsPerson, UsageError
from outreach.groups import GroupKind
from outreach.records import (
    Channel,
    Contact,
    ContactKind,
    Customer,
    Delivery,
    DeliveryState,
    Inbound,
    InboundState,
    Subscription,
    SubscriptionState,
    SuppressionReason,
    Wish,
)
from outreach.store.consents import find_suppression, suppress, unsubscribe
from outreach.store.customers import find_customer, list_id_of
from outreach.store.groups import ensure_groups, put_members
from outreach.store.merge_log import list_merges
from outreach.work.duplicates import merge
from outreach.work.erase import erase_customer
from outreach.work.prune import prune
from outreach.work.undo import undo_import
from outreach.work.unmerge import known_merge, undo_merge
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from .canary import MARK, marks_in_files, marks_in_rows
from .importing import states, take
from .planning_kit import complain, make_campaign, make_edition, make_sent

ANN, SLIP = "ann@gmail.com", f"ann.{MARK}@gmial.com"
MAY_DIFFER = {"customer": {"version", "updated_at"}}


def _everything(workspace: Workspace) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables but the records of merging and of consent, as they are."""
    found = {}
    with workspace.database.read() as session:
        for table in SQLModel.metadata.sorted_tables:
            if table.name in ("customer_merge", "consent", "workspace", "lane"):
                continue
            rows = session.connection().execute(select(table).order_by(table.c.id)).mappings()
            differ = MAY_DIFFER.get(table.name, set())
            found[table.name] = [{k: v for k, v in row.items() if k not in differ} for row in rows]
    return found


def _two(workspace: Workspace, make_customer: MakeCustomer) -> tuple[int, int]:
    """Ann and her slip, with some of everything that two can have alike, or only one of them."""
    now = workspace.clock()
    ann = make_customer(ANN, first_name="Ann", attributes={"plan": "pro", "tags": ["a"], "city": ""})
    slip = make_customer(SLIP, last_name="Baker", phone="+442079460018", handle="annb", subscribed=False,
                         attributes={"plan": f"free {MARK}", "tags": ["b"], "city": "Ely"})  # fmt: skip
    edition = make_edition(workspace, make_campaign(workspace))
    make_sent(workspace, edition, slip, now)
    make_sent(workspace, edition, ann, now)
    complain(workspace, slip)
    with workspace.database.write() as session:
        for who, every, topics in ((ann, 7, ["milk"]), (slip, 30, ["app"])):
            session.add(Wish(customer_id=who, every_days=every, no_topics=topics, changed_at=now, how="page"))
            for value in ("+4930123456", f"+49{who}"):
                contact = Contact(customer_id=who, kind=ContactKind.PHONE, value=value, added_at=now, how="person")
                session.add(contact)
        bakers, smiths = ensure_groups(session, GroupKind.HOUSEHOLD, ["Baker", "Smith"], now).values()
        put_members(session, GroupKind.HOUSEHOLD, {ann: smiths, slip: bakers}, at=now, how="person")
        key = session.get_one(Customer, slip).address_key
        assert key is not None
        suppress(session, address_key=key, reason=SuppressionReason.ABUSE_REPORT, at=now, evidence="x")
    return ann, slip


@BOTH
def test_merged_and_taken_back_everything_is_as_it_was(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    _, slip = _two(workspace, make_customer)
    before = _everything(workspace)
    merge(workspace, ANN, SLIP, by="maria")
    assert _everything(workspace) != before
    clock.advance(hours=1)
    done = undo_merge(workspace, 1, by="tom")
    assert (done.customer_id, done.words, done.back["delivery"], done.back["case_file"]) == (slip, [], 1, 1)
    assert _everything(workspace) == before
    with workspace.database.read() as session:
        [seen] = list_merges(session)
        assert (seen.state, seen.undone_by, seen.gone, seen.before) == ("taken_back", "tom", SLIP, {})
    with pytest.raises(InputError, match="already, by tom"):
        undo_merge(workspace, 1, by="tom")
    merge(workspace, ANN, SLIP, by="maria")
    undo_merge(workspace, 2, by="tom")
    assert _everything(workspace) == before


@BOTH
def test_the_kept_ones_own_block_stands_again_where_the_others_took_its_place(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    """They had asked for no newsletters at all, and an import could subscribe them to the next list."""
    ann, _ = _two(workspace, make_customer)
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=ann, list_id=None, at=workspace.clock(), how="page", evidence="t")
    clock.advance(hours=1)
    before = _everything(workspace)
    merge(workspace, ANN, SLIP, by="maria")
    assert undo_merge(workspace, 1, by="tom").words == []
    assert _everything(workspace) == before
    assert take(workspace, f"email\n{ANN}\n", list_name="other").suppressed == 1


@BOTH
def test_what_somebody_did_since_is_kept_and_said(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann, slip = make_customer(ANN, first_name="Ann"), make_customer(SLIP, last_name="Baker", attributes={"city": "Ely"})
    merge(workspace, ANN, SLIP, by="maria")
    clock.advance(hours=1)
    edition = make_edition(workspace, make_campaign(workspace))
    make_sent(workspace, edition, ann, clock())
    with workspace.database.write() as session:
        kept = session.get_one(Customer, ann)
        kept.last_name = "Miller"
        session.add(kept)
        one = list_id_of(session, "customers")
        unsubscribe(session, customer_id=ann, list_id=one, at=clock(), how="page", evidence="t")
        for at, sender in enumerate((SLIP, ANN)):
            session.add(
                Inbound(
                    public_id=f"i{at}", channel=Channel.EMAIL, state=InboundState.READ, received_at=clock(),
                    stored_at=clock(), content_hash=f"h{at}", raw=b"", sender=sender, customer_id=ann,
                )
            )  # fmt: skip
    done = undo_merge(workspace, 1, by="tom")
    assert done.words == [
        f"Changed since, so it stays with {ANN}: last name.",
        "customers was left since the merge, and nobody can know by whom: both stay away from it.",
        f"1 mail that came since the merge: with {ANN}, since nothing says otherwise.",
        f"1 reply that came since the merge: with {ANN}, since nothing says otherwise.",
    ]
    with workspace.database.read() as session:
        kept, other = session.get_one(Customer, ann), session.get_one(Customer, slip)
        assert (kept.last_name, kept.attributes, other.last_name, other.attributes) == (
            *("Miller", {}, "Baker", {"city": "Ely"}),
        )
        rows = session.execute(select(col(Inbound.sender), col(Inbound.customer_id))).all()
        assert {row[0]: row[1] for row in rows} == {SLIP: slip, ANN: ann}
        ties = session.execute(select(col(Subscription.state))).scalars().all()
        assert ties == [SubscriptionState.UNSUBSCRIBED] * 2
        assert session.execute(select(Contact)).first() is None


@BOTH
def test_a_mail_that_was_cancelled_as_sent_twice_stays_so(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, slip = make_customer(ANN), make_customer(SLIP)
    edition = make_edition(workspace, make_campaign(workspace))
    for who in (ann, slip):
        make_sent(workspace, edition, who, workspace.clock())
    with workspace.database.write() as session:
        for row in session.execute(select(Delivery)).scalars():
            row.state = DeliveryState.QUEUED
            session.add(row)
    merge(workspace, ANN, SLIP, by="maria")
    done = undo_merge(workspace, 1, by="tom")
    assert done.words == ["Cancelled as sent twice, and so it stays: 1 mail."]
    with workspace.database.read() as session:
        found = session.execute(select(col(Delivery.customer_id), col(Delivery.state)).order_by(col(Delivery.id))).all()
    assert [tuple(row) for row in found] == [(ann, "queued"), (slip, "cancelled")]


@BOTH
def test_several_merges_are_taken_back_newest_first_and_nothing_while_a_mail_is_in_the_air(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer(ANN)
    for address in (SLIP, "annie@example.com", "boss@example.com"):
        make_customer(address)
    merge(workspace, ANN, SLIP, by="maria")
    merge(workspace, ANN, "annie@example.com", by="maria")
    merge(workspace, "boss@example.com", ANN, by="maria")
    with pytest.raises(UsageError, match="merge 3 came after it"):
        undo_merge(workspace, 1, by="tom")
    with pytest.raises(InputError, match="no merge 9"):
        undo_merge(workspace, 9, by="tom")
    undo_merge(workspace, 3, by="tom")
    make_sent(workspace, make_edition(workspace, make_campaign(workspace)), ann, workspace.clock())
    with workspace.database.write() as session:
        row = session.execute(select(Delivery)).scalar_one()
        row.state = DeliveryState.INFLIGHT
        session.add(row)
    with pytest.raises(NeedsPerson, match="on its way"):
        undo_merge(workspace, 2, by="tom")
    with workspace.database.write() as session:
        row = session.execute(select(Delivery)).scalar_one()
        row.state = DeliveryState.SENT
        session.add(row)
    for number in (2, 1):
        undo_merge(workspace, number, by="tom")
    with workspace.database.read() as session:
        for address in (ANN, SLIP, "annie@example.com", "boss@example.com"):
            found = find_customer(session, workspace.keys, address)
            assert found is not None and found.address == address


@BOTH
def test_whoever_got_the_others_address_or_number_by_then_keeps_it(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer(ANN)
    make_customer(SLIP)
    merge(workspace, ANN, SLIP, by="maria")
    new = make_customer("new@example.com")
    done = undo_merge(workspace, 1, by="tom")
    with workspace.database.read() as session:
        assert session.get_one(Customer, done.customer_id).address == SLIP
        assert session.get_one(Customer, new).address == "new@example.com"
    merge(workspace, ANN, SLIP, by="maria")
    with workspace.database.write() as session:
        row = session.execute(select(Contact)).scalar_one()
        session.delete(row)
    make_customer(SLIP)
    with pytest.raises(UsageError, match="by now"):
        undo_merge(workspace, 2, by="tom")


@BOTH
@pytest.mark.parametrize("apart", [False, True])
def test_of_whom_was_merged_an_erasure_leaves_nothing_and_blocks_both_addresses(
    workspace: Workspace, make_customer: MakeCustomer, apart: bool
) -> None:
    _two(workspace, make_customer)
    merge(workspace, ANN, SLIP, by="maria")
    assert "customer_merge.before" in marks_in_rows(workspace.database)
    if apart:
        undo_merge(workspace, 1, by="tom")
    assert erase_customer(workspace, SLIP, by="maria", files=True).washed
    assert marks_in_rows(workspace.database) == []
    assert marks_in_files(workspace.root) == []
    with workspace.database.read() as session:
        for address, blocked in ((SLIP, True), (ANN, not apart)):
            block = find_suppression(session, address_key(workspace.keys, address))
            assert (block is not None and block.reason is SuppressionReason.ERASED) is blocked
        assert (find_customer(session, workspace.keys, ANN) is not None) is apart
    if not apart:
        assert known_merge(workspace, 1).state == "let_go"
        with pytest.raises(UsageError, match="not kept any more"):
            undo_merge(workspace, 1, by="tom")
    assert take(workspace, f"email\n{SLIP}\n").suppressed == 1


def test_a_merges_record_goes_after_its_time_and_the_fact_stays(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    make_customer(ANN)
    make_customer(SLIP)
    merge(workspace, ANN, SLIP, by="maria")
    clock.advance(days=364)
    assert prune(workspace).removed["merges"] == 0
    clock.advance(days=2)
    assert prune(workspace).removed["merges"] == 1
    assert prune(workspace).removed["merges"] == 0
    seen = known_merge(workspace, 1)
    assert (seen.state, seen.by, seen.kept, seen.gone) == ("let_go", "maria", ANN, None)


def _on(workspace: Workspace, name: str) -> list[str]:
    """The states of all who are tied to a list."""
    with workspace.database.read() as session:
        mine = col(Subscription.list_id) == list_id_of(session, name)
        return [one.value for one in session.execute(select(col(Subscription.state)).where(mine)).scalars()]


@BOTH
@pytest.mark.parametrize("own", [True, False])
def test_a_subscription_that_only_the_merged_one_had_goes_with_the_import(
    workspace: Workspace, clock: HandClock, own: bool
) -> None:
    take(workspace, f"email\n{ANN}\n", list_name="customers" if own else "other")
    clock.advance(hours=1)
    wrong = take(workspace, f"email,nachname,plan\n{SLIP},Baker,vip\n")
    clock.advance(hours=1)
    merge(workspace, ANN, SLIP, by="maria")
    done = undo_import(workspace, wrong.import_id, by="ann")
    assert (done.removed, done.kept, done.merged, done.left) == (0, 0, 1, 0)
    assert _on(workspace, "customers") == (["subscribed"] if own else [])
    with workspace.database.read() as session:
        kept = find_customer(session, workspace.keys, SLIP)
        assert kept is not None and (kept.address, kept.last_name, kept.attributes) == (ANN, None, {})


@BOTH
def test_an_import_of_which_somebody_was_merged_is_taken_back(workspace: Workspace, clock: HandClock) -> None:
    take(workspace, f"email,vorname\n{ANN},Ann\n", list_name="other")
    clock.advance(hours=1)
    wrong = take(workspace, f"email,nachname\n{ANN},Baker\n{SLIP},Baker\nnew@example.com,New\n")
    clock.advance(hours=1)
    merge(workspace, ANN, SLIP, by="maria")
    done = undo_import(workspace, wrong.import_id, by="ann")
    assert (done.removed, done.merged) == (1, 1)
    assert _on(workspace, "customers") == [], "whom the file subscribed is subscribed no more, by whichever address"
    with workspace.database.read() as session:
        kept = find_customer(session, workspace.keys, SLIP)
        assert kept is not None and (kept.address, kept.first_name, kept.last_name) == (ANN, "Ann", None)
    clock.advance(hours=1)
    undo_merge(workspace, 1, by="tom")
    assert _on(workspace, "customers") == [], "nor does taking the merge back subscribe them again"


@BOTH
def test_an_import_that_made_the_one_who_was_kept_leaves_them(workspace: Workspace, clock: HandClock) -> None:
    take(workspace, f"email,vorname\n{SLIP},Ann\n", list_name="other")
    clock.advance(hours=1)
    wrong = take(workspace, f"email,nachname\n{ANN},Baker\n")
    clock.advance(hours=1)
    merge(workspace, ANN, SLIP, by="maria")
    done = undo_import(workspace, wrong.import_id, by="ann")
    assert (done.removed, done.kept) == (0, 1)
    with workspace.database.read() as session:
        kept = find_customer(session, workspace.keys, SLIP)
        assert kept is not None and kept.address == ANN
        ties = session.execute(select(col(Subscription.list_id)).where(col(Subscription.customer_id) == kept.id)).all()
        assert [row[0] for row in ties] == [list_id_of(session, "other")]


@BOTH
def test_an_import_of_which_somebody_was_erased_is_taken_back_and_brings_nobody_back(
    workspace: Workspace, clock: HandClock
) -> None:
    take(workspace, f"email,vorname\n{SLIP},Ann {MARK}\n", list_name="other")
    clock.advance(hours=1)
    wrong = take(workspace, f"email,vorname\n{SLIP},Eve\na@example.com,A\nb.{MARK}@example.com,B\n")
    clock.advance(hours=1)
    for address in (SLIP, f"b.{MARK}@example.com"):
        erase_customer(workspace, address, by="maria", files=True)
    done = undo_import(workspace, wrong.import_id, by="ann")
    assert (done.removed, done.kept, done.restored) == (1, 0, 0)
    assert marks_in_rows(workspace.database) == []
    assert states(workspace) == {}
    assert take(workspace, f"email\n{SLIP}\nb.{MARK}@example.com\na@example.com\n").suppressed == 2
