from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import func, select

from outreach.address import address_key
from outreach.audience.consent import may_mail
from outreach.audience.merge import Ways
from outreach.errors import InputError, UsageError
from outreach.records import (
    Consent,
    ConsentAct,
    ContactKind,
    Customer,
    CustomerImport,
    Kind,
    Subscription,
    SubscriptionState,
    SuppressionReason,
)
from outreach.store.consents import (
    consent_history,
    find_suppression,
    mail_facts,
    subscriptions_of,
    suppress,
    unsubscribe,
)
from outreach.store.contacts import contacts_by_customer
from outreach.store.customers import find_customer, list_id_of
from outreach.work.intake import import_customers
from outreach.work.intake_wishes import ImportResult, Wishes
from outreach.work.rejects import Rejects
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer
from ..examples import examples


def _import(workspace: Workspace, text: str | bytes, name: str = "people.csv", **options: Any) -> ImportResult:
    file = workspace.root / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    wishes = Wishes(options.pop("mapping", {}), options.pop("types", {}), options.pop("ways", Ways()))
    wishes = replace(wishes, source=options.pop("source", ""))
    return import_customers(workspace, file, options.pop("list_name", "customers"), wishes, **options)


def _find(workspace: Workspace, address: str) -> Customer:
    with workspace.database.read() as session:
        found = find_customer(session, workspace.keys, address)
    assert found is not None
    return found


def _state(workspace: Workspace, address: str) -> SubscriptionState:
    with workspace.database.read() as session:
        found = find_customer(session, workspace.keys, address)
        assert found is not None and found.id is not None
        return subscriptions_of(session, found.id)[0].state


def _count(workspace: Workspace, table: Any) -> int:
    with workspace.database.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def _adds_up(result: ImportResult) -> bool:
    counts = result.counts
    parts = ("created", "updated", "unchanged", "invalid", "duplicate", "suppressed")
    return counts["rows"] == sum(counts[part] for part in parts)


PEOPLE = """\
E-Mail;Vorname;Nachname;Land;Sprache;Telefon;Größe;Kunde seit;Aktiv;PLZ;Notiz
ann@example.com;Ann;Müller;Deutschland;Deutsch;0049 151 2345678;5;31.12.2024;ja;01067;"sagt ""hallo"";
zweimal"
Bo@Example.COM;Bo;"O'Neil; jr";US;en-US;;6;01.01.2025;nein;10115;
"""


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [
        ("utf-8", ","),
        ("utf-8", "|"),
        ("utf-8-sig", ";"),
        ("utf-16", "\t"),
        ("utf-16-le", ";"),
        ("utf-16-be", ","),
        ("cp1252", ";"),
        ("latin-1", "\t"),
    ],
)
def test_a_real_life_file_becomes_customers(workspace: Workspace, encoding: str, delimiter: str) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter).writerows(csv.reader(io.StringIO(PEOPLE, newline=""), delimiter=";"))
    text = buffer.getvalue()
    result = _import(workspace, text.encode(encoding))
    assert (result.created, result.invalid, result.rejects) == (2, 0, None) and _adds_up(result)
    ann, bo = _find(workspace, "ann@example.com"), _find(workspace, "bo@example.com")
    assert (ann.first_name, ann.last_name, ann.country, ann.language) == ("Ann", "Müller", "DE", "de")
    assert (ann.phone, ann.zone, bo.zone) == ("+491512345678", "Europe/Berlin", None)
    assert ann.attributes == {
        "grosse": 5,
        "kunde_seit": "2024-12-31",
        "aktiv": True,
        "plz": "01067",
        "notiz": 'sagt "hallo";\nzweimal',
    }
    assert (bo.address, bo.last_name, bo.attributes["plz"]) == ("Bo@example.com", "O'Neil; jr", "10115")


def test_each_person_is_subscribed_with_a_proof_that_names_file_and_row(workspace: Workspace, clock: HandClock) -> None:
    _import(workspace, "email,consent_at,consent_how,consent_words\na@b.de,2024-05-01,trade fair,I agree\nc@b.de,,,\n")
    with workspace.database.read() as session:
        ann, bo = (consent_history(session, _find(workspace, address).id or 0)[0] for address in ("a@b.de", "c@b.de"))
    assert (ann.act, f"{ann.at:%Y-%m-%d}", ann.how, ann.words, ann.evidence) == (
        ConsentAct.GIVEN,
        "2024-05-01",
        "trade fair",
        "I agree",
        "people.csv:2",
    )
    assert (bo.at, bo.how, bo.evidence) == (clock(), "import", "people.csv:3")


