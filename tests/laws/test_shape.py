"""The bands of size and manner that keep the house readable."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import outreach
from outreach import errors

from .each import each

ROOT = Path(outreach.__file__).parent
TOP = ROOT.parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if "versions" not in path.parts)
ALLOWED = {"outreach", "templates", "tests", "docs", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"}
BANNED_WORDS = ("Manager", "Helper", "utils")


@cache
def tree_of(path: Path) -> ast.Module:
    """A module's syntax tree: two laws read it."""
    return ast.parse(path.read_text(encoding="utf-8"))


@each(MODULES)
def test_a_module_is_short_opens_with_its_law_and_types_what_is_public(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = tree_of(path)
    assert ast.get_docstring(tree), f"{path} opens with no docstring"
    assert text.count("\n") <= 400, f"{path} has {text.count(chr(10))} lines: more than one idea lives here"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{path}:{node.lineno}: {node.name} has {length} lines"
            assert node.returns is not None, f"{path}:{node.lineno}: {node.name} does not say what it returns"
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert not any(word in node.name for word in BANNED_WORDS), f"{path}:{node.lineno}: {node.name}"


@each(MODULES)
def test_public_functions_have_docstrings(path: Path) -> None:
    for node in tree_of(path).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path}:{node.lineno}: {node.name} has no docstring"


def test_the_tree_of_exceptions_in_the_docstring_is_the_tree_in_the_code() -> None:
    told = errors.__doc__ or ""
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.OutreachError):
            line = next((row for row in told.splitlines() if name in row), None)
            assert line, f"{name} is missing from the docstring"
            if "exit" in line:
                assert line.rstrip().endswith(str(value.exit_status)), f"{name}: the exit status differs"


def test_the_top_level_holds_only_what_was_asked_for() -> None:
    seen = {entry.name for entry in TOP.iterdir() if not entry.name.startswith(".")}
    assert seen - ALLOWED - {"dist", "build"} == set() or not (TOP / "pyproject.toml").exists()
