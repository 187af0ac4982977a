"""The starter campaigns, the sample tips and the topics fit each other and the rest of the house."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from outreach.address import canonical_address
from outreach.audience.segment import judge_segment, parse_segment
from outreach.cli.demo.people import sample_people
from outreach.cli.demo.voices import VOICES, Voice
from outreach.newsletter.campaign_file import CampaignFile, parse_campaign
from outreach.newsletter.tip_file import TipFile, parse_tip
from outreach.replies.topics import find_topics
from outreach.settings import Settings, starter_templates
from outreach.timing.rule import parse_schedule

MAIN_TOPICS = (
    "brewing cleaning descaling milk grinder app warranty delivery billing energy account".split()
)  # fmt: skip
CAMPAIGNS = sorted((starter_templates() / "campaigns").glob("*.md"))
TIPS = sorted((starter_templates() / "tips").glob("*.md"))


def read_tip(file: Path) -> TipFile:
    return parse_tip(file.read_text(encoding="utf-8"), str(file))


def read_campaign(file: Path) -> CampaignFile:
    return parse_campaign(file.read_text(encoding="utf-8"), str(file))


@pytest.fixture(scope="module")
def tips() -> list[TipFile]:
    return [read_tip(file) for file in TIPS]


@pytest.fixture(scope="module")
def topics() -> dict[str, list[str]]:
    return tomllib.loads((starter_templates() / "topics.toml").read_text(encoding="utf-8"))["topics"]


@pytest.mark.parametrize("file", CAMPAIGNS, ids=lambda file: file.stem)
def test_a_starter_is_ready_to_be_sent(file: Path, topics: dict[str, list[str]]) -> None:
    campaign = read_campaign(file)
    assert campaign.name == file.stem
    assert campaign.list_name == "customers"
    assert campaign.kind.value == file.stem
    assert 20 <= len(campaign.preheader) <= 110
    assert '{{ first_name or "there" }}' in campaign.body
    assert (starter_templates() / "layouts" / f"{campaign.template}.html.j2").is_file()
    assert set(campaign.topics) <= set(topics)
    assert not campaign.schedule, "a fresh workspace sends nothing by itself"
    assert "—" not in campaign.source


@pytest.mark.parametrize("file", CAMPAIGNS, ids=lambda file: file.stem)
def test_what_a_starter_offers_in_comments_works_when_uncommented(file: Path) -> None:
    keys = "from|schedule|zone|segment|tips"
    text = re.sub(rf"^# ({keys}):", r"\1:", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    campaign = parse_campaign(text, str(file))
    assert parse_schedule(campaign.schedule).text == campaign.schedule
    assert "reply" not in canonical_address(campaign.sender)
    parse_segment(campaign.segment)


@pytest.mark.parametrize("file", TIPS, ids=lambda file: file.stem)
def test_a_tip_is_advice_of_a_readable_length(file: Path, topics: dict[str, list[str]]) -> None:
    tip = read_tip(file)
    assert tip.name == file.stem
    assert tip.topics
    assert set(tip.topics) <= set(topics)
    assert next(iter(tip.texts)) == "en"
    for text in tip.texts.values():
        assert 60 <= len(text.body.split()) <= 120
        assert len(text.title) <= 80
        assert not re.search(r"https?:|\{\{|\t|—|(?<=\w)'|\"", text.body), "no link that can die, no straight quotes"


def test_there_are_tips_enough_for_every_topic_and_some_in_german(tips: list[TipFile]) -> None:
    counts = Counter(topic for tip in tips for topic in tip.topics)
    assert len(tips) >= 24
    assert all(counts[topic] >= 3 for topic in MAIN_TOPICS), counts
    assert sum("de" in tip.texts for tip in tips) >= 8
    assert sum(tip.valid_until is not None for tip in tips) >= 1
    titles = [text.title for tip in tips for text in tip.texts.values()]
    assert len(set(titles)) == len(titles)


def test_the_editors_order_has_no_ties_and_begins_with_many_topics(tips: list[TipFile]) -> None:
    positions = [tip.position for tip in tips]
    assert None not in positions
    assert len(set(positions)) == len(positions)
    first = sorted(tips, key=lambda tip: tip.position or 0)[:6]
    assert len({tip.topics[0] for tip in first}) >= 4


def test_segments_take_some_of_the_demos_people_and_not_all(tips: list[TipFile]) -> None:
    people = [{key.lower().replace(" ", "_"): value for key, value in one.items()} for one in sample_people()]
    segments = {tip.segment for tip in tips if tip.segment}
    assert len(segments) >= 2
    for text in segments:
        segment = parse_segment(text)
        taken = sum(judge_segment(segment, person) for person in people)
        assert 20 <= taken <= 150, text


def test_topics_are_settings_and_no_cue_points_two_ways(topics: dict[str, list[str]]) -> None:
    assert set(topics) == set(MAIN_TOPICS)
    Settings.model_validate({"topics": topics})
    cues = [cue for words in topics.values() for cue in words]
    assert all(cue == cue.lower().strip() and cue for cue in cues)
    assert [cue for cue, count in Counter(cues).items() if count > 1] == []


@pytest.mark.parametrize("voice", [voice for voice in VOICES if voice.topic], ids=lambda voice: voice.text[:24])
def test_the_topics_find_what_the_demos_customers_write_about(voice: Voice, topics: dict[str, list[str]]) -> None:
    found = find_topics(voice.text.lower(), topics) or find_topics(voice.subject.lower(), topics)
    assert found[:1] == (voice.topic,)
