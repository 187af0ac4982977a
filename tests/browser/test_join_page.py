"""In a real browser: signing up works without script, by keyboard, on a phone, at a desk, light and dark."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from outreach.records import SubscriptionState
from outreach.web import join
from outreach.work.workspace import Workspace

from ..web.conftest import serving
from ..web.test_join import ANN, open_list, state
from .conftest import ELSEWHERE
from .test_public_pages import contrast, overflow

pytestmark = pytest.mark.needs_debian


@pytest.mark.parametrize(("width", "scheme"), [(375, "dark"), (1200, "light")])
def test_somebody_signs_up_by_keyboard_without_script(
    workspace: Workspace, browser: Browser, monkeypatch: pytest.MonkeyPatch, width: int, scheme: str
) -> None:
    open_list(workspace)
    monkeypatch.setattr(join, "SOONEST", 0)  # the clock stands
    options = {"viewport": {"width": width, "height": 700}, "color_scheme": scheme, "java_script_enabled": False}
    with serving(workspace) as address, browser.new_context(**options) as context:
        page = context.new_page()
        page.goto(f"{address}/join/customers")
        assert overflow(page) == 0
        for place in ("h1", ".agreed", "label", ".hint", "button", ".mark"):
            assert contrast(page, place) >= 4.5, place
        page.get_by_role("button").click()
        assert page.get_by_role("alert").is_visible()
        for place in (".fault", ".wrong a", ".wrong h2"):
            assert contrast(page, place) >= 4.5, place
        assert overflow(page) == 0
        page.get_by_label("Your e-mail address").focus()
        page.keyboard.type(ANN)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Look into your mail").wait_for()
        assert overflow(page) == 0
        assert context.cookies() == []
    assert state(workspace) is SubscriptionState.PENDING


def test_a_browser_that_says_little_of_where_a_form_stood_is_believed(
    workspace: Workspace, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_list(workspace)
    monkeypatch.setattr(join, "SOONEST", 0)
    public = workspace.settings.public.model_copy(update={"url": "https://www.acme.example"})
    elsewhere = replace(workspace, settings=workspace.settings.model_copy(update={"public": public}))
    with serving(elsewhere) as address, browser.new_context() as context:
        page, said = context.new_page(), list[dict[str, str]]()
        page.on("request", lambda one: said.append(one.headers) if one.method == "POST" else None)
        page.goto(address.replace("127.0.0.1", ELSEWHERE) + "/join/customers")
        page.get_by_label("Your e-mail address").fill(ANN)
        page.get_by_role("button").click()
        page.get_by_role("heading", name="Look into your mail").wait_for(timeout=5_000)
    assert len(said) == 1 and "sec-fetch-site" not in said[0]
