"""What the columns of a file of people mean: headings in four languages, and the user's own `--map`.

Law: a heading that is not known becomes an attribute under its own (normalised) name; the first of two columns with
one meaning has it, the other becomes an attribute too, unless both say who has left. Nothing is dropped without being
named.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..contacts import read_network
from ..errors import InputError, UsageError
from .leaving import sounds_like_leaving, stop_of
from .places import fold
from .values import read_status

_SYNONYMS = {
    "address": "email, e-mail, mail, email address, mail address, emailadresse, mailadresse, e-mail-adresse, courriel,"
    " adresse e-mail, adresse mail, adresse électronique, correo, correo electrónico, dirección de correo,"
    " dirección de correo electrónico, email 1 value, e-mail 1 value, primary email, contact email, subscriber email",
    "first_name": "first name, firstname, first, fname, given name, given names, forename, vorname, rufname, prénom,"
    " nombre, nombre de pila",
    "last_name": "last name, lastname, last, lname, surname, family name, nachname, familienname, nom, nom de famille,"
    " apellido, apellidos",
    "phone": "phone, phone number, telephone, telephone number, tel, tel no, mobile, mobile phone, mobile number, cell,"
    " cell phone, telefon, telefonnummer, tel nr, rufnummer, mobil, mobilnummer, handy, handynummer, téléphone,"
    " more phones, numéro de téléphone, portable, téléphone portable, teléfono, móvil, celular, phone 1 value",
    "handle": "handle, more handles, social handle, twitter, twitter handle, x handle, mastodon, mastodon handle,"
    " fediverse, bluesky",
    "language": "language, lang, locale, preferred language, sprache, bevorzugte sprache, langue, langue préférée,"
    " idioma, idioma preferido, lengua",
    "country": "country, country code, land, ländercode, länderkürzel, länderkennung, staat, pays, code pays, país,"
    " código de país, country region, home country/region, business country/region, address 1 country",
    "zone": "zone, timezone, time zone, tz, zeitzone, fuseau, fuseau horaire, zona horaria, huso horario, huso",
    "status": "status, subscription status, subscription, email status, newsletter status, subscribed, opt in, optin,"
    " abostatus, abonniert, angemeldet, statut, abonné, statut d'abonnement, estado, suscrito, estado de suscripción",
    "opted_out": "unsubscribed, unsubscribed at, unsubscribe time, unsub time, opt out, optout, opted out, unsubscribe"
    " date, unsubscribed date, unsubscription date, date unsubscribed, opt out date, opt out time, opted out"
    " at, email opt out, email opted out, opted out of email, opted out of all email, unsubscribed from all"
    " email, unsubscribed from all emails, marketing emails opted out, marketing opt out, global unsubscribe,"
    " has opted out of email, email blacklisted, email blocklisted, blacklisted, blocklisted, do not email, no"
    " email, suppressed, abgemeldet, abmeldedatum, abgemeldet seit, ausgetragen am, deaktiviert am, widerrufen"
    " am, widerruf, désinscrit le, désabonné le, date de désinscription, date de désabonnement, fecha de baja,"
    " abgemeldet am, désabonné, désinscrit, cancelado, dado de baja",
    "bounced": "bounced at, bounce date, clean time, email bounced date, hard bounced at, email hard bounce"
    " reason, hard bounce reason, invalid email address",
    "full_name": "",
    "confirmed": "",
    "not_subscribed": "",
    "attributes": "",
    "consent_at": "consent at, consent date, consent time, opt in date, opt in time, confirm time, confirmed at,"
    " subscribed at, subscribe date, einwilligung am, einwilligungsdatum, anmeldedatum, date de consentement,"
    " date d'inscription, fecha de consentimiento, fecha de alta",
    "consent_how": "consent how, consent source, consent method, opt in source, einwilligung durch,"
    " einwilligungsquelle, source du consentement, origen del consentimiento",
    "consent_words": "consent words, consent text, consent wording, einwilligungstext, texte du consentement,"
    " texto del consentimiento",
}
_AGREED = (
    "newsletter, newsletters, mailings, email marketing, marketing, marketing emails, accepts marketing,"
    " accepts email marketing, marketing consent, email consent, newsletter consent, marketing opt in, email opt in,"
    " newsletter opt in, consent, opted in, einwilligung, newsletter einwilligung, newsletter erwünscht, werbung,"
    " consentement, accepte les newsletters, consentimiento, acepta marketing, email marketing consent, email"
    " permission, email marketing status, email marketing state, newsletter subscribed, newsletter subscription,"
    " subscribed to newsletter, receives newsletter, opt in status, newsletter abonniert,"
    " newsletter angemeldet, abonné newsletter, email subscription, email subscription status, email marketing"
    " subscription, email marketing subscription status"
)
"""Headings of a status, too, where every cell tells one: a shop's own "newsletter: weekly" stays an attribute."""
FIELDS = tuple(_SYNONYMS)
"""What a column may be mapped to, beside the name of an attribute and `-` for nothing."""
STOPPING = ("opted_out", "bounced")
"""Fields that more than one column may have: whoever left by any of them has left."""
_ONLY_MAPPED = ("full_name", "confirmed", "not_subscribed", "attributes")
"""Fields that no heading means by itself: a profile or `--map` names them."""
_BY_NAME = {
    fold(name): field
    for field, names in _SYNONYMS.items()
    if field not in _ONLY_MAPPED
    for name in (*names.split(","), field)
}
del _BY_NAME["address"], _BY_NAME["bounced"]
_POSTAL = (
    "street, street address, street address 1, address line 1, address 1, street address line 1, postal address,"
    " mailing street, street address line 1 home, billing street, home street, address 1 street, strasse, straße,"
    " straße privat, anschrift, postanschrift, rue, adresse postale, calle, dirección postal",
    "postcode, postal code, zip, zip code, zip/postal code, zip/postal code home, home postal code, address 1 postal"
    " code, plz, postleitzahl, postleitzahl privat, code postal, código postal, mailing postal code, mailing"
    " zip/postal code",
    "city, town, city home, home city, address 1 city, ort, ort privat, stadt, wohnort, ville, ciudad, mailing city",
)
_NUMBERS = (
    "phone 2 value, phone 3 value, phone 4 value, business phone, business phone 2, home phone, home phone 2, other"
    " phone, primary phone, work phone, telefon geschäftlich, telefon privat, mobiltelefon, téléphone bureau,"
    " téléphone domicile, teléfono del trabajo, teléfono particular"
)
_MORE_PHONES = frozenset(map(fold, _NUMBERS.split(",")))
"""Headings of numbers beside the first, which becomes the first where there is no other."""
_POSTAL_BY_NAME = {fold(name): part for part, names in enumerate(_POSTAL) for name in names.split(",")}
_GROUPS = {
    "household": "household, household id, household key, household name, haushalt, haushaltsnummer, haushalts-id,"
    " foyer, ménage, numéro de foyer, hogar, id de hogar, unidad familiar",
    "company": "company, company name, organization, organisation, organization name, organisation name, employer,"
    " account name, business name, firma, firmenname, unternehmen, société, entreprise, raison sociale, organisme,"
    " empresa, compañía, razón social, organización",
}
"""Attributes that say to which household and company a person belongs."""
_GROUP_BY_NAME = {fold(name): field for field, names in _GROUPS.items() for name in names.split(",")}
_PLATFORMS = (
    "twitter, x, mastodon, fediverse, bluesky, threads, facebook, instagram, linkedin, youtube, tiktok, reddit, xing"
)
_OF_PLATFORM = {
    fold(f"{name} {word}"): read_network(name)
    for name in map(str.strip, _PLATFORMS.split(","))
    for word in (
        "handle",
        "name",
        "username",
        "user",
        "account",
        "profile",
        "konto",
        "benutzername",
        "profil",
        "compte",
    )
} | {fold(name): read_network(name) for name in ("twitter", "mastodon", "fediverse", "bluesky")}
"""Headings of a handle on one network; where a network's bare name may head any other column, it is no such heading."""
_AGREEMENTS = frozenset(map(fold, _AGREED.split(",")))
_PERHAPS_ADDRESS = frozenset(map(fold, ("address", "adresse", "dirección", "user", "username", "login", "contact")))
_OURS = frozenset({"reject_row", "reject_reason"})
_KEYWORDS = frozenset("and or not in is empty contains true false none if else for".split())
_TAKEN = frozenset({"address", "email", "first_name", "last_name", "phone", "handle", "language", "country", "zone"})
_PERHAPS_STREET = frozenset({"address", "adresse", "direccion"})
MAX_COLUMNS = 1_000
_WHOLE_NAMES = frozenset("name fullname nom_complet nombre_completo name_2".split())
_TYPED = re.compile(r"(.*\S) ?\[(text|whole|number|day|truth|list|json)\]")


