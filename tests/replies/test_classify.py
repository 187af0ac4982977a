"""What people write is sorted by cues, measured on replies that were written before the cues were."""

from __future__ import annotations

import json
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.cli.demo.voices import VOICES
from outreach.prose import guess_language
from outreach.records import Category, Urgency
from outreach.replies.classify import Judgement, classify
from outreach.replies.leaving import asks_to_leave
from outreach.replies.quote import strip_quotes
from outreach.replies.topics import find_topics
from outreach.settings import starter_templates

CORPUS = Path(__file__).parent.parent / "corpus" / "replies.jsonl"
ROWS: list[dict[str, str]] = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
ELSEWHERE = [
    json.loads(line) for line in CORPUS.with_name("replies_elsewhere.jsonl").read_text(encoding="utf-8").splitlines()
]
ABROAD = [
    json.loads(line) for line in CORPUS.with_name("replies_abroad.jsonl").read_text(encoding="utf-8").splitlines()
]
TOPICS = tomllib.loads((starter_templates() / "topics.toml").read_text(encoding="utf-8"))["topics"]


def judge(text: str, subject: str = "", language: str | None = None) -> Judgement:
    return classify(text, subject, guess_language(text or subject) if language is None else language, TOPICS)


def area_under_curve(right: list[float], wrong: list[float]) -> float:
    return sum((a > b) + 0.5 * (a == b) for a in right for b in wrong) / (len(right) * len(wrong))


def measure(rows: list[dict[str, str]]) -> dict[str, float]:
    judged: list[tuple[dict[str, str], Judgement]] = [(row, judge(row["text"], row["subject"])) for row in rows]
    complaints = [found.complaint for row, found in judged if row["category"] == "complaint"]
    others = [found.complaint for row, found in judged if row["category"] != "complaint"]
    with_topic = [(row, found) for row, found in judged if row["topic"]]
    return {
        "replies": len(rows),
        "right": sum(found.category.value == row["category"] for row, found in judged) / len(rows),
        "complaint_auc": area_under_curve(complaints, others),
        "urgency": sum(found.urgency.value == row["urgency"] for row, found in judged) / len(rows),
        "topic": sum(found.topics[:1] == (row["topic"],) for row, found in with_topic) / len(with_topic),
    }


@pytest.mark.parametrize("part", ["seen", "held out"])
def test_the_cues_on_the_corpus(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for number, row in enumerate(ROWS) if (number % 3 == 0) == (part == "held out")]
    figures = measure(rows)
    with capsys.disabled():
        print(f"\n{part}: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))
    assert figures["complaint_auc"] >= 0.85
    assert figures["right"] >= 0.8
    assert figures["urgency"] >= 0.9


def test_the_cues_on_replies_to_other_houses(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**row, "topic": row["topic"] or "app"} for row in ELSEWHERE]
    figures = measure(rows)
    with capsys.disabled():
        print(
            "\nelsewhere: " + ", ".join(f"{name} {figures[name]:.3g}" for name in ("replies", "right", "complaint_auc"))
        )
    assert figures["complaint_auc"] >= 0.85
    assert figures["right"] >= 0.8


@pytest.mark.parametrize("language", ["de", "fr", "es"])
@pytest.mark.parametrize("part", ["seen", "held out"])
def test_the_cues_on_replies_that_are_not_english(part: str, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for number, row in enumerate(ABROAD) if (number % 3 == 0) == (part == "held out")]
    figures = measure([{**row, "topic": "app"} for row in rows if row["language"] == language])
    with capsys.disabled():
        print(f"\n{language}, {part}: " + ", ".join(f"{name} {figures[name]:.3g}" for name in list(figures)[:4]))
    assert figures["complaint_auc"] >= 0.9
    assert figures["right"] >= 0.85
    assert figures["urgency"] >= 0.95


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Merci de ne plus m'envoyer ces mails.", Category.UNSUBSCRIBE),
        ("Bonjour, le joint est-il compris dans la garantie ? Merci d'avance.", Category.QUESTION),
        ("La cafetera no enciende.", Category.COMPLAINT),
        ("Je n'ai toujours rien reçu alors que vous avez encaissé le chèque.", Category.COMPLAINT),
        ("Vielen Dank für gar nichts! Ich bin wirklich stinksauer.", Category.COMPLAINT),
        ("Hallo, könnt ihr mir die Rechnung nochmal schicken? Ich find sie nicht mehr.", Category.QUESTION),
        ("Bitte rufen Sie mich zurück: 0170 9998877", Category.QUESTION),
        ("Please call me back after five.", Category.QUESTION),
        ("See the picture, the hopper arrived cracked.", Category.COMPLAINT),
    ],
)
def test_plain_words_of_a_customer_are_understood(text: str, category: Category) -> None:
    found = judge(text)
    assert (found.category, found.leaves) == (category, category is Category.UNSUBSCRIBE)


