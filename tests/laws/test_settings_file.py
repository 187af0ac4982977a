"""The outreach.toml that `init` writes explains every setting, with its true default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from outreach.settings import FILE, DomainLimits, MailboxSettings, Part, Settings, load_settings, starter_templates

from ..made import make_workspace

FILLED_IN = {
    *("identity.company", "identity.sender", "identity.postal_address", "relay.catcher"),
    "reach.silent_issues",  # a new workspace looks for the silent; one that was made before must not begin by itself
}


def keys_of(model: type[BaseModel], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Part):
            found |= keys_of(field.annotation, f"{above}{name}.")
        else:
            found[above + name] = field.get_default(call_default_factory=True)
    return found


def test_every_setting_stands_in_the_file_with_its_default(tmp_path: Path) -> None:
    make_workspace(tmp_path / "acme")
    values = tomllib.loads((tmp_path / "acme" / FILE).read_text(encoding="utf-8"))
    settings = load_settings(tmp_path / "acme", {})
    for key, default in keys_of(Settings).items():
        if key in {"topics", "replies.mailboxes", "relays", "domains", "escalations"}:
            continue
        place: Any = values
        for part in key.split("."):
            assert part in place, f"{key} is not explained in the {FILE} that init writes"
            place = place[part]
        if key not in FILLED_IN:
            told: Any = settings
            for part in key.split("."):
                told = getattr(told, part)
            assert told == default, f"{key} in the file is {told!r}; the default is {default!r}"


def test_lists_can_come_from_variables_too_as_the_file_says(tmp_path: Path) -> None:
    make_workspace(tmp_path / "acme")
    given = {
        "OUTREACH_HOURS__DAYS": "0,1, 5",
        "OUTREACH_HOURS__EXTRA_HOLIDAYS": "2026-12-24",
        "OUTREACH_SENDING__RETRY_MINUTES": "[5, 10]",
        "OUTREACH_ALERTS__TO": "ops@acme.example, boss@acme.example",
        "OUTREACH_CALENDAR__BLACKOUT": "2026-12-24 to 2027-01-01, 2027-02-08",
        "OUTREACH_PLAN__APPROVE": "",
    }
    settings = load_settings(tmp_path / "acme", given)
    assert settings.hours.days == (0, 1, 5) and [str(day) for day in settings.hours.extra_holidays] == ["2026-12-24"]
    assert tuple(settings.sending.retry_minutes) == (5, 10)
    assert settings.alerts.to == ("ops@acme.example", "boss@acme.example")
    assert len(settings.calendar.blackout) == 2 and settings.plan.approve == ()


def test_a_folder_in_brackets_is_no_list() -> None:
    care = MailboxSettings.model_validate({"name": "care", "kind": "imap", "folders": "[Gmail]/Spam, INBOX"})
    assert care.folders == ("[Gmail]/Spam", "INBOX")


def test_every_mailbox_setting_is_shown() -> None:
    text = (starter_templates() / FILE).read_text(encoding="utf-8")
    shown = set(re.findall(r"^(?:# )?(\w+) =", text, re.MULTILINE))
    assert set(MailboxSettings.model_fields) <= shown


def test_relays_and_domains_are_shown_as_they_may_be_written(tmp_path: Path) -> None:
    make_workspace(tmp_path / "acme")
    text = (tmp_path / "acme" / FILE).read_text(encoding="utf-8")
    begin, end = text.index("# [[relays]]"), text.index("[public]")
    shown = re.sub(r"^# (?=\[\[|\w+ = )", "", text[begin:end], flags=re.MULTILINE)
    assert {name for name in DomainLimits.model_fields if f"\n{name} = " in shown} == set(DomainLimits.model_fields)
    unmasked = text[:begin].replace("catcher = true", "catcher = false") + shown + text[end:]
    (tmp_path / "acme" / FILE).write_text(unmasked, encoding="utf-8")
    settings = load_settings(tmp_path / "acme", {})
    assert [relay.name for relay in settings.all_relays] == ["main", "second"]
    assert settings.domains[0].names == ("gmail.com", "googlemail.com")
    assert settings.domains[1].names == ("*",)


def test_every_setting_line_has_words_above_it_or_shares_its_neighbours() -> None:
    lines = (starter_templates() / FILE).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\w+ =", line):
            above = lines[max(0, number - 6) : number]
            assert any(row.startswith("# ") for row in above), f"line {number + 1}: {line} is not explained"


def test_the_starter_topics_are_read(tmp_path: Path) -> None:
    make_workspace(tmp_path / "acme")
    assert len(load_settings(tmp_path / "acme", {}).topics) >= 6
