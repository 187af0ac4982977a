"""Reading a relay's log files: doubts that it settles, and what the next server said of every mail found in it.

Law: `delivery.maillog` says what a line proves; here files are opened and facts written down, a few hundred at a time
and each by a compare-and-set, so that a log of any length takes the same memory and reading it twice changes nothing.
That a mail is not in the log is never taken as proof: it may be proposed to a person, who says so.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import BinaryIO

from dateutil.tz import tzlocal

from ..address import address_key, address_tag, canonical_address, read_token
from ..delivery.maillog import LONGEST_LINE, Answer, Fact, LogReader, Refused, Taken
from ..errors import InputError
from ..records import DeliveryEvent, DeliveryState, FailureClass, Onward
from ..store.bounces import Heard
from ..store.doubts import Doubt, doubts, settle_doubt
from ..store.onward import LoggedMail, Word, is_newer, logged_mails, record_onward
from .bounces import bounce_rules, look_back, take_bounces, watch_bounces
from .workspace import Workspace

TOGETHER = 200
MARGIN = timedelta(minutes=15)
"""A log covers an instant only if it was begun and went on so long before and after it: clocks differ, relays wait."""
BY = "maillog"
Progress = Callable[[int], None]
"""Told how many bytes of the files were read since it was told last."""


@dataclass
class LogResult:
    """What reading logs did. `onward` counts words that were new; `strangers` answers about other people's addresses.

    `unexpected` are mails that the relay took though we hold them as not sent: (public id, state, place). `absent`
    are doubts that a complete log covers and does not name. `bounced_at` are the minutes in which mails bounced,
    `storms` the domains that refused everybody then, in words.
    """

    lines: int = 0
    first: datetime | None = None
    last: datetime | None = None
    mails: int = 0
    settled_sent: int = 0
    settled_failed: int = 0
    onward: Counter[Onward] = field(default_factory=Counter)
    strangers: int = 0
    unexpected: list[tuple[str, DeliveryState, str]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    left: list[Doubt] = field(default_factory=list)
    absent: list[Doubt] = field(default_factory=list)
    bounced_at: set[datetime] = field(default_factory=set)
    storms: list[str] = field(default_factory=list)

    def heed_storms(self, workspace: Workspace) -> None:
        """Look whether domains refused everybody, now or when the bounces that were read happened."""
        if self.onward[Onward.BOUNCED]:
            self.storms = look_back(workspace, self.bounced_at)
            watch_bounces(workspace)


def read_logs(
    workspace: Workspace,
    files: Sequence[Path],
    *,
    zone: tzinfo | None = None,
    complete: bool = False,
    relay: str = "",
    progress: Progress | None = None,
) -> LogResult:
    """Read these log files, oldest first whatever their order, and write down what they prove.

    `zone` is the clock of lines that name none; None: this machine's. `complete`: a person says that the files hold
    all that the relay (`relay`, if there are several) logged; then doubts that they cover and do not name are listed
    as absent. Raises InputError where a file cannot be opened.
    """
    result = LogResult()
    scribe = Scribe(workspace, result)
    reader = LogReader(lambda path: whose(workspace, path), zone or tzlocal(), workspace.clock())
    for path in _oldest_first(workspace, files, zone or tzlocal()):
        reader.latest = _written_until(path, workspace.clock())
        try:
            for line, place in _lines(path, progress):
                for fact in reader.read(line, place):
                    scribe.take(fact)
        except (OSError, EOFError, zlib.error) as wrong:
            result.troubles.append(f"{path.name}: damaged behind line {reader.lines}: {wrong}")
    scribe.write()
    result.heed_storms(workspace)
    result.lines, result.first, result.last = reader.lines, reader.first, reader.last
    with workspace.database.read() as session:
        result.left = list(doubts(session))
    if complete and not result.troubles:
        result.absent = [one for one in result.left if relay in ("", one.relay) and _covers(result, one.intent_at)]
    return result


def _covers(result: LogResult, at: datetime | None) -> bool:
    if at is None or result.first is None or result.last is None:
        return False
    return result.first <= at - MARGIN and at + MARGIN <= result.last


class Scribe:
    """Gathers facts by mail and writes them down together."""

    def __init__(self, workspace: Workspace, result: LogResult) -> None:
        self._workspace, self._result = workspace, result
        self._rules = bounce_rules(workspace.settings.bounces)
        self._facts: dict[str, list[Fact]] = {}

    def take(self, fact: Fact) -> None:
        """Keep a fact; write when enough mails are together."""
        self._facts.setdefault(fact.public_id, []).append(fact)
        if len(self._facts) >= TOGETHER:
            self.write()

    def write(self) -> None:
        """Write down what was gathered: doubts first, then the next servers' words."""
        facts, self._facts = self._facts, {}
        if not facts:
            return
        with self._workspace.database.read() as session:
            mails = logged_mails(session, facts)
        changes = [(mail, facts[public_id], self._word(mail, facts[public_id])) for public_id, mail in mails.items()]
        self._result.mails += sum(any(isinstance(fact, Taken) for fact in told) for _, told, _ in changes)
        needed = [
            (mail, told, found)
            for mail, told, found in changes
            if mail.state is DeliveryState.IN_DOUBT
            or (found is not None and is_newer(found[0], mail.onward, mail.onward_at))
            or (mail.state in _NOT_SENT and any(isinstance(fact, Taken) for fact in told))
        ]
        if needed:
            self._write(needed)

    def _write(self, changes: Sequence[tuple[LoggedMail, list[Fact], tuple[Word, Answer] | None]]) -> None:
        now = self._workspace.clock()
        with self._workspace.database.write() as session:
            for mail, told, _ in changes:
                ends = _evidence(told)
                if mail.state is DeliveryState.IN_DOUBT and ends is not None:
                    event, evidence, failure = ends
                    done = settle_doubt(
                        session, mail.delivery_id, event=event, at=now, evidence=evidence, by=BY, failure=failure
                    )
                    self._result.settled_sent += done and event is DeliveryEvent.EVIDENCE_SENT
                    self._result.settled_failed += done and event is DeliveryEvent.EVIDENCE_FAILED
                taken = next((fact for fact in told if isinstance(fact, Taken)), None)
                if taken is not None and mail.state in _NOT_SENT:
                    self._result.unexpected.append((mail.public_id, mail.state, taken.place))
            words = [found for mail, _, found in changes if found is not None and mail.state not in _NOT_SENT]
            kept = {id(word) for word in record_onward(session, [word for word, _ in words], now, BY)}
            for word, answer in words:
                if id(word) in kept:
                    self._result.onward[word.onward] += 1
                    if answer.failure is not None:
                        # as of when it happened: an old log that is read today is no storm of today
                        heard = Heard(word.delivery_id, answer.failure, f"{word.words} ({word.place})")
                        take_bounces(session, self._rules, [heard], BY, word.at)
                        self._result.bounced_at.add(word.at.replace(second=0, microsecond=0))

    def _word(self, mail: LoggedMail, told: Sequence[Fact]) -> tuple[Word, Answer] | None:
        """The newest word about the very person that the mail was for."""
        answers = [fact for fact in told if isinstance(fact, Answer)]
        ours = [answer for answer in answers if self._is_ours(mail, answer)]
        self._result.strangers += len(answers) - len(ours)
        if not ours:
            return None
        last = max(enumerate(ours), key=lambda pair: (pair[1].at, pair[0]))[1]
        return Word(mail.delivery_id, last.onward, last.words, last.at, last.place), last

    def _is_ours(self, mail: LoggedMail, answer: Answer) -> bool:
        return not answer.recipients or any(self._key(address) in mail.keys for address in answer.recipients)

    def _key(self, address: str) -> str:
        try:
            return address_key(self._workspace.keys, canonical_address(address))
        except InputError:
            return ""


