"""Mail that leaves is signed: every kind of it, over real SMTP, judged by another program."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim
import pytest

from outreach.address import new_public_id
from outreach.errors import SettingsError
from outreach.records import Customer, DeliveryState, Edition, Kind
from outreach.settings import FILE, Dkim, Relay
from outreach.store.outbox import insert_deliveries
from outreach.wire.dkim_keys import key_path, make_key
from outreach.work.alert_mail import send_alert_mail
from outreach.work.doctor import NameServerAddress, check_all
from outreach.work.send import SendCounts, send_open
from outreach.work.signing import check_keys, known_keys, open_sign
from outreach.work.single import queue_single
from outreach.work.workspace import Workspace

from ..cli.inside import outreach
from ..conftest import HandClock
from ..servers.fault import FaultServer
from ..servers.names import NameServer
from ..store.rows import states_of
from .sending import with_relay
from .test_letter import edition_of

People = Callable[..., int]
BOTH = ("rsa-1", "ed-1")


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("keys")
    make_key(root, "rsa-1", "rsa")
    make_key(root, "ed-1", "ed25519")
    return root


@pytest.fixture
def signing(workspace: Workspace, pems: Path, clock: HandClock) -> Workspace:
    """The workspace with both keys, both signing, at an instant that has passed: signatures of tomorrow fail."""
    clock.advance(days=-60)
    for selector in BOTH:
        path = key_path(workspace.root, selector)
        path.parent.mkdir(exist_ok=True)
        path.touch(0o600)
        path.write_bytes(key_path(pems, selector).read_bytes())
    return with_dkim(workspace, selectors=BOTH)


def with_dkim(workspace: Workspace, **values: Any) -> Workspace:
    return replace(workspace, settings=workspace.settings.model_copy(update={"dkim": Dkim(**values)}))


def zone(workspace: Workspace) -> dict[str, list[str]]:
    return {key.name: [key.record] for key in known_keys(workspace)}


def signatures(workspace: Workspace, message: bytes) -> list[bool]:
    """What dkimpy says of each signature on a mail as the server got it."""
    names = zone(workspace)
    plain = message.replace(b"\r\n..", b"\r\n.")

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        found = names.get(name.decode().rstrip("."))
        return found[0].encode() if found else None

    count = len(re.findall(rb"^DKIM-Signature:", plain, re.MULTILINE))
    return [bool(dkim.DKIM(plain).verify(index, dnsfunc=ask)) for index in range(count)]


def lay(workspace: Workspace, people: Sequence[int]) -> int:
    """The starter issue with a queued delivery for each."""
    edition_id = edition_of(workspace)
    with workspace.database.write() as session:
        edition = session.get_one(Edition, edition_id)
        shared = {"edition_id": edition_id, "campaign_id": edition.campaign_id, "occasion": edition.occasion}
        rows = [
            {
                **shared,
                "public_id": new_public_id(),
                "customer_id": customer_id,
                "address_key": session.get_one(Customer, customer_id).address_key,
                "kind": edition.kind,
                "due_at": edition.due_at,
            }
            for customer_id in people
        ]
        insert_deliveries(session, rows)
    return edition_id


def send(workspace: Workspace, server: FaultServer) -> SendCounts:
    return send_open(with_relay(workspace, server.port))


@pytest.mark.parametrize("processes", [1, 2])
def test_an_issue_goes_out_with_two_signatures_that_another_program_verifies(
    signing: Workspace, make_customer: People, processes: int
) -> None:
    sending = signing.settings.sending.model_copy(update={"processes": processes})
    signing = replace(signing, settings=signing.settings.model_copy(update={"sending": sending}))
    people = [make_customer(f"p{number}@example.com", first_name=name) for number, name in enumerate(["Ann", "Jörg"])]
    lay(signing, people)
    with FaultServer() as server:
        assert send(signing, server).sent == 2
        server.settle()
    for message in server.taken:
        assert signatures(signing, message) == [True, True]
        covered = re.findall(rb"h=([^;]*);", message)[0]
        assert b"list-unsubscribe:" in covered


def test_an_answer_and_a_test_are_signed_too(signing: Workspace) -> None:
    with signing.database.write() as session:
        for kind in (Kind.SERVICE, Kind.TEST):
            shared = {"customer_id": None, "address": "bob@example.com", "occasion": "1", "now": signing.clock()}
            queue_single(session, signing, kind=kind, subject="Grüße", text=".\n..\nHallo\n", **shared)
    with FaultServer() as server:
        assert send(signing, server).sent == 2
        server.settle()
    assert [signatures(signing, message) for message in server.taken] == [[True, True], [True, True]]


def test_where_the_relay_signs_or_no_key_is_named_nobody_signs_here(signing: Workspace, make_customer: People) -> None:
    lay(signing, [make_customer("ann@example.com")])
    assert open_sign(with_relay(signing, 1, signs_dkim=True)) is None
    assert open_sign(with_dkim(signing)) is None
    with FaultServer() as server:
        assert send_open(with_relay(signing, server.port, signs_dkim=True)).sent == 1
        server.settle()
    assert b"DKIM-Signature" not in server.taken[0]


def test_of_several_relays_only_those_that_do_not_sign_get_our_signatures(
    signing: Workspace, make_customer: People
) -> None:
    lay(signing, [make_customer(f"p{number}@example.com") for number in range(12)])
    with FaultServer() as plain, FaultServer() as signs:
        here = with_relay(signing, plain.port)
        other = Relay(name="other", host="127.0.0.1", port=signs.port, connections=4, signs_dkim=True)
        here = replace(here, settings=here.settings.model_copy(update={"relays": (other,)}))
        assert send_open(here).sent == 12
        plain.settle()
        signs.settle()
    assert plain.taken and signs.taken
    assert all(message.startswith(b"DKIM-Signature:") for message in plain.taken)
    assert all(message.startswith(b"From:") for message in signs.taken)


def test_an_alert_is_signed_but_for_a_relay_that_signs_and_goes_without_a_key_rather_than_not_at_all(
    signing: Workspace,
) -> None:
    with FaultServer() as server:
        relay = Relay(host="127.0.0.1", port=server.port)
        assert send_alert_mail(signing, "ops@example.com", "Trouble", "Look!\n", "one", [relay]).ok
        signs = relay.model_copy(update={"signs_dkim": True})
        assert send_alert_mail(signing, "ops@example.com", "Trouble", "Look!\n", "own", [signs]).ok
        key_path(signing.root, "ed-1").unlink()
        assert send_alert_mail(signing, "ops@example.com", "Trouble", "Look!\n", "two", [relay]).ok
        server.settle()
    assert all(message.startswith(b"From:") for message in server.taken[1:])
    assert [message.count(b"DKIM-Signature:") for message in server.taken] == [2, 0, 0]


@pytest.mark.parametrize("fault", ["missing", "empty"])
def test_a_key_that_cannot_be_used_stops_everything_before_a_connection_is_made(
    signing: Workspace, make_customer: People, fault: str
) -> None:
    edition_id = lay(signing, [make_customer("ann@example.com")])
    path = key_path(signing.root, "rsa-1")
    path.unlink()
    if fault == "empty":
        path.write_bytes(b"")
    with FaultServer() as server:
        with pytest.raises(SettingsError, match=r"rsa-1\.pem") as told:
            send(signing, server)
        assert server.connections == 0
    assert told.value.remedy
    assert states_of(signing, edition_id) == [DeliveryState.QUEUED]
    assert [key.fault != "" for key in known_keys(signing)] == [False, True]


def test_a_sign_can_be_handed_to_another_process(signing: Workspace) -> None:
    sign = open_sign(signing)
    assert sign is not None
    there = pickle.loads(pickle.dumps(sign))
    assert there(b"From: a@b\r\n", b"x\r\n", signing.clock()) == sign(b"From: a@b\r\n", b"x\r\n", signing.clock())


def judged(workspace: Workspace, records: dict[str, list[str]]) -> list[tuple[str, str]]:
    with NameServer(records) as server:
        found = list(check_keys(workspace, server="127.0.0.1", port=server.port))
    return [(finding.level, finding.words) for finding in found]


def test_keys_are_found_in_the_dns_and_are_ours(signing: Workspace) -> None:
    assert [level for level, _ in judged(signing, zone(signing))] == ["good", "good"]


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        (lambda text: [], "bad", "no key"),
        (lambda text: ["v=spf1 -all"], "bad", "no key"),
        (lambda text: [text, f"{text} "], "bad", "2 keys"),
        (lambda text: [re.sub("p=.*", "p=", text)], "bad", "revoked"),
        (lambda text: [text.replace("p=M", "p=N")], "bad", "another key"),
        (lambda text: [text.replace("k=rsa", "k=ed25519")], "bad", "another key"),
        (lambda text: [text.replace("k=rsa", "h=sha1; k=rsa")], "bad", "sha256"),
        (lambda text: [text.replace("k=rsa", "s=tlsrpt; k=rsa")], "bad", "e-mail"),
        (lambda text: [text.replace("k=rsa", "t=y; k=rsa")], "note", "for tests"),
        (lambda text: [text.replace("k=rsa; ", "t=s; ")], "good", "our key"),
    ],
)
def test_a_record_that_does_not_help_is_told(
    signing: Workspace, change: Callable[[str], list[str]], level: str, words: str
) -> None:
    records = zone(signing)
    name = next(name for name in records if name.startswith("rsa-1"))
    found = judged(signing, records | {name: change(records[name][0])})[0]
    assert found[0] == level and words in found[1]


@pytest.mark.parametrize(
    ("domain", "level"),
    [("acme.example", "good"), ("mail.acme.example", "good"), ("cme.example", "bad"), ("other.example", "bad")],
)
def test_a_domain_that_signs_for_another_one_is_told(signing: Workspace, domain: str, level: str) -> None:
    found = judged(with_dkim(signing, selectors=BOTH, domain=domain), {})
    assert found[0][0] == level and domain in found[0][1]


def test_a_key_that_others_can_read_is_told(signing: Workspace) -> None:
    key_path(signing.root, "rsa-1").chmod(0o644)
    assert ("bad", "rsa-1.pem can be read by others") in judged(signing, zone(signing))


def test_the_doctor_looks_the_signing_keys_up(signing: Workspace) -> None:
    identity = signing.settings.identity.model_copy(update={"sender": "Acme <care@acme-machines.shop>"})
    ours = replace(signing, settings=signing.settings.model_copy(update={"identity": identity}))
    with NameServer(zone(ours) | {"acme-machines.shop": []}) as server:
        names = NameServerAddress("127.0.0.1", server.port)
        found = [one for one in check_all(ours, names=names) if one.check.startswith("DKIM")]
    assert [(one.check, one.level) for one in found] == [("DKIM key", "good"), ("DKIM key", "good")]


def test_keys_are_made_listed_and_checked_from_the_command_line(workspace: Workspace) -> None:
    root = workspace.root
    made = outreach(root, "dkim", "new", "--algorithm", "ed25519", "--domain", "bücher.example")
    assert made.returncode == 0, made.stderr
    assert '_domainkey.xn--bcher-kva.example. IN TXT "v=DKIM1; k=ed25519; p=' in made.stdout
    assert 'domain = "xn--bcher-kva.example"' in made.stdout
    made = outreach(root, "dkim", "new", "--selector", "one", "--json")
    told = json.loads(made.stdout)
    assert (told["algorithm"], told["signs"], told["name"]) == ("rsa-2048", False, "one._domainkey.acme.example")
    assert Path(told["file"]).stat().st_mode & 0o777 == 0o600
    again = outreach(root, "dkim", "new", "--selector", "one")
    assert again.returncode == 2 and "not overwritten" in again.stderr
    assert outreach(root, "dkim", "new", "--bits", "1024", "--selector", "weak").returncode == 2
    settings = root / FILE
    settings.write_text(settings.read_text().replace("selectors = []", 'selectors = ["one"]'))
    listed = json.loads(outreach(root, "dkim", "list", "--json").stdout)
    assert [(key["selector"].split("-")[0], key["signs"]) for key in listed] == [("ed25519", False), ("one", True)]
    by_variable = json.loads(outreach(root, "dkim", "list", "--json", OUTREACH_DKIM__SELECTORS="one, weak").stdout)
    assert [(key["selector"], key["signs"], key["fault"] != "") for key in by_variable[1:]] == [
        ("one", True, False),
        ("weak", True, True),
    ]
    with NameServer({told["name"]: [told["record"]]}) as server:
        checked = outreach(root, "dkim", "check", "--resolver", f"127.0.0.1:{server.port}")
        assert checked.returncode == 0 and "publishes our key" in checked.stdout
        other = outreach(root, "dkim", "check", listed[0]["selector"], "--resolver", f"127.0.0.1:{server.port}")
        assert other.returncode == 1 and "no key" in other.stdout
    missing = outreach(root, "dkim", "check", "nobody", "--json")
    assert missing.returncode == 1 and "missing" in json.loads(missing.stdout)[0]["words"]
