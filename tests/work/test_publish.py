from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from outreach.address import domain_key
from outreach.errors import InputError, NeedsPerson, UsageError
from outreach.plan.steps import PlanEvent
from outreach.records import Campaign, CampaignState, Delivery, DeliveryState, Edition, EditionState, Schedule, Step
from outreach.store.accounts import account
from outreach.store.editions import find_campaign
from outreach.store.outbox import insert_deliveries
from outreach.work import planning
from outreach.work.agenda import read_agenda
from outreach.work.compose import apply_campaign, apply_tip
from outreach.work.publish import open_occasion, plan_edition, publish_due
from outreach.work.workspace import Workspace

from ..conftest import BOTH
from .planning_kit import complain

MakeCustomer = Callable[..., int]
NEWS = "---\nname: news\nsubject: News {number}\nkind: news\nlist: customers\n{more}---\nHello\n"
TIPS = "---\nname: tips\nsubject: Tips\nkind: tips\nlist: customers\n{more}---\nHello\n"


@pytest.fixture
def people(make_customer: MakeCustomer) -> list[int]:
    return [make_customer(f"p{number}@example.com", zone="Europe/Berlin") for number in range(8)]


def _apply(workspace: Workspace, text: str = NEWS, *, number: int = 1, **front: str) -> None:
    path = workspace.root / "campaign.md"
    more = "".join(f"{key}: {value}\n" for key, value in front.items())
    path.write_text(text.format(more=more, number=number), encoding="utf-8")
    apply_campaign(workspace, path)


def _tip(workspace: Workspace, name: str, topic: str = "other") -> None:
    path = Path(workspace.root / f"{name}.md")
    path.write_text(f"---\nname: {name}\ntitle: {name}\ntopics: [{topic}]\n---\nDo {name}.\n", encoding="utf-8")
    apply_tip(workspace, path)


def _edition(workspace: Workspace, edition_id: int) -> Edition:
    with workspace.database.read() as session:
        return session.get_one(Edition, edition_id)


def _editions(workspace: Workspace) -> list[tuple[str, EditionState]]:
    with workspace.database.read() as session:
        rows = session.exec(select(Edition).order_by(Edition.id)).all()  # type: ignore[arg-type]
        return [(row.occasion, row.state) for row in rows]


def _deliveries(workspace: Workspace, edition_id: int) -> list[Delivery]:
    with workspace.database.read() as session:
        return list(session.exec(select(Delivery).where(Delivery.edition_id == edition_id)).all())


def _send_all(workspace: Workspace, edition_id: int) -> None:
    """Let everybody in the queue have had it, with the tips that would be chosen, and the edition be done."""
    from outreach.store.customers import load_customers
    from outreach.work.choose import choose_for

    now = workspace.clock()
    with workspace.database.write() as session:
        edition = session.get_one(Edition, edition_id)
        campaign = session.get_one(Campaign, edition.campaign_id)
        rows = session.exec(select(Delivery).where(Delivery.edition_id == edition_id)).all()
        people = load_customers(session, [row.customer_id for row in rows if row.customer_id])
        chosen = choose_for(session, workspace, edition=edition, campaign=campaign, customers=people.values(), now=now)
        for row in rows:
            if row.state is DeliveryState.QUEUED and row.customer_id is not None:
                row.state, row.sent_at, row.choices = DeliveryState.SENT, now, chosen[row.customer_id]
                session.add(row)


def _adds_up(workspace: Workspace, name: str) -> bool:
    with workspace.database.read() as session:
        campaign = find_campaign(session, name)
        assert campaign is not None and campaign.id is not None
        return all(line.adds_up and line.digest_matches for line in account(session, campaign.id))


