from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete, event, select, update
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, SQLModel, col

from outreach.audience.segment import Segment, judge_segment, parse_segment
from outreach.audience.segment_text import segment_text
from outreach.audience.segment_tree import (
    AllOf,
    AnyOf,
    Contains,
    Empty,
    Event,
    Happened,
    Has,
    InRegion,
    Node,
    Not,
    OneOf,
    Ordered,
)
from outreach.audience.segment_words import EVENTS
from outreach.cases.case import UNSOLVED
from outreach.records import (
    AttributeKind,
    Campaign,
    Case,
    CaseState,
    Category,
    Channel,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Goal,
    Inbound,
    InboundState,
    Kind,
    Machine,
    MailingList,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
    Touch,
    Urgency,
)
from outreach.store.attributes import LEAN, add_column, end_filling
from outreach.store.customers import load_customers
from outreach.store.database import open_database
from outreach.store.segment_counts import count_clauses, count_people
from outreach.store.segment_events import SOURCES, events_of, facts_of
from outreach.store.segments import people_among, segment_filter, unknown_fields

from ..examples import examples
from ..servers.postgres import Cluster

NOW = datetime(2026, 12, 1, tzinfo=UTC)
FIELDS = ["email", "country", "first_name", "plan", "seats", "since", "возраст", "größe_ß"]
TEXTS = st.one_of(
    st.sampled_from(["pro", "DE", "5", "05", "-5", "", "true", "2025-01-01", "2025-01-01T10:00", "2024-1-1", "%", "é"]),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12),
)
INTEGERS = st.one_of(st.sampled_from([0, 1, 5, -5, 2025]), st.integers(-(10**15) + 1, 10**15 - 1))
DECIMALS = st.integers(-(10**9), 10**9).map(lambda whole: whole / 1000)
DATES = st.one_of(st.just(date(2025, 1, 1)), st.dates())
FOUND = st.one_of(
    TEXTS,
    INTEGERS,
    DECIMALS,
    st.booleans(),
    st.none(),
    DATES.map(date.isoformat),
    st.sampled_from(["pro; vip", 'pro|"vip"', "5 ,pro", "a,,b", ",", "vip , pro", 'vip, o"neil', 'a,"']),
    st.lists(st.one_of(TEXTS, INTEGERS, DECIMALS, st.booleans(), st.none(), st.just(["pro"])), max_size=3),
    st.just({"a": "pro"}),
)
LITERALS = st.one_of(TEXTS.filter(bool), INTEGERS, DECIMALS, st.booleans(), DATES)
CONDITIONS: st.SearchStrategy[Node] = st.one_of(
    st.builds(OneOf, st.sampled_from(FIELDS), st.lists(LITERALS, min_size=1, max_size=3).map(tuple)),
    st.builds(
        Ordered,
        st.sampled_from(FIELDS),
        st.sampled_from(["<", "<=", ">", ">="]),
        st.one_of(TEXTS.filter(bool), INTEGERS, DECIMALS, DATES),
    ),
    st.builds(Contains, st.sampled_from(FIELDS), TEXTS.filter(bool)),
    st.builds(Empty, st.sampled_from(FIELDS)),
    st.builds(
        Has,
        st.sampled_from(FIELDS),
        st.one_of(st.sampled_from(["pro", "vip", 5, "5", 2.5, 'o"neil', '"']), TEXTS.filter(bool), INTEGERS, DECIMALS),
    ),
    st.builds(InRegion, st.sampled_from(["EU", "Nordics"])),
)


def nested(conditions: st.SearchStrategy[Node], parts: int, leaves: int) -> st.SearchStrategy[Node]:
    """Rules of these conditions, of at most so many parts in a row and so many in all."""
    return st.recursive(
        conditions,
        lambda inner: st.one_of(
            st.builds(Not, inner),
            st.builds(AllOf, st.lists(inner, min_size=2, max_size=parts).map(tuple)),
            st.builds(AnyOf, st.lists(inner, min_size=2, max_size=parts).map(tuple)),
        ),
        max_leaves=leaves,
    )


