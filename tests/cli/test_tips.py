"""`outreach tips`, as a marketer types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.inside import Done, outreach
from tests.made import make_workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_workspace(tmp_path / "acme")
    return tmp_path / "acme"


def run(root: Path, *arguments: str, status: int = 0) -> Done:
    done = outreach(root, *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_the_starters_are_applied_listed_and_shown(root: Path) -> None:
    assert "created" in run(root, "tips", "apply", "templates/tips").stdout
    again = json.loads(run(root, "tips", "apply", "templates/tips", "--json").stdout)
    assert len(again) >= 20 and {each["change"] for each in again} == {"unchanged"}
    assert set(again[0]) == {"name", "change", "file", "notes"}
    listed = json.loads(run(root, "tips", "list", "--json").stdout)
    assert len(listed) == len(again)
    assert [each["position"] for each in listed] == sorted(each["position"] for each in listed)
    fields = {
        "name",
        "title",
        "topics",
        "languages",
        "segment",
        "position",
        "valid_from",
        "valid_until",
        "valid",
        "file",
    }
    assert set(listed[0]) == fields
    milk = json.loads(run(root, "tips", "list", "--topic", "milk", "--json").stdout)
    assert 0 < len(milk) < len(listed) and all("milk" in each["topics"] for each in milk)
    assert "position\tname\ttopics" in run(root, "tips", "list").stdout
    shown = run(root, "tips", "preview", listed[0]["name"])
    assert listed[0]["title"] in shown.stdout
    told = json.loads(run(root, "tips", "preview", listed[0]["name"], "--json").stdout)
    assert set(told) == {"name", "text", "html"} and Path(told["html"]).exists()


def test_a_wrong_tip_is_told_and_none_is_kept(root: Path) -> None:
    (root / "oil.md").write_text("---\ntitle: Oil\n---\nOil {{ it.\n")
    assert "oil.md:4" in run(root, "tips", "apply", "oil.md", status=1).stderr
    assert json.loads(run(root, "tips", "list", "--json").stdout) == []
    assert "no tip called oil" in run(root, "tips", "preview", "oil", status=2).stderr
