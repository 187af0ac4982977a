"""Weeks of customers on a virtual clock, judged by what they know themselves and by the mail server's own log."""

from __future__ import annotations

from pathlib import Path

import pytest

from outreach.chance import Z
from outreach.plan.holdout import Finding
from outreach.records import Inbound
from outreach.store.plan import lift_holds
from outreach.work.workspace import Workspace

from ..conftest import HandClock
from ..servers import start_sink
from .weeks import Nature, Verdict, Weeks

SMALL = Nature(
    people=160, weeks=3, untouched=0.45, touched=0.15, questions=0.02, leaving=0.02, held_out_percent=40, effect=0.9
)


def judge(verdict: Verdict, nature: Nature) -> None:
    """Nobody held is mailed, nobody else is missed or mailed twice, every skip has its reason, the effect is found.

    Each issue's complaints are counted to the very person; the truth then lies within four standard errors, which
    chance misses once in 16,000 seeds (a 95 % interval is missed by one seed in 20).
    """
    assert verdict.faults == []
    assert verdict.answers_lost == 0
    assert verdict.editions == nature.weeks + 2 * ((nature.weeks + 1) // 2)
    assert {"open complaint", "unsubscribed", "budget", "held out"} <= set(verdict.skips), "each kind of skip was tried"
    assert verdict.tested >= nature.weeks // 2
    assert verdict.help is not None
    assert verdict.help.finding is Finding.FEWER
    found = verdict.help.less
    assert abs(found.value - verdict.true_difference) < 4 * (found.high - found.low) / (2 * Z)


def test_a_few_weeks_of_few_people_hold_nobody_too_many_and_find_the_effect_of_a_tip(
    workspace: Workspace, clock: HandClock, tmp_path: Path
) -> None:
    with start_sink(tmp_path / "sink.log", "--subjects") as sink:
        verdict = Weeks(workspace, clock, sink, SMALL).live()
    judge(verdict, SMALL)


def test_the_people_notice_when_holds_are_lost(workspace: Workspace, clock: HandClock, tmp_path: Path) -> None:
    def lose(spoilt: Workspace, inbound_id: int) -> None:
        with spoilt.database.write() as session:
            case = session.get_one(Inbound, inbound_id).case_id
            if case is not None:
                lift_holds(session, case, None, spoilt.clock())

    nature = Nature(people=20, weeks=1, untouched=1.0, touched=0.9, held_out_percent=0)
    with start_sink(tmp_path / "sink.log", "--subjects") as sink:
        verdict = Weeks(workspace, clock, sink, nature, after_review=lose).live()
    assert verdict.held_mailed


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_twelve_weeks_of_ten_thousand_people(workspace: Workspace, clock: HandClock, tmp_path: Path) -> None:
    nature = Nature()
    with start_sink(tmp_path / "sink.log", "--subjects") as sink:
        verdict = Weeks(workspace, clock, sink, nature).live()
    judge(verdict, nature)
    assert verdict.mails > 130_000 and verdict.complaints > 1000
