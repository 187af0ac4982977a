from __future__ import annotations

import httpx

from outreach.work.seminars import apply_seminar, session_named
from outreach.work.workspace import Workspace

from ..conftest import HandClock
from .conftest import NO_TLS, serving

FILE = """---
name: shot
title: Best <shot>
where: Room 2
zone: Europe/Berlin
sessions:
  first: 2027-02-04 18:00
---
Come.
"""


def test_anybody_may_take_a_session_into_a_calendar(workspace: Workspace) -> None:
    path = workspace.root / "shot.md"
    path.write_text(FILE, encoding="utf-8")
    apply_seminar(workspace, path)
    with workspace.database.read() as session:
        held = session_named(session, "shot/first")[1].public_id
    with serving(workspace) as address, httpx.Client(base_url=address, timeout=10, verify=NO_TLS) as client:
        page = client.get(f"/seminar/{held}")
        assert page.status_code == 200
        assert "Thursday, 4 February 2027, 18:00 (Europe/Berlin)" in page.text and "Best &lt;shot&gt;" in page.text
        assert f'action="{held}.ics"' in page.text
        found = client.post(f"/seminar/{held}.ics")
        assert found.headers["content-type"] == "text/calendar; charset=utf-8; method=PUBLISH"
        assert "METHOD:PUBLISH\r\n" in found.text and "DTSTART:20270204T170000Z\r\n" in found.text
        assert "ATTENDEE" not in found.text
        path.write_text(FILE.replace("first:", "second:"), encoding="utf-8")
        apply_seminar(workspace, path)
        page = client.get(f"/seminar/{held}", headers={"accept-language": "de"})
        assert "Abgesagt" in page.text and "Donnerstag, 4. Februar 2027, 18:00" in page.text
        assert client.get(f"/seminar/{held}.ics").status_code == client.get("/seminar/nothing").status_code == 404


def test_a_session_that_is_over_shows_its_recording_and_no_button(workspace: Workspace, clock: HandClock) -> None:
    path = workspace.root / "shot.md"
    path.write_text(FILE.replace("sessions:", "recording: https://acme.example/shot\nsessions:"), encoding="utf-8")
    apply_seminar(workspace, path)
    with workspace.database.read() as session:
        found = session_named(session, "shot/first")[1]
        held = found.public_id
    clock.now = found.ends_at
    with serving(workspace) as address, httpx.Client(base_url=address, timeout=10, verify=NO_TLS) as client:
        page = client.get(f"/seminar/{held}").text
        assert "This session is over." in page and 'href="https://acme.example/shot"' in page
        assert "<button" not in page
