"""What a relay's own log proves of our mails: that it took them, and what the next server said. Postfix's words.

Law: a line counts only where all of its form is right, read from its front; what a stranger's server said stands in
brackets behind, and is never taken for a field. That a line is absent proves nothing. Cleanup writes a Message-ID
before the dot has come, so only the queue manager's line, or a delivery, proves that a mail was taken.
One line at a time, in constant memory; queue ids short and long, reused ones, and several for one mail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from ..address import read_message_id
from ..refusal import is_refused_late, late_class
from ..words import FailureClass, Onward
from .outcome import SmtpReply, failure_class

REMEMBERED = 100_000
"""So many queue ids are kept in mind; the oldest go first: a retry writes the reverse-path, which names its mail."""
LONGEST_LINE = 16_384
DISORDER = timedelta(minutes=20)
"""By so much at most is a line older than one before it, unless the clock was put back."""
_MONTHS = {name: n for n, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_HEAD = re.compile(
    r"(?:<\d{1,3}>)?(?:1 )?"
    r"(?:(?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) (?P<clock>\d\d:\d\d:\d\d)(?:\.\d{1,9})?"
    r"|(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,]\d{1,9})?(?P<zone>Z|[+-]\d\d:?\d\d)?) "
)
_BODY = re.compile(r"\S{1,255} (?:\S*/)?(?P<daemon>[a-z]+)(?:\[\d+\]: | \d+ \S+ \S+ )(?P<queue>[0-9A-Za-z]{5,32}): ")
_QUEUE_ID = re.compile(r"[0-9A-F]{5,16}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,24}")
_CLEANUP = re.compile(r"message-id=<([^<>\s]{1,300})>")
_ACTIVE = re.compile(r"from=<([^<>\s]{0,320})>, size=\d+, nrcpt=(\d+) \(queue active\)")
_EXPIRED = re.compile(r"from=<[^<>\s]{0,320}>, status=(?:force-)?expired, returned to sender")
_ANSWER = re.compile(
    r"to=<(?P<to>[^<>]{1,320})>,(?: orig_to=<(?P<original>[^<>]{1,320})>,)? relay=(?P<relay>[^\s,]{1,300}),"
    r" ?(?:conn_use=\d+,)? delay=[\d.]+,(?: delays=[\d./]+,)?"
    r"(?: (?!dsn=|status=)[a-z_]{1,30}=[^\s,]{1,200},){0,8}"  # tls=… since Postfix 3.11, and what comes after it
    r"(?: dsn=(?P<dsn>\d\.\d{1,3}\.\d{1,3}),)? status=(?P<status>[a-zA-Z]+) \((?P<words>.*)"
)
_REFUSED = re.compile(
    r"milter-reject: END-OF-MESSAGE from \S+: (?P<words>5\.\d{1,3}\.\d{1,3} [^;]*)"
    r"|reject: (?:header|body) .{0,4000}: (?P<content>5\.\d{1,3}\.\d{1,3} [^:]*)"
)
_QUEUED_AS = re.compile(r"\bqueued as ([0-9A-Za-z]{5,32})\b")
_SAID = re.compile(r"\bsaid: (\d{3})[ -](?:(\d\.\d{1,3}\.\d{1,3}) )?(.*)")
_STATUS = {
    "sent": Onward.ACCEPTED,
    "deferred": Onward.DEFERRED,
    "SOFTBOUNCE": Onward.DEFERRED,
    "bounced": Onward.BOUNCED,
}
_BEFORE_QUEUE_ID = ("]: ", " - - ")


@dataclass(frozen=True, slots=True)
class Taken:
    """The relay took this mail. `place` is the file and line, `queue` the relay's own name of it."""

    public_id: str
    at: datetime
    place: str
    queue: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The relay refused this mail for good in answer to the dot: it was not taken."""

    public_id: str
    at: datetime
    place: str
    words: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the next server said of this mail to `recipients` (the address, and the one it was written to first).

    No recipients: the mail's only one. `failure` is why it bounced, by the same rules as a reply's.
    """

    public_id: str
    at: datetime
    place: str
    onward: Onward
    words: str
    recipients: tuple[str, ...] = ()
    failure: FailureClass | None = None


