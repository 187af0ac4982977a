"""Signing mail: DKIM (RFC 6376) with rsa-sha256 and ed25519-sha256 (RFC 8301, RFC 8463), several keys at once.

Law: the signature is over the very octets that go out; headers are listed by name, so that both unsubscribe headers
are covered (RFC 8058, 4), and those that readers trust are listed once more than they occur, so that nobody can add
a second one (RFC 6376, 8.15). No `l=`. It is on the way of every mail: one body hash, no parsing of the body.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from operator import itemgetter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from .dkim_keys import PrivateKey, load_private

crypto_sign: Callable[[bytes, bytes], bytes] | None = None
with suppress(ImportError):  # the extra `sodium`
    from nacl.bindings import crypto_sign

SEALED = (b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id")
"""Listed once more than they occur, also where they do not occur at all."""
SEALED_WHERE_PRESENT = (b"list-unsubscribe", b"list-unsubscribe-post", b"content-type", b"mime-version")
COVERED = (
    *(b"content-transfer-encoding", b"in-reply-to", b"references", b"list-id", b"feedback-id"),
    *(b"auto-submitted", b"precedence"),
)
"""Signed where they occur. Others are left alone: a relay on the way may add them."""
WIDTH = 76
SHAPES = 64
ED25519_OCTETS = 64
_SPACES = re.compile(rb"[ \t]+")
_PADDING, _HASH = PKCS1v15(), Prehashed(SHA256())


@dataclass(frozen=True, slots=True)
class DkimKey:
    """What one signature is made with; plain values, to be handed to another process. `pem` is a private key."""

    selector: str
    domain: str
    pem: bytes = field(repr=False)


class Signer:
    """Signs with every key that it has. Safe to share between threads, and can be pickled."""

    def __init__(self, keys: Sequence[DkimKey], *, valid_days: int = 0) -> None:
        self.keys, self.valid_days = tuple(keys), valid_days
        self._private = [load_private(key.pem, f"the key of selector {key.selector}") for key in keys]
        self._sign = [quick_signature(private) for private in self._private]
        self._shapes: dict[tuple[bytes, ...], _Shape] = {}
        self._last: _Shape | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return _signer, (self.keys, self.valid_days)

    def sign(self, head: bytes, body: bytes, now: datetime) -> bytes:
        """The fields to put before `head`, one for each key; empty without keys.

        `head` is the header block, with or without the empty line that ends it; `body` all that follows that line.
        """
        if not self._private:
            return b""
        shape, signed = self._canonical(head)
        second = int(now.timestamp())
        if shape.second != second:
            shape = self._dated(shape, second)
        digest = b2a_base64(body_hash(body), newline=False)
        made = []
        for field_, line, sign in zip(shape.fields, shape.lines, self._sign, strict=True):
            signature = sign(sha256(b"%b%b%b; b=" % (signed, line, digest)).digest())
            made.append(b"%b%b;\r\n b=%b\r\n" % (field_, digest, _folded(b2a_base64(signature, newline=False))))
        return b"".join(made)

    def _canonical(self, head: bytes) -> tuple[_Shape, bytes]:
        """The shape of a header block, and its signed fields in relaxed form."""
        shape = self._last
        signed = shape.canonical(head) if shape is not None else None
        if shape is None or signed is None:
            names, lines = header_lines(head)
            shape = self._last = self._shapes.get(names) or self._shape(names, head)
            signed = b"".join([lines[at] for at in shape.places])
        return shape, signed

    def _shape(self, names: tuple[bytes, ...], head: bytes) -> _Shape:
        listed, places = chosen_fields(names)
        begun = []
        for key, private in zip(self.keys, self._private, strict=True):
            algorithm = "rsa" if isinstance(private, RSAPrivateKey) else "ed25519"
            begun.append(_begun(key, algorithm, [name.decode() for name in listed]).encode())
        if len(self._shapes) >= SHAPES:
            self._shapes.clear()
        spelled = [line.partition(b":")[0] for line in _unfolded(head)]
        made = self._shapes[names] = _Shape(names, places, tuple(begun), spelled)
        return made

    def _dated(self, shape: _Shape, second: int) -> _Shape:
        """The same shape for mails of another second."""
        until = f" x={second + self.valid_days * 86_400};" if self.valid_days else ""
        dated = copy(shape)
        dated.date(second, f"t={second};{until}".encode())
        if self._shapes.get(shape.names) is shape:
            self._shapes[shape.names] = dated
        self._last = dated
        return dated


class _Shape:
    """What header blocks with the same names in the same order share: worked out once, dated once a second.

    `places` are the lines that are signed, in order; `fields` the signature fields up to the body's hash, and `lines`
    the same in relaxed form. `canonical` knows the block as we write it, by one pattern, and leaves all others alone.
    """

    def __init__(
        self, names: tuple[bytes, ...], places: tuple[int, ...], begun: tuple[bytes, ...], spelled: Sequence[bytes]
    ) -> None:
        self.names, self.places = names, places
        self.second: int | None = None
        self.fields = self.lines = begun
        self._begun = begun
        chosen = frozenset(places)
        self._pattern = re.compile(
            b"".join(
                [
                    re.escape(name) + (b": ([^\r]+)(?<! )\r\n" if at in chosen else b": [^\r]+\r\n")
                    for at, name in enumerate(spelled)
                ]
            )
            + rb"(?:\r\n)*"
        )
        order = sorted(places)
        self._take = itemgetter(*(order.index(place) for place in places)) if len(places) > 1 else None
        self._form = b"".join([b"%b:%%b\r\n" % names[place] for place in places])

    def date(self, second: int, tags: bytes) -> None:
        """Write these tags, which hold for one second, into every field."""
        self.second = second
        self.fields = tuple([field + tags + b"\r\n bh=" for field in self._begun])
        self.lines = tuple([_relaxed(field) for field in self.fields])

    def canonical(self, head: bytes) -> bytes | None:
        """The signed fields in relaxed form; None where this block must be taken apart with more care."""
        text = head.replace(b"\r\n ", b" ")
        if self._take is None or b"  " in text or b"\t" in text:
            return None
        found = self._pattern.fullmatch(text)
        return self._form % self._take(found.groups()) if found is not None else None


def _signer(keys: Sequence[DkimKey], valid_days: int) -> Signer:
    return Signer(keys, valid_days=valid_days)


def header_lines(head: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """The names of the fields, in order, and each field in relaxed form with its CRLF (RFC 6376, 3.4.2)."""
    names, lines = [], []
    for line in _unfolded(head):
        name, _, value = line.partition(b":")
        name = name.rstrip(b" ").lower()
        names.append(name)
        lines.append(b"%b:%b\r\n" % (name, value.strip(b" ")))
    return tuple(names), lines


def _unfolded(head: bytes) -> list[bytes]:
    text = head.rstrip(b"\r\n").replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    if b"\t" in text or b"  " in text:
        text = _SPACES.sub(b" ", text)
    return text.split(b"\r\n")


def chosen_fields(names: Sequence[bytes]) -> tuple[list[bytes], tuple[int, ...]]:
    """The names for `h=`, and which of the fields they mean: of equal names the last one first (RFC 6376, 5.4.2)."""
    listed: list[bytes] = []
    lines: list[int] = []
    for name in (*SEALED, *SEALED_WHERE_PRESENT, *COVERED):
        places = [at for at in range(len(names) - 1, -1, -1) if names[at] == name]
        once_more = name in SEALED or (places and name in SEALED_WHERE_PRESENT)
        listed += [name] * (len(places) + bool(once_more))
        lines += places
    return listed, tuple(lines)


def body_hash(body: bytes) -> bytes:
    """SHA-256 of the body in simple form: empty lines at its end are none, and it ends in CRLF (RFC 6376, 3.4.3)."""
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    if end + 2 == len(body):
        return sha256(body).digest()
    made = sha256(memoryview(body)[:end])
    made.update(b"\r\n")
    return made.digest()


def signature(private: RSAPrivateKey | Ed25519PrivateKey, digest: bytes) -> bytes:
    """The signature itself over a SHA-256: RSASSA-PKCS1-v1_5, or Ed25519 over its octets (RFC 8463, 3)."""
    if isinstance(private, RSAPrivateKey):
        return private.sign(digest, _PADDING, _HASH)
    return private.sign(digest)


def quick_signature(private: PrivateKey) -> Callable[[bytes], bytes]:
    """What makes the very same signatures as `signature`, for one key: by libsodium where it is installed, which takes
    six tenths of OpenSSL's time for Ed25519 (its signatures are always the same for the same octets: RFC 8032, 5.1.6).
    """
    if crypto_sign is None or not isinstance(private, Ed25519PrivateKey):
        return partial(signature, private)
    secret = private.private_bytes_raw() + private.public_key().public_bytes_raw()
    return lambda digest: crypto_sign(digest, secret)[:ED25519_OCTETS]


def split_message(message: bytes) -> tuple[bytes, bytes]:
    """A message as its header block, each field with its CRLF, and its body."""
    head, _, body = message.partition(b"\r\n\r\n")
    return head + b"\r\n", body


def _relaxed(begun: bytes) -> bytes:
    name, _, value = begun.partition(b":")
    return name.lower() + b":" + _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")


def _begun(key: DkimKey, algorithm: str, listed: Sequence[str]) -> str:
    """The field up to and with `h=…;`, folded, ready to go on with `t=` on a line of its own."""
    tags = ["v=1;", f"a={algorithm}-sha256;", "c=relaxed/simple;", f"d={key.domain};", f"s={key.selector};"]
    lines, line = [], "DKIM-Signature:"
    for tag in tags:
        if len(line) + 1 + len(tag) > WIDTH:
            lines.append(line)
            line = ""
        line += f" {tag}"
    lines.append(line)
    line = " h="
    for at, name in enumerate(listed):
        piece = name + (":" if at + 1 < len(listed) else ";")
        if len(line) + len(piece) > WIDTH:
            lines.append(line)
            line = " "
        line += piece
    return "\r\n".join([*lines, line]) + "\r\n "


def _folded(encoded: bytes) -> bytes:
    """Base64 behind ` b=`, 72 characters a line."""
    return b"\r\n ".join([encoded[at : at + 72] for at in range(0, len(encoded), 72)])