TREES = nested(CONDITIONS, 3, 6)
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {"address": st.none() | TEXTS, "country": st.none() | TEXTS, "first_name": st.none() | TEXTS},
        optional=dict.fromkeys(FIELDS[3:], FOUND),
    ),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs_debian)])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    if request.param == "sqlite":
        engine = create_engine("sqlite://")
    else:
        cluster: Cluster = request.getfixturevalue("postgres")
        engine = open_database(cluster.create("segments"), Path(".")).engine
    SQLModel.metadata.create_all(engine)
    with Session(engine) as opened:
        yield opened
    engine.dispose()
    if request.param != "sqlite":
        cluster.drop("segments")


def _keep(session: Session, people: list[dict[str, Any]]) -> None:
    for table in EVERY:
        session.connection().execute(delete(table))
    for number, person in enumerate(people, 1):
        fields = {name: person[name] for name in ("address", "country", "first_name") if name in person}
        attributes = {name: value for name, value in person.items() if name not in fields}
        session.add(
            Customer(
                id=number,
                public_id=str(number),
                address_key=f"k{number}",
                attributes=attributes,
                created_at=NOW,
                updated_at=NOW,
                **fields,
            )
        )
    session.flush()
    session.expunge_all()


EVERY = (Touch, Goal, Suppression, Subscription, Inbound, Case, Delivery, Edition, Campaign, MailingList, Customer)
CAMPAIGNS = [("tips", 2), ("tips", 3), ("news", 1), ("tips-3", 1)]
LISTS = ["customers", "news"]
DAYS = st.sampled_from([1, 10, 30, 31, 90, 400])
HAPPENED = st.one_of(
    st.tuples(st.sampled_from(["got", "bounced", "queued", "test"]), DAYS, st.sampled_from(range(4))),
    st.tuples(st.sampled_from(["opened", "clicked"]), DAYS, st.sampled_from(range(4)), st.booleans()),
    st.tuples(
        st.just("replied"),
        DAYS,
        st.none() | st.sampled_from(range(4)),
        st.none() | st.sampled_from([Category.COMPLAINT, Category.THANKS]),
        st.lists(st.sampled_from(["milk", "app"]), max_size=2, unique=True),
        st.sampled_from([Machine.HUMAN, Machine.HUMAN, Machine.BOUNCE]),
    ),
    st.tuples(st.just("case"), DAYS, st.sampled_from(["milk", "app"]), st.sampled_from(list(CaseState))),
    st.tuples(st.just("reached"), DAYS, st.sampled_from(["order", "upgrade"])),
    st.tuples(st.just("tied"), DAYS, st.sampled_from(range(2)), st.sampled_from(list(SubscriptionState))),
    st.tuples(st.just("blocked"), DAYS, st.sampled_from([None, -5, 5]), st.just(SuppressionReason.BOUNCES)),
)
NAMES = {
    "campaign": st.sampled_from(["", "tips", "tips-3", "tips-2", "news", "news-2", "gone"]),
    "list": st.sampled_from(["", "customers", "gone"]),
    "goal": st.sampled_from(["", "order"]),
    "": st.just(""),
}
MARKS: dict[str, list[tuple[tuple[str, str], ...]]] = {
    "got": [(), (("kind", "tips"),), (("kind", "news"),)],
    "replied": [(), (("category", "thanks"),), (("topic", "milk"),), (("category", "complaint"), ("topic", "app"))],
    "case": [(), (("topic", "milk"),), (("state", "unsolved"),), (("topic", "app"), ("state", "new"))],
    "blocked": [(), (("reason", "bounces"),), (("reason", "by_hand"),)],
}
SPANS = st.one_of(st.none(), st.sampled_from([timedelta(days=30), timedelta(days=400), date(2026, 11, 1)]))


def _asks(what: str) -> st.SearchStrategy[Node]:
    return st.builds(
        Happened,
        st.just(what),
        NAMES[EVENTS[what].names],
        st.sampled_from(MARKS.get(what, [()])),
        SPANS,
        SPANS,
        st.sampled_from(["<", "<=", ">", ">=", "==", "!=", ">="]),
        st.sampled_from([0, 1, 1, 2]),
    )


