"""An import is taken back as far as it still stands, also one that was killed; people without e-mail are kept."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, func, select, update

from outreach.audience.segment import EVERYONE
from outreach.errors import InputError, UsageError
from outreach.records import (
    Consent,
    ConsentAct,
    Contact,
    Customer,
    CustomerImport,
    Hold,
    HoldState,
    ImportChange,
    ImportState,
    Subscription,
    SuppressionReason,
)
from outreach.store.consents import suppress, unsubscribe
from outreach.store.customers import list_id_of
from outreach.store.import_log import list_imports
from outreach.store.undo import note_undo
from outreach.store.wishes import keep_wish
from outreach.work.by_hand import Handed, count_by_hand, name_by_hand
from outreach.work.compose import apply_campaign
from outreach.work.create import create_workspace
from outreach.work.extract import extract_customers
from outreach.work.undo import undo_import
from outreach.work.workspace import Workspace, open_workspace

from ..conftest import BOTH, HandClock
from .importing import block, kept, person, states, take, take_file
from .test_import_piles import belongings


def _count(workspace: Workspace, table: type) -> int:
    with workspace.database.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_an_import_taken_back_leaves_the_database_as_it_was(workspace: Workspace, clock: HandClock) -> None:
    take(workspace, "email,vorname,telefon,plan\na@example.com,Ann,030 123456,pro\nb@example.com,Bob,,free\n")
    before, ties = kept(workspace), states(workspace)
    clock.advance(hours=1)
    wrong = take(
        workspace,
        "email,vorname,telefon,twitter,plan,new,status\na@example.com,Eve,0170 1234567,@eve,vip,1,unsubscribed\n"
        "b@example.com,Bob,,,free,,\nc@example.com,Cy,,@cy,,,bounced\nd@example.com,Di,,,,,\n",
    )
    assert kept(workspace) != before and block(workspace, "c@example.com") is not None
    clock.advance(hours=1)
    done = undo_import(workspace, wrong.import_id, by="ann")
    assert (done.removed, done.kept, done.left, done.unblocked) == (2, 0, 0, 1)
    assert kept(workspace) == before and states(workspace) == ties
    assert _count(workspace, ImportChange) == 0 and _count(workspace, Contact) == 0
    with pytest.raises(InputError, match="already"):
        undo_import(workspace, wrong.import_id, by="ann")
    again = take(workspace, "email,vorname\nd@example.com,Di\n")
    assert again.created == 1


def test_a_rest_that_the_files_block_took_the_place_of_stands_again(workspace: Workspace) -> None:
    take(workspace, "email\na@example.com\n")
    key, now = person(workspace, "a@example.com").address_key or "", workspace.clock()
    told = {"reason": SuppressionReason.BOUNCES, "evidence": "mailbox full", "expires_at": now + timedelta(days=30)}
    with workspace.database.write() as session:
        suppress(session, address_key=key, at=now, **told)
    wrong = take(workspace, "email,status\na@example.com,bounced\n")
    found = block(workspace, "a@example.com")
    assert found is not None and found.reason is SuppressionReason.BAD_ADDRESS
    assert undo_import(workspace, wrong.import_id, by="ann").unblocked == 1
    found = block(workspace, "a@example.com")
    assert found is not None and {name: getattr(found, name) for name in told} == told


def test_what_was_done_since_is_kept(workspace: Workspace, clock: HandClock) -> None:
    take(workspace, "email,vorname,plan\na@example.com,Ann,pro\n")
    clock.advance(hours=1)
    wrong = take(workspace, "email,vorname,plan\na@example.com,Eve,vip\nb@example.com,Bob,x\nc@example.com,Cy,x\n")
    clock.advance(hours=1)
    take(workspace, "email,vorname\na@example.com,Anna\n")
    with workspace.database.write() as session:
        one = list_id_of(session, "customers")
        number = person(workspace, "c@example.com").id or 0
        unsubscribe(session, customer_id=number, list_id=one, at=clock(), how="page", evidence="t")
    take(workspace, "email\nb@example.com\n", list_name="other")
    done = undo_import(workspace, wrong.import_id, by="ann")
    assert (done.removed, done.kept, done.left) == (0, 2, 1)
    ann = person(workspace, "a@example.com")
    assert (ann.first_name, ann.attributes) == ("Anna", {"plan": "pro"})
    assert states(workspace)["c@example.com"] == "unsubscribed"
    with workspace.database.read() as session:
        bob = person(workspace, "b@example.com").id
        lists = session.exec(select(Subscription.list_id).where(Subscription.customer_id == bob)).all()
        acts = session.exec(select(Consent).where(Consent.customer_id == bob, Consent.how == "undo")).all()
    assert len(lists) == 1 and len(acts) == 1


@BOTH
def test_whom_a_later_file_found_unchanged_stays_by_the_proof_of_that_file(
    workspace: Workspace, clock: HandClock
) -> None:
    """They stood in the newer file, and went with the older one: nobody was asked, and nothing was said."""
    head, who = "email,vorname,status\n", ("a", "b", "c", "d", "e")
    first = take(workspace, head + "".join(f"{one}@example.com,{one.upper()}x,\n" for one in who))
    clock.advance(hours=1)
    again = take(workspace, f"{head}a@example.com,Ax,\nb@example.com,Bea,\ne@example.com,Ex,\n", "newer.csv")
    assert again.unchanged == 2
    take(workspace, "email,vorname,off\nc@example.com,Cx,yes\n", "off.csv", mapping={"off": "not_subscribed"})
    with workspace.database.write() as session:
        one, number = list_id_of(session, "customers"), person(workspace, "e@example.com").id or 0
        unsubscribe(session, customer_id=number, list_id=one, at=clock(), how="page", evidence="t")
    clock.advance(hours=1)
    done = undo_import(workspace, first.import_id, by="ann")
    assert (done.removed, done.kept, done.newer) == (1, 2, 2)
    assert states(workspace) == {
        "a@example.com": "subscribed",
        "b@example.com": "subscribed",
        "e@example.com": "unsubscribed",
    }
    assert person(workspace, "b@example.com").first_name == "Bea"
    with workspace.database.read() as session:
        acts = session.exec(select(Consent).where(Consent.customer_id == person(workspace, "a@example.com").id)).all()
    assert [(act.act, act.how) for act in acts] == [(ConsentAct.GIVEN, "import")] * 2
    assert acts[-1].evidence.startswith("newer.csv: import 2 found them") and acts[-1].at == acts[0].at + timedelta(
        hours=1
    )


def test_what_a_later_file_found_counts_no_more_once_that_one_is_taken_back(
    workspace: Workspace, clock: HandClock
) -> None:
    first = take(workspace, "email\na@example.com\n")
    clock.advance(hours=1)
    again = take(workspace, "email\na@example.com\n")
    for number, gone in ((again.import_id, 0), (first.import_id, 1)):
        done = undo_import(workspace, number, by="ann")
        assert (done.removed, done.newer) == (gone, 0)


def test_a_subscription_of_somebody_known_stays_where_a_later_file_tells_it(
    workspace: Workspace, clock: HandClock
) -> None:
    take(workspace, "email\na@example.com\nb@example.com\n", list_name="other")
    clock.advance(hours=1)
    first = take(workspace, "email\na@example.com\nb@example.com\n")
    clock.advance(hours=1)
    take(workspace, "email\na@example.com\n", "newer.csv")
    done = undo_import(workspace, first.import_id, by="ann")
    assert (done.removed, done.restored, done.newer) == (0, 1, 1)
    with workspace.database.read() as session:
        one = list_id_of(session, "customers")
        tied = session.exec(select(Subscription.customer_id).where(Subscription.list_id == one)).all()
    assert tied == [person(workspace, "a@example.com").id]


def test_a_number_that_was_known_before_stays_when_an_import_is_taken_back_that_told_it_beside_a_new_one(
    workspace: Workspace, clock: HandClock
) -> None:
    take(workspace, "email,telefon\na@example.com,030 123456; 030 765432\n")
    before = belongings(workspace)
    clock.advance(hours=1)
    wrong = take(workspace, "email,telefon\na@example.com,030 123456; 030 765432; 0170 1234567\n")
    assert (wrong.updated, len(belongings(workspace) - before)) == (1, 1)
    clock.advance(hours=1)
    assert undo_import(workspace, wrong.import_id, by="ann").restored == 1
    assert len(before) == 1 and belongings(workspace) == before


def test_an_import_that_was_killed_is_listed_and_taken_back(workspace: Workspace) -> None:
    def kill(done: int, whole: int) -> None:
        raise KeyboardInterrupt

    text = "email\n" + "".join(f"u{n}@example.com\n" for n in range(3000))
    with pytest.raises(KeyboardInterrupt):
        take(workspace, text, progress=kill)
    with workspace.database.read() as session:
        (one,) = list_imports(session)
    assert one.row.state is ImportState.RUNNING and 0 < _count(workspace, Customer) < 3000
    done = undo_import(workspace, one.row.id or 0, by="ann")
    assert done.removed > 0
    assert [_count(workspace, table) for table in (Customer, Subscription, Consent)] == [0, 0, 0]


def test_an_undo_that_was_killed_goes_on_where_it_stood(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    result = take(workspace, "email\n" + "".join(f"u{n}@example.com\n" for n in range(1500)))

    def kill(done: int, whole: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        undo_import(workspace, result.import_id, by="ann", progress=kill)
    assert 0 < _count(workspace, Customer) < 1500
    undo_import(workspace, result.import_id, by="ann")
    assert _count(workspace, Customer) == 0


def test_an_import_that_is_taken_back_while_it_runs_stops(workspace: Workspace) -> None:
    def undone(done: int, whole: int) -> None:
        with workspace.database.write() as session:
            number = session.exec(select(col(CustomerImport.id))).one()
            note_undo(session, number or 0, state=ImportState.UNDONE)

    with pytest.raises(InputError, match="taken back while it ran"):
        take(workspace, "email\n" + "".join(f"u{n}@example.com\n" for n in range(3000)), progress=undone)


def test_an_unknown_number_is_told_with_the_known_ones(workspace: Workspace) -> None:
    take(workspace, "email\na@example.com\n")
    with pytest.raises(InputError, match="no import 77") as told:
        undo_import(workspace, 77, by="ann")
    assert "1" in told.value.remedy


BY_HAND = (
    "Vorname,Nachname,Telefon,Straße,PLZ,Ort,E-Mail,do_not_call\nAnn,Baker,030 1234567,,,,,\n"
    "Cy,Dent,,Weg 1,01067,Dresden,-,\nEd,Fox,,,,,ed@example.com,\nGo,Hill,,,,,,\n"
    "Io,Jones,030 7654321,Weg 2,01067,Dresden,,yes\nAnn,Baker,030 1234567,,,,,\n"
)


def test_people_without_an_address_are_kept_and_known_again(workspace: Workspace) -> None:
    first = take(workspace, BY_HAND)
    assert (first.created, first.by_hand, first.duplicate, first.invalid) == (4, 3, 1, 1)
    assert "neither a phone number nor a postal address" in first.faults[0][1]
    again = take(workspace, BY_HAND)
    assert (again.created, again.unchanged, again.duplicate) == (0, 4, 1)
    changed = take(workspace, BY_HAND.replace(",,yes", ",zz@example.com,yes"))
    assert changed.created == 1, "with an address of their own they are looked up by it"


@BOTH
def test_whoever_complains_is_called_by_nobody_about_an_offer(workspace: Workspace) -> None:
    """The plan left out their mail, and named them among those to be called about the same."""
    take(workspace, BY_HAND)
    for kind in ("offer", "tips"):
        text = f"---\nname: {kind}\nkind: {kind}\nlist: customers\nsubject: Hello\n---\n\nHello.\n"
        (workspace.root / "one.md").write_text(text)
        apply_campaign(workspace, workspace.root / "one.md")
    names = {name: number for number, name in _named(workspace, "offer")}
    with workspace.database.write() as session:
        held = {"scope": "promotion", "state": HoldState.SUGGESTED, "reason": "case 1", "since": workspace.clock()}
        session.add(Hold(customer_id=names["Ann Baker"], until=workspace.clock() + timedelta(days=2), **held))
        session.add(Hold(customer_id=names["Cy Dent"], until=workspace.clock(), **held))
        lapsed = update(Subscription).where(col(Subscription.customer_id) == names["Io Jones"])
        session.execute(lapsed.values(until=workspace.clock()))
    assert [name for _, name in _named(workspace, "offer")] == ["Cy Dent"]
    assert [name for _, name in _named(workspace, "tips")] == ["Ann Baker", "Cy Dent"]
    assert count_by_hand(workspace, campaign="offer") == [Handed("offer", call=0, write=1)]


@BOTH
def test_whose_address_bounced_or_was_blocked_until_lately_is_still_called_as_they_asked(workspace: Workspace) -> None:
    take(workspace, "email,telefon\na@example.com,030 1234561\nb@example.com,030 1234562\nc@example.com,030 1234563\n")
    (workspace.root / "tips.md").write_text("---\nname: tips\nlist: customers\nsubject: Hello\n---\n\nHello.\n")
    apply_campaign(workspace, workspace.root / "tips.md")
    now = workspace.clock()
    blocks = {
        "a": (SuppressionReason.BOUNCES, now + timedelta(days=30)),
        "b": (SuppressionReason.BY_HAND, now - timedelta(days=1)),
        "c": (SuppressionReason.BY_HAND, now + timedelta(days=1)),
    }
    wish = {"paused_until": None, "every_days": 0, "no_topics": [], "how": "page", "evidence": ""}
    for name, (reason, until) in blocks.items():
        one = person(workspace, f"{name}@example.com")
        with workspace.database.write() as session:
            keep_wish(session, one.id or 0, channel="phone", at=now, **wish)
            key = one.address_key or ""
            suppress(session, address_key=key, reason=reason, at=now - timedelta(days=9), evidence="", expires_at=until)
    phones = [one.phone[-1] for one in name_by_hand(workspace, "tips")]
    assert phones == ["1", "2"]


def _named(workspace: Workspace, campaign: str) -> list[tuple[int, str]]:
    return [(one.customer_id, one.name) for one in name_by_hand(workspace, campaign)]


def test_the_plan_names_whom_to_call_and_whom_to_write_to(workspace: Workspace) -> None:
    take(workspace, BY_HAND)
    (workspace.root / "tips.md").write_text(
        "---\nname: tips\nkind: news\nlist: customers\nsubject: Hello\nsegment: 'ort != \"Ulm\"'\n---\n\nHello.\n"
    )
    apply_campaign(workspace, workspace.root / "tips.md")
    assert count_by_hand(workspace) == [Handed("tips", call=1, write=2)]
    told = [(one.name, one.how, one.phone, one.post) for one in name_by_hand(workspace, "tips")]
    assert told == [
        ("Ann Baker", "call", "0301234567", ""),
        ("Cy Dent", "write", "", "Weg 1, 01067 Dresden"),
        ("Io Jones", "write", "0307654321", "Weg 2, 01067 Dresden"),
    ]
    ed = person(workspace, "ed@example.com").id or 0
    wish = {"paused_until": None, "every_days": 0, "no_topics": [], "how": "page", "evidence": ""}
    with workspace.database.write() as session:
        keep_wish(session, ed, channel="letter", at=workspace.clock(), **wish)
    *_, last = name_by_hand(workspace, "tips")
    assert (last.name, last.how, last.post, last.why) == ("Ed Fox", "write", "", "asked for it")
    assert count_by_hand(workspace) == [Handed("tips", call=1, write=3)]
    with workspace.database.write() as session:
        until = workspace.clock() + timedelta(days=30)
        keep_wish(session, ed, channel="phone", at=workspace.clock(), **wish | {"paused_until": until})
    assert count_by_hand(workspace) == [Handed("tips", call=1, write=2)], "whoever asked for a pause has one"
    with pytest.raises(UsageError, match="no campaign"):
        list(name_by_hand(workspace, "news"))


def test_a_file_of_numbers_alone_needs_no_column_of_addresses(workspace: Workspace) -> None:
    assert take(workspace, "name,phone\nAnn,030 1234567\n").by_hand == 1
    with pytest.raises(InputError, match="no column holds"):
        take(workspace, "name,phone,Kontakt\nAnn,030 1234567,ann@example.com\n")


def test_saved_customers_import_back_as_the_same_people(workspace: Workspace, tmp_path: Path, clock: HandClock) -> None:
    create_workspace(tmp_path / "fresh", "fresh", clock=clock)
    fresh = open_workspace(tmp_path / "fresh", clock)
    take(
        workspace,
        "email,vorname,nachname,telefon,twitter,land,plan,seats,vip,zip,mixed,tags,note,status,consent_at\n"
        'a@example.com,Ann,"=1+1 is, two",+49 170 1234567; 030 123456,@ann,DE,pro,5,yes,01067,1,'
        '"[""a""]","-2+3 ""x""",,2024-01-01\n'
        "b@example.com,'=Bob,B,,,,free,7,no,10115,x,,@SUM(A1),unsubscribed,\n"
        "c@example.com,Cy,C,,,FR,,0,,,,,'',bounced,\n",
        types={"mixed": "text"},
    )
    take(workspace, "vorname,nachname,telefon\nNo,Mail,030 999999\n")
    take(workspace, "email,status\nd@example.com,subscribed\n", mapping={"status": "status"})
    take(workspace, "email,subscribed,numbers\na@example.com,gold,007\n", mapping={"subscribed": "status_word"})
    file = workspace.root / "saved.csv"
    with workspace.database.read() as session:
        one = list_id_of(session, "customers")
    done = extract_customers(workspace, file, list_id=one, segment=EVERYONE)
    assert done.people == 5
    cells = [cell for line in file.read_text("utf-8-sig").splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]
    back = take_file(fresh, file)
    assert (back.created, back.invalid, back.warnings) == (5, 0, {})
    assert kept(fresh) == kept(workspace) and states(fresh) == states(workspace)
    assert block(fresh, "c@example.com") is not None
    again = fresh.root / "again.csv"
    extract_customers(fresh, again, list_id=1, segment=EVERYONE)
    skip = [place for place, head in enumerate(done.columns) if head.startswith("consent")]
    plain = [
        [[cell for place, cell in enumerate(row) if place not in skip] for row in _rows(path)] for path in (file, again)
    ]
    assert plain[0] == plain[1]
    with pytest.raises(InputError, match="exists already"):
        extract_customers(workspace, file, list_id=one, segment=EVERYONE)


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))
