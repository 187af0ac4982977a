"""Attachments are saved as files and nothing more: safe names, nothing written over, nothing executable."""

from __future__ import annotations

import stat
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.cases.file_name import LONGEST_BYTES, SAFE_END, numbered, safe_name
from outreach.errors import InputError, UsageError
from outreach.work.attachments import list_attachments, save_attachments
from outreach.work.workspace import Workspace

from .replying import receive


def mail(*files: tuple[str, bytes]) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "ann@example.com", "care@acme.example", "Broken"
    made["Message-ID"] = "<one@example.com>"
    made.set_content("My grinder is broken, see the photo.")
    for name, data in files:
        made.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return made.as_bytes()


def test_they_are_listed_and_saved_whole_and_nothing_is_written_over(workspace: Workspace, tmp_path: Path) -> None:
    case_id = receive(workspace, mail(("photo.jpg", b"\xff\xd8one"), ("photo.jpg", b"two"))).case_id or 0
    listed = list_attachments(workspace, case_id)
    assert [(one.number, one.name, one.size) for one in listed] == [(1, "photo.jpg", 5), (2, "photo.jpg", 3)]
    into = tmp_path / "new"
    first = save_attachments(workspace, case_id, [], into)
    assert [one.path.name for one in first] == ["photo.jpg", "photo-2.jpg"]
    assert [one.path.read_bytes() for one in first] == [b"\xff\xd8one", b"two"]
    (again,) = save_attachments(workspace, case_id, [2], into)
    assert again.path.name == "photo-3.jpg"
    assert first[0].path.read_bytes() == b"\xff\xd8one"
    assert stat.S_IMODE(first[0].path.stat().st_mode) == 0o600


def test_no_name_leads_out_of_the_folder_and_a_link_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    case_id = receive(workspace, mail(("../../etc/passwd", b"x"), ("evil.exe", b"MZ"))).case_id or 0
    into = tmp_path / "case"
    into.mkdir()
    target = tmp_path / "target"
    (into / "passwd").symlink_to(target)
    saved = save_attachments(workspace, case_id, [], into)
    assert [one.path.name for one in saved] == ["passwd-2", f"evil.exe{SAFE_END}"]
    assert all(one.path.parent == into for one in saved)
    assert not target.exists()
    assert [one.attached.dangerous for one in saved] == [False, True]


def test_a_number_that_there_is_not_and_a_folder_that_cannot_be_are_told(workspace: Workspace, tmp_path: Path) -> None:
    case_id = receive(workspace, mail(("a.txt", b"x"))).case_id or 0
    with pytest.raises(UsageError, match="has no attachment 2"):
        save_attachments(workspace, case_id, [2], tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot be written"):
        save_attachments(workspace, case_id, [1], tmp_path / "file")
    with pytest.raises(UsageError, match="no case 99"):
        list_attachments(workspace, 99)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Rechnung März.pdf", "Rechnung März.pdf"),
        ("..\\..\\boot.ini", "boot.ini"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("a\nb\x00c.txt", "a_b_c.txt"),
        ("photo\u202egpj.exe", f"photo_gpj.exe{SAFE_END}"),
        ("invoice.pdf.exe. ", f"invoice.pdf.exe{SAFE_END}"),
        ("CON.txt", "_CON.txt"),
        ("", "attachment-3"),
        ("...", "attachment-3"),
        ("x$(reboot)`ls`.csv", "x_(reboot)_ls_.csv"),
        ("page.HTML", f"page.HTML{SAFE_END}"),
    ],
)
def test_names_become_safe(name: str, safe: str) -> None:
    assert safe_name(name, 3) == safe


@given(st.text(max_size=300), st.integers(1, 9))
def test_whatever_the_name_it_is_one_plain_file_in_the_folder(name: str, number: int) -> None:
    safe = safe_name(name, number)
    assert Path("/folder", safe).parent == Path("/folder")
    assert safe not in ("", ".", "..")
    assert safe.isprintable()
    assert not safe.startswith((".", "-"))
    assert len(safe.encode()) <= LONGEST_BYTES + len(SAFE_END)
    assert numbered(safe, 2) != safe
