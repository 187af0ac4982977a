"""Saved segments from the rule to the mail: named in campaigns, tips and each other, and kept as they were."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.audience.segment import judge_segment
from outreach.errors import InputError, UsageError
from outreach.records import Campaign, Edition, Kind, Sequence
from outreach.store.customers import load_customers
from outreach.store.saved_segments import load_segment, uses_of, whole_text
from outreach.store.segment_counts import count_clauses, count_people
from outreach.store.segments import people_among
from outreach.work.choose import choose_for
from outreach.work.compose import apply_campaign
from outreach.work.doubts import doubts
from outreach.work.publish import open_occasion
from outreach.work.segments import check_rule, delete_segment, save_segment
from outreach.work.whom import edition_people
from outreach.work.workspace import Workspace

from ..conftest import BOTH
from .planning_kit import complain, make_campaign, make_edition, make_sent, make_tip

MakeCustomer = Callable[..., int]


def _save(workspace: Workspace, name: str, rule: str, *, again: bool = False) -> str:
    return save_segment(workspace, name, rule, about="", again=again, by="maria").change


@BOTH
def test_a_saved_rule_is_live_and_stands_inside_others(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, ben = (
        make_customer("ann@example.com", attributes={"plan": "pro"}),
        make_customer("ben@example.com", attributes={"plan": "pro", "tags": ["vip"]}),
    )
    assert _save(workspace, "paying", 'plan == "pro"') == "created"
    assert _save(workspace, "vips", 'segment("paying") and "vip" in tags') == "created"
    assert _save(workspace, "vips", 'segment("paying")   and "vip" in tags') == "unchanged"
    with workspace.database.read() as session:
        segment = load_segment(session, "vips", workspace.clock())
        assert people_among(session, segment, [ann, ben]) == {ben}
        assert whole_text(session, "vips") == 'plan == "pro" and "vip" in tags'
        assert uses_of(session, "paying") == ["segment vips"]
    assert _save(workspace, "paying", 'plan == "free"', again=True) == "changed"
    with workspace.database.read() as session:
        assert count_people(session, load_segment(session, "vips", workspace.clock())) == 0


@pytest.mark.parametrize("value", ["Anna  Bau", "Müller\u00a0GmbH", "first\nsecond"])
def test_a_rule_that_is_saved_has_its_texts_as_they_were_written(
    workspace: Workspace, make_customer: MakeCustomer, value: str
) -> None:
    """Two blanks, and the blank that does not break, became one, so that the saved rule took nobody."""
    ann = make_customer("ann@example.com", attributes={"firm": value})
    assert _save(workspace, "theirs", f"  firm ==\n  \"{value}\"\tor  firm == 'x'  ") == "created"
    with workspace.database.read() as session:
        assert people_among(session, load_segment(session, "theirs", workspace.clock()), [ann]) == {ann}
        assert whole_text(session, 'segment("theirs")').startswith(f'firm == "{value}" or firm')
    assert _save(workspace, "theirs", f"firm == \"{value}\" or firm == 'x'") == "unchanged"


@BOTH
def test_capitals_make_no_other_address(workspace: Workspace, make_customer: MakeCustomer) -> None:
    """Whom a list of addresses was to leave out was left in, where the file that brought them had capitals."""
    bob, ann = make_customer("Bob.B@example.com"), make_customer("ann@example.com")
    for rule, found in (
        ('email == "bob.b@Example.com"', {bob}),
        ('email not in ("BOB.B@example.com", "x@example.com")', {ann}),
        ('address contains "OB.b@"', {bob}),
        ('"Bob.B@example.com" in email', {bob}),
        ('email > "B"', {bob}),
    ):
        with workspace.database.read() as session:
            segment = load_segment(session, rule, workspace.clock())
            assert people_among(session, segment, [bob, ann]) == found, rule
            people = load_customers(session, [bob, ann])
            assert {one for one, row in people.items() if judge_segment(segment, row.values())} == found, rule


def test_what_cannot_be_saved_or_deleted_is_told(workspace: Workspace) -> None:
    _save(workspace, "a", "open_cases == 0")
    _save(workspace, "b", 'segment("a")')
    for name, rule, kind, words in (
        ("A b", "open_cases == 0", UsageError, "cannot be a segment's name"),
        ("c", " ", UsageError, "everybody"),
        ("a", "open_cases == 1", UsageError, "and segment b use it"),
        ("c", 'segment("aa")', InputError, "did you mean a?"),
        ("c", "plan = 1", InputError, "column 6"),
        ("c", 'subscribed("custmers")', InputError, "column 12: there is no list 'custmers'; did you mean customers?"),
        ("c", 'case(topic="descalin")', InputError, "did you mean descaling?"),
    ):
        with pytest.raises(kind, match=words.replace("(", r"\(").replace("?", r"\?")):
            _save(workspace, name, rule)
    with pytest.raises(InputError, match="a → b → a"):
        _save(workspace, "a", 'segment("b")', again=True)
    with pytest.raises(InputError, match="used by segment b"):
        delete_segment(workspace, "a")
    delete_segment(workspace, "b")
    delete_segment(workspace, "a")
    with pytest.raises(InputError, match="no segment is saved as a"):
        delete_segment(workspace, "a")


def test_a_sequence_holds_the_rules_that_it_names(workspace: Workspace) -> None:
    for name in ("a", "b", "c"):
        _save(workspace, name, "open_cases == 0")
    now = workspace.clock()
    plan = {"rules": {"segment": 'segment("a")', "segments": {"vips": "b"}}, "steps": [{"name": "c"}]}
    with workspace.database.write() as session:
        session.add(Sequence(name="welcome", plan=plan, created_at=now, updated_at=now))
        session.flush()
        assert [uses_of(session, name) for name in ("a", "b", "c")] == [["sequence welcome"], ["sequence welcome"], []]


def test_what_nobody_has_heard_of_is_said_with_the_nearest(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", attributes={"plan": "pro"})
    make_campaign(workspace, "tips")
    with workspace.database.read() as session:
        rule = check_rule(session, workspace, 'plna == "x" and got("tipps-3") and got("tips-3") and reached("order")')
        assert doubts(session, rule) == [
            "no customer has 'plna' (column 1); did you mean plan?",
            "there is no campaign 'tipps-3' (column 21); did you mean tips?",
            "nobody has reached a goal 'order' (column 62)",
        ]


def test_each_clause_is_counted_alone_and_after_those_before_it(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    for name, plan, country in (
        ("ann", "pro", "DE"),
        ("ben", "pro", "US"),
        ("cid", "free", "DE"),
        ("dan", "pro", "DE"),
    ):
        make_customer(f"{name}@example.com", country=country, attributes={"plan": plan})
    complain(workspace, make_customer("eve@example.com", country="DE", subscribed=False, attributes={"plan": "pro"}))
    rule = 'plan == "pro" and (region("EU") or country == "US") and open_cases == 0'
    with workspace.database.read() as session:
        people, clauses = count_clauses(session, load_segment(session, rule, workspace.clock()))
        assert people == 5
        assert [(one.depth, one.joined, one.alone, one.left) for one in clauses] == [
            *((0, "", 4, 4), (0, "and", 5, 4), (1, "", 4, None), (1, "or", 1, None), (0, "and", 4, 3)),
        ]
        subscribed = count_clauses(session, load_segment(session, rule, workspace.clock()), 1)
        assert subscribed[0] == 4 and subscribed[1][-1].left == 3
        either = load_segment(session, 'country == "US" or plan == "free" or plan == "pro"', workspace.clock())
        assert [one.left for one in count_clauses(session, either)[1]] == [1, 2, 5]


def test_a_span_is_counted_from_the_instant_at_which_the_edition_opens(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, ben = make_customer("ann@example.com"), make_customer("ben@example.com")
    now = workspace.clock()
    make_sent(workspace, make_edition(workspace, make_campaign(workspace)), ann, now - timedelta(days=20))
    news = make_campaign(workspace, "news", Kind.NEWS, segment='not got("tips", within="30d")')
    for days, whom in ((0, [ben]), (15, [ann, ben])):
        due = now + timedelta(days=days)
        edition = make_edition(workspace, news, f"once-{days + 1}", due_at=due, segment='not got("tips", within="30d")')
        with workspace.database.read() as session:
            found = edition_people(session, session.get_one(Campaign, news), session.get_one(Edition, edition))
            assert [person.id for person in found] == whom


def test_a_tip_for_those_to_whom_something_happened_goes_to_just_them(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, ben = make_customer("ann@example.com"), make_customer("ben@example.com")
    complain(workspace, ann)
    _save(workspace, "complainers", "case()")
    make_tip(workspace, "sorry", "app", segment="complainers")
    make_tip(workspace, "usual", "app", position=1)
    edition = make_edition(
        workspace, make_campaign(workspace, options={"tips": 1}), frozen={"tips": ["sorry", "usual"]}
    )
    with workspace.database.read() as session:
        chosen = choose_for(
            session,
            workspace,
            edition=session.get_one(Edition, edition),
            campaign=session.execute(select(Campaign).where(col(Campaign.name) == "tips")).scalar_one(),
            customers=load_customers(session, [ann, ben]).values(),
            now=workspace.clock(),
        )
    assert [chosen[who]["tips"] for who in (ann, ben)] == [["sorry"], ["usual"]]


def test_an_edition_keeps_the_saved_rule_as_it_was_written_out(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", attributes={"plan": "pro"})
    make_customer("ben@example.com", attributes={"plan": "free"})
    _save(workspace, "paying", 'plan == "pro" or plan == "plus"')
    path = workspace.root / "news.md"
    front = "name: news\nsubject: News\nkind: news\nlist: customers\nsegment: {}\n"
    path.write_text(f"---\n{front.format('payin')}---\nHello\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"news.md:6: segment: .* did you mean paying"):
        apply_campaign(workspace, path)
    path.write_text(f"---\n{front.format('paying')}---\nHello\n", encoding="utf-8")
    apply_campaign(workspace, path)
    edition_id = open_occasion(workspace, "news")
    with workspace.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        assert (edition.planned, edition.segment) == (1, 'plan == "pro" or plan == "plus"')
        assert uses_of(session, "paying") == ["campaign news"]
