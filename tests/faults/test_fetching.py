"""kill -9 before and after each step of fetching replies: every commit, each mail read and acknowledged, each sorted.

After each death a second `replies fetch` finishes. Then every mail is here once, read once, with one verdict, and the
mailbox still has all of them. On a Maildir, and over IMAP from Debian's dovecot.
"""

from __future__ import annotations

import mailbox
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from imapclient import IMAPClient
from sqlalchemy import func, select
from sqlmodel import col

from outreach.records import Case, Category, Inbound, InboundState, Verdict
from outreach.work.workspace import open_workspace

from ..servers.certificates import Authority
from ..servers.dovecot import DOVECOT, Dovecot, start_dovecot
from .crowd import Crowd, gather
from .nursery import Nursery

MAILS = 28
"""More than one batch of fetching takes."""
MOST_OF_THEM = 3 * MAILS
"""Before and after each mail is read, acknowledged and sorted are six deaths a mail, and commits beside them."""
Step = tuple[str, str, int]


def mails() -> list[bytes]:
    """Complaints of different people, a wish to leave, thanks."""
    words = {3: "Please unsubscribe me from this newsletter.", 5: "Thank you so much, it works again!"}
    return [
        (
            f"From: p{number}@example.com\r\nMessage-ID: <{number}@example.com>\r\nSubject: no {number}\r\n"
            f"Date: Tue, 1 Dec 2026 09:00:00 +0000\r\n\r\n"
            f"{words.get(number, 'The pump is broken again, this is unacceptable.')}\r\n"
        ).encode()
        for number in range(1, MAILS + 1)
    ]


def assert_each_mail_is_here_once(root: Path) -> None:
    workspace = open_workspace(root)
    try:
        with workspace.database.read() as session:
            rows = session.execute(select(col(Inbound.raw), col(Inbound.state), col(Inbound.category))).all()
            verdicts = session.execute(select(func.count()).select_from(Verdict)).scalar_one()
            cases = session.execute(select(func.count()).select_from(Case)).scalar_one()
        assert sorted(row.raw for row in rows) == sorted(mails())
        assert {row.state for row in rows} == {InboundState.READ}
        assert [row.category for row in rows].count(Category.UNSUBSCRIBE) == 1
        assert verdicts == MAILS
        assert cases == MAILS - 2
    finally:
        workspace.database.close()


def deaths(folder: Path, made: Crowd, fill: Callable[[Path], object], left: Callable[[Path], int]) -> int:
    """Die at each step in turn (some of them in short); how many deaths there were."""

    def fresh(name: str) -> tuple[Path, dict[str, str]]:
        root = folder / name
        shutil.copytree(made.root, root)
        fill(root)
        return root, made.environ()

    with Nursery() as nursery:
        trial, env = fresh("trial")
        counted = nursery.count(trial, "replies", "fetch", env=env)
        assert {"commit", "fetch", "acknowledge", "sort"} <= set(counted)
        died = 0
        for step in steps_of(counted):
            root, env = fresh("-".join(map(str, step)))
            die = {"step": step[0], "when": step[1], "number": step[2]}
            ended = nursery.run(root, "replies", "fetch", env=env, die=die)
            assert ended in (-9, 0), step  # a slow machine commits oftener: the last commits may not come
            died += ended == -9
            assert left(root) == MAILS, f"{step}: something was deleted in the mailbox"
            assert nursery.run(root, "replies", "fetch", env=env) == 0, step
            assert_each_mail_is_here_once(root)
            again = nursery.count(root, "replies", "fetch", env=env)
            assert "sort" not in again, "a third look reads nothing again"
            assert left(root) == MAILS, f"{step}: something was deleted in the mailbox"
            shutil.rmtree(root)
    return died


LONG = False


def steps_of(counted: dict[str, int]) -> list[Step]:
    """Before and after every step; two of them where it is to be quick."""
    names = ("commit", "fetch", "acknowledge", "sort")
    every = [
        (name, when, number) for name in names for number in range(1, counted[name] + 1) for when in ("before", "after")
    ]
    if LONG:
        return every
    dice = random.Random(11)
    return [dice.choice([step for step in every if step[0] == name]) for name in ("commit", "acknowledge")]


def maildir_deaths(folder: Path) -> int:
    made = gather(folder / "acme", 2525, MAILS)

    def fill(root: Path) -> None:
        box = mailbox.Maildir(root / "inbox", create=True)
        for raw in mails():
            box.add(raw)

    return deaths(folder, made, fill, lambda root: len(mailbox.Maildir(root / "inbox")))


def imap_deaths(folder: Path, dovecot: Dovecot) -> int:
    made = gather(folder / "acme", 2525, MAILS)
    file = made.root / "outreach.toml"
    server = f'kind = "imap"\nhost = "127.0.0.1"\nport = {dovecot.imap}\ntls = "none"\nusername = "ann"'
    written = file.read_text(encoding="utf-8").replace(
        'kind = "maildir"\npath = "inbox"', f'{server}\npassword = "secret"'
    )
    assert server in written
    file.write_text(written, encoding="utf-8")

    def client() -> IMAPClient:
        opened = IMAPClient("127.0.0.1", dovecot.imap, ssl=False)
        opened.login("ann", "secret")
        return opened

    def fill(_: Path) -> None:
        shutil.rmtree(dovecot.maildir("ann").parent, ignore_errors=True)
        opened = client()
        for raw in mails():
            opened.append("INBOX", raw)
        opened.logout()

    def left(_: Path) -> int:
        opened = client()
        opened.select_folder("INBOX", readonly=True)
        found = len(opened.search())
        opened.logout()
        return found

    return deaths(folder, made, fill, left)


def test_a_death_while_a_maildir_is_fetched_loses_no_reply_and_takes_none_twice(tmp_path: Path) -> None:
    assert maildir_deaths(tmp_path) >= 1


@pytest.mark.needs_debian
@pytest.mark.skipif(DOVECOT is None, reason="dovecot is not installed (apt install dovecot-imapd)")
def test_a_death_while_imap_is_fetched_loses_no_reply_and_takes_none_twice(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("imap", "DNS:localhost")
    with start_dovecot(certificate, key, token_url="http://127.0.0.1:9/") as dovecot:
        assert imap_deaths(tmp_path, dovecot) >= 1


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["maildir", "imap"])
def test_a_death_before_and_after_every_step_of_fetching(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.LONG", True)
    if kind == "maildir":
        assert maildir_deaths(tmp_path) > MOST_OF_THEM
        return
    if DOVECOT is None:
        pytest.skip("dovecot is not installed")
    certificate, key = Authority(tmp_path).issue("imap", "DNS:localhost")
    with start_dovecot(certificate, key, token_url="http://127.0.0.1:9/") as dovecot:
        assert imap_deaths(tmp_path, dovecot) > MOST_OF_THEM
