"""Mails printed from a plate read as if each had been rendered, inlined and encoded by itself."""

from __future__ import annotations

import base64
import quopri
import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.errors import TemplateError
from outreach.newsletter.compile import compile_newsletter
from outreach.newsletter.encoding import Encoded
from outreach.newsletter.plates import MOST_KINDS, Plates, person_values
from outreach.newsletter.render import FIELDS, Links, Renderer
from outreach.newsletter.tips import ChosenTip

from ..examples import examples
from .samples import people, pool, source
from .test_inline import tree

LINKS = Links("https://news.example/u/1", "https://news.example/v/1")
EVIL = [
    "Ann", "Zoë", "O'Neil & <Sons>", "李小龙", "x" * 90, "y" * 2000, "Mary Ann von der Au", "https://x.example/?a=1&b=2",
    "🙂 ok", "=_abc_a", "=", "==20", "a=3Db", ".", ".hidden", "..", "--", "--=_abc_a--", "From here", " edge ",
    "two  blanks", "tab\there", "line\nbreak", "cr\rhere", "crlf\r\nhere", "dot\r\n.\r\ndot", "\0nul", "no\xa0break",
    "soft\xadhyphen", "\u200bzero", "é" * 60, "Ω" * 40, "100%", "%s", "{{ 1 }}", "zq0z", "7", "", "  ", "#",
    "javascript:x", "a.b.c.d. ." * 20, "Zoë Œuvre " * 12,
]  # fmt: skip
"""What people and shops may hold in a column, and what would break a mail where it were not encoded."""
BODIES = [
    "Dear {{ first_name or 'you' }},\n\n{{ note }} and {{ note }}. {{ company }}\n",
    "[{{ note or 'x' }}](https://a.example/{{ note|urlencode }}) [go]({{ url or 'https://a.example' }})\n",
    "{% if plan == 'pro' %}\n# {{ first_name or 1 }}\n{% elif plan %}\n{{ plan }}\n{% endif %}\n\n- {{ note or 1 }}",
    "{{ first_name|default('you') }} {{ note|upper if note else 'none' }}\n\n> {{ note or 'q' }} {{ first_name }}",
    "{% set who = first_name or 'you' %}{{ who }} {{ who }}{% for each in owned or [] %}\n\n1. {{ each }} {{ note }}"
    "{% endfor %}\n",
    "{{ customer.note or 'no' }} {{ customer['first_name'] or customer.plan }}{% if note is defined %}!{% endif %}\n",
    "{{ customer.subject or 'none' }} [{{ url or 'here' }}](https://{{ url or 'b.example' }}) {{ points }}\n",
    "A line long enough to be wrapped before the value {{ note or 'comes' }}, and goes on behind it, {{ note }}.\n",
]


def decoded(part: Encoded) -> str:
    """What a mail program reads, having looked at the form that goes over the wire."""
    encoding, octets = part
    assert octets.endswith(b"\r\n") and octets.isascii() and b"\0" not in octets
    assert octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")
    assert max(map(len, octets.split(b"\r\n"))) <= 76
    if encoding == "base64":
        return base64.b64decode(octets).decode().replace("\r\n", "\n")
    assert b"=_" not in octets and b"\r\n." not in octets and not octets.startswith(b".")
    assert b" \r\n" not in octets and b"\t\r\n" not in octets
    return quopri.decodestring(octets).decode().replace("\r\n", "\n")


