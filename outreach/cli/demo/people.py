"""The demo's customers: 200 invented people, the same at every run, as a CSV such as a shop's export really is.

Law: addresses lie in example domains (RFC 2606) and telephone numbers in ranges kept for fiction.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

HEADINGS = (
    "E-Mail",
    "First name",
    "Last name",
    "Country",
    "Language",
    "Time zone",
    "Plan",
    "Model",
    "Since",
    "Phone",
    "Status",
    "Note",
)
DOMAINS = ("mail.example.com", "post.example.org", "inbox.example.net", "example.com", "home.example.org")
SUPPRESSED = "hannah.schmidt@post.example.org"
"""The address that the demo puts on the suppression list before the import: it must never come back."""
MALFORMED = "karin.weiss(at)example.com"
"""Not an address: the import must set this row aside and say why."""
DUPLICATE = "Ann@Example.com"
"""The first person's address again, in other letters, in the file's last line."""


@dataclass(frozen=True)
class _Place:
    """`count` people of one country and zone; `{}` in `phone` is a number of as many digits as `digits`."""

    count: int
    country: str
    zone: str
    language: str
    first: str
    last: str
    phone: str = ""
    digits: int = 3


_GERMAN = "Hannah Lukas Mia Jonas Sofia Jürgen Clara Felix Lea Björn Marie Anton Ute Paul"
_GERMAN_LAST = "Schmidt Müller Weber Fischer Wagner Becker Schäfer Koch Richter Groß Neumann Krüger Vogel"
_ENGLISH = "Olivia Jack Grace Harry Emily George Ruby Oscar Ella Thomas Alice Samuel"
_ENGLISH_LAST = "Turner Walker Hughes Wright O'Connor Cooper Ward Bennett Shaw Price Ellis"
_AMERICAN = "Emma Noah Ava Liam Sophia Mason Mia Ethan Zoe Logan Maya Caleb"
_AMERICAN_LAST = "Johnson Garcia Miller Davis Nguyen Martinez Lee Clark Rivera Adams Brooks"
_FRENCH = "Chloé Hugo Camille Louis Inès Théo Manon Jules Zoé Rémi"
_FRENCH_LAST = "Martin Bernard Petit Durand Moreau Lefèvre Roux Garnier François"

_PLACES = (
    _Place(48, "DE", "Europe/Berlin", "de", _GERMAN, _GERMAN_LAST, "+49 30 23125 {}"),
    _Place(16, "AT", "Europe/Vienna", "de", _GERMAN, "Gruber Huber Bauer Steiner Moser Hofer Berger Eder Egger"),
    _Place(12, "CH", "Europe/Zurich", "de", _GERMAN, "Keller Meier Frei Baumann Brunner Gerber Widmer"),
    _Place(28, "GB", "Europe/London", "en", _ENGLISH, _ENGLISH_LAST, "+44 7700 900{}"),
    _Place(14, "US", "America/New_York", "en", _AMERICAN, _AMERICAN_LAST, "+1 202 555 01{}", 2),
    _Place(10, "US", "America/Chicago", "en", _AMERICAN, "Olson Schultz Kowalski Baker Hayes Foster Reed"),
    _Place(6, "US", "America/Denver", "en", _AMERICAN, "Young King Scott Hill Green"),
    _Place(12, "US", "America/Los_Angeles", "en", _AMERICAN, "Chen Lopez Park Kim Torres Patel Morgan"),
    _Place(14, "FR", "Europe/Paris", "fr", _FRENCH, _FRENCH_LAST, "+33 1 99 00 {}", 4),
    _Place(10, "ES", "Europe/Madrid", "es", "Lucía Mateo Sofía Pablo Elena Diego", "García Ruiz Vega Núñez Muñoz"),
    _Place(8, "IT", "Europe/Rome", "it", "Giulia Marco Chiara Luca Sara Matteo", "Rossi Conti Greco Bruno De Luca"),
    _Place(8, "AU", "Australia/Sydney", "en", _ENGLISH, "Kelly Campbell Murphy Stewart Reid", "+61 491 570 {}"),
    _Place(7, "JP", "Asia/Tokyo", "en", "Yuki Haruto Aoi Sora Hina", "Sato Suzuki Tanaka Ito Mori Kato Ono"),
    _Place(6, "BR", "America/Sao_Paulo", "pt", "Ana João Beatriz Rafael Luíza", "Silva Souza Gonçalves Rocha"),
)
_ASCII = str.maketrans(
    {
        "ä": "ae",
        **dict.fromkeys("áàâã", "a"), **dict.fromkeys("éèêë", "e"), **dict.fromkeys("íì", "i"), "ñ": "n", "ß": "ss",
        **dict.fromkeys("óòôõ", "o"), **dict.fromkeys("úù", "u"), "ö": "oe", "ü": "ue", "ç": "c", "'": "", " ": "",
    }
)  # fmt: skip
_FIRST_DAY = date(2021, 3, 1)


def sample_people() -> list[dict[str, str]]:
    """200 people by HEADINGS: Ann first, one with MALFORMED as her address, SUPPRESSED among them."""
    ann = ("ann@example.com", "Ann", "Baker", "GB", "en", "Europe/London", "plus", "Brew One", "2023-05-14")
    people = [dict(zip(HEADINGS, (*ann, "+44 7700 900123", "subscribed", ""), strict=True))]
    for place in _PLACES:
        people += list(_people_of(place, len(people)))
    people[100] = {**people[100], "E-Mail": MALFORMED, "First name": "Karin", "Last name": "Weiss"}
    return people


def write_people_csv(path: Path) -> None:
    """Write the people as spreadsheets do: semicolons, UTF-8 with a byte order mark, CRLF, one person twice."""
    people = sample_people()
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, HEADINGS, delimiter=";")
        writer.writeheader()
        writer.writerows(people)
        writer.writerow({**people[0], "E-Mail": DUPLICATE})


def _people_of(place: _Place, before: int) -> Iterator[dict[str, str]]:
    firsts, lasts = place.first.split(), place.last.replace("De Luca", "De_Luca").split()
    for index in range(place.count):
        number = before + index
        first = firsts[index % len(firsts)]
        last = lasts[(index + index // len(firsts)) % len(lasts)].replace("_", " ")
        named = number % 19 != 7
        local = f"{first}.{last}" if named else f"{last}{number}"
        domain = DOMAINS[number % len(DOMAINS)]
        phone = place.phone.format(str(number * 37 % 10**place.digits).zfill(place.digits)) if number % 3 == 0 else ""
        yield dict(
            zip(
                HEADINGS,
                (
                    f"{local.lower().translate(_ASCII)}@{domain}",
                    first if named else "",
                    last,
                    place.country,
                    place.language if number % 9 else "en",
                    place.zone,
                    "plus" if number % 5 in (1, 3) else "free",
                    "Brew One Pro" if number % 4 == 2 else "Brew One",
                    (_FIRST_DAY + timedelta(days=number * 73 % 2050)).isoformat(),
                    phone,
                    "unsubscribed" if number % 25 == 11 else "subscribed",
                    "Called twice about the water filter;\nprefers mail" if number % 60 == 5 else "",
                ),
                strict=True,
            )
        )
