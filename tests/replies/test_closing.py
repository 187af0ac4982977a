"""What stands below "Kind regards" is not weighed, unless the person says something there."""

from __future__ import annotations

import pytest

from outreach.replies.closing import before_closing
from outreach.replies.topics import find_topics


@pytest.mark.parametrize(
    "closing",
    [
        "Kind regards\n\nPaula Quinn\n\nAccountant | Quinn & Co | +353 1 555 0199",
        "Mit freundlichen Grüßen\nDirk Ebert\nReparaturwerk GmbH\nTel. 030 1234567",
        "Cordialement,\nInès",
        "Un saludo,\nMarta",
        "LG Felix",
    ],
)
def test_the_signature_is_left_out(closing: str) -> None:
    assert before_closing(f"Is there a way to switch off the beep?\n\n{closing}\n").strip().endswith("the beep?")


@pytest.mark.parametrize(
    "text",
    [
        "It is loud.\n\nKind regards\nAnn\n\nPS: and the lid is broken too",
        "Regards to the person who answers your phone. Nobody did.",
        "Kind regards\n\nIt still leaks and nobody has called me back.",
        "Best wishes for the season. Where is my parcel?\nAnn",
        "Kind regards",
        "Hello,\nLG washing machine is on fire",
        "Hello,\nSincerely disappointed, I want my money back.",
    ],
)
def test_whatever_else_is_said_stays(text: str) -> None:
    assert before_closing(text) == text


def test_a_long_text_takes_no_longer_than_its_length() -> None:
    text = "x\n" * 100_000 + "Kind regards\nAnn"
    assert before_closing(text).endswith("x")


def test_a_profession_below_is_no_topic() -> None:
    said = "Is there a way to switch off the beep?\n\nKind regards\nPaula\nAccountant"
    assert find_topics(before_closing(said), {"account": ["account"]}) == ()
