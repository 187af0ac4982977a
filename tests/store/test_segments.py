from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select, text
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, SQLModel, col

from outreach.audience.segment import Segment, judge_segment, parse_segment
from outreach.audience.segment_tree import AllOf, AnyOf, Contains, Empty, Node, Not, OneOf, Ordered
from outreach.records import Customer
from outreach.store.customers import load_customers
from outreach.store.database import open_database
from outreach.store.segments import count_people, segment_filter, unknown_fields

from ..servers.postgres import Cluster

NOW = datetime(2026, 12, 1, tzinfo=UTC)
FIELDS = ["email", "country", "first_name", "plan", "seats", "since"]
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
    st.just([1]),
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
)
TREES: st.SearchStrategy[Node] = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {"address": st.none() | TEXTS, "country": st.none() | TEXTS, "first_name": st.none() | TEXTS},
        optional={"plan": FOUND, "seats": FOUND, "since": FOUND},
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
    SQLModel.metadata.create_all(engine, tables=[Customer.__table__])  # type: ignore[attr-defined]
    with Session(engine) as opened:
        yield opened
    engine.dispose()
    if request.param != "sqlite":
        cluster.drop("segments")


def _keep(session: Session, people: list[dict[str, Any]]) -> None:
    session.connection().execute(text("DELETE FROM customer"))
    for number, person in enumerate(people, 1):
        fields = {name: person[name] for name in ("address", "country", "first_name") if name in person}
        attributes = {name: person[name] for name in ("plan", "seats", "since") if name in person}
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


EXAMPLES = 1000 if os.environ.get("OUTREACH_LONG") else 120


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


def test_a_field_that_nobody_has_is_named(session: Session) -> None:
    _keep(session, [{"address": "a@b.c", "plan": "pro", "seats": None}])
    segment = parse_segment('plan == "pro" or plna == "pro" or seats == 3 or country == "DE"')
    assert unknown_fields(session, segment) == ["plna", "seats"]


def test_the_filter_is_sql_that_postgresql_reads_too() -> None:
    segment = parse_segment('plan == "pro" and seats > 3 and vip == true and since < 2025-01-01 or not x is empty')
    said = str(segment_filter(segment).compile(dialect=postgresql.dialect()))
    assert "json_typeof" in said and 'COLLATE "C"' in said
    assert "json_extract" not in said and "pro" not in said