@BOTH
def test_everybody_the_segment_gives_has_a_row_withheld_ones_too(
    workspace: Workspace, people: list[int], make_customer: MakeCustomer
) -> None:
    make_customer("gone@example.com", subscribed=False)
    make_customer("stranger@example.com", subscribed=None)
    complain(workspace, people[0])
    _apply(workspace)
    edition_id = open_occasion(workspace, "news")
    edition = _edition(workspace, edition_id)
    assert (edition.state, edition.occasion, edition.planned) == (EditionState.OPEN, "once-1", 9)
    rows = _deliveries(workspace, edition_id)
    assert Counter((row.state.value, row.reason) for row in rows) == {
        ("queued", ""): 7,
        ("withheld", "unsubscribed"): 1,
        ("withheld", "open complaint"): 1,
    }
    held = next(row for row in rows if row.reason == "open complaint")
    assert "lapses 3 Dec 2026" in held.evidence
    assert held.settled_at is not None
    assert {row.domain_key for row in rows} == {domain_key(workspace.keys, "anybody@EXAMPLE.com")}
    assert _adds_up(workspace, "news")


def test_send_finishes_what_is_unfinished_and_sends_nothing_where_it_is_done(
    workspace: Workspace, people: list[int]
) -> None:
    _apply(workspace)
    first = open_occasion(workspace, "news")
    assert open_occasion(workspace, "news") == first
    assert open_occasion(workspace, "news", again=True) == first
    _send_all(workspace, first)
    with pytest.raises(NeedsPerson, match="occasion once-1 is done") as caught:
        open_occasion(workspace, "news")
    assert caught.value.exit_status == 3
    assert "--again" in caught.value.remedy
    second = open_occasion(workspace, "news", again=True)
    assert second != first
    assert _edition(workspace, second).occasion == "once-2"
    assert _edition(workspace, second).number == 2


@BOTH
def test_a_due_schedule_opens_one_edition_and_moves_on(workspace: Workspace, people: list[int], clock: Any) -> None:
    _apply(workspace, schedule="every wednesday at 09:00", zone="Europe/Berlin")
    assert publish_due(workspace) == []
    clock.now = datetime(2026, 12, 2, 8, 0, 30, tzinfo=UTC)
    (edition_id,) = publish_due(workspace)
    assert publish_due(workspace) == []
    edition = _edition(workspace, edition_id)
    assert (edition.occasion, edition.state) == ("2026-12-02/09:00", EditionState.OPEN)
    assert edition.due_at == datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
    with workspace.database.read() as session:
        schedule = session.exec(select(Schedule)).one()
    assert (schedule.last_occasion, schedule.next_occasion) == ("2026-12-02/09:00", "2026-12-09/09:00")
    assert schedule.next_at == datetime(2026, 12, 9, 8, 0, tzinfo=UTC)


