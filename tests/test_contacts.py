"""Handles and numbers are compared in one form, however people write them."""

from __future__ import annotations

import pytest

from outreach.contacts import (
    addresses_in,
    holds_number,
    is_withheld,
    network_of_link,
    phone_end,
    read_network,
    read_phone,
    same_number,
    split_handle,
    split_handles,
    split_phones,
)


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        ("+44 20 7946 0018 ext. 12", "+442079460018"),
        ("(212) 555-0100 x7", "2125550100"),
        ("030 / 12 34 56 Durchwahl 78", "030123456"),
        ("tel:+44-20-7946-0018;ext=12", "+442079460018"),
        ("\uff0b\uff14\uff19 170 1234567", "+491701234567"),
        ("withheld", None),
    ],
)
def test_numbers_lose_extensions_and_signs(cell: str, phone: str | None) -> None:
    assert read_phone(cell) == phone


def test_one_number_written_in_two_ways_is_the_same_and_shares_its_ending() -> None:
    for other in ("01701234567", "1701234567", "+491701234567"):
        assert same_number("+491701234567", other)
        assert phone_end(other) == "01234567"
    assert not same_number("+491701234567", "+431701234567"), "two countries are two numbers"


@pytest.mark.parametrize(
    "text",
    [
        "Kim;+44 20 7946 0018;GB",
        "call 0044-20-7946-0018 after nine",
        "(020) 7946.0018",
        "+44 (0)20 7946\u20110018",
        "12 Elm St 12345 020 7946 0018",
        '{"phone": 442079460018}',
    ],
)
def test_a_number_is_found_however_a_text_spells_it(text: str) -> None:
    assert holds_number(text, "+442079460018")


@pytest.mark.parametrize(
    "text", ["+65 7946 0018", "order 79460018123", "0018 7946 020", "+44 20 7946 001", "1-800-207-9460", ""]
)
def test_a_number_that_is_only_alike_is_another(text: str) -> None:
    assert not holds_number(text, "+442079460018")
    assert not same_number("12345", "+4912345"), "too short to tell people apart"
    assert phone_end("110") == ""


def test_words_for_a_number_that_nobody_sees_are_known() -> None:
    assert is_withheld(" Unbekannt ") and is_withheld("anonymous")
    assert not is_withheld("call me")


@pytest.mark.parametrize(
    ("cell", "network", "link", "expected"),
    [
        ("@Ann_Makes", "", "", ("", "ann_makes")),
        ("x:Ann", "", "", ("x", "ann")),
        ("Twitter: @ann", "", "", ("x", "ann")),
        ("@ann", "", "https://twitter.com/ann/status/1", ("x", "ann")),
        ("@ann@fosstodon.org", "", "", ("mastodon", "ann@fosstodon.org")),
        ("ann", "", "https://fosstodon.org/@ann/112", ("mastodon", "ann@fosstodon.org")),
        ("https://fosstodon.org/@Ann", "", "", ("mastodon", "ann@fosstodon.org")),
        ("https://www.linkedin.com/in/ann-baker/", "", "", ("linkedin", "ann-baker")),
        ("ann.bsky.social", "", "", ("bluesky", "ann")),
        ("u/ann", "", "", ("reddit", "ann")),
        ("ann", "Kaffee-Netz", "", ("kaffee-netz", "ann")),
        ("  ", "x", "", ("", "")),
    ],
)
def test_handles_are_taken_in_every_form(cell: str, network: str, link: str, expected: tuple[str, str]) -> None:
    assert split_handle(cell, network, link) == expected


def test_cells_may_hold_several() -> None:
    assert split_handles("@ann, x:anna; @ann") == [("", "ann"), ("x", "anna")]
    assert split_phones("030 123456; +49 170 1234567, none") == ["030123456", "+491701234567"]


def test_networks_by_name_and_by_link() -> None:
    assert [read_network(word) for word in ("Twitter", "BlueSky", "Kaffee Netz", "")] == [
        "x",
        "bluesky",
        "kaffee-netz",
        "",
    ]
    assert network_of_link("https://m.facebook.com/x") == "facebook"
    assert network_of_link("https://notx.com/a") == ""
    assert network_of_link("https://[broken") == ""


def test_addresses_in_a_text_are_found() -> None:
    assert addresses_in("my account is ann@example.com. thanks @acme") == ["ann@example.com"]
