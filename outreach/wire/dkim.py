"""Signing mail: DKIM (RFC 6376) with rsa-sha256 and ed25519-sha256 (RFC 8301, RFC 8463), several keys at once.

Law: the signature is over the very octets that go out; headers are listed by name, so that both unsubscribe headers
are covered (RFC 8058, 4), and those that readers trust are listed once more than they occur, so that nobody can add
a second one (RFC 6376, 8.15). No `l=`. It is on the way of every mail: one body hash, no parsing of the body.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from .dkim_keys import load_private

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
_SPACES = re.compile(rb"[ \t]+")
_PADDING, _HASH = PKCS1v15(), SHA256()


@dataclass(frozen=True, slots=True)
class DkimKey:
    """What one signature is made with; plain values, to be handed to another process. `pem` is a private key."""

    selector: str
    domain: str
    pem: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What follows from the names of the fields alone: which lines are signed, and each field up to its `h=`."""

    lines: tuple[int, ...]
    begun: tuple[tuple[bytes, bytes], ...]


class Signer:
    """Signs with every key that it has. Safe to share between threads, and can be pickled."""

    def __init__(self, keys: Sequence[DkimKey], *, valid_days: int = 0) -> None:
        self.keys, self.valid_days = tuple(keys), valid_days
        self._private = [load_private(key.pem, f"the key of selector {key.selector}") for key in keys]
        self._shapes: dict[tuple[bytes, ...], _Shape] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return _signer, (self.keys, self.valid_days)

    def sign(self, head: bytes, body: bytes, now: datetime) -> bytes:
        """The fields to put before `head`, one for each key; empty without keys.

        `head` is the header block, with or without the empty line that ends it; `body` all that follows that line.
        """
        if not self._private:
            return b""
        names, lines = header_lines(head)
        shape = self._shapes.get(names) or self._shape(names)
        signed = b"".join([lines[at] for at in shape.lines])
        until = f" x={int((now + timedelta(days=self.valid_days)).timestamp())};" if self.valid_days else ""
        times = f"t={int(now.timestamp())};{until}\r\n bh=".encode()
        rest = times + b64encode(body_hash(body)) + b";\r\n b="
        one_line = rest.replace(b"\r\n", b"")
        made = []
        for private, (begun, canonical) in zip(self._private, shape.begun, strict=True):
            octets = signature(private, signed + canonical + one_line)
            made.append(begun + rest + _folded(b64encode(octets)) + b"\r\n")
        return b"".join(made)

    def _shape(self, names: tuple[bytes, ...]) -> _Shape:
        listed, lines = chosen_fields(names)
        begun = []
        for key, private in zip(self.keys, self._private, strict=True):
            algorithm = "rsa" if isinstance(private, RSAPrivateKey) else "ed25519"
            field_text = _begun(key, algorithm, [name.decode() for name in listed])
            begun.append((field_text.encode(), _relaxed(field_text.encode()) + b" "))
        if len(self._shapes) >= SHAPES:
            self._shapes.clear()
        made = self._shapes[names] = _Shape(lines, tuple(begun))
        return made


def _signer(keys: Sequence[DkimKey], valid_days: int) -> Signer:
    return Signer(keys, valid_days=valid_days)


def header_lines(head: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """The names of the fields, in order, and each field in relaxed form with its CRLF (RFC 6376, 3.4.2)."""
    text = head.rstrip(b"\r\n").replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    if b"\t" in text or b"  " in text:
        text = _SPACES.sub(b" ", text)
    names, lines = [], []
    for line in text.split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.rstrip(b" ").lower()
        names.append(name)
        lines.append(b"%b:%b\r\n" % (name, value.strip(b" ")))
    return tuple(names), lines


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


def signature(private: RSAPrivateKey | Ed25519PrivateKey, octets: bytes) -> bytes:
    """The signature itself: RSASSA-PKCS1-v1_5 with SHA-256, or Ed25519 over the SHA-256 (RFC 8463, 3)."""
    if isinstance(private, RSAPrivateKey):
        return private.sign(octets, _PADDING, _HASH)
    return private.sign(sha256(octets).digest())


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
