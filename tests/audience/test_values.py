from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from outreach.audience.places import ZONES, read_country, read_language
from outreach.audience.values import (
    ColumnType,
    clean,
    one_line,
    read_instant,
    read_status,
    says_left,
    says_yes,
)
from outreach.contacts import read_handle, read_phone
from outreach.records import SubscriptionState


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "20", "-3", ""], [1, 20, -3]),
        (["10115", "01067"], ["10115", "01067"]),
        (["1", "2.5"], [1.0, 2.5]),
        (["+49", "5"], ["+49", "5"]),
        (["1234567890123456"], ["1234567890123456"]),
        (["yes", "NO", "ja"], [True, False, True]),
        (["yes", "perhaps"], ["yes", "perhaps"]),
        (["31.12.2025", "1.2.2024"], ["2025-12-31", "2024-02-01"]),
        (["31.12.2025", "32.1.2024"], ["31.12.2025", "32.1.2024"]),
        (["2025-01-31"], ["2025-01-31"]),
        (["1e5"], ["1e5"]),
        (["٣"], ["٣"]),
        (["", ""], []),
    ],
)
def test_a_column_has_one_type(cells: list[str], expected: list[Any]) -> None:
    kind = ColumnType()
    for cell in cells:
        kind.look(cell)
    read = [kind.reader()(cell) for cell in cells if cell]
    assert read == expected and [type(one) for one in read] == [type(one) for one in expected]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Subscribed", SubscriptionState.SUBSCRIBED),
        ("ABONNIERT", SubscriptionState.SUBSCRIBED),
        ("1", SubscriptionState.SUBSCRIBED),
        ("opted-out", SubscriptionState.UNSUBSCRIBED),
        ("Hard Bounced", SubscriptionState.UNSUBSCRIBED),
        ("désabonnée", SubscriptionState.UNSUBSCRIBED),
        ("dado de baja", SubscriptionState.UNSUBSCRIBED),
        ("ausstehend", SubscriptionState.PENDING),
        ("gold", None),
        ("", None),
    ],
)
def test_states_are_read_in_four_languages(word: str, state: SubscriptionState | None) -> None:
    assert read_status(word) is state


@pytest.mark.parametrize(
    ("cell", "yes"),
    [
        *(("", False), ("no", False), ("0", False), ("Nein", False), ("2024-05-01 10:00", True), ("x", True)),
        *(("NULL", False), ("\\N", False), ("None", False), ("n/a", False), ("-", False), ("nie", False)),
        *(("0000-00-00 00:00:00", False), ("0001-01-01 00:00:00 +0000 UTC", False), ("0001-01-01T00:00:00Z", False)),
        *(("1970-01-01", True), ("unknown", True), ("null and void", True), ("00:10", True), ("noon", True)),
    ],
)
def test_an_opt_out_column_says_yes_with_anything_but_a_no(cell: str, yes: bool) -> None:
    assert says_yes(cell) is yes and says_left(cell) is yes


@pytest.mark.parametrize("cell", ["subscribed", "Opted-in", "angemeldet", "nicht abgemeldet", "abonné"])
def test_a_cell_of_an_opt_out_column_that_says_subscribed_says_that_nobody_left(cell: str) -> None:
    assert says_yes(cell) and not says_left(cell)


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        ("+49 (0)151 / 23-45 67", "+49151234567"),
        ("0049 151 234567", "+49151234567"),
        ("0151 234567", "0151234567"),
        ("tel:+1-202-555-0123", "+12025550123"),
        ("4.91512E+11", None),
        ("call me", None),
        ("12", None),
    ],
)
def test_phone_numbers_are_kept_in_one_form(cell: str, phone: str | None) -> None:
    assert read_phone(cell) == phone


def test_names_keep_to_one_line_and_cannot_turn_the_text_around() -> None:
    assert one_line("Ann\r\nBcc: x@y.z\t\u202eevil") == "Ann Bcc: x@y.z evil"
    assert clean("\u200b\xa0 Ann\r\nB \ufeff") == "Ann\nB"
    assert read_handle(" @Ann@Social.Example ".strip()) == "ann@social.example"


@pytest.mark.parametrize(
    ("cell", "instant"),
    [
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        ("2024-05-01T10:00:00+02:00", datetime(2024, 5, 1, 8, tzinfo=UTC)),
        ("1.5.2024 10:00", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01 10:00:00.123456789 +0200 CEST", datetime(2024, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)),
        ("2024-05-01 10:00:00 UTC", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("2024-05-01 10:00:00 EST", None),
        ("5/1/2024", None),
        ("soon", None),
        ("0001-01-01T00:00+14:00", None),
    ],
)
def test_instants_are_iso_or_german_and_never_guessed(cell: str, instant: datetime | None) -> None:
    assert read_instant(cell) == instant


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("de", "DE"),
        ("Deutschland", "DE"),
        ("ALLEMAGNE", "DE"),
        ("España", "ES"),
        ("uk", "GB"),
        ("U.S.A.", "US"),
        ("Côte d’Ivoire", "CI"),
        ("Atlantis", None),
        ("", None),
    ],
)
def test_countries_are_known_by_the_names_people_write(name: str, code: str | None) -> None:
    assert read_country(name) == code


@pytest.mark.parametrize(
    ("name", "code"), [("de", "de"), ("DE_at", "de"), ("pt-BR", "pt"), ("Français", "fr"), ("Klingon", None)]
)
def test_languages_are_known_by_tag_or_name(name: str, code: str | None) -> None:
    assert read_language(name) == code


def test_every_country_zone_exists_and_large_countries_have_none() -> None:
    import zoneinfo

    assert set(ZONES.values()) <= zoneinfo.available_timezones()
    assert not {"US", "RU", "BR", "AU", "CA", "MX", "ID"} & set(ZONES)
    assert (ZONES["DE"], ZONES["AT"], ZONES["JP"]) == ("Europe/Berlin", "Europe/Vienna", "Asia/Tokyo")
