"""An edition goes out for real, and bounces of every kind come back through a real Maildir."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select
from sqlmodel import col

from outreach.records import AlertKind, Bounce, DeliveryState, Suppression, SuppressionReason
from outreach.store.accounts import account
from outreach.store.alerts import open_alerts
from outreach.store.edition_figures import edition_figures
from outreach.store.editions import find_campaign
from outreach.work.collect import collect
from outreach.work.compose import apply_campaign
from outreach.work.publish import open_occasion
from outreach.work.send import send_open
from outreach.work.workspace import Workspace

from ..conftest import HandClock
from ..servers import start_sink
from ..work.sending import arrived, with_relay
from .coming_back import add_people, bounce, come_back, mails_of, plain_bounce, write_campaign


def test_of_300_mails_92_come_back_12_addresses_are_blocked_30_get_a_point_and_a_storm_of_40_blocks_nobody(
    workspace: Workspace, tmp_path: Path, clock: HandClock
) -> None:
    calm = [f"p{number}@d{number % 12}.example" for number in range(240)]
    stormy = [f"s{number}@storm.example" for number in range(60)]
    add_people(workspace, calm + stormy)
    apply_campaign(workspace, write_campaign(workspace))
    edition_id = open_occasion(workspace, "news")
    with start_sink(tmp_path / "sink.log") as sink:
        sent = send_open(with_relay(workspace, sink.port))
        assert sent.sent == 300 and len(set(arrived(sink))) == 300
    clock.advance(minutes=20)
    mails = mails_of(workspace, edition_id, DeliveryState.SENT)
    raws = [bounce(mails[one], "5.1.1", "User unknown") for one in calm[:6]]
    raws += [plain_bounce(mails[one], "Sorry, no mailbox here by that name. (#5.1.1)") for one in calm[6:12]]
    raws += [bounce(mails[one], "5.2.2", "mailbox full") for one in calm[12:22]]
    raws += [bounce(mails[one], "5.7.1", "user unknown or blocked by policy") for one in calm[22:32]]
    raws += [plain_bounce(mails[one], "Remote host said: 554 transaction failed") for one in calm[32:42]]
    raws += [bounce(mails[one], "4.4.1", "still trying") for one in calm[42:52]]
    raws += [bounce(mails[one], "5.1.1", "User unknown") for one in stormy[:40]]
    counts = come_back(workspace, raws)
    assert counts.kinds == {"bounce": 82, "delay": 10} and counts.unreadable == 0

    with workspace.database.read() as session:
        blocked = Counter(session.execute(select(col(Suppression.reason))).scalars())
        kept = list(session.execute(select(Bounce)).scalars())
        campaign = find_campaign(session, "news")
        assert campaign is not None and campaign.id is not None
        (line,) = account(session, campaign.id)
        (figures,) = edition_figures(session)
        (alert,) = open_alerts(session, AlertKind.DOMAIN_PAUSED)
    assert blocked == {SuppressionReason.BAD_ADDRESS: 12}, "those twelve alone"
    assert Counter((one.failure.value, one.storm) for one in kept) == {
        ("bad_address", False): 12,
        ("mailbox_full", False): 10,
        ("refused", False): 10,
        ("other", False): 10,
        ("bad_address", True): 40,
    }
    assert line.adds_up and line.counts[DeliveryState.SENT] == 300, "what the relay took stays what it said"
    assert line.bounced == 82
    assert (figures.rates.bounces.count, figures.reached) == (82, 218)
    assert "storm.example" in alert.words

    again = open_occasion(workspace, "news", again=True)
    with start_sink(tmp_path / "again.log") as sink:
        assert send_open(with_relay(workspace, sink.port)).sent == 228, "the storm's people wait"
        clock.advance(hours=6)
        collect(workspace)
        assert send_open(with_relay(workspace, sink.port)).sent == 60
        assert len(set(arrived(sink))) == 288
    with workspace.database.read() as session:
        first, second = account(session, campaign.id)
        assert open_alerts(session, AlertKind.DOMAIN_PAUSED) == [], "the pause is over, and so is its alert"
    assert second.edition_id == again and second.counts[DeliveryState.SUPPRESSED] == 12
    assert first.adds_up and second.adds_up
    assert replace(second, counts=first.counts).planned == 300