@pytest.mark.parametrize(
    "text",
    [
        "Under Article 15 GDPR I request a copy of all personal data you hold about me.",
        "Please delete all personal data you hold about me (Art. 17 GDPR).",
        "hiermit verlange ich Auskunft nach Art. 15 DSGVO über alle zu meiner Person gespeicherten Daten.",
        "En vertu du RGPD, je demande l'effacement de toutes mes données.",
        "Solicito la supresión de mis datos personales conforme al RGPD.",
    ],
)
def test_a_persons_rights_over_their_data_are_raised(text: str) -> None:
    found = judge(text)
    assert (found.category, found.urgency) == (Category.CHANGE_OF_DATA, Urgency.RAISED)
    assert any("rights over their data" in reason for reason in found.reasons)


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("Please delete all personal data you hold about me (Art. 17 GDPR).", True),
        ("Ich widerspreche der Verarbeitung meiner Daten und verlange deren Löschung.", True),
        ("En vertu du RGPD, je demande l'effacement de toutes mes données.", True),
        ("Löschen Sie bitte alle meine Daten", True),
        ("Me opongo al tratamiento de mis datos y pido que se eliminen.", True),
        ("Under Article 15 GDPR I request a copy of all personal data you hold about me.", False),
        ("How do I delete my data from the app?", False),
        ("Please do not delete my personal data, I only moved.", False),
        ("Bitte löschen Sie meine Daten nicht.", False),
        ("I did not ask you to delete my data.", False),
        ("Je ne souhaite pas la suppression de mes données.", False),
    ],
)
def test_who_wants_to_be_erased_gets_no_more_mail_until_somebody_has_read_it(text: str, leaves: bool) -> None:
    assert judge(text).leaves is leaves


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("Bitte melden Sie mich vom Newsletter ab", True),
        ("Melden Sie mich bitte ab", True),
        ("Bitte tragen Sie mich aus", True),
        ("Meldet mich ab!", True),
        ("Bitte melden Sie mich vom Seminar ab", False),
        ("Holen Sie mich bitte ab", False),
    ],
)
def test_a_german_verb_in_two_pieces_is_a_wish_to_leave_where_it_says_of_what(text: str, leaves: bool) -> None:
    assert judge(text).leaves is leaves


@pytest.mark.parametrize(
    "text",
    [
        "Thanks for the tips.\n\nKind regards\nAnna\n\nPlease unsubscribe me from this list",
        "Danke!\nLG\nAnna\nBitte keine weiteren Mails",
        "Vielen Dank.\n\nViele Grüße\nAnna\n\nBitte melden Sie mich vom Newsletter ab",
    ],
)
def test_a_wish_to_leave_below_the_closing_words_is_heard(text: str) -> None:
    assert judge(text).leaves


def test_harm_that_is_told_below_the_closing_words_is_heard() -> None:
    found = judge("Hello, is it on?\n\nKind regards\nAnn\n\nThe machine caught fire")
    assert (found.category, found.urgency) == (Category.COMPLAINT, Urgency.HIGH)


def test_every_wish_to_leave_of_the_corpora_is_recognised_in_whatever_language_it_is() -> None:
    wishes = [row for row in [*ROWS, *ELSEWHERE, *ABROAD] if row["category"] == "unsubscribe"]
    assert len(wishes) >= 50
    assert [row["text"] for row in wishes if not judge(row["text"], row["subject"]).leaves] == []


def test_nobody_else_of_the_corpora_is_taken_for_leaving() -> None:
    others = [row for row in [*ROWS, *ELSEWHERE, *ABROAD] if row["category"] != "unsubscribe"]
    others = [row for row in others if (row["category"], row["urgency"]) != ("change_of_data", "raised")]
    assert [row["text"] for row in others if judge(row["text"], row["subject"]).leaves] == []


def test_the_cues_on_the_words_of_another_writer() -> None:
    said = [voice for voice in VOICES if voice.kind in ("complaint", "question", "thanks")]
    rows = [
        {"text": strip_quotes(one.text).text, "subject": one.subject or "Re: Tips", "category": one.kind, "topic": ""}
        for one in said
    ]
    right = [judge(row["text"], row["subject"]).category.value == row["category"] for row in rows]
    assert sum(right) / len(right) >= 0.9


def test_confidence_rises_with_being_right() -> None:
    judged = [(judge(row["text"], row["subject"]), row["category"]) for row in ROWS]
    scored = [(found.confidence, found.category.value == category) for found, category in judged if found.confidence]
    sure = [right for confidence, right in scored if confidence >= 0.8]
    unsure = [right for confidence, right in scored if confidence < 0.5]
    assert sum(sure) / len(sure) > 0.9
    assert sum(unsure) / len(unsure) < sum(sure) / len(sure)


