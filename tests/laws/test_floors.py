"""The laws of the house, kept by reading the code: imports go down only, rule rooms are pure and strangers."""

from __future__ import annotations

from pathlib import Path

from .code import ROOT, modules, read
from .each import each

RULES = ("audience", "newsletter", "timing", "delivery", "replies", "cases", "plan")
FLOORS = {
    "__init__": 0,
    "errors": 0,
    "chance": 1,
    "settings": 1,
    "settings_faults": 1,
    "settings_variables": 1,
    "settings_calendar": 1,
    "settings_nights": 1,
    "settings_office": 1,
    "settings_part": 1,
    "settings_plan": 1,
    "settings_signing": 1,
    "settings_steps": 1,
    "address": 1,
    "contacts": 1,
    "groups": 1,
    "workdays": 1,
    "words": 1,
    "prose": 1,
    "refusal": 1,
    "records": 2,
    **dict.fromkeys(RULES, 3),
    "store": 4,
    "wire": 4,
    "work": 5,
    "web": 6,
    "cli": 7,
    "__main__": 8,
}
STRANGERS = [*RULES, "store", "wire"]
"""Rooms that share a floor with others and must not import them."""
IMPURE = {
    "socket", "sqlite3", "subprocess", "random", "secrets", "os", "requests", "urllib.request",
    "smtplib", "imaplib", "sqlalchemy", "time", "tempfile", "shutil", "logging", "multiprocessing", "asyncio",
}  # fmt: skip
IMPURE_CALLS = {"open", "input", "print", "utc_now"}
IMPURE_METHODS = {"now", "utcnow", "today", "read_text", "write_text", "read_bytes", "write_bytes", "getenv"}
LAZY_MARK = "lazy"


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def test_every_room_has_a_floor() -> None:
    assert {room_of(path) for path in modules()} <= set(FLOORS)


@each(modules())
def test_imports_go_down_only(path: Path) -> None:
    room = room_of(path)
    for target, line in read(path).imports:
        parts = target.split(".")
        if parts[0] != "outreach" or len(parts) < 2:
            continue
        other = parts[1] if parts[1] in FLOORS else "__init__"
        if other == room:
            continue
        assert FLOORS[other] <= FLOORS[room], f"{path}:{line}: {room} must not import {other}, which is above it"
        if room in STRANGERS:
            assert FLOORS[other] < FLOORS[room], (
                f"{path}:{line}: {room} and {other} are strangers; work introduces them"
            )


@each([path for path in modules() if room_of(path) in RULES])
def test_rule_rooms_touch_no_clock_socket_file_or_chance(path: Path) -> None:
    for target, line in read(path).imports:
        assert target not in IMPURE and target.split(".")[0] not in IMPURE, f"{path}:{line}: a rule imports {target}"
    for method, name, line in read(path).calls:
        assert method not in IMPURE_METHODS, f"{path}:{line}: a rule calls {method}()"
        assert name not in IMPURE_CALLS, f"{path}:{line}: a rule calls {name}()"


@each(modules())
def test_an_import_inside_a_function_is_a_lazy_one_that_says_so(path: Path) -> None:
    lines = read(path).text.splitlines()
    for function in read(path).functions:
        if function.imports and room_of(path) != "cli":
            first, last = function.imports[0][0], function.imports[-1][1]
            around = "\n".join(lines[first - 2 : last])
            assert LAZY_MARK in around, f"{path}:{first}: an import inside a function that gives no reason"


def test_rooms_form_no_circle() -> None:
    edges: dict[str, set[str]] = {}
    for path in modules():
        found = read(path)
        name = ".".join(["outreach", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")
        edges[name] = {target for target, line in found.imports if line in found.heads and target != name}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, f"a circle of imports: {' -> '.join([*above, name])}"
        if name in done or name not in edges:
            return
        for target in edges[name]:
            visit(target, (*above, name))
        done.add(name)

    for name in edges:
        visit(name, ())