ASKED: st.SearchStrategy[Node] = st.one_of(
    st.sampled_from(sorted(SOURCES)).flatmap(_asks),
    st.builds(OneOf, st.sampled_from(["open_cases", "all_cases"]), st.sampled_from([(0,), (1, 2), ("1",)])),
    st.builds(Ordered, st.sampled_from(["open_cases", "last_sent", "added"]), st.just(">="), st.just(1)),
    st.builds(
        Ordered,
        st.sampled_from(["last_sent", "last_open", "last_click", "last_reply", "last_case", "added", "all_cases"]),
        st.sampled_from(["<", "<=", ">", ">="]),
        st.sampled_from([date(2026, 11, 1), date(2026, 11, 30), date(2025, 11, 1), "2026-11"]),
    ),
    st.builds(Empty, st.sampled_from(["last_sent", "last_reply", "last_case", "added", "open_cases"])),
)


FACT_OF = {
    "got": "last_sent",
    "opened": "last_open",
    "clicked": "last_click",
    "replied": "last_reply",
    "case": "last_case",
}


class Kept:
    """Random events of people: rows in the database, and the same for the pure judge, made here and not read back."""

    def __init__(self, session: Session) -> None:
        self.session = session
        for table in EVERY:
            session.connection().execute(delete(table))
        for number, (name, issue) in enumerate(CAMPAIGNS, 1):
            if session.get(Campaign, CAMPAIGNS.index(next(one for one in CAMPAIGNS if one[0] == name)) + 1) is None:
                session.add(Campaign(id=number, name=name, kind=Kind.TIPS, created_at=NOW, updated_at=NOW))
                session.flush()
            of = CAMPAIGNS.index(next(one for one in CAMPAIGNS if one[0] == name)) + 1
            session.add(
                Edition(
                    id=number,
                    public_id=str(number),
                    campaign_id=of,
                    kind=Kind.TIPS,
                    number=issue,
                    occasion=str(number),
                    state=EditionState.DONE,
                    due_at=NOW,
                    frozen_at=NOW,
                )
            )
        session.add_all(MailingList(id=number, name=name, created_at=NOW) for number, name in enumerate(LISTS, 1))
        session.flush()
        self.count = 0

    def person(self, number: int, happened: list[Any]) -> tuple[dict[str, Any], list[Event]]:
        """Keep what happened to one person; their facts and events as the judge takes them."""
        self.session.add(
            Customer(id=number, public_id=str(number), address_key=f"k{number}", created_at=NOW, updated_at=NOW)
        )
        self.session.flush()
        facts: dict[str, Any] = {"open_cases": 0, "all_cases": 0, "added": NOW.date().isoformat()}
        events: list[Event] = []
        once = set()
        for what, days, *more in happened:
            at = NOW - timedelta(days=days)
            if what in ("tied", "blocked"):
                if (what, *more[:1]) in once or (what == "blocked" and what in once):
                    continue
                once |= {(what, *more[:1]), what}
            self.count += 1
            found = getattr(self, f"_{what}", self._mail)(number, at, what, *more)
            self.session.flush()
            if found is None:
                continue
            events.append(found)
            fact = FACT_OF.get(found.what)
            if fact:
                facts[fact] = max(facts.get(fact, ""), at.date().isoformat())
            if found.what == "case":
                facts["all_cases"] += 1
                facts["open_cases"] += "unsolved" in found.marks["state"]
        return facts, events

    def _mail(self, who: int, at: datetime, what: str, edition: int) -> Event | None:
        states = {"got": DeliveryState.SENT, "test": DeliveryState.SENT, "bounced": DeliveryState.FAILED}
        kind = Kind.TEST if what == "test" else Kind.TIPS
        self.session.add(
            Delivery(
                id=self.count,
                public_id=str(self.count),
                edition_id=edition + 1,
                campaign_id=1,
                occasion=str(self.count),
                customer_id=who,
                address_key=f"k{who}",
                kind=kind,
                state=states.get(what, DeliveryState.QUEUED),
                due_at=at,
                sent_at=at if what in ("got", "test") else None,
                settled_at=at,
            )
        )
        if what not in ("got", "bounced"):
            return None
        return Event(what, at, *CAMPAIGNS[edition], {"kind": frozenset({"tips"})})

    def _replied(
        self,
        who: int,
        at: datetime,
        what: str,
        to: int | None,
        category: Category | None,
        topics: list[str],
        by: Machine,
    ) -> Event | None:
        number = self.count
        if to is not None:
            self._mail(who, at, "queued", to)
            self.session.flush()
        self.session.add(
            Inbound(
                public_id=str(number),
                channel=Channel.EMAIL,
                state=InboundState.READ,
                received_at=at,
                stored_at=at,
                content_hash=str(number),
                raw=b"",
                machine=by,
                customer_id=who,
                delivery_id=number if to is not None else None,
                category=category,
                topics=topics,
            )
        )
        if by is not Machine.HUMAN:
            return None
        marks = {"category": frozenset([category] if category else []), "topic": frozenset(topics)}
        return Event(what, at, *(CAMPAIGNS[to] if to is not None else ("", None)), marks)

    def _opened(self, who: int, at: datetime, what: str, edition: int, person: bool) -> Event | None:
        self._mail(who, at, "queued", edition)
        self.session.flush()
        number, when = int(what == "clicked"), at if person else None
        kept = {"first_at": at - timedelta(days=1), "last_at": at, "person_at": when}
        self.session.add(Touch(delivery_id=self.count, edition_id=edition + 1, number=number, **kept))
        return Event(what, at, *CAMPAIGNS[edition]) if person else None

    _clicked = _opened

    def _case(self, who: int, at: datetime, what: str, topic: str, state: CaseState) -> Event:
        self.session.add(
            Case(
                customer_id=who,
                category=Category.COMPLAINT,
                topic=topic,
                urgency=Urgency.NORMAL,
                state=state,
                opened_at=at,
                due_at=at,
            )
        )
        words = {state.value, *(["unsolved"] if state in UNSOLVED else [])}
        return Event(what, at, marks={"topic": frozenset([topic]), "state": frozenset(words)})

    def _reached(self, who: int, at: datetime, what: str, name: str) -> Event:
        self.session.add(Goal(key=str(self.count), customer_id=who, name=name, at=at))
        return Event(what, at, name)

    def _tied(self, who: int, at: datetime, what: str, of: int, state: SubscriptionState) -> Event:
        self.session.add(Subscription(list_id=of + 1, customer_id=who, state=state, changed_at=at))
        return Event(state.value, at, LISTS[of])

    def _blocked(self, who: int, at: datetime, what: str, days: int | None, reason: SuppressionReason) -> Event | None:
        until = None if days is None else NOW + timedelta(days=days)
        self.session.add(Suppression(address_key=f"k{who}", reason=reason, at=at, expires_at=until))
        return None if days == -5 else Event(what, at, marks={"reason": frozenset([reason.value])})


