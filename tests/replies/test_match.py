"""Whose reply it is: the surest clue wins, and a token in foreign hands acts for nobody."""

from __future__ import annotations

import pytest

from outreach.address import KeyRing, message_id, new_key_ring, new_public_id, sign_token, tagged_address
from outreach.records import ClueKind
from outreach.replies.match import Clue, Owner, choose_match, clues
from outreach.replies.parse import parse_headers, parse_inbound

RING = new_key_ring()
HOME = "care@acme.example"


def mail(ring: KeyRing = RING, **headers: str) -> list[Clue]:
    body = headers.pop("body", "hello")
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in {"From": "ann@example.com", **headers}.items()]
    return clues(parse_inbound(("\r\n".join(lines) + f"\r\n\r\n{body}").encode()), ring)


def test_a_reply_token_is_the_surest_clue_and_survives_folded_case() -> None:
    one, other = new_public_id(), new_public_id()
    to = tagged_address(HOME, sign_token(RING, "reply", one).upper())
    found = mail(To=to, In_Reply_To=message_id(other, "acme.example"))
    assert [(clue.kind, clue.value) for clue in found] == [
        (ClueKind.REPLY_TOKEN, one),
        (ClueKind.MESSAGE_ID, other),
        (ClueKind.SENDER, "ann@example.com"),
    ]


@pytest.mark.parametrize("header", ["To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To"])
def test_the_token_is_found_wherever_the_address_stands(header: str) -> None:
    one = new_public_id()
    found = mail(**{header: tagged_address(HOME, sign_token(RING, "reply", one))})
    assert found[0].value == one


def test_bounce_and_unsubscribe_addresses_are_told_apart() -> None:
    one = new_public_id()
    bounced = mail(To=tagged_address(HOME, "b" + sign_token(RING, "bounce", one)))[0]
    assert (bounced.kind, bounced.value, bounced.leave) == (ClueKind.RETURN_PATH, one, False)
    leaving = mail(To=tagged_address(HOME, "u" + sign_token(RING, "unsubscribe", one)))[0]
    assert (leaving.kind, leaving.value, leaving.leave) == (ClueKind.REPLY_TOKEN, one, True)


def test_a_token_for_another_purpose_or_of_another_workspace_is_no_clue() -> None:
    one = new_public_id()
    assert mail(To=tagged_address(HOME, "u" + sign_token(RING, "reply", one)))[0].kind is ClueKind.SENDER
    assert mail(To=tagged_address(HOME, sign_token(new_key_ring(), "reply", one)))[0].kind is ClueKind.SENDER


def test_references_and_quoted_links_are_clues() -> None:
    one, two = new_public_id(), new_public_id()
    found = mail(References=f"<x@y> {message_id(one, 'acme.example')} <z@y>")
    assert (found[0].kind, found[0].value) == (ClueKind.MESSAGE_ID, one)
    quoted = mail(body=f"> Unsubscribe: https://acme.example/u/{sign_token(RING, 'unsubscribe', two)}")
    assert (quoted[0].kind, quoted[0].value, quoted[0].leave) == (ClueKind.LINK_TOKEN, two, False)


def test_returned_headers_are_clues() -> None:
    one = new_public_id()
    returned = parse_headers(f"Message-ID: {message_id(one, 'acme.example')}\r\n\r\n".encode())
    found = clues(parse_inbound(b"From: MAILER-DAEMON@x.example\n\n"), RING, returned=returned)
    assert (found[0].kind, found[0].value) == (ClueKind.MESSAGE_ID, one)


def test_forwarded_tokens_are_attached_and_flagged() -> None:
    token, sender = Clue(ClueKind.REPLY_TOKEN, "id1", ""), Clue(ClueKind.SENDER, "bob@example.com", "")
    owners = {(ClueKind.REPLY_TOKEN, "id1"): Owner(7, 1, frozenset({"ann-key"}))}
    ours = choose_match([sender, token], owners, "ann-key")
    assert (ours.customer_id, ours.delivery_id, ours.foreign, ours.flagged) == (1, 7, False, "")
    strange = choose_match([sender, token], owners, "bob-key")
    assert (strange.customer_id, strange.delivery_id, strange.foreign) == (1, 7, True)
    assert "forwarded" in strange.flagged
    owners[ClueKind.SENDER, "bob@example.com"] = Owner(9, 2, frozenset({"bob-key"}))
    known = choose_match([sender, token], owners, "bob-key")
    assert (known.customer_id, known.delivery_id, known.foreign) == (2, 7, True)


def test_a_report_by_a_machine_speaks_for_nobody_so_its_sender_does_not_matter() -> None:
    owners = {(ClueKind.RETURN_PATH, "id1"): Owner(7, 1, frozenset({"ann-key"}))}
    found = choose_match([Clue(ClueKind.RETURN_PATH, "id1", "")], owners, "daemon-key", machine=True)
    assert not found.foreign


def test_no_clue_is_no_match() -> None:
    assert choose_match([Clue(ClueKind.SENDER, "x@y.example", "")], {}, "key").clue is None
