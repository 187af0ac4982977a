from __future__ import annotations

import tracemalloc

from sqlalchemy import event, insert
from sqlmodel import select

from outreach.address import address_key
from outreach.audience.segment import parse_segment
from outreach.records import Customer, Subscription, SubscriptionState
from outreach.store.customers import (
    PAGE,
    bump_versions,
    ensure_list,
    find_customer,
    list_customers,
    list_id_of,
    list_names,
    load_customers,
    stream_people,
)
from outreach.work.workspace import Workspace

from ..conftest import MakeCustomer


def _fill(workspace: Workspace, count: int) -> int:
    now = workspace.clock()
    with workspace.database.write() as session:
        one = ensure_list(session, "customers", now)
        rows = [
            {
                "public_id": f"p{n}",
                "address": f"u{n}@example.com",
                "address_key": f"{n:040x}",
                "attributes": {"n": n},
                "version": 1,
                "created_at": now,
                "updated_at": now,
            }
            for n in range(count)
        ]
        connection = session.connection()
        connection.execute(insert(Customer), rows)
        ids = connection.execute(select(Customer.id)).scalars()
        ties = [
            {"list_id": one, "customer_id": n, "state": SubscriptionState.SUBSCRIBED, "changed_at": now} for n in ids
        ]
        connection.execute(insert(Subscription), ties)
    return one


def test_streaming_gives_everyone_once_in_order_across_pages(workspace: Workspace) -> None:
    count = 2 * PAGE + 7
    one = _fill(workspace, count)
    with workspace.database.read() as session:
        ids = [person.id for person in stream_people(session, one)]
        some = [person.id for person in stream_people(session, one, parse_segment("n < 3"))]
    assert len(ids) == count and ids == sorted(set(ids)) and len(some) == 3


def test_streaming_holds_no_more_than_a_page(workspace: Workspace) -> None:
    one = _fill(workspace, 5 * PAGE)
    with workspace.database.read() as session:
        people = stream_people(session, one)
        next(people)
        tracemalloc.start()
        for _ in people:
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4_000_000


def test_a_stream_is_one_snapshot(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com")
    with workspace.database.read() as session:
        one = list_id_of(session, "customers")
        people = stream_people(session, one)
        first = next(people)
        make_customer("bob@example.com")
        assert list(people) == [] and first.version == 1


def test_people_in_every_state_are_streamed_and_the_unreachable_are_not(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com", zone="Europe/Berlin", country="DE", language="de")
    bob = make_customer("bob@example.com", subscribed=False)
    make_customer("cy@example.com", subscribed=None)
    gone = make_customer("dan@example.com")
    with workspace.database.write() as session:
        row = session.get(Customer, gone)
        assert row is not None
        row.erased_at = workspace.clock()
    with workspace.database.read() as session:
        one = list_id_of(session, "customers")
        people = list(stream_people(session, one))
        everyone = list(stream_people(session, None))
    assert [(p.id, p.subscription_state) for p in people] == [
        (ann, SubscriptionState.SUBSCRIBED),
        (bob, SubscriptionState.UNSUBSCRIBED),
    ]
    assert people[0][2:6] == ("ann@example.com", "Europe/Berlin", "DE", "de")
    assert len(everyone) == 3 and {p.subscription_state for p in everyone} == {None}


def test_a_customer_is_found_by_any_spelling_and_nobody_by_nonsense(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("Ann@example.com")
    with workspace.database.read() as session:
        for spelling in ("ann@EXAMPLE.com", " Ann B <ann@example.com> "):
            found = find_customer(session, workspace.keys, spelling)
            assert found is not None and found.id == ann
        for nonsense in ("", "ann", "bob@example.com", "<>"):
            assert find_customer(session, workspace.keys, nonsense) is None
        assert found.address_key == address_key(workspace.keys, "ann@example.com")


def test_rows_are_loaded_with_the_values_that_rules_and_templates_name(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com", first_name="Ann", attributes={"plan": "pro", "first_name": "never"})
    with workspace.database.read() as session:
        rows = load_customers(session, [ann, 999])
    assert list(rows) == [ann]
    values = rows[ann].values()
    assert (values["first_name"], values["plan"], values["email"], values["zone"]) == (
        "Ann",
        "pro",
        "ann@example.com",
        None,
    )


def test_lists_are_made_once_and_named(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        first = ensure_list(session, "news", workspace.clock())
        assert ensure_list(session, "news", workspace.clock()) == first == list_id_of(session, "news")
        assert list_id_of(session, "nothing") is None
        assert list_names(session) == ["customers", "news"]


def test_customers_are_listed_page_by_page(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ids = [make_customer(f"u{n}@example.com", subscribed=n % 2 == 0) for n in range(5)]
    with workspace.database.read() as session:
        one = list_id_of(session, "customers")
        page = list_customers(session, list_id=one, limit=2)
        rest = list_customers(session, list_id=one, limit=9, after=page[-1][0].id)
        assert [row.id for row, _ in page + rest] == ids
        assert page[1][1] is SubscriptionState.UNSUBSCRIBED
        assert [state for _, state in list_customers(session)] == [None] * 5


def test_bumping_versions_touches_just_these(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    with workspace.database.write() as session:
        bump_versions(session, [ann], workspace.clock())
    with workspace.database.read() as session:
        rows = load_customers(session, [ann, bob])
    assert (rows[ann].version, rows[bob].version) == (2, 1)


def test_every_page_is_one_query(workspace: Workspace) -> None:
    one = _fill(workspace, PAGE + 1)
    queries: list[str] = []
    event.listen(workspace.database.engine, "before_cursor_execute", lambda *said: queries.append(said[2]))
    with workspace.database.read() as session:
        assert sum(1 for _ in stream_people(session, one)) == PAGE + 1
    assert sum(query.startswith("SELECT") for query in queries) == 2
