"""HTML to the plain text that a reader would see.

Law: every function is linear in its input and never raises on any string. Nesting is capped before the
native parser sees it (RELIABILITY, "What comes in is hostile"); nothing is ever fetched.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

from lxml import etree

Links = Literal["inline", "footnotes", "drop"]
LEADS_TO = "data-outreach-to"
"""Of a link that is counted on its way: where it leads in the end."""
WIDTH = 72
MAX_DEPTH = 512
MAX_INDENTS = 12
MAX_CHARS = 2_000_000

_BLOCKS = frozenset(
    "address article aside blockquote body center dd details div dl dt fieldset figcaption figure footer form h1 h2 h3"
    " h4 h5 h6 header hr html legend li main nav ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
_SPACED = frozenset("blockquote dl figure h1 h2 h3 h4 h5 h6 hr ol p pre table ul".split())
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_SILENT = frozenset(
    "area audio base canvas datalist embed frame head iframe input link map meta noframes object param script select"
    " style svg template textarea title video".split()
)
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_IMPLIED = frozenset(("p", "li", "td", "th", "tr", "dd", "dt", "option"))
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)")
_SPACE = re.compile(r"[ \t\r\n\f\v]+")
_FILLER = re.compile(r"[\s\xa0\u2007\u200c]{2,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_INVISIBLE = str.maketrans("", "", "\u200b\ufeff\u00ad\u034f\u2060")


def html_to_text(html: str, *, links: Links = "footnotes") -> str:
    """`html` as the plain text that a reader would see, in reading order, wrapped at 72 columns.

    Headings are underlined, lists get dashes or numbers, quotations "> ", images are their alt text, tables that
    only lay out become text, real ones columns. What is hidden (a preheader) is left out. A link becomes its words
    and a number, with the numbers' targets listed at the end, or the target behind it (`inline`), or only its words.
    """
    root = parse_html(html)
    return "" if root is None else tree_to_text(root, links=links)


def parse_html(html: str) -> Any:
    """The element tree of `html` (an lxml element), or None where there is nothing in it."""
    kept = _cap_nesting(_CONTROL.sub("", _drop_comments(html[:MAX_CHARS])))
    if not kept.strip():
        return None
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        return etree.fromstring(kept.encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError):
        return None


def tree_to_text(root: Any, *, links: Links = "footnotes") -> str:
    """The text of a tree made by `parse_html`."""
    writer = _Writer(links)
    writer.walk(root)
    return writer.finish()


def _drop_comments(html: str) -> str:
    kept, start = [], 0
    while (found := html.find("<!--", start)) >= 0:
        kept.append(html[start:found])
        end = html.find("-->", found + 4)
        if end < 0:
            return "".join(kept)
        start = end + 3
    kept.append(html[start:])
    return "".join(kept)


def _cap_nesting(html: str) -> str:
    """`html` without the tags that lie deeper than MAX_DEPTH; their text stays."""
    open_names: list[str] = []
    counts: Counter[str] = Counter()
    kept, start = [], 0
    for tag in _TAG.finditer(html):
        name = tag[2].lower()
        if name in _VOID:
            continue
        if tag[1]:
            while counts[name]:
                closed = open_names.pop()
                counts[closed] -= 1
                if closed == name:
                    break
        elif name in _IMPLIED and open_names and open_names[-1] == name:
            continue
        elif len(open_names) < MAX_DEPTH:
            open_names.append(name)
            counts[name] += 1
        else:
            kept.append(html[start : tag.start()])
            end = html.find(">", tag.end(), tag.end() + 10_000)
            start = max(start, tag.end() if end < 0 else end + 1)
    kept.append(html[start:])
    return "".join(kept)


def _is_hidden(node: Any) -> bool:
    style = node.get("style")
    if style:
        plain = style.replace(" ", "").lower()
        if "display:none" in plain or "visibility:hidden" in plain:
            return True
        if "max-height:0" in plain and "overflow:hidden" in plain:
            return True
    return node.get("hidden") is not None


class _Writer:
    """Collects words into paragraphs, paragraphs into lines behind the prefixes of lists and quotations."""

    def __init__(self, links: Links) -> None:
        self.links = links
        self.lines: list[str] = []
        self.words: list[str] = []
        self.prefixes: list[str] = []
        self.bullet = ""
        self.gap = False
        self.margin = ""
        self.underline = ""
        self.preformatted = 0
        self.numbers: list[int | None] = []
        self.targets: dict[str, int] = {}
        self.anchors: list[tuple[str, int]] = []

    def walk(self, root: Any) -> None:
        """Write `root` and all below it, without recursion."""
        skipped: Any = None
        for event, node in etree.iterwalk(root, events=("start", "end")):
            if skipped is not None:
                if event == "end" and node is skipped:
                    skipped = None
                    self.say(node.tail)
                continue
            tag = node.tag if isinstance(node.tag, str) else "script"
            if event == "end":
                self.leave(node, tag)
                if node is not root:
                    self.say(node.tail)
            elif tag in _SILENT or _is_hidden(node):
                skipped = node
            elif self.enter_table(node, tag):
                skipped = node
            else:
                self.enter(node, tag)
                self.say(node.text)

    def say(self, text: str | None) -> None:
        if text:
            self.words.append(text if self.preformatted else _SPACE.sub(" ", text))

    def enter_table(self, node: Any, tag: str) -> bool:
        """Write a data table, or a row of short cells, whole; False where the parts are to be walked one by one."""
        if tag == "table" and (rows := _data_rows(node)):
            self.end_block(gap=True)
            self.lay(_columns(rows))
            self.ask_gap()
            return True
        if tag == "tr" and (cells := _short_cells(node)):
            self.end_block()
            self.words.append("  ".join(cells).replace("  ", "\xa0 "))
            self.end_block()
            return True
        return False

    def enter(self, node: Any, tag: str) -> None:
        if tag in _BLOCKS:
            self.end_block(gap=tag in _SPACED and not (tag in ("ul", "ol") and self.numbers))
        if tag == "a":
            self.anchors.append((node.get(LEADS_TO) or node.get("href") or "", len(self.words)))
        elif tag == "br":
            self.words.append("\n")
        elif tag == "img":
            self.say(node.get("alt"))
        elif tag == "hr":
            self.lay(["-" * 40])
            self.ask_gap()
        elif tag in ("ul", "ol"):
            self.numbers.append(_whole(node.get("start"), 1) if tag == "ol" else None)
        elif tag == "li":
            self.open_item()
        elif tag == "blockquote":
            self.prefixes.append("> ")
        elif tag == "pre":
            self.preformatted += 1

    def leave(self, node: Any, tag: str) -> None:
        if tag == "a" and self.anchors:
            self.close_link(*self.anchors.pop())
        if tag not in _BLOCKS:
            return
        self.underline = {"h1": "=", "h2": "-"}.get(tag, "")
        self.end_block(gap=tag in _SPACED and not (tag in ("ul", "ol") and len(self.numbers) > 1))
        self.underline = ""
        if tag in ("ul", "ol") and self.numbers:
            self.numbers.pop()
        elif tag == "li" and self.prefixes:
            self.prefixes.pop()
            self.bullet = ""
        elif tag == "blockquote" and self.prefixes:
            self.prefixes.pop()
        elif tag == "pre" and self.preformatted:
            self.preformatted -= 1

    def open_item(self) -> None:
        number = self.numbers[-1] if self.numbers else None
        self.bullet = "- " if number is None else f"{number}. "
        if number is not None:
            self.numbers[-1] = number + 1
        self.prefixes.append(" " * len(self.bullet))

    def close_link(self, target: str, since: int) -> None:
        """Say where the words since `since` lead to, unless they say so themselves."""
        target = _CONTROL.sub("", target.strip())
        shown = _SPACE.sub(" ", "".join(self.words[since:])).strip()
        if self.links == "drop" or not shown or not target or target.startswith(("#", "javascript:", "data:")):
            return
        plain = target.removeprefix("mailto:").removeprefix("https://").removeprefix("http://").rstrip("/")
        if shown.rstrip("/").removeprefix("https://").removeprefix("http://") == plain:
            return
        if self.links == "inline":
            self.words.append(f" <{target}>")
        else:
            self.words.append(f"\xa0[{self.targets.setdefault(target, len(self.targets) + 1)}]")

    def end_block(self, *, gap: bool = False) -> None:
        """Write the paragraph collected so far; `gap` asks for an empty line around it."""
        if self.anchors and "".join(self.words[self.anchors[-1][1] :]).strip():
            self.close_link(*self.anchors[-1])
            self.anchors[-1] = ("", 0)
        text = "".join(self.words)
        self.words.clear()
        self.anchors = [(target, 0) for target, _ in self.anchors]
        if self.preformatted:
            lines = text.strip("\n").split("\n") if text.strip() else []
        else:
            room = max(WIDTH - sum(map(len, self.prefixes[:MAX_INDENTS])), 24)
            lines = [line for part in _paragraph(text) for line in wrap(part, room)]
            while lines and not lines[-1]:
                lines.pop()
            while lines and not lines[0]:
                lines.pop(0)
        if gap:
            self.ask_gap()
        if lines:
            if self.underline:
                lines.append(self.underline * min(max(map(display_width, lines)), WIDTH))
            self.lay(lines)
            if gap:
                self.ask_gap()

    def ask_gap(self) -> None:
        """Leave an empty line before what follows, quoted no deeper than either side of it."""
        here = "".join(part for part in self.prefixes[:MAX_INDENTS] if part == "> ").rstrip()
        self.margin = min(self.margin, here, key=len) if self.gap else here
        self.gap = True

    def lay(self, lines: list[str]) -> None:
        prefix = "".join(self.prefixes[:MAX_INDENTS])
        if self.gap and self.lines:
            self.ask_gap()
            self.lines.append(self.margin)
        self.gap = False
        for number, line in enumerate(lines):
            before = prefix
            if self.bullet and number == 0:
                before = prefix[: max(0, len(prefix) - len(self.bullet))] + self.bullet
                self.bullet = ""
            self.lines.append((before + line).rstrip())

    def finish(self) -> str:
        self.prefixes.clear()
        self.end_block()
        if self.targets:
            self.lines += ["", "-" * 40, *(f"[{number}] {target}" for target, number in self.targets.items())]
        return "\n".join(self.lines).replace("\xa0", " ").strip("\n")


def _paragraph(text: str) -> list[str]:
    """The lines of a paragraph as its <br> break them, blanks folded and invisible filling dropped."""
    visible = text.translate(_INVISIBLE)
    return [_FILLER.sub(_one_space, part).strip(" \t\xa0") for part in visible.split("\n")]


def _one_space(found: re.Match[str]) -> str:
    return "\xa0 " if found[0] == "\xa0 " else " "


def wrap(text: str, width: int = WIDTH) -> list[str]:
    """`text` as lines of at most `width` columns, broken at blanks; a longer word stays whole."""
    if len(text) <= width and (text.isascii() or display_width(text) <= width):
        return [text]
    lines, line, length = [], "", 0
    for word in text.split(" "):
        size = display_width(word)
        if line and length + 1 + size > width:
            lines.append(line)
            line, length = word, size
        else:
            line, length = (f"{line} {word}", length + 1 + size) if line else (word, size)
    lines.append(line)
    return lines


def display_width(text: str) -> int:
    """Columns that `text` takes in a fixed-width font: wide East Asian characters and emoji take two."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else default


