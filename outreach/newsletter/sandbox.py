"""The Jinja environments: an immutable sandbox over plain data, with variables that must exist.

Law: a template reads texts, numbers, dates, lists and mappings, never an object of ours; nothing is folded at compile
time, so that only rendering can take long, and that is tried in a child process first (RELIABILITY, Templates).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from ..errors import TemplateError

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BLANKS = re.compile(r"\A\s|\s\Z|\s\s|[\x00-\x1f\x7f-\xa0\u00ad\u034f\u2000-\u200f\u2028-\u202f\u2060-\u206f\ufeff]")
HOLES = "_holes"
POOL = 512
"""Templates that are remembered as they were read: more than the texts of a large pool of tips, which are all read when
they are applied and again with each edition."""


class Absent(StrictUndefined):
    """A value that this person does not have: false in a condition, so `or` works; printing it is an error."""

    __slots__ = ()

    def __bool__(self) -> bool:  # type: ignore[override]
        return False


class Sandbox(ImmutableSandboxedEnvironment):
    """A mapping has its keys and no methods: `customer.items` is the customer's own `items`, or it is absent.

    A power is small: a large one runs inside C, where no alarm can end it.
    """

    intercepted_binops = frozenset(("**",))

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if isinstance(right, int | float) and abs(right) > 64:
            raise OverflowError("a power above 64 is not computed")
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


class Holes:
    """The values printed by one rendering: the page holds a mark for each, the same value the same mark."""

    __slots__ = ("marks", "values")

    def __init__(self, marks: Callable[[int], Markup]) -> None:
        self.values: dict[str, int] = {}
        self.marks = marks

    def mark(self, text: str) -> Markup | str:
        """A mark that stands for `text`, or `text` itself where its blanks shape what is around it."""
        if not keeps_its_blanks(text):
            return text
        return self.marks(self.values.setdefault(text, len(self.values)))


def keeps_its_blanks(text: str) -> bool:
    """Whether `text` may be put in later: it is something, and has no blank that what stands around it could move."""
    return bool(text) and _BLANKS.search(text) is None


@pass_context
def _printed(context: Context, value: Any) -> Any:
    if isinstance(value, Markup):
        return value
    text = _said(value)
    holes = context.parent.get(HOLES)
    return text if holes is None else holes.mark(text)


def html_environment() -> Sandbox:
    """For layouts, bodies and tips: values are escaped, and printed as marks where `_holes` is given."""
    return Sandbox(undefined=Absent, autoescape=True, optimized=False, finalize=_printed)


def text_environment() -> Sandbox:
    """For subjects, preheaders and titles: nothing is escaped."""
    return Sandbox(undefined=Absent, autoescape=False, optimized=False, finalize=_plainly)


@pass_context
def _plainly(_context: Context, value: Any) -> str:
    return _said(value)


def _said(value: Any) -> str:
    """`value` in words; a function, such as `range` where this person has no `range`, is nothing to say."""
    if callable(value) and not isinstance(value, Absent):
        raise UndefinedError(f"{getattr(value, '__name__', 'this')} is a function, and no value of this person")
    return str(value)


def parse_template(
    environment: Sandbox, source: str, file: str, line: int = 1, *, bases: bool = False
) -> nodes.Template:
    """The syntax tree; `bases`: it may build on another layout, in blocks.

    Raises TemplateError with the line in the file, in which `source` begins at `line`.
    """
    try:
        tree = _tree(source, bool(environment.autoescape))
    except TemplateSyntaxError as wrong:
        raise syntax_error(wrong, source, file, line) from None
    except (RecursionError, SyntaxError, MemoryError):  # Python's own limits: 20 blocks, 100 levels of indentation
        raise TemplateError("is nested too deeply", file=file, line=line) from None
    for node in _of_several_files(tree):
        if bases and isinstance(node, (nodes.Extends, nodes.Block)):
            continue
        raise TemplateError(
            f"{type(node).__name__.lower()} is not allowed: a newsletter is one layout, one text and its tips",
            file=file,
            line=line + node.lineno - 1,
        )
    return tree


@lru_cache(maxsize=POOL)
def _tree(source: str, escaped: bool) -> nodes.Template:
    """Only read by all: a layout is looked at again with each campaign, each preview and each edition."""
    environment = html_environment() if escaped else text_environment()
    tree = environment.parse(source)
    environment.compile(tree)
    return tree


@lru_cache(maxsize=POOL)
def _of_several_files(tree: nodes.Template) -> tuple[nodes.Node, ...]:
    """What builds on another file, or is built on."""
    kinds = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block)
    return tuple(tree.find_all(kinds))


def syntax_error(wrong: TemplateSyntaxError, source: str, file: str, line: int = 1) -> TemplateError:
    """What Jinja says of a syntax error, with the place in the person's own file."""
    lines = source.split("\n")
    at = min(max(wrong.lineno, 1), len(lines))
    return TemplateError(
        wrong.message or "cannot be read",
        file=file,
        line=line + at - 1,
        excerpt=lines[at - 1].strip()[:120],
        remedy="Each {{ needs its }}, each {% if %} its {% endif %}. To print braces: {% raw %}{{ }}{% endraw %}.",
    )


def missing_variable(wrong: UndefinedError) -> str:
    """The name of the variable that an UndefinedError is about, or ""."""
    found = re.match(r"'([^']+)' is undefined", str(wrong)) or re.search(r"has no attribute '([^']+)'", str(wrong))
    return found[1] if found else ""


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Known names that look like `name`, the likeliest first."""
    return difflib.get_close_matches(name, sorted(known), 3, 0.7)


def plain(value: Any) -> Any:
    """`value` as plain data for a template: no objects, no control characters, and nothing empty (None)."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        text = str(value)
        if not text.isprintable():
            text = _CONTROL.sub("", text)
        text = text.strip()
        return text or None
    if isinstance(value, date):
        return value
    if isinstance(value, Mapping):
        return {str(key): kept for key, item in value.items() if (kept := plain(item)) is not None}
    if isinstance(value, list | tuple | set | frozenset):
        return [kept for item in value if (kept := plain(item)) is not None]
    return plain(str(value))