def ended(text: str) -> str:
    """`text` as a mail keeps it."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return plain if plain.endswith("\n") else f"{plain}\n"


def person(values: dict[str, Any]) -> Any:
    """A row as the store gives it."""
    rest = {name: value for name, value in values.items() if name not in FIELDS}
    return SimpleNamespace(**{name: values.get(name) for name in FIELDS}, attributes=rest)


def same(plates: Plates, one: Any, tips: list[ChosenTip], links: Links) -> None:
    """Print and compare, or see that both say the same is wrong."""
    try:
        whole = plates.renderer.render_whole(person_values(one), tips, links)
    except TemplateError as wrong:
        with pytest.raises(TemplateError) as told:
            plates.print(one, tips, links)
        assert str(told.value) == str(wrong)
        return
    printed = plates.print(one, tips, links)
    assert (printed.subject, printed.images) == (whole.subject, whole.images)
    if plates.renderer.frozen["method"] == "shape":  # premailer spells quotes in its own way
        assert tree(decoded(printed.html)) == tree(whole.html)
    else:
        assert decoded(printed.html) == ended(whole.html)
    assert decoded(printed.text) == ended(whole.text)


def test_varied_people_get_the_same_mail_from_plates_as_by_itself() -> None:
    plates = Plates(Renderer(compile_newsletter(source(), pool()), issue_number=3))
    for values, tips, links in people(7, 150):
        same(plates, person(values), tips, links)


VALUES = st.dictionaries(
    st.sampled_from(["first_name", "last_name", "note", "plan", "url", "points", "language", "subject", "country"]),
    st.one_of(st.sampled_from(EVIL), st.text(max_size=40), st.sampled_from([0, 1, 7.5, True, False, ["a"], {"b": 1}])),
)


@settings(deadline=None, max_examples=examples(25))
@given(
    st.sampled_from(BODIES), st.lists(VALUES, min_size=2, max_size=6), st.sampled_from(["x", "Hi {{ note or 'x' }}"])
)
def test_any_values_whatsoever_read_as_rendered_by_itself(body: str, rows: list[dict[str, Any]], subject: str) -> None:
    plates = Plates(Renderer(compile_newsletter(source(body=body, subject=subject), pool())))
    for row in rows:
        row = {
            name: value if name not in FIELDS or isinstance(value, str) else str(value) for name, value in row.items()
        }
        same(plates, person(row), [ChosenTip("filter", str(row.get("note") or ""))], LINKS)
        same(plates, person(row), [], Links("mailto:care+u1@acme.example?subject=unsubscribe", ""))


def test_every_evil_value_after_every_other_through_one_set_of_plates() -> None:
    chance = random.Random(1)
    for body in BODIES:
        plates = Plates(Renderer(compile_newsletter(source(body=body), pool())))
        for value in EVIL:
            row = {"first_name": value, "note": chance.choice(EVIL), "plan": chance.choice(["pro", value]), "points": 3}
            same(plates, person({**row, "owned": ["one", value], "url": value}), [ChosenTip("charge", value)], LINKS)


def test_people_of_one_kind_share_a_plate_and_the_templates_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer(compile_newsletter(source(body="{{ first_name or 'you' }} {{ note }}\n"), []))
    plates = Plates(renderer)
    runs: list[int] = []
    run = renderer.run
    monkeypatch.setattr(renderer, "run", lambda *given: runs.append(1) or run(*given))
    for number in range(100):
        one = person({"first_name": f"Name{number}", "note": f"Note {number}", "country": "DE", "plan": "x"})
        printed = plates.print(one, [], Links(f"https://news.example/u/{number}", "https://news.example/v/1"))
        assert f"Name{number} Note {number}" in decoded(printed.text) and f"u/{number}" in decoded(printed.html)
    assert len(runs) == 1


def test_where_everybody_is_of_another_kind_no_plates_are_kept_for_nothing() -> None:
    plates = Plates(Renderer(compile_newsletter(source(body="{{ note|upper }}\n"), [])))
    for number in range(MOST_KINDS + 20):
        one = person({"note": f"n{number}x", "plan": "x", "country": "DE"})
        assert f"N{number}X" in decoded(plates.print(one, [], LINKS).text)
    assert len(plates._plates) <= 1 and not plates._may_keep


@pytest.mark.parametrize("body", ["{{ [1, 2, 3, 4, 5, 6, 7, 8]|random }}{{ lipsum(1) }}\n", "{{ customer|length }}\n"])
def test_what_cannot_be_told_beforehand_is_rendered_for_each(body: str) -> None:
    plates = Plates(Renderer(compile_newsletter(source(body=body), [])))
    got = {
        plates.print(person({"note": "n", "plan": "x", **dict.fromkeys("abcdefgh"[:count], 1)}), [], LINKS).html
        for count in range(8)
    }
    assert len(got) > 1


def test_a_mostly_english_page_stays_readable_and_a_foreign_one_is_base64() -> None:
    plates = Plates(
        Renderer(compile_newsletter(source(body="Dear {{ first_name }}, {{ note }}\n" + "words " * 80), []))
    )
    base = {"plan": "x", "country": "DE"}
    assert plates.print(person({**base, "first_name": "Ann", "note": "x"}), [], LINKS).text[0] == "quoted-printable"
    assert plates.print(person({**base, "first_name": "李小龙", "note": "x"}), [], LINKS).text[0] == "quoted-printable"
    foreign = plates.print(person({**base, "first_name": "李", "note": "有朋自远方来" * 60}), [], LINKS).text
    assert foreign[0] == "base64" and "有朋自远方来" in decoded(foreign).replace("\n", "")
