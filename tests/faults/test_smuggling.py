"""What could smuggle a second mail into ours, through every door: the server sees one message, and our envelope.

The payloads are put where they hurt most, straight into the database, past all that would refuse them. What went over
the wire is read as strict and as lax servers read it: some take a bare LF or CR for the end of a line, some drop NULs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim
import pytest
from sqlmodel import Session

from outreach.address import address_key, new_public_id
from outreach.errors import OutreachError
from outreach.records import Customer, Delivery, DeliveryState, Edition, EditionState, Kind
from outreach.settings import Dkim
from outreach.store.campaigns import campaign_named
from outreach.store.outbox import insert_deliveries
from outreach.wire.dkim_keys import make_key
from outreach.work.compose import apply_campaign, freeze
from outreach.work.send import send_open
from outreach.work.signing import known_keys
from outreach.work.single import queue_single
from outreach.work.workspace import Workspace

from ..conftest import HandClock
from ..servers.fault import FaultServer
from ..store.rows import states_of
from ..work.sending import with_relay

EVIL = "MAIL FROM:<evil@evil.example>{0}RCPT TO:<victim@evil.example>{0}DATA{0}Subject: evil{0}{0}Pay now!{0}.{0}"
PAYLOADS = {
    "bare LF": "a\nb",
    "bare CR": "a\rb",
    "LF dot LF": "x\n.\n" + EVIL.format("\n"),
    "CR dot CR": "x\r.\r" + EVIL.format("\r"),
    "CRLF dot CRLF": "x\r\n.\r\n" + EVIL.format("\r\n"),
    "LF dot CRLF": "x\n.\r\n" + EVIL.format("\r\n"),
    "CRLF dot CR": "x\r\n.\r" + EVIL.format("\r"),
    "a header": "x\r\nBcc: victim@evil.example\r\nX-Evil: yes\r\n\r\nbody",
    "NUL": "x\x00.\r\n\x00.\x00\r\ny",
    "NUL in the dot": "x\r\n\x00.\r\n" + EVIL.format("\r\n"),
    "8-bit": "ÿ\x80\x85\u2028\u2029.\u2028 é \U0001f600",
    "a long line": "y" * 5000,
    "long words": ("z" * 1200 + " ") * 3,
    "encoded words": "=?utf-8?Q?=0D=0A.=0D=0A?= =0D=0A.=0D=0A",
    "leading dots": ".\n..\n.x\n. \n",
}
OURS = re.compile(r"EHLO \S+|MAIL FROM:<care\+b\w+@acme\.example>[ A-Z0-9=]*|DATA|RSET|QUIT")
ENDS = [rb"\r\n", rb"\r\n|\n", rb"\r\n|\n|\r", rb"\r*\n|\r"]


def as_read(stream: bytes, end: bytes, *, drop_nul: bool) -> tuple[list[bytes], list[bytes]]:
    """The commands and the mails that a server sees whose lines end so."""
    if drop_nul:
        stream = stream.replace(b"\x00", b"")
    commands, mails, mail = [], [], None
    for line in re.split(end, stream):
        if mail is None:
            commands.append(line)
            if line.strip().upper() == b"DATA":
                mail = []
        elif line == b".":
            mails.append(b"\n".join(mail))
            mail = None
        else:
            mail.append(line)
    assert mail is None, "a mail without its end"
    return commands, mails


def looked_through(server: FaultServer, allowed: set[str]) -> None:
    """Whichever way a server reads, it saw as many mails as ours, and only our envelopes."""
    stream = bytes(server.clear)
    for end in ENDS:
        for drop_nul in (False, True):
            commands, mails = as_read(stream, end, drop_nul=drop_nul)
            assert len(mails) == len(server.taken)
            for command in filter(None, commands):
                told = command.decode()
                assert re.fullmatch(
                    r"EHLO \S+|MAIL FROM:<care\+b\w+@acme\.example>[ A-Z0-9=]*|DATA|RSET|QUIT", told
                ) or (re.fullmatch(r"RCPT TO:<([^<>\s]+)>", told) and told[9:-1] in allowed), told
    for message in server.taken:
        head, _, body = message.partition(b"\r\n\r\n")
        assert message.isascii() and b"\x00" not in message
        assert message.count(b"\r") == message.count(b"\n") == message.count(b"\r\n")
        assert max(map(len, message.split(b"\r\n"))) <= 998
        names = [name.lower() for name in re.findall(rb"^([A-Za-z-]+):", head, re.MULTILINE)]
        assert len(names) == len(set(names)) and not {b"bcc", b"x-evil", b"cc"} & set(names)
        assert body


def edition_of(session: Session, workspace: Workspace, name: str) -> Edition:
    """The campaign, frozen and open."""
    now = workspace.clock()
    campaign = campaign_named(session, name)
    assert campaign is not None and campaign.id is not None
    content = freeze(session, workspace, campaign, now=now)
    edition = Edition(
        public_id=new_public_id(),
        campaign_id=campaign.id,
        kind=campaign.kind,
        number=1,
        occasion="once-1",
        state=EditionState.OPEN,
        list_id=campaign.list_id,
        subject=content.subject,
        sender=content.sender,
        frozen=content.frozen,
        due_at=now,
        frozen_at=now,
    )
    session.add(edition)
    session.flush()
    return edition


def queue(session: Session, edition: Edition, customer_ids: Sequence[int]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "public_id": new_public_id(),
            "edition_id": edition.id,
            "campaign_id": edition.campaign_id,
            "occasion": edition.occasion,
            "customer_id": customer_id,
            "address_key": session.get_one(Customer, customer_id).address_key,
            "kind": edition.kind,
            "due_at": edition.due_at,
        }
        for customer_id in customer_ids
    ]
    insert_deliveries(session, rows)


def campaign_file(workspace: Workspace, name: str, body: str, subject: str = "Hello") -> Path:
    path = workspace.root / f"{name}.md"
    path.write_text(
        f"---\nname: {name}\nsubject: '{subject}'\ntemplate: service\nlist: customers\nkind: news\n---\n{body}\n"
    )
    return path


FIELDS = ("first_name", "last_name", "language", "country", "zone", "phone", "plan", "address")
PRINTS_ALL = """\
Hello {{ first_name or 'x' }} {{ last_name or 'x' }} {{ language or 'x' }} {{ country or 'x' }} {{ zone or 'x' }}

