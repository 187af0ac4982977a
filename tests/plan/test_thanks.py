"""Only a plain yes is a yes; the question says what would be quoted."""

from __future__ import annotations

import pytest

from outreach.plan.thanks import LONGEST_QUOTE, Answer, question, quotable, read_answer


@pytest.mark.parametrize("text", ["Yes", "yes, gladly!", "Sure.", "Of course, go ahead", "Ja, gerne", "Oui", "Sí"])
def test_a_plain_yes(text: str) -> None:
    assert read_answer(text) is Answer.YES


@pytest.mark.parametrize("text", ["No", "no thanks", "Nein, lieber nicht", "Please don't", "Rather not."])
def test_a_no(text: str) -> None:
    assert read_answer(text) is Answer.NO


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes, but without my name",
        "Yes, if you send it to me first",
        "Ja, aber ohne meinen Namen",
        "Where would that be?",
        "Yes? Who are you?",
        "unsubscribe",
        "Yesterday the light blinked again",
        "Sure, the machine is great " + "and more " * 20,
    ],
)
def test_what_a_person_must_read(text: str) -> None:
    assert read_answer(text) is Answer.UNSURE


def test_a_quote_is_one_line_and_ends_at_a_sentence() -> None:
    assert quotable("Great\n  tip!") == "Great tip!"
    long = quotable("It works again. " + "I am so glad about this tip. " * 20)
    assert len(long) <= LONGEST_QUOTE
    assert long.endswith("tip.")
    assert len(quotable("x" * 1000)) <= LONGEST_QUOTE


@pytest.mark.parametrize(("language", "word"), [("en", "“yes”"), ("de-AT", "„ja“"), ("fr", "“yes”")])
def test_the_question_holds_the_very_words(language: str, word: str) -> None:
    text = question("Great {tip}!", "Ann", "Acme", language)
    assert "Great {tip}!" in text
    assert word in text
    assert " Ann," in text
