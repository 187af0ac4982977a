"""Who points at an error in an issue, how many people they are, and the draft that cannot leave unfinished."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from outreach.newsletter.campaign_file import parse_campaign
from outreach.plan.correction import correction_letter, different_people, points_at_error

CORPUS = Path(__file__).parents[1] / "corpus"


@pytest.mark.parametrize(
    "text",
    [
        "Hi, small typo in the second tip: it should say descale, not decsale.",
        "The link does not work, I get a 404.",
        "your link in the newsletter is broken",
        "I clicked but the button leads nowhere",
        "You wrote Tuesday 9 December but that is a Wednesday. Wrong date?",
        "The price in the mail is surely wrong: 2.900 euros for a filter?",
        "There is a mistake in your last newsletter",
        "Your newsletter says 30 minutes but it is 3.",
        "Der Link in der Mail funktioniert nicht",
        "Da ist ein Tippfehler drin",
        "Das Datum stimmt nicht, der 12. ist ein Freitag",
        "Falscher Preis im Newsletter!",
        "Le lien ne fonctionne pas",
        "El enlace no funciona",
        "Hay un error en el boletín",
    ],
)
def test_words_about_the_mail_itself_point_at_an_error(text: str) -> None:
    assert points_at_error(text)


@pytest.mark.parametrize(
    "text",
    [
        "The light still blinks after descaling. I am annoyed.",
        "The link in the app is broken" + " in the app",
        "The buttons do not work on my machine",
        "You sent my parcel to the wrong address",
        "I ordered the wrong size by mistake",
        "My name is spelled wrong on the invoice",
        "Thanks, great tips!",
        "Der Kaffee schmeckt nicht",
        "Please remove me",
        "",
    ],
)
def test_complaints_about_the_product_do_not(text: str) -> None:
    assert points_at_error(text) == ()


@pytest.mark.parametrize("name", ["replies.jsonl", "replies_elsewhere.jsonl"])
def test_of_many_replies_that_speak_of_other_things_hardly_one_is_mistaken(name: str) -> None:
    lines = (CORPUS / name).read_text(encoding="utf-8").splitlines()
    texts = [str(json.loads(line).get("text") or "") for line in lines]
    found = [text for text in texts if points_at_error(text)]
    assert len(texts) > 100
    assert len(found) <= len(texts) * 0.02, found


def test_it_is_quick_on_any_text() -> None:
    begun = time.perf_counter()
    for text in ("link " * 200_000, "muss es " * 100_000, "your newsletter says " * 50_000, "a" * 1_000_000):
        points_at_error(text)
    assert time.perf_counter() - begun < 1


@pytest.mark.parametrize(
    ("pointed", "people"),
    [
        ([], 0),
        ([(1, "ann@x.example"), (1, "ann@x.example")], 1),
        ([(1, "ann@x.example"), (1, "ann@work.example")], 1),
        ([(1, "ann@x.example"), (2, "ann@x.example")], 1),
        ([(1, "ann@x.example"), (2, "ben@x.example")], 2),
        ([(1, "ann@x.example"), (None, "zoe@y.example")], 2),
        ([(None, "zoe@y.example"), (None, "zoe@y.example")], 1),
    ],
)
def test_one_person_is_never_two(pointed: list[tuple[int | None, str]], people: int) -> None:
    assert different_people(pointed) == people


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_draft_names_the_issue_and_what_a_person_must_fill_in(language: str) -> None:
    letter = correction_letter("tips", 3, '{{ first_name }}: "ten" minutes', [7, 9], "customers", "Acme", language)
    read = parse_campaign(letter.text, "drafts/correction-tips-3.md")
    assert (read.name, read.whom, read.kind.value) == ("correction-tips-3", "got tips 3", "service")
    assert read.subject.endswith('{{ first_name }}: "ten" minutes')
    assert "{{ what_was_wrong }}" in read.body
    assert "{{ what_is_right }}" in read.body
    assert "replies show 7" in letter.text
