"""Below a path of a web server (`url = "https://acme.example/news"`): whatever a page leads to stays below it."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urljoin

import httpx
import pytest

from outreach.work.workspace import Workspace

from .test_app import BUTTON, reader, token_for
from .test_fixed import token as fixed_token

__all__ = ["fixed_token", "reader"]
PUBLIC = "https://acme.example/news"


def leads_to(page: httpx.Response, path: str) -> list[str]:
    """Where the links and forms of a page lead that the web server shows at `path` below its own, and what it then
    asks us for."""
    found = re.findall(r'(?:href|action)="([^"]*)"', page.text)
    whole = [urljoin(PUBLIC + path, unescape(one)) for one in found]
    assert all(one.startswith(f"{PUBLIC}/") for one in whole), whole
    return [one.removeprefix(PUBLIC) for one in whole]


def test_leaving_and_wishes_lead_to_each_other(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    token = token_for(workspace, reader)
    assert leads_to(site.get(f"/u/{token}"), f"/u/{token}") == [f"/u/{token}", f"/p/{token}"]
    assert leads_to(site.get(f"/p/{token}"), f"/p/{token}") == [f"/p/{token}", f"/u/{token}"]
    (undo,) = leads_to(site.post(f"/u/{token}", data=BUTTON), f"/u/{token}")
    assert "subscribed again" in site.post(undo, data=BUTTON).text


@pytest.mark.parametrize("end", ["", "/yes", "/no"])
def test_the_buttons_of_a_case_answer(site: httpx.Client, fixed_token: str, end: str) -> None:
    here = f"/f/{fixed_token}{end}"
    assert sorted(leads_to(site.get(here), here)) == [f"/f/{fixed_token}/no", f"/f/{fixed_token}/yes"]
    for _ in range(2):  # "was that the wrong button?"
        said = leads_to(site.get(here), here)[0]
        assert leads_to(site.post(said, data=BUTTON), said) != [said]