@dataclass(frozen=True)
class Columns:
    """`meanings` holds for each column a field, an attribute's name with a dot in front, or nothing to skip it.

    A further column of numbers or handles means `phone:` or `handle:`, the network behind the colon. `types` are told
    by headings such as `zip [text]`, in which our own exports say what a column holds.
    """

    headings: tuple[str, ...]
    meanings: tuple[str, ...]
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def postal(self) -> tuple[int, ...]:
        """Where street, postcode and town stand; empty where the file has no street."""
        found: dict[int, int] = {}
        for place, heading in enumerate(self.headings):
            part = _POSTAL_BY_NAME.get(fold(heading))
            if (
                part is None
                and fold(heading) in ("address", "adresse", "direccion")
                and self.meanings[place][:1] == "."
            ):
                part = 0
            if part is not None:
                found.setdefault(part, place)
        return tuple(found[part] for part in sorted(found)) if 0 in found else ()

    def places(self, meaning: str) -> list[int]:
        """Where columns with this meaning stand."""
        return [place for place, one in enumerate(self.meanings) if one == meaning]

    @property
    def width(self) -> int:
        return len(self.headings)

    def place(self, meaning: str) -> int | None:
        """Where the column with this meaning stands."""
        return self.meanings.index(meaning) if meaning in self.meanings else None

    def told(self) -> dict[str, str]:
        """Field or attribute by heading, for a person to read."""
        return {
            heading: meaning.removeprefix(".")
            for heading, meaning in zip(self.headings, self.meanings, strict=True)
            if meaning
        }


