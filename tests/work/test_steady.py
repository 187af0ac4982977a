"""Clocks that are set while we run: nobody twice, nothing lost, said plainly."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from outreach.errors import ClockError
from outreach.records import Delivery, DeliveryState, Edition, EditionState, Schedule
from outreach.work.compose import apply_campaign
from outreach.work.publish import publish_due
from outreach.work.send import send_open
from outreach.work.steady import SteadyClock, span_words
from outreach.work.worker import Job, Round, look_at_clock, run_forever, run_once
from outreach.work.workspace import Workspace

from ..conftest import START, HandClock
from ..servers import Sink, start_sink
from .sending import arrived, open_plain_press, with_relay
from .test_worker import wait_for

MakeCustomer = Callable[..., int]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEAPS = [HOUR, -HOUR, -DAY, 365 * DAY]


class Machine:
    """A machine whose clock can be set; `passed` is the time that has really passed."""

    def __init__(self) -> None:
        self.shown, self.passed = HandClock(START), timedelta()
        self.clock = SteadyClock(self.shown, lambda: self.passed.total_seconds())

    def wait(self, span: timedelta) -> None:
        self.passed += span
        self.shown.now += span

    def set(self, leap: timedelta) -> None:
        self.shown.now += leap


def test_the_clock_is_followed_back_and_a_day_forward_and_each_leap_is_said_once() -> None:
    machine = Machine()
    for leap, words in ((HOUR, "forward by 1 hour"), (-HOUR, "back by 1 hour"), (-DAY, "back by 1 day")):
        machine.wait(HOUR)
        machine.set(leap)
        assert machine.clock() == machine.shown.now
        assert words in machine.clock.look()
        assert machine.clock.look() == ""
    machine.set(timedelta(minutes=4))
    assert machine.clock.look() == ""


def test_a_clock_that_leaps_a_year_ahead_is_not_followed_until_it_is_right_again() -> None:
    machine = Machine()
    right = machine.clock()
    machine.set(365 * DAY)
    for _ in range(3):
        machine.wait(HOUR)
        right += HOUR
        assert machine.clock() == right
        with pytest.raises(ClockError, match="365 days ahead") as told:
            machine.clock.look()
        assert "start `outreach run` anew" in told.value.remedy
    machine.set(-365 * DAY)
    assert machine.clock() == right == machine.shown.now
    assert machine.clock.look() == ""
    machine.set(365 * DAY)
    assert SteadyClock(machine.shown, lambda: 0.0)() == right + 365 * DAY  # started anew, by somebody who has looked


def test_a_span_is_said_as_a_person_would() -> None:
    assert [span_words(span) for span in (HOUR, -DAY, 26 * HOUR, timedelta(seconds=9))] == [
        "1 hour",
        "1 day",
        "1 day",
        "less than a minute",
    ]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as opened:
        yield opened


def _daily(workspace: Workspace, number: int) -> None:
    path = workspace.root / "news.md"
    path.write_text(
        f"---\nname: news\nsubject: News {number}\nkind: news\nlist: customers\n"
        "schedule: every day at 09:00\nzone: UTC\n---\nHello\n",
        encoding="utf-8",
    )
    apply_campaign(workspace, path)


def _lives(workspace: Workspace, machine: Machine, sink: Sink) -> Workspace:
    sending = workspace.settings.sending.model_copy(update={"per_week": 7, "processes": 1})
    settings = workspace.settings.model_copy(update={"sending": sending})
    return with_relay(replace(workspace, settings=settings, clock=machine.clock), sink.port)


def _jobs(workspace: Workspace) -> list[Job]:
    return [
        Job("clock", "clock", 1, lambda: look_at_clock(workspace)),
        Job("publish", "planning", 1, lambda: publish_due(workspace)),
        Job("send", "outgoing", 1, lambda: send_open(workspace, press=open_plain_press)),
    ]


@pytest.mark.parametrize("leap", LEAPS, ids=span_words)
def test_with_a_clock_that_is_set_nobody_is_written_to_twice_and_nothing_is_lost(
    workspace: Workspace, make_customer: MakeCustomer, sink: Sink, leap: timedelta
) -> None:
    people = [make_customer(f"p{number}@example.com") for number in range(3)]
    machine = Machine()
    here = _lives(workspace, machine, sink)
    said: list[str] = []
    for step in range(6 * 5):  # five days, every four hours; on the third, between two occasions, the clock is set
        if step % 6 == 0:
            _daily(here, step)
        if step == 14:
            machine.set(leap)
        if step == 24 and leap > DAY:
            machine.set(-leap)
        done = run_once(here, jobs=_jobs(here))
        said += [str(done.results.get("clock") or ""), *(str(one.error) for one in done.troubles)]
        machine.wait(4 * HOUR)
    with here.database.read() as session:
        mails = session.exec(select(Delivery)).all()
        occasions = {edition.occasion for edition in session.exec(select(Edition))}
    last = machine.clock() - 4 * HOUR
    days = {
        f"{day:%Y-%m-%d}/09:00"
        for day in (START + number * DAY for number in range(1, 9))
        if day.replace(hour=9) <= last
    }
    assert days <= occasions, "an occasion was lost"
    assert {mail.state for mail in mails} == {DeliveryState.SENT}
    assert len(arrived(sink)) == len(set(arrived(sink))) == len(mails) == len(occasions) * len(people)
    assert max(Counter((mail.occasion, mail.customer_id) for mail in mails).values()) == 1
    assert sum(span_words(leap) in one for one in said) == (10 if leap > DAY else 1)


def test_a_living_run_says_that_the_clock_is_not_followed_and_that_it_works_again(workspace: Workspace) -> None:
    machine, stop, rounds = Machine(), threading.Event(), list[Round]()
    here = replace(workspace, clock=machine.clock)
    machine.set(365 * DAY)
    daemon = threading.Thread(target=run_forever, args=(here, stop, rounds.append), kwargs={"jobs": []}, daemon=True)
    daemon.start()
    try:
        wait_for(lambda: any(isinstance(one.error, ClockError) for done in rounds for one in done.troubles))
        machine.set(-365 * DAY)
        wait_for(lambda: bool(rounds) and not rounds[-1].troubles)
    finally:
        stop.set()
        daemon.join()


def test_a_schedule_that_a_wrong_clock_moved_on_goes_back_to_what_is_next(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    make_customer("ann@example.com")
    _daily(workspace, 0)
    clock.advance(days=365)  # started under a wrong clock: all days until then are passed over, and the newest waits
    publish_due(workspace)
    with workspace.database.read() as session:
        assert [edition.state for edition in session.exec(select(Edition))] != []
    clock.advance(days=-365)
    publish_due(workspace)
    for day in range(1, 4):
        clock.now = datetime.combine((START + day * DAY).date(), START.replace(hour=9).timetz())
        _daily(workspace, day)
        publish_due(workspace)
    with workspace.database.read() as session:
        opened = {edition.occasion: edition.state for edition in session.exec(select(Edition))}
        row = session.exec(select(Schedule)).one()
    for day in (2, 3, 4):
        assert opened[f"2026-12-0{day}/09:00"] in (EditionState.OPEN, EditionState.DONE)
    assert row.next_occasion == "2026-12-05/09:00"
