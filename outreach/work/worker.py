"""The daemon, and its single round for cron: publish what is due, send, collect replies, follow up.

Law: the `schedule` library is only a heartbeat; what is due stands in the database, so nothing is forgotten while
nobody runs. A job that fails is told and tried again at its next beat; it never stops the others. On SQLite one
daemon per database, by flock; `send` and `run --once` beside it join the same outbox. On PostgreSQL several daemons do:
they share the sending, and of the other jobs each is done by one of them at a time.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schedule

from ..errors import NeedsPerson, OutreachError
from ..store.health import DAEMON, ROUND
from .collect import collect
from .follow_log import LogFollower
from .follow_up import follow_up
from .life import PULSE_SECONDS, daemon_life
from .lock import daemon_lock_file, hold_daemon_lock
from .prune import forget_unconfirmed
from .publish import publish_due
from .reach import ReachLook, look_for_silent
from .seats import give_free_places
from .send import send_open
from .sequences import SequenceCounts, follow_sequences
from .steady import SteadyClock
from .tend import tend_cases
from .trends import propose_trends
from .watch import JobBook, look_and_tell
from .waves import look_at_waves
from .workspace import Workspace, stop_book

SEND_SECONDS = 5
SEQUENCE_SECONDS = 30
FOLLOW_UP_SECONDS = 60
LOG_SECONDS = 30
STOPS_SECONDS = 300
TRENDS_SECONDS = 3600
TICK_SECONDS = 0.5
ALERT_SECONDS = 15
PLANNING, OUTGOING, INCOMING, WATCHING, LIVING = "planning", "outgoing", "incoming", "watching", "living"
KEEPING = "keeping"
CLOCK = "clock"


@dataclass(frozen=True)
class Job:
    """A piece of work that is done again and again. Jobs of one lane never overlap; lanes do."""

    name: str
    lane: str
    seconds: int
    work: Callable[[], Any]


@dataclass(frozen=True)
class Trouble:
    """A job that failed, and why; `expected` where a person can mend it by the remedy."""

    job: str
    error: Exception
    details: str = ""

    @property
    def expected(self) -> bool:
        """Whether this is one of our own errors rather than a fault of the program."""
        return isinstance(self.error, OutreachError)

    @property
    def waits(self) -> bool:
        """Whether nothing is broken, but a person must decide."""
        return isinstance(self.error, NeedsPerson)


@dataclass
class Round:
    """What came of each job, by its name, and what failed."""

    results: dict[str, Any] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)


def usual_jobs(workspace: Workspace, stop: threading.Event) -> tuple[Job, ...]:
    """What a workspace needs done, in the order of one round: replies first, so that holds know who complained."""
    every = workspace.settings.replies.every_seconds
    logs, book = LogFollower(workspace), stop_book(workspace)
    reading = [Job("maillog", INCOMING, LOG_SECONDS, _alone(workspace, "maillog", logs.look))] if logs.wanted else []
    return (
        Job("replies", INCOMING, every, _alone(workspace, "replies", lambda: collect(workspace))),
        Job("cases", INCOMING, FOLLOW_UP_SECONDS, _alone(workspace, "cases", lambda: tend_cases(workspace))),
        Job(
            "trends",
            INCOMING,
            TRENDS_SECONDS,
            _alone(workspace, "trends", lambda: _hourly(workspace)),
        ),
        Job("publish", PLANNING, SEND_SECONDS, _alone(workspace, "publish", lambda: publish_due(workspace))),
        Job("sequences", PLANNING, SEQUENCE_SECONDS, _alone(workspace, "sequences", lambda: _sequences(workspace))),
        Job("waves", PLANNING, SEND_SECONDS, _alone(workspace, "waves", lambda: look_at_waves(workspace))),
        Job("send", OUTGOING, SEND_SECONDS, lambda: send_open(workspace, stop=stop, owner="run")),
        *reading,
        Job("stops", KEEPING, STOPS_SECONDS, lambda: book.follow(stop.is_set)),  # on each machine: each has a register
        Job("follow_up", INCOMING, FOLLOW_UP_SECONDS, _alone(workspace, "follow_up", lambda: follow_up(workspace))),
    )


def _sequences(workspace: Workspace) -> SequenceCounts:
    """Seminars' free places first: whoever gets one is reminded."""
    give_free_places(workspace)
    return follow_sequences(workspace)


def _hourly(workspace: Workspace) -> dict[str, Any]:
    """What need not be done more often: trends, who never confirmed, and who has been silent for long."""
    topics = propose_trends(workspace)
    forgotten = forget_unconfirmed(workspace)
    silent = look_for_silent(workspace) if workspace.settings.reach.silent_issues else ReachLook()
    told = {"topics": topics, **({"sign_ups_never_confirmed": forgotten} if forgotten else {})}
    return {**told, **vars(silent)} if any(vars(silent).values()) else told


def _alone(workspace: Workspace, name: str, work: Callable[[], Any]) -> Callable[[], Any]:
    """The same work, left out while another machine does it: nobody waits, it comes round again."""

    def do() -> Any:
        with workspace.database.only_here(name) as ours:
            return work() if ours else None

    return do


def look_at_clock(workspace: Workspace) -> str:
    """What was said of the clock since the last look; it is only known to a process that lives through it."""
    return workspace.clock.look() if isinstance(workspace.clock, SteadyClock) else ""


def run_once(workspace: Workspace, *, stop: threading.Event | None = None, jobs: Sequence[Job] | None = None) -> Round:
    """One round of all jobs, each guarded. Beside a daemon, or another round, it does no harm."""
    stop = stop or threading.Event()
    done, book = Round(), JobBook()
    wanted = jobs if jobs is not None else [*usual_jobs(workspace, stop), alert_job(workspace, book)]
    book.jobs = [job.name for job in wanted]
    with daemon_life(workspace, ROUND) if jobs is None else nullcontext():
        for job in wanted:
            if not stop.is_set():
                guarded(job, done, book)
    return done


