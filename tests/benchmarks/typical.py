"""The typical issue on which all send benchmarks agree: its campaign file, its layout and its readers.

About 10 KB of HTML after inlining, 40 substitutions of which 20 are links, a text part, 15 to 19 KB on the wire
(tests/benchmarks/test_typical.py holds it to that). A fact and a name may be absent, so that pages have a few shapes.
The text and the layout use no more of Jinja than other template languages can say, so that peers send the very same.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from outreach.work.compose import apply_campaign
from outreach.work.workspace import Workspace

NAME = "typical"
FIELDS = ("first_name", "last_name", "language", "country", "zone")
ATTRIBUTES = ("plan", "machine", "city", "shop", "advisor", "points", "since", "renews", "code", "pro")
COUNTRIES = (("DE", "en", "Europe/Berlin"), ("US", "en", "America/New_York"), ("GB", "en", "Europe/London"))
TOWNS = ("Berlin", "Köln", "Leeds", "Portland", "München", "Bristol", "Ghent")
MACHINES = ("Brew One", "Brew Two", "Brew One Compact")

LAYOUT = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ subject }}</title>
<style>
body { margin: 0; padding: 0; background-color: #f3efe8; }
a { font-weight: bold; color: #8a3a0e; text-decoration: underline; }
h1 { margin: 0 0 18px; font-family: Georgia, serif; font-size: 30px; color: #231d18; }
h2 { margin: 28px 0 8px; font-family: Georgia, 'Times New Roman', serif; font-size: 21px; color: #231d18; }
p { margin: 0 0 14px; font-family: 'Segoe UI', Roboto, Helvetica, Arial, sans-serif;
  font-size: 16px; line-height: 25px; mso-line-height-rule: exactly; color: #3a322b; }
.hidden { display: none; max-height: 0; overflow: hidden; }
.card { width: 100%; max-width: 600px; background-color: #ffffff; }
.inside { padding: 36px 40px 20px; font-family: Helvetica, Arial, sans-serif; }
.small { font-size: 13px; line-height: 20px; color: #665c52; }
</style>
<style data-premailer="ignore">
@media only screen and (max-width: 600px) { .inside { padding: 26px 22px 12px !important; } }
</style>
</head>
<body>
<div class="hidden">{{ preheader }}</div>
<table role="presentation" class="card" align="center" cellpadding="0" cellspacing="0" border="0">
<tr><td class="inside">
<p class="small"><a href="{{ view_url }}">Read this in your browser</a></p>
<h1>{{ subject }}</h1>
{{ content }}
</td></tr>
<tr><td class="inside">
<p class="small">You get this because you bought your {{ machine }} at {{ shop }}.</p>
<p class="small">{{ company }}, {{ postal_address }}</p>
<p class="small"><a href="{{ unsubscribe_url }}">Leave this list</a></p>
</td></tr>
</table>
</body>
</html>
"""

FRONT = f"""\
---
name: {NAME}
subject: Your machine now wakes up when you do
preheader: Warm when you need it, and it says what it wants.
template: {NAME}
list: customers
kind: news
topics: [app]
tips: 0
---
"""

_STORIES = (
    (
        "It warms up when you get up",
        "Set a time for each day, and the machine is warm when you come to the kitchen. If it sees that nobody makes "
        "coffee, it goes back to sleep after ten minutes.",
    ),
    (
        "It says what it wants",
        "A blinking light now comes with a sentence in the app: “The tank is not seated”, “The pump runs dry”. Below "
        "it stands what to do, with a picture.",
    ),
    (
        "The grinder keeps its setting",
        "After an update the grinder forgot how fine you like it. It remembers now, for up to four people in one "
        "house, and the app shows whose turn it is.",
    ),
    (
        "Near you: {{ shop }}",
        "The workshop in {{ city }} takes machines without an appointment from March on. A repair takes two days; "
        "you get another machine for as long.",
    ),
    (
        "Your {{ machine }} and hard water",
        "In {{ city }} the water is hard. Descale it after 180 cups and not after 240: the heater lasts longer, and "
        "the coffee stays as warm as it was.",
    ),
    (
        "A longer guarantee",
        "Who registered before the end of the year has three years. Yours began on {{ since }}, and nothing has to "
        "be filled in or kept but the receipt.",
    ),
    (
        "What {{ points }} points are worth",
        "You can take them for beans or for a spare part; they stay yours for good, whatever you buy from us, or do "
        "not buy, in the years to come.",
    ),
    (
        "A seminar with {{ advisor }}",
        "An hour on milk, foam and patience, in the evening, for eight people at most. Bring your own cup; there is "
        "cake, and a way to ask all that you never asked.",
    ),
    (
        "Beans for {{ plan }} readers",
        "We roast on Tuesdays, in small lots. What you order by Monday is with you on Thursday, in a bag that closes "
        "again and tells when it was roasted.",
    ),
)
_LINKS = ("Read how it works", "See what it costs")


