"""What other people's quote strippers are tested with, and what none may do: lose an answer, or hang."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.replies.quote import strip_quotes

from .quote_cases import BLOCKS, BY_CHOICE, HEADS, Case, inline_replies, load_cases

PIECES = (
    "> ", "> a\n", "b\n", "\n", " ", "On 1 wrote\n", "On 1 Dec 2026 10:00 a@b.example wrote:\n", "From: a\n",
    "From: a@b.example 2026\n", "-" * 20 + "\n", "--\n", "--- Ann wrote ---\n", "the amber light comes on ", "你好",
    "reply On Wed, 4 Apr 2026 at 3:59 PM, bob@b.example wrote:\n", "-----Original Message-----\n", "mailing list\n",
    "https://x.example/ ", "> (http://x", "<div class=gmail_quote>", "<blockquote>", "</blockquote>", "<i>x</i>",
    "<table><tr><td>", "</div>", "<a href=x>", "=\n", "\t>|> ", "Sent from my iPhone\n",
)  # fmt: skip


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return load_cases()


def test_at_least_95_percent_of_136_public_fixtures_are_stripped_as_their_own_tests_say(cases: list[Case]) -> None:
    wrong = [f"{case.source} {case.name}" for case in cases if not case.right]
    assert len(cases) == 136
    assert 1 - len(wrong) / len(cases) >= 0.95, wrong


def test_no_line_that_a_person_wrote_is_lost_in_them(cases: list[Case]) -> None:
    assert {case.name: case.lost for case in cases if case.lost and case.name not in BY_CHOICE} == {}


def test_no_answer_between_quoted_lines_is_lost_though_nobody_knows_what_was_sent() -> None:
    for reply, answers in inline_replies(400, seed=11):
        assert [line for line in strip_quotes(reply).text.splitlines() if line] == answers, reply


@pytest.mark.parametrize("head", HEADS)
def test_heads_of_two_dozen_languages(head: str) -> None:
    assert strip_quotes(f"It leaks.\n\n{head}\n\nOur old words, unmarked.\nAnd more.").text == "It leaks."
    assert strip_quotes(f"{head}\n> Does it leak?\nIt does.\n> Much?\n\nMuch.").text == "It does.\n\nMuch."


@pytest.mark.parametrize("block", BLOCKS)
def test_header_blocks_of_many_languages(block: str) -> None:
    assert strip_quotes(f"It leaks.\n\n{block}\n\nOur old words, unmarked.\nAnd more.").text == "It leaks."


@pytest.mark.parametrize(
    "text",
    [
        "On 3 March your support wrote:\n\nwe will refund you by Friday\n\nand nothing has come since.",
        "Am 3. März schrieb Ihr Service:\n\nwir erstatten das Geld\n\nund nichts ist gekommen.",
        "Please change my delivery:\n\nFrom: Rome\nTo: Turin\nDate: 3 May\n\nand ring twice.",
        "My new address from 2024-05-06 10:30 on is ann@new.example:\nplease note it.",
        "Press here >> reset <<\nand then hold it.",
        "I want:\n\n---- Refund ----\n\nand an apology.",
    ],
)
def test_a_persons_own_sentence_is_no_head_of_a_quotation(text: str) -> None:
    assert strip_quotes(text).text == text


def test_a_link_is_an_answer_too() -> None:
    reply = f"{HEADS[0]}\n> Have you a photo?\n\nhttps://photos.example/7\n\n> And the bill?\nhttps://photos.example/8"
    assert strip_quotes(reply).text == "https://photos.example/7\n\nhttps://photos.example/8"


def test_an_answer_right_below_the_head_is_no_part_of_it() -> None:
    assert strip_quotes(f"{HEADS[0]}\n> Hi\nHello").text == "Hello"


def test_a_quotation_that_was_broken_in_a_link_is_no_answer() -> None:
    assert strip_quotes(f"No.\n\n{HEADS[0]}\n> See (http://x.example/a\nb=3)\n> there").text == "No."


def test_what_we_sent_is_subtracted_in_a_language_without_blanks_too() -> None:
    sent = (
        "咖啡机的琥珀色指示灯会在大约六十升水之后亮起。从那一刻起您还可以制作大约二十杯咖啡。\n"
        "之后水垢会使管道变窄。\n请清空滴水盘。"
    )
    quoted = (
        "咖啡机的琥珀色指示灯会在大约六十升\n水之后亮起。从那一刻起您还可以制作\n"
        "大约二十杯咖啡。之后水垢会使管道变窄。请清空滴水盘。"
    )
    reply = f"它还在闪。\n\n{BLOCKS[17]}\n\n{quoted}\n没有用。"
    assert strip_quotes(reply, "", sent).text == "它还在闪。\n\n没有用。"


def test_a_quotation_of_ones_own_in_html_stays_above_the_mail_programs_own() -> None:
    html = (
        "<p>You wrote:</p><blockquote>never again</blockquote><p>and now?</p><div>On 1 Dec 2026 at 10:00, Acme "
        "&lt;care@acme.example&gt; wrote:</div><blockquote><p>old words</p></blockquote>"
    )
    assert strip_quotes("", html).text.replace("> ", "") == "You wrote:\n\nnever again\n\nand now?"


def test_a_header_pasted_above_the_whole_mail_hides_nothing() -> None:
    text = "Od: Jan <jan@b.example>\nWysłano: środa, 1 marca 2023 12:00\nTemat: Pompa\n\nCieknie od środy.\nJan"
    assert strip_quotes(text).text == "Cieknie od środy.\nJan"
    assert strip_quotes("________________\n" + text).text == ""


@pytest.mark.parametrize("crafted", ["<div class=gmail_quote>" * 500 + "<i>x</i>" * 25_000, "<blockquote>" * 17_000])
def test_nested_quote_blocks_take_no_more_than_a_second(crafted: str) -> None:
    before = time.process_time()
    strip_quotes("", crafted)
    assert time.process_time() - before < 1


def grows(pieces: list[str], small: int, large: int, *, html: bool) -> float:
    """How many times longer the large text takes than the small one, made of these pieces; at least a fair pause."""
    pattern = "".join(pieces)
    took = []
    for size in (small, large):
        text = (pattern * (size // len(pattern) + 1))[:size]
        runs = []
        for _ in range(2):
            before = time.process_time()
            strip_quotes("" if html else text, text if html else "", "the amber light comes on " * 50)
            runs.append(time.process_time() - before)
        took.append(min(runs))
    return took[1] / max(took[0], 0.004)


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.booleans())
@settings(deadline=None, max_examples=6, derandomize=True)
def test_time_grows_with_the_text_and_no_faster(pieces: list[str], html: bool) -> None:
    assert grows(pieces, 40_000, 200_000, html=html) < 12


@pytest.mark.long
@pytest.mark.timeout(1200)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6), st.booleans())
@settings(deadline=None, max_examples=150)
def test_time_grows_with_the_text_up_to_a_megabyte(pieces: list[str], html: bool) -> None:
    assert grows(pieces, 200_000, 1_000_000, html=html) < 12