def test_reasons_show_the_words() -> None:
    found = judge("The new filter is useless and nobody answers my mails.")
    assert found.category is Category.COMPLAINT
    assert any('"useless" speaks for complaint' in reason for reason in found.reasons)


@pytest.mark.parametrize(
    ("text", "subject", "leaves"),
    [
        ("unsubscribe", "", True),
        ("Please unsubscribe.", "Re: Tips", True),
        ("STOP", "", True),
        ("", "unsubscribe", True),
        ("", "Unsubscribe me please", True),
        ("Bitte abmelden", "", True),
        ("", "Re: How to unsubscribe", False),
        ("stop the machine?", "", False),
        ("How do I unsubscribe my brother from the app, and why does the filter light blink?", "", False),
        ("", "", False),
    ],
)
def test_a_bare_command_to_leave(text: str, subject: str, leaves: bool) -> None:
    assert asks_to_leave(text, subject) is leaves


def test_an_angry_wish_to_leave_is_a_complaint_that_leaves() -> None:
    found = judge("This is unacceptable, the pump broke again, I am fed up and furious. Unsubscribe me.")
    assert (found.category, found.leaves) == (Category.COMPLAINT, True)


@pytest.mark.parametrize(
    "text",
    [
        "I would like to cancel my contract, please.",
        "Hiermit kündige ich mein Bohnen-Abo zum nächstmöglichen Zeitpunkt.",
        "Je souhaite la résiliation.",
    ],
)
def test_who_cancels_gets_an_answer(text: str) -> None:
    found = judge(text)
    assert found.category in (Category.COMPLAINT, Category.QUESTION) and found.urgency is Urgency.RAISED


def test_what_may_be_a_wish_to_leave_is_not_called_one_before_it_is_carried_out() -> None:
    found = judge(
        "Mir reicht ein Newsletter im Monat völlig, mehr davon braucht der Verteiler sicherlich auch", "", "de"
    )
    assert (found.category, found.leaves) == (Category.OTHER, False)
    assert "perhaps a wish to leave" in found.reasons[0]


def test_a_wish_to_stay_is_no_wish_to_leave() -> None:
    assert not judge("I don't want to unsubscribe, I love these mails!").leaves


def test_a_language_without_cues_is_not_scored() -> None:
    found = judge("Приложение не работает уже неделю, помогите пожалуйста")
    assert (found.category, found.confidence) == (Category.OTHER, None)
    assert "not scored" in found.reasons[0]
    assert judge("zxcv qwerty uiop").confidence is None
    assert judge("...").confidence is None


@pytest.mark.parametrize(
    ("text", "urgency"),
    [
        ("There was smoke coming out of the machine.", Urgency.HIGH),
        ("I will hand this to my lawyer.", Urgency.HIGH),
        ("I can see someone else's orders in my account.", Urgency.HIGH),
        ("You charged me twice.", Urgency.HIGH),
        ("Aus der Maschine kam Rauch.", Urgency.HIGH),
        ("Your page does not work with my screen reader.", Urgency.RAISED),
        ("Please cancel my subscription.", Urgency.RAISED),
        ("The milk is cold.", Urgency.NORMAL),
        ("Thank you, no more smoke, great!", Urgency.NORMAL),
    ],
)
def test_urgency_rules(text: str, urgency: Urgency) -> None:
    assert judge(text).urgency is urgency


def test_harm_is_treated_as_a_complaint_until_somebody_has_read_it() -> None:
    found = judge("Is it normal that there are sparks at the plug?")
    assert found.category is Category.COMPLAINT
    assert any("treated as a complaint" in reason for reason in found.reasons)


def test_what_leans_to_a_complaint_adds_up_without_any_strong_word() -> None:
    found = judge("I've emailed you on the 2nd and the 9th, and it is the 17th now. Why does this take so long?")
    assert found.category is Category.COMPLAINT
    assert any("lean to a complaint" in reason for reason in found.reasons)
    assert judge("Is the museum open on Sundays?").complaint < found.complaint


@pytest.mark.parametrize(
    ("mild", "sharp"),
    [
        ("When will the blue one be back in stock?", "When will you finally answer my mail?"),
        ("It is great.", "It is not great."),
        ("@acme where is your shop", "@AcmeSupport where is my order, it was promised for Monday"),
        ("My order arrived, thanks", "My order still has not arrived"),
    ],
)
def test_a_complaint_ranks_above_what_is_none(mild: str, sharp: str) -> None:
    assert judge(mild, language="en").complaint < judge(sharp, language="en").complaint


