"""Files become campaigns and tips, once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import select

from outreach.errors import InputError, TemplateError
from outreach.newsletter.render import customer_values
from outreach.records import Asset, Campaign, CampaignState, Kind, Tip
from outreach.store.campaigns import campaign_named, change_campaign_state
from outreach.store.tips import all_tips, tip_named
from outreach.work.compose import apply_campaign, apply_tip, apply_tips, freeze
from outreach.work.letter import load_images
from outreach.work.workspace import Workspace

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
TEXT = """---
subject: Hello {{ first_name or "there" }}
list: customers
kind: tips
segment: plan == "pro"
schedule: every tuesday at 09:00
zone: recipient
---
Hello.

![A pump](pump.png)
"""


def write(workspace: Workspace, text: str = TEXT, name: str = "issue.md") -> Path:
    path = workspace.root / name
    path.write_text(text, encoding="utf-8")
    return path


def pump(workspace: Workspace, data: bytes = PNG) -> None:
    (workspace.root / "pump.png").write_bytes(data)


def campaign(workspace: Workspace, name: str = "issue") -> Campaign:
    with workspace.database.read() as session:
        found = campaign_named(session, name)
        assert found is not None
        return found


def test_a_campaign_applied_twice_is_unchanged(workspace: Workspace) -> None:
    pump(workspace)
    path = write(workspace)
    assert apply_campaign(workspace, path).change == "created"
    first = campaign(workspace)
    workspace.clock.advance(hours=1)  # type: ignore[attr-defined]
    assert apply_campaign(workspace, path).change == "unchanged"
    assert campaign(workspace).updated_at == first.updated_at
    write(workspace, TEXT.replace("Hello.", "Good day."))
    assert apply_campaign(workspace, path).change == "updated"
    changed = campaign(workspace)
    assert changed.updated_at > first.updated_at and changed.id == first.id and "Good day." in changed.body
    assert (changed.kind, changed.source_path, changed.schedule) == (Kind.TIPS, "issue.md", "every tuesday at 09:00")


def test_a_changed_image_changes_the_campaign(workspace: Workspace) -> None:
    pump(workspace)
    path = write(workspace)
    apply_campaign(workspace, path)
    pump(workspace, PNG + b"1")
    assert apply_campaign(workspace, path).change == "updated"
    with workspace.database.read() as session:
        assert len(session.exec(select(Asset)).all()) == 2
        frozen = freeze(session, workspace, campaign(workspace), now=workspace.clock()).frozen
        images = load_images(session, frozen)
    assert [(image.name, image.media_type, image.data) for image in images.values()] == [
        ("pump.png", "image/png", PNG + b"1")
    ]
    assert all(f"cid:{cid}" in str(frozen["contents"]) for cid in images)


def test_applying_again_does_not_revive_what_was_cancelled(workspace: Workspace) -> None:
    pump(workspace)
    path = write(workspace)
    apply_campaign(workspace, path)
    with workspace.database.write() as session:
        before = campaign(workspace).version
        assert change_campaign_state(session, "issue", CampaignState.CANCELLED, workspace.clock())
        assert not change_campaign_state(session, "issue", CampaignState.CANCELLED, workspace.clock())
    write(workspace, TEXT + "\nmore\n")
    apply_campaign(workspace, path)
    assert campaign(workspace).state is CampaignState.CANCELLED
    assert campaign(workspace).version == before + 1, "what stops mail bumps the version (I8)"


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("list: customers", "list: nobody", 3, "no list called 'nobody'"),
        ('segment: plan == "pro"', "segment: plan = 1", 5, "segment:"),
        ("schedule: every tuesday at 09:00", "schedule: on tuesdays", 6, "schedule:"),
        ("zone: recipient", "zone: Mars/Olympus", 7, "no time zone"),
        ("kind: tips", "kind: tips\ntemplate: nothing", 5, "no layout 'nothing'"),
        ("pump.png", "other.png", 11, "other.png cannot be read"),
        ("pump.png", "../acme/outreach.toml", 11, "is no PNG"),
        ("pump.png", "../../etc/passwd", 11, "outside this folder"),
        ("Hello.", "Hello {{ first_name }.", 9, "unexpected '}'"),
        ("Hello {{ first_name", "Hello {% first_name", 2, "first_name"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_nothing_is_kept(
    workspace: Workspace, before: str, after: str, line: int, words: str
) -> None:
    pump(workspace)
    assert before in TEXT
    with pytest.raises(InputError) as told:
        apply_campaign(workspace, write(workspace, TEXT.replace(before, after)))
    assert words in str(told.value) and str(told.value).startswith(f"issue.md:{line}:"), str(told.value)
    with workspace.database.read() as session:
        assert campaign_named(session, "issue") is None
        assert session.exec(select(Asset)).all() == []


def test_a_fault_in_a_layout_names_the_layout(workspace: Workspace) -> None:
    layout = workspace.root / "templates" / "layouts" / "own.html.j2"
    layout.write_text("<html>\n<body>\n{% if %}\n</body></html>", encoding="utf-8")
    with pytest.raises(TemplateError, match=r"templates/layouts/own\.html\.j2:3"):
        apply_campaign(workspace, write(workspace, TEXT.replace("kind: tips", "template: own").replace("![", "[")))


@pytest.mark.parametrize("data", [b"\xff\xfe\0x", "Grüße".encode("latin-1"), b"x" * 1_000_001])
def test_a_file_that_is_no_text_is_refused(workspace: Workspace, data: bytes) -> None:
    path = workspace.root / "issue.md"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"issue\.md"):
        apply_campaign(workspace, path)
    with pytest.raises(InputError, match="cannot be read"):
        apply_campaign(workspace, workspace.root / "missing.md")


def test_the_starters_apply_and_their_names_fall_back(workspace: Workspace) -> None:
    tips = apply_tips(workspace, [workspace.root / "templates" / "tips"])
    assert len(tips) >= 20 and {each.change for each in tips} == {"created"}
    assert {each.change for each in apply_tips(workspace, [workspace.root / "templates" / "tips"])} == {"unchanged"}
    for path in sorted((workspace.root / "templates" / "campaigns").glob("*.md")):
        assert apply_campaign(workspace, path).change == "created"
        with workspace.database.read() as session:
            content = freeze(session, workspace, campaign(workspace, path.stem), now=workspace.clock())
        assert content.frozen["method"] == "template", content.frozen["why"]
        assert 'first_name or "there"' in str(content.frozen["contents"])
        assert customer_values({}) == {}


def test_tips_keep_the_order_of_their_files_or_the_place_they_name(workspace: Workspace) -> None:
    folder = workspace.root / "pool"
    folder.mkdir()
    for name, front in (("b", ""), ("a", ""), ("c", "position: 5\n")):
        (folder / f"{name}.md").write_text(f"---\ntitle: {name}\n{front}---\nText.\n", encoding="utf-8")
    apply_tips(workspace, [folder / "b.md", folder / "a.md", folder / "c.md"])
    with workspace.database.read() as session:
        assert [tip.name for tip in all_tips(session)] == ["c", "b", "a"]
    (folder / "b.md").write_text("---\ntitle: B\n---\nOther.\n", encoding="utf-8")
    assert apply_tip(workspace, folder / "b.md").change == "updated"
    with workspace.database.read() as session:
        tip = tip_named(session, "b")
        assert isinstance(tip, Tip) and tip.position == 10 and tip.texts["en"]["title"] == "B"


def test_no_tip_is_kept_when_one_of_them_is_wrong(workspace: Workspace) -> None:
    folder = workspace.root / "pool"
    folder.mkdir()
    (folder / "a.md").write_text("---\ntitle: A\n---\nText.\n", encoding="utf-8")
    (folder / "b.md").write_text("---\ntitle: B\n---\n\nText {{ oh.\n", encoding="utf-8")
    with pytest.raises(TemplateError, match=r"pool/b\.md:5"):
        apply_tips(workspace, [folder])
    with workspace.database.read() as session:
        assert all_tips(session) == []


def test_an_edition_freezes_only_tips_that_are_still_valid(workspace: Workspace) -> None:
    folder = workspace.root / "pool"
    folder.mkdir()
    pump(workspace)
    for name, until in (("old", "2026-11-30"), ("today", "2026-12-01"), ("new", "2027-01-01")):
        (folder / f"{name}.md").write_text(f"---\ntitle: T\nvalid_until: {until}\n---\nText.\n", encoding="utf-8")
    apply_tips(workspace, [folder])
    apply_campaign(workspace, write(workspace))
    with workspace.database.read() as session:
        frozen = freeze(session, workspace, campaign(workspace), now=workspace.clock()).frozen
    assert set(frozen["tips"]) == {"today", "new"}


def test_a_tips_days_are_those_of_the_workspaces_zone_and_follow_it(workspace: Workspace) -> None:
    def at(zone: str) -> Workspace:
        identity = workspace.settings.identity.model_copy(update={"zone": zone})
        return replace(workspace, settings=workspace.settings.model_copy(update={"identity": identity}))

    path = write(workspace, "---\ntitle: T\nvalid_from: 2026-12-02\nvalid_until: 2026-12-02\n---\nText.\n", "t.md")
    for zone, change, hour in (("Asia/Tokyo", "created", 15), ("Europe/Berlin", "updated", 23)):
        assert apply_tip(at(zone), path).change == change
        assert apply_tip(at(zone), path).change == "unchanged"
        with workspace.database.read() as session:
            tip = tip_named(session, "t")
        assert tip is not None and tip.valid_from == datetime(2026, 12, 1, hour, tzinfo=UTC)
        assert tip.valid_until == datetime(2026, 12, 2, hour, tzinfo=UTC)
