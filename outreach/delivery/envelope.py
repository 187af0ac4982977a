"""The envelope: from whom and to whom, as RFC 5321 means it, which no reader of the mail ever sees.

Law: the reverse-path names the delivery by a signed tag (VERP), so that a bounce finds its way home without being
read; no control character, space or angle bracket ever gets into a command line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..address import tagged_address
from ..errors import InputError, SettingsError

LOCAL_OCTETS = 64
PATH_OCTETS = 254
_UNSAFE = re.compile(r"[\x00-\x20<>\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A transaction with one recipient. An empty `reverse_path` is the null path `<>`."""

    reverse_path: str
    recipient: str
    needs_smtputf8: bool = False


class ProvedMessage(bytes):
    """A whole mail that was proved while it was joined: CRLF alone ends its lines, none of which is over 998 octets or
    begins with a dot; it has no NUL and ends in CRLF. So nothing in it has to be looked at or stuffed on the wire.
    """

    __slots__ = ()


def make_envelope(bounce_address: str, recipient: str, token: str) -> Envelope:
    """The envelope of one delivery; `token` is the signed bounce tag, or empty where the relay takes no plus sign.

    Raises SettingsError when the bounce address leaves no room for the tag (RFC 5321 4.5.3.1.1: 64 octets), and
    InputError when the recipient could not stand in a command line.
    """
    reverse_path = tagged_address(bounce_address, token) if token and bounce_address else bounce_address
    if len(reverse_path.rpartition("@")[0].encode()) > LOCAL_OCTETS:
        raise SettingsError(
            f"the bounce address {bounce_address} is too long to carry a token",
            remedy="Choose one with at most 24 characters before the @ in replies.bounces.",
        )
    if _UNSAFE.search(reverse_path):
        raise SettingsError(f"the bounce address {bounce_address!r} cannot be used in SMTP")
    local, at, domain = recipient.rpartition("@")
    if not (local and at and domain) or _UNSAFE.search(recipient) or len(recipient.encode()) > PATH_OCTETS:
        raise InputError(f"{recipient!r} cannot be used as a recipient in SMTP")
    return Envelope(reverse_path, recipient, not (recipient.isascii() and reverse_path.isascii()))
