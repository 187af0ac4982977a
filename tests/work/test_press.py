"""The press as another process holds it: made from one plain value, without a table or a database."""

from __future__ import annotations

import email
import email.policy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.address import new_public_id
from outreach.delivery.envelope import ProvedMessage
from outreach.delivery.outcome import Unable
from outreach.errors import TemplateError
from outreach.newsletter.compile import compile_newsletter
from outreach.newsletter.message import Image
from outreach.store.customers import load_customers
from outreach.wire.smtp import wire_bytes
from outreach.words import Kind
from outreach.work.letter import press_facts
from outreach.work.press import LetterPress, LinkFacts, PressFacts
from outreach.work.workspace import Workspace

from ..examples import examples
from ..newsletter.samples import NOW, pool, source
from ..newsletter.test_plates import EVIL, ended
from .test_letter import edition_of

CHILD = """
import pickle, sys
import outreach.address, outreach.delivery.outcome, outreach.delivery.state, outreach.newsletter.compile
import outreach.newsletter.lint, outreach.wire.smtp
from outreach.work.press import LetterPress
facts, public_id, now = pickle.load(sys.stdin.buffer)
class Ann:
    address, first_name, last_name, language = "ann@example.com", "Ann", None, "en"
    country, zone, attributes = "", "", {}
sys.stdout.buffer.write(LetterPress(facts).press(Ann(), public_id, {}, now).message)
heavy = {"sqlmodel", "sqlalchemy", "alembic"} & {name.partition(".")[0] for name in sys.modules}
assert not heavy, f"a process that only sends has loaded {heavy}"
"""


def test_lists_in_any_script_have_identifiers_of_their_own(workspace: Workspace) -> None:
    edition_id = edition_of(workspace)
    with workspace.database.read() as session:
        facts = press_facts(session, workspace, edition_id)
    found = {}
    for name in ("customers", "Kunden München", "客户", "潜在", "купоны", "купоны 2", "😀"):
        press = LetterPress(replace(facts, list_name=name, list_title=name))
        mail = email.message_from_bytes(press.press(reader("Ann", {}), new_public_id(), {}, NOW).message)
        found[name] = mail["List-Id"].rpartition("<")[2].rstrip(">")
    assert len(set(found.values())) == len(found)
    assert found["Kunden München"] == "kunden-m-nchen.acme.example", "as it was: readers sort their mail by it"
    assert found["客户"] == "xn--ubt06m.acme.example"


def test_a_process_without_a_database_makes_the_very_same_mail(
    workspace: Workspace, make_customer: Callable[..., int]
) -> None:
    edition_id, public_id = edition_of(workspace), new_public_id()
    ann = make_customer("ann@example.com", first_name="Ann", language="en")
    now = workspace.clock()
    with workspace.database.read() as session:
        facts = press_facts(session, workspace, edition_id)
        customer = load_customers(session, [ann])[ann]
    ours = LetterPress(facts).press(customer, public_id, {}, now)
    made = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=pickle.dumps((facts, public_id, now)),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert made.returncode == 0, made.stderr.decode()
    assert made.stdout == ours.message


def test_a_signer_gets_the_header_block_and_the_body_and_its_fields_come_first(
    workspace: Workspace, make_customer: Callable[..., int]
) -> None:
    seen: list[tuple[bytes, bytes, datetime]] = []

    def sign(head: bytes, body: bytes, now: datetime) -> bytes:
        seen.append((head, body, now))
        return b"DKIM-Signature: v=1\r\n"

    edition_id, public_id, now = edition_of(workspace), new_public_id(), workspace.clock()
    ann = make_customer("ann@example.com", first_name="Ann")
    with workspace.database.read() as session:
        facts = press_facts(session, workspace, edition_id)
        customer = load_customers(session, [ann])[ann]
    unsigned = LetterPress(facts).press(customer, public_id, {}, now).message
    signed = LetterPress(facts, sign=sign).press(customer, public_id, {}, now).message
    assert signed == b"DKIM-Signature: v=1\r\n" + unsigned
    ((head, body, at),) = seen
    assert head + body == unsigned and at == now
    assert head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1, "the block ends with its empty line"


