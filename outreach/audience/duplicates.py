"""Which addresses may be one person's: dots and tags that their mail server ignores, and slips in well-known domains.

Law: it only suggests, with its reasons; nobody is merged but by a person. Dots count for nothing at Gmail alone; a
tag behind + counts for nothing where it is offered; a slip counts only beside the right address.
"""

from __future__ import annotations

from functools import lru_cache

GMAIL = ("gmail.com", "googlemail.com")
KNOWN = (
    *GMAIL,
    *("yahoo.com", "hotmail.com", "outlook.com", "icloud.com", "aol.com", "live.com", "mail.com", "protonmail.com"),
    *("ymail.com", "rocketmail.com", "fastmail.com", "zoho.com", "proton.me", "msn.com", "me.com"),
    *("gmx.de", "gmx.net", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de", "arcor.de", "outlook.de"),
    *("hotmail.de", "yahoo.de", "live.de", "orange.fr", "wanadoo.fr", "free.fr", "laposte.net", "hotmail.fr"),
    *("yahoo.fr", "outlook.fr", "sfr.fr", "libero.it", "hotmail.it", "yahoo.it", "virgilio.it", "hotmail.es"),
    *("yahoo.es", "outlook.es", "telefonica.net", "yahoo.co.uk", "hotmail.co.uk", "outlook.co.uk", "btinternet.com"),
    *("bluewin.ch", "ziggo.nl", "kpnmail.nl", "comcast.net", "verizon.net", "att.net"),
)
"""Domains at which many people have their mail: none of them is a slip for another."""
_KNOWN = frozenset(KNOWN)
_LONG_ENOUGH = 7
"""Shorter domains are too near each other."""


def main_address(address: str) -> str:
    """The address without what its server ignores and with a slip in the domain mended: equal ones may be one person's.

    >>> main_address("Ann.Baker+news@gmial.com")
    'annbaker@gmail.com'
    """
    local, _, domain = address.lower().rpartition("@")
    domain = mended(domain)
    if domain in GMAIL:
        domain, local = "gmail.com", local.replace(".", "")
    tagless = local.partition("+")[0]
    return f"{tagless or local}@{domain}"


@lru_cache(maxsize=65_536)
def mended(domain: str) -> str:
    """The well-known domain that this one is a slip for (gmial.com, hotmail.con, yahoo.co); else itself."""
    if domain in _KNOWN or len(domain) < _LONG_ENOUGH:
        return domain
    near = [one for one in KNOWN if len(one) >= _LONG_ENOUGH and one[0] == domain[0] and _one_slip(domain, one)]
    return near[0] if len(near) == 1 else domain


def _one_slip(wrong: str, right: str) -> bool:
    """One letter missing, too many, another, or two changed about."""
    if abs(len(wrong) - len(right)) > 1:
        return False
    start = 0
    while start < min(len(wrong), len(right)) and wrong[start] == right[start]:
        start += 1
    rest, want = wrong[start:], right[start:]
    if len(wrong) != len(right):
        return rest[1:] == want or rest == want[1:]
    swapped = len(rest) > 1 and rest[1] + rest[0] + rest[2:] == want
    return rest[1:] == want[1:] or swapped


def reasons(one: str, other: str) -> tuple[str, ...]:
    """Why two addresses with the same main address may be one person's, in words."""
    found = []
    domains = [address.lower().rpartition("@")[2] for address in (one, other)]
    for domain in dict.fromkeys(domains):
        if (right := mended(domain)) != domain:
            found.append(f"{domain} looks like a slip for {right}")
    if {mended(domain) for domain in domains} == set(GMAIL):
        found.append("googlemail.com and gmail.com are one")
    locals_ = [address.lower().rpartition("@")[0] for address in (one, other)]
    plain = [local.partition("+")[0] for local in locals_]
    if any("+" in local for local in locals_):
        found.append("a tag behind + goes to the same mailbox")
    if plain[0] != plain[1]:
        found.append("dots do not count at Gmail")
    return tuple(found)