def means_address(heading: str) -> bool:
    """Whether a heading surely names the column of e-mail addresses."""
    return _BY_NAME.get(fold(heading)) == "address"


def read_headings(
    headings: Sequence[str], mapping: Mapping[str, str], sample: Sequence[Sequence[str]], *, file: str
) -> Columns:
    """What each column means. `sample`: some rows, to tell a column of e-mail addresses from one of streets.

    Raises InputError where no column holds e-mail addresses, UsageError where `mapping` names no heading.
    """
    headings = [" ".join(heading.split()) for heading in headings]
    typed = {place: found for place, heading in enumerate(headings) if (found := _TYPED.fullmatch(heading))}
    headings = [typed[place][1] if place in typed else heading for place, heading in enumerate(headings)]
    if len(headings) > MAX_COLUMNS:
        raise InputError(f"{len(headings):,} columns; at most {MAX_COLUMNS:,} are read", file=file, line=1)
    wanted = _read_mapping(mapping, headings)
    meanings = ["" for _ in headings]
    used: set[str] = set()
    for place, heading in enumerate(headings):
        if (meaning := wanted.get(fold(heading))) is not None and (meaning not in used or meaning in STOPPING):
            meanings[place] = meaning
            used.add(meaning)
        elif meaning in ("phone", "handle"):
            meanings[place] = f"{meaning}:{network_of_heading(heading)}"
        elif fold(heading) in _MORE_PHONES and fold(heading) not in wanted:
            meanings[place] = "phone:"
        elif heading[:1] == "." and fold(heading) not in wanted:
            meanings[place] = _attribute(heading[1:], used, plain=True)
    for place, heading in enumerate(headings):
        if meanings[place]:
            continue
        known = field_of(heading) or stop_of(heading, (row[place] for row in sample if place < len(row)))
        if known == "status" and not _holds_states(sample, place):
            continue
        if known in ("handle", "phone") and known in used and fold(heading) not in wanted:
            meanings[place] = f"{known}:{network_of_heading(heading)}"
        elif known and (known not in used or known in STOPPING) and fold(heading) not in wanted:
            meanings[place] = known
            used.add(known)
    if "status" not in used:
        _find_agreement(headings, meanings, sample, wanted, used)
    if "address" not in used:
        _find_address(headings, meanings, sample, file)
    for place, heading in enumerate(headings):
        group = _GROUP_BY_NAME.get(fold(heading), "")
        if group and not meanings[place] and f".{group}" not in used and fold(heading) not in wanted:
            meanings[place] = _attribute(group, used)
    for place, heading in enumerate(headings):
        if not meanings[place] and fold(heading) not in wanted and (heading or _any_cell(sample, place)):
            meanings[place] = _attribute(heading or f"column_{place + 1}", used)
    types = {meanings[place]: found[2] for place, found in typed.items() if meanings[place][:1] == "."}
    return Columns(tuple(headings), tuple("" if meaning == "-" else meaning for meaning in meanings), types)


