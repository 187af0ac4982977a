"""An e-mail address, its key, and the signed tokens carried in one.

Law: a token proves only that we made it; it names a delivery by its random public id and nothing else.
A local part never exceeds 64 octets (RFC 5321 4.5.3.1.1); base32 survives servers that fold case.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Literal, get_args

from .errors import InputError, SettingsError

Purpose = Literal["reply", "bounce", "unsubscribe", "view", "fixed", "confirm", "click"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
ID_LENGTH = 26
MAC_LENGTH = 10
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_FIVE_BITS = _ALPHABET.encode() * 8
_TEN_BITS = [first + second for first in _ALPHABET for second in _ALPHABET]


@dataclass(frozen=True)
class KeyRing:
    """The workspace's keys by number; `current` signs, all verify. The address key never changes."""

    address: bytes
    signing: dict[int, bytes] = field(repr=False)
    current: int

    def __repr__(self) -> str:
        return f"KeyRing({len(self.signing)} keys)"


def new_key_ring() -> KeyRing:
    """A fresh ring with one signing key."""
    return KeyRing(address=secrets.token_bytes(32), signing={1: secrets.token_bytes(32)}, current=1)


def write_key_ring(path: Path, ring: KeyRing) -> None:
    """Write `ring` to a new file that only its owner may read. Raises SettingsError if it exists."""
    value = {
        "address": base64.b64encode(ring.address).decode(),
        "signing": {str(number): base64.b64encode(key).decode() for number, key in ring.signing.items()},
        "current": ring.current,
    }
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SettingsError(f"{path} exists already and is not overwritten") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)


def read_key_ring(path: Path) -> KeyRing:
    """The ring kept at `path`. Raises SettingsError when it is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return KeyRing(
            address=base64.b64decode(value["address"]),
            signing={int(number): base64.b64decode(key) for number, key in value["signing"].items()},
            current=int(value["current"]),
        )
    except FileNotFoundError:
        raise SettingsError(
            f"the key file {path} is missing",
            remedy="Restore it from a backup: without it no reply can be matched.",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise SettingsError(
            f"the key file {path} cannot be read: {wrong}", remedy="Restore it from a backup."
        ) from wrong


def new_public_id() -> str:
    """130 random bits as 26 lower-case base32 characters: five bits of each random octet."""
    return secrets.token_bytes(ID_LENGTH).translate(_FIVE_BITS).decode("ascii")


def canonical_address(text: str) -> str:
    """`text` as a plain address: display name and spaces dropped, domain lower-case and in ASCII (IDNA).

    The local part keeps its case for sending. Raises InputError saying what is wrong (RFC 5321 4.1.2).
    """
    if quick := _QUICK.fullmatch(text):
        local, domain = quick.groups()
        if len(local) <= 64 and len(domain) <= 253 and not domain[-1].isdigit():
            return f"{local}@{domain.lower()}"
    plain = text.strip()
    if _BREAKS.intersection(plain):
        raise InputError(f"{plain!r} is no e-mail address: it has a line break or another control character")
    if "<" in plain:
        plain = parseaddr(plain)[1]
    local, at, domain = plain.rpartition("@")
    if _is_plain(local, domain):
        return f"{local}@{domain.lower()}"
    if not at:
        raise InputError(f"{text.strip()!r} is no e-mail address: it has no @")
    from email_validator import EmailNotValidError, validate_email  # lazy: 75 µs a call, 60 ms to import

    try:
        checked = validate_email(plain, check_deliverability=False, test_environment=True)
    except EmailNotValidError as wrong:
        raise InputError(f"{text.strip()!r} is no e-mail address: {wrong}") from None
    return f"{checked.local_part}@{(checked.ascii_domain or checked.domain).lower()}"


_QUICK = re.compile(
    r"([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+)",
    re.ASCII | re.IGNORECASE,
)
"""Nearly every address, without a doubt; what is longer or stranger is looked at closely."""
_BREAKS = frozenset({*map(chr, range(32)), "\x7f", "\x85", "\u2028", "\u2029"} - {"\t"})
_ATOM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~.-")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")


def _is_plain(local: str, domain: str) -> bool:
    return bool(
        local
        and "." in domain
        and len(local) <= 64
        and len(domain) <= 253
        and _ATOM.issuperset(local)
        and _NAME.issuperset(domain)
        and ".." not in local
        and local[0] != "."
        and local[-1] != "."
        and all(part and len(part) <= 63 and part[0] != "-" and part[-1] != "-" for part in domain.split("."))
        and not domain.rpartition(".")[2].isdigit()
    )


def address_key(ring: KeyRing, canonical: str) -> str:
    """The key of an address: an HMAC, so that it may outlive the address. Case is folded throughout."""
    return hmac.new(ring.address, canonical.lower().encode(), hashlib.sha256).hexdigest()[:40]


def mailbox_of(canonical: str) -> str:
    """The mailbox that an address most likely leads to, in small letters: what follows a plus sign (RFC 5233) only
    sorts the mail there, and Gmail passes over dots.
    """
    local, _, domain = canonical.lower().rpartition("@")
    plain = local.partition("+")[0] or local
    return f"{plain.replace('.', '') if domain in _DOTLESS else plain}@{domain}"


_DOTLESS = frozenset({"gmail.com", "googlemail.com"})


class KeyMaker:
    """Makes the keys of many addresses: what `address_key` gives, from digests begun once (RFC 2104 2)."""

    def __init__(self, ring: KeyRing) -> None:
        key = ring.address
        block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in block))
        self._inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in block))

    def key(self, canonical: str) -> str:
        """The key of one address."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(canonical.lower().encode())
        outer.update(inner.digest())
        return outer.hexdigest()[:40]

    def keys(self, canonical: Sequence[str]) -> list[str]:
        """The keys of many addresses, none of which holds a line break."""
        inside, outside, made = self._inner.copy, self._outer.copy, []
        for text in "\n".join(canonical).lower().encode().split(b"\n") if canonical else ():
            inner, outer = inside(), outside()
            inner.update(text)
            outer.update(inner.digest())
            made.append(outer.hexdigest()[:40])
        return made


