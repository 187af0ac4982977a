"""Addresses and settings: what cannot be an address is refused, and no message repeats a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from outreach.address import canonical_address
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


@pytest.mark.parametrize("line", ['password = "hunter2', "password = hunter2", 'password = ["hunter2"]'])
def test_a_broken_line_that_holds_a_secret_is_named_and_not_repeated(tmp_path: Path, line: str) -> None:
    (tmp_path / "outreach.toml").write_text(f"[relay]\n{line}\n")
    with pytest.raises(SettingsError) as told:
        load_settings(tmp_path, {})
    assert "hunter2" not in f"{told.value.message} {told.value.remedy}"
    assert "password" in f"{told.value.message} {told.value.remedy}"