Fact = Taken | Refused | Answer


@dataclass(slots=True)
class _Mail:
    """One queue id's mail. `gone`: it left the queue, and the id may name another one soon."""

    public_id: str
    recipients: int = 0
    taken: bool = False
    gone: bool = False
    waiting: dict[str, str] = field(default_factory=dict)


class LogReader:
    """Reads a relay's log line by line. `whose` tells the public id that a reverse-path of ours names, or None.

    `zone` is the clock of lines that name none; `latest` the instant after which no line can have been written: a
    line without a year is of the last year that fits.
    """

    def __init__(self, whose: Callable[[str], str | None], zone: tzinfo, latest: datetime) -> None:
        self.lines = 0
        self.first: datetime | None = None
        self.latest = latest
        self._whose, self._zone = whose, zone
        self._mails: dict[str, _Mail] = {}
        self._last_line = ""
        self._last: datetime | None = None

    @property
    def last(self) -> datetime | None:
        """When the last line that could be read was written."""
        said = self._instant(self._last_line)
        if said is not None and (self._last is None or said > self._last):
            self._last = said
        return self._last

    def read(self, line: str, place: str) -> Iterator[Fact]:
        """What this line proves; most lines prove nothing."""
        self.lines += 1
        self._last_line = line
        if self.first is None:
            self.first = self._instant(line)
        if len(line) > LONGEST_LINE or not self._concerns(line):
            return
        head = _HEAD.match(line)
        body = _BODY.match(line, head.end()) if head is not None else None
        at = self._instant(line) if body is not None else None
        if body is None or at is None or not _QUEUE_ID.fullmatch(body["queue"]):
            return
        if self._last is None or at > self._last:
            self._last = at
        yield from self._told(body["daemon"], body["queue"], line[body.end() :].rstrip(), at, place)

    def _concerns(self, line: str) -> bool:
        """A quick look: does this line name a mail, or a queue id that we know?"""
        if "message-id=<" in line or "(queue active)" in line:
            return True
        for mark in _BEFORE_QUEUE_ID:
            start = line.find(mark)
            if start >= 0:
                start += len(mark)
                return line[start : line.find(":", start)] in self._mails
        return False

    def _told(self, daemon: str, queue: str, rest: str, at: datetime, place: str) -> Iterator[Fact]:
        if daemon == "cleanup" and (found := _CLEANUP.fullmatch(rest)):
            self._begin(queue, found[1])
            return
        if daemon.endswith("qmgr") and (found := _ACTIVE.fullmatch(rest)):
            mail = self._known(queue, found[1])
            if mail is not None:
                mail.recipients = int(found[2])
                yield from self._took(mail, queue, at, place)
            return
        mail = self._mails.get(queue)
        if mail is None or mail.gone:
            return
        if daemon == "cleanup" and (found := _REFUSED.match(rest)):
            if not mail.taken:
                yield Refused(mail.public_id, at, place, (found["words"] or found["content"]).strip())
        elif daemon.endswith("qmgr") and rest == "removed":
            mail.gone = True
        elif daemon.endswith("qmgr") and _EXPIRED.fullmatch(rest):
            yield from self._took(mail, queue, at, place)
            yield from self._expired(mail, at, place)
        elif found := _ANSWER.fullmatch(rest):
            yield from self._answered(mail, queue, found, at, place)

    def _begin(self, queue: str, message_id: str) -> None:
        """A queue id begins a new life, whoever's mail it was before."""
        self._mails.pop(queue, None)
        public_id = read_message_id(message_id)
        if public_id is not None:
            self._keep(queue, _Mail(public_id))

    def _known(self, queue: str, reverse_path: str) -> _Mail | None:
        """The mail of a queue id; in a log that begins in the middle its reverse-path says which it is."""
        mail = self._mails.get(queue)
        if mail is None or mail.gone:
            public_id = self._whose(reverse_path) if "+" in reverse_path else None
            if public_id is None:
                return None
            mail = self._keep(queue, _Mail(public_id))
        return mail

    def _keep(self, queue: str, mail: _Mail) -> _Mail:
        self._mails.pop(queue, None)
        self._mails[queue] = mail
        if len(self._mails) > REMEMBERED:
            del self._mails[next(iter(self._mails))]
        return mail

    def _took(self, mail: _Mail, queue: str, at: datetime, place: str) -> Iterator[Taken]:
        if not mail.taken:
            mail.taken = True
            yield Taken(mail.public_id, at, place, queue)

    def _answered(self, mail: _Mail, queue: str, found: re.Match[str], at: datetime, place: str) -> Iterator[Fact]:
        yield from self._took(mail, queue, at, place)
        onward = _STATUS.get(found["status"])
        if onward is None or (onward is Onward.ACCEPTED and self._stays_here(mail, found["words"])):
            return
        said = found["words"].removesuffix(")")
        recipients = tuple(dict.fromkeys(address for address in (found["original"], found["to"]) if address))
        failure = _why(found["dsn"] or "", said) if onward is Onward.BOUNCED else None
        mail.waiting.pop(recipients[0], None)
        if onward is Onward.DEFERRED and len(mail.waiting) < 10:
            mail.waiting[recipients[0]] = recipients[-1]
        words = said if found["relay"] == "none" else f"{found['relay']}: {said}"
        yield Answer(mail.public_id, at, place, onward, words[:500], recipients, failure)

    def _stays_here(self, mail: _Mail, words: str) -> bool:
        """Whether it only went on to a filter of the same relay, which gave it back under another queue id."""
        named = _QUEUED_AS.search(words)
        again = self._mails.get(named[1]) if named is not None else None
        return again is not None and again is not mail and again.public_id == mail.public_id

    def _expired(self, mail: _Mail, at: datetime, place: str) -> Iterator[Answer]:
        """The relay gave up on all for whom it still waited."""
        waiting = [tuple(dict.fromkeys(pair)) for pair in mail.waiting.items()]
        if not waiting and mail.recipients == 1:
            waiting = [()]
        words = "the relay gave up: nobody took it in time"
        for recipients in waiting:
            yield Answer(mail.public_id, at, place, Onward.BOUNCED, words, recipients, FailureClass.TRANSIENT)

    def _instant(self, line: str) -> datetime | None:
        """When a line was written, or None where its head is of no form that we know."""
        found = _HEAD.match(line)
        if found is None:
            return None
        try:
            if found["iso"] is None:
                return self._without_year(found["month"], int(found["day"]), found["clock"])
            local = datetime.fromisoformat(found["iso"])
            if found["zone"] is None:
                return self._utc(local)
            return datetime.fromisoformat(found["iso"] + found["zone"]).astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    def _without_year(self, month: str, day: int, clock: str) -> datetime | None:
        hour, minute, second = (int(part) for part in clock.split(":"))
        since_midnight = timedelta(hours=hour, minutes=minute, seconds=min(second, 59))
        if month not in _MONTHS or hour > 23 or minute > 59:
            return None
        for year in range(self.latest.year + 1, self.latest.year - 9, -1):
            try:
                midnight = datetime(year, _MONTHS[month], day)
            except ValueError:
                continue  # the 29th of February of another year
            at = self._utc(midnight + since_midnight)
            if at <= self.latest + timedelta(days=1):
                return at
        return None

    def _utc(self, local: datetime) -> datetime:
        """A clock's time without its zone. An hour that a clock shows twice is the second one once the log is past it:
        taken for the first, what a server said last would be older than what it had said before.
        """
        first, second = (local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        passed = self._last is not None and first < self._last - DISORDER
        return second if passed and second > first else first


def _why(dsn: str, said: str) -> FailureClass | None:
    """Why it bounced: by the next server's own reply where the log repeats it, else by the relay's status."""
    reply = _SAID.search(said)
    if reply is not None:
        why = failure_class(SmtpReply(int(reply[1]), reply[2] or "", reply[3]))
        return late_class(why, said) if is_refused_late(said) else why
    return failure_class(SmtpReply(450 if dsn.startswith("4") else 550, dsn, said))
