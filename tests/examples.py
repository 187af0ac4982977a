"""How many examples hypothesis tries: a part in a plain run, all of them in .ci/run (CI) and with OUTREACH_LONG."""

from __future__ import annotations

import os

from hypothesis import settings

USUAL, PLAIN = 100, 15
WHOLE = bool(os.environ.get("CI") or os.environ.get("OUTREACH_LONG"))


def examples(many: int) -> int:
    """Of so many examples, how many this run tries. They differ from run to run, so that days add up to all."""
    return many if WHOLE else max(min(many, 10), many * PLAIN // USUAL)


def load_profile() -> None:
    """So it is for tests that name no number, too; with CI set, hypothesis has a profile of its own."""
    settings.register_profile("plain", max_examples=PLAIN)
    if not WHOLE:
        settings.load_profile("plain")
