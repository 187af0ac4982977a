"""The shipped starters, frozen and rendered as every edition is."""

from __future__ import annotations

from typing import Any

import pytest

from outreach.newsletter.compile import NewsletterSource, TipSource, compile_newsletter
from outreach.newsletter.layouts import LayoutSource
from outreach.newsletter.render import Links, Renderer
from outreach.newsletter.tips import ChosenTip

from .conftest import layout_sources
from .test_starters import CAMPAIGNS, TIPS, read_campaign, read_tip

CHOSEN = [
    ChosenTip("descale-light-stays-on", "You wrote to us about descaling", 1),
    ChosenTip("brew-weigh-one-shot", "", None),
    ChosenTip("grind-clean-burrs", "", None),
]
PEOPLE: list[dict[str, Any]] = [
    {"first_name": "Ann", "language": "en", "plan": "plus"},
    {"first_name": "Jürgen <b>", "language": "de"},
    {},
]
MAILTO = Links("mailto:care+token@acme.example?subject=unsubscribe")
CAMPAIGN_NAMES = [file.stem for file in CAMPAIGNS]


def freeze(name: str, method: Any = None) -> dict[str, Any]:
    file = next(file for file in CAMPAIGNS if file.stem == name)
    campaign = read_campaign(file)
    return compile_newsletter(
        NewsletterSource(
            campaign=campaign.name,
            subject=campaign.subject,
            preheader=campaign.preheader,
            body=campaign.body,
            file=campaign.file,
            body_line=campaign.body_line,
            layout=f"{campaign.template}.html.j2",
            layouts={key: LayoutSource(text, key) for key, text in layout_sources().items()},
            company="Acme",
            postal_address="Acme, 1 Main Street, 12345 Springfield",
            language="en",
            lines=campaign.lines,
        ),
        [
            TipSource(
                name=tip.name,
                topics=tip.topics,
                segment=tip.segment,
                position=tip.position or 0,
                valid_from=tip.valid_from,
                valid_until=tip.valid_until,
                texts={key: (text.title, text.body, text.line) for key, text in tip.texts.items()},
                file=tip.file,
            )
            for tip in map(read_tip, TIPS)
        ],
        method=method,
    )


@pytest.mark.parametrize("name", CAMPAIGN_NAMES)
def test_the_starters_take_the_fast_way_and_it_equals_the_other(name: str) -> None:
    frozen = freeze(name)
    assert frozen["method"] == "template", frozen["why"]
    fast, sure = Renderer(frozen), Renderer(freeze(name, "shape"))
    for person in PEOPLE:
        one, other = fast.render(person, CHOSEN, MAILTO), sure.render(person, CHOSEN, MAILTO)
        assert one == other
        assert one == fast.render_whole(person, CHOSEN, MAILTO)


@pytest.mark.parametrize("name", CAMPAIGN_NAMES)
def test_a_starter_greets_everyone_and_fits_into_gmail(name: str) -> None:
    renderer = Renderer(freeze(name))
    for person, greeting in zip(PEOPLE, ("Hello Ann,", "Hello Jürgen <b>,", "Hello there,"), strict=True):
        mail = renderer.render(person, CHOSEN, MAILTO)
        assert greeting in mail.text
        assert "{" not in mail.text + mail.subject + mail.preheader
        assert len(mail.html.encode()) < 102_000 / 3
        assert "mailto:care+token@acme.example?subject=unsubscribe" in mail.text
        assert "None" not in mail.text


def test_every_tip_can_be_rendered_in_every_language() -> None:
    renderer = Renderer(freeze("tips"))
    for tip in map(read_tip, TIPS):
        for language, words in tip.texts.items():
            mail = renderer.render({"language": language}, [ChosenTip(tip.name, "", None)], MAILTO)
            assert words.title in " ".join(mail.text.split())
            assert f'lang="{language}"' in mail.html.partition("numeral")[0].rpartition("<table")[2]
