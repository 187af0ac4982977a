"""In a real browser: the pages of consent work without script, by keyboard, on a phone, at a desk, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from outreach.records import SubscriptionState
from outreach.work.workspace import Workspace

from ..web.conftest import serving
from ..web.test_consent_pages import link, pending, state, wished
from .test_public_pages import contrast, overflow

pytestmark = pytest.mark.needs_debian


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (375, "dark"), (1200, "light")])
def test_wishes_are_chosen_by_hand_without_script(
    workspace: Workspace, browser: Browser, width: int, scheme: str
) -> None:
    token = link(workspace)
    options = {"viewport": {"width": width, "height": 700}, "color_scheme": scheme, "java_script_enabled": False}
    with serving(workspace) as address, browser.new_context(**options) as context:
        page = context.new_page()
        page.goto(f"{address}/u/{token}")
        page.get_by_role("link", name="Rather fewer").click()
        assert overflow(page) == 0
        for place in ("h1", "legend", ".choices label", ".hint", "button", ".leave a", ".small"):
            assert contrast(page, place) >= 4.5, place
        page.get_by_label("3 months").check()
        page.get_by_label("At most one a month").check()
        page.get_by_label("descaling").uncheck()
        page.get_by_label("Rather by phone").check()
        page.get_by_role("button", name="Save").click()
        assert page.get_by_role("status").inner_text() == "Saved. It takes effect at once."
        assert contrast(page, ".saved") >= 4.5
        assert page.get_by_label("Until 1 March 2027").is_checked()
        assert context.cookies() == []
    wish = wished(workspace)
    assert wish is not None
    assert (wish.every_days, wish.no_topics, wish.channel) == (30, ["descaling"], "phone")


def test_a_subscription_is_confirmed_by_keyboard(workspace: Workspace, browser: Browser) -> None:
    token = pending(workspace)
    with serving(workspace) as address, browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{address}/s/{token}")
        page.reload()
        assert state(workspace) is SubscriptionState.PENDING
        assert overflow(page) == 0
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_load_state()
        assert page.get_by_role("heading", level=1).inner_text() == "Thank you"
    assert state(workspace) is SubscriptionState.SUBSCRIBED