def _cell_text(cell: Any) -> str:
    said = []
    for event, node in etree.iterwalk(cell, events=("start", "end")):
        if event == "start":
            said.append(node.text or "" if node.tag not in _SILENT else "")
            if node.tag == "img":
                said.append(node.get("alt") or "")
            elif node.tag == "br" or node.tag in _BLOCKS:
                said.append(" ")
        elif node is not cell:
            said.append(node.tail or "")
    return " ".join("".join(said).translate(_INVISIBLE).split())


def _own_rows(table: Any) -> Iterator[Any]:
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in ("thead", "tbody", "tfoot"):
            yield from (row for row in child if row.tag == "tr")


def _data_rows(table: Any) -> list[list[str]]:
    """The cells of a table that holds data: it has headings, no table inside, and is not for layout only."""
    if table.get("role") in ("presentation", "none") or next(table.iterdescendants("table"), None) is not None:
        return []
    if next(table.iter("th"), None) is None or next(table.iter("a"), None) is not None:
        return []
    rows = [[_cell_text(cell) for cell in row if cell.tag in ("td", "th")] for row in _own_rows(table)]
    rows = [row for row in rows if any(row)]
    return rows if len(rows) > 1 and max(map(len, rows)) > 1 else []


def _columns(rows: list[list[str]]) -> list[str]:
    """Rows as aligned columns; where they are too wide, one "heading: value" line per cell."""
    count = max(map(len, rows))
    if count > 24:
        return [" | ".join(row) for row in rows]
    full = [row + [""] * (count - len(row)) for row in rows]
    widths = [max(display_width(row[column]) for row in full) for column in range(count)]
    if sum(widths) + 2 * (count - 1) <= WIDTH:
        padded = [
            [cell + " " * (width - display_width(cell)) for cell, width in zip(row, widths, strict=True)]
            for row in full
        ]
        lines = ["  ".join(row).rstrip() for row in padded]
        return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
    lines = []
    for row in full[1:]:
        for heading, cell in zip(full[0], row, strict=True):
            if cell:
                lines += wrap(f"{heading}: {cell}" if heading else cell)
        lines.append("")
    return lines[:-1]


def _short_cells(row: Any) -> list[str]:
    """The texts of a row whose cells are words only and fit on one line ("When", "Tuesday at 9"), else nothing."""
    for node in row.iterdescendants():
        if (node.tag in _BLOCKS and node.tag not in ("td", "th")) or node.tag in ("a", "br") or _is_hidden(node):
            return []
    cells = [text for cell in row if cell.tag in ("td", "th") and (text := _cell_text(cell))]
    return cells if len(cells) > 1 and sum(map(display_width, cells)) + 2 * len(cells) <= WIDTH else []
