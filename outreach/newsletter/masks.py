"""Jinja's tags hidden behind plain words while another program reads the text around them.

Law: what is hidden comes back letter for letter; a mask is made of letters and digits only, so that Markdown, an HTML
parser and a URL leave it alone, and it never occurs in the text itself.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from .sandbox import Sandbox, html_environment

_OPENERS = frozenset(("if", "for", "macro", "call", "filter", "with", "autoescape", "block", "trans"))
_CLOSERS = frozenset(("elif", "else"))


@dataclass(frozen=True)
class Tag:
    """One Jinja tag: `role` is print, open, middle, close, single; `word` its first word; `line` in the file."""

    text: str
    role: str
    word: str
    file: str
    line: int


class Masks:
    """The tags hidden so far, by number."""

    def __init__(self, environment: Sandbox, texts: list[str]) -> None:
        self.environment = environment
        self.tags: list[Tag] = []
        self.prefix = new_prefix(texts)
        self.pattern = re.compile(rf"{self.prefix}([0-9]+)z")
        self._shown = re.compile(rf"<!--{self.prefix}([0-9]+)z-->|{self.prefix}([0-9]+)z")

    def word(self, number: int) -> str:
        """The mask of tag `number`."""
        return f"{self.prefix}{number}z"

    def hide(self, source: str, file: str, line: int = 1) -> str:
        """`source` with every tag masked; `source` begins on `line` of `file` and is known to be sound."""
        kept: list[str] = []
        for text, begins, number in _split(source):
            if not begins:
                kept.append(text)
                continue
            role, word = _role(text, begins)
            if word == "comment":
                continue
            kept.append(self.word(len(self.tags)))
            self.tags.append(Tag(text, role, word, file, line + number - 1))
        return "".join(kept)

    def show(self, text: str) -> tuple[str, list[tuple[int, int, str]]]:
        """`text` with its tags back, and for each tag: the row where it now stands, and its line and file before."""
        kept: list[str] = []
        places: list[tuple[int, int, str]] = []
        at, row = 0, 1
        for found in self._shown.finditer(text):
            before = text[at : found.start()]
            tag = self.tags[int(found[1] or found[2])]
            row += before.count("\n")
            places.append((row, tag.line, tag.file))
            row += tag.text.count("\n")
            kept += [before, tag.text]
            at = found.end()
        return "".join([*kept, text[at:]]), places

    def numbers(self, text: str) -> list[int]:
        """The tags masked in `text`, in order."""
        return [int(found) for found in self.pattern.findall(text)]


def new_prefix(texts: list[str]) -> str:
    """A word of letters that no text holds; the same for the same texts."""
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "replace"))
    while True:
        letters = "".join(chr(ord("a") + octet % 26) for octet in digest.digest()[:9])
        if not any(letters in text.lower() for text in texts):
            return f"zq{letters}"
        digest.update(b"again")


@lru_cache(maxsize=64)
def _split(source: str) -> tuple[tuple[str, str, int], ...]:
    """Pieces of `source`: their text, how the tag begins ("" for plain text) and their line.

    Remembered: a layout is masked again with each campaign, each preview and each edition.
    """
    pieces: list[tuple[str, str, int]] = []
    held, begins, start = "", "", 1
    for line, kind, value in html_environment().lex(source):
        if kind in ("raw_begin", "raw_end"):
            pieces.append((value, kind, line))
        elif kind.endswith("_begin"):
            held, begins, start = value, kind, line
        elif kind.endswith("_end"):
            pieces.append((held + value, begins, start))
            begins = ""
        elif begins:
            held += value
        else:
            pieces.append((value, "", line))
    return tuple(pieces)


def _role(text: str, begins: str) -> tuple[str, str]:
    if begins == "variable_begin":
        return "print", ""
    if begins.startswith("raw"):
        return ("open", "raw") if begins == "raw_begin" else ("close", "raw")
    if begins == "comment_begin":
        return "single", "comment"
    word = re.match(r"\{%[-+]?\s*(\w*)", text)
    name = word[1] if word else ""
    if name.startswith("end"):
        return "close", name[3:]
    if name in _CLOSERS:
        return "middle", name
    if name in _OPENERS or (name == "set" and "=" not in text):
        return "open", name
    return "single", name
