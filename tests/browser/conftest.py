"""Debian's Chromium, started once: all tests of this folder are run one after the other by one worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ELSEWHERE = "news.acme.example"
"""A name for this machine that browsers trust no more than any: what they tell only safe places is not told there."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """The folder's own: its event loop must be gone before other tests start theirs."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    from playwright.sync_api import Error, sync_playwright  # lazy: few files need it

    with sync_playwright() as play:
        try:
            opened = play.chromium.launch(
                executable_path=CHROMIUM,
                args=["--no-sandbox", "--disable-gpu", f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"],
            )
        except Error as wrong:
            pytest.skip(f"Chromium does not start: {wrong.message[:200]}")
        yield opened
        opened.close()
