"""The bands of size and manner that keep the house readable."""

from __future__ import annotations

from pathlib import Path

from outreach import errors

from .code import ROOT, all_modules, read
from .each import each

TOP = ROOT.parent
MODULES = all_modules()
ALLOWED = {"outreach", "templates", "tests", "docs", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"}
BANNED_WORDS = ("Manager", "Helper", "utils")


@each(MODULES)
def test_a_module_is_short_opens_with_its_law_and_types_what_is_public(path: Path) -> None:
    found = read(path)
    lines = found.text.count("\n")
    assert found.documented, f"{path} opens with no docstring"
    assert lines <= 400, f"{path} has {lines} lines: more than one idea lives here"
    for node in found.functions:
        assert node.length <= 60, f"{path}:{node.line}: {node.name} has {node.length} lines"
        assert node.returns, f"{path}:{node.line}: {node.name} does not say what it returns"
    for name, line in [*((node.name, node.line) for node in found.functions), *found.classes]:
        assert not any(word in name for word in BANNED_WORDS), f"{path}:{line}: {name}"


@each(MODULES)
def test_public_functions_have_docstrings(path: Path) -> None:
    for node in read(path).outer:
        if not node.name.startswith("_"):
            assert node.documented, f"{path}:{node.line}: {node.name} has no docstring"


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