_NOT_SENT = frozenset(DeliveryState) - {
    DeliveryState.SENT,
    DeliveryState.IN_DOUBT,
    DeliveryState.INFLIGHT,
    DeliveryState.CLAIMED,
}


def _evidence(told: Sequence[Fact]) -> tuple[DeliveryEvent, str, FailureClass | None] | None:
    """How a doubt about this mail ends, if at all: taken is taken, whatever was refused before or after."""
    for fact in told:
        if isinstance(fact, Taken):
            when = f"{fact.at:%Y-%m-%d %H:%M:%S} UTC"
            return DeliveryEvent.EVIDENCE_SENT, f"{fact.place}: the relay took it as {fact.queue} at {when}", None
    for fact in told:
        if isinstance(fact, Refused):
            words = f"{fact.place}: the relay refused it: {fact.words}"
            return DeliveryEvent.EVIDENCE_FAILED, words, FailureClass.REFUSED
    return None


def whose(workspace: Workspace, reverse_path: str) -> str | None:
    """The public id of the delivery that a reverse-path of ours names."""
    return read_token(workspace.keys, "bounce", address_tag(reverse_path))


def _oldest_first(workspace: Workspace, files: Sequence[Path], zone: tzinfo) -> list[Path]:
    """The files by their first instant; each must open. A file that is named twice is read once."""
    begins: dict[Path, datetime] = {}
    for path in dict.fromkeys(path.resolve() for path in files):
        probe = LogReader(lambda _: None, zone, _written_until(path, workspace.clock()))
        try:
            for number, (line, place) in enumerate(_lines(path, None)):
                list(probe.read(line, place))
                if probe.first is not None or number > 1000:
                    break
        except IsADirectoryError:
            raise InputError(
                "is a folder", file=path, remedy="Name the log's files, such as /var/log/mail.log*"
            ) from None
        except OSError as wrong:
            if not isinstance(wrong, gzip.BadGzipFile):
                raise InputError(f"cannot be read: {wrong.strerror}", file=path) from wrong
        except (EOFError, zlib.error):
            pass  # told when it is read as a whole
        begins[path] = probe.first or datetime.max.replace(tzinfo=UTC)
    return sorted(begins, key=begins.__getitem__)


def _written_until(path: Path, now: datetime) -> datetime:
    """No line of a file is younger than the file."""
    try:
        return min(datetime.fromtimestamp(path.stat().st_mtime, UTC), now)
    except OSError as wrong:
        raise InputError(f"cannot be read: {wrong.strerror}", file=path) from wrong


def _lines(path: Path, progress: Progress | None) -> Iterator[tuple[str, str]]:
    """Each whole line with its place, `mail.log:17`. The last one without an end is still being written: left out."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        source: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if packed else raw
        number, read, cut = 0, 0, False
        while line := source.readline(LONGEST_LINE):
            if not line.endswith(b"\n"):
                cut = True
                continue
            number += 1
            if cut:
                cut = False
                continue
            yield line.decode("utf-8", "replace"), f"{path.name}:{number}"
            if progress is not None and number % 5000 == 0:
                at = os.lseek(raw.fileno(), 0, os.SEEK_CUR)
                progress(at - read)
                read = at
        if progress is not None:
            progress(path.stat().st_size - read)