{{ plan or 'x' }}

{{ customer.first_name or 'x' }}
"""


@pytest.fixture
def workspace(workspace: Workspace, clock: HandClock) -> Workspace:
    """It signs: what arrives must be, to the octet, what was signed. Its clock is behind that of the verifier."""
    clock.advance(days=-60)
    make_key(workspace.root, "one", "ed25519")
    return replace(workspace, settings=workspace.settings.model_copy(update={"dkim": Dkim(selectors=("one",))}))


def verified(workspace: Workspace, server: FaultServer) -> bool:
    """Whether every mail that arrived bears a signature that holds."""
    record = known_keys(workspace)[0].record.encode()
    plain = [message.replace(b"\r\n..", b"\r\n.") for message in server.taken]
    return all(dkim.DKIM(message).verify(dnsfunc=lambda name, timeout=5: record) for message in plain)


def test_no_field_of_a_customer_smuggles_anything(workspace: Workspace, make_customer: Callable[..., int]) -> None:
    apply_campaign(
        workspace, campaign_file(workspace, "fields", PRINTS_ALL, "Hi {{ first_name or plan or last_name }}")
    )
    people, allowed = [], set()
    for field in FIELDS:
        for number, payload in enumerate(PAYLOADS.values()):
            address = f"{field}{number}@example.com"
            value = {"attributes": {"plan": payload}} if field == "plan" else {field: payload}
            people.append(make_customer(address, **({"first_name": "Ann"} | value if field != "address" else {})))
            allowed.add(address)
            if field == "address":
                spoil(workspace, people[-1], f"{address}>{payload}")
    with workspace.database.write() as session:
        edition = edition_of(session, workspace, "fields")
        queue(session, edition, people)
        number = edition.id or 0
    with FaultServer() as server:
        counts = send_open(with_relay(workspace, server.port, connections=1))
        server.settle()
    assert counts.sent == len(server.taken) >= (len(FIELDS) - 1) * len(PAYLOADS) / 2
    assert counts.sent + counts.withheld == len(people)
    looked_through(server, allowed)
    assert verified(workspace, server)
    assert set(states_of(workspace, number)) <= {DeliveryState.SENT, DeliveryState.WITHHELD}
    with workspace.database.read() as session:
        spoiled = {session.get_one(Customer, one).address for one in people[-len(PAYLOADS) :]}
    assert all(">" in str(address) for address in spoiled)


def spoil(workspace: Workspace, customer_id: int, address: str) -> None:
    with workspace.database.write() as session:
        customer = session.get_one(Customer, customer_id)
        customer.address = address
        customer.address_key = address_key(workspace.keys, address)
        session.add(customer)


@pytest.mark.parametrize(
    "payloads",
    [list(PAYLOADS.values())[::4], pytest.param(list(PAYLOADS.values()), marks=pytest.mark.long)],
    ids=["some", "all"],
)
def test_no_text_of_a_campaign_smuggles_anything(
    workspace: Workspace, make_customer: Callable[..., int], payloads: Sequence[str]
) -> None:
    refused = 0
    for number, payload in enumerate(payloads):
        person = make_customer(f"p{number}@example.com", first_name="Ann")
        name = f"text{number}"
        apply_campaign(workspace, campaign_file(workspace, name, "Hello"))
        try:
            with workspace.database.write() as session:
                campaign = campaign_named(session, name)
                assert campaign is not None
                campaign.body, campaign.preheader = f"Hello\n\n{payload}\n\n`{payload}`\n", payload
                session.add(campaign)
                session.flush()
                edition = edition_of(session, workspace, name)
                queue(session, edition, [person])
        except OutreachError:
            refused += 1
    with FaultServer() as server:
        counts = send_open(with_relay(workspace, server.port, connections=1))
        server.settle()
    looked_through(server, {f"p{number}@example.com" for number in range(len(payloads))})
    assert verified(workspace, server)
    assert counts.sent == len(server.taken)
    assert refused + counts.withheld <= 3 and counts.sent + counts.withheld + refused == len(payloads)


def test_no_subject_text_or_sender_of_a_single_mail_smuggles_anything(workspace: Workspace) -> None:
    now = workspace.clock()
    with workspace.database.write() as session:
        for number, payload in enumerate(PAYLOADS.values()):
            for field in ("text", "subject", "sender", "references", "in_reply_to"):
                delivery = queue_single(
                    session,
                    workspace,
                    kind=Kind.TEST,
                    customer_id=None,
                    address=f"{field}{number}@example.com",
                    occasion=f"{field}-{number}",
                    subject="Hello",
                    text="Hello\n",
                    now=now,
                )
                edition = session.get_one(Edition, session.get_one(Delivery, delivery).edition_id)
                if field == "sender":
                    edition.sender = f"{payload} <care@acme.example>"
                else:
                    edition.frozen = {**edition.frozen, field: payload}
                session.add(edition)
    with FaultServer() as server:
        counts = send_open(with_relay(workspace, server.port, connections=1))
        server.settle()
    allowed = {
        f"{field}{number}@example.com"
        for number in range(len(PAYLOADS))
        for field in ("text", "subject", "sender", "references", "in_reply_to")
    }
    looked_through(server, allowed)
    assert verified(workspace, server)
    assert counts.sent == len(server.taken) >= len(PAYLOADS)
    assert counts.sent + counts.withheld == 5 * len(PAYLOADS)


def test_the_lax_reader_of_this_test_would_notice() -> None:
    """A mail with a bare-LF dot in it is two mails to those who take a bare LF for the end of a line."""
    stream = (
        b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\n.\n"
        + EVIL.format("\n").encode()
        + b"y\r\n.\r\nQUIT\r\n"
    )
    assert len(as_read(stream, ENDS[0], drop_nul=False)[1]) == 1
    with pytest.raises(AssertionError):
        commands, mails = as_read(stream, ENDS[1], drop_nul=False)
        assert len(mails) == 1 and b"MAIL FROM:<evil@evil.example>" not in commands
