"""A long file is dealt into piles by keys, and plain rows are judged many at once: with the outcome of one by one."""

from __future__ import annotations

import csv
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import func, select

from outreach.audience.plain_rows import PlainRows
from outreach.errors import InputError
from outreach.records import Consent, Contact, Customer, CustomerGroup, Membership, Subscription, SubscriptionState
from outreach.work import import_room, intake, piles
from outreach.work.workspace import Workspace, open_workspace

from .importing import block, kept, states, take

HEADINGS = ["email", "vorname", "nachname", "land", "telefon", "firma", "plan", "note", "status", "consent_at", "plz"]
HEADINGS += ["haushalt", "mobil"]


@pytest.fixture
def small_piles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty rows and more are several piles, put away every seven rows."""
    monkeypatch.setattr(piles, "PILE", 10)
    monkeypatch.setattr(piles, "AT_ONCE", 7)


def _rows(seed: int, count: int) -> list[list[str]]:
    chance = random.Random(seed)
    address = ["u{}@b.de", "u{}@b.de", "U{}@B.DE", "x{}.y@c-d.example.com", "broken{}", "", "N {} <n{}@b.de>"]
    cells: tuple[tuple[str, ...], ...] = (
        ("Ann", "Zoë", "", " Bo  B ", "'=x"),
        ("Lee", "O'Neil", "", "=1+1"),
        ("DE", "Österreich", "", "Atlantis"),
        ("", "", "030 123456{}", "030 1{}; 040 2{}", "call me"),
        ("", "", "", "Acme", "ACME"),
        ("pro", "free", "", "5"),
        ("", "x", "two\nlines", "a\0b", "\u200b"),
        ("", "subscribed", "abgemeldet", "bounced", "gold", "pending"),
        ("", "2024-01-01", "31.12.2023", "2999-01-01", "soon"),
        ("01067", "10115", ""),
        ("", "", "Elm St 1", "ELM  St 1"),
        ("", "", "0170 1{}"),
    )
    weight = [1 if chance.random() < 0.5 else 8 for _ in cells]
    rows = []
    for _ in range(count):
        number = chance.randrange(count)
        rows.append([chance.choice(address).format(number, number)])
        rows[-1] += [chance.choice((*one, *[one[0]] * often)) for one, often in zip(cells, weight, strict=True)]
        # by name and number people without an address are known, also as somebody with one
        for place in (4, 12):
            rows[-1][place] = rows[-1][place].replace("{}", f"{number}{7 if rows[-1][0] else 8}")
    return rows


def _text(rows: list[list[str]]) -> str:
    def cell(one: str) -> str:
        return '"' + one.replace('"', '""') + '"' if "\n" in one else one

    return "\n".join(";".join(map(cell, row)) for row in [HEADINGS, *rows])


def _proofs(workspace: Workspace) -> set[tuple[Any, ...]]:
    query = select(Customer.address, Consent.act, Consent.at, Consent.how, Consent.words, Consent.evidence)
    with workspace.database.read() as session:
        return {tuple(row) for row in session.exec(query.join(Consent))}


def _people(workspace: Workspace) -> set[str]:
    names = ("address", "address_key", "first_name", "last_name", "phone", "phone_end", "country", "zone", "attributes")
    query = select(Customer, Subscription.state).outerjoin(Subscription)
    with workspace.database.read() as session:
        own = {str([state, *(getattr(row, name) for name in names)]) for row, state in session.exec(query)}
    return own | set(map(str, belongings(workspace)))


def belongings(workspace: Workspace) -> set[tuple[Any, ...]]:
    """Groups and further contacts of all customers."""
    with workspace.database.read() as session:
        own = (Customer.address, Customer.last_name)
        names = (CustomerGroup.kind, CustomerGroup.name, Membership.evidence)
        groups = select(*own, *names).join(Membership, Membership.customer_id == Customer.id).join(CustomerGroup)
        contacts = select(*own, Contact.kind, Contact.network, Contact.value, Contact.ending, Contact.evidence)
        return {tuple(row) for row in [*session.exec(groups), *session.exec(contacts.join(Contact))]}


def _outcome(workspace: Workspace, text: str, preview: int = 5) -> dict[str, Any]:
    dry = take(workspace, text, dry_run=True, preview=preview)
    result = take(workspace, text, preview=preview)
    told = ("rows", "created", "updated", "unchanged", "invalid", "duplicate", "suppressed")
    assert [dry.counts[name] for name in told] == [result.counts[name] for name in told]
    assert (dry.preview, dry.faults, len(result.preview)) == (result.preview, result.faults, preview)
    assert result.rejects is not None
    found = {
        "counts": result.counts,
        "faults": result.faults,
        "reasons": result.reasons,
        "warnings": result.warnings,
        "preview": result.preview,
        "rejects": result.rejects.read_text("utf-8-sig"),
        "kept": _people(workspace),
        "proofs": _proofs(workspace),
    }
    again = take(workspace, text)
    assert (again.created, again.updated, again.unsubscribed) == (0, 0, 0)
    return found


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", range(6))
def test_plain_rows_in_many_piles_become_what_rows_alone_in_one_pile_become(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    before, text = take(workspace, _text(_rows(seed + 100, 20))), _text(_rows(seed, 120))
    assert before.created
    copy = workspace.root.with_name("copy")
    workspace.database.close()
    shutil.copytree(workspace.root, copy)
    other = open_workspace(copy, workspace.clock)
    with monkeypatch.context() as patch:
        patch.setattr(piles, "PILE", 10)
        patch.setattr(piles, "AT_ONCE", 7)
        at_once = _outcome(workspace, text)
    monkeypatch.setattr(PlainRows, "judge", lambda _, numbers, rows: ([], list(zip(numbers, rows, strict=True)), []))
    one_by_one = _outcome(other, text)
    other.database.close()
    for name, value in one_by_one.items():
        assert at_once[name] == value, name


def test_rows_of_one_person_meet_however_far_apart_they_are(workspace: Workspace, small_piles: None) -> None:
    people = [f"u{n}@b.de,N{n},subscribed,\n" for n in range(100)]
    more = ["U3@B.de,Other,,\n", "u3@b.de,,unsubscribed,\n", "u4@b.de,,bounced,\n", ",Hand,,030 123456\n"]
    result = take(workspace, "email,vorname,status,telefon\n" + "".join([*people, *more, ",Hand,,030 123456\n"]))
    assert (result.created, result.duplicate, result.by_hand, result.blocked) == (101, 4, 1, 1)
    assert states(workspace)["u3@b.de"] == states(workspace)["u4@b.de"] == "unsubscribed"
    assert kept(workspace)["u3@b.de"]["first_name"] == "N3"
    assert block(workspace, "u4@b.de") is not None and block(workspace, "u3@b.de") is None
    assert {proof[-1] for proof in _proofs(workspace) if proof[0] == "u3@b.de"} == {"people.csv:103"}


def test_a_short_file_keeps_the_order_of_its_rows(workspace: Workspace) -> None:
    take(workspace, "email,vorname,land\n" + "".join(f"u{n}@b.de,N,{'DE' if n % 3 else 'Mars'}\n" for n in range(50)))
    with workspace.database.read() as session:
        addresses = list(session.exec(select(Customer.address).order_by(Customer.id)))  # type: ignore[arg-type]
    assert addresses == [f"u{n}@b.de" for n in range(50)]


@pytest.mark.parametrize("together", [False, True])
def test_public_ids_rise_with_the_numbers_of_customers_through_all_of_a_long_file(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    monkeypatch.setattr(piles, "PILE", 1_000)
    if together:
        monkeypatch.setattr(import_room, "ENOUGH", 1)
        monkeypatch.setattr(intake, "cores", lambda: 2)
        monkeypatch.setattr(import_room, "cores", lambda: 1)
    take(workspace, "email\n" + "".join(f"u{n}@b.de\n" for n in range(4_000)))
    with workspace.database.read() as session:
        made = list(session.exec(select(Customer.public_id).order_by(Customer.id)))  # type: ignore[arg-type]
    assert len(made) == 4_000 and made == sorted(made), "else each chunk writes pages all over their index"


def test_refused_rows_stand_in_their_order_however_long_the_file(workspace: Workspace, small_piles: None) -> None:
    rows = [f"u{n}@b.de" if n % 3 else f"broken{n}" for n in range(90)]
    result = take(workspace, "email\n" + "\n".join(rows))
    assert result.rejects is not None and [row for row, _ in result.faults] == list(range(2, 92, 3))
    with result.rejects.open(encoding="utf-8-sig", newline="") as file:
        assert [int(row[0]) for row in list(csv.reader(file))[1:]] == list(range(2, 92, 3))


def test_progress_of_a_long_file_rises_while_it_is_read_and_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piles, "PILE", 1_000)
    told: list[tuple[int, int]] = []
    text = "email\n" + "".join(f"u{n}@b.de\n" for n in range(6_000)) + "broken\n"
    take(workspace, text, progress=lambda done, whole: told.append((done, whole)))
    done = [one for one, _ in told]
    assert done == sorted(set(done)) and told[-1] == (6_001, 6_001)
    assert len([one for one in done if one <= 3_000]) >= 3 and len([one for one in done if one > 3_000]) >= 3


def test_rows_that_cannot_wait_in_the_workspace_are_told_of_with_a_remedy(
    workspace: Workspace, small_piles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(piles.tempfile, "TemporaryFile", full)
    with pytest.raises(InputError, match="No space left") as told:
        take(workspace, "email\n" + "".join(f"u{n}@b.de\n" for n in range(50)))
    assert told.value.remedy


def test_a_long_import_that_is_killed_runs_again_and_leaves_no_file_behind(workspace: Workspace) -> None:
    count = 6_000
    file = workspace.root / "people.csv"
    file.write_text("email,name\n" + "".join(f"u{n}@b.de,N{n}\n" for n in range(count)))
    before = sorted(path.name for path in workspace.root.iterdir())
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from outreach.work import piles
        from outreach.work.intake import import_customers
        from outreach.work.workspace import open_workspace
        root, piles.PILE = Path(sys.argv[1]), 500
        import_customers(open_workspace(root), root / "people.csv", list_name="customers",
                         progress=lambda done, whole: print(done, whole, flush=True))
        """
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.given", program, str(workspace.root)], stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    while int(running.stdout.readline().split()[0]) <= count // 2:
        pass
    time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    written = _count(workspace, Customer)
    assert 0 < written < count
    assert {path.name for path in workspace.root.iterdir()} - set(before) <= _of_the_database(workspace.root)
    result = take(workspace, file.read_bytes())
    assert (result.unchanged, result.created) == (written, count - written)
    assert [_count(workspace, table) for table in (Customer, Subscription, Consent)] == [count] * 3
    assert set(states(workspace).values()) == {SubscriptionState.SUBSCRIBED}


def _of_the_database(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.name.startswith("outreach.db")}


def _count(workspace: Workspace, table: Any) -> int:
    with workspace.database.read() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_where_rows_wait_takes_the_same_memory_however_long_a_file_is(tmp_path: Path) -> None:
    chance = random.Random(3)
    parts = [[(chance.randrange(300), n * 10 + m, m + 1) for m in range(60)] for n in range(2_000)]
    told: dict[int, list[tuple[int, int, int, int]]] = {}
    with (tmp_path / "places").open("w+b") as file:
        places = piles.Places(400, file.fileno())
        tracemalloc.start()
        try:
            for n, some in enumerate(parts):
                places.add(some, n % 3, n * 7)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 1_500_000, "120,000 places"
        for n, some in enumerate(parts):
            for pile, begin, size in some:
                told.setdefault(pile, []).append((n % 3, begin, size, n * 7))
        assert {pile: places.of(pile) for pile in places.filled()} == told, "in the order in which they came"
        assert places.of(399) == []
