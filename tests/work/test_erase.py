"""A person is forgotten: nothing of them is left in rows, files or free pages, and nothing brings them back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.address import address_key
from outreach.cli.demo.reply_mail import Voice, as_bounce, as_reply, as_unsubscribe_mail
from outreach.errors import InputError
from outreach.records import (
    AttributeKind,
    Campaign,
    Case,
    CaseState,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    Inbound,
    InboundState,
    Suppression,
    SuppressionReason,
)
from outreach.store.consents import find_suppression
from outreach.work.attributes import declare
from outreach.work.erase import empty_late_words, erase_customer, look_before
from outreach.work.export import export_customer
from outreach.work.intake import import_customers
from outreach.work.judge import judge_people
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from ..store.rows import lay_edition, states_of
from .canary import MARK, marks_in_files, marks_in_rows, plant
from .planning_kit import make_campaign
from .replying import delivery_of, inbounds, receive, send_newsletter

ANN = "ann.canary@example.com"
COMPLAINT = Voice("complaint", "", "", f"The pump is broken again and nobody answers. This is unacceptable. {MARK}")


@pytest.fixture
def ann(make_customer: MakeCustomer) -> int:
    return make_customer(ANN, first_name=f"Ann {MARK}", phone="+442079460018", attributes={"plan": f"pro {MARK}"})


def erase(workspace: Workspace) -> object:
    return erase_customer(workspace, ANN, by="maria")


def test_whoever_has_no_address_is_handed_out_and_forgotten_by_their_number(workspace: Workspace) -> None:
    path = workspace.root / "people.csv"
    path.write_text(f"first_name,phone\nKim {MARK},+44 20 7946 0018\n", encoding="utf-8")
    assert import_customers(workspace, path, list_name="customers").counts["by_hand"] == 1
    path.unlink()
    with workspace.database.read() as session:
        who = f"#{session.scalars(select(Customer.id)).one()}"
    found = export_customer(workspace, who)
    assert found.address == who and found.sections["customer"][0]["first_name"] == f"Kim {MARK}"
    erase_customer(workspace, who, by="maria")
    assert (marks_in_rows(workspace.database), marks_in_files(workspace.root)) == ([], [])
    assert erase_customer(workspace, who, by="maria").washed, "an erasure that was broken off goes on"
    with pytest.raises(InputError, match="no customer #99"):
        look_before(workspace, "#99")


def test_a_number_is_found_in_kept_files_however_they_spell_it(workspace: Workspace) -> None:
    path = workspace.root / "people.csv"
    others = "Lee,+65 7946 0018\nMo,+44 20 7946 0019\n"
    path.write_text(f"first_name,phone\nKim,+44 20-7946 (0018)\n{others}", encoding="utf-8")
    lines = workspace.root / "calls.jsonl"
    lines.write_text('{"from": "020 7946 0018"}\n{"from": "+65 7946 0018"}\n', encoding="utf-8")
    import_customers(workspace, path, list_name="customers")
    with workspace.database.read() as session:
        kim = session.scalars(select(Customer.id).where(Customer.first_name == "Kim")).one()
    assert [one.file for one in look_before(workspace, f"#{kim}").files] == ["calls.jsonl", "people.csv"]
    erase_customer(workspace, f"#{kim}", by="maria", files=True)
    assert path.read_text(encoding="utf-8") == f"first_name,phone\n{others}"
    assert lines.read_text(encoding="utf-8") == '{"from": "+65 7946 0018"}\n'


@BOTH
def test_of_a_mark_in_every_column_and_file_nothing_is_left(
    workspace: Workspace, ann: int, make_customer: MakeCustomer
) -> None:
    make_customer("bob@example.com", first_name="Bob")
    marks = plant(workspace, ann, address_key(workspace.keys, ANN), make_campaign(workspace))
    assert len(marks) > 60
    assert marks_in_rows(workspace.database) == sorted({*marks, "customer.address"})
    rejects, mail = workspace.root / "people.rejects.csv", workspace.root / "incoming" / "done" / "1.eml"
    mail.parent.mkdir(parents=True, exist_ok=True)
    rejects.write_text(f"reject_row,email,note\n1,{ANN},{MARK}\n2,bob@example.com,fine\n", encoding="utf-8")
    left = workspace.root / ".simulation-killed" / "outreach.db"
    left.parent.mkdir()
    left.write_text(f"{ANN} {MARK}", encoding="utf-8")
    mail.write_bytes(f"From: Ann <{ANN.title()}>\r\n\r\n{MARK}\r\n".encode())
    done = erase_customer(workspace, ANN, by="maria", files=True)
    assert marks_in_rows(workspace.database) == []
    assert marks_in_files(workspace.root) == []
    assert done.washed
    assert not done.named
    assert {(one.file, one.done) for one in done.files} == {
        ("people.rejects.csv", "1 row taken out"),
        ("incoming/done/1.eml", "removed"),
    }
    assert rejects.read_text(encoding="utf-8") == "reject_row,email,note\n2,bob@example.com,fine\n"
    with workspace.database.read() as session:
        assert [one.first_name for one in session.scalars(select(Customer).order_by(col(Customer.id)))] == [None, "Bob"]


@BOTH
def test_of_a_declared_attribute_nothing_is_left_in_its_indexes(
    workspace: Workspace, ann: int, make_customer: MakeCustomer
) -> None:
    make_customer("bob@example.com", attributes={"plan": "pro", "tags": ["vip"]})
    for name, kind in (("plan", AttributeKind.TEXT), ("tags", AttributeKind.LIST)):
        declare(workspace, name, kind, by="maria")
    with workspace.database.write() as session:
        customer = session.get_one(Customer, ann)
        customer.attributes = {**customer.attributes, "tags": f"vip; {MARK}"}
        session.add(customer)
    erase(workspace)
    assert marks_in_rows(workspace.database) == []
    assert marks_in_files(workspace.root) == []


def test_what_an_older_sqlite_left_in_free_pages_is_written_over(workspace: Workspace, ann: int) -> None:
    if not workspace.database.is_sqlite:
        pytest.skip("it is about SQLite itself")
    assert workspace.database.path is not None
    workspace.database.engine.dispose()
    with sqlite3.connect(workspace.database.path) as raw:
        raw.execute("PRAGMA secure_delete=OFF")
        raw.execute("CREATE TABLE old (words)")
        raw.executemany("INSERT INTO old VALUES (?)", [(f"{ANN} {MARK} {number}" * 40,) for number in range(200)])
        raw.commit()
        raw.execute("DROP TABLE old")
    raw.close()
    assert marks_in_files(workspace.root) != []
    done = erase_customer(workspace, ANN, by="maria")
    assert done.rewritten
    assert marks_in_files(workspace.root) == []


@pytest.mark.sqlite
def test_copies_of_the_database_are_named_whoever_made_them(workspace: Workspace, ann: int) -> None:
    """Those that `db upgrade` leaves hold everybody of their day, and were passed over for their name."""
    path = workspace.database.path
    assert path is not None
    for name in ("before-0035", "before-0035.1", "bak"):
        path.with_name(f"{path.name}.{name}").write_bytes(b"SQLite format 3\0 " + ANN.encode())
    (workspace.root / "backups").mkdir()
    (workspace.root / "backups" / "acme-1.tar.gz").write_bytes(b"")
    copies = tuple(f"{path.name}.before-0035{end}" for end in ("", ".1"))
    done = erase_customer(workspace, ANN, by="maria", files=True)
    assert done.backups == ("backups/acme-1.tar.gz", *copies)
    assert [one.file for one in done.files if not one.done] == [f"{path.name}.bak"]


def test_a_maildir_of_the_workspace_is_no_mailbox_where_mails_lie_on_once_its_files_were_cleaned(
    workspace: Workspace, ann: int
) -> None:
    assert [box.name for box in workspace.settings.replies.mailboxes] == ["inbox"]
    assert look_before(workspace, ANN).mailboxes == ("inbox",)
    lying = workspace.root / "inbox" / "cur" / "1:2,S"
    lying.parent.mkdir(parents=True, exist_ok=True)
    lying.write_text(f"From: {ANN}\n\nHello\n", encoding="utf-8")
    assert erase_customer(workspace, ANN, by="maria", files=True).mailboxes == ()
    assert not lying.exists()


def test_what_others_wrote_in_the_same_words_is_no_trace(workspace: Workspace, ann: int) -> None:
    words = "It does not work at all, and I would like to have my money back."
    for who in (ANN, "bob@example.com"):
        receive(workspace, f"From: {who}\r\nSubject: Pump\r\n\r\n{words}\r\n".encode())
    done = erase_customer(workspace, ANN, by="maria")
    assert (done.washed, done.rewritten) == (True, False)
    with workspace.database.read() as session:
        assert [text for text in session.scalars(select(Inbound.text)) if text] == [words]


@BOTH
def test_the_mail_stays_counted_is_withheld_and_the_address_is_blocked(
    workspace: Workspace, ann: int, clock: HandClock
) -> None:
    edition_id = lay_edition(workspace, [ann])
    erase(workspace)
    with workspace.database.read() as session:
        delivery = session.scalars(select(Delivery)).one()
        facts = judge_people(
            session,
            workspace,
            campaign=session.get_one(Campaign, delivery.campaign_id),
            edition=session.get_one(Edition, edition_id),
            customer_ids=[ann],
            now=clock(),
        )
        block = find_suppression(session, address_key(workspace.keys, ANN))
        customer = session.get_one(Customer, ann)
    assert facts[ann].reason == "erased"
    assert states_of(workspace, edition_id) == [DeliveryState.QUEUED]
    assert block is not None
    assert block.reason is SuppressionReason.ERASED
    assert (customer.address, customer.address_key, customer.version) == (None, None, 3)
    with pytest.raises(InputError, match="was erased on 2026-12-01"):
        look_before(workspace, ANN)


@BOTH
def test_an_import_does_not_bring_an_erased_person_back(workspace: Workspace, ann: int, tmp_path: Path) -> None:
    erase(workspace)
    file = tmp_path / "people.csv"
    file.write_text(f"email,first name\n{ANN.upper()},Ann\nnew@example.com,New\n", encoding="utf-8")
    result = import_customers(workspace, file, "customers")
    assert (result.counts["created"], result.counts["suppressed"]) == (1, 1)
    with workspace.database.read() as session:
        assert session.scalars(select(Customer.address).where(col(Customer.address).is_not(None))).all() == [
            "new@example.com"
        ]


@BOTH
def test_later_mail_with_a_token_acts_but_is_not_kept(workspace: Workspace, ann: int, clock: HandClock) -> None:
    mail = send_newsletter(workspace, [ann])[ann]
    erase(workspace)
    clock.advance(days=1)
    made = as_unsubscribe_mail(mail, ANN), as_bounce(mail), as_reply(COMPLAINT, mail, ANN)
    for raw in made:
        assert MARK.encode() in raw
        receive(workspace, raw, mailbox="inbox")
    with workspace.database.read() as session:
        kept = inbounds(session)
        assert [bytes(one.raw) for one in kept] == [b"", b"", b""]
        assert all(one.state is InboundState.READ and "mailbox inbox" in one.flagged for one in kept)
        assert session.scalars(select(Case)).all() == []
        assert session.scalars(select(Suppression.reason)).all() == [SuppressionReason.ERASED]
        failure = delivery_of(workspace, ann).failure
    assert failure is not None, "the bounce has acted"
    assert marks_in_rows(workspace.database) == []
    assert marks_in_files(workspace.root) == []


@BOTH
def test_what_a_server_says_late_is_emptied_too(workspace: Workspace, ann: int, clock: HandClock) -> None:
    send_newsletter(workspace, [ann])
    erase(workspace)
    with workspace.database.write() as session:
        delivery = session.scalars(select(Delivery)).one()
        delivery.response = f"550 5.1.1 <{ANN}>: no such user"
        session.add(delivery)
    assert empty_late_words(workspace) == 1
    assert empty_late_words(workspace) == 0
    assert marks_in_rows(workspace.database) == []
    clock.advance(days=40)
    assert empty_late_words(workspace) == 0


@BOTH
def test_an_open_case_is_closed_and_one_that_broke_off_goes_on(
    workspace: Workspace, ann: int, clock: HandClock
) -> None:
    mail = send_newsletter(workspace, [ann])[ann]
    receive(workspace, as_reply(COMPLAINT, mail, ANN))

    def breaks(what: str, _count: int) -> None:
        if what == "inbound":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        erase_customer(workspace, ANN, by="maria", report=breaks)
    assert marks_in_rows(workspace.database) != []
    erase(workspace)
    assert marks_in_rows(workspace.database) == []
    with workspace.database.read() as session:
        case = session.scalars(select(Case)).one()
        assert (case.state, case.summary, case.author) == (CaseState.DISMISSED, "", "")


@BOTH
def test_who_names_them_elsewhere_is_told_and_a_machines_words_are_mended(
    workspace: Workspace, ann: int, make_customer: MakeCustomer
) -> None:
    bob = make_customer("bob@example.com", attributes={"friend": ANN})
    make_campaign(workspace, "spring", segment=f'email != "{ANN}"')
    (edition_id,) = (lay_edition(workspace, [bob]),)
    with workspace.database.write() as session:
        delivery = session.scalars(select(Delivery).where(col(Delivery.edition_id) == edition_id)).one()
        delivery.response = f"250 ok, copy to {ANN.title()}"
        session.add(delivery)
    before = look_before(workspace, ANN)
    done = erase_customer(workspace, ANN, by="maria")
    assert set(done.named) == {f"another customer {bob} (attributes)", "campaign 1 (segment)"}
    assert set(done.named) < set(before.named)
    assert delivery_of(workspace, bob).response == "250 ok, copy to [erased]"


@BOTH
def test_the_export_holds_all_that_erasing_would_empty(workspace: Workspace, ann: int) -> None:
    plant(workspace, ann, address_key(workspace.keys, ANN), make_campaign(workspace))
    found = export_customer(workspace, ANN)
    told = str(found.sections) + str(found.messages)
    hidden = ("features", "phone_end", "ending", "planned_digest", "content_digest", "raw")
    for place in marks_in_rows(workspace.database):
        table, _, column = place.partition(".")
        if column not in hidden:
            assert f"{MARK}-{table}-{column}" in told or place == "customer.address", place
    assert len(found.messages) == 1


def test_bobs_export_holds_nothing_of_ann(workspace: Workspace, ann: int, make_customer: MakeCustomer) -> None:
    bob = make_customer("bob@example.com")
    mails = send_newsletter(workspace, [ann, bob])
    receive(workspace, as_reply(COMPLAINT, mails[ann], ANN))
    assert MARK not in str(export_customer(workspace, "bob@example.com"))
    with workspace.database.read() as session:
        assert session.scalars(select(Inbound)).one().customer_id == ann