def test_a_topic_is_found_by_the_beginning_of_a_word_also_behind_a_hyphen() -> None:
    topics = {"descaling": ["descal"], "app": ["wi-fi", "app"], "milk": ["milk", "oat"]}
    assert find_topics("self-descaling is off", topics) == ("descaling",)
    assert find_topics("the Wi-Fi of both apps", topics) == ("app",)
    assert find_topics("a boat", topics) == ()


@pytest.mark.parametrize(
    "piece", ["why not ", "I want … ", "@x_help ", "http://", "a@b.", "''-'", "not very not very "]
)
def test_judging_takes_no_longer_than_the_text_is_long(piece: str) -> None:
    began = time.process_time()
    judge(piece * (200_000 // len(piece)), language="en")
    assert time.process_time() - began < 2


def test_topics_by_cue_words() -> None:
    topics = {"app": ["app", "wifi"], "descaling": ["descal"], "billing": ["credit card"]}
    assert find_topics("the app and descaling, descaler", topics) == ("app", "descaling")
    assert find_topics("an apple, appalling", topics) == ()
    assert find_topics("my credit card", topics) == ("billing",)
    assert find_topics("credit for a card", topics) == ()


def test_the_subject_of_our_own_mail_is_no_word_of_theirs() -> None:
    assert judge("Thank you!", "Re: Is your machine broken and useless?").category is Category.THANKS


@pytest.mark.parametrize("subject", ["hi", "Hello there", "Guten Morgen!", "Good evening all"])
def test_a_greeting_as_the_subject_weighs_nothing(subject: str) -> None:
    assert judge("It leaks.", subject, "en") == judge("It leaks.", "", "en")
    assert judge("It leaks.", subject, "en").category is Category.COMPLAINT


@given(st.text(max_size=500), st.text(max_size=80), st.sampled_from(["", "en", "de", "fr", "es", "it", "xx"]))
@settings(deadline=None, max_examples=150)
def test_any_text_gets_a_judgement(text: str, subject: str, language: str) -> None:
    found: Any = classify(text, subject, language, TOPICS)
    assert isinstance(found.category, Category)
    assert found.confidence is None or 0 <= found.confidence <= 1
    assert 0 <= found.complaint <= 1
    assert found.reasons


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("The milk wand is clogged and I get no foam at all, not happy.", Category.COMPLAINT),
        ("This isn't very helpful.", Category.COMPLAINT),
        ("Ich bin mit der Maschine überhaupt nicht zufrieden", Category.COMPLAINT),
        ("Je ne suis pas du tout content", Category.COMPLAINT),
        ("No estoy contento", Category.COMPLAINT),
        ("Gracias por nada", Category.COMPLAINT),
        ("No gracias, todo perfecto", Category.THANKS),
        ("Not a day without it. Perfect!", Category.THANKS),
        ("It would be nice if it worked", Category.OTHER),
        ("Oh great, another mail. Wonderful, while my refund is five weeks late. Well done.", Category.COMPLAINT),
        ("Oh great, thank you!", Category.THANKS),
    ],
)
def test_praise_that_is_denied_is_no_praise(text: str, category: Category) -> None:
    assert judge(text).category is category


@pytest.mark.parametrize("text", ["Congratulations!!! You have won 1,000,000 USD", "Not bad at all", "No complaints"])
def test_no_case_is_opened_for_exclamation_marks_or_for_content(text: str) -> None:
    assert judge(text).category is Category.OTHER


def test_a_long_sentence_against_more_mail_is_acted_on_and_a_threat_is_not() -> None:
    assert judge("Thank you, but I do not want any more mails from you.").leaves
    both = judge("I do not want any more emails from you. Also my invoice is wrong, you charged me twice.")
    assert (both.category, both.leaves) == (Category.COMPLAINT, True)
    assert not judge("I will unsubscribe if this happens again").leaves


@pytest.mark.parametrize(
    "text",
    [
        "Guten Tag, ich möchte keine weiteren Newsletter mehr erhalten. Danke.",
        "Ich möchte Ihren Newsletter nicht mehr bekommen, danke.",
        "Je ne veux plus recevoir vos mails, merci.",
        "Gracias, pero no quiero más correos.",
    ],
)
def test_who_asks_politely_for_no_more_mail_leaves(text: str) -> None:
    assert judge(text).category is Category.UNSUBSCRIBE


def test_an_angry_face_is_a_complaint() -> None:
    assert judge("😡😡😡").category is Category.COMPLAINT


@pytest.mark.parametrize("text", ["Delete all my data immediately.", "Bitte löschen Sie alle meine Daten."])
def test_a_wish_to_be_forgotten_is_a_change_of_data(text: str) -> None:
    assert judge(text).category is Category.CHANGE_OF_DATA
