from __future__ import annotations

import pytest

from outreach.audience.headings import FIELDS, attribute_name, read_headings, unread_stops
from outreach.errors import InputError, UsageError


def _told(
    *headings: str, mapping: dict[str, str] | None = None, sample: list[list[str]] | None = None
) -> dict[str, str]:
    return read_headings(headings, mapping or {}, sample or [], file="people.csv").told()


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("E-Mail", "address"),
        ("email_address", "address"),
        ("E-MAIL ADRESSE", "address"),
        ("Adresse électronique", "address"),
        ("Correo Electrónico", "address"),
        ("E-mail 1 - Value", "address"),
    ],
)
def test_the_address_column_is_known_in_four_languages(heading: str, field: str) -> None:
    assert _told(heading) == {heading: field}


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Vorname", "first_name"),
        ("Prénom", "first_name"),
        ("nombre", "first_name"),
        ("Given Name", "first_name"),
        ("Nachname", "last_name"),
        ("Nom de famille", "last_name"),
        ("Apellidos", "last_name"),
        ("Handynummer", "phone"),
        ("teléfono", "phone"),
        ("Sprache", "language"),
        ("Idioma", "language"),
        ("Land", "country"),
        ("País", "country"),
        ("Time zone", "zone"),
        ("Fuseau horaire", "zone"),
        ("Zeitzone", "zone"),
        ("CONFIRM_TIME", "consent_at"),
        ("Einwilligungsdatum", "consent_at"),
        ("Unsub Time", "opted_out"),
        ("twitter", "handle"),
    ],
)
def test_other_columns_are_known_too(heading: str, field: str) -> None:
    assert _told("email", heading)[heading] == field


@pytest.mark.parametrize("field", [field for field in FIELDS if field not in ("address", "status")])
def test_every_field_is_known_by_its_own_name(field: str) -> None:
    assert _told("email", field)[field] == field


def test_unknown_columns_become_attributes_under_a_name_that_segments_can_use() -> None:
    told = _told("email", "Größe (cm)", "2nd car", "in", "Plan", "plan", "Email", "Код", sample=[["a@b.c"]])
    assert list(told.values()) == ["address", "grosse_cm", "_2nd_car", "in_", "plan", "plan_2", "email_2", "код"]
    assert all(name.isidentifier() for name in told.values())
    assert attribute_name("!!!") == "column" and len(attribute_name("x" * 500)) == 60


def test_a_column_without_heading_is_kept_only_where_it_holds_something() -> None:
    headings = ["email", "", ""]
    columns = read_headings(headings, {}, [["a@b.c", "x", ""]], file="f")
    assert columns.meanings == ("address", ".column_2", "")


def test_a_status_that_tells_of_no_subscription_is_an_attribute() -> None:
    gold = read_headings(["email", "Status"], {}, [["a@b.c", "gold"]], file="f")
    cleaned = read_headings(["email", "Status"], {}, [["a@b.c", ""], ["b@b.c", "cleaned"]], file="f")
    assert (gold.meanings[1], cleaned.meanings[1]) == (".status", "status")


@pytest.mark.parametrize("heading", ["Newsletter", "Accepts Email Marketing", "E-Mail Marketing", "Einwilligung"])
def test_a_column_of_yes_and_no_tells_who_wants_newsletters(heading: str) -> None:
    asked = read_headings(["email", heading], {}, [["a@b.c", "yes"], ["b@b.c", ""], ["c@b.c", "nein"]], file="f")
    weekly = read_headings(["email", heading], {}, [["a@b.c", "yes"], ["b@b.c", "weekly"]], file="f")
    assert asked.meanings[1] == "status"
    assert weekly.meanings[1].startswith(".")
    both = read_headings(["email", heading, "status"], {}, [["a@b.c", "yes", "unsubscribed"]], file="f")
    assert both.meanings[2] == "status", "the surer column counts"
    assert _told("email", heading, mapping={heading: "asked"}, sample=[["a@b.c", "no"]])[heading] == "asked"


def test_address_means_email_only_where_it_holds_some() -> None:
    assert _told("Address", sample=[["a@b.c"]]) == {"Address": "address"}
    told = _told("Address", "email", sample=[["Main street 1", "a@b.c"]])
    assert told == {"Address": "address_2", "email": "address"}


def test_the_users_own_mapping_wins_and_may_skip_or_name_an_attribute() -> None:
    mapping = {"Kontakt": "email", "E-Mail": "-", "KDNR": "Customer No", "Name": "last_name"}
    told = _told("E-Mail", "Kontakt", "Kdnr", "Name", mapping=mapping)
    assert told == {"Kontakt": "address", "Kdnr": "customer_no", "Name": "last_name"}