def domain_key(ring: KeyRing, address: str) -> str:
    """The key of an address's domain, for limits and storms that must outlive the address."""
    domain = address.rpartition("@")[2].lower()
    return hmac.new(ring.address, b"domain:" + domain.encode(), hashlib.sha256).hexdigest()[:16]


def sign_token(ring: KeyRing, purpose: Purpose, public_id: str) -> str:
    """`public_id` with its key's number in front and a keyed digest behind, all lower-case base32."""
    return f"{ring.current}{public_id}{_mac(ring.signing[ring.current], purpose, public_id)}"


class TokenMaker:
    """Makes the tokens of one signing key, many a second: what `sign_token` gives, from digests begun once.

    The two digests of an HMAC (RFC 2104 2) are begun by hand: to copy `hmac`'s own object takes twice as long.
    """

    def __init__(self, number: int, key: bytes) -> None:
        self._number = str(number)
        block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in block))
        inner = bytes(octet ^ 0x36 for octet in block)
        self._begun = {purpose: hashlib.sha256(inner + f"{purpose}:".encode()) for purpose in PURPOSES}

    def make(self, purpose: Purpose, public_id: str) -> str:
        """The token of `public_id` for this purpose."""
        inner, outer = self._begun[purpose].copy(), self._outer.copy()
        inner.update(public_id.encode())
        outer.update(inner.digest())
        return f"{self._number}{public_id}{_short(outer.digest())}"


_BLOCK = 64
"""Octets in a block of SHA-256."""


def read_token(ring: KeyRing, purpose: Purpose, token: str) -> str | None:
    """The public id in a token that we made for this purpose, else None. Case does not matter."""
    token = token.strip().lower()
    number, body = token[: -(ID_LENGTH + MAC_LENGTH)], token[-(ID_LENGTH + MAC_LENGTH) :]
    if len(body) != ID_LENGTH + MAC_LENGTH or not (number.isascii() and number.isdigit() and len(number) < 5):
        return None
    key = ring.signing.get(int(number))
    public_id, mac = body[:ID_LENGTH], body[ID_LENGTH:]
    if key is None or not hmac.compare_digest(_mac(key, purpose, public_id).encode(), mac.encode()):
        return None
    return public_id


def tagged_address(address: str, tag: str) -> str:
    """`address` with `tag` behind a plus sign (RFC 5233)."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{tag}@{domain}"


def address_tag(address: str) -> str:
    """What stands behind the last plus sign of the local part, or nothing."""
    return address.rpartition("@")[0].partition("+")[2]


def message_id(public_id: str, domain: str) -> str:
    """The Message-ID of a delivery, equal in every attempt (RELIABILITY I6), with its angle brackets."""
    return f"<{public_id}.o@{domain}>"


def read_message_id(text: str) -> str | None:
    """The delivery's public id inside one of our Message-IDs, else None."""
    local, _, _ = text.strip().strip("<>").partition("@")
    public_id, dot, mark = local.lower().partition(".")
    return public_id if dot and mark == "o" and len(public_id) == ID_LENGTH and public_id.isalnum() else None


def _mac(key: bytes, purpose: str, public_id: str) -> str:
    return _short(hmac.new(key, f"{purpose}:{public_id}".encode(), hashlib.sha256).digest())


def _short(digest: bytes) -> str:
    """The first 50 bits in base32, by a table of ten bits: `base64.b32encode` takes three times as long."""
    bits = int.from_bytes(digest[:7]) >> 6
    pairs = _TEN_BITS
    return (
        pairs[bits >> 40]
        + pairs[bits >> 30 & 1023]
        + pairs[bits >> 20 & 1023]
        + pairs[bits >> 10 & 1023]
        + pairs[bits & 1023]
    )
