"""A rule in RFC 5545's own words: DTSTART, RRULE, EXDATE, RDATE, as a calendar exports them.

Law: times are local, the campaign's zone says where; of the rules that the RFC allows, those are taken that occur at
most once a day. A rule that never occurs is refused when it is read. A day without a time, as many calendars write it,
is that whole day: UNTIL takes it in, EXDATE leaves it out, and what RDATE adds goes at DTSTART's hour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice, pairwise

from dateutil.rrule import rrulestr

MOST_LOOKED_AT = 400
"""So many occurrences are looked at to see that no two are on one day: more than a year of a daily rule."""
LONGEST = 4000


@dataclass(frozen=True)
class RawRule:
    """`said`: the lines as written, without DTSTART; `lines`: as they are followed, but on none of the `days`."""

    said: str
    lines: str
    start: datetime
    days: tuple[date, ...]


def is_raw(text: str) -> bool:
    """Whether a schedule is written so."""
    return text.strip().upper().startswith(("RRULE", "DTSTART", "FREQ=", "EXDATE", "RDATE"))


def read_raw(text: str, horizon: timedelta) -> RawRule:
    """The rule and its start. Raises ValueError in words for a person.

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
    said = [line for line in lines if not line.startswith("DTSTART")]
    if not any(re.match(r"(RRULE|RDATE)[:;]", line) for line in said):
        raise ValueError("a raw rule needs a line RRULE:FREQ=…")
    try:
        start = datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(second=0)
        rest, days = _followed(said, start)
        rule = rrulestr(_bounded(rest, start + horizon), dtstart=start)
        first = [one for one in islice(rule, MOST_LOOKED_AT) if one.date() not in days]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError) as wrong:
        raise ValueError(f"the RRULE cannot be read: {wrong}") from wrong
    if not first:
        raise ValueError("the RRULE never occurs")
    if any(one.date() == after.date() for one, after in pairwise(first)):
        raise ValueError("nothing is mailed more often than daily")
    return RawRule(" ".join(said), rest, start, days)


def _followed(said: Sequence[str], start: datetime) -> tuple[str, tuple[date, ...]]:
    """The lines with a time wherever they have a day alone, and the days that are left out."""
    lines: list[str] = []
    days: list[date] = []
    for line in said:
        head, _, values = line.partition(":")
        name, told = head.partition(";")[0], values.split(",")
        if name in ("EXDATE", "RDATE") and all(re.fullmatch(r"\d{8}(T\d{6})?", one, re.ASCII) for one in told):
            if name == "EXDATE":
                days += [datetime.strptime(one, "%Y%m%d").date() for one in told if len(one) == 8]
                told = [one for one in told if len(one) > 8]
            times = [f"{one[:13]}00" if len(one) > 8 else f"{one}T{start:%H%M}00" for one in told]
            line = f"{name}:{','.join(times)}" if times else ""
        elif name == "RRULE":
            line = re.sub(r"UNTIL=(\d{8})(?=;|$)", r"UNTIL=\1T235959", line)
        if line:
            lines.append(line)
    return "\n".join(lines), tuple(sorted(set(days)))


def _bounded(rest: str, until: datetime) -> str:
    """The same rule with an end, so that one which never occurs is not looked for until the year 9999."""
    return re.sub(
        r"^(RRULE:(?!.*(?:COUNT|UNTIL)=).*)$", lambda found: f"{found[1]};UNTIL={until:%Y%m%dT%H%M%S}", rest, flags=re.M
    )
