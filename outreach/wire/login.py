"""How to log in to a relay: SASL PLAIN, LOGIN and XOAUTH2 as the lines that a client says (RFC 4954, 4616).

Law: the lines alone; whether the connection may carry a secret is checked before.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Literal

from ..errors import SettingsError
from .secure import read_token

Mechanism = Literal["auto", "plain", "login", "xoauth2"]


def login_steps(
    wanted: Mechanism, offered: frozenset[str], username: str, password: str, token_command: str
) -> Iterator[str]:
    """The AUTH command, then what to answer to each 334. Raises SettingsError where the relay offers no such way."""
    chosen = choose_mechanism(wanted, offered, has_token=bool(token_command))
    if chosen == "XOAUTH2":
        # to a token that it refuses the relay says 334 with an explanation, and wants an empty line
        return iter([f"AUTH XOAUTH2 {xoauth2(username, read_token(token_command))}", ""])
    if chosen == "PLAIN":
        return iter([f"AUTH PLAIN {_encoded(chr(0) + username + chr(0) + password)}"])
    return iter(["AUTH LOGIN", _encoded(username), _encoded(password)])


def choose_mechanism(wanted: Mechanism, offered: frozenset[str], *, has_token: bool) -> str:
    """The mechanism to use: the one set, or the best that the relay offers."""
    if wanted == "auto":
        candidates = ["XOAUTH2"] if has_token else ["PLAIN", "LOGIN"]
    else:
        candidates = [wanted.upper()]
    for name in candidates:
        if name in offered:
            return name
    told = ", ".join(sorted(offered)) or "none"
    raise SettingsError(
        f"the relay offers no login by {' or '.join(candidates)}; it offers: {told}",
        remedy="Set relay.auth to one that it offers; most relays offer a login only under TLS.",
    )


def xoauth2(username: str, token: str) -> str:
    """The one response of XOAUTH2, encoded."""
    return _encoded(f"user={username}\x01auth=Bearer {token}\x01\x01")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
