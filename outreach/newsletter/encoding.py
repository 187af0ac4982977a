"""The transfer encodings of a mail's parts (RFC 2045): quoted-printable for what people can read in it, else base64.

Law: CRLF only; lines of at most 76 characters.
"""

from __future__ import annotations

import binascii

Encoded = tuple[str, bytes]
"""The name of the transfer encoding and the encoded octets, which end in CRLF."""
_BASE64_LINE = 76


def encode_text(text: str) -> Encoded:
    """`text` in the encoding that suits it: quoted-printable while most of it is ASCII.

    A reader of Greek or Japanese gets base64, a third of quoted-printable's size there.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.endswith("\n"):
        text += "\n"
    octets = text.replace("\n", "\r\n").encode()
    if not text.isascii() and is_foreign(len(text.encode()) - len(text), len(text)):
        return "base64", base64_lines(octets)
    return "quoted-printable", binascii.b2a_qp(octets, istext=True)


def is_foreign(extra: int, length: int) -> bool:
    """Whether a text of so many characters, with so many octets beyond one for each, is better in base64."""
    return extra * 4 > length


def base64_lines(data: bytes) -> bytes:
    """`data` in base64, CRLF after each 76 characters."""
    flat = binascii.b2a_base64(data, newline=False)
    return b"".join(flat[at : at + _BASE64_LINE] + b"\r\n" for at in range(0, len(flat), _BASE64_LINE))
