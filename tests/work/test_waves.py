"""Waves: dealt when planned, released by a look, stopped for a person; nobody lost, nobody twice."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.cli.demo.reply_mail import Voice, as_abuse_report, as_reply
from outreach.errors import InputError, NeedsPerson
from outreach.records import (
    AlertKind,
    Campaign,
    CampaignState,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Step,
    WaveVerdict,
)
from outreach.store.accounts import account
from outreach.store.alerts import open_alerts
from outreach.store.campaigns import change_campaign_state
from outreach.store.consents import unsubscribe
from outreach.store.editions import find_campaign
from outreach.store.outbox import claim, count_due
from outreach.store.slices import note_slice
from outreach.store.waves import looks_of
from outreach.work.compose import apply_campaign
from outreach.work.proposal import let_go, propose
from outreach.work.publish import open_occasion, publish_due
from outreach.work.send import send_open
from outreach.work.waves import look_at_waves, next_look, release_wave, stop_waves, wave_views
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace, open_workspace

from ..conftest import START, HandClock
from ..flows.coming_back import add_people, bounce, come_back, mails_of, write_campaign
from ..made import Mould

GO, WARN, STOP = WaveVerdict.GO, WaveVerdict.WARN, WaveVerdict.STOP
PEOPLE = 560
SIZES = [500, 56, 4]
HOUR = {"minutes": 60}


@pytest.fixture(scope="module")
def planned_once(made_once: Mould, tmp_path_factory: pytest.TempPathFactory) -> Mould:
    """A workspace whose edition in waves is planned, made once; tests on SQLite get copies."""
    root = tmp_path_factory.mktemp("planned") / "acme"
    made_once.pour(root)
    workspace = open_workspace(root, HandClock(START))
    plan(workspace)
    workspace.database.close()
    return Mould(root)


@pytest.fixture
def workspace(workspace: Workspace, request: pytest.FixtureRequest, backend: str) -> Iterator[Workspace]:
    """The usual one, or where the test wants `edition` a copy of the one that is planned."""
    if "edition" not in request.fixturenames or backend != "sqlite":
        yield workspace
        return
    workspace.database.close()
    shutil.rmtree(workspace.root)
    request.getfixturevalue("planned_once").pour(workspace.root)
    opened = open_workspace(workspace.root, workspace.clock)
    yield opened
    opened.database.close()


@pytest.fixture
def edition(workspace: Workspace, backend: str) -> int:
    """An edition in waves to 560 people at 56 domains, planned and open."""
    return 1 if backend == "sqlite" else plan(workspace)


def plan(workspace: Workspace) -> int:
    """Import the people and plan the edition."""
    add_people(workspace, [f"p{number}@d{number % 56}.example" for number in range(PEOPLE)])
    apply_campaign(workspace, write_campaign(workspace, "waves: yes\n"))
    return open_occasion(workspace, "news")


def deliver(workspace: Workspace, edition_id: int) -> int:
    """Let all that may be claimed be sent, as a relay would take it; how many."""
    now, taken = workspace.clock(), 0
    while True:
        with workspace.database.write() as session:
            rows = claim(
                session, edition_ids=[edition_id], owner="test", limit=500, now=now, lease=timedelta(minutes=10)
            )
            if not rows:
                return taken
            taken += len(rows)
            session.connection().execute(
                update(Delivery)
                .where(col(Delivery.id).in_([row.id for row in rows]))
                .values(state=DeliveryState.SENT, owner=None, intent_at=now, sent_at=now, settled_at=now)
            )


def edition_of(workspace: Workspace, edition_id: int) -> Edition:
    with workspace.database.read() as session:
        return session.get_one(Edition, edition_id)


def rows_of(workspace: Workspace, edition_id: int) -> list[Delivery]:
    with workspace.database.read() as session:
        return list(session.execute(select(Delivery).where(col(Delivery.edition_id) == edition_id)).scalars())


def adds_up(workspace: Workspace) -> bool:
    with workspace.database.read() as session:
        campaign = find_campaign(session, "news")
        assert campaign is not None and campaign.id is not None
        return all(line.adds_up and line.digest_matches for line in account(session, campaign.id))


def alerts(workspace: Workspace, kind: AlertKind = AlertKind.WAVE_STOPPED) -> list[str]:
    with workspace.database.read() as session:
        return [alert.words for alert in open_alerts(session, kind)]


def stopped(workspace: Workspace, clock: HandClock, edition_id: int) -> list[bytes]:
    """The first wave goes out, six people report it as abuse, and the look stops the rest; the mails that came."""
    deliver(workspace, edition_id)
    mails = list(mails_of(workspace, edition_id, DeliveryState.SENT).items())
    come_back(workspace, [as_abuse_report(mail) for _, mail in mails[:6]])
    clock.advance(**HOUR)
    (looked,) = look_at_waves(workspace)
    assert (looked.verdict, looked.wave) == (STOP, 1)
    return [mail for _, mail in mails]


def test_people_are_dealt_to_waves_when_planned_and_only_who_is_to_get_it(
    workspace: Workspace, clock: HandClock
) -> None:
    add_people(workspace, [f"p{number}@d.example" for number in range(PEOPLE + 40)])
    with workspace.database.write() as session:
        for customer in range(1, 41):
            unsubscribe(session, customer_id=customer, list_id=None, at=clock(), how="mail", evidence="test")
    apply_campaign(workspace, write_campaign(workspace, "waves: yes\n"))
    edition_id = open_occasion(workspace, "news")
    edition = edition_of(workspace, edition_id)
    queued = Counter(row.wave for row in rows_of(workspace, edition_id) if row.state is DeliveryState.QUEUED)
    assert edition.planned == 600 and sum(edition.waves) == PEOPLE
    assert edition.waves == [queued[0], queued[1], queued[2]] and edition.waves[0] >= 500
    assert edition.released_wave == 0


def test_a_small_edition_goes_in_one_whatever_its_campaign_says(workspace: Workspace) -> None:
    add_people(workspace, [f"p{number}@d.example" for number in range(30)])
    apply_campaign(workspace, write_campaign(workspace, "waves: yes\n"))
    edition_id = open_occasion(workspace, "news")
    assert edition_of(workspace, edition_id).waves == []
    assert deliver(workspace, edition_id) == 30


def test_waves_that_make_no_sense_are_refused_with_their_line(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="must end in rest") as told:
        apply_campaign(workspace, write_campaign(workspace, "waves: 500, 10%\n"))
    assert told.value.line == 7


def test_only_a_released_wave_is_claimed_and_the_next_waits_for_its_look(
    workspace: Workspace, edition: int, clock: HandClock
) -> None:
    assert edition_of(workspace, edition).waves == SIZES
    assert deliver(workspace, edition) == 500
    with workspace.database.read() as session:
        assert count_due(session, [edition], clock(), 10) == 0
    clock.advance(minutes=59)
    assert look_at_waves(workspace) == [] and deliver(workspace, edition) == 0
    waiting = next_look(workspace, edition)
    assert waiting is not None and waiting[1] == clock() + timedelta(minutes=1)
    clock.advance(minutes=1)
    (looked,) = look_at_waves(workspace)
    assert (looked.verdict, looked.wave, looked.next_people) == (GO, 1, 56)
    assert deliver(workspace, edition) == 56
    assert look_at_waves(workspace) == [], "each wave has its own time"
    clock.advance(**HOUR)
    assert len(look_at_waves(workspace)) == 1 and deliver(workspace, edition) == 4
    assert look_at_waves(workspace) == [] and next_look(workspace, edition) is None
    with workspace.database.read() as session:
        assert [(look.wave, look.verdict, look.by) for look in looks_of(session, edition)] == [
            (0, GO, "outreach"),
            (1, GO, "outreach"),
        ]
    assert Counter(row.state for row in rows_of(workspace, edition)) == {DeliveryState.SENT: PEOPLE}
    assert adds_up(workspace)


def test_a_look_waits_while_mail_is_in_somebodys_hands_but_not_for_who_was_put_off(
    workspace: Workspace, edition: int, clock: HandClock
) -> None:
    deliver(workspace, edition)
    first = next(row for row in rows_of(workspace, edition) if row.wave == 0)
    with workspace.database.write() as session:
        session.connection().execute(
            update(Delivery).where(col(Delivery.id) == first.id).values(state=DeliveryState.INFLIGHT)
        )
        if not workspace.database.is_sqlite:
            note_slice(session, "w", [first.id])  # as its claim would have
    clock.advance(hours=2)
    assert look_at_waves(workspace) == []
    with workspace.database.write() as session:
        later = {"state": DeliveryState.DEFERRED, "next_at": clock() + timedelta(hours=3)}
        session.connection().execute(update(Delivery).where(col(Delivery.id) == first.id).values(**later))
    assert [one.verdict for one in look_at_waves(workspace)] == [GO]


def test_why_names_the_wave_that_a_person_waits_for(workspace: Workspace, edition: int) -> None:
    with workspace.database.read() as session:
        people = select(col(Delivery.wave), col(Customer.address)).join(
            Customer, col(Customer.id) == col(Delivery.customer_id)
        )
        address = {wave: str(found) for wave, found in session.execute(people)}
    first = explain_person(workspace, address[0], "news")
    assert first.answer == "yes: nothing speaks against it"
    second = explain_person(workspace, address[1], "news")
    assert second.allowed and second.answer == "later: a later wave (theirs is wave 2 of 3; 1 released)"


def test_six_abuse_reports_in_the_first_wave_stop_the_rest_and_tell_a_person_why(
    workspace: Workspace, edition: int, clock: HandClock
) -> None:
    stopped(workspace, clock, edition)
    now = edition_of(workspace, edition)
    assert now.state is EditionState.PAUSED
    assert now.reason.startswith("wave 1 of 3 was stopped: abuse reports: 6 of 500 (1.2 %), surely more than 0.3 %")
    assert alerts(workspace)[0].endswith("60 people have not got it and wait for you.")
    clock.advance(days=2)
    assert look_at_waves(workspace) == [] and deliver(workspace, edition) == 0
    with pytest.raises(NeedsPerson, match="abuse reports: 6 of 500"):
        open_occasion(workspace, "news")
    counts = Counter(row.state for row in rows_of(workspace, edition))
    assert counts == {DeliveryState.SENT: 500, DeliveryState.QUEUED: 60} and adds_up(workspace)


def test_a_person_lets_a_stopped_edition_go_on_and_everybody_else_gets_it_once(
    workspace: Workspace, edition: int, clock: HandClock
) -> None:
    stopped(workspace, clock, edition)
    clock.advance(days=6)
    release_wave(workspace, "news", "maria")
    assert alerts(workspace) == []
    assert deliver(workspace, edition) == 56, "who waited for longer than a mail's life is not given up"
    clock.advance(**HOUR)
    assert [one.verdict for one in look_at_waves(workspace)] == [STOP], "the figures are still what they are"
    proposal = propose(workspace, "news", release=True, by="maria")
    assert edition_of(workspace, edition).state is EditionState.PAUSED, "nothing goes before the yes"
    let_go(workspace, proposal, by="maria")
    assert deliver(workspace, edition) == 4
    with workspace.database.read() as session:
        said = [(look.verdict, look.by) for look in looks_of(session, edition)]
    assert said == [(STOP, "outreach"), (GO, "maria"), (STOP, "outreach"), (GO, "maria")]
    assert adds_up(workspace)


def test_bad_addresses_at_many_domains_stop_a_wave(workspace: Workspace, edition: int, clock: HandClock) -> None:
    deliver(workspace, edition)
    mails = list(mails_of(workspace, edition, DeliveryState.SENT).values())
    come_back(workspace, [bounce(mail, "5.1.1", "User unknown") for mail in mails[:45]])
    clock.advance(**HOUR)
    (looked,) = look_at_waves(workspace)
    assert looked.verdict is STOP and looked.reason == "bad addresses: 45 of 500 (9 %), surely more than 5 %"


def test_many_complaints_by_reply_stop_a_wave_and_a_few_only_warn(
    workspace: Workspace, edition: int, clock: HandClock
) -> None:
    deliver(workspace, edition)
    mails = list(mails_of(workspace, edition, DeliveryState.SENT).items())
    voice = Voice("complaint", "", "", "The pump is broken again and nobody answers my mails. This is unacceptable.")
    come_back(workspace, [as_reply(voice, mail, address) for address, mail in mails[:6]])
    clock.advance(**HOUR)
    (looked,) = look_at_waves(workspace)
    assert (looked.verdict, looked.reason) == (WARN, "complaints: 6 of 500 (1.2 %); 1 % is much")
    assert deliver(workspace, edition) == 56, "a warning releases the next wave"
    assert "The next wave went out all the same" in alerts(workspace, AlertKind.WAVE_WARNED)[0]
    come_back(workspace, [as_reply(voice, mail, address) for address, mail in mails[6:40]])
    clock.advance(**HOUR)
    (looked,) = look_at_waves(workspace)
    assert looked.verdict is STOP and looked.reason.startswith("complaints: 40 of 556")


@pytest.fixture
def together() -> Iterator[Any]:
    """Run the same thing in several threads at the same instant."""

    def run(what: Any, times: int) -> list[Any]:
        gate, done = threading.Barrier(times), []

        def one() -> None:
            gate.wait()
            done.append(what())

        threads = [threading.Thread(target=one, daemon=True) for _ in range(times)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done

    yield run


def test_whoever_looks_at_the_same_time_releases_a_wave_once(
    workspace: Workspace, edition: int, clock: HandClock, together: Any
) -> None:
    deliver(workspace, edition)
    clock.advance(**HOUR)
    looked = together(lambda: look_at_waves(workspace), 4)
    assert sum(map(len, looked)) == 1
    assert edition_of(workspace, edition).released_wave == 1
    with workspace.database.read() as session:
        assert len(looks_of(session, edition)) == 1


def test_a_person_stops_an_edition_and_lets_it_go_on(workspace: Workspace, edition: int, clock: HandClock) -> None:
    deliver(workspace, edition)
    stop_waves(workspace, "news", "maria")
    with pytest.raises(InputError, match="stopped already"):
        stop_waves(workspace, "news", "maria")
    clock.advance(hours=3)
    assert look_at_waves(workspace) == [] and deliver(workspace, edition) == 0
    assert edition_of(workspace, edition).reason == "wave 1 of 3 was stopped: maria stopped it"
    release_wave(workspace, "news", "maria")
    assert deliver(workspace, edition) == 56
    (view,) = wave_views(workspace, "news")
    assert [(one["state"], one["verdict"], one["by"]) for one in view["waves"]] == [
        ("out", "go", "maria"),
        ("going", None, ""),
        ("not yet", None, ""),
    ]


def test_a_cancelled_campaign_leaves_nobody_waiting_in_a_later_wave(
    workspace: Workspace, edition: int, clock: HandClock
) -> None:
    deliver(workspace, edition)
    with workspace.database.write() as session:
        change_campaign_state(session, "news", CampaignState.CANCELLED, clock())
    look_at_waves(workspace)
    send_open(workspace)
    counts = Counter(row.state for row in rows_of(workspace, edition))
    assert counts == {DeliveryState.SENT: 500, DeliveryState.CANCELLED: 60}
    assert edition_of(workspace, edition).state is EditionState.DONE and adds_up(workspace)


def test_a_newer_occasion_takes_the_place_of_one_that_was_stopped(workspace: Workspace, clock: HandClock) -> None:
    add_people(workspace, [f"p{number}@d{number % 56}.example" for number in range(PEOPLE)])
    apply_campaign(workspace, write_campaign(workspace, "waves: yes\nschedule: every day at 12:00\n"))
    publish_due(workspace)
    clock.advance(hours=2)
    (old,) = publish_due(workspace)
    deliver(workspace, old)
    stop_waves(workspace, "news", "maria")
    with workspace.database.write() as session:
        session.connection().execute(update(Campaign).values(body="Something new today."))
    clock.advance(days=1)
    publish_due(workspace)
    counts = Counter(row.state for row in rows_of(workspace, old))
    assert counts == {DeliveryState.SENT: 500, DeliveryState.CANCELLED: 60}
    assert edition_of(workspace, old).state is EditionState.CANCELLED
    with workspace.database.read() as session:
        assert session.execute(select(Step)).first() is None, "no occasion was passed over"
