"""Reading the README as a user would: its shell blocks, and the files that it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, what stands behind it, its text."""

    language: str
    info: str
    text: str

    @property
    def file(self) -> str:
        found = re.search(r"file=(\S+)", self.info)
        return found.group(1) if found else ""


def blocks() -> list[Block]:
    text = README.read_text(encoding="utf-8")
    return [Block(language, info.strip(), body) for language, info, body in FENCE.findall(text)]


def commands() -> list[str]:
    """Every command line of the shell blocks, continued lines joined, comments dropped."""
    found = []
    for block in blocks():
        if block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                bare = line.split("  #")[0].strip()
                if bare and not bare.startswith("#"):
                    found.append(bare)
    return found
