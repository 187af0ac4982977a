"""One mail's subject, HTML and text for one person, from what was frozen.

Law: control flow runs on the person's values while what is printed stays a mark; pages of one shape share their
inlined HTML and the pattern of their text, and only the values are spliced in. A test compares this with rendering,
premailer and html_to_text run for each mail.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Template, UndefinedError
from markupsafe import Markup

from ..errors import TemplateError
from ..prose import html_to_text
from ..prose.pattern import text_pattern
from .css import inline_css
from .quoted import Value
from .sandbox import HOLES, Holes, Sandbox, html_environment, missing_variable, near_names, plain, text_environment
from .shape import Kept, Shape
from .tips import ChosenTip, pick_language
from .tracked import without_leads

FIELDS = ("first_name", "last_name", "language", "country", "zone")
MOST_SHAPES = 400
MAX_CHARACTERS = 2_000_000
OURS = frozenset(("campaign", "company", "content", "issue_number", "postal_address", "preheader", "subject", "tips"))
"""Names that hold what is ours for every reader; a person's attribute that is called so is read by `customer`."""
EXHAUSTED = ("takes too long to render", "takes too much memory to render")


@dataclass(frozen=True)
class Links:
    """Where this mail's links lead; `view_url` may be "". By `click_url` and a number its other links are counted."""

    unsubscribe_url: str
    view_url: str = ""
    click_url: str = ""


@dataclass(frozen=True)
class Rendered:
    """A mail's content; `images` are the Content-IDs that the HTML shows."""

    subject: str
    preheader: str
    html: str
    text: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Laid:
    """A mail laid out: its page without the values, and the values for the holes."""

    subject: str
    preheader: str
    shape: Shape
    values: list[Value]


