"""A rule in RFC 5545's own words: DTSTART, RRULE, EXDATE, RDATE, as a calendar exports them.

Law: times are local, the campaign's zone says where; of the rules that the RFC allows, those are taken that occur at
most once a day. A rule that never occurs is refused when it is read.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import islice, pairwise

from dateutil.rrule import rrulestr

MOST_LOOKED_AT = 400
"""So many occurrences are looked at to see that no two are on one day: more than a year of a daily rule."""
LONGEST = 4000


def is_raw(text: str) -> bool:
    """Whether a schedule is written so."""
    return text.strip().upper().startswith(("RRULE", "DTSTART", "FREQ=", "EXDATE", "RDATE"))


def read_raw(text: str, horizon: timedelta) -> tuple[str, datetime]:
    """The rule's lines without DTSTART, and its start. Raises ValueError in words for a person.

    `horizon`: a rule that has not occurred so long after its start never does.
    """
    lines = text.upper().split()
    plain = "\n".join(lines)
    if re.search(r"\d{6}Z|TZID=", plain):
        raise ValueError("DTSTART, and all times in a raw RRULE, are local, without Z and TZID; `zone:` says where")
    found = re.search(r"^DTSTART:(\d{8}T\d{6})$", plain, re.M)
    if found is None:
        raise ValueError("a raw RRULE needs its DTSTART in local time, such as DTSTART:20261201T090000")
    if re.search(r"FREQ=(MINUTELY|SECONDLY)", plain) or len(plain) > LONGEST:
        raise ValueError("nothing is mailed more often than daily")
    rest = "\n".join(line for line in lines if not line.startswith("DTSTART"))
    if not re.search(r"^(RRULE|RDATE):", rest, re.M):
        raise ValueError("a raw rule needs a line RRULE:FREQ=…")
    try:
        start = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(second=0)
        rule = rrulestr(_bounded(rest, start + horizon), dtstart=start)
        first = list(islice(rule, MOST_LOOKED_AT))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError) as wrong:
        raise ValueError(f"the RRULE cannot be read: {wrong}") from wrong
    if not first:
        raise ValueError("the RRULE never occurs")
    if any(one.date() == after.date() for one, after in pairwise(first)):
        raise ValueError("nothing is mailed more often than daily")
    return rest, start


def _bounded(rest: str, until: datetime) -> str:
    """The same rule with an end, so that one which never occurs is not looked for until the year 9999."""
    return re.sub(
        r"^(RRULE:(?!.*(?:COUNT|UNTIL)=).*)$", lambda found: f"{found[1]};UNTIL={until:%Y%m%dT%H%M%S}", rest, flags=re.M
    )
