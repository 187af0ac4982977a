"""Templates that would take all time or memory end in a clear error, never in a hang."""

from __future__ import annotations

import time

import pytest

from outreach.errors import TemplateError
from outreach.newsletter.compile import compile_newsletter
from outreach.newsletter.render import Links, Renderer
from outreach.work import trial as trials
from outreach.work.trial import Trial, TrialPerson

from .samples import source

PERSON = TrialPerson(
    {"first_name": "Ann", "plan": "pro", "last_name": "Lee", "country": "DE"}, (), Links("mailto:a@example.com")
)
TWICE = "{{% for i in range(99999) %}}{{% for j in range(99999) %}}{}{{% endfor %}}{{% endfor %}}"


@pytest.fixture(autouse=True)
def _a_short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "CPU_SECONDS_PER_MAIL", 0.3)


@pytest.mark.parametrize(
    "body",
    [
        "{% for i in range(10**9) %}x{% endfor %}",
        TWICE.format("{% if i > j + 999999 %}x{% endif %}"),
        "{{ 'a' * 10**11 }}",
        "{{ 10**(10**10) }}",
        "{{ 'x'|center(10**11) }}",
        TWICE.format("{{ 'x' * 3000 }}"),
    ],
)
def test_a_template_bomb_is_told_with_its_file_and_line(body: str) -> None:
    frozen = compile_newsletter(source(body=f"Hello\n\n{body}\n"), [])
    started = time.monotonic()
    with Trial(frozen) as trial, pytest.raises(TemplateError) as told:
        trial.render(PERSON)
    assert time.monotonic() - started < 60
    assert "tips.md:8" in str(told.value) or "stopped" in str(told.value), str(told.value)


def test_escapes_from_the_sandbox_are_refused() -> None:
    for body in (
        "{{ ''.__class__.__mro__ }}",
        "{{ first_name.__class__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ tips.append(1) }}",
        "{{ ('%s'|format(1)).__class__ }}",
    ):
        frozen = compile_newsletter(source(body=body + "\n"), [])
        with Trial(frozen) as trial, pytest.raises(TemplateError):
            trial.render(PERSON)


def test_the_child_renders_what_the_parent_would() -> None:
    frozen = compile_newsletter(source(), [])
    with Trial(frozen, issue_number=2) as trial:
        assert trial.failing([PERSON, PERSON]) == [None, None]
        got = trial.render(PERSON)
    assert got == Renderer(frozen, issue_number=2).render(PERSON.values, (), PERSON.links)


def test_a_child_that_says_nothing_any_more_is_killed() -> None:
    """A division of huge numbers runs inside C for minutes, where no alarm reaches it."""
    body = "{% set big = ('9' * 4000)|int %}{% for i in range(12) %}{% set big = big * big %}{% endfor %}"
    square = (
        "{% set ns = namespace(n=10**60) %}{% for i in range(40) %}{% set ns.n = ns.n * ns.n %}{% endfor %}{{ ns.n }}"
    )
    frozen = compile_newsletter(source(body=body + "\n" + square + "\n"), [])
    started = time.monotonic()
    with Trial(frozen, grace=1.5) as trial, pytest.raises(TemplateError):
        trial.render(PERSON)
    assert time.monotonic() - started < 15
