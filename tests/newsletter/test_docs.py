"""What docs/writing.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

from outreach.newsletter import campaign_file, lint, tip_file
from outreach.newsletter.compile import compile_newsletter

from .samples import source

TEXT = (Path(__file__).parents[2] / "docs" / "writing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```markdown\n(.*?)```", TEXT, re.DOTALL)


def test_every_key_of_the_front_matter_is_explained() -> None:
    said = set(re.findall(r"`(\w+)`", TEXT)) | {key for each in EXAMPLES for key in re.findall(r"(?m)^(\w+):", each)}
    assert set(campaign_file.KEYS) <= said and set(tip_file.KEYS) <= said


def test_the_examples_are_sound() -> None:
    campaign = campaign_file.parse_campaign(EXAMPLES[0], "issue.md")
    tip = tip_file.parse_tip(EXAMPLES[1], "filter.md")
    assert campaign.name == "issue" and list(tip.texts) == ["en", "de"]
    assert compile_newsletter(source(body=campaign.body, subject=campaign.subject), [])["method"] == "template"


def test_every_rule_of_check_is_explained() -> None:
    rooms = [Path(lint.__file__), Path(lint.__file__).parents[1] / "work" / "check.py"]
    rules = {found for room in rooms for found in re.findall(r'Fault\(\s*"?\w+"?, "([\w-]+)"', room.read_text("utf-8"))}
    assert {"render", "size", "inlining"} <= rules
    for rule in rules:
        assert f"`{rule}`" in TEXT, rule
