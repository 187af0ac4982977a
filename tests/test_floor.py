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
    mailbox_of,
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


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Ann.Lee+tips+2@example.com", "ann.lee@example.com"),
        ("Ann.Lee+tips@gmail.com", "annlee@gmail.com"),
        ("a.nn@googlemail.com", "ann@googlemail.com"),
        ("+ann@example.com", "+ann@example.com"),
        ("größe+x@xn--exmple-cua.com", "größe@xn--exmple-cua.com"),
    ],
)
def test_a_tag_leads_to_the_same_mailbox(address: str, mailbox: str) -> None:
    assert mailbox_of(address) == mailbox


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


def relays_file(tmp_path: Path, text: str) -> Path:
    (tmp_path / "outreach.toml").write_text(text)
    return tmp_path


def test_several_relays_stand_beside_the_first_or_alone(tmp_path: Path) -> None:
    two = '[[relays]]\nname = "one"\nhost = "a.example"\n[[relays]]\nname = "two"\nhost = "b.example"\nweight = 3\n'
    assert [relay.name for relay in load_settings(relays_file(tmp_path, two), {}).all_relays] == ["one", "two"]
    with_first = load_settings(relays_file(tmp_path, f'[relay]\nhost = "c.example"\n{two}'), {})
    assert [relay.name for relay in with_first.all_relays] == ["main", "one", "two"]
    assert [relay.name for relay in load_settings(relays_file(tmp_path, ""), {}).all_relays] == ["main"]


def test_a_secret_of_one_of_several_relays_comes_from_a_variable_with_its_name(tmp_path: Path) -> None:
    root = relays_file(tmp_path, '[[relays]]\nname = "one"\n[[relays]]\nname = "Two"\nport = 25\n')
    settings = load_settings(root, {"OUTREACH_RELAYS__TWO__PASSWORD": "hush"})
    assert [relay.password.get_secret_value() for relay in settings.relays] == ["", "hush"]
    with pytest.raises(SettingsError, match="THREE__PASSWORD names no setting"):
        load_settings(root, {"OUTREACH_RELAYS__THREE__PASSWORD": "hush"})
    with pytest.raises(SettingsError, match="must say which of relays"):
        load_settings(root, {"OUTREACH_RELAYS__PASSWORD": "hush"})


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[relay]\nhost = "a"\n[[relays]]\nname = "b"\nhots = "b"\n', 5, "relays.0.hots: is not a setting"),
        ('[[relays]]\nname = "a"\nport = 25\n[[relays]]\nname = "b"\nport = 0\n', 6, "relays.1.port"),
        ('[[relays]]\nname = "a"\n\n[[relays]]\nname = "b"\nbackup = true\nweight = 2\n', 4, "a backup has no weight"),
        ("[relay]\nwarmup = [50, 0]\n", 2, "at least 1 mail"),
        ('[[domains]]\nnames = "gmail.com"\nper_minute = 5\n[[domains]]\nnames = "*"\n', 4, "sets no limit"),
        ('[[domains]]\nnames = "*, gmail.com"\nper_minute = 5\n', 2, "stands alone"),
        ('[[domains]]\nnames = "gmail"\nper_minute = 5\n', 2, "gmail is no domain"),
        ('[[domains]]\nnames = ""\nper_minute = 5\n', 2, "nothing is no domain"),
        ("[[domains]]\nnames = 5\nper_minute = 5\n", 2, "must be domains"),
    ],
)
def test_a_fault_of_one_of_several_relays_or_domains_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    with pytest.raises(SettingsError) as told:
        load_settings(relays_file(tmp_path, text), {})
    assert f"outreach.toml:{line}: " in told.value.message
    assert words in told.value.message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[[relays]]\nhost = "a"\n', 1, "needs a name of its own"),
        ('[[relays]]\nname = "a"\n[[relays]]\nname = "A"\nport = 25\n', 3, "two relays have the same name"),
        ('[relay]\nhost = "c"\n\n[[relays]]\nname = "main"\n', 4, "two relays have the same name"),
        ('[[relays]]\nname = "a"\n[[relays]]\nname = "b"\n', 3, "the same server"),
        ("[relay]\nbackup = true\n", 0, "every relay is a backup"),
        ('[relay]\ncatcher = true\n[[relays]]\nname = "b"\nhost = "b.example"\n', 0, "set catcher = false"),
        ('[[domains]]\nnames = "a.de"\nper_hour = 1\n[[domains]]\nnames = "b.de,A.DE"\nper_hour=2\n', 5, "a.de twice"),
        ('[alerts]\nto = ["a@b.example"]\nrelay = "{x}"\n', 3, "no relay named '{x}'"),
    ],
)
def test_relays_and_domains_that_contradict_each_other_are_refused_with_the_line_of_the_second(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    with pytest.raises(SettingsError) as told:
        load_settings(relays_file(tmp_path, text), {})
    assert words in told.value.message
    assert f"outreach.toml:{line}: " in told.value.message or not line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OUTREACH_RELAY__PORT", "many"),
        ("OUTREACH_RELAY__PROT", "25"),
        ("OUTREACH_RELAYS__TWO__WEIGHT", "0"),
        ("OUTREACH_IDENTITY__ZONE", "Mars"),
    ],
)
def test_a_fault_that_came_from_a_variable_names_it_and_no_line_of_the_file(
    tmp_path: Path, variable: str, value: str
) -> None:
    """The file's own line stood there, where nothing was wrong."""
    text = '[relay]\nport = 25\n[[relays]]\nname = "two"\nport = 26\nweight = 2\n'
    with pytest.raises(SettingsError) as told:
        load_settings(relays_file(tmp_path, text), {variable: value})
    assert told.value.message.startswith(f"{variable}: ")
    assert "outreach.toml" not in told.value.message


def test_a_variable_for_one_of_several_relays_where_the_file_names_none_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        load_settings(relays_file(tmp_path, "[relay]\nport = 25\n"), {"OUTREACH_RELAYS__TWO__PORT": "26"})
    assert told.value.message == "OUTREACH_RELAYS__TWO__PORT: relays: outreach.toml has none of that name"


@pytest.mark.parametrize("given", ['[[relays]]\nname = "one"\nport = 26\n', "relays = [3]\n"])
def test_a_variable_for_a_relay_that_is_not_there_names_it(tmp_path: Path, given: str) -> None:
    with pytest.raises(SettingsError, match=r"OUTREACH_RELAYS__TWO__PORT names no setting: none of relays .* two"):
        load_settings(relays_file(tmp_path, given), {"OUTREACH_RELAYS__TWO__PORT": "26"})


def test_domains_are_compared_as_the_dns_writes_them(tmp_path: Path) -> None:
    root = relays_file(tmp_path, '[[domains]]\nnames = ["GMail.com", "münchen.example."]\nconnections = 5\n')
    assert load_settings(root, {}).domains[0].names == ("gmail.com", "xn--mnchen-3ya.example")