def customer_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a template may know of a customer: our fields and the attributes. Empty values are absent."""
    attributes = row.get("attributes") or {}
    values = {str(key): kept for key, value in attributes.items() if (kept := plain(value)) is not None}
    for name in FIELDS:
        kept = plain(row.get(name))
        if kept is not None:
            values[name] = kept
    return values


class Renderer:
    """A frozen edition, ready to render. Safe to share between threads."""

    def __init__(self, frozen: Mapping[str, Any], *, issue_number: int = 1) -> None:
        self.frozen = frozen
        self.environment, self._text = html_environment(), text_environment()
        self._parts: dict[str, Mapping[str, Any]] = {key: frozen[key] for key in ("layout", "subject", "preheader")}
        self._parts |= {f"content{at}": part for at, part in enumerate(frozen["contents"])}
        self._templates: dict[str, Template] = {}
        self.facts = {**frozen["facts"], "issue_number": issue_number}
        self._globals: dict[str, Any] = dict(self.environment.globals)
        self._language = str(frozen["facts"].get("language") or "en")
        prefix = frozen["prefix"]
        self._mark = re.compile(rf"{prefix}([0-9]+)z")
        self._marks = [Markup(f"{prefix}{number}z") for number in range(200)]  # noqa: S704  digits and letters
        self._exposed = (
            re.compile(rf"""\b(?:{"|".join(frozen["exposed"])})\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
            if frozen["method"] == "shape"
            else None
        )
        self._shapes: dict[str, Shape] = {}
        self._kept: Kept = {}
        self._lock = threading.Lock()

    def render(self, values: Mapping[str, Any], tips: Sequence[ChosenTip], links: Links) -> Rendered:
        """The mail. Raises TemplateError naming the variable, the file and the line."""
        laid = self.lay(values, tips, links)
        if laid is None:
            return self.render_whole(values, tips, links)
        html, text = laid.shape.html(laid.values), laid.shape.text(laid.values)
        return Rendered(laid.subject, laid.preheader, html, text, laid.shape.images)

    def lay(self, values: Mapping[str, Any], tips: Sequence[ChosenTip], links: Links) -> Laid | None:
        """The mail with its values beside the page; None where that would not be sound."""
        if not self.frozen["marks"]:
            return None
        holes = Holes(self.mark)
        subject, preheader, page = self.run(values, tips, links, holes)
        known = [Value(text) for text in holes.values]
        if self._exposed is not None:
            page = self._expose(page, [value.html for value in known])
        shape = self.shape(page)
        if self._exposed is None and len(set(shape.order)) != len(known):
            return None
        return Laid(subject, preheader, shape, known)

    def render_whole(self, values: Mapping[str, Any], tips: Sequence[ChosenTip], links: Links) -> Rendered:
        """The same without marks: what `render` must equal, and does where marks would not be sound."""
        subject, preheader, page = self.run(values, tips, links, None)
        html = page if self._exposed is None else inline_css(page)
        return Rendered(subject, preheader, without_leads(html), html_to_text(html), self._shown_images(html))

    def names(self) -> set[str]:
        """The variables that every template may use beside the customer's attributes."""
        return {
            *FIELDS,
            *self.facts,
            "subject",
            "preheader",
            "unsubscribe_url",
            "view_url",
            "click_url",
            "customer",
            "tips",
        }

    def run(
        self, values: Mapping[str, Any], tips: Sequence[ChosenTip], links: Links, holes: Holes | None
    ) -> tuple[str, str, str]:
        """Subject, preheader and page as the templates give them, with a mark for each value where there are holes."""
        scope: dict[str, Any] = {
            **self._globals,
            "language": self._language,
            **values,
            "customer": values,
            **{key: value for key, value in self.facts.items() if key != "language"},
            "unsubscribe_url": links.unsubscribe_url,
            "view_url": links.view_url,
            "click_url": links.click_url,
        }
        subject = " ".join(self._one("subject", scope).split())
        preheader = " ".join(self._one("preheader", scope).split())
        scope |= {"subject": subject, "preheader": preheader, HOLES: holes}
        contents = [self._safe(f"content{at}", scope) for at in range(len(self.frozen["contents"]))]
        shown = [self._tip(tip, scope) for tip in tips]
        scope |= {"content": contents[0] if contents else "", "content_slots": contents, "tips": shown}
        page = self._one("layout", scope)
        if len(page) > MAX_CHARACTERS:
            raise TemplateError("the mail is larger than two million characters", file=self.frozen["layout"]["file"])
        return subject, preheader, page

    def _tip(self, tip: ChosenTip, scope: dict[str, Any]) -> dict[str, Any]:
        known = self.frozen["tips"].get(tip.name)
        if known is None:
            raise TemplateError(f"the tip {tip.name!r} is not in this edition's pool")
        languages = list(known["texts"])
        language = pick_language(languages, str(scope.get("language") or "")) or languages[0]
        text, key = known["texts"][language], f"tip:{tip.name}:{language}"
        self._parts.setdefault(key, text["title"])
        for at, body in enumerate(text["bodies"]):
            self._parts.setdefault(f"{key}:{at}", body)
        made = [self._safe(f"{key}:{at}", scope) for at in range(len(text["bodies"]))]
        return {
            "name": tip.name,
            "title": self._one(key, scope),
            "topics": tuple(known["topics"]),
            "reason": tip.reason,
            "language": language,
            "body": made[0] if made else "",
            "bodies": made,
        }

    def _safe(self, key: str, scope: dict[str, Any]) -> Markup:
        return Markup(self._one(key, scope))  # noqa: S704  its environment has escaped all values

    def _one(self, key: str, scope: dict[str, Any]) -> str:
        template = self._templates.get(key) or self._compile(key)
        try:
            return "".join(template.root_render_func(template.new_context(scope, shared=True)))
        except TemplateError:
            raise
        except (Exception, RecursionError) as wrong:
            raise self._fault(wrong, key, scope) from None

    def _fault(self, wrong: Exception, key: str, scope: Mapping[str, Any]) -> TemplateError:
        part = self._parts[key]
        row = _row_of(wrong, f"part:{key}")
        name = missing_variable(wrong) if isinstance(wrong, UndefinedError) else ""
        file, line, excerpt = _place(part, row, name)
        if isinstance(wrong, MemoryError | TimeoutError):
            words = EXHAUSTED[isinstance(wrong, MemoryError)]
            return TemplateError(words, file=file, line=line, excerpt=excerpt, remedy="Look at the loop there.")
        if not name:
            what = f"{type(wrong).__name__}: {wrong}" if str(wrong) else type(wrong).__name__
            return TemplateError(what, file=file, line=line, excerpt=excerpt)
        near = [] if name in FIELDS else near_names(name, {*self.names(), *scope.get("customer", ())})
        remedy = (
            f"Did you mean {near[0]}?" if near else f'Write {{{{ {name} or "…" }}}} with words for those who have none.'
        )
        fault = TemplateError(f"the variable {name} is missing", file=file, line=line, excerpt=excerpt, remedy=remedy)
        fault.variable = name
        return fault

    def shape(self, page: str) -> Shape:
        """The shape of a page with marks, learned when it is first seen."""
        known = self._shapes.get(page)
        if known is not None:
            return known
        inlined = page if self._exposed is None else inline_css(page)
        shape = Shape(
            self._mark.split(inlined), text_pattern(inlined, self._mark), self._shown_images(inlined), self._kept
        )
        with self._lock:
            while len(self._shapes) >= MOST_SHAPES:
                del self._shapes[next(iter(self._shapes))]
            self._shapes[page] = shape
        return shape

    def _expose(self, page: str, escaped: Sequence[str]) -> str:
        """`page` with the values themselves in the attributes that selectors look at."""
        assert self._exposed is not None
        return self._exposed.sub(lambda found: self._mark.sub(lambda mark: escaped[int(mark[1])], found[0]), page)

    def mark(self, number: int) -> Markup:
        """What stands in a page for value number `number`."""
        if number < len(self._marks):
            return self._marks[number]
        return Markup(f"{self.frozen['prefix']}{number}z")  # noqa: S704  digits and letters

    def _shown_images(self, html: str) -> tuple[str, ...]:
        return tuple(cid for cid in self.frozen["assets"] if f"cid:{cid}" in html)

    def _compile(self, key: str) -> Template:
        """The template of a part, made when it is first needed: most tips of a pool never are, in one process."""
        is_text = key in ("subject", "preheader") or (key.startswith("tip:") and key.count(":") == 2)
        environment: Sandbox = self._text if is_text else self.environment
        code = environment.compile(self._parts[key]["source"], key, f"part:{key}")
        template = self._templates[key] = Template.from_code(environment, code, {})
        return template


