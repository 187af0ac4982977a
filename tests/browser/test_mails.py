"""In a real browser: mails fit a phone and a desk, whatever stands in them, and are dark where that is wished for."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from outreach.newsletter.render import Links, Renderer

from ..templates.conftest import inline, render_layout
from ..templates.test_editions import CAMPAIGN_NAMES, CHOSEN, PEOPLE, freeze

pytestmark = pytest.mark.needs_debian
MEASURE = """() => {
  const card = document.querySelector('.card'), style = (one) => getComputedStyle(document.querySelector(one));
  return [document.documentElement.scrollWidth, card.getBoundingClientRect().width, style('.card').backgroundColor,
          style('.inside').paddingLeft, style('.hidden').display];
}"""


@pytest.mark.parametrize("name", CAMPAIGN_NAMES)
def test_in_a_real_browser_nothing_sticks_out_and_dark_is_dark(browser: Browser, name: str) -> None:
    rendered = Renderer(freeze(name)).render(PEOPLE[0], CHOSEN, Links("https://example.com/u", "https://example.com/v"))
    page = browser.new_page()
    page.set_content(rendered.html)
    for width in (320, 375, 700):
        page.set_viewport_size({"width": width, "height": 800})
        for scheme, brightest in (("light", 255), ("dark", 60)):
            page.emulate_media(color_scheme=scheme)
            width_used, card, ground, padding, hidden = page.evaluate(MEASURE)
            assert width_used <= width
            assert card <= 600
            assert max(int(part) for part in ground.strip("rgb()").split(",")) <= brightest, (scheme, ground)
            assert padding == ("22px" if width <= 600 else "40px")
            assert hidden == "none"
    page.close()


@pytest.mark.parametrize("layout", ["tips", "news", "invitation"])
def test_a_long_word_or_line_of_code_breaks_and_does_not_widen_the_mail(browser: Browser, layout: str) -> None:
    long, word = "https://www.acme-coffee.com/" + "a-very-long-address/" * 12, "Donaudampfschifffahrt" * 4
    body = f"<p>{long}</p><ul><li><a href='#'>{long}</a></li></ul><pre><code>{long} {long}</code></pre>"
    tip = {"title": word, "body": body, "topics": [word], "language": "en", "reason": long}
    html = inline(render_layout(layout, subject=word, preheader=long, content=body, tips=[tip]))
    page = browser.new_page()
    page.set_content(html)
    for width in (375, 700):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
