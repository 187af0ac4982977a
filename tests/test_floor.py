"""Addresses and settings: what cannot be an address is refused, and no message repeats a secret."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

import pytest

from outreach.address import (
    PURPOSES,
    TokenMaker,
    canonical_address,
    new_key_ring,
    new_public_id,
    read_token,
    sign_token,
)
from outreach.errors import InputError, SettingsError
from outreach.settings import load_settings


@pytest.mark.parametrize(
    "text",
    [
        "eve@example.com\nRCPT TO:<x@y.example>",
        "eve@example.com\r\n\r\nHello <x@y.example>",
        "Ann\u2028<ann@example.com>",
        "ann\x00@example.com",
        "x@y.example> SIZE=1",
    ],
)
def test_what_breaks_a_line_is_no_address_not_even_in_a_display_name(text: str) -> None:
    with pytest.raises(InputError, match="no e-mail address"):
        canonical_address(text)


@pytest.mark.parametrize(
    "text", ["Ann Lee <ann@example.com>", '"Lee, Ann" <ann@EXAMPLE.com>', "Ann\t<ann@example.com>"]
)
def test_a_display_name_is_dropped(text: str) -> None:
    assert canonical_address(text) == "ann@example.com"


def test_a_maker_of_many_tokens_makes_those_that_are_signed_one_by_one() -> None:
    ring = new_key_ring()
    maker = TokenMaker(ring.current, ring.signing[ring.current])
    for purpose in PURPOSES:
        for public_id in (new_public_id() for _ in range(50)):
            token = maker.make(purpose, public_id)
            assert token == sign_token(ring, purpose, public_id)
            assert read_token(ring, purpose, token) == public_id


def test_the_digest_in_a_token_is_base32_of_the_keyed_hash() -> None:
    ring, public_id = new_key_ring(), new_public_id()
    digest = hmac.digest(ring.signing[1], f"view:{public_id}".encode(), "sha256")
    assert sign_token(ring, "view", public_id) == f"1{public_id}{base64.b32encode(digest).decode().lower()[:10]}"


@pytest.mark.parametrize("line", ['password = "hunter2', "password = hunter2", 'password = ["hunter2"]'])
def test_a_broken_line_that_holds_a_secret_is_named_and_not_repeated(tmp_path: Path, line: str) -> None:
    (tmp_path / "outreach.toml").write_text(f"[relay]\n{line}\n")
    with pytest.raises(SettingsError) as told:
        load_settings(tmp_path, {})
    assert "hunter2" not in f"{told.value.message} {told.value.remedy}"
    assert "password" in f"{told.value.message} {told.value.remedy}"