def _row_of(wrong: BaseException, filename: str) -> int:
    """The row of the part's source in which `wrong` was raised."""
    row, trace = 1, wrong.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == filename:
            template = trace.tb_frame.f_globals.get("debug_info", "")
            pairs = [pair.split("=") for pair in str(template).split("&") if pair]
            row = next((int(source) for source, made in reversed(pairs) if int(made) <= trace.tb_lineno), row)
        trace = trace.tb_next
    return row


def _place(part: Mapping[str, Any], row: int, name: str) -> tuple[str, int, str]:
    """The person's file, the line in it, and what stands there: on `row`, best where `name` is said."""
    rows = part["source"].split("\n")
    here = rows[row - 1] if 0 < row <= len(rows) else ""
    places = [(file, line) for at, line, file in part["lines"] if at == row]
    if not places:
        before = [(file, line) for at, line, file in part["lines"] if at < row]
        places = [before[-1] if before else (part["file"], 1)]
    tags = re.findall(r"\{\{.*?\}\}|\{%.*?%\}", here)
    said = [at for at, tag in enumerate(tags) if name and re.search(rf"\b{re.escape(name)}\b", tag)]
    at = said[0] if said else 0
    return *places[min(at, len(places) - 1)], tags[at][:120] if tags else here.strip()[:120]
