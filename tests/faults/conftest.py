"""Everything in this folder carries the marker `faults`: `pytest -m faults` is the short form, and the long form is
`OUTREACH_LONG=1 pytest -m faults -n 0`."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.faults)
