"""The typical issue is what the benchmarks say that it is."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from outreach.address import new_public_id
from outreach.settings import Public
from outreach.store.campaigns import campaign_named
from outreach.work.compose import freeze
from outreach.work.letter import edition_facts
from outreach.work.press import LetterPress
from outreach.work.proof import proof_edition
from outreach.work.workspace import Workspace

from .typical import NAME, apply_typical, readers, substitutions


def test_the_typical_issue_has_forty_substitutions_of_which_twenty_are_links() -> None:
    assert substitutions() == (40, 20)


def test_the_typical_mail_has_ten_kilobytes_of_html_and_is_fifteen_to_nineteen_on_the_wire(
    workspace: Workspace,
) -> None:
    public = Public(url="https://news.acme.example")
    workspace = replace(workspace, settings=workspace.settings.model_copy(update={"public": public}))
    apply_typical(workspace)
    with workspace.database.read() as session:
        campaign = campaign_named(session, NAME)
        assert campaign is not None
        content = freeze(session, workspace, campaign, now=workspace.clock())
        edition = proof_edition(session, workspace, campaign, content)
        press = LetterPress(edition_facts(session, workspace, edition, campaign, {}))
    for number, row in enumerate(readers(40)):
        person, public_id = SimpleNamespace(**row), new_public_id()
        pressed = press.press(person, public_id, {}, workspace.clock())
        rendered = press.render(person, public_id, {})
        assert 9_500 <= len(rendered.html.encode()) <= 11_000, number
        assert 15_000 <= len(pressed.message) <= 19_000, number
        for shown in (rendered.html, rendered.text):
            assert shown.count(row["attributes"]["code"]) == 18
