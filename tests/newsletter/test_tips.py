"""Which tips a person gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.newsletter.tips import ChosenTip, TipFacts, choose_tips, pick_language

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TOPICS = ("noise", "heat", "water")


def tip(name: str, position: int, *topics: str, **more: Any) -> TipFacts:
    values: dict[str, Any] = {"segment_ok": True, "valid_from": None, "valid_until": None, "languages": ("en",)}
    return TipFacts(name=name, topics=topics, position=position, **{**values, **more})


POOL = [tip("a", 10, "noise"), tip("b", 20, "heat"), tip("c", 30, "water"), tip("d", 40, "noise", "water")]


def choose(pool: list[TipFacts] = POOL, **more: Any) -> list[ChosenTip]:
    values: dict[str, Any] = {
        "shown": (),
        "boosts": {},
        "blocked": (),
        "language": "en",
        "campaign_topics": (),
        "count": 2,
        "now": NOW,
    }
    return choose_tips(pool, **{**values, **more})


def names(chosen: list[ChosenTip]) -> list[str]:
    return [each.name for each in chosen]


def test_the_editors_order_holds_where_nothing_else_does() -> None:
    assert names(choose()) == ["a", "b"]


def test_no_tip_comes_twice() -> None:
    assert names(choose(shown={"a", "b"})) == ["c", "d"]
    assert names(choose(shown={"a", "b", "c", "d"})) == []


def test_a_persons_own_topic_comes_first_with_its_reason() -> None:
    chosen = choose(boosts={"water": 7})
    assert chosen == [ChosenTip("c", "You wrote to us about water", 7), ChosenTip("a")]


def test_the_reason_is_in_the_language_of_its_reader() -> None:
    def told(language: str) -> str:
        return choose(boosts={"water": 7}, language=language)[0].reason

    assert told("de") == told("de-AT") == "Sie haben uns zu diesem Thema geschrieben"
    assert told("en") == told("fr") == told("") == "You wrote to us about water"


def test_each_boosted_topic_is_served_before_any_is_served_twice() -> None:
    chosen = choose(boosts={"water": 7, "noise": 8}, count=3)
    assert [(each.name, each.boost) for each in chosen] == [("c", 7), ("a", 8), ("b", None)]


def test_tips_on_a_topic_that_waits_for_an_answer_are_left_out() -> None:
    assert names(choose(blocked={"noise"}, count=4)) == ["b", "c"]
    assert names(choose(blocked={"water"}, boosts={"water": 1}, count=4)) == ["a", "b"]


def test_a_campaign_with_topics_takes_tips_on_them_and_boosts() -> None:
    assert names(choose(campaign_topics={"water"}, count=4)) == ["c", "d"]
    assert names(choose(campaign_topics={"water"}, boosts={"heat": 1}, count=4)) == ["b", "c", "d"]


def test_tips_in_the_readers_language_come_first() -> None:
    pool = [tip("a", 1, languages=("en",)), tip("b", 2, languages=("en", "de"))]
    assert names(choose(pool, language="de-AT")) == ["b", "a"]
    assert names(choose(pool, language="")) == ["a", "b"]


def test_a_tip_counts_only_while_it_is_valid_and_for_its_segment() -> None:
    hour = timedelta(hours=1)
    pool = [
        tip("later", 1, valid_from=NOW + hour),
        tip("over", 2, valid_until=NOW),
        tip("others", 3, segment_ok=False),
        tip("now", 4, valid_from=NOW, valid_until=NOW + hour),
    ]
    assert names(choose(pool, count=9)) == ["now"]


def test_languages_are_picked_by_region_and_then_without() -> None:
    assert pick_language(["en", "de"], "de_CH") == "de"
    assert pick_language(["en", "pt-BR"], "pt-br") == "pt-BR"
    assert pick_language(["en"], "fr") == "" and pick_language([], "en") == ""


FACTS = st.lists(
    st.builds(
        lambda at, topics, ok: tip(f"t{at}", at, *topics, segment_ok=ok),
        st.integers(0, 30),
        st.lists(st.sampled_from(TOPICS), unique=True),
        st.booleans(),
    ),
    unique_by=lambda each: each.name,
    max_size=12,
)


@settings(deadline=None)
@given(
    FACTS,
    st.sets(st.sampled_from([f"t{at}" for at in range(30)])),
    st.sets(st.sampled_from(TOPICS)),
    st.sets(st.sampled_from(TOPICS)),
    st.integers(0, 6),
)
def test_every_choice_keeps_the_laws(
    pool: list[TipFacts], shown: set[str], boosted: set[str], blocked: set[str], count: int
) -> None:
    boosts = {topic: (at, topic) for at, topic in enumerate(sorted(boosted))}
    chosen = choose(pool, shown=shown, boosts=boosts, blocked=blocked, count=count)
    facts = {each.name: each for each in pool}
    assert len(chosen) <= count and len(set(names(chosen))) == len(chosen)
    assert not set(names(chosen)) & shown
    for each in chosen:
        assert facts[each.name].segment_ok and not set(facts[each.name].topics) & blocked
        assert (each.boost is None) == (each.reason == "")
    ranks = [each.boost is None for each in chosen]
    assert ranks == sorted(ranks), "boosted tips stand first"
