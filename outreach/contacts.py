"""Handles and phone numbers as they are compared, and the network that a handle belongs to.

Law: pure; what is no number is None, never a guess. Numbers are digits with a plus sign where the country is known
(ITU-T E.164); two ways of writing one number share their last eight digits. A handle of no known network fits any.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

PHONE_END = 8
"""Digits that two ways of writing a number share: without the country's code and the trunk zero."""
LONGEST = 200
_SYNONYMS = {
    "x": "x, twitter, tweet, tw",
    "mastodon": "mastodon, fediverse, fedi, pixelfed, toot",
    "bluesky": "bluesky, bsky, bluesky social",
    "threads": "threads",
    "facebook": "facebook, fb, facebook page, messenger",
    "instagram": "instagram, insta, ig",
    "linkedin": "linkedin, linked in",
    "youtube": "youtube, yt",
    "tiktok": "tiktok, tik tok",
    "reddit": "reddit",
    "pinterest": "pinterest",
    "xing": "xing",
    "telegram": "telegram",
    "whatsapp": "whatsapp",
    "trustpilot": "trustpilot",
}
_NETWORKS = {word.strip(): name for name, words in _SYNONYMS.items() for word in words.split(",")}
_HOSTS = {
    "twitter.com": "x",
    "x.com": "x",
    "bsky.app": "bluesky",
    "threads.net": "threads",
    "threads.com": "threads",
    "facebook.com": "facebook",
    "fb.com": "facebook",
    "instagram.com": "instagram",
    "linkedin.com": "linkedin",
    "youtube.com": "youtube",
    "youtu.be": "youtube",
    "tiktok.com": "tiktok",
    "reddit.com": "reddit",
    "pinterest.com": "pinterest",
    "xing.com": "xing",
    "t.me": "telegram",
    "trustpilot.com": "trustpilot",
}
_EXTENSION = re.compile(r"[\s,;(]*(?:ext(?:ension|n)?|x|dw|durchwahl|app|poste|int)\.?\s*[0-9]{1,6}\)?$", re.IGNORECASE)
_SEPARATORS = re.compile("[\\s()./\u2010-\u2015\u2212-]+")
_WITHHELD = frozenset(
    "anonymous anonym anonyme anonimo withheld private privé privado unknown unbekannt inconnu desconocido restricted"
    " unterdrückt masqué oculto blocked none - ? n/a na".split()
)
_ADDRESSES = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")


def read_phone(cell: str) -> str | None:
    """Digits with a plus sign where the country is given; 00 in front means plus. None for what is no number.

    An extension behind it is left away: people call from the number, and are called at it. Raw numbers of a
    spreadsheet in scientific notation (4.9E+11) have lost their digits and are None.
    """
    plain = unicodedata.normalize("NFKC", cell[:100]).strip().removeprefix("tel:").partition(";")[0]
    kept = re.sub(r"^(\+|00)(.*?)\(0\)", r"\1\2", _EXTENSION.sub("", plain))
    kept = _SEPARATORS.sub("", kept)
    kept = "+" + kept[2:] if kept.startswith("00") else kept
    digits = kept.removeprefix("+")
    return kept if digits.isascii() and digits.isdigit() and 5 <= len(digits) <= 17 else None


def is_withheld(cell: str) -> bool:
    """Whether a cell for a number only says that there is none to see."""
    return cell.strip().casefold() in _WITHHELD


def phone_end(number: str) -> str:
    """The last digits, by which numbers are looked up; nothing for one that is too short to tell people apart."""
    digits = number.removeprefix("+")
    return digits[-PHONE_END:] if len(digits.lstrip("0")) >= PHONE_END else ""


def same_number(one: str, other: str) -> bool:
    """Whether two numbers are one, written with or without the country's code: 0170 1234567 is +49 170 1234567."""
    if one.startswith("+") and other.startswith("+"):
        return one == other
    one, other = one.lstrip("+0"), other.lstrip("+0")
    return one == other or (min(len(one), len(other)) >= PHONE_END and (one.endswith(other) or other.endswith(one)))


def holds_number(text: str, number: str) -> bool:
    """Whether a text holds this phone number, with whatever blanks, dashes and brackets it is written.

    Another number that only ends alike is another: 00 65 7946 0018 is not +44 20 7946 0018.
    """
    end = number.lstrip("+0")[-PHONE_END:]
    if not end:
        return False
    for found in re.finditer(f"{_WITHIN}{{0,3}}".join(end) + "(?![0-9])", text):
        before = _BEFORE.search(text, max(0, found.start() - 40), found.start())
        start = before.start() if before is not None else found.start()
        whole = text[start : found.end()]
        begins = {0, *(one.start() for one in _BEGIN.finditer(whole))}
        spelt = (read_phone(whole[one:]) for one in begins)
        if any(one is not None and same_number(one, number) for one in spelt):
            return True
    return False


