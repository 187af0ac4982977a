"""The envelope: a signed tag in the reverse-path, and nothing that could break out of a command line."""

from __future__ import annotations

import pytest

from outreach.address import address_tag, new_key_ring, new_public_id, read_token, sign_token
from outreach.delivery.envelope import make_envelope
from outreach.errors import InputError, SettingsError


def test_the_reverse_path_names_the_delivery_by_a_signed_tag() -> None:
    ring, public_id = new_key_ring(), new_public_id()
    made = make_envelope("care@acme.example", "ann@example.com", "b" + sign_token(ring, "bounce", public_id))
    assert made.recipient == "ann@example.com"
    assert not made.needs_smtputf8
    tag = address_tag(made.reverse_path)
    assert tag[0] == "b"
    assert read_token(ring, "bounce", tag[1:]) == public_id


def test_without_a_token_the_bounce_address_stands_alone() -> None:
    assert make_envelope("care@acme.example", "ann@example.com", "").reverse_path == "care@acme.example"


def test_a_null_reverse_path_stays_null() -> None:
    assert make_envelope("", "ann@example.com", "b1abc").reverse_path == ""


def test_only_an_address_beyond_ascii_needs_smtputf8() -> None:
    assert make_envelope("care@acme.example", "jürgen@example.com", "").needs_smtputf8


def test_a_bounce_address_without_room_for_the_tag_is_refused_with_a_remedy() -> None:
    token = "b" + sign_token(new_key_ring(), "bounce", new_public_id())
    assert make_envelope("x" * 24 + "@acme.example", "ann@example.com", token)
    with pytest.raises(SettingsError, match="at most 24"):
        make_envelope("x" * 26 + "@acme.example", "ann@example.com", token)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@example.com\r\nDATA",
        "ann@example.com>\nRCPT TO:<bob@example.com",
        "ann@exa mple.com",
        "<ann@example.com>",
        "ann\x00@example.com",
        "ann\x85@example.com",
        "ann\u2028@example.com",
        "a" * 250 + "@example.com",
    ],
)
def test_a_recipient_that_could_break_a_command_line_is_refused(address: str) -> None:
    with pytest.raises(InputError):
        make_envelope("care@acme.example", address, "")


def test_a_bounce_address_that_could_break_a_command_line_is_refused() -> None:
    with pytest.raises(SettingsError):
        make_envelope("care@acme.example>\r\nRSET", "ann@example.com", "")
