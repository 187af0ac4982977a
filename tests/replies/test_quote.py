"""What a person wrote is kept, what was quoted is taken off, in linear time."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.replies.quote import strip_quotes

SENT = """Three ways to charge faster
===========================

Hello Ann,

the amber light comes on after about sixty litres. From that moment you have some twenty good cups left; after
that, scale narrows the pipes, the pump gets loud, and shots turn thin. See what helps [1].

- Empty the drip tray and take the water filter out.
- Fill the tank to the line, add one sachet, and put a bowl under both spouts.

Acme GmbH, Street 1, 10115 Berlin. Unsubscribe [2]

[1] https://acme.example/tips
[2] https://acme.example/u/abc
"""
MARKED = "\n".join(f"> {line}".rstrip() for line in SENT.splitlines())
INTROS = [
    "On Tue, 1 Dec 2026 at 10:00, Acme Care <care@acme.example> wrote:",
    "On Tue, 1 Dec 2026 at 10:00, Acme Care\n<care+1abc@acme.example> wrote:",
    "Am Di., 1. Dez. 2026 um 10:00 Uhr schrieb Acme Care <care@acme.example>:",
    "Le mar. 1 déc. 2026 à 10:00, Acme Care <care@acme.example> a écrit :",
    "El mar, 1 dic 2026 a las 10:00, Acme Care (<care@acme.example>) escribió:",
    "Il giorno mar 1 dic 2026 alle ore 10:00 Acme Care <care@acme.example> ha scritto:",
    "Em ter., 1 de dez. de 2026 às 10:00, Acme Care <care@acme.example> escreveu:",
    "Op di 1 dec. 2026 om 10:00 schreef Acme Care <care@acme.example>:",
    "Den tis 1 dec. 2026 kl 10:00 skrev Acme Care <care@acme.example>:",
    "W dniu wt., 1 gru 2026 o 10:00 Acme Care <care@acme.example> napisał(a):",
    "Dne út 1. 12. 2026 10:00 Acme Care <care@acme.example> napsal(a):",
    "ti 1. jouluk. 2026 klo 10.00 Acme Care (care@acme.example) kirjoitti:",
    "вт, 1 дек. 2026 г. в 10:00, Acme Care <care@acme.example> написал:",
    "2026年12月1日(火) 10:00 Acme Care <care@acme.example>のメール:",
]
OUTLOOK = [
    "-----Original Message-----\nFrom: Acme Care\nSent: Tuesday\nTo: Ann\nSubject: Tips\n\n",
    "________________________________\nFrom: Acme Care <care@acme.example>\nSent: Tuesday\nTo: Ann\nSubject: Tips\n\n",
    "Von: Acme Care <care@acme.example>\nGesendet: Dienstag\nAn: Ann\nBetreff: Tipps\n\n",
    "-----Ursprüngliche Nachricht-----\nVon: Acme\nGesendet: Dienstag\nAn: Ann\nBetreff: Tipps\n\n",
    "De : Acme Care\nEnvoyé : mardi\nÀ : Ann\nObjet : Conseils\n\n",
]


def test_our_mail_below_an_answer_leaves_nothing_where_neither_head_nor_mark_tells_it() -> None:
    found = strip_quotes(f"When does my order come at last?\n\n{SENT}", "", SENT)
    assert found.text == "When does my order come at last?"


@pytest.mark.parametrize("below", [f"{INTROS[0]}\n\n{{}}", f"{OUTLOOK[2]}{{}}", "{}"])
@pytest.mark.parametrize("said", ["Unsubscribe", "Yes, please call me"])
def test_an_answer_in_the_words_of_our_own_link_is_theirs(said: str, below: str) -> None:
    sent = SENT.replace(" Unsubscribe [2]", "\n\nUnsubscribe [2]\n\nYes, please call me [3]")
    assert strip_quotes(f"{said}\n\n{below.format(sent)}", "", sent).text.startswith(said)


def test_the_short_first_line_of_our_mail_goes_with_it_and_an_answer_in_its_place_stays() -> None:
    sent = f"View in browser [9]\n\n{SENT}"
    shown = sent.replace(" [9]", "")
    assert strip_quotes(f"It broke.\n\n{OUTLOOK[2]}{shown}", "", sent).text == "It broke."
    answered = shown.replace("View in browser", "See below, please", 1)
    assert "See below, please" in strip_quotes(f"It broke.\n\n{OUTLOOK[2]}{answered}", "", sent).text


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("intro", INTROS)
def test_top_posting_over_marked_quotes(intro: str, known: bool) -> None:
    reply = f"The light still blinks.\n\nAnn\n\n{intro}\n\n{MARKED}\n"
    assert strip_quotes(reply, "", SENT if known else None).text == "The light still blinks.\n\nAnn"


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("head", OUTLOOK)
def test_outlooks_unmarked_quotes(head: str, known: bool) -> None:
    reply = f"Please call me.\n\n{head}{SENT}"
    assert strip_quotes(reply, "", SENT if known else None).text == "Please call me."


def test_answers_between_quoted_lines_survive() -> None:
    lines = MARKED.splitlines()
    lines.insert(8, "\nMine came on after twelve litres!\n")
    text = strip_quotes("\n".join([INTROS[0], *lines, "", "And the tray is cracked.", "Ann"]), "", SENT).text
    assert text == "Mine came on after twelve litres!\n\nAnd the tray is cracked.\nAnn"


def test_answers_inside_an_unmarked_quote_survive_because_we_know_what_we_sent() -> None:
    rows = SENT.splitlines()
    rows.insert(6, "NO IT DOES NOT, mine came on after twelve litres")
    text = strip_quotes(f"see below\n\n{OUTLOOK[0]}" + "\n".join(rows), "", SENT).text
    assert text == "see below\n\nNO IT DOES NOT, mine came on after twelve litres"


def test_rewrapped_quotes_are_still_ours() -> None:
    words = SENT.split()
    wrapped = "\n".join("> " + " ".join(words[at : at + 7]) for at in range(0, len(words), 7))
    assert strip_quotes(f"Thanks!\n\n{wrapped}", "", SENT).text == "Thanks!"


def test_the_persons_own_words_are_kept_though_they_sound_like_ours() -> None:
    reply = f"the pump gets loud, and shots turn sour.\n\n{INTROS[0]}\n{MARKED}"
    assert strip_quotes(reply, "", SENT).text == "the pump gets loud, and shots turn sour."


def test_an_html_reply_loses_its_quote_block() -> None:
    html = (
        "<div dir=ltr>The light still blinks.</div><br><div class='gmail_quote'><div class='gmail_attr'>On Tue, 1 Dec "
        "2026 at 10:00, Acme &lt;care@acme.example&gt; wrote:<br></div><blockquote><p>the amber light comes on</p>"
        "</blockquote></div>"
    )
    assert strip_quotes("", html, None).text == "The light still blinks."


def test_signatures_and_mobile_footers_are_taken_off_and_kept_aside() -> None:
    found = strip_quotes("It leaks.\n\n-- \nAnn Smith\nSmith & Sons\n", "")
    assert (found.text, "Smith & Sons" in found.quoted) == ("It leaks.", True)
    assert strip_quotes("It leaks.\n\nSent from my iPhone", "").text == "It leaks."
    assert strip_quotes("Es tropft.\n\nVon meinem iPhone gesendet", "").text == "Es tropft."


def test_a_text_without_quotes_stays() -> None:
    text = "Hello,\n\nFrom: the kitchen\n\n1) It leaks\n2) It smells: badly\n\nAnn wrote this:\nreally"
    assert strip_quotes(text, "").text == text


@pytest.mark.parametrize(
    "text",
    [
        ">" * 200_000,
        "On " * 70_000,
        "On 1 wrote\n" * 18_000,
        ("-" * 20 + "\n") * 9_000,
        "From: a\n" * 25_000,
        "> a\nb\n" * 33_000,
        " " * 200_000,
        "\n" * 200_000,
        "On 1 Dec a b" + " wrote" * 33_000 + ":",
        "a" * 200_000,
        ("the amber light comes on " * 8_000),
        "https://x.example/ " * 10_000,
    ],
    ids=range(12),
)
def test_200_kb_of_crafted_text_take_under_a_second(text: str) -> None:
    def seconds() -> float:
        before = time.process_time()
        strip_quotes(text, "", SENT)
        strip_quotes("", f"<div>{text}</div>", SENT)
        return time.process_time() - before

    assert seconds() < 1 or seconds() < 1 or seconds() < 1, "what takes this long on a busy machine does not each time"


@given(st.text(max_size=300), st.text(max_size=300))
@settings(deadline=None, max_examples=100)
def test_no_line_is_lost_and_nothing_raises(text: str, sent: str) -> None:
    found = strip_quotes(text, "", sent)
    assert sorted(found.text.split() + found.quoted.split()) == sorted(text.replace("\r\n", "\n").split())


def _reply(chance: random.Random) -> tuple[str, str]:
    own = " ".join(
        chance.choice("my machine leaks again since monday and nobody calls me back please help".split())
        for _ in range(chance.randint(4, 30))
    )
    own = own.capitalize() + "."
    style = chance.randrange(4)
    if style == 0:
        return own, f"{own}\n\n{chance.choice(INTROS)}\n{MARKED}"
    if style == 1:
        return own, f"{own}\n\n{chance.choice(OUTLOOK)}{SENT}"
    if style == 2:
        return own, f"{chance.choice(INTROS)}\n{MARKED}\n\n{own}"
    words = SENT.split()
    width = chance.randint(5, 12)
    wrapped = "\n".join(" ".join(words[at : at + width]) for at in range(0, len(words), width))
    return own, f"{own}\n\n{chance.choice(OUTLOOK)}{wrapped}"


def test_subtraction_finds_the_own_words_of_simulated_replies() -> None:
    chance = random.Random(7)
    right = 0
    for _ in range(300):
        own, reply = _reply(chance)
        right += strip_quotes(reply, "", SENT).text == own
    assert right >= 297


@pytest.mark.parametrize(
    "intro",
    [
        '30.09.2017, 18.30, "Acme - Care" <care@acme.example>:',
        "2017-11-24 16:32 GMT+01:00 Acme Care <care@acme.example>:",
        "Wednesday, 17 November 2021, 3:32 PM +0300 from care@acme.example <care@acme.example>:",
        "---- On Wed, 24 Feb 2021 14:02:50 +0530 care@acme.example wrote ----",
        "De\xa0: Acme <care@acme.example>\nÀ\xa0: Ann\nEnvoyé le\xa0: Mercredi 30 novembre 2016 10h30\nObjet\xa0: Re",
        "______________\n\n-------- Oprindelig besked --------",
    ],
)
def test_other_heads_of_a_quotation(intro: str) -> None:
    assert strip_quotes(f"It leaks.\n\n{intro}\n\nOur old words").text == "It leaks."


def test_times_in_a_persons_own_words_are_no_head_of_a_quotation() -> None:
    text = (
        "Please call me:\n\n2024-01-15 14:30:25\n15.01.2024 14:30\nOn the other hand: later.\n\nMy address: a@b.example"
    )
    assert strip_quotes(text).text == text


def test_what_was_sent_from_somewhere_is_no_mobile_footer_in_the_middle_of_a_text() -> None:
    text = "Sent from my office on Monday, not here on Friday.\nWhere is it?"
    assert strip_quotes(text).text == text


def test_the_signature_below_an_answer_that_stands_under_the_quotation_is_taken_off() -> None:
    text = "On 22.11.2026 13:35, Acme wrote:\n> hello\n\nThanks! Which one?\n\n-- \nZoe\ncomplaint department\n"
    assert strip_quotes(text).text == "Thanks! Which one?"
