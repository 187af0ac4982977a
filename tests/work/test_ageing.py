"""The register adds up over random work at the desk, as the database tells it."""

from __future__ import annotations

import random

from outreach.errors import OutreachError
from outreach.records import CaseEvent, Category, Channel
from outreach.work.ageing import read_ageing
from outreach.work.answer import answer, assign_case, change_state
from outreach.work.fixed import say_fixed
from outreach.work.tend import tend_cases
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import BOTH, HandClock


@BOTH
def test_the_register_adds_up_at_every_instant(workspace: Workspace, clock: HandClock) -> None:
    chance = random.Random(1)
    count = 0
    for step in range(80):
        clock.advance(hours=chance.randint(1, 30))
        what = chance.random()
        if what < 0.3 or not count:
            channel = chance.choice([Channel.EMAIL, Channel.PHONE])
            sender = f"p{step}@example.com"
            topics = (chance.choice(["leak", "app"]),)
            receive(workspace, chance.choice([Category.COMPLAINT, Category.QUESTION]), sender=sender, channel=channel,
                    topics=topics)  # fmt: skip
        else:
            number = chance.randint(max(1, count - 3), count)
            try:
                if what < 0.5:
                    answer(workspace, number, "We are at it.", "maria", then=chance.choice([None, CaseEvent.RESOLVE]))
                elif what < 0.6:
                    assign_case(workspace, number, chance.choice(["maria", "tom"]), "eve")
                else:
                    events = [CaseEvent.WAIT, CaseEvent.RESOLVE, CaseEvent.CONFIRM, CaseEvent.REOPEN, CaseEvent.DISMISS]
                    change_state(workspace, number, chance.choice(events), "maria")
            except OutreachError:
                pass
        if step % 10 == 0:
            tend_cases(workspace)
        report = read_ageing(workspace, days=7, escalations=1, ways=("topic", "owner", "channel"), period_days=3)
        count = report.register.opened
        assert report.register.adds_up
        assert report.period.adds_up
        for rows in report.rows.values():
            assert sum(row.unresolved for row in rows) >= len(report.unresolved)
    assert report.register.closed > 3
    assert report.register.reopened > 0
    assert say_fixed(workspace, "none", yes=True) is None