def test_the_second_run_changes_nothing(workspace: Workspace) -> None:
    text = "email,name,consent_at\n" + "".join(f"u{n}@b.de,N{n},2024-05-01\n" for n in range(2500))
    assert _import(workspace, text).created == 2500
    rows = [_count(workspace, table) for table in (Customer, Subscription, Consent)]
    again = _import(workspace, text)
    assert (again.unchanged, again.created, again.updated) == (2500, 0, 0)
    assert rows == [_count(workspace, table) for table in (Customer, Subscription, Consent)] == [2500] * 3


def test_an_update_keeps_what_the_file_does_not_tell_and_stops_no_claim(workspace: Workspace) -> None:
    _import(workspace, "email,vorname,plan,seats,zone\na@b.de,Ann,pro,5,Europe/Paris\n")
    result = _import(workspace, "email,vorname,plan,country,language\na@b.de,,free,CH,fr\n")
    assert (result.updated, result.created) == (1, 0)
    ann = _find(workspace, "a@b.de")
    assert (ann.first_name, ann.attributes, ann.zone) == ("Ann", {"plan": "free", "seats": 5}, "Europe/Paris")
    assert (ann.country, ann.language, ann.version) == ("CH", "fr", 1)


def test_bad_rows_are_set_aside_with_row_reason_and_cells_and_can_be_imported_mended(workspace: Workspace) -> None:
    text = (
        'email;name;note\na@b.de;Ann;x\nbroken;Bo;"y;z"\n;Cy;\na@@b.de;Di;\ne@b.de;Ed;1;2\nf@b.de;N\0UL;\n'
        f"g@b.de;{'x' * 10_001};\n"
    )
    result = _import(workspace, text)
    assert (result.created, result.invalid) == (1, 6) and _adds_up(result)
    assert result.rejects == workspace.root / "people.rejects.csv"
    raw = result.rejects.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(raw.decode("utf-8-sig").splitlines(), delimiter=";"))
    assert rows[0] == ["reject_row", "reject_reason", "email", "name", "note"]
    assert [row[0] for row in rows[1:]] == ["3", "4", "5", "6", "7", "8"]
    assert rows[1][2:] == ["broken", "Bo", "y;z"]
    reasons = [row[1] for row in rows[1:]]
    for reason, words in zip(
        reasons, ["has no @", "no e-mail address", "no e-mail address", "4 cells", "NUL", "10,001"], strict=True
    ):
        assert words in reason
    result.rejects.write_text(result.rejects.read_text("utf-8-sig").replace("broken", "bo@b.de"), "utf-8")
    mended = import_customers(workspace, result.rejects, list_name="customers")
    assert mended.created == 1 and _find(workspace, "bo@b.de").attributes == {"name": "Bo", "note": "y;z"}
    assert mended.rejects == workspace.root / "people.rejects-2.csv"


def test_an_earlier_rejects_file_is_never_overwritten(workspace: Workspace) -> None:
    first = _import(workspace, "email\nbroken\n").rejects
    second = _import(workspace, "email\nworse\n").rejects
    assert first and second and first != second
    assert "broken" in first.read_text("utf-8-sig") and "worse" in second.read_text("utf-8-sig")