EXAMPLES = examples(1000 if os.environ.get("OUTREACH_LONG") else 120)


@given(tree=TREES, people=PEOPLE)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_and_the_pure_judge_take_the_same_people(
    session: Session, tree: Node, people: list[dict[str, Any]]
) -> None:
    segment = Segment("…", tree)
    _keep(session, people)
    rows = load_customers(session, range(1, len(people) + 1))
    judged = {number for number, row in rows.items() if judge_segment(segment, row.values())}
    query = select(col(Customer.id)).where(segment_filter(segment))
    assert set(session.connection().execute(query).scalars()) == judged
    refused = select(col(Customer.id)).where(~segment_filter(segment))
    assert set(session.connection().execute(refused).scalars()) == set(rows) - judged
    assert count_people(session, segment) == len(judged)
    assert _left(session, segment) == len(judged)


def _left(session: Session, segment: Segment) -> int | None:
    """How many the explanation of a rule says are left after its last clause."""
    return [one.left for one in count_clauses(session, segment)[1] if one.depth == 0][-1]


@given(
    tree=st.one_of(ASKED, st.builds(Not, ASKED), st.builds(AllOf, st.tuples(ASKED, ASKED))),
    people=st.lists(st.lists(HAPPENED, max_size=5), min_size=1, max_size=3),
)
@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_and_the_pure_judge_agree_on_what_happened(session: Session, tree: Node, people: list[Any]) -> None:
    segment = Segment("…", tree, now=NOW)
    kept = Kept(session)
    known = {number: kept.person(number, happened) for number, happened in enumerate(people, 1)}
    session.expunge_all()
    taken = people_among(session, segment, list(known))
    assert taken == {who for who, (facts, events) in known.items() if judge_segment(segment, facts, events)}
    assert count_people(session, segment) == _left(session, segment) == len(taken)
    loaded, values = events_of(session, segment, list(known)), facts_of(session, segment, list(known))
    assert taken == {who for who in known if judge_segment(segment, values.get(who, {}), loaded.get(who, []))}