def postal_of(attributes: Mapping[str, Any]) -> str:
    """The postal address that a customer's attributes tell, on one line; "" where there is no street with a place."""
    parts: dict[int, str] = {}
    for name, value in attributes.items():
        part = _POSTAL_BY_NAME.get(fold(name))
        if part is not None and isinstance(value, str | int) and str(value).strip():
            parts.setdefault(part, " ".join(str(value).split()))
    return ", ".join(parts[part] for part in sorted(parts)) if 0 in parts and len(parts) > 1 else ""


def network_of_heading(heading: str) -> str:
    """The network whose handles a column holds by its heading, or nothing."""
    return _OF_PLATFORM.get(fold(heading), "")


def field_of(name: str) -> str:
    """The field of a customer that a name surely means, or nothing; `handle` by a network's name too."""
    return _BY_NAME.get(fold(name)) or ("handle" if fold(name) in _OF_PLATFORM else "")


def free_name(name: str) -> str:
    """A name as an attribute's, beside those that fields have."""
    plain = attribute_name(name)
    return f"{plain}_2" if plain in _TAKEN else plain


def whole_names(told: Mapping[str, str]) -> str:
    """The heading of a column of whole names, where the file has no other names; "" where there is none."""
    if "first_name" in told.values() or "last_name" in told.values():
        return ""
    return next((heading for heading, meaning in told.items() if meaning in _WHOLE_NAMES), "")


def unread_stops(told: Mapping[str, str]) -> list[str]:
    """The headings that sound like people who left, of columns that are only kept as attributes."""
    known = {*FIELDS, "phone", "handle"}
    return [
        heading
        for heading, meaning in told.items()
        if meaning.partition(":")[0] not in known and sounds_like_leaving(heading)
    ]


def attribute_name(heading: str) -> str:
    """A heading as a name for segments and templates: small letters, digits and underscores, no accents."""
    plain = unicodedata.normalize("NFKD", heading).casefold().replace("ß", "ss")
    name = re.sub(r"\W+", "_", "".join(sign for sign in plain if not unicodedata.combining(sign))).strip("_")
    name = re.sub(r"__+", "_", name)[:60] or "column"
    return f"_{name}" if name[0].isdigit() else name


