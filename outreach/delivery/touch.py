"""Was it a person who followed a link or opened a mail, or a program that looks into everybody's mail?

Law: in doubt it was a program: a number that is too small misleads nobody. What is known of scanners comes from what
they say of themselves and from what no person does: HEAD, seconds after delivery, every link at once.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

AT_ONCE = timedelta(seconds=5)
"""So soon after a mail was accepted nobody has read it."""
TOGETHER = timedelta(seconds=10)
MANY = 3
"""So many links of one mail within `TOGETHER` are followed by a program."""
_PROGRAMS = re.compile(
    r"bot\b|crawl|spider|scan|preview|proofpoint|barracuda|mimecast|safelinks|msoffice|trend ?micro|symantec"
    r"|messagelabs|fireeye|cloudmark|sophos|forcepoint|zscaler|ironport|headless|phantomjs|python-|curl/|wget/|libwww"
    r"|go-http-client|java/|okhttp|axios|node-fetch|apache-httpclient|facebookexternalhit|slackbot|whatsapp|telegrambot|skypeuripreview",
    re.IGNORECASE,
)
_PROXIES = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
"""They fetch a picture when a person opens the mail."""
APPLE = "Mozilla/5.0"
"""All that Apple's mail privacy proxy says; it fetches every picture, whether anybody opens the mail or not."""


@dataclass(frozen=True)
class Fetch:
    """One request. `purpose`: what a browser says it fetches ahead for. `others`: the links of this mail, but this one,
    that were followed within `TOGETHER`.
    """

    method: str
    agent: str
    at: datetime
    sent_at: datetime | None
    is_open: bool = False
    purpose: str = ""
    others: Collection[int] = ()


def why_no_person(fetch: Fetch) -> str:
    """Why this was a program, in words; "" for a person."""
    if fetch.method != "GET":
        return f"asked by {fetch.method} only"
    if "prefetch" in fetch.purpose.lower() or "preview" in fetch.purpose.lower():
        return "fetched ahead by a browser"
    agent = fetch.agent.strip()
    if fetch.is_open and _PROXIES.search(agent):
        return _too_soon(fetch)
    if fetch.is_open and agent == APPLE:
        return "fetched by a privacy proxy, whoever opened it"
    if not agent:
        return "said nothing of itself"
    if found := _PROGRAMS.search(agent):
        return f"a program by its own word: {found[0].lower()}"
    if len(set(fetch.others)) + 1 >= MANY:
        return "many links of the mail within seconds"
    return _too_soon(fetch)


def _too_soon(fetch: Fetch) -> str:
    if fetch.sent_at is None or fetch.at < fetch.sent_at + AT_ONCE:
        return "within seconds of the delivery"
    return ""