def body() -> str:
    """The text, in Markdown: 18 links that carry the reader's own code, and the facts in words."""
    parts = [
        "Hello {% if first_name %}{{ first_name }}{% else %}there{% endif %},\n",
        "Thank you for being with us since {{ since }}. Your plan is "
        "{{ plan }} and it renews on {{ renews }}. {{ advisor }} looks after it and answers when you reply.\n",
        "{% if pro %}As a professional you get the spare parts for your {{ machine }} on the next day, and the "
        "technician comes to you.{% else %}Spare parts for your {{ machine }} are on their way within three "
        "days.{% endif %}\n",
    ]
    for number, (title, text) in enumerate(_STORIES):
        first, second = (
            f"[{words}](https://www.acme.example/news/{number + 1}/{place}?reader={{{{ code }}}})"
            for place, words in enumerate(_LINKS, 1)
        )
        parts.append(f"## {title}\n\n{text} {first} or {second}.\n")
    parts.append(
        "That is all for this month{% if last_name %}, {{ last_name }} family{% endif %}. Your plan {{ plan }} stays "
        "as it is until {{ renews }}. Did we get something wrong? Reply to this mail: {{ advisor }} reads it.\n"
    )
    return "\n".join(parts)


def reader(number: int) -> dict[str, Any]:
    """The fields, attributes and address of reader `number`: always the same person for the same number."""
    country, language, zone = COUNTRIES[number % 3]
    attributes = {
        "plan": ("pro", "free", "team")[number % 3],
        "machine": MACHINES[number % 3],
        "city": TOWNS[number % 7],
        "shop": f"Coffee & Co. {TOWNS[number % 7]}",
        "advisor": ("Nora", "Ole", "Zoë")[number % 3],
        "points": str(number * 7 % 5000),
        "since": f"{1 + number % 28} May 20{10 + number % 15}",
        "renews": f"{1 + number % 27} June 2027",
        "code": f"r{number * 2654435761 % 2**32:08x}",
    }
    if number % 3 == 0:
        attributes["pro"] = "yes"
    return {
        "address": f"reader{number}@example{number % 97}.com",
        "first_name": None if number % 17 == 0 else f"Name{number % 500}",
        "last_name": f"Of{number % 9000}",
        "country": country,
        "language": language,
        "zone": zone,
        "attributes": attributes,
    }


def readers(count: int, first: int = 0) -> Iterator[dict[str, Any]]:
    """That many readers, from number `first` on."""
    return map(reader, range(first, first + count))


def write_readers(path: Path, count: int) -> None:
    """The readers as a file that `customers import` takes."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["email", *FIELDS, *ATTRIBUTES])
        for one in readers(count):
            facts = [one["attributes"].get(name, "") for name in ATTRIBUTES]
            writer.writerow([one["address"], *(one[name] or "" for name in FIELDS), *facts])


def apply_typical(workspace: Workspace, layout: str = NAME) -> None:
    """Keep the typical issue as a campaign of this workspace, under the name NAME, in its own layout or a starter."""
    templates = workspace.root / "templates"
    (templates / "layouts" / f"{NAME}.html.j2").write_text(LAYOUT, encoding="utf-8")
    campaign = templates / "campaigns" / f"{NAME}.md"
    front = FRONT.replace(f"template: {NAME}", f"template: {layout}")
    campaign.write_text(front + body(), encoding="utf-8")
    apply_campaign(workspace, campaign)


def substitutions() -> tuple[int, int]:
    """How many values one mail of a reader prints, and how many of these stand in links."""
    text = re.sub(r"\{% else %\}.*?\{% endif %\}", "", LAYOUT.replace("{{ content }}", body()), flags=re.DOTALL)
    fixed = ("subject", "preheader", "company", "postal_address")
    printed = [name for name in re.findall(r"\{\{ (\w+) \}\}", text) if name not in fixed]
    return len(printed), len(re.findall(r"(?:href=\"|reader=)\{\{", text))
