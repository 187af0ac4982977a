"""The layouts hold in the mail programs that people have: inlined, narrow, dark, and as plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import html as lxml_html

from outreach.prose import html_to_text

from .conftest import LAYOUTS, Render, inline, layout_sources

DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{(.*?)\n\}\n", re.DOTALL)
OUTLOOK = re.compile(r"^\[data-ogs[cb]\][^{]*\{[^}]*\}$", re.MULTILINE)
IGNORED = re.compile(r'<style data-premailer="ignore">(.*?)</style>', re.DOTALL)
LEAST = 4.5
"""WCAG 2.2, 1.4.3: contrast of text on its ground, level AA."""


def modes(page: str) -> dict[str, str]:
    """The page inlined as three programs show it: light, dark, and Outlook.com in dark mode."""
    kept = IGNORED.search(page)
    assert kept is not None
    dark = DARK.search(kept[1])
    assert dark is not None
    outlook = "\n".join(
        rule.replace("[data-ogsc] ", "").replace("[data-ogsb] ", "") for rule in OUTLOOK.findall(kept[1])
    )
    plain = page.replace(kept[0], "")
    shown = {"light": plain}
    for name, rules in (("dark", dark[1]), ("outlook", outlook)):
        shown[name] = plain.replace("</style>", rules + "</style>", 1)
    return {name: inline(text) for name, text in shown.items()}


def declared(element: Any, name: str) -> str | None:
    """The nearest declaration of `name` on the element or around it."""
    for one in (element, *element.iterancestors()):
        found = re.findall(rf"(?:^|;)\s*{name}\s*:\s*#([0-9a-fA-F]{{3,6}})\b", one.get("style", ""))
        if found:
            digits = str(found[-1])
            return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))
    return None


def luminance(colour: str) -> float:
    """Relative luminance, by WCAG's definition."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def shown_texts(page: str) -> Iterator[tuple[str, str | None, str | None]]:
    """Each piece of visible text with its colour and the colour behind it."""
    body = lxml_html.fromstring(page).find("body")
    for element in body.iter():
        if not isinstance(element.tag, str) or "hidden" in element.get("class", ""):
            continue
        pieces = [element.text or "", *(child.tail or "" for child in element)]
        text = "".join(pieces).replace("\xa0", " ").strip()
        if text:
            yield text, declared(element, "color"), declared(element, "background-color")


def test_contrast_is_what_wcag_says_it_is() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_text_can_be_read_in_light_in_dark_and_in_outlook(render: Render, layout: str) -> None:
    grounds = {}
    for mode, page in modes(render(layout)).items():
        texts = list(shown_texts(page))
        assert len(texts) > 12
        for text, ink, ground in texts:
            assert ink and ground, (mode, text)
            assert contrast(ink, ground) >= LEAST, (mode, text, ink, ground)
        grounds[mode] = declared(lxml_html.fromstring(page).find("body"), "background-color")
    assert luminance(grounds["light"] or "") > 0.8
    assert luminance(grounds["dark"] or "") < 0.05
    assert grounds["dark"] == grounds["outlook"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("language", ["en", "de", "de-AT", "fr", "", None])
def test_renders_for_full_and_for_empty_values(render: Render, layout: str, language: str | None) -> None:
    page = render(layout, language=language)
    german = (language or "").startswith("de")
    assert f'<html lang="{language or "en"}">' in page
    if layout != "service":
        assert ("Abmelden" in page) is german
        assert ("Unsubscribe" in page) is not german
    bare = render(layout, language=language, preheader="", tips=[], issue_number="", view_url="")
    assert "browser" not in bare.lower()
    assert "example.com/v/" not in bare


@pytest.mark.parametrize("layout", ["tips", "news", "invitation"])
def test_says_who_writes_why_and_how_to_leave(render: Render, layout: str) -> None:
    page = lxml_html.fromstring(inline(render(layout)))
    words = " ".join(page.text_content().split())
    assert "because you are a customer of Acme" in words
    assert "Acme, 1 Main Street" in words
    assert "reply to this mail" in words
    assert page.xpath('//a[text()="Unsubscribe"]/@href') == ["https://example.com/u/1"]
    assert page.xpath('//a[text()="View in browser"]/@href') == ["https://example.com/v/1"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_is_built_for_mail(render: Render, layout: str) -> None:
    mailed = inline(render(layout))
    page = lxml_html.fromstring(mailed)
    assert all(table.get("role") == "presentation" or table.find(".//th") is not None for table in page.iter("table"))
    bare = page.xpath('//td[text()="at six"]')[0]
    assert "font-family" in bare.get("style", ""), "a table in the text looks like the text"
    assert not page.xpath("//script|//link|//form|//iframe|//img|//*[@onclick]")
    assert "@import" not in mailed
    assert "@font-face" not in mailed
    assert "url(" not in mailed
    assert "max-width: 600px" in mailed
    assert 'width="600"' in mailed, "Outlook's ghost table"
    assert len(mailed.encode()) < 40_000
    hidden = page.xpath('//div[@class="hidden"]')[0]
    assert hidden.get("aria-hidden") == "true"
    assert "display:none" in hidden.get("style", "").replace(" ", "")
    assert len(hidden.text) > 90, "padding keeps the first words of the mail out of the preview line"
    style = page.xpath("//style")
    assert len(style) == 1, "what stays is what cannot be inlined"
    assert "@media only screen and (max-width: 600px)" in style[0].text
    for rule in re.findall(r"[\w-]+\s*:\s*[^;{}]+;", style[0].text.partition("@media")[2]):
        assert "!important" in rule, rule


def test_values_are_escaped(render: Render) -> None:
    page = render("tips", subject="<b>1 & 2</b>", company='A "quoted" <co>')
    assert "<b>1" not in page
    assert "<co>" not in page


def test_a_tip_says_why_it_was_chosen_and_another_does_not(render: Render) -> None:
    cards = lxml_html.fromstring(render("tips")).find_class("card")
    assert [len(card.find_class("reason")) for card in cards] == [0, 1, 0]
    assert "Picked for you: You wrote to us about milk" in cards[1].text_content()
    assert [card.find_class("numeral")[0].text for card in cards[1:]] == ["1", "2"]


def test_reads_well_as_plain_text(render: Render) -> None:
    text = html_to_text(inline(render("tips")))
    assert "A subject & more\n====" in text
    assert "A tip\n-----" in text
    assert "- one\n- two" in text
    assert "Before the mail" not in text
    assert "\u034f" not in text
    assert "https://example.com/u/1" in text
    assert "{" not in text


def test_every_layout_file_says_what_it_is_for() -> None:
    assert set(layout_sources()) == {"base.html.j2", *(f"{name}.html.j2" for name in LAYOUTS)}
    for source in layout_sources().values():
        assert source.startswith("{#- ")
