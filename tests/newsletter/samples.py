"""A layout with everything that inlining could get wrong, and customers of every shape."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from outreach.newsletter.compile import NewsletterSource, TipSource
from outreach.newsletter.layouts import LayoutSource
from outreach.newsletter.render import Links
from outreach.newsletter.tips import ChosenTip

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

LAYOUT = """<!DOCTYPE html>
<html lang="{{ language }}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ subject }}{% if issue_number > 1 %} · {{ issue_number }}{% endif %}</title>
<style>
  @font-face { font-family: Brand; src: url(https://fonts.example/brand.woff2) }
  body { margin: 0; background: #f4f4f0; font-family: Arial, sans-serif }
  .card { background-color: #fff; padding: 24px; width: 600px }
  .card p { margin: 0 0 16px; color: #222; line-height: 1.5 }
  .card a { color: #06c }
  a:hover { color: #000 }
  h1 { font-size: 24px !important; margin: 0 }
  h2, h3 { color: #123456 }
  .tip { border-left: 4px solid #06c; padding-left: 12px }
  .tip p { color: #333 }
  .tip h2 { font-size: 18px }
  .tip .why { font-style: italic }
  .foot td { font-size: 12px; color: #777; text-align: center }
  .foot a { color: #777 }
  #top { height: 8px; background-color: #06c }
  @media (max-width: 480px) { .card { width: 100%; padding: 12px } h1 { font-size: 20px } }
  @media (prefers-color-scheme: dark) { .card { background: #111; color: #eee !important } }
</style>
<style data-premailer="ignore">.never { display: none !important }</style>
</head>
<body>
<!--[if mso]><p>{{ company }} in Outlook</p><![endif]-->
<div style="display:none;max-height:0;overflow:hidden">{{ preheader }}</div>
<table role="presentation" width="100%"><tr><td align="center">
<table role="presentation" class="card"><tr><td id="top"></td></tr>
<tr><td>
{% if view_url %}<p><a href="{{ view_url }}">View in browser</a></p>{% endif %}
{{ content }}
</td></tr>
{% for tip in tips %}
<tr><td class="tip">
<h2>{{ loop.index }}. {{ tip.title }}</h2>
{% if tip.reason %}<p class="why">{{ tip.reason }}</p>{% endif %}
{{ tip.body }}
</td></tr>
{% else %}
<tr><td><p>No tips this time, {{ first_name or "friend" }}.</p></td></tr>
{% endfor %}
</table>
<table role="presentation" class="foot"><tr><td>
{{ company }}, {{ postal_address }}<br>
<a href="{{ unsubscribe_url }}">Unsubscribe</a>{% if view_url %} · <a href="{{ view_url }}">View</a>{% endif %}
</td></tr></table>
</td></tr></table>
</body>
</html>
"""

BODY = """# Hello {{ first_name or "there" }}

You have used our pumps{% if since %} since {{ since }}{% endif %}, and we are glad. Here is a sentence that is long
enough to be wrapped somewhere in the plain text, {{ first_name or "dear friend" }}, wherever your name may end.

{% if plan == "pro" %}
As a **pro** you have [your own page](https://acme.example/pro?who={{ last_name|urlencode }}).
{% elif plan %}
Your plan is *{{ plan }}*.
{% endif %}

- First, {{ first_name or "you" }}
- Second {% if country == "DE" %}in Germany{% endif %}

{% for item in owned or [] %}
### {{ item }}
{% endfor %}

> A word from {{ company }}

| What | Where |
|---|---|
| Pump | Cellar |
"""

TIPS = {
    "charge": (("charging",), {"en": ("Charge overnight", "Charge **at night**, {{ first_name or 'you' }}.\n")}),
    "filter": (
        ("filters", "noise"),
        {
            "en": ("Clean the filter", "Do it [monthly](https://acme.example/filter).\n\n1. Open\n2. Rinse\n"),
            "de": ("Filter reinigen für {{ first_name or 'Sie' }}", "Monatlich spülen. Größer ist **besser**.\n"),
        },
    ),
    "noise": (("noise",), {"en": ("A quiet pump", "Put it on rubber feet.\n\n## Why\n\nIt hums.\n")}),
    "warm": (("heat",), {"en": ("Keep warm", "{% if country == 'AT' %}\nServus!\n{% endif %}\nStay *warm*.\n")}),
}


def source(body: str = BODY, layout: str = LAYOUT, subject: str = "", **more: Any) -> NewsletterSource:
    """A campaign; `layout` is the layout's text, or a name where `layouts` are given."""
    values: dict[str, Any] = {
        "campaign": "tips",
        "subject": subject or 'Tips for {{ first_name or "you" }} & yours',
        "preheader": "Three things{% if plan %} for {{ plan }}{% endif %}",
        "body": body,
        "file": "tips.md",
        "body_line": 6,
        "layout": layout if "layouts" in more else "tips.html.j2",
        "layouts": {"tips.html.j2": LayoutSource(layout, "layouts/tips.html.j2")},
        "company": "Acme & Söhne <GmbH>",
        "postal_address": "Main Street 1, 12345 Town",
        "language": "en",
        "lines": {"subject": 2, "preheader": 3},
    }
    return NewsletterSource(**{**values, **more})


def pool() -> list[TipSource]:
    return [
        TipSource(
            name=name,
            topics=topics,
            segment="",
            position=at,
            valid_from=None,
            valid_until=None,
            texts={language: (title, body, 5) for language, (title, body) in texts.items()},
            file=f"tips/{name}.md",
        )
        for at, (name, (topics, texts)) in enumerate(TIPS.items())
    ]


FIRST = [
    "Ann",
    "Zoë",
    "<b>Bob</b>",
    'O\'Neil & "Sons"',
    "李小龙",
    "Jean  Luc",
    "🙂",
    "a" * 90,
    "Mary Ann von der Au",
    "",
]


def people(seed: int, count: int) -> list[tuple[dict[str, Any], list[ChosenTip], Links]]:
    """Varied customers, each with tips and links."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        values: dict[str, Any] = {"country": chance.choice(["DE", "AT", "US"]), "plan": chance.choice(["pro", "a<b"])}
        if name := chance.choice(FIRST):
            values["first_name"] = name
        values["last_name"] = chance.choice(["Lee", "Müller"])
        if chance.random() < 0.5:
            values["since"] = "2020-01-01"
        if chance.random() < 0.5:
            values["language"] = chance.choice(["de", "en", "fr", "de-AT"])
        if chance.random() < 0.4:
            values["owned"] = chance.sample(["Pump 1", "Valve", "Hose & more"], chance.randint(1, 3))
        reasons = ["", "You wrote to us about noise", 'You asked: is it "safe"? <yes> & always, in every case there is']
        tips = [ChosenTip(name, chance.choice(reasons)) for name in chance.sample(list(TIPS), chance.randint(0, 4))]
        view = f"https://news.example/v/{number}" if chance.random() < 0.5 else ""
        found.append((values, tips, Links(f"mailto:care+u1abc{number}@acme.example?subject=unsubscribe&x=1", view)))
    return found