@BOTH
def test_daemons_cron_and_a_person_at_once_open_and_plan_one_occasion_once(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    _apply(workspace, schedule="every wednesday at 09:00", zone="Europe/Berlin")
    clock.now = datetime(2026, 12, 2, 8, 0, 30, tzinfo=UTC)
    start, found, wrong = threading.Barrier(6), [], []

    def act(number: int) -> None:
        start.wait()
        try:
            found.extend([open_occasion(workspace, "news")] if number % 2 else publish_due(workspace))
        except NeedsPerson as told:
            wrong.append(told)

    threads = [threading.Thread(target=act, args=(number,), daemon=True) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [told for told in wrong if "nothing is due" not in told.message]
    assert len(set(found)) == 1
    assert _editions(workspace) == [("2026-12-02/09:00", EditionState.OPEN)]
    assert len(_deliveries(workspace, found[0])) == len(people)
    assert _adds_up(workspace, "news")


def test_in_customers_own_zones_the_edition_opens_first_and_each_mail_is_due_at_the_same_wall_time(
    workspace: Workspace, make_customer: MakeCustomer, clock: Any
) -> None:
    zones = ["Pacific/Kiritimati", "Europe/Berlin", "America/Los_Angeles", None]
    ids = {make_customer(f"p{number}@example.com", zone=zone): zone for number, zone in enumerate(zones)}
    _apply(workspace, schedule="at 2026-12-03 09:00", zone="recipient")
    clock.now = datetime(2026, 12, 2, 18, 59, tzinfo=UTC)
    assert publish_due(workspace) == []
    clock.now = datetime(2026, 12, 2, 19, 0, tzinfo=UTC)
    (edition_id,) = publish_due(workspace)
    due = {ids[row.customer_id]: row.due_at for row in _deliveries(workspace, edition_id) if row.customer_id}
    assert due == {
        "Pacific/Kiritimati": datetime(2026, 12, 2, 19, 0, tzinfo=UTC),
        "Europe/Berlin": datetime(2026, 12, 3, 8, 0, tzinfo=UTC),
        "America/Los_Angeles": datetime(2026, 12, 3, 17, 0, tzinfo=UTC),
        None: datetime(2026, 12, 3, 9, 0, tzinfo=UTC),
    }
    for row in _deliveries(workspace, edition_id):
        assert row.expires_at == row.due_at + timedelta(days=5)
        assert row.next_at is None


def test_quiet_hours_shift_a_mail_and_withhold_nobody(
    workspace: Workspace, make_customer: MakeCustomer, clock: Any
) -> None:
    make_customer("bob@example.com", zone="America/Los_Angeles")
    _apply(workspace, schedule="every wednesday at 09:00", zone="Europe/Berlin")
    clock.now = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
    (edition_id,) = publish_due(workspace)
    (row,) = _deliveries(workspace, edition_id)
    assert (row.state, row.reason) == (DeliveryState.QUEUED, "quiet hours")
    assert row.next_at == datetime(2026, 12, 2, 16, 0, tzinfo=UTC)


@BOTH
def test_a_planning_that_broke_off_streams_again_and_ends_with_exactly_whom_the_segment_gives(
    workspace: Workspace, people: list[int], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _apply(workspace, segment='"country is empty"'.strip('"'))
    monkeypatch.setattr(planning, "CHUNK", 3)
    added: list[int] = []

    def break_off(count: int) -> None:
        added.append(count)
        if len(added) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_occasion(workspace, "news", progress=break_off)
    with workspace.database.read() as session:
        edition = session.exec(select(Edition)).one()
    assert edition.id is not None
    assert (edition.state, edition.planned) == (EditionState.PLANNING, None)
    assert len(_deliveries(workspace, edition.id)) == 6
    with workspace.database.write() as session:
        from outreach.records import Customer

        for gone in (people[0], people[4]):
            customer = session.get_one(Customer, gone)
            customer.country = "DE"
            session.add(customer)
    assert publish_due(workspace) == [edition.id]
    planned = {row.customer_id for row in _deliveries(workspace, edition.id)}
    assert planned == set(people) - {people[0], people[4]}
    assert _edition(workspace, edition.id).planned == 6
    assert _adds_up(workspace, "news")


@BOTH
def test_nothing_is_added_to_an_edition_whose_planning_another_process_has_ended(
    workspace: Workspace, people: list[int], monkeypatch: pytest.MonkeyPatch, make_customer: MakeCustomer
) -> None:
    _apply(workspace)
    monkeypatch.setattr(planning, "CHUNK", 3)
    nested: list[int] = []

    def another(count: int) -> None:
        if not nested:
            nested.append(count)
            make_customer("late@example.com")
            with workspace.database.read() as session:
                edition = session.exec(select(Edition)).one()
            assert edition.id is not None
            plan_edition(workspace, edition.id)

    edition_id = open_occasion(workspace, "news", progress=another)
    assert _edition(workspace, edition_id).planned == len(people) + 1
    assert len(_deliveries(workspace, edition_id)) == len(people) + 1
    assert _adds_up(workspace, "news")


@pytest.mark.parametrize(
    ("missed", "hours", "state"),
    [
        ("send", 11, EditionState.OPEN),
        ("send", 13, EditionState.WAITING),
        ("ask", 0.5, EditionState.OPEN),
        ("ask", 2, EditionState.WAITING),
        ("skip", 0.5, EditionState.OPEN),
        ("skip", 2, None),
    ],
)
def test_what_was_missed_follows_the_campaigns_policy(
    workspace: Workspace, people: list[int], clock: Any, missed: str, hours: float, state: EditionState | None
) -> None:
    _apply(workspace, schedule="every wednesday at 09:00", zone="UTC", missed=missed)
    publish_due(workspace)
    clock.now = datetime(2026, 12, 2, 9, 0, tzinfo=UTC) + timedelta(hours=hours)
    opened = publish_due(workspace)
    assert _editions(workspace) == ([("2026-12-02/09:00", state)] if state else [])
    assert bool(opened) is (state is EditionState.OPEN)
    with workspace.database.read() as session:
        steps = session.exec(select(Step).where(Step.rule == "missed_occasion")).all()
        assert session.exec(select(Schedule)).one().next_occasion == "2026-12-09/09:00"
    assert len(steps) == (state is None)


def test_of_several_missed_occasions_only_the_newest_counts_and_the_others_are_noted(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    _apply(workspace, schedule="every wednesday at 09:00", zone="UTC")
    publish_due(workspace)
    clock.now = datetime(2026, 12, 16, 9, 30, tzinfo=UTC)
    publish_due(workspace)
    assert _editions(workspace) == [("2026-12-16/09:00", EditionState.OPEN)]
    with workspace.database.read() as session:
        step = session.exec(select(Step)).one()
    assert step.evidence == {"occasions": ["2026-12-02/09:00", "2026-12-09/09:00"]}


def test_what_was_missed_goes_by_a_persons_word_and_is_then_not_expired(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    _apply(workspace, schedule="at 2026-12-02 09:00", zone="UTC", missed="ask")
    publish_due(workspace)
    clock.now = datetime(2026, 12, 20, 12, 0, tzinfo=UTC)
    assert publish_due(workspace) == []
    with pytest.raises(NeedsPerson, match="missed: it was due 2026-12-02 09:00 UTC, 18 days ago"):
        open_occasion(workspace, "news")
    edition_id = open_occasion(workspace, "news", release=True)
    assert {row.state for row in _deliveries(workspace, edition_id)} == {DeliveryState.QUEUED}


def test_a_recurring_campaign_that_says_the_same_again_waits_for_a_person(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    _apply(workspace, schedule="every wednesday at 09:00", zone="Europe/Berlin")
    publish_due(workspace)
    clock.now = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
    (first,) = publish_due(workspace)
    _send_all(workspace, first)
    clock.now = datetime(2026, 12, 9, 8, 0, tzinfo=UTC)
    assert publish_due(workspace) == []
    with pytest.raises(NeedsPerson, match="unchanged since the last edition") as caught:
        open_occasion(workspace, "news")
    assert "--release" in caught.value.remedy
    edition_id = open_occasion(workspace, "news", release=True)
    assert (_edition(workspace, edition_id).occasion, _edition(workspace, edition_id).planned) == (
        "2026-12-09/09:00",
        8,
    )
    assert {row.state for row in _deliveries(workspace, edition_id)} == {DeliveryState.QUEUED}


def test_an_edition_that_waits_goes_once_its_text_was_changed_or_is_cancelled_by_the_next_occasion(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    rule = {"schedule": "every wednesday at 09:00", "zone": "Europe/Berlin"}
    _apply(workspace, **rule)
    publish_due(workspace)
    for day in (2, 9, 16):
        clock.now = datetime(2026, 12, day, 8, 0, tzinfo=UTC)
        for edition_id in publish_due(workspace):
            _send_all(workspace, edition_id)
    assert [state for _, state in _editions(workspace)] == [
        EditionState.OPEN,
        EditionState.CANCELLED,
        EditionState.WAITING,
    ]
    with workspace.database.read() as session:
        cancelled = session.exec(select(Edition).where(Edition.state == EditionState.CANCELLED)).one()
    assert cancelled.id is not None
    assert {row.state for row in _deliveries(workspace, cancelled.id)} == {DeliveryState.CANCELLED}
    clock.advance(hours=1)
    _apply(workspace, number=2, **rule)
    edition_id = open_occasion(workspace, "news")
    assert _edition(workspace, edition_id).occasion == "2026-12-16/09:00"
    assert _edition(workspace, edition_id).subject == "News 2"
    assert _adds_up(workspace, "news")


def test_new_tips_make_the_same_text_worth_sending_to_those_who_get_one(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    _apply(workspace, TIPS, schedule="every wednesday at 09:00", zone="Europe/Berlin", tips="1")
    _tip(workspace, "one")
    publish_due(workspace)
    clock.now = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
    (first,) = publish_due(workspace)
    _send_all(workspace, first)
    _tip(workspace, "two", "descaling")
    clock.now = datetime(2026, 12, 9, 7, 0, tzinfo=UTC)
    complain(workspace, people[0], "descaling", PlanEvent.COMPLAINT_CONFIRMED)
    clock.now = datetime(2026, 12, 9, 8, 0, tzinfo=UTC)
    (second,) = publish_due(workspace)
    said = {row.customer_id: (row.state, row.reason) for row in _deliveries(workspace, second)}
    assert said.pop(people[0]) == (DeliveryState.WITHHELD, "nothing new")
    assert set(said.values()) == {(DeliveryState.QUEUED, "")}
    _send_all(workspace, second)
    clock.now = datetime(2026, 12, 16, 8, 0, tzinfo=UTC)
    assert publish_due(workspace) == []
    assert _editions(workspace)[-1] == ("2026-12-16/09:00", EditionState.WAITING)


def test_a_text_that_cannot_be_compiled_waits_for_the_daemon_and_is_told_to_a_person(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    _apply(workspace, schedule="every wednesday at 09:00", zone="Europe/Berlin")
    publish_due(workspace)
    layout = workspace.root / "templates" / "layouts" / "news.html.j2"
    good = layout.read_text(encoding="utf-8")
    layout.write_text("{% if %}", encoding="utf-8")
    clock.now = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
    assert publish_due(workspace) == []
    with pytest.raises(NeedsPerson, match="cannot be compiled"):
        open_occasion(workspace, "news")
    layout.write_text(good, encoding="utf-8")
    edition_id = open_occasion(workspace, "news", release=True)
    assert _edition(workspace, edition_id).frozen["tips"] == {}
    assert len(_deliveries(workspace, edition_id)) == len(people)


def test_an_edition_held_for_a_question_waits_with_these_words_until_it_is_let_go(
    workspace: Workspace, people: list[int]
) -> None:
    _apply(workspace)
    edition_id = open_occasion(workspace, "news", hold="asking")
    edition = _edition(workspace, edition_id)
    assert (edition.state, edition.reason, edition.planned) == (EditionState.WAITING, "asking", 8)
    assert publish_due(workspace) == []
    assert open_occasion(workspace, "news", release=True) == edition_id
    assert _edition(workspace, edition_id).state is EditionState.OPEN


def test_a_paused_or_unknown_campaign_is_not_sent(workspace: Workspace, people: list[int]) -> None:
    _apply(workspace)
    with pytest.raises(UsageError, match="There are: news"):
        open_occasion(workspace, "nws")
    with workspace.database.write() as session:
        campaign = find_campaign(session, "news")
        assert campaign is not None
        campaign.state = CampaignState.PAUSED
        session.add(campaign)
    with pytest.raises(NeedsPerson, match="paused"):
        open_occasion(workspace, "news")
    assert _editions(workspace) == []


def test_a_schedule_that_is_changed_or_taken_away_counts_from_when_it_was_applied(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    _apply(workspace, schedule="every wednesday at 09:00", zone="UTC")
    publish_due(workspace)
    _apply(workspace, schedule="every day at 11:00", zone="UTC")
    publish_due(workspace)
    with workspace.database.read() as session:
        assert session.exec(select(Schedule)).one().next_occasion == "2026-12-01/11:00"
    clock.advance(hours=1)
    assert len(publish_due(workspace)) == 1
    _apply(workspace)
    publish_due(workspace)
    with workspace.database.read() as session:
        assert session.exec(select(Schedule)).all() == []


def test_a_campaign_with_a_schedule_sends_outside_it_only_when_told_again(
    workspace: Workspace, people: list[int]
) -> None:
    _apply(workspace, schedule="every wednesday at 09:00", zone="UTC")
    with pytest.raises(NeedsPerson, match="the next is 2026-12-02 09:00"):
        open_occasion(workspace, "news")
    assert _edition(workspace, open_occasion(workspace, "news", again=True)).occasion == "once-1"


def test_rows_of_strangers_that_a_crash_left_do_not_stay(workspace: Workspace, people: list[int]) -> None:
    _apply(workspace)
    edition_id = open_occasion(workspace, "news", hold="asking")
    with workspace.database.write() as session:
        edition = session.get_one(Edition, edition_id)
        edition.state, edition.planned_at, edition.planned = EditionState.PLANNING, None, None
        session.add(edition)
        insert_deliveries(
            session,
            [
                {
                    "public_id": "stranger",
                    "edition_id": edition_id,
                    "campaign_id": edition.campaign_id,
                    "occasion": edition.occasion,
                    "customer_id": None,
                    "address_key": "stranger",
                    "kind": edition.kind,
                    "due_at": edition.due_at,
                }
            ],
        )
    assert plan_edition(workspace, edition_id) is EditionState.OPEN
    assert len(_deliveries(workspace, edition_id)) == len(people)
    assert _adds_up(workspace, "news")


PLAN = NEWS.replace("News {number}", "Your {{{{ plan }}}} plan")


def test_a_mail_that_cannot_be_rendered_is_withheld_with_the_variables_name_and_the_others_go(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    for number in range(50):
        make_customer(f"p{number}@example.com", attributes={"plan": "pro"})
    odd = make_customer("odd@example.com")
    _apply(workspace, PLAN)
    edition_id = open_occasion(workspace, "news")
    said = Counter((row.state.value, row.reason) for row in _deliveries(workspace, edition_id))
    assert said == {("queued", ""): 50, ("withheld", "render: plan"): 1}
    assert [row.customer_id for row in _deliveries(workspace, edition_id) if row.reason] == [odd]
    assert _adds_up(workspace, "news")


def test_where_more_than_two_in_a_hundred_cannot_be_rendered_the_edition_waits_and_names_the_variable(
    workspace: Workspace, people: list[int], make_customer: MakeCustomer
) -> None:
    make_customer("good@example.com", attributes={"plan": "pro"})
    _apply(workspace, PLAN)
    with pytest.raises(NeedsPerson, match=r"8 of 9 mails that were tried cannot be rendered \(plan\)"):
        open_occasion(workspace, "news")
    edition_id = open_occasion(workspace, "news", release=True)
    said = Counter((row.state.value, row.reason) for row in _deliveries(workspace, edition_id))
    assert said == {("queued", ""): 1, ("withheld", "render: plan"): 8}


def test_what_is_wrong_with_one_campaign_never_stops_another(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    _apply(workspace, schedule="every wednesday at 09:00", zone="UTC")
    _apply(workspace, TIPS, schedule="every wednesday at 09:00", zone="UTC")
    with workspace.database.write() as session:
        campaign = find_campaign(session, "news")
        assert campaign is not None
        campaign.segment = "plan =="
        session.add(campaign)
    publish_due(workspace)
    clock.now = datetime(2026, 12, 2, 9, 0, tzinfo=UTC)
    for _ in range(2):
        with pytest.raises(InputError):
            publish_due(workspace)
    assert _editions(workspace) == [
        ("2026-12-02/09:00", EditionState.PLANNING),
        ("2026-12-02/09:00", EditionState.OPEN),
    ]


def test_the_forecast_is_what_planning_then_does(workspace: Workspace, make_customer: MakeCustomer, clock: Any) -> None:
    zones = ["Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", None]
    ids = [make_customer(f"p{number}@example.com", zone=zones[number % 4]) for number in range(16)]
    for number in (1, 6, 11):
        make_customer(f"off{number}@example.com", subscribed=False)
    complain(workspace, ids[0])
    complain(workspace, ids[5], "delivery", PlanEvent.COMPLAINT_CONFIRMED)
    _apply(workspace, schedule="every wednesday at 09:00", zone="Europe/Berlin")
    foreseen = read_agenda(workspace, days=2).entries[0]
    clock.now = datetime(2026, 12, 2, 8, 0, tzinfo=UTC)
    publish_due(workspace)
    planned = read_agenda(workspace, days=2).entries[0]
    assert planned.state == "open"
    assert (planned.people, planned.going, planned.before) == (foreseen.people, foreseen.going, foreseen.before)
    assert sorted(planned.slots, key=repr) == sorted(foreseen.slots, key=repr)
    assert planned.later == foreseen.later
    assert {(one.state, one.reason, one.people) for one in planned.refused} == {
        (one.state, one.reason, one.people) for one in foreseen.refused
    }
