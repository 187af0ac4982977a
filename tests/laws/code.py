"""What the laws look at in a module of the program: its file is parsed and walked once for all of them.

The trees themselves are let go: kept, they would be most of what a process holds, and be looked through with it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import outreach

ROOT = Path(outreach.__file__).parent


@dataclass
class Function:
    """A function or method, and where the imports stand that it makes when it is called."""

    name: str
    line: int
    length: int
    returns: bool
    documented: bool
    imports: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Module:
    """Imports with their lines, relative ones resolved; what is called and defined."""

    text: str
    documented: bool
    imports: list[tuple[str, int]] = field(default_factory=list)
    heads: set[int] = field(default_factory=set)
    """The lines of the imports that stand in no function, class or condition."""
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    """Method (of anything but `self`), function, line."""
    functions: list[Function] = field(default_factory=list)
    outer: list[Function] = field(default_factory=list)
    """The functions that stand in no other and in no class."""
    classes: list[tuple[str, int]] = field(default_factory=list)


def modules() -> list[Path]:
    """Every module of the program but the migrations, which are written once."""
    return [path for path in all_modules() if "migrations" not in path.parts]


def all_modules() -> list[Path]:
    """Every module of the program but the single migrations."""
    return sorted(path for path in ROOT.rglob("*.py") if "versions" not in path.parts)


@cache
def read(path: Path) -> Module:
    """What there is to judge about the module in this file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    found = Module(text, bool(ast.get_docstring(tree)))
    package = ["outreach", *path.relative_to(ROOT).parts[:-1]]
    _look(tree, found, package, ())
    found.heads = {node.lineno for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
    tops = {node.lineno for node in tree.body if isinstance(node, ast.FunctionDef)}
    found.outer = [function for function in found.functions if function.line in tops]
    return found


def _look(node: ast.AST, found: Module, package: list[str], around: tuple[Function, ...]) -> None:
    for below in ast.iter_child_nodes(node):
        inside = around
        if isinstance(below, ast.FunctionDef):
            length = (below.end_lineno or below.lineno) - below.lineno + 1
            documented, returns = bool(ast.get_docstring(below)), below.returns is not None
            function = Function(below.name, below.lineno, length, returns, documented)
            found.functions.append(function)
            inside = (*around, function)
        elif isinstance(below, ast.ClassDef):
            found.classes.append((below.name, below.lineno))
        elif isinstance(below, ast.Import | ast.ImportFrom):
            found.imports += [(name, below.lineno) for name in _names(below, package)]
            for function in around:
                function.imports.append((below.lineno, below.end_lineno or below.lineno))
        elif isinstance(below, ast.Call):
            own = getattr(getattr(below.func, "value", None), "id", "") == "self"
            method = "" if own else getattr(below.func, "attr", "")
            found.calls.append((method, getattr(below.func, "id", ""), below.lineno))
        _look(below, found, package, inside)


def _names(node: ast.Import | ast.ImportFrom, package: list[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
        return
    base = package[: len(package) - node.level + 1] if node.level else []
    stem = ".".join([*base, *([node.module] if node.module else [])])
    if stem == "outreach":
        yield from (f"outreach.{name.name}" for name in node.names)
    else:
        yield stem