_WITHIN = "[ \u00a0\u202f()./\u2010-\u2015\u2212-]"
_BEFORE = re.compile(f"(?:[+0-9]|{_WITHIN}){{1,40}}\\Z")
_BEGIN = re.compile("(?<![0-9])(?:[+]|0)(?=[0-9])")
"""Where in a row of figures a number of its own may begin: 12345 020 7946 0018."""


def read_handle(cell: str) -> str:
    """A social handle as it is compared: small letters, no @ in front."""
    plain = "".join(sign if sign.isprintable() else " " for sign in cell[:LONGEST])
    return " ".join(plain.split()).removeprefix("@").lower()


def read_network(cell: str) -> str:
    """The network by the name that people give it (Twitter is x); one that is not known keeps its own, in short."""
    word = " ".join(cell.casefold().replace("_", " ").replace("-", " ").split())
    return _NETWORKS.get(word) or re.sub(r"\W+", "-", word).strip("-")[:30]


def network_of_link(link: str) -> str:
    """The network that a link leads to, or nothing. /@name on a host that is not known is the Fediverse's form."""
    host, path = _host_and_path(link)
    for known, name in _HOSTS.items():
        if host == known or host.endswith("." + known):
            return name
    return "mastodon" if host and re.match(r"/@[\w.]+", path) else ""


def split_handle(cell: str, network: str = "", link: str = "") -> tuple[str, str]:
    """(network, handle) of what a person or a file gives: @ann, x:ann, @ann@fosstodon.org, a profile's address.

    `network`: what is known of it besides; `link`: the post, which may tell the network and the Fediverse's host.
    """
    text, network = cell.strip(), read_network(network)
    if text.lower().startswith(("http://", "https://")):
        host, path = _host_and_path(text)
        parts = [
            part for part in path.split("/") if part and part not in ("in", "u", "user", "profile", "c", "channel")
        ]
        network, link = network_of_link(text), link or text
        text = parts[0] if parts else ""
    elif ":" in text:
        name, _, rest = text.partition(":")
        if read_network(name) and rest.strip():
            network, text = read_network(name), rest
    elif text.lower().lstrip("/").startswith("u/"):
        network, text = network or "reddit", text.lstrip("/")[2:]
    handle = read_handle(text)
    network = network or ("mastodon" if "@" in handle else "") or network_of_link(link)
    if network == "bluesky":
        handle = handle.removesuffix(".bsky.social")
    elif not network and handle.endswith(".bsky.social"):
        network, handle = "bluesky", handle.removesuffix(".bsky.social")
    elif network == "mastodon" and handle and "@" not in handle:
        host, path = _host_and_path(link)
        handle = f"{handle}@{host}" if path.lower().startswith(f"/@{handle}") else handle
    return (network if handle else ""), handle


def split_handles(cell: str, network: str = "") -> list[tuple[str, str]]:
    """Every (network, handle) in a cell that may hold several, with commas, semicolons or line ends between."""
    found = [split_handle(part, network) for part in re.split(r"[,;|\n]+", cell) if part.strip()]
    return list(dict.fromkeys(one for one in found if one[1]))


def split_phones(cell: str) -> list[str]:
    """Every phone number in a cell that may hold several; what is none is left out."""
    found = [read_phone(part) for part in re.split(r"[,;|\n]+| / |:::", cell) if part.strip()]
    return list(dict.fromkeys(one for one in found if one))


def addresses_in(text: str, most: int = 5) -> list[str]:
    """What looks like an e-mail address in a text: people name their account in a mention or on the phone."""
    return list(dict.fromkeys(found.strip(".") for found in _ADDRESSES.findall(text[:20_000])))[:most]


def author_key(sender: str, handle: str, phone: str, repost_of: str = "") -> str:
    """Whose words a message holds, the same next time: what was passed on is its first author's."""
    name = repost_of or handle
    return f"@{name.lower()}" if repost_of or (name and not sender) else sender.lower() or phone


def shown_handle(network: str, handle: str) -> str:
    """A handle for a person to read: @ann (x)."""
    if not handle:
        return ""
    return f"@{handle}" + (f" ({network})" if network else "")


def _host_and_path(link: str) -> tuple[str, str]:
    try:
        parts = urlsplit(link.strip())
        return (parts.hostname or "").removeprefix("www.").removeprefix("mobile.").removeprefix("m."), parts.path
    except ValueError:
        return "", ""
