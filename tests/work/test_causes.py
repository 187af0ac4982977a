"""Causes: once fixed, everyone who told us gets a letter, once each, and the silent ones theirs; by a real relay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from outreach.errors import InputError, UsageError
from outreach.records import Case, CaseState, Category, CauseState, Urgency
from outreach.store.consents import unsubscribe
from outreach.store.plan import recent_steps
from outreach.work.causes import add_cause, link_cases, mark_fixed, reopen_cause, unlink_cases, view_cause
from outreach.work.compose import apply_campaign
from outreach.work.publish import open_occasion
from outreach.work.send import send_open
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from ..servers import Sink, start_sink
from .planning_kit import complain
from .sending import with_relay

pytestmark = BOTH
FIX = "The new cable has a clip. {{ not a variable }}"


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


def case(workspace: Workspace, customer: int | None, text: str, state: CaseState = CaseState.NEW) -> int:
    now = workspace.clock()
    with workspace.database.write() as session:
        made = Case(
            customer_id=customer,
            topic="app",
            summary=text,
            category=Category.COMPLAINT,
            urgency=Urgency.NORMAL,
            state=state,
            opened_at=now,
            due_at=now,
        )
        session.add(made)
        session.flush()
        assert made.id is not None
        return made.id


def send(workspace: Workspace, sink: Sink, campaign: str, *, again: bool = False) -> set[str]:
    before = sink.count()
    edition = open_occasion(workspace, campaign, again=again)
    send_open(with_relay(workspace, sink.port), edition_ids=[edition])
    return {str(record["recipient"]).partition("@")[0] for record in sink.taken()[before:]}


def test_who_told_us_gets_one_letter_and_the_silent_ones_another(
    workspace: Workspace, make_customer: MakeCustomer, sink: Sink, clock: HandClock
) -> None:
    def person(name: str, model: str = "X2", subscribed: bool | None = True) -> int:
        attributes = {"model": model}
        return make_customer(f"{name}@example.com", first_name=name, subscribed=subscribed, attributes=attributes)

    ann, ben, cid = person("ann"), person("ben", subscribed=None), person("cid")
    quiet, left, _ = person("quiet"), person("left", subscribed=False), person("dan", "X1")
    add_cause(workspace, "cable", title="The cable comes loose", topic="app", segment='model == "X2"', by="maria")
    told = [case(workspace, one, "the cable falls out") for one in (ann, ann, ben)]
    public = case(workspace, None, "your cable falls out, look at this photo")
    dismissed = case(workspace, cid, "cable?", CaseState.DISMISSED)
    assert link_cases(workspace, "cable", [*told, public, dismissed], by="maria") == 5
    assert link_cases(workspace, "cable", told, by="maria") == 0
    for person_id, topic in ((ann, "app"), (quiet, "milk")):
        complain(workspace, person_id, topic)
    drafts = mark_fixed(workspace, "cable", FIX, by="maria")
    assert [(one.campaign, one.file, one.people, one.kept) for one in drafts] == [
        ("fixed-cable", "drafts/fixed-cable.md", 2, False),
        ("note-cable", "drafts/note-cable.md", 3, False),
    ]
    assert sink.count() == 0, "a draft goes when a person sends it"
    assert send(workspace, sink, "fixed-cable") == {"ann", "ben"}, "each once, hold or no hold, subscribed or not"
    assert send(workspace, sink, "note-cable") == {"cid", "quiet"}, "only those subscribed, and not those told"
    assert "told cable, each of them once" in explain_person(workspace, "dan@example.com", "fixed-cable").answer
    link_cases(workspace, "cable", [case(workspace, left, "mine is loose as well")], by="maria")
    assert send(workspace, sink, "fixed-cable", again=True) == {"left"}, "only who had not had it"
    with workspace.database.read() as session:
        view = view_cause(session, workspace, "cable")
        steps = [(step.rule, step.what) for step, _ in recent_steps(session, clock.now - timedelta(days=1))]
    assert (view.told, view.public, view.cause.state) == (3, (public,), CauseState.FIXED)
    assert ("cause_fixed", "drafted fixed-cable to 2 who told us") in steps


def test_a_draft_that_a_person_changed_is_left_as_it_is(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@example.com")
    add_cause(workspace, "cable", title="The cable", by="maria")
    link_cases(workspace, "cable", [case(workspace, ann, "cable")], by="maria")
    mark_fixed(workspace, "cable", FIX, by="maria")
    path = workspace.root / "drafts" / "fixed-cable.md"
    changed = path.read_text(encoding="utf-8").replace("You were right", "You were so right")
    path.write_text(changed, encoding="utf-8")
    (again,) = mark_fixed(workspace, "cable", "Something else", by="maria")
    assert again.kept
    assert path.read_text(encoding="utf-8") == changed
    reopen_cause(workspace, "cable")
    with workspace.database.read() as session:
        assert view_cause(session, workspace, "cable").cause.state is CauseState.OPEN


def test_other_cases_with_the_same_words_are_named_until_they_are_linked(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    add_cause(workspace, "cable", title="The charging cable comes loose", topic="app", by="maria")
    near, far = case(workspace, ann, "my charging cable is loose"), case(workspace, ann, "the milk is cold")

    def likely() -> list[int]:
        with workspace.database.read() as session:
            return [number for number, _ in view_cause(session, workspace, "cable").likely]

    assert likely() == [near]
    link_cases(workspace, "cable", [near], by="maria")
    assert likely() == []
    add_cause(workspace, "milk", title="Cold milk", by="maria")
    assert link_cases(workspace, "milk", [near, far], by="maria") == 2, "a case comes from one cause: the last one said"
    assert unlink_cases(workspace, [near, near]) == 1
    assert likely() == [near]


def test_what_is_wrong_is_told(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="cannot be a cause's name"):
        add_cause(workspace, "Loose Cable", title="x", by="maria")
    with pytest.raises(InputError, match="no topic 'cables'"):
        add_cause(workspace, "cable", title="x", topic="cables", by="maria")
    with pytest.raises(UsageError, match="no cause called cable"):
        mark_fixed(workspace, "cable", FIX, by="maria")
    add_cause(workspace, "cable", title="x", by="maria")
    with pytest.raises(UsageError, match="called cable already"):
        add_cause(workspace, "cable", title="x", by="maria")
    with pytest.raises(InputError, match="not said what was done"):
        mark_fixed(workspace, "cable", " ", by="maria")
    assert mark_fixed(workspace, "cable", FIX, by="maria") == []
    with pytest.raises(UsageError, match="no case 7"):
        link_cases(workspace, "cable", [7], by="maria")


@pytest.mark.parametrize(
    ("front", "line", "words"),
    [
        ("kind: service", 4, "needs a line whom:"),
        ("kind: service\nwhom: silent cable", 5, "asked for nothing"),
        ("kind: news\nwhom: everybody", 5, "does not say whom"),
        ("kind: news\nwhom: told cables", 5, "no cause called cables"),
        ("kind: news\nwhom: got spring 3", 5, "spring has no issue 3"),
    ],
)
def test_a_letter_to_nobody_known_is_refused_with_its_line(
    workspace: Workspace, front: str, line: int, words: str
) -> None:
    path = workspace.root / "letter.md"
    path.write_text(f"---\nsubject: Hello\nlist: customers\n{front}\n---\nHello.\n", encoding="utf-8")
    add_cause(workspace, "cable", title="x", by="maria")
    with pytest.raises(InputError, match=words) as told:
        apply_campaign(workspace, path)
    assert told.value.line == line


def test_who_leaves_before_a_note_goes_does_not_get_it(
    workspace: Workspace, make_customer: MakeCustomer, sink: Sink
) -> None:
    ann, _ = (make_customer(f"{name}@example.com", attributes={"model": "X2"}) for name in ("ann", "ben"))
    add_cause(workspace, "cable", title="x", segment='model == "X2"', by="maria")
    mark_fixed(workspace, "cable", FIX, by="maria")
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=ann, list_id=None, at=workspace.clock(), how="one_click", evidence="test")
    assert send(workspace, sink, "note-cable") == {"ben"}
