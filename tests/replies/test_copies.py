"""What was passed on, and what is said again in nearly the same words."""

from __future__ import annotations

import time

import pytest

from outreach.replies.copies import near_same, read_repost

SAID = "The pump of my machine broke again after two weeks and nobody at Acme answers my calls"


@pytest.mark.parametrize(
    ("text", "author"),
    [
        (f"RT @Ann: {SAID}", "ann"),
        (f"So true! RT @ann@fosstodon.org: {SAID}", "ann@fosstodon.org"),
        (f"@acme RT @ann {SAID}", "ann"),
        (SAID, None),
        (f"Mine broke too, same machine! RT @ann: {SAID}", None),
        ("I start to like it. Art @ann: nice", None),
        ("RT @ann:", None),
    ],
)
def test_only_who_adds_nothing_passes_on(text: str, author: str | None) -> None:
    found = read_repost(text)
    assert (found.author if found else None) == author


@pytest.mark.parametrize(
    "other",
    [
        f"RT @ann: {SAID}",
        f"@acme {SAID}!! https://t.co/abc #coffee",
        "RT @ann: The pump of my machine broke again after two weeks and no…",
        SAID.replace("my calls", "me").upper(),
        f"Hello, {SAID}. What now?",
    ],
)
def test_the_same_in_other_clothes_is_the_same(other: str) -> None:
    assert near_same(SAID, other) and near_same(other, SAID)


@pytest.mark.parametrize(
    "other",
    [
        "The grinder of my machine is loud and the pump broke my patience",
        "Now the display is dead too, and nobody at Acme answers my calls, this is the third machine in a year",
        "https://t.co/abc",
        "",
    ],
)
def test_another_matter_is_another(other: str) -> None:
    assert not near_same(SAID, other)


def test_few_words_must_be_the_very_same() -> None:
    assert near_same("It leaks!", "it leaks")
    assert not near_same("It leaks", "It stinks")
    assert not near_same("It leaks a bit", "It leaks a lot")


def test_crafted_texts_take_no_longer() -> None:
    began = time.process_time()
    for text in ("RT @a" * 40_000, "@" * 200_000, "RT " * 60_000, "https://" * 25_000, "…" * 200_000):
        read_repost(text)
        near_same(text, text + "x")
    assert time.process_time() - began < 1
