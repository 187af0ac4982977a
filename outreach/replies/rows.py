"""One row of a file of calls, letters, mentions, forms and posts becomes what was told, or a fault with its reason.

Law: headings are known in four languages and by the names that networks' exports use; what a row does not say stays
empty. A day that could be two days is refused, never guessed. Two rows that say the same are told apart by counting.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any

from ..contacts import is_withheld, network_of_link, read_network, read_phone, split_handle
from ..errors import InputError, UsageError
from ..records import Channel

LONGEST_TEXT, LONGEST = 200_000, 2_000
_SYNONYMS: dict[str, str] = {
    "channel": "channel, source, kanal, type, via, medium, canal",
    "at": "at, date, time, datetime, timestamp, created, created_at, received, received_at, datum, zeitpunkt,"
    " eingang, published, published_at, posted_at, date_heure, fecha, hora",
    "from": "from, email, e-mail, mail, sender, address, author_email, e-mail-adresse, absender, from_email, courriel,"
    " correo, customer_mail, reply_to",
    "name": "name, author, from_name, customer_name, author_name, sender_name, full_name, user_name,"
    " account_display_name, kundenname, nom, nombre, anrufer, caller_name",
    "customer": "customer, customer_email, kunde, client, cliente",
    "handle": "handle, user, username, screen_name, account, user_screen_name, account_acct, author_username,"
    " author_handle, author_screen_name, author_id, profile, benutzer, nutzername",
    "network": "network, platform, netzwerk, plattform, site, reseau, red",
    "phone": "phone, telephone, number, caller, telefon, telefonnummer, caller_id, phone_number, tel, rufnummer,"
    " mobile, telefono, numero",
    "subject": "subject, title, betreff, titel, objet, asunto, topic_title",
    "text": "text, message, body, content, comment, note, nachricht, mitteilung, full_text, post, tweet, complaint,"
    " beschwerde, kommentar, inhalt, mensaje, texte, commentaire, comentario, review, feedback",
    "link": "link, url, permalink, tweet_url, post_url, uri, adresse_web, enlace",
    "reach": "reach, followers, views, user_followers_count, account_followers_count, followers_count, impressions,"
    " reichweite, author_followers, portee, alcance",
    "repost_of": "repost_of, retweet_of, retweeted_status_user_screen_name, reblog_account_acct, shared_from,"
    " retweeted_user, reposted_from",
    "id": "id, message_id, external_id, ticket, id_str, tweet_id, post_id, ticket_id, vorgang",
}
FIELDS = tuple(_SYNONYMS)
"""What a column may be mapped to, beside `-` for nothing."""


def _plain(heading: str) -> str:
    kept = unicodedata.normalize("NFKD", heading.replace("ß", "ss")).casefold()
    return re.sub(r"[\W_]+", "_", "".join(sign for sign in kept if not unicodedata.combining(sign))).strip("_")


_BY_NAME = {_plain(name): field for field, names in _SYNONYMS.items() for name in names.split(",")}
_CHANNELS = {
    Channel.EMAIL: "email, e-mail, mail, courriel, correo",
    Channel.PHONE: "phone, call, telephone, telefon, anruf, hotline, appel, llamada, voicemail, anrufbeantworter, sms",
    Channel.LETTER: "letter, brief, fax, lettre, carta, postcard, postkarte",
    Channel.MENTION: "mention, tweet, social, toot, review, social_media, erwahnung, bewertung, mencion, dm",
    Channel.FORM: "form, formular, contact_form, kontaktformular, website, web, web_form, webform, chat, survey,"
    " umfrage, formulaire, formulario, in_person, shop, counter",
    Channel.FORUM: "forum, board, community, foro",
}
_CHANNEL_BY_WORD = {_plain(word): channel for channel, words in _CHANNELS.items() for word in words.split(",")}
_SCALED = re.compile(r"([0-9]+(?:[.,][0-9]+)?)\s*([kmt]|tsd\.?|mio\.?|mrd\.?)?", re.IGNORECASE)
_SCALES = {"": 1, "k": 1_000, "t": 1_000, "tsd": 1_000, "m": 1_000_000, "mio": 1_000_000, "mrd": 1_000_000_000}
_DAY = re.compile(r"([0-9]{1,2})([./-])([0-9]{1,2})\2([0-9]{4})(?:,?[ T]+(.*))?")
_TIME = re.compile(r"([0-9]{1,2})[:.h]([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?\s*(am|pm|uhr)?", re.IGNORECASE)
_TWITTER = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([0-9]{1,2}) ([0-9:]{8}) ([+-][0-9]{4}) ([0-9]{4})")
_LATER = timedelta(minutes=5)


class RowFault(Exception):
    """Why a row is refused, in words for a person. Caught by whoever reads the rows."""


@dataclass(frozen=True)
class Told:
    """What one row tells. `at` None: it gives no time. `phone` and `handle` as they are compared."""

    channel: Channel
    text: str
    at: datetime | None = None
    sender: str = ""
    name: str = ""
    customer: str = ""
    network: str = ""
    handle: str = ""
    phone: str = ""
    subject: str = ""
    link: str = ""
    reach: int = 0
    repost_of: str = ""
    id: str = ""

    def identity(self, file: str, number: int = 0) -> bytes:
        """What makes it the same message when a file is read again: its own id, else all that it says.

        `number` counts rows of one file that say just the same: two callers may do so. Where a row gives no time, the
        same words in a `file` of another name are another message.
        """
        if self.id:
            known = ["id", self.channel.value, self.network, self.id]
        else:
            values = [getattr(self, one.name) for one in fields(self) if one.name not in ("reach", "id")]
            known = ["row", *(str(value) for value in values), str(number), "" if self.at is not None else file]
        return hashlib.sha256(json.dumps(known, ensure_ascii=False).encode("utf-8", "replace")).digest()


def read_columns(headings: Sequence[str], mapping: Mapping[str, str], *, file: str) -> list[str]:
    """The field that each column holds, or its own name for one that is not known.

    Raises InputError where none holds the text, UsageError where `mapping` names no heading or no field.
    """
    wanted = check_mapping(mapping)
    known = {_plain(heading) for heading in headings}
    if missing := next((heading for heading in mapping if _plain(heading) not in known), None):
        listed = ", ".join(heading or "(empty)" for heading in headings[:30])
        raise UsageError(f"--map {missing}: the file has no column {missing!r}", remedy=f"Its headings are: {listed}.")
    found: list[str] = []
    for heading in headings:
        name = _plain(heading)
        field = wanted.get(name) or ("" if _BY_NAME.get(name, "") in wanted.values() else _BY_NAME.get(name, ""))
        found.append(field if field and (field == "-" or field not in found) else f".{name}")
    if "text" not in found and "subject" not in found:
        listed = ", ".join(heading or "(empty)" for heading in headings[:30])
        raise InputError(
            f"no column holds the text; the headings are: {listed}",
            file=file,
            line=1,
            remedy='Say which one does: --map "HEADING=text". Others: ' + ", ".join(FIELDS) + ".",
        )
    return found


def check_mapping(mapping: Mapping[str, str]) -> dict[str, str]:
    """Field by plain heading. Raises UsageError for a field that there is not."""
    for heading, field in mapping.items():
        if field.strip() not in (*FIELDS, "-"):
            raise UsageError(
                f"--map {heading}={field}: there is no {field}", remedy=f"There are {', '.join(FIELDS)}, -."
            )
    return {_plain(heading): field.strip() for heading, field in mapping.items()}


def name_values(values: Mapping[str, Any], wanted: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The values of a JSON object by field, and what else stands in it.

    Objects inside are looked into: user.screen_name is user_screen_name.
    """
    named: dict[str, str] = {}
    more: dict[str, str] = {}
    for path, value in _flat(values, "", 3):
        field = wanted.get(path) or _BY_NAME.get(path, "")
        if field and field != "-" and (field not in named or path in wanted):
            named[field] = value
        elif field != "-":
            more[path] = whole(value)
    return named, more