def test_mapping_a_heading_that_is_not_there_names_the_headings() -> None:
    with pytest.raises(UsageError) as told:
        _told("email", "Plan", mapping={"Plna": "plan"})
    assert "'Plna'" in told.value.message and "email, Plan" in told.value.remedy


def test_no_address_column_names_the_headings_and_the_way_out() -> None:
    with pytest.raises(InputError) as told:
        _told("Name", "Ort", "Erreichbar", sample=[["Ann", "Ulm", "ann@x.de"]])
    assert "Name, Ort, Erreichbar" in told.value.message
    assert told.value.remedy == 'Say which one does: --map "Erreichbar=address"'


def test_a_file_without_headings_is_told_so() -> None:
    with pytest.raises(InputError, match="no headings"):
        _told("ann@example.com", "Ann")


def test_columns_of_a_rejects_file_are_left_out() -> None:
    assert _told("reject_row", "reject_reason", "email") == {"email": "address"}


def test_too_many_columns_are_refused() -> None:
    with pytest.raises(InputError, match="columns"):
        _told("email", *map(str, range(1000)))


def test_a_column_that_sounds_like_people_who_left_and_is_not_read_so_is_named() -> None:
    told = {"E-Mail": "address", "Newsletter-Sperre": "newsletter_sperre", "Abmeldegrund": "abmeldegrund"}
    told |= {"Unsubscribed": "opted_out", "SMS_BLACKLISTED": "sms_blacklisted", "Suppression": "suppression"}
    told |= {"Unsubscribe link": "unsubscribe_link", "Opt out of SMS": "opt_out_of_sms", "Do not call": "do_not_call"}
    told |= {"Do not contact": "do_not_contact", "Widerspruch": "widerspruch", "Subscribed since": "subscribed_since"}
    named = ["Newsletter-Sperre", "Abmeldegrund", "Suppression", "Do not contact", "Widerspruch"]
    assert unread_stops(told) == named


LEFT = (
    "is_unsubscribed; Unsubscribed on; unsubscribedOn; Unsubscribe; Email unsubscribed; Newsletter abgemeldet;"
    " Abmeldung; newsletter_unsubscribed_at; Email marketing opt-out; Email Opt Out Date; Opt-Out-Datum; Global"
    " opt-out; Blacklist; Suppressed at; Newsletter abbestellt am; Abbestelldatum; ausgetragen; Werbewiderspruch"
    " am; kein Newsletter; Fecha baja; Consent withdrawn; Einwilligung widerrufen; désinscription; Date"
    " désabonnement"
)


@pytest.mark.parametrize("heading", LEFT.split("; "))
@pytest.mark.parametrize(
    "cell", ["", "1", "no", "ja", "2024-05-01T10:00:00Z", "1.5.24", "1714557600", "NULL", "opted in"]
)
def test_a_heading_that_says_who_left_and_no_more_stops_them_however_it_is_put(heading: str, cell: str) -> None:
    assert _told("E-Mail", heading, sample=[["a@b.de", cell]]) == {"E-Mail": "address", heading: "opted_out"}


KEPT = (
    "Subscribed to newsletter since; Opt-out reason; Do not call; Unsubscribe link; Unsubscribe reason; SMS"
    " unsubscribed; Opt out of SMS; opted out of phone; Fax opt out; Mail opt-out; unsubscribed lists;"
    " Unsubscribed newsletters; Unsubscribed campaign; Bounces; Bounce count; Soft bounced; Baja; Abmeldegrund;"
    " Sperrgut; Do not contact; left"
)


@pytest.mark.parametrize("heading", KEPT.split("; "))
@pytest.mark.parametrize("cell", ["", "1", "2024-05-01"])
def test_a_heading_that_says_more_or_something_else_stops_nobody(heading: str, cell: str) -> None:
    (meaning,) = set(_told("email", heading, sample=[["a@b.de", cell]]).values()) - {"address"}
    assert meaning not in FIELDS


@pytest.mark.parametrize("cell", ["https://b.de/u?id=20240501", "too many mails", "list 7", "2", "soft"])
@pytest.mark.parametrize("heading", ["Unsubscribe", "Abmeldung", "Bounced"])
def test_a_column_whose_cells_are_no_days_and_no_yes_or_no_stops_nobody(heading: str, cell: str) -> None:
    told = _told("email", heading, sample=[["a@b.de", "1"], ["b@b.de", cell]])
    assert told[heading] == heading.lower()
    assert _told("email", heading, sample=[["a@b.de", "1"]])[heading] in ("opted_out", "bounced")
