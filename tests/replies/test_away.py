"""Automatic replies: when somebody is back, that they left, and what their new address is."""

from __future__ import annotations

import time
from datetime import date

import pytest

from outreach.replies.away import Absence, read_absence, says_new_address

TODAY = date(2026, 12, 1)  # a Tuesday


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("I am out of the office until 7 December 2026.", date(2026, 12, 8)),
        ("I am away from Nov 28 to Dec 6th and will be back on December 7th.", date(2026, 12, 7)),
        ("I will return on Monday, 14 December.", date(2026, 12, 14)),
        ("I'm on leave through 12/11/2026 and will answer then. Have a nice vacation!", date(2026, 12, 12)),
        ("Out of office, back 2026-12-09. Urgent? Call 24/7 support.", date(2026, 12, 9)),
        ("I am away and back on Thursday.", date(2026, 12, 3)),
        ("Ich bin bis einschließlich 6.12. nicht im Büro.", date(2026, 12, 7)),
        ("Vom 30.11.2026 bis zum 04.12.2026 bin ich im Urlaub.", date(2026, 12, 5)),
        ("Ab dem 10. Dezember bin ich wieder für Sie da.", date(2026, 12, 10)),
        ("Ich bin am Montag wieder im Haus; bis dahin abwesend, zurück am Montag.", date(2026, 12, 7)),
        ("Je suis absent jusqu'au 11 décembre inclus.", date(2026, 12, 12)),
        ("Je serai de retour le lundi 14 décembre 2026.", date(2026, 12, 14)),
        ("Absent du 1er au 9 décembre.", date(2026, 12, 10)),
        ("Estoy fuera de la oficina hasta el 8 de diciembre de 2026.", date(2026, 12, 9)),
        ("Vuelvo el 15 de diciembre.", date(2026, 12, 15)),
        ("Sarò assente fino al 10/12/2026.", date(2026, 12, 11)),
        ("Rientro il 14 dicembre.", date(2026, 12, 14)),
        ("Estarei ausente até 8 de dezembro.", date(2026, 12, 9)),
        ("Ik ben afwezig t/m 8 december.", date(2026, 12, 9)),
        ("Vanaf 14 december ben ik er weer.", date(2026, 12, 14)),
        ("Jag är tillbaka den 9 december.", date(2026, 12, 9)),
        ("Jeg er tilbage 9. december.", date(2026, 12, 9)),
        ("Olen lomalla 8.12.2026 asti.", date(2026, 12, 9)),
        ("Jestem na urlopie do 8 grudnia.", date(2026, 12, 9)),
        ("Я в отпуске до 8 декабря.", date(2026, 12, 9)),
        ("12月8日まで不在です。", date(2026, 12, 9)),
        ("I am on leave until 6 January.", date(2027, 1, 7)),
    ],
)
def test_the_day_on_which_somebody_is_back(text: str, back: date) -> None:
    assert read_absence(text, "Out of office", TODAY).back_on == back


@pytest.mark.parametrize(
    "text",
    [
        "I was out of the office until 20 November.",
        "We received your mail of 30.11.2026 and will answer soon.",
        "Our trade fair opens on 8 December 2026.",
        "Invoice 12/11/2026, order 4711. Call us 24/7.",
        "I am on parental leave until 1 September 2027.",
        "I am away until further notice.",
        "Back on 31.02.2027, as ever.",
        "",
    ],
)
def test_what_says_no_end_of_an_absence_delays_nothing(text: str) -> None:
    assert read_absence(text, "Automatic reply", TODAY) == Absence()


@pytest.mark.parametrize(
    "text",
    [
        "Ann Miller no longer works here. Please write to bob@acme.example.",
        "I have left the company as of 30 November 2026.",
        "Frau Miller ist nicht mehr bei uns tätig.",
        "Mme Miller ne travaille plus dans notre société.",
        "Ann ya no trabaja con nosotros.",
        "Ann Miller non lavora più qui.",
        "Ann werkt niet meer bij ons.",
        "Ann não trabalha mais aqui.",
        "Ann arbetar inte längre här.",
        "Ann nie pracuje już w naszej firmie.",
        "This mailbox is no longer monitored.",
    ],
)
def test_who_left_is_told_and_a_colleagues_address_is_not_theirs(text: str) -> None:
    said = read_absence(text, "Automatic reply", TODAY, "ann@b.example")
    assert (said.gone, said.new_address, said.back_on) == (True, "", None)
    assert said.words


@pytest.mark.parametrize(
    "text",
    [
        "My new address is Ann.Miller@new.example. Please update your records.",
        "This address is no longer in use. My new e-mail address: ann.miller@new.example",
        "Meine neue E-Mail-Adresse lautet ann.miller@new.example.",
        "Ma nouvelle adresse e-mail est ann.miller@new.example",
        "Mi nueva dirección de correo es ann.miller@new.example",
        "Il mio nuovo indirizzo e-mail è ann.miller@new.example",
        "Mijn nieuwe e-mailadres is ann.miller@new.example",
        "Ich bin ab jetzt unter ann.miller@new.example zu erreichen.",
    ],
)
def test_a_new_address_is_read(text: str) -> None:
    assert read_absence(text, "Automatic reply", TODAY, "ann@b.example").new_address == "ann.miller@new.example"
    assert says_new_address(text, "ann@b.example") == "ann.miller@new.example"
    assert says_new_address(text, "ann.miller@new.example") == ""


@pytest.mark.parametrize(
    "piece", ["until ", "back 1 ", "1.1", "no longer ", "new address ", "\n\n", "from 1 to ", "12/"]
)
def test_crafted_texts_take_no_more_than_a_moment(piece: str) -> None:
    before = time.process_time()
    read_absence(piece * 100_000, piece * 100, TODAY)
    assert time.process_time() - before < 0.2
