"""The mail seen before anybody gets it, and what is wrong with it."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select

from outreach.errors import TemplateError, UsageError
from outreach.records import Delivery, Kind
from outreach.store.campaigns import campaign_named
from outreach.work.check import check_campaign
from outreach.work.compose import apply_campaign, apply_tips
from outreach.work.letter import open_press
from outreach.work.proof import find_draft, find_tip, prove, prove_tip, queue_test
from outreach.work.workspace import Workspace

MakeCustomer = Callable[..., int]
TEXT = """---
subject: Hello {{ first_name or "there" }}
preheader: Short words
list: customers
kind: news
---
Dear {{ first_name or "friend" }},

read [more](https://www.acme.example/more) on {{ plan or "any plan" }}.

![A pump](pump.png)
"""


@pytest.fixture
def file(workspace: Workspace) -> Path:
    (workspace.root / "pump.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\1" * 30)
    path = workspace.root / "hello.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_file_is_proved_before_it_is_applied(workspace: Workspace, file: Path, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", first_name="Ann", attributes={"plan": "pro"})
    make_customer("bob@example.com")
    draft = find_draft(workspace, str(file))
    first = prove(workspace, draft)
    assert (first.customer, first.rendered.subject) == ("ann@example.com", "Hello Ann")
    assert "on pro" in first.rendered.text
    bob = prove(workspace, draft, "Bob@Example.com")
    assert (bob.customer, bob.rendered.subject) == ("bob@example.com", "Hello there")
    mail = email.message_from_bytes(bob.pressed.message, policy=email.policy.default)
    assert mail["To"] == "bob@example.com" and mail["List-Unsubscribe"]
    assert [part.get_content_type() for part in mail.walk()][-1] == "image/png"
    with workspace.database.read() as session:
        assert campaign_named(session, "hello") is None
        assert session.exec(select(Delivery)).all() == []
    with pytest.raises(UsageError, match="no customer"):
        prove(workspace, draft, "carol@example.com")


def test_a_campaign_is_found_by_name_or_the_names_are_told(workspace: Workspace, file: Path) -> None:
    with pytest.raises(UsageError, match="Apply one"):
        find_draft(workspace, "hello")
    apply_campaign(workspace, file)
    assert find_draft(workspace, "hello").campaign.name == "hello"
    with pytest.raises(UsageError, match="There are: hello"):
        find_draft(workspace, "hallo")
    with pytest.raises(UsageError):
        find_draft(workspace, "_service")


def test_a_test_mail_is_the_proof_and_goes_to_the_colleague(
    workspace: Workspace, file: Path, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", first_name="Ann")
    draft = find_draft(workspace, str(file))
    delivery_id = queue_test(workspace, draft, to="me@colleague.example", address="ann@example.com")
    with workspace.database.read() as session:
        row = session.get_one(Delivery, delivery_id)
        press = open_press(session, workspace, row.edition_id)
    assert (row.kind, row.customer_id) == (Kind.TEST, None)
    pressed = press.press(None, row.public_id, row.choices, workspace.clock())
    mail = email.message_from_bytes(pressed.message, policy=email.policy.default)
    assert (mail["To"], mail["Subject"]) == ("me@colleague.example", "Hello Ann")
    assert mail["List-Id"] and mail["Precedence"] == "bulk"
    leave = str(mail["List-Unsubscribe"]).strip("<>")
    assert leave in press.render(None, row.public_id, {}).html.replace("&amp;", "&"), "its links are its own"
    assert [part.get_content_type() for part in mail.walk()][-1] == "image/png"


def check(workspace: Workspace, file: Path, text: str) -> dict[str, str]:
    file.write_text(text, encoding="utf-8")
    found = check_campaign(workspace, find_draft(workspace, str(file)), fetch=False)
    return {each.rule: f"{each.level}: {each.words} [{each.where}]" for each in found if each.words}


def test_a_sound_campaign_passes_with_a_warning_for_its_placeholder(
    workspace: Workspace, file: Path, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com")
    assert list(check(workspace, file, TEXT)) == ["link"]
    assert "placeholder" in check(workspace, file, TEXT)["link"]


def test_customers_for_whom_it_fails_are_counted_by_variable(
    workspace: Workspace, file: Path, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", attributes={"plan": "pro"})
    make_customer("bob@example.com")
    make_customer("carol@example.com")
    found = check(workspace, file, TEXT.replace('{{ plan or "any plan" }}', "{{ plan }}"))
    assert (
        "error" in found["render"] and "hello.md:9" in found["render"] and "2 of 3 customers: plan" in found["render"]
    )


def test_a_name_that_nobody_has_comes_with_a_hint_at_the_right_one(
    workspace: Workspace, file: Path, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com", first_name="Ann")
    found = check(workspace, file, TEXT + "{{ frist_name }}\n")
    assert "the variable frist_name is missing" in found["render"] and "Did you mean first_name?" in found["render"]


def test_a_name_of_ours_that_customers_have_too_is_told(
    workspace: Workspace, file: Path, make_customer: MakeCustomer
) -> None:
    text = TEXT + "{{ company }}{% if customer.company %} to {{ customer.company }}{% endif %}\n"
    make_customer("ann@example.com", first_name="Ann")
    assert "name" not in check(workspace, file, text)
    make_customer(
        "bob@example.com", first_name="Bob", attributes={"company": "Theirs", "campaign": "x", "customer": "y"}
    )
    told = check(workspace, file, text)["name"]
    assert told.startswith("warning: {{ company }} is the same for all") and "{{ customer.company }} [" in told
    assert "name" not in check(workspace, file, text.replace("{{ company }}", "Acme"))
    assert "name" in check(workspace, file, TEXT + "---\nversion: b\nsubject: For {{ company }}\n---\n")


def test_each_fault_of_a_campaign_is_found(workspace: Workspace, file: Path, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com")
    assert "alt" in check(workspace, file, TEXT.replace("![A pump]", "![]"))
    assert "no-reply" in check(workspace, file, TEXT.replace("kind: news", "kind: news\nfrom: no-reply@acme.example"))
    assert (
        "error" in check(workspace, file, TEXT.replace("https://www.acme.example/more", "http://localhost/x"))["link"]
    )
    assert "size" in check(workspace, file, TEXT + "word " * 25_000)
    slow = TEXT.replace("Dear", "<div>\n\nDear")
    assert "left open" in check(workspace, file, slow)["inlining"]
    layout = workspace.root / "templates" / "layouts" / "bare.html.j2"
    layout.write_text("<html><body>{{ content }}</body></html>", encoding="utf-8")
    found = check(workspace, file, TEXT.replace("kind: news", "kind: news\ntemplate: bare"))
    assert {"postal-address", "unsubscribe"} <= set(found)


def test_a_bomb_ends_in_words(workspace: Workspace, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outreach.work.trial.CPU_SECONDS_PER_MAIL", 0.3)
    bomb = TEXT + "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}\n"
    file.write_text(bomb, encoding="utf-8")
    with pytest.raises(TemplateError, match=r"hello\.md:12: takes too long"):
        prove(workspace, find_draft(workspace, str(file)))


def test_a_tip_is_shown_alone_as_its_reader_gets_it(workspace: Workspace, make_customer: MakeCustomer) -> None:
    path = workspace.root / "oil.md"
    path.write_text(
        '---\ntitle: Oil it\nlanguages: [en, de]\n---\nDear {{ first_name or "you" }}, oil it.\n\n'
        "=== de: Ölen\nBitte {{ frist_name }}.\n",
        encoding="utf-8",
    )
    apply_tips(workspace, [path])
    make_customer("ann@example.com", first_name="Ann")
    make_customer("uwe@example.com", language="de")
    rendered, _ = prove_tip(workspace, find_tip(workspace, "oil"), "ann@example.com")
    assert "Oil it" in rendered.text and "Dear Ann, oil it." in rendered.text
    with pytest.raises(TemplateError, match=r"oil\.md:8: the variable frist_name is missing"):
        prove_tip(workspace, find_tip(workspace, str(path)), "uwe@example.com")
    with pytest.raises(UsageError, match="Did you mean oil"):
        find_tip(workspace, "oill")