DECLARED = {f"as_{kind}": kind for kind in AttributeKind}
TYPED = st.sampled_from(sorted(DECLARED))
ON_TYPED: st.SearchStrategy[Node] = st.one_of(
    st.builds(OneOf, TYPED, st.lists(LITERALS, min_size=1, max_size=3).map(tuple)),
    st.builds(
        Ordered,
        TYPED,
        st.sampled_from(["<", "<=", ">", ">="]),
        st.one_of(TEXTS.filter(bool), INTEGERS, DECIMALS, DATES),
    ),
    st.builds(Contains, TYPED, TEXTS.filter(bool)),
    st.builds(Empty, TYPED),
    st.builds(Has, TYPED, st.one_of(st.sampled_from(["pro", "vip", 5, "5"]), INTEGERS)),
    st.builds(Has, st.just("as_list"), st.one_of(TEXTS.filter(bool), INTEGERS, st.just("a\x1fb"))),
)


@pytest.fixture(scope="module")
def typed(session: Session) -> Session:
    for name, kind in DECLARED.items():
        add_column(session, name, kind, by="", at=NOW)
        end_filling(session, name, NOW)
    return session


@given(
    tree=st.one_of(ON_TYPED, st.builds(Not, ON_TYPED), st.builds(AllOf, st.tuples(ON_TYPED, ON_TYPED))),
    people=st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(DECLARED, FOUND)), min_size=1, max_size=5),
    changed=st.fixed_dictionaries({}, optional=dict.fromkeys(DECLARED, FOUND)),
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_of_declared_attributes_say_what_the_judge_says(
    typed: Session, tree: Node, people: list[dict[str, Any]], changed: dict[str, Any]
) -> None:
    segment = Segment("…", tree, kinds=DECLARED)
    _keep(typed, [{}] * len(people))
    for number, attributes in enumerate(people, 1):
        typed.connection().execute(update(Customer).where(col(Customer.id) == number).values(attributes=attributes))
    typed.add(Customer(id=99, public_id="99", address_key="k99", attributes=changed, created_at=NOW, updated_at=NOW))
    typed.flush()
    rows = load_customers(typed, [*range(1, len(people) + 1), 99])
    judged = {number for number, row in rows.items() if judge_segment(segment, row.values())}
    assert people_among(typed, segment, list(rows)) == judged
    assert people_among(typed, Segment("…", Not(tree), kinds=DECLARED), list(rows)) == set(rows) - judged
    assert count_people(typed, segment) == _left(typed, segment) == len(judged)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("outreach.store.segment_counts.FEW", -1)
        assert count_people(typed, segment) == len(judged)