def evil_press(**changes: Any) -> LetterPress:
    """A press of a mail that prints people's values in every place where one may stand."""
    body = "{{ first_name or 'you' }}: {{ note or 'x' }}\n\n[{{ note or 'x' }}](https://a.example/{{ note or 'x' }})\n"
    frozen = compile_newsletter(source(body=body, subject="Hi {{ first_name or 'you' }} {{ note or '' }}"), pool())
    links = LinkFacts(1, b"k" * 32, "care@acme.example", "bounces@acme.example", True, "https://news.acme.example")
    facts = {
        "frozen": frozen,
        "campaign": "evil",
        "sender": "Acme <care@acme.example>",
        "domain": "acme.example",
        "list_name": "all",
    }
    return LetterPress(PressFacts(kind=Kind.NEWS, number=1, links=links, **{**facts, **changes}))


@settings(deadline=None, max_examples=examples(30))
@given(
    st.lists(st.tuples(*[st.one_of(st.sampled_from(EVIL), st.text(max_size=200))] * 2), min_size=1, max_size=4),
    st.sampled_from(["Acme <care@acme.example>", "Ünïcode Ltd <care@acme.example>"]),
)
def test_whatever_people_hold_the_mail_is_proved_for_the_wire_and_its_parts_read_as_rendered(
    rows: list[tuple[str, str]], sender: str
) -> None:
    press = evil_press(sender=sender)
    for first_name, note in rows:
        one = reader(first_name, {"note": note, "plan": note, "country": "DE"})
        public_id = new_public_id()
        choices = {"tips": ["charge"], "reasons": {"charge": note}}
        try:
            message = press.press(one, public_id, choices, NOW).message
        except TemplateError as wrong:
            assert "the header Subject would hold the control character" in wrong.message
            continue
        assert isinstance(message, ProvedMessage)
        assert wire_bytes(bytes(message)) == message, "the whole check finds nothing to refuse and nothing to stuff"
        _, _, body = bytes(message).partition(b"\r\n\r\n")
        assert max(map(len, body.split(b"\r\n"))) <= 76
        mail = email.message_from_bytes(message, policy=email.policy.default)
        shown = press.render(one, public_id, choices)
        text, html = mail.iter_parts()  # type: ignore[attr-defined]
        assert " ".join(str(mail["Subject"]).split()) == shown.subject
        assert decode(text) == ended(shown.text) and decode(html) == ended(shown.html)
        assert str(mail["List-Unsubscribe"]) == f"<{press.links(public_id).unsubscribe_url}>"


def test_a_mail_with_an_image_and_one_of_text_alone_are_proved_too() -> None:
    png = Image("0123abcd@images", "Pumpe größer.png", "image/png", bytes(range(256)) * 20)
    frozen = {"method": "ready", "subject": "Hi", "text": ".\n..\nlast.", "to": "ann@example.com"}
    page = {**frozen, "html": '.<img src="cid:0123abcd@images">\n.', "assets": {png.cid: "x"}}
    for value in (frozen, page):
        message = evil_press(frozen=value, images={png.cid: png}).press(None, new_public_id(), {}, NOW).message
        assert isinstance(message, ProvedMessage) and wire_bytes(bytes(message)) == message


def test_a_mail_whose_header_block_is_not_fit_is_left_for_the_wire_to_refuse() -> None:
    press = evil_press()
    press._sign = lambda head, body, now: b"DKIM-Signature: a\nBcc: x@evil.example\r\n"
    message = press.press(reader("Ann", {"plan": "x", "country": "DE"}), new_public_id(), {}, NOW).message
    assert not isinstance(message, ProvedMessage) and isinstance(wire_bytes(message), Unable)


def reader(first_name: str, attributes: dict[str, Any]) -> Any:
    rest = dict.fromkeys(("last_name", "language", "country", "zone"))
    return SimpleNamespace(address="ann@example.com", first_name=first_name, attributes=attributes, **rest)


def decode(part: Any) -> str:
    return part.get_payload(decode=True).decode().replace("\r\n", "\n")


def test_what_a_press_is_made_of_shows_no_key_when_it_is_printed(workspace: Workspace) -> None:
    with workspace.database.read() as session:
        facts = press_facts(session, workspace, edition_of(workspace))
    assert repr(facts.links.key) not in repr(facts)
