"""What reviews teach: the same for the same reviews, never in the place of the cues, and refused where it does harm."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from outreach.prose import guess_language
from outreach.records import Category
from outreach.replies.classify import classify, weigh
from outreach.replies.learn import FEW, Example, go_on, train, try_out
from outreach.replies.learned import NOTHING, Learned, features, pack, unpack

CORPUS = Path(__file__).parent.parent / "corpus"
ROWS = [
    json.loads(line)
    for name in ("replies.jsonl", "replies_elsewhere.jsonl")
    for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()
]
HARMLESS = "we took the train to the lake and the boat came back at noon with bread and apples from her garden".split()


def example(text: str, complaint: bool | None = None, *, new: bool = True, topics: tuple[str, ...] = ()) -> Example:
    weighed = weigh(text, "", guess_language(text) or "en", {})
    return Example(
        tuple(features(weighed.said)), weighed.odds, complaint, topics=topics, by_cues=weighed.topics, new=new
    )


def corpus(*, flipped: float = 0.0, seed: int = 7) -> list[Example]:
    """The corpora as reviews, some of them decided wrongly."""
    draw = random.Random(seed)
    rows = [(row["text"], (row["category"] == "complaint") ^ (draw.random() < flipped)) for row in ROWS if row["text"]]
    return [example(text, complaint) for text, complaint in rows]


def jargon(count: int, *, seed: int, flipped: float = 0.0, new: bool = True) -> list[Example]:
    """Reviews of a house whose complaints say "wombat", of which no cue knows."""
    draw = random.Random(seed)
    made = []
    for at in range(count):
        words = draw.sample(HARMLESS, 7)
        complains = at % 2 == 0
        words.insert(draw.randrange(7), "wombat" if complains else "koala")
        made.append(example(" ".join(words), complains ^ (draw.random() < flipped), new=new))
    return made


def right(model: Learned, examples: list[Example]) -> float:
    return sum((model.odds(one.features, one.odds) >= 0) == one.complaint for one in examples) / len(examples)


def test_before_any_review_the_cues_decide_alone() -> None:
    text = "The pump is broken again and nobody answers."
    assert classify(text, "", "en", {}, NOTHING) == classify(text, "", "en", {})
    assert train([]).tell(["pump"], (), 1.25).odds == pytest.approx(1.25)


def test_the_same_reviews_give_the_same_model_to_the_last_bit() -> None:
    rows = corpus()
    assert pack(train(rows)) == pack(train(rows))
    assert pack(train(rows, seed=1)) != pack(train(rows, seed=2))


def test_a_model_is_the_same_after_it_was_kept() -> None:
    rows = [*corpus(), *(example(f"the {word} is here", topics=(word,)) for word in ("milk", "app", "bill"))]
    model = train(rows, version=4)
    again = unpack(pack(model))
    assert (again.version, again.examples) == (4, len(rows))
    for one in rows[::10]:
        assert again.odds(one.features, one.odds) == pytest.approx(model.odds(one.features, one.odds), abs=0.1)
    for one in rows[-3:]:
        assert again.rank(one.features, ())[:1] == model.rank(one.features, ())[:1] == one.topics
    assert pack(again) == pack(unpack(pack(again)))
    with pytest.raises(ValueError, match="no model"):
        unpack(b"what")


def test_words_that_no_cue_knows_are_learned_and_shown() -> None:
    model = train(jargon(200, seed=1))
    assert right(model, jargon(100, seed=2)) >= 0.95
    assert right(NOTHING, jargon(100, seed=2)) <= 0.6
    found = classify("the wombat came back at noon with bread", "", "en", {}, model)
    assert found.category is Category.COMPLAINT
    assert any('learned from reviews: "' in reason and "wombat" in reason for reason in found.reasons)


def test_one_review_counts_at_once_and_leaves_the_model_alone() -> None:
    model = train(jargon(60, seed=1))
    before = pack(model)
    text = "Bread for the lake garden"
    told = example(text, True)
    after = go_on(model, [told, told])
    assert after.odds(told.features, told.odds) > model.odds(told.features, told.odds)
    assert pack(model) == before
    assert pack(go_on(model, [told])) == pack(go_on(model, [told]))


def test_categories_are_learned_beside_complaint_or_not() -> None:
    text = "the koala came back with apples"
    rows = [Example(tuple(features(text.split())), -1.0, False, Category.CHANGE_OF_DATA) for _ in range(30)]
    assert classify(text, "", "en", {}).category is Category.OTHER
    assert classify(text, "", "en", {}, train(rows)).category is Category.CHANGE_OF_DATA


def test_topics_are_ranked_by_what_was_learned_and_by_cue_words() -> None:
    topics = {"milk": ["foam"], "app": ["wifi"], "billing": ["invoice"]}
    rows = [example(f"number {at} the wombat came", topics=("billing",)) for at in range(20)]
    rows += [example(f"number {at} the koala came", topics=("app",)) for at in range(20)]
    model = train(rows)
    found = classify("a wombat came with foam", "", "en", topics, model)
    assert set(found.ranked[:2]) == {"billing", "milk"}
    assert classify("the koala came", "", "en", topics, model).topics == ("app",)
    assert classify("the koala came", "", "en", {"milk": ["foam"]}, model).topics == (), "a topic that is none any more"


def test_a_few_reviews_on_two_topics_do_not_put_them_on_every_message() -> None:
    topics: dict[str, tuple[str, ...]] = {"milk": (), "billing": (), "pump": ()}
    model = go_on(
        NOTHING,
        [
            example("The steam knob came off in my hand", True, topics=("milk",)),
            example("If I don't have my money back by Friday you will hear from me", True, topics=("billing",)),
        ],
    )
    for text in ("zzz", "Where is my parcel?", "La bomba no funciona", "I had the same trouble before"):
        assert classify(text, "", guess_language(text), topics, model).topics == ()
    assert classify("my money back by Friday", "", "en", topics, model).topics == ("billing",)


def test_a_model_that_helps_is_kept() -> None:
    trial = try_out(jargon(200, seed=1))
    assert trial.refused == ""
    assert (trial.told.share or 0) > (trial.told_before.share or 0) + 0.3
    assert try_out(corpus()).refused == ""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_thirty_percent_of_flipped_labels_are_refused_at_the_start(seed: int) -> None:
    assert try_out(corpus(flipped=0.3, seed=seed)).refused
    assert try_out(jargon(200, seed=seed, flipped=0.3)).refused


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_thirty_percent_of_flipped_labels_are_refused_behind_good_ones(seed: int) -> None:
    good = jargon(300, seed=10, new=False)
    assert try_out([*good, *jargon(120, seed=seed)]).refused == ""
    assert try_out([*good, *jargon(120, seed=seed, flipped=0.3)]).refused


def test_a_fall_of_more_than_two_points_is_refused_with_its_figures() -> None:
    good = jargon(200, seed=1, new=False)
    wrong = [Example(one.features, one.odds, not one.complaint) for one in jargon(150, seed=2)]
    refused = try_out([*good, *wrong]).refused
    assert "complaint or not: right fell from" in refused or "contradict" in refused


def test_too_few_reviews_make_no_model() -> None:
    assert "are needed" in try_out(jargon(FEW - 1, seed=1)).refused


def test_a_reply_is_judged_with_a_model_in_half_a_millisecond() -> None:
    """CPU time; the bound is doubled for a busy machine, and the benchmark prints the figure."""
    rows = [*corpus(), *(example(row["text"], topics=(row["category"],)) for row in ROWS)]
    model = train(rows)
    texts = [row["text"] for row in ROWS if guess_language(row["text"]) == "en"]
    best = 9.0
    for _ in range(3):
        began = time.process_time()
        for text in texts:
            classify(text, "", "en", {"milk": ["foam"], "app": ["wifi"]}, model)
        best = min(best, (time.process_time() - began) / len(texts))
    assert best < 0.001
