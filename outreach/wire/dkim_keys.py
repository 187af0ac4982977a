"""Keys to sign mail with: made, kept beside the database, and told as the DNS record that publishes them.

Law: a private key stands in one file of its owner's alone, never in the database and never in a log; nothing that
exists is overwritten. RFC 6376, 3.6.1 (the record), RFC 8301 (RSA of 2048 bits and more), RFC 8463 (Ed25519).
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ..errors import SettingsError, UsageError

FOLDER = "dkim"
"""Inside the workspace; a key is SELECTOR.pem in it."""
LEAST_BITS, MOST_BITS = 2048, 4096
STRING_OCTETS = 255
"""A TXT record is made of strings of at most so many octets (RFC 1035, 3.3)."""
_LABELS = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*")

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


def key_path(root: Path, selector: str) -> Path:
    """Where the private key of `selector` is kept. Raises UsageError for what is no selector."""
    if len(selector) > 200 or not _LABELS.fullmatch(selector):
        raise UsageError(
            f"{selector!r} is no selector", remedy="Use small letters, digits and hyphens, such as outreach-2026."
        )
    return root / FOLDER / f"{selector}.pem"


def make_key(root: Path, selector: str, algorithm: str, bits: int = LEAST_BITS) -> bytes:
    """Make the key of `selector`, and its file. Raises UsageError where that exists or `bits` will not do."""
    path = key_path(root, selector)
    if algorithm not in ("rsa", "ed25519"):
        raise UsageError(f"{algorithm!r} is no way to sign", remedy="Use rsa or ed25519.")
    if algorithm == "rsa" and not LEAST_BITS <= bits <= MOST_BITS:
        raise UsageError(
            f"an RSA key of {bits} bits will not do", remedy=f"Use {LEAST_BITS} to {MOST_BITS}; 2048 is usual."
        )
    private: PrivateKey
    private = generate_private_key(65537, bits) if algorithm == "rsa" else Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise UsageError(
            f"{path} exists, and is not overwritten",
            remedy="Give the new key another name with --selector; mail on its way needs the old one in the DNS.",
        ) from None
    except OSError as wrong:
        remedy = "Make room, or look at the folder."
        raise SettingsError(f"{path} cannot be written: {wrong.strerror}", remedy=remedy) from wrong
    return pem


def read_key(root: Path, selector: str) -> bytes:
    """The private key of `selector`, in PEM. Raises SettingsError where it is missing, unreadable or of no use."""
    try:
        path = key_path(root, selector)
    except UsageError as wrong:
        raise SettingsError(f"[dkim] names {selector!r}, which is no selector", remedy=wrong.remedy) from None
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        raise SettingsError(
            f"the key {path} that mail is to be signed with is missing",
            remedy=f"Restore it from a backup, make it with `outreach dkim new --selector {selector}`, "
            "or take it out of `selectors` in [dkim].",
        ) from None
    except OSError as wrong:
        raise SettingsError(
            f"the key {path} that mail is to be signed with cannot be read: {wrong.strerror}",
            remedy="Give it to the user that sends: chown, then chmod 600.",
        ) from wrong
    load_private(pem, f"the key {path}")
    return pem


def load_private(pem: bytes, what: str) -> PrivateKey:
    """The key inside `pem`; `what` names it. Raises SettingsError where it is none that may sign mail."""
    remedy = "Make one with `outreach dkim new`, or put an unencrypted PEM file there."
    try:
        private = _parsed(pem)
    except TypeError:
        raise SettingsError(f"{what} is locked with a password", remedy=remedy) from None
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsError(f"{what} is no private key", remedy=remedy) from None
    if isinstance(private, RSAPrivateKey):
        if private.key_size < LEAST_BITS:
            raise SettingsError(
                f"{what} has {private.key_size} bits; {LEAST_BITS} are the least that receivers trust", remedy=remedy
            )
        return private
    if isinstance(private, Ed25519PrivateKey):
        return private
    raise SettingsError(f"{what} is neither RSA nor Ed25519", remedy=remedy)


@lru_cache(maxsize=8)
def _parsed(pem: bytes) -> object:
    """What the PEM holds. To prove an RSA key takes 30 ms each time, and one run asks for each key several times."""
    return load_pem_private_key(pem, None)


def algorithm_of(pem: bytes) -> str:
    """`rsa-2048` and the like, or `ed25519`."""
    private = load_private(pem, "the key")
    return f"rsa-{private.key_size}" if isinstance(private, RSAPrivateKey) else "ed25519"


def record_name(selector: str, domain: str) -> str:
    """The name in the DNS under which receivers look the key up."""
    return f"{selector}._domainkey.{domain}"


def public_text(pem: bytes) -> str:
    """The public key as the record's `p=` holds it."""
    public = load_private(pem, "the key").public_key()
    if isinstance(public, Ed25519PublicKey):
        return b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    return b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def record_text(pem: bytes) -> str:
    """The whole value of the TXT record, in one line, as a hoster's web form takes it."""
    kind = algorithm_of(pem).partition("-")[0]
    return f"v=DKIM1; k={kind}; p={public_text(pem)}"


def zone_line(name: str, value: str) -> str:
    """The record as a line of a zone file: strings of at most 255 octets between brackets."""
    parts = [value[at : at + STRING_OCTETS] for at in range(0, len(value), STRING_OCTETS)]
    texts = " ".join(f'"{part}"' for part in parts)
    return f"{name}. IN TXT {texts if len(parts) == 1 else f'( {texts} )'}"