def _read_mapping(mapping: Mapping[str, str], headings: Sequence[str]) -> dict[str, str]:
    known = {fold(heading) for heading in headings}
    wanted: dict[str, str] = {}
    for heading, target in mapping.items():
        if fold(heading) not in known:
            raise UsageError(
                f"--map {heading}={target}: the file has no column {heading!r}",
                remedy=f"Its headings are: {_listed(headings)}.",
            )
        field = {"email": "address", "e-mail": "address"}.get(target.strip().lower(), target.strip())
        kind, colon, network = field.partition(":")
        if field == "-" or field in FIELDS:
            wanted[fold(heading)] = field
        elif colon and kind in ("handle", "phone"):
            wanted[fold(heading)] = f"{kind}:{read_network(network)}"
        else:
            wanted[fold(heading)] = "." + attribute_name(field)
    return wanted


def _find_agreement(
    headings: Sequence[str],
    meanings: list[str],
    sample: Sequence[Sequence[str]],
    wanted: Mapping[str, str],
    used: set[str],
) -> None:
    for place, heading in enumerate(headings):
        name = fold(heading)
        if name in _AGREEMENTS and name not in wanted and not meanings[place] and _holds_only_states(sample, place):
            meanings[place] = "status"
            used.add("status")
            return


def _find_address(headings: Sequence[str], meanings: list[str], sample: Sequence[Sequence[str]], file: str) -> None:
    for place, heading in enumerate(headings):
        if fold(heading) in _PERHAPS_ADDRESS and not meanings[place] and _mostly_addresses(sample, place):
            meanings[place] = "address"
            return
    numbers = any(meaning.startswith("phone") for meaning in meanings)
    if (numbers or any(_POSTAL_BY_NAME.get(fold(heading)) == 0 for heading in headings)) and not any(
        "@" in cell for row in sample for cell in row
    ):
        return  # people who can be called or written to, and no address that is only not recognised
    if any("@" in heading for heading in headings):
        raise InputError(
            "the first row holds an e-mail address: the file has no headings",
            file=file,
            line=1,
            remedy="Put a first row with headings above it, such as: email,first_name,last_name",
        )
    likely = next((head for place, head in enumerate(headings) if _mostly_addresses(sample, place)), "")
    raise InputError(
        f"no column holds e-mail addresses; the headings are: {_listed(headings)}",
        file=file,
        line=1,
        remedy=f'Say which one does: --map "{likely or "HEADING"}=address"',
    )


def _mostly_addresses(sample: Sequence[Sequence[str]], place: int) -> bool:
    cells = [row[place] for row in sample if place < len(row) and row[place].strip()]
    return bool(cells) and sum("@" in cell for cell in cells) * 2 > len(cells)


def _holds_states(sample: Sequence[Sequence[str]], place: int) -> bool:
    """Whether a column called status tells of subscriptions; else it is the company's own: gold, silver."""
    return any(place < len(row) and read_status(row[place]) for row in sample)


def _holds_only_states(sample: Sequence[Sequence[str]], place: int) -> bool:
    cells = [row[place] for row in sample if place < len(row) and row[place].strip()]
    return bool(cells) and all(read_status(cell) for cell in cells)


def _any_cell(sample: Sequence[Sequence[str]], place: int) -> bool:
    return any(place < len(row) and row[place].strip() for row in sample)


def _attribute(heading: str, used: set[str], *, plain: bool = False) -> str:
    """The meaning of an attribute's column. `plain`: it had a dot in front, and is no field whatever it says."""
    if heading in _OURS:
        return ""
    if plain and f".{heading}" not in used and attribute_name(heading) == heading:
        used.add(f".{heading}")
        return f".{heading}"
    base = attribute_name(heading)
    base = f"{base}_" if base in _KEYWORDS else base
    name, number = base, 2
    while name in _TAKEN or f".{name}" in used:
        name, number = f"{base}_{number}", number + 1
    used.add(f".{name}")
    return f".{name}"


def _listed(headings: Sequence[str]) -> str:
    shown = ", ".join(heading or "(empty)" for heading in headings[:30])
    return shown + (f" and {len(headings) - 30} more" if len(headings) > 30 else "")
