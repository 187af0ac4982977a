"""What is found before a newsletter goes out."""

from __future__ import annotations

from typing import Any

import pytest

from outreach.newsletter.lint import CLIPPED_BYTES, Fault, is_local_host, lint_link, lint_newsletter, page_links
from outreach.newsletter.render import Links, Rendered

LINKS = Links("https://news.acme-coffee.com/u/1", "https://news.acme-coffee.com/v/1")
HTML = (
    '<html><body><h1 id="top">Hi</h1><p>Words</p><img src="cid:1@images" alt="A pump">'
    '<a href="https://www.acme-coffee.com/a">more</a> <a href="#top">up</a>'
    '<p>Main Street 1, 12345 Town <a href="https://news.acme-coffee.com/u/1">Leave</a></p></body></html>'
)


def faults(**changes: Any) -> list[Fault]:
    mail = {"subject": "Three tips", "preheader": "For you", "html": HTML, "text": "Hi\nMain Street 1,\n12345 Town\n"}
    rest = {
        "sender": "Acme <care@acme.example>",
        "reply_to": "care@acme.example",
        "postal_address": "Main Street 1, 12345 Town",
    }
    for key, value in changes.items():
        (mail if key in mail else rest)[key] = value
    return lint_newsletter(Rendered(**mail), LINKS, **rest)


def rules(found: list[Fault]) -> list[tuple[str, str]]:
    return [(each.level, each.rule) for each in found]


def test_a_sound_mail_has_no_fault() -> None:
    assert faults() == []
    assert faults(text="2 ** 3 * a | b\n** Note: x ** y\nA | B\nMain Street 1,\n12345 Town\n") == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"subject": ""}, ("error", "subject")),
        ({"subject": "x" * 200}, ("error", "subject")),
        ({"subject": "x" * 80}, ("warning", "subject")),
        ({"preheader": ""}, ("warning", "preheader")),
        ({"sender": "Acme <no-reply@acme.example>"}, ("error", "no-reply")),
        ({"sender": "DoNotReply@acme.example"}, ("error", "no-reply")),
        ({"reply_to": "noreply@acme.example"}, ("error", "no-reply")),
        ({"postal_address": ""}, ("error", "postal-address")),
        ({"text": "Hi"}, ("error", "postal-address")),
        (
            {"html": HTML.replace("https://news.acme-coffee.com/u/1", "https://other.acme-coffee.com/")},
            ("error", "unsubscribe"),
        ),
        ({"html": HTML.replace(' alt="A pump"', "")}, ("error", "alt")),
        ({"html": HTML.replace('"A pump"', '""')}, ("error", "alt")),
        ({"html": HTML.replace("cid:1@images", "pump.png")}, ("error", "image")),
        ({"html": HTML + "x" * CLIPPED_BYTES}, ("error", "size")),
        ({"html": HTML.replace("#top", "#nowhere")}, ("error", "link")),
        ({"text": "Hi **重要：**文字\nMain Street 1,\n12345 Town\n"}, ("warning", "markdown")),
        ({"text": "Hi\n| 1 | y |\nMain Street 1,\n12345 Town\n"}, ("warning", "markdown")),
    ],
)
def test_each_rule_finds_its_fault(changes: dict[str, str], expected: tuple[str, str]) -> None:
    assert rules(faults(**changes)) == [expected]


@pytest.mark.parametrize(
    ("link", "level"),
    [
        ("", "error"),
        ("page.html", "error"),
        ("/page", "error"),
        ("www.acme-coffee.com", "error"),
        ("https://", "error"),
        ("https://acme", "error"),
        ("https://acme-coffee.com/a b", "error"),
        ("https://acme-coffee.com/{{ x }}", "error"),
        ("https://[::1/", "error"),
        ("https://acme-coffee.com:port/", "error"),
        ("javascript:alert(1)", "error"),
        ("file:///etc/passwd", "error"),
        ("mailto:", "error"),
        ("http://localhost:8025/u/1", "error"),
        ("https://127.0.0.1/", "error"),
        ("https://192.168.0.7/", "error"),
        ("https://[::1]/", "error"),
        ("https://printer.local/", "error"),
        ("http://www.acme-coffee.com/", "warning"),
        ("https://www.acme.example/", "warning"),
        ("https://www.acme-coffee.com/ok?x=1#y", None),
        ("mailto:care@acme.example?subject=hi", None),
        ("tel:+4912345", None),
    ],
)
def test_a_link_is_judged_without_asking_anybody(link: str, level: str | None) -> None:
    assert [each.level for each in lint_link(link)] == ([level] if level else [])


def test_links_are_found_once_and_in_order() -> None:
    html = (
        '<a href=" https://b.example ">b</a><a href="https://a.example">a</a><a href="https://b.example">b</a><a>x</a>'
    )
    assert page_links(html) == ["https://b.example", "https://a.example"]
    assert page_links("") == []


def test_public_hosts_are_not_taken_for_local_ones() -> None:
    assert not is_local_host("locals.com") and not is_local_host("8.8.8.8") and is_local_host("10.0.0.1")
