"""In a real browser: the unsubscribe page works by keyboard and without script, on a phone, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page
from sqlmodel import select

from outreach.address import sign_token
from outreach.records import Case, CaseEvent, CaseState, Category, Delivery, Subscription, SubscriptionState
from outreach.store.cases import entries_of
from outreach.work.answer import answer
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..web.conftest import serving
from ..web.make import make_edition, make_people

pytestmark = pytest.mark.needs_debian


def state(workspace: Workspace) -> SubscriptionState:
    with workspace.database.read() as session:
        return session.exec(select(Subscription)).one().state


def token(workspace: Workspace, purpose: str = "unsubscribe") -> str:
    people = make_people(workspace, 1)
    _, (delivery_id,) = make_edition(workspace, people)
    with workspace.database.read() as session:
        return sign_token(workspace.keys, purpose, session.get_one(Delivery, delivery_id).public_id)


def overflow(page: Page) -> int:
    """How many pixels stick out to the right."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_the_button_unsubscribes_the_undo_brings_back_and_looking_changes_nothing(
    workspace: Workspace, browser: Browser
) -> None:
    link = token(workspace)
    with serving(workspace) as address, browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{address}/u/{link}")
        page.reload()
        assert state(workspace) is SubscriptionState.SUBSCRIBED
        page.get_by_role("button", name="Unsubscribe").click()
        assert page.get_by_role("heading", level=1).inner_text() == "You are unsubscribed"
        assert state(workspace) is SubscriptionState.UNSUBSCRIBED
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/undo")
        assert page.get_by_role("heading", level=1).inner_text() == "You are subscribed again"
        assert state(workspace) is SubscriptionState.SUBSCRIBED
        assert context.cookies() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_did_this_fix_it_works_without_script_on_a_phone_and_reopens_with_the_customers_words(
    workspace: Workspace, browser: Browser, scheme: str
) -> None:
    (person,) = make_people(workspace, 1)
    case_id = receive(workspace, Category.COMPLAINT, customer_id=person) or 0
    done = answer(workspace, case_id, "A new sensor is on its way.", "maria", then=CaseEvent.RESOLVE)
    with workspace.database.read() as session:
        link = sign_token(workspace.keys, "fixed", session.get_one(Delivery, done.delivery_id).public_id)
    options = {"viewport": {"width": 320, "height": 640}, "color_scheme": scheme, "java_script_enabled": False}
    with serving(workspace) as address, browser.new_context(**options) as context:
        page = context.new_page()
        page.goto(f"{address}/f/{link}/no")
        for place in ("h1", ".card p", "label", "button", "button.quiet", ".small"):
            assert contrast(page, place) >= 4.5, place
        assert overflow(page) == 0
        page.get_by_label("What is still wrong?").fill("It still blinks.")
        page.get_by_role("button", name="No, it is not").click()
        assert page.get_by_role("heading", level=1).inner_text() == "We are on it again"
    with workspace.database.read() as session:
        assert session.get_one(Case, case_id).state is CaseState.OPEN
        assert entries_of(session, case_id)[-1].text.endswith("It still blinks.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_and_its_words_stand_out(workspace: Workspace, browser: Browser, scheme: str) -> None:
    link = token(workspace)
    size = {"width": 320, "height": 640}
    with serving(workspace) as address, browser.new_context(viewport=size, color_scheme=scheme) as context:
        page = context.new_page()
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text))
        page.goto(f"{address}/u/{link}")
        assert overflow(page) == 0
        for place in ("h1", ".card p", "button", ".small"):
            assert contrast(page, place) >= 4.5, place
        assert [words for words in faults if "favicon" not in words and "404" not in words] == []


def test_a_viewed_mail_shows_no_script_and_asks_nobody(workspace: Workspace, browser: Browser) -> None:
    link = token(workspace, "view")
    with serving(workspace) as address, browser.new_context() as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/v/{link}")
        assert page.get_by_role("note").is_visible()
        assert page.get_by_text("Hello").is_visible()
        assert [url for url in asked if not url.startswith(address)] == []


CONTRAST = """
(place) => {
  const luminance = (colour) => {
    const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const element = document.querySelector(place);
  let ground = element;
  const clear = (colour) => /^rgba\\(0, 0, 0, 0\\)|^transparent/.test(colour);
  while (clear(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
  const one = luminance(getComputedStyle(element).color);
  const other = luminance(getComputedStyle(ground).backgroundColor);
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}
"""
"""WCAG 2.2's contrast ratio of an element's text against what lies under it."""


def contrast(page: Page, place: str) -> float:
    return float(page.evaluate(CONTRAST, place))
