"""Links that tell when they are followed: an edition's own addresses behind a number, each told once.

Law: only addresses that are the same for every reader become numbers; what a template makes for one person, or writes
inside a tag, stays as it is. Where a mail has no such link (a test, a preview, no public address) the page keeps the
addresses themselves; so does the text part always, whose readers see where a link leads before they follow it (RFC
2046 5.1.4: the same said).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from html import unescape
from typing import Any

from ..prose.html import LEADS_TO

OPEN = 0
"""The number of the picture by which an opened mail is known."""
_LINK = re.compile(r"""(<a\b[^<>{}]*?\shref=")(https?://[^"<>{}\s]+)(")""", re.IGNORECASE)
_TAG = re.compile(r"(?P<raw>\{%[-+]?\s*raw\s*[-+]?%\}.*?\{%[-+]?\s*endraw\s*[-+]?%\})|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
"""What a link is not looked for in; what a tag `raw` holds is text again."""
_END = re.compile(r"</body\s*>", re.IGNORECASE)
_PICTURE = '{% if click_url %}<img src="{{ click_url }}/0.gif" width="1" height="1" alt="" style="border:0">{% endif %}'
_LEADS = re.compile(rf' {LEADS_TO}="[^"]*"')


def without_leads(html: str) -> str:
    """A page as it leaves: where counted links lead in the end is said in the text part alone."""
    return _LEADS.sub("", html) if LEADS_TO in html else html


def track(frozen: Mapping[str, Any], *, clicks: bool, opens: bool) -> tuple[dict[str, Any], list[str]]:
    """The frozen value with its links behind numbers from 1, and their addresses in that order.

    With `opens`, a picture stands at the page's end. The value says by "tracked" that its mails need such a link.
    """
    urls: dict[str, int] = {}

    def number(found: re.Match[str], *, raw: bool = False) -> str:
        before, url, after = found.groups()
        at = urls.setdefault(unescape(url), len(urls) + 1)
        told = f'{at}" {LEADS_TO}="{url}'
        numbered = f"{{% if click_url %}}{{{{ click_url }}}}/{told}{{% else %}}{url}{{% endif %}}"
        return f"{before}{{% endraw %}}{numbered}{{% raw %}}{after}" if raw else f"{before}{numbered}{after}"

    def linked(part: Mapping[str, Any]) -> dict[str, Any]:
        if not clicks:
            return dict(part)
        kept, source, at = [], part["source"], 0
        for tag in _TAG.finditer(source):
            kept.append(_LINK.sub(number, source[at : tag.start()]))
            kept.append(_LINK.sub(partial(number, raw=True), tag[0]) if tag["raw"] else tag[0])
            at = tag.end()
        return {**part, "source": "".join([*kept, _LINK.sub(number, source[at:])])}

    def tracked(value: Mapping[str, Any]) -> dict[str, Any]:
        layout = linked(value["layout"])
        if opens:
            page = layout["source"]
            end = next(iter(reversed(list(_END.finditer(page)))), None)
            at = end.start() if end is not None else len(page)
            layout["source"] = page[:at] + _PICTURE + page[at:]
        tips = {
            name: {
                **tip,
                "texts": {
                    language: {**text, "bodies": [linked(body) for body in text["bodies"]]}
                    for language, text in tip["texts"].items()
                },
            }
            for name, tip in value["tips"].items()
        }
        contents = [linked(part) for part in value["contents"]]
        return {**value, "layout": layout, "contents": contents, "tips": tips, "tracked": True}

    whole = tracked(frozen)
    if frozen.get("versions"):
        whole["versions"] = {name: tracked(one) for name, one in frozen["versions"].items()}
    return whole, list(urls)
