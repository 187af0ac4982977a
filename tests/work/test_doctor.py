"""The doctor asks real servers, and proves the way back of a reply by a mail to ourselves."""

from __future__ import annotations

import dataclasses
import os
import smtplib
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from outreach.delivery.breaker import after_bad
from outreach.delivery.domain import Finding
from outreach.settings import Relay, Settings
from outreach.store.relays import change_health
from outreach.store.sqlite import log_of
from outreach.wire.catcher import Catcher
from outreach.work.collect import collect
from outreach.work.doctor import NameServerAddress, check_all, lines_to_paste
from outreach.work.erasures import REGISTER
from outreach.work.stops import STOPS
from outreach.work.workspace import EPOCH, KEYS, Workspace, accept_database, check_may_send
from tests.servers.fault import FaultServer
from tests.servers.locked import LockedRelay
from tests.servers.names import NameServer


def with_settings(workspace: Workspace, part: str, **values: object) -> Workspace:
    changed = {**workspace.settings.model_dump(), part: {**getattr(workspace.settings, part).model_dump(), **values}}
    return dataclasses.replace(workspace, settings=Settings.model_validate(changed))


@pytest.fixture
def served(workspace: Workspace) -> Iterator[Workspace]:
    """The workspace with its catcher running."""
    ours = (workspace.reply_address, workspace.bounce_address)
    with Catcher(workspace.root / "mail", inbox=workspace.root / "inbox", inbox_address=ours) as catcher:
        yield with_settings(workspace, "relay", port=catcher.port)


def find(workspace: Workspace, check: str, **options: object) -> Finding:
    found = [one for one in check_all(workspace, **options) if one.check == check]  # type: ignore[arg-type]
    assert found, f"nothing was said about {check}"
    return found[0]


def test_a_fresh_workspace_with_its_catcher_has_nothing_to_mend(served: Workspace) -> None:
    bad = [found for found in check_all(served) if found.level == "bad"]
    assert [found for found in bad if found.check != "durability"] == []  # the tests' PostgreSQL runs without fsync


def test_a_relay_that_is_not_there_is_told_with_a_remedy(workspace: Workspace) -> None:
    found = find(with_settings(workspace, "relay", port=1), "relay")
    assert found.level == "bad"
    assert "outreach catcher" in found.remedy


def test_a_wrong_password_is_told_and_not_printed(workspace: Workspace) -> None:
    with LockedRelay(user="ann", password="right") as relay:
        changed = with_settings(
            workspace, "relay", port=relay.port, username="ann", password="wrong-secret", catcher=False
        )
        found = find(changed, "relay")
    assert found.level == "bad"
    assert "password" in (found.words + found.remedy).lower()
    assert "wrong-secret" not in found.words + found.remedy


def test_a_probe_that_comes_back_proves_plus_addresses(served: Workspace) -> None:
    assert find(served, "reply address").level == "note"
    proved = find(served, "reply address", probe=True, probe_seconds=10.0)
    assert proved.level == "good"
    assert "plus-addresses work" in proved.words


def test_the_probe_leaves_customers_mail_to_be_read(served: Workspace) -> None:
    with smtplib.SMTP("127.0.0.1", served.settings.relay.port) as line:
        line.sendmail(
            "ann@example.com",
            ["care@acme.example"],
            b"From: ann@example.com\r\nSubject: pump\r\n\r\nIt leaks and does not work.\r\n",
        )
    assert find(served, "reply address", probe=True, probe_seconds=10.0).level == "good"
    assert collect(served).kinds["complaint"] == 1


def test_a_probe_that_never_comes_back_says_what_to_do(workspace: Workspace) -> None:
    with Catcher(workspace.root / "mail") as catcher:
        found = find(
            with_settings(workspace, "relay", port=catcher.port), "reply address", probe=True, probe_seconds=0.3
        )
    assert found.level == "bad"
    assert 'scheme = "plain"' in found.remedy


def test_another_scheme_needs_no_proof(served: Workspace) -> None:
    assert find(with_settings(served, "replies", scheme="plain"), "reply address").level == "note"


def test_keys_that_others_can_read_are_told(served: Workspace) -> None:
    (served.root / KEYS).chmod(0o644)
    assert "chmod 600" in find(served, "keys").remedy


def test_no_postal_address_and_a_no_reply_sender_are_told(served: Workspace) -> None:
    bare = with_settings(served, "identity", postal_address="", sender="Acme <no-reply@acme.example>")
    assert find(bare, "postal address").level == "bad"
    assert find(bare, "sender").level == "bad"


def test_a_restored_backup_stays_noticed_until_a_person_accepts_it(served: Workspace) -> None:
    (served.root / EPOCH).write_text("of another life\n")
    assert "restored backup" in find(served, "sending").words
    accept_database(served)
    check_may_send(served)
    assert find(served, "sending").level == "good"


