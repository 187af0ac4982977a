"""A text cut into the pieces that cues and learned evidence look at: words, signs, names for links and handles.

Law: linear in the text, and the same text gives the same pieces for ever: what was learned is kept by them.
"""

from __future__ import annotations

import re

READ = 8_000
"""Characters that are weighed: what matters stands at the top."""
LINK, HANDLE, SERVICE, ADDRESS = "<link>", "<handle>", "<service>", "<address>"
"""What stands for a link, somebody's handle, the handle of a service desk, an e-mail address."""
_PIECE = re.compile(
    r"https?://\S+|www\.\S+"
    r"|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+"
    r"|@\w+"
    r"|(?:[cdjlmnst]|qu)'(?=\w{3})"
    r"|[^\W_]+(?:['-][^\W_]+)*"
    r"|[^\w\s]"
)
_DESK = re.compile(r"help|support|cares?(?:_|$)|_care|cust|service|svc")
_PLAIN = str.maketrans({"’": "'", "`": "'", "‘": "'", "ʼ": "'"})


def plain(text: str) -> str:
    """The part that is weighed, in lower case and with plain apostrophes."""
    return text[:READ].lower().translate(_PLAIN)


def pieces(said: str) -> list[str]:
    """The words and signs of a plain text, in order."""
    return [_named(piece) if "@" in piece or "/" in piece or "." in piece else piece for piece in _PIECE.findall(said)]


def _named(piece: str) -> str:
    if len(piece) == 1:
        return piece
    if piece[0] == "@":
        return SERVICE if _DESK.search(piece) else HANDLE
    return ADDRESS if "@" in piece and "/" not in piece else LINK


def is_word(piece: str) -> bool:
    """Whether a piece is a word and not a sign."""
    return piece[0].isalnum() or (piece[0] == "<" and len(piece) > 1)