def _flat(values: Mapping[str, Any], before: str, depth: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        path = _plain(f"{before}_{name}" if before else str(name))
        if isinstance(value, dict) and depth > 1:
            found += _flat(value, path, depth - 1)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            found.append((path, str(value)))
    return found


def is_text_heading(heading: str) -> bool:
    """Whether a heading surely names the column of the text: by it the delimiter is found."""
    return _BY_NAME.get(_plain(heading)) in ("text", "subject")


def read_row(row: Mapping[str, str], *, now: datetime, zone: tzinfo, channel: Channel | None = None) -> Told:
    """What a row tells. `zone`: of times without an offset; `channel`: of rows that name none.

    Raises RowFault with the reason to refuse it.
    """
    said = {name: whole(value).strip() for name, value in row.items()}
    text, subject = said.get("text", "")[:LONGEST_TEXT], said.get("subject", "")[:LONGEST]
    if not text and not subject:
        raise RowFault("there is no text")
    which, of_channel = _channel(said, channel)
    at = read_moment(said["at"], zone) if said.get("at") else None
    if at is not None and at > now + _LATER:
        raise RowFault(f"{said['at']} lies in the future")
    link = said.get("link", "")[:LONGEST]
    network = read_network(said.get("network", "")) or of_channel
    at_home, handle = split_handle(said.get("handle", ""), network, link)
    network = at_home or network
    _, original = split_handle(said.get("repost_of", ""), network)
    return Told(
        channel=which,
        text=text or subject,
        at=at,
        sender=said.get("from", "")[:320],
        name=said.get("name", "")[:200],
        customer=said.get("customer", "")[:320],
        network=network or (network_of_link(link) if which is Channel.MENTION else ""),
        handle=handle,
        phone=_phone(said.get("phone", "")),
        subject=subject if text else "",
        link=link,
        reach=read_reach(said.get("reach", "")),
        repost_of=original,
        id=said.get("id", "")[:LONGEST],
    )


def _channel(said: Mapping[str, str], otherwise: Channel | None) -> tuple[Channel, str]:
    """By which way it came, and the network where the row names that instead."""
    word = said.get("channel", "")
    if not word:
        if otherwise is not None:
            return otherwise, ""
        by = "mention" if said.get("handle") else "phone" if said.get("phone") else "form"
        return Channel(by), ""
    if found := _CHANNEL_BY_WORD.get(_plain(word)):
        return found, ""
    network = read_network(word)
    if network in _NETWORKS:
        return Channel.FORUM if network == "reddit" else Channel.MENTION, network
    raise RowFault(f"{word[:40]!r} is no channel; there are {', '.join(Channel)}")


_NETWORKS = frozenset(
    "x mastodon bluesky threads facebook instagram linkedin youtube tiktok reddit pinterest xing trustpilot".split()
)


def _phone(cell: str) -> str:
    if not cell or is_withheld(cell):
        return ""
    number = read_phone(cell)
    if number is None:
        raise RowFault(f"{cell[:40]!r} is no phone number")
    return number


def read_reach(cell: str) -> int:
    """How many people, from 1200, 1,200, 1.200, 1.2K or 3 Mio. Raises RowFault for anything else."""
    plain = "".join(cell.split())
    if not plain:
        return 0
    whole = re.sub(r"[.,'’](?=[0-9]{3}(?:[^0-9]|$))", "", plain)
    found = _SCALED.fullmatch(whole)
    if not found:
        raise RowFault(f"reach: {cell[:40]!r} is no number")
    scale = _SCALES[(found[2] or "").lower().rstrip(".")]
    reach = int(float(found[1].replace(",", ".")) * scale) if len(found[1]) < 15 else 10**12
    return min(reach, 2_000_000_000)


def read_moment(cell: str, zone: tzinfo) -> datetime:
    """An instant: ISO 8601, a mail's or a tweet's date, 31.12.2025 14:30, or seconds since 1970.

    Without an offset it is `zone`'s. Raises RowFault for anything else, and where day and month cannot be told apart.
    """
    text = " ".join(cell.split())
    try:
        if re.fullmatch(r"[0-9]{9,10}(?:\.[0-9]+)?|[0-9]{13}", text):
            return datetime.fromtimestamp(float(text) / (1000 if len(text) == 13 else 1), UTC)
        if found := _TWITTER.fullmatch(text):
            text = "{1} {0} {4} {2} {3}".format(*found.groups())
        return _placed(_read_day(text) or _read_iso(text) or parsedate_to_datetime(text), zone)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        raise RowFault(f"{cell[:40]!r} is no date and time: write it like 2026-12-01 14:30") from None


def _placed(when: datetime, zone: tzinfo) -> datetime:
    return (when.replace(tzinfo=zone) if when.tzinfo is None else when).astimezone(UTC)


def _read_iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.replace("UTC", "+00:00").replace(" +", "+"))
    except ValueError:
        return None


def _read_day(text: str) -> datetime | None:
    """31.12.2025 and 31/12/2025; where both numbers could be a month, only the form with points says which."""
    found = _DAY.fullmatch(text)
    if not found:
        return None
    first, second = int(found[1]), int(found[3])
    if found[2] != "." and first <= 12 and second <= 12 and first != second:
        raise RowFault(f"{text[:40]!r} may be two days: write {found[4]}-MM-DD")
    day, month = (second, first) if found[2] != "." and second > 12 else (first, second)
    hour = minute = seconds = 0
    if found[5]:
        time = _TIME.fullmatch(found[5].strip())
        if not time:
            raise ValueError
        hour, minute, seconds = int(time[1]), int(time[2]), int(time[3] or 0)
        half = (time[4] or "").lower()
        hour = hour % 12 + (12 if half == "pm" else 0) if half in ("am", "pm") else hour
    return datetime(int(found[4]), month, day, hour, minute, seconds)


def whole(text: str) -> str:
    """`text` without what no file or database can hold: halves of characters, and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