def test_the_senders_domain_is_looked_up_and_judged(served: Workspace) -> None:
    ours = with_settings(served, "identity", sender="Acme <care@acme-coffee.com>")
    records = {
        "acme-coffee.com": ["v=spf1 mx -all"],
        "s9._domainkey.acme-coffee.com": ["v=DKIM1; p=AAAA"],
        "_dmarc.acme-coffee.com": [],
    }
    with NameServer(records) as server:
        at = NameServerAddress("127.0.0.1", server.port)
        found = {one.check: one.level for one in check_all(ours, names=at, selectors=("s9",))}
    assert (found["SPF"], found["DKIM"], found["DMARC"]) == ("good", "good", "bad")


def test_spf_is_asked_of_the_domain_that_bounces_go_to(served: Workspace) -> None:
    ours = with_settings(served, "identity", sender="Acme <care@acme-coffee.com>")
    ours = with_settings(ours, "replies", bounces="back@mail.acme-coffee.com")
    records = {"acme-coffee.com": ["v=spf1 mx -all"]}
    with NameServer(records) as server:
        at = NameServerAddress("127.0.0.1", server.port)
        [found] = [one for one in check_all(ours, names=at, selectors=("s9",)) if one.check == "SPF"]
    assert found.words == "mail.acme-coffee.com publishes no SPF record"
    assert any(line.startswith("mail.acme-coffee.com. IN TXT") for line in lines_to_paste(ours)["DNS zone"])


def test_a_sender_below_the_domain_with_the_policy_is_under_it(served: Workspace) -> None:
    ours = with_settings(served, "identity", sender="Acme <care@news.acme-coffee.com>")
    records = {"news.acme-coffee.com": ["v=spf1 mx -all"], "_dmarc.acme-coffee.com": ["v=DMARC1; p=quarantine"]}
    with NameServer(records) as server:
        at = NameServerAddress("127.0.0.1", server.port)
        [found] = [one for one in check_all(ours, names=at, selectors=("s9",)) if one.check == "DMARC"]
    assert (found.level, "of acme-coffee.com" in found.words) == ("good", True)


def test_the_lines_to_paste_name_this_workspaces_own_domain(workspace: Workspace) -> None:
    lines = [line for rows in lines_to_paste(workspace).values() for line in rows]
    assert "recipient_delimiter = +" in lines
    assert any(line.startswith("_dmarc.acme.example.") for line in lines)


def test_each_of_several_relays_is_asked_and_one_that_rests_is_told(workspace: Workspace) -> None:
    with FaultServer() as good, FaultServer({"CONNECT": b"554 5.7.1 Not you\r\n"}) as bad:
        first = Relay(port=good.port, catcher=False)
        second = Relay(name="second", port=bad.port, catcher=False)
        values = {"relay": first, "relays": (second,)}
        here = dataclasses.replace(workspace, settings=workspace.settings.model_copy(update=values))
        with here.database.write() as session:
            change_health(session, "second", lambda health: after_bad(health, here.clock(), "554 Not you", trip=True))
        found = [one for one in check_all(here) if one.check == "relay"]
    assert [one.level for one in found] == ["good", "bad", "note"]
    assert f"main (127.0.0.1:{good.port})" in found[0].words
    assert found[1].words.startswith("second: ") and "554" in found[1].words
    assert "outreach relays try second" in found[2].remedy
    assert not good.taken and not any(line.startswith("MAIL") for line in good.heard), "nothing is sent"


def test_a_register_that_cannot_be_written_is_told(served: Workspace) -> None:
    assert find(served, "registers").level == "good"
    assert not (served.root / STOPS).exists(), "looking makes none"
    (served.root / STOPS).mkdir()
    told = find(served, "registers")
    assert told.level == "bad" and STOPS in told.words and "cannot be written" in told.words
    (served.root / STOPS).rmdir()
    (served.root / REGISTER).symlink_to(served.root / "gone" / REGISTER)
    assert "outreach.erased is missing, and cannot be made" in find(served, "registers").words


def test_a_log_that_somebody_keeps_from_being_cleared_is_told(workspace: Workspace) -> None:
    path = workspace.database.path
    if path is None:
        pytest.skip("it is about SQLite's log")
    assert not [found for found in check_all(workspace) if found.check == "log"]
    with workspace.database.read() as session:
        session.execute(text("SELECT count(*) FROM workspace"))
        os.truncate(log_of(path), 300_000_000)
        found = find(workspace, "log")
    assert (found.level, "has grown to 300 MB" in found.words) == ("note", True)
    assert f"fuser -v {path}" in found.remedy
