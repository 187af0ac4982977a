"""Each review counts, versions come and go, and what a refused file said is not learned from."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from outreach.errors import InputError
from outreach.records import Category, Channel, ModelState, ReplyModel
from outreach.store.learning import examples_of, models_of, standing
from outreach.work.labels import Columns, Labelled, area_under_curve, read_labels
from outreach.work.learn import EVERY, go_back, learn, learn_if_due, model_of
from outreach.work.read import read_inbound
from outreach.work.review import review, undo_review
from outreach.work.schooling import learn_from_rows
from outreach.work.told import log_message
from outreach.work.workspace import Workspace

from ..conftest import BOTH
from .replying import inbound, verdicts

WORDS = "we took the train to the lake and the boat came back at noon with bread and apples from her garden".split()


def said(workspace: Workspace, text: str) -> int:
    number = log_message(workspace, Channel.FORM, {"text": text})
    assert number is not None
    read_inbound(workspace, number)
    return number


def rows(count: int, *, seed: int = 1, flipped: float = 0.0, topic: bool = False) -> list[Labelled]:
    draw = random.Random(seed)
    made = []
    for at in range(count):
        words = draw.sample(WORDS, 7)
        words.insert(3, "wombat" if at % 2 else "koala")
        complaint = bool(at % 2) ^ (draw.random() < flipped)
        made.append(Labelled(at, " ".join(words), complaint=complaint, topics=("milk",) if topic and at % 2 else ()))
    return made


def reasons(workspace: Workspace, number: int) -> str:
    return " ".join(verdicts(workspace, number)[0].reasons)


@BOTH
def test_a_review_counts_for_the_next_reply_and_its_undo_takes_that_back(workspace: Workspace) -> None:
    before = model_of(workspace).tell(["wombats", "wombats"], (), 0.0).odds
    number = said(workspace, "The wombats came to the garden again this noon")
    review(workspace, number, by="maria", category=Category.COMPLAINT, topics=["milk"])
    with workspace.database.read() as session:
        assert [(one.complaint, one.topics, one.inbound_id) for one in examples_of(session)] == [
            (True, ["milk"], number)
        ]
        assert standing(session).waiting == 1
    assert model_of(workspace).tell(["wombats", "wombats"], (), 0.0).odds > before
    second = said(workspace, "All the wombats came to the garden")
    assert inbound(workspace, second).confidence is not None
    undo_review(workspace, by="maria")
    with workspace.database.read() as session:
        assert examples_of(session) == []
    assert model_of(workspace).tell(["wombats", "wombats"], (), 0.0).odds == before


def test_a_corrected_review_teaches_what_it_was_corrected_to(workspace: Workspace) -> None:
    number = said(workspace, "The wombats came to the garden again this noon")
    review(workspace, number, by="maria", category=Category.COMPLAINT)
    review(workspace, number, by="maria", category=Category.THANKS)
    with workspace.database.read() as session:
        assert [(one.complaint, one.category) for one in examples_of(session)] == [(False, Category.THANKS)]
    review(workspace, number, by="maria", category=Category.MACHINE)
    with workspace.database.read() as session:
        assert examples_of(session) == [], "machine mail says nothing about people"


def test_after_so_many_reviews_a_version_is_tried_and_read_by(workspace: Workspace) -> None:
    for at, row in enumerate(rows(EVERY)):
        number = said(workspace, f"{row.text} {at}")
        assert learn_if_due(workspace, by="maria") is None
        review(workspace, number, by="maria", category=Category.COMPLAINT if row.complaint else Category.OTHER)
    lesson = learn_if_due(workspace, by="maria")
    assert lesson is not None
    assert lesson.kept, lesson.trial.refused
    assert lesson.new == EVERY
    assert learn_if_due(workspace, by="maria") is None
    number = said(workspace, "the wombat took the boat to the lake")
    assert "learned from reviews" in reasons(workspace, number)


@BOTH
def test_a_file_of_labels_teaches_and_a_flipped_one_is_refused_and_set_aside(workspace: Workspace) -> None:
    taught = learn_from_rows(workspace, rows(120, topic=True), source="good.csv", by="maria")
    assert (taught.lesson.kept, taught.taken) == (True, 120)
    assert "wombat" in dict(taught.strongest)
    again = learn_from_rows(workspace, rows(120, topic=True), source="good.csv", by="maria")
    assert (again.taken, again.known) == (0, 120)
    force = again.lesson.version
    bad = learn_from_rows(workspace, rows(120, seed=2, flipped=0.3), source="bad.csv", by="maria")
    assert not bad.lesson.kept
    assert bad.lesson.trial.refused
    with workspace.database.read() as session:
        stand = standing(session)
        states = {one.id: one.state for one in models_of(session)}
        assert len(examples_of(session)) == 120
    assert (stand.version, states[force]) == (force, ModelState.IN_FORCE)
    assert states[bad.lesson.version] is ModelState.REFUSED
    assert learn(workspace, by="maria").kept, "the rows set aside do no harm later"


@BOTH
def test_going_back_and_forward_between_versions(workspace: Workspace) -> None:
    first = learn_from_rows(workspace, rows(60), source="a", by="maria").lesson.version
    second = learn_from_rows(workspace, rows(60, seed=5), source="b", by="maria").lesson.version
    probe = ["the", "wombat", "came"]
    cold, newest = -1.0, model_of(workspace).tell(probe, (), -1.0).odds
    assert newest > cold
    assert go_back(workspace, None) == 60
    assert model_of(workspace).version == first
    assert go_back(workspace, 0) == 60
    assert model_of(workspace).tell(probe, (), -1.0).odds == cold
    assert go_back(workspace, second) == 0
    assert model_of(workspace).tell(probe, (), -1.0).odds == pytest.approx(newest)
    with workspace.database.read() as session:
        assert len(examples_of(session)) == 120
    with pytest.raises(InputError, match="no version 99"):
        go_back(workspace, 99)


def test_a_model_does_not_replace_one_that_came_meanwhile(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn_from_rows(workspace, rows(60), source="a", by="maria")
    real = learn.__globals__["train"]

    def slow(examples: object, **more: object) -> object:
        with workspace.database.write() as session:
            for one in models_of(session):
                one.state = ModelState.REPLACED
                session.add(one)
            session.add(
                ReplyModel(at=workspace.clock(), by="x", state=ModelState.IN_FORCE, mark=1, examples=1, weights=b"")
            )
        return real(examples, **more)

    monkeypatch.setitem(learn.__globals__, "train", slow)
    with pytest.raises(InputError, match="meanwhile"):
        learn(workspace, by="otto")


def test_a_spoilt_model_leaves_the_cues_alone_and_no_reply_unread(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        session.add(
            ReplyModel(at=workspace.clock(), by="x", state=ModelState.IN_FORCE, mark=0, examples=9, weights=b"?")
        )
    number = said(workspace, "The wombats came to the garden again this noon")
    review(workspace, number, by="maria", category=Category.COMPLAINT)
    assert inbound(workspace, said(workspace, "It is broken again")).category is Category.COMPLAINT


def test_nothing_is_learned_from_nothing(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="nothing has been decided"):
        learn(workspace, by="maria")
    with pytest.raises(InputError, match="no row has a label"):
        learn_from_rows(workspace, [Labelled(1, "hello there")], source="a", by="maria")


@pytest.mark.parametrize(
    ("name", "text", "columns", "told"),
    [
        (
            "a.csv",
            "id,tweet,label,domain\n1,It broke,1,cars\n2,Fine,0,food\n",
            Columns(),
            [(True, "cars"), (False, "food")],
        ),
        ("a.csv", "text,category\nIt broke,complaint\nHow?,question\n", Columns(), [(True, ""), (False, "")]),
        ("a.csv", "text;category\nCard lost;lost_card\n", Columns(), [(None, "lost_card")]),
        ("a.csv", "Complaint,Category\nIt broke,Repairs\n", Columns(), [(None, "Repairs")]),
        (
            "a.tsv",
            "x\tmood\tabout\nIt broke\tnegative\ta;b\nHm\tneutral\t\n",
            Columns("x", "mood", "about", "negative"),
            [(True, "a;b"), (False, "")],
        ),
        ("a.jsonl", '{"text": "It broke", "complaint": true, "topics": ["a", "b"]}\n', Columns(), [(True, "a;b")]),
        ("a.jsonl", '{"text": "It broke"}\n{"text": ""}\nnonsense\n', Columns(), [(None, "")]),
    ],
)
def test_columns_are_found_by_their_names_and_by_what_stands_in_them(
    tmp_path: Path, name: str, text: str, columns: Columns, told: list[tuple[bool | None, str]]
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = read_labels(tmp_path / name, columns)
    assert [(row.complaint, ";".join(row.topics)) for row in found.rows] == told
    assert len(found.faults) == text.count('""') + text.count("nonsense")


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("a,b\n1,2\n", Columns(), "no column holds the text"),
        ("text,b\n1,2\n", Columns(label="c"), "no column c"),
        ("text,b\nx,maybe\n", Columns(label="b"), "neither yes and no"),
    ],
)
def test_a_file_whose_columns_do_not_tell_is_refused_with_a_remedy(
    tmp_path: Path, text: str, columns: Columns, words: str
) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        read_labels(tmp_path / "a.csv", columns)
    assert caught.value.remedy


def test_the_area_under_the_curve() -> None:
    assert area_under_curve([(0.9, True), (0.1, False)]) == 1.0
    assert area_under_curve([(0.5, True), (0.5, False)]) == 0.5
    assert area_under_curve([(0.1, True), (0.9, False), (0.2, False)]) == 0.0
    assert area_under_curve([(0.1, True)]) is None