MIXED = nested(st.one_of(CONDITIONS, ON_TYPED), 4, 12)
TYPISTS = st.lists(
    st.fixed_dictionaries(
        {"address": st.none() | TEXTS, "country": st.none() | TEXTS},
        optional=dict.fromkeys([*FIELDS[3:], *DECLARED], FOUND),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@given(tree=MIXED, people=TYPISTS)
@settings(max_examples=examples(2_500), deadline=None, suppress_health_check=list(HealthCheck))
def test_rules_as_they_are_typed_count_explain_and_take_whom_the_judge_takes(
    typed: Session, tree: Node, people: list[dict[str, Any]]
) -> None:
    """From the text on, over declared attributes and others, those with letters beyond a to z too, deeply nested."""
    segment = replace(parse_segment(segment_text(tree)), kinds=DECLARED)
    _keep(typed, people)
    rows = load_customers(typed, range(1, len(people) + 1))
    judged = {number for number, row in rows.items() if judge_segment(segment, row.values())}
    assert people_among(typed, segment, list(rows)) == judged
    assert count_people(typed, segment) == _left(typed, segment) == len(judged)
    turned = replace(segment, tree=Not(segment.tree) if segment.tree is not None else None)
    assert people_among(typed, turned, list(rows)) == set(rows) - judged


def test_everybody_is_counted_out_of_the_narrow_index_and_whom_it_happened_to_is_found_once(typed: Session) -> None:
    planned = typed.connection().dialect.name == "sqlite"  # PostgreSQL plans by what it has counted
    rule = parse_segment('as_text == "pro" and as_day < 2025-01-01 and "vip" in as_list and not opened("tips-3")')
    said: list[str] = []
    listen = event.listens_for(typed.connection(), "before_cursor_execute")

    @listen
    def look(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if not planned:
            return
        rows = cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
        said.append("\n".join(str(row[3]) for row in rows))

    _keep(typed, [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("outreach.store.segment_counts.FEW", -1)
        assert count_people(typed, replace(rule, kinds=DECLARED, now=NOW)) == 0
    assert count_clauses(typed, replace(rule, kinds=DECLARED, now=NOW))
    event.remove(typed.connection(), "before_cursor_execute", look)
    assert bool(said) is planned
    for plan in said[-2:]:
        assert f"SCAN customer USING INDEX {LEAN}" in plan and "LIST SUBQUERY" in plan
        assert "SEARCH customer" not in plan and "CORRELATED" not in plan


def test_a_field_that_nobody_has_is_named(session: Session) -> None:
    _keep(session, [{"address": "a@b.c", "plan": "pro", "seats": None}])
    segment = parse_segment('plan == "pro" or plna == "pro" or seats == 3 or country == "DE"')
    assert unknown_fields(session, segment) == ["plna", "seats"]


@pytest.mark.parametrize("name", ["возраст", "größe", "年齢", "𠮷野"])
def test_an_attribute_is_found_whatever_letters_its_name_has(session: Session, name: str) -> None:
    found = ["pro", 3, True, ["pro"], None, "2025-01-01"]
    _keep(session, [{name: value} for value in found])
    rules = ['{} == "pro"', "{} > 2", "{} == true", '"pro" in {}', "{} is empty", "{} < 2025-01-02", '{} contains "r"']
    for rule in rules:
        segment = parse_segment(rule.format(name))
        wanted = {number for number, value in enumerate(found, 1) if judge_segment(segment, {name: value})}
        assert people_among(session, segment, range(1, 7)) == wanted != set()
    assert unknown_fields(session, parse_segment(f"{name} == 3")) == []


def test_whole_numbers_and_decimals_stand_in_one_list(session: Session) -> None:
    _keep(session, [{"seats": 1}, {"seats": 0.5}, {"seats": 0}])
    assert people_among(session, parse_segment("seats in (0, 0.5)"), [1, 2, 3]) == {2, 3}


def test_the_filter_is_sql_that_postgresql_reads_too() -> None:
    segment = parse_segment('plan == "pro" and seats > 3 and vip == true and since < 2025-01-01 or not x is empty')
    said = str(segment_filter(segment).compile(dialect=postgresql.dialect()))
    assert "json_typeof" in said and 'COLLATE "C"' in said
    assert "json_extract" not in said and "pro" not in said


@pytest.mark.parametrize("what", EVENTS)
def test_each_kind_of_event_is_read_for_the_judge(session: Session, what: str) -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    assert events_of(session, replace(parse_segment(f"{what}()"), now=now), [1]) == {}
