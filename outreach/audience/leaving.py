"""Headings of columns that say who left or cannot be reached, in as many ways as there are programs to write them.

Law: a heading that says this and no more stops whomever its cells name; one that says more (why, by which link, of
which list, that nobody shall call) stops nobody, and is named to a person where it sounds like it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .places import fold
from .values import read_status, says_left

_LEFT = (
    "unsubscribed unsubscribe unsub unsubscription optedout optout blacklisted blacklist blocklisted blocklist"
    " suppressed abgemeldet abmeldung abmelde abbestellt abbestellung abbestell ausgetragen austragung"
    " werbewiderspruch widersprochen desabonne desabonnee desinscrit desinscrite desabonnement desinscription"
    " dadodebaja fechabaja fechadebaja consentwithdrawn consentrevoked einwilligungwiderrufen keinewerbung"
    " keinnewsletter nonewsletter nonewsletters nomarketing donotemail donotsendemail donotsendemails noemails"
    " nomoreemail nomoreemails"
)
_BOUNCED = "hardbounced hardbounce bounced"
_BESIDE = (
    "is has was been the user contact subscriber customer member person email newsletter marketing global all from of"
    " to at on date datum time timestamp since status flag am seit vom von der de la le werbung"
    " marketinginformation marketinginformationen"
)
"""Words that leave what a heading says as it is (HubSpot: "Opted out of email: Marketing Information"). A mail may be
one of paper: what says no more of it is only named."""


def _saying(words: str) -> re.Pattern[str]:
    beside = "|".join(_BESIDE.split())
    return re.compile(f"(?:{beside})*(?:{'|'.join(words.split())})(?:{beside})*")


_STOPS = {"opted_out": _saying(_LEFT), "bounced": _saying(_BOUNCED)}
_LONGEST = 60
_A_DAY = re.compile(
    r"(?!.*(?:://|@)).{0,20}(?:(?:19|20)[0-9]{2}|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2}).{0,30}|[0-9]{10}|[0-9]{13}",
    re.ASCII,
)
_SOUNDING = (
    "unsub optout optedout blacklist blocklist suppress bounced hardbounce abgemeldet abmeld abbestell ausgetragen"
    " austrag widerruf widerspr sperr desabonn desinscri dadodebaja fechabaja donotemail donotmail donotcontact"
    " donotsend donotmarket noemail nonewsletter nomarketing keinewerbung keinnewsletter withdrawn revoked complain"
    " spam undeliver unzustell robinson"
).split()
_ELSEWHERE = re.compile("sms|phone|fax|whatsapp|push|(?:link|url|token)$")


def stop_of(heading: str, cells: Iterable[str]) -> str:
    """The field that a heading means beside those known by name: `opted_out` or `bounced`; "" for none, or where one
    of the cells is neither a day nor a word for yes or no.
    """
    name = fold(heading)
    meaning = next((one for one, said in _STOPS.items() if len(name) <= _LONGEST and said.fullmatch(name)), "")
    return meaning if meaning and all(map(_says_whether, filter(None, map(str.strip, cells)))) else ""


def sounds_like_leaving(heading: str) -> bool:
    """Whether a heading sounds like people who want no mail any more, or like addresses that take none."""
    name = fold(heading)
    return any(word in name for word in _SOUNDING) and not _ELSEWHERE.search(name)


def _says_whether(cell: str) -> bool:
    return not says_left(cell) or read_status(cell) is not None or _A_DAY.fullmatch(cell) is not None
