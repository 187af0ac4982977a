"""`outreach replies classify|train|models|rollback` as a person and a program use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outreach.work.workspace import Workspace

from .inside import outreach

GOOD = [("The pump broke again and nobody answers", 1, "repairs"), ("Thank you for the lovely tip", 0, "tips")]
ROWS = "text,label,topic\n" + "".join(
    f"{text} {at},{label},{topic}\n" for at in range(30) for text, label, topic in GOOD
)
WRONG = "text,label\n" + "".join(
    f"{text} {at},{int(label) if at % 3 else 1 - label}\n" for at in range(30, 60) for text, label, _ in GOOD
)


@pytest.fixture
def acme(workspace: Workspace) -> Path:
    (workspace.root / "rows.csv").write_text(ROWS)
    (workspace.root / "wrong.csv").write_text(WRONG)
    return workspace.root


def test_rows_are_judged_with_figures_and_nothing_is_stored(acme: Path) -> None:
    value = json.loads(outreach(acme, "replies", "classify", "rows.csv", "--json").stdout)
    assert value["figures"]["accuracy"] == value["figures"]["auc"] == 1.0
    assert (value["figures"]["rows"], value["figures"]["complaints"], value["figures"]["topic_top3"]) == (60, 30, 0.0)
    first = value["rows"][0]
    assert (first["row"], first["category"], first["label"], first["label_topics"]) == (
        2,
        "complaint",
        True,
        ["repairs"],
    )
    assert first["complaint"] > 0.5
    assert any("broke" in reason for reason in first["reasons"])
    said = outreach(acme, "replies", "classify", "rows.csv").stdout
    assert "complaint or not: 100% right of 60 with a label (30 complaints), AUC 1.000" in said
    assert json.loads(outreach(acme, "replies", "list", "--json").stdout) == []
    assert json.loads(outreach(acme, "replies", "models", "--json").stdout) == []


def test_what_was_learned_is_told_kept_listed_and_taken_back(acme: Path) -> None:
    done = outreach(acme, "replies", "train", "rows.csv", "--by", "maria")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 rows taken in" in done.stdout
    assert "Version 1 is in force" in done.stdout
    assert "topic in the first three: 100%" in done.stdout
    value = json.loads(outreach(acme, "replies", "classify", "rows.csv", "--json").stdout)
    assert value["figures"]["topic_top3"] == 1.0
    bad = outreach(acme, "replies", "train", "wrong.csv")
    assert bad.returncode == 3
    assert "Version 2 was refused" in bad.stdout
    assert "Nothing has changed: its rows are set aside." in bad.stdout
    listed = json.loads(outreach(acme, "replies", "models", "--json").stdout)
    assert [(one["version"], one["state"], one["by"]) for one in listed][1] == (1, "in_force", "maria")
    assert listed[0]["state"] == "refused"
    assert "in force" in outreach(acme, "replies", "models").stdout
    assert "The cues decide alone." in outreach(acme, "replies", "rollback").stdout
    assert outreach(acme, "replies", "rollback", "7").returncode == 1


def test_a_file_that_cannot_be_used_is_refused_with_a_remedy(acme: Path) -> None:
    (acme / "odd.csv").write_text("a,b\n1,2\n")
    done = outreach(acme, "replies", "train", "odd.csv")
    assert done.returncode == 1
    assert "no column holds the text" in done.stderr
    assert "--text-column" in done.stderr
    assert outreach(acme, "replies", "train").returncode == 1
    assert outreach(acme, "replies", "classify", "gone.csv").returncode == 1


def test_the_review_screen_shows_likelihood_and_learned_words_and_takes_topics_by_one_key(acme: Path) -> None:
    rows = "".join(f"the wombat came to tea {at},1\nthe koala came to tea {at},0\n" for at in range(40))
    (acme / "tea.csv").write_text(f"text,label\n{rows}")
    outreach(acme, "replies", "train", "tea.csv")
    outreach(acme, "replies", "log", "--channel", "form", "--text", "The wombat broke it again, and the foam is cold")
    done = outreach(acme, "replies", "review", "--by", "maria", stdin="b\n0\n2\n\nc\n")
    assert "complaint ████████" in done.stdout
    assert "learned from reviews: " in done.stdout
    assert '"wombat"' in done.stdout
    assert "1 milk ✓" in done.stdout
    assert "→ complaint about" in done.stdout
    listed = json.loads(outreach(acme, "replies", "list", "--json").stdout)
    assert len(listed[0]["topics"]) == 1
    assert listed[0]["topics"] != ["milk"]


def test_enough_reviews_make_a_version_and_the_screen_says_so(acme: Path) -> None:
    rows = "\n".join(json.dumps({"text": f"{text} {at}"}) for at in range(13) for text, _, _ in GOOD)
    (acme / "in.jsonl").write_text(rows)
    outreach(acme, "replies", "import", "in.jsonl")
    done = outreach(acme, "replies", "review", "--by", "maria", stdin="r\n" * 26)
    assert "26 reviewed, 0 left." in done.stdout
    assert "Learned: version 1 of 26 decisions is in force" in done.stdout