def test_a_suppressed_address_never_comes_back(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        suppress(
            session,
            address_key=address_key(workspace.keys, "gone@b.de"),
            reason=SuppressionReason.ERASED,
            at=workspace.clock(),
            evidence="letter",
        )
    for spelling in ("gone@b.de", "GONE@B.DE", "Gone <gone@b.de>"):
        result = _import(workspace, f'email,name\n"{spelling}",Ann\n')
        assert (result.suppressed, result.created) == (1, 0) and _adds_up(result)
    assert _count(workspace, Customer) == _count(workspace, Subscription) == 0


def test_an_unsubscribed_person_is_not_subscribed_again(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@b.de", first_name="An")
    with workspace.database.write() as session:
        one = list_id_of(session, "customers")
        unsubscribe(session, customer_id=ann, list_id=one, at=workspace.clock(), how="page", evidence="t")
    result = _import(workspace, "email,vorname,status,consent_at\nann@b.de,Ann,subscribed,2024-01-01\n")
    assert result.updated == 1
    assert _state(workspace, "ann@b.de") is SubscriptionState.UNSUBSCRIBED
    assert _find(workspace, "ann@b.de").first_name == "Ann"


@pytest.mark.parametrize("word", ["unsubscribed", "bounced", "abgemeldet", "cleaned"])
def test_the_files_own_unsubscribed_people_are_kept_as_such(
    workspace: Workspace, make_customer: MakeCustomer, word: str
) -> None:
    known = make_customer("known@b.de")
    result = _import(workspace, f"email,status\nnew@b.de,{word}\nknown@b.de,{word}\nok@b.de,subscribed\n")
    assert (result.created, result.updated, result.unsubscribed) == (2, 1, 2)
    assert _state(workspace, "new@b.de") is _state(workspace, "known@b.de") is SubscriptionState.UNSUBSCRIBED
    assert _find(workspace, "known@b.de").version >= 2
    bounced = word in ("bounced", "cleaned")
    with workspace.database.read() as session:
        facts = mail_facts(session, list_id_of(session, "customers"), [known])
        acts = [act.act for act in consent_history(session, known)]
        block = find_suppression(session, address_key(workspace.keys, "new@b.de"))
    assert may_mail(facts[known], Kind.TIPS, workspace.clock()).reason == ("suppressed" if bounced else "unsubscribed")
    assert (block.reason if block else None) == (SuppressionReason.BAD_ADDRESS if bounced else None)
    assert acts == [ConsentAct.WITHDRAWN]
    assert _state(workspace, "ok@b.de") is SubscriptionState.SUBSCRIBED


def test_an_unknown_status_is_refused_not_guessed(workspace: Workspace) -> None:
    result = _import(workspace, "email,status\na@b.de,subscribed\nc@b.de,sbscrbd\n")
    assert (result.created, result.invalid) == (1, 1)


def test_pending_waits_and_a_file_without_a_date_confirms_nothing(workspace: Workspace) -> None:
    _import(workspace, "email,status\na@b.de,pending\n")
    assert _state(workspace, "a@b.de") is SubscriptionState.PENDING and _count(workspace, Consent) == 0
    _import(workspace, "email\na@b.de\n")
    assert _state(workspace, "a@b.de") is SubscriptionState.PENDING
    _import(workspace, "email,consent_at\na@b.de,2024-01-01\n")
    assert _state(workspace, "a@b.de") is SubscriptionState.SUBSCRIBED


def test_duplicates_are_counted_the_first_wins_and_a_stop_always_counts(workspace: Workspace) -> None:
    text = (
        "email,vorname,status\na@b.de,Ann,subscribed\nA@B.de,Anna,unsubscribed\nc@b.de,Cy,unsubscribed\nc@b.de,C,ok\n"
    )
    result = _import(workspace, text)
    assert (result.created, result.duplicate) == (2, 2) and _adds_up(result)
    assert _find(workspace, "a@b.de").first_name == "Ann"
    assert _state(workspace, "a@b.de") is _state(workspace, "c@b.de") is SubscriptionState.UNSUBSCRIBED


def test_a_stop_far_behind_in_the_file_counts_too_and_a_second_run_finds_nothing_to_do(workspace: Workspace) -> None:
    people = [f"u{n}@b.de,subscribed\n" for n in range(3000)]
    stops = [f"u{n}@b.de,unsubscribed\n" for n in range(60)]
    text = "email,status\n" + "".join(people + stops)
    result = _import(workspace, text)
    assert (result.created, result.duplicate, result.unsubscribed) == (3000, 60, 60)
    assert _state(workspace, "u59@b.de") is SubscriptionState.UNSUBSCRIBED
    with workspace.database.read() as session:
        (act,) = consent_history(session, _find(workspace, "u0@b.de").id or 0)
    assert (act.act, act.evidence) == (ConsentAct.WITHDRAWN, "people.csv:3002")
    again = _import(workspace, text)
    assert (again.unchanged, again.unsubscribed) == (3000, 0)


def test_a_dry_run_counts_the_same_and_writes_nothing(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("same@b.de", first_name="Same")
    make_customer("old@b.de", first_name="Old")
    with workspace.database.write() as session:
        key = address_key(workspace.keys, "gone@b.de")
        suppress(session, address_key=key, reason=SuppressionReason.BY_HAND, at=workspace.clock(), evidence="")
    text = "email,vorname\nsame@b.de,Same\nold@b.de,New\nnew@b.de,N\nnew@b.de,N\nbroken,B\ngone@b.de,G\n"
    tables = (Customer, Subscription, Consent, CustomerImport)
    before = [_count(workspace, table) for table in tables]
    dry = _import(workspace, text, dry_run=True, list_name="customers")
    assert before == [_count(workspace, table) for table in tables]
    assert not list(workspace.root.glob("*.rejects*.csv")) and dry.rejects is None
    assert [dry.created, dry.updated, dry.unchanged, dry.invalid, dry.duplicate, dry.suppressed] == [1] * 6
    wet = _import(workspace, text)
    assert wet.counts == dry.counts


def test_a_dry_run_makes_no_list(workspace: Workspace) -> None:
    result = _import(workspace, "email\na@b.de\n", list_name="fresh", dry_run=True)
    with workspace.database.read() as session:
        assert list_id_of(session, "fresh") is None
    assert result.new_list and result.created == 1


def test_what_is_doubtful_is_left_empty_and_counted(workspace: Workspace) -> None:
    text = (
        "email,zone,country,language,phone,consent_at\n"
        "a@b.de,Mars/Base,Atlantis,Klingon,call me,5/1/2024\nb@b.de,europe/BERLIN,,,,2999-01-01\n"
    )
    result = _import(workspace, text)
    assert result.created == 2 and sum(result.warnings.values()) == 6
    assert result.warnings["unknown time zone: Mars/Base"] == 1
    ann, bo = _find(workspace, "a@b.de"), _find(workspace, "b@b.de")
    assert (ann.zone, ann.country, ann.language, ann.phone, bo.zone) == (None, None, None, None, "Europe/Berlin")
    with workspace.database.read() as session:
        (act,) = consent_history(session, ann.id or 0)
    assert act.at == workspace.clock() and "5/1/2024" in act.words


def test_bytes_that_are_no_utf8_spoil_only_their_own_row(workspace: Workspace) -> None:
    good = "".join(f"u{n}@b.de,Zoë{n}\n" for n in range(5)).encode()
    result = _import(workspace, b"email,vorname\n" + good + b"bad@b.de,J\xfcrgen\n")
    assert (result.created, result.invalid, result.encoding) == (5, 1, "utf-8")


def test_a_file_that_is_a_workbook_is_refused_with_a_remedy(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="Excel") as told:
        _import(workspace, b"PK\x03\x04\x14\x00\x06\x00" + os.urandom(2000), name="people.csv")
    assert "save it as CSV" in told.value.remedy and _count(workspace, Customer) == 0


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"\n\n\n", "empty"),
        (b"name,town\nAnn,Ulm\n", "name, town"),
        (b'email,"name\n', "never closed"),
        (b"ann@b.de,Ann\n", "no headings"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(workspace: Workspace, raw: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as told:
        _import(workspace, raw)
    assert "people.csv" in told.value.message and (told.value.remedy or words == "never closed")


def test_a_missing_file_and_a_folder_are_told(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="does not exist"):
        import_customers(workspace, workspace.root / "none.csv", list_name="customers")
    with pytest.raises(InputError, match="is a folder"):
        import_customers(workspace, workspace.root, list_name="customers")


@pytest.mark.parametrize("name", ["", "a b", "../x", "x" * 65, "a\nb"])
def test_a_list_name_must_be_plain(workspace: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match="name of a list"):
        _import(workspace, "email\na@b.de\n", list_name=name)


def test_headings_alone_import_nobody(workspace: Workspace) -> None:
    result = _import(workspace, "email,name\n")
    assert result.rows == 0 and _adds_up(result)


def test_where_the_folder_cannot_be_written_rejects_go_to_the_workspace(workspace: Workspace, tmp_path: Path) -> None:
    file = Path("/proc/environ")
    rejects = Rejects(file, [Path("/proc"), tmp_path], ["email"], ",", True)
    rejects.add(2, "bad", ["x"])
    rejects.close()
    assert rejects.path == tmp_path / "environ.rejects.csv"
    with pytest.raises(InputError, match="refused rows cannot be written"):
        Rejects(file, [Path("/proc")], ["email"], ",", True).add(2, "bad", ["x"])


def test_a_full_disk_is_told_and_what_was_kept_stays(workspace: Workspace) -> None:
    rejects = Rejects(Path("x.csv"), [workspace.root], ["email"], ",", True)
    rejects.add(2, "bad", ["x"])
    assert rejects._handle is not None
    rejects._handle.close()
    rejects._handle = open("/dev/full", "w")  # noqa: SIM115
    rejects._writer = csv.writer(rejects._handle)
    with pytest.raises(InputError, match="No space left"):
        for _ in range(10_000):
            rejects.add(3, "bad", ["x"])
        rejects.close()


def test_the_import_itself_is_kept(workspace: Workspace) -> None:
    result = _import(workspace, "email\na@b.de\nbroken\n")
    with workspace.database.read() as session:
        kept = session.exec(select(CustomerImport)).one()
    assert kept.counts == result.counts and kept.list_name == "customers"
    assert kept.file == str(workspace.root / "people.csv") and kept.rejects.endswith("people.rejects.csv")


def test_progress_is_told_to_the_end(workspace: Workspace) -> None:
    told: list[tuple[int, int]] = []
    text = "email\n" + "".join(f"u{n}@b.de\n" for n in range(2100))
    _import(workspace, text, progress=lambda done, whole: told.append((done, whole)))
    assert told[-1] == (2100, 2100) and told == sorted(set(told)) and len(told) >= 3


def test_a_killed_import_runs_again_and_nobody_is_missing_or_twice(workspace: Workspace) -> None:
    count = 6_000
    file = workspace.root / "people.csv"
    file.write_text("email,name\n" + "".join(f"u{n}@b.de,N{n}\n" for n in range(count)))
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from outreach.work.intake import import_customers
        from outreach.work.workspace import open_workspace
        root = Path(sys.argv[1])
        import_customers(open_workspace(root), root / "people.csv", list_name="customers",
                         progress=lambda done, _: print(done, flush=True))
        """
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.given", program, str(workspace.root)], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline()
    time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    kept = _count(workspace, Customer)
    assert 0 < kept < count
    result = import_customers(workspace, file, list_name="customers")
    assert (result.unchanged, result.created) == (kept, count - kept)
    assert [_count(workspace, table) for table in (Customer, Subscription, Consent)] == [count] * 3


CELL = st.one_of(
    st.sampled_from(
        ["a@b.de", "A@B.de", "c@d.fr", "broken", "", '"', "unsubscribed", "2024-01-01", "DE", "\0", "x" * 200]
    ),
    st.text(max_size=12),
)


@given(
    head=st.lists(st.sampled_from(["email", "status", "land", "consent_at", "x", "", "Email"]), max_size=6),
    rows=st.lists(st.lists(CELL, max_size=7), max_size=12),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252", "utf-16-le"]),
    junk=st.binary(max_size=30),
)
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_whatever_is_imported_or_refused_and_every_row_is_counted(
    workspace: Workspace, head: list[str], rows: list[list[str]], delimiter: str, encoding: str, junk: bytes
) -> None:
    text = "\n".join(delimiter.join(row) for row in [["email", *head], *rows])
    raw = text.encode(encoding, errors="replace") + junk
    try:
        dry = _import(workspace, raw, dry_run=True)
        wet = _import(workspace, raw)
    except InputError as told:
        assert "people.csv" in told.message
        return
    assert _adds_up(dry) and _adds_up(wet)
    names = ("created", "updated", "unchanged", "invalid", "duplicate", "suppressed")
    assert [dry.counts[name] for name in names] == [wet.counts[name] for name in names]
    again = _import(workspace, raw)
    assert again.created == 0 and again.updated == 0
    assert (again.rejects is None) is (again.invalid == 0)


def test_numbers_and_handles_beside_the_first_are_kept_with_their_network(workspace: Workspace) -> None:
    text = (
        "email,twitter,Instagram handle,phone,mobile\n"
        "ann@example.com,@Ann,https://instagram.com/ann.b,030 123456; 030 654321,+49 170 1234567\n"
        "bob@example.com,,@bobby,,0170 7654321\n"
        "eve@example.com,,,,call me\n"
    )
    first = _import(workspace, text)
    assert (first.created, first.warnings) == (3, {"unknown phone: call me": 1})
    ann, bob = _find(workspace, "ann@example.com"), _find(workspace, "bob@example.com")
    assert (ann.phone, ann.phone_end, ann.handle) == ("030123456", "30123456", "ann")
    assert (bob.phone, bob.handle) == ("01707654321", "bobby")
    with workspace.database.read() as session:
        known = contacts_by_customer(session, [ann.id or 0, bob.id or 0])
    assert known[ann.id or 0] == {
        (ContactKind.HANDLE, "x", "ann"),
        (ContactKind.HANDLE, "instagram", "ann.b"),
        (ContactKind.PHONE, "", "030654321"),
        (ContactKind.PHONE, "", "+491701234567"),
    }
    assert known[bob.id or 0] == {(ContactKind.HANDLE, "instagram", "bobby")}
    again = _import(workspace, text)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 3)
    more = _import(workspace, "email,Insta\nann@example.com,@anna\n", mapping={"Insta": "handle:instagram"})
    assert (more.updated, more.columns) == (1, {"email": "address", "Insta": "handle:instagram"})