def alert_job(workspace: Workspace, book: JobBook) -> Job:
    """Look whether something needs a person, and tell; `book` knows how the other jobs went."""
    return Job("alerts", WATCHING, ALERT_SECONDS, _alone(workspace, "alerts", lambda: look_and_tell(workspace, book)))


def guarded(job: Job, done: Round, book: JobBook | None = None) -> None:
    """Do a job and keep what came of it, or what went wrong."""
    try:
        done.results[job.name] = job.work()
    except OutreachError as wrong:
        done.troubles.append(Trouble(job.name, wrong))
    except Exception as wrong:  # one job's fault must not stop the others
        done.troubles.append(Trouble(job.name, wrong, traceback.format_exc()))
    if book is not None:
        book.note(job.name, next((trouble.error for trouble in done.troubles if trouble.job == job.name), None))


Say = Callable[[Round], None]


def run_forever(
    workspace: Workspace,
    stop: threading.Event,
    say: Say,
    *,
    on_ready: Callable[[], None] = lambda: None,
    jobs: Sequence[Job] | None = None,
) -> None:
    """Do the jobs at their beats until `stop` is set; `say` is told what came of each, `on_ready` that it begins.

    Raises DatabaseError where another daemon serves this database.
    """
    with only_daemon(workspace):
        on_ready()
        book = JobBook(daemon=True)
        with daemon_life(workspace, DAEMON) as life:
            wanted = jobs if jobs is not None else [*usual_jobs(workspace, stop), alert_job(workspace, book)]
            beat = Job("beat", LIVING, PULSE_SECONDS, life.pulse)
            clock = Job("clock", CLOCK, SEND_SECONDS, lambda: look_at_clock(workspace))
            lanes = [*_lanes(wanted, stop, say, book), _Lane(LIVING, [beat], stop, _only_troubles(say), book)]
            lanes.append(_Lane(CLOCK, [clock], stop, _only_news(say), book))
            book.jobs = [job.name for lane in lanes for job in lane.jobs]
            for lane in lanes:
                lane.start()
            heart = Heart([(job.seconds, lane.kicker(job)) for lane in lanes for job in lane.jobs])
            while not stop.wait(TICK_SECONDS):
                heart.beat()
            for lane in lanes:
                lane.finish()


@contextmanager
def only_daemon(workspace: Workspace) -> Iterator[None]:
    """Hold the lock that makes this the database's only daemon; on PostgreSQL there may be several."""
    remedy = "One is enough. `outreach send` and `outreach run --once` may run beside it."
    one = workspace.database.is_sqlite
    with hold_daemon_lock(daemon_lock(workspace), remedy) if one else nullcontext():
        yield


def daemon_lock(workspace: Workspace) -> Path:
    """The file whose lock the database's daemon holds; it stays where it is between runs."""
    return daemon_lock_file(workspace.root, workspace.database.path)


class Heart:
    """The ticker. `schedule` reads the local wall clock: where that is set back, its times are laid anew."""

    def __init__(self, beats: Sequence[tuple[int, Callable[[], None]]]) -> None:
        self._beats = beats
        self._ticker = schedule.Scheduler()
        self._lay()
        self._ticker.run_all()

    def beat(self) -> None:
        """Start whatever is due."""
        idle = self._ticker.idle_seconds
        if idle is not None and idle > min(seconds for seconds, _ in self._beats) + TICK_SECONDS:
            self._lay()
        self._ticker.run_pending()

    def _lay(self) -> None:
        self._ticker.clear()
        for seconds, kick in self._beats:
            self._ticker.every(seconds).seconds.do(kick)


class _Lane:
    """A thread that does its jobs one after the other when they are kicked."""

    def __init__(self, name: str, jobs: Sequence[Job], stop: threading.Event, say: Say, book: JobBook) -> None:
        self.jobs = list(jobs)
        self._stop, self._say, self._book = stop, say, book
        self._wanted: list[Job] = []
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Wait for the job in hand."""
        with self._wake:
            self._wake.notify_all()
        self._thread.join()

    def kicker(self, job: Job) -> Callable[[], None]:
        """What the heart calls: have the job done, once, even if it is asked for again before that."""

        def kick() -> None:
            with self._wake:
                if job not in self._wanted:
                    self._wanted.append(job)
                self._wake.notify_all()

        return kick

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._wanted or self._stop.is_set(), timeout=1.0)
                if self._stop.is_set():
                    return
                if not self._wanted:
                    continue
                job = self._wanted.pop(0)
            done = Round()
            guarded(job, done, self._book)
            try:
                self._say(done)
            except Exception:  # whoever cannot tell of a job must not end the jobs of this lane
                traceback.print_exc()


def _only_troubles(say: Say) -> Say:
    """A beat that went well is no news."""
    return lambda done: say(done) if done.troubles else None


def _only_news(say: Say) -> Say:
    """Tells what has words, what went wrong, and that it went well again."""
    failing = False

    def tell(done: Round) -> None:
        nonlocal failing
        if done.troubles or failing or any(done.results.values()):
            say(done)
        failing = bool(done.troubles)

    return tell


def _lanes(jobs: Sequence[Job], stop: threading.Event, say: Say, book: JobBook) -> list[_Lane]:
    names = list(dict.fromkeys(job.lane for job in jobs))
    return [_Lane(name, [job for job in jobs if job.lane == name], stop, say, book) for name in names]
