"""In a real browser: the report asks nobody, fits phone and desk, and is readable in light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from outreach.records import Category
from outreach.store.figures import read_figures
from outreach.web.report import report_page
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import HandClock
from ..web.make import make_edition, make_people
from .test_public_pages import contrast, overflow

pytestmark = pytest.mark.needs_debian


def write_report(workspace: Workspace, clock: HandClock, path: Path) -> str:
    people = make_people(workspace, 60)
    for number in range(9):
        _, deliveries = make_edition(workspace, people, subject="An issue with a rather long subject line " * 2)
        for place in range(number % 4):
            receive(
                workspace,
                Category.COMPLAINT,
                customer_id=people[place],
                delivery_id=deliveries[place],
                topics=("a-topic-with-a-long-name", "grinder"),
            )
        clock.advance(days=3)
    with workspace.database.read() as session:
        figures = read_figures(session, name="acme", company="Acme", now=clock(), at_work=workspace.working_hours)
    path.write_text(report_page(figures), encoding="utf-8")
    return path.as_uri()


def test_the_report_asks_nobody_and_fits_every_screen(
    workspace: Workspace, clock: HandClock, browser: Browser, tmp_path: Path
) -> None:
    address = write_report(workspace, clock, tmp_path / "report.html")
    for scheme in ("light", "dark"):
        with browser.new_context(color_scheme=scheme) as context:
            page = context.new_page()
            asked: list[str] = []
            said: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, said=said: said.append(message.text))
            for width in (320, 375, 768, 1200):
                page.set_viewport_size({"width": width, "height": 900})
                page.goto(address)
                assert overflow(page) == 0, f"{width} pixels, {scheme}"
                for place in ("h1", "header p", ".tile .made", "td", "small", "summary", ".register"):
                    assert contrast(page, place) >= 4.5, f"{place}, {width} pixels, {scheme}"
            assert asked == [address] * 4
            assert said == []


def test_plots_are_announced_by_their_titles(
    workspace: Workspace, clock: HandClock, browser: Browser, tmp_path: Path
) -> None:
    address = write_report(workspace, clock, tmp_path / "report.html")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        assert page.get_by_role("img", name="People reached by each edition").is_visible()
        assert page.get_by_role("img", name="Complaints per 1,000 people reached, edition by edition").is_visible()
        assert page.get_by_role("region", name="Editions").get_by_role("table").is_visible()
