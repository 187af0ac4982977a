"""A page that shows the mail one is writing, and reloads while one writes.

Law: it listens on this machine only and changes nothing; the mail stands in a sandboxed frame without scripts.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ..newsletter.message import Image

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }}
body {{ margin: 0; background: Canvas; color: CanvasText }}
header {{ padding: 12px 20px; border-bottom: 1px solid #8886; display: flex; gap: 8px 24px; flex-wrap: wrap }}
header b {{ font-weight: 600 }}
header a {{ color: LinkText }}
main {{ display: flex; gap: 24px; padding: 20px; align-items: flex-start; flex-wrap: wrap }}
figure {{ margin: 0 }}
figcaption {{ margin: 0 0 6px; font-size: 13px; opacity: .75 }}
iframe {{ border: 1px solid #8886; border-radius: 8px; background: #fff; height: 80vh }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font: 14px/1.5 ui-monospace, monospace }}
.wrong {{ padding: 20px; white-space: pre-wrap; font: 14px/1.5 ui-monospace, monospace; color: #b3261e }}
</style></head><body>
{body}
<script>
const seen = {version};
setInterval(async () => {{
  try {{
    const answer = await fetch("/version");
    if ((await answer.json()).version !== seen) location.reload();
  }} catch (wrong) {{}}
}}, 600);
</script>
</body></html>"""

_MAIL = """<header><b>{subject}</b><span>{preheader}</span><span>{customer}</span>
<a href="/mail.txt">Text</a><a href="/mail.eml">Raw</a></header>
<main>
<figure><figcaption>Desktop</figcaption>
<iframe sandbox src="/mail.html" width="700" title="700 pixels"></iframe></figure>
<figure><figcaption>Phone</figcaption>
<iframe sandbox src="/mail.html" width="375" title="375 pixels"></iframe></figure>
</main>"""


@dataclass(frozen=True)
class PreviewMail:
    """What the page shows; `wrong` is what is wrong instead."""

    subject: str = ""
    preheader: str = ""
    customer: str = ""
    html: str = ""
    text: str = ""
    raw: bytes = b""
    wrong: str = ""


def preview_app(render: Callable[[], PreviewMail], version: Callable[[], str]) -> Starlette:
    """The preview's pages. `version` changes when what is shown may have; then `render` is asked again."""
    held: dict[str, PreviewMail] = {}
    one_at_a_time = threading.Lock()

    def mail() -> PreviewMail:
        with one_at_a_time:
            now = version()
            if now not in held:
                held.clear()
                held[now] = render()
            return held[now]

    def page(_request: Request) -> Response:
        shown = mail()
        if shown.wrong:
            body = f'<main><div class="wrong" role="alert">{escape(shown.wrong)}</div></main>'
        else:
            body = _MAIL.format(
                subject=escape(shown.subject),
                preheader=escape(shown.preheader),
                customer=escape(shown.customer or "nobody in particular"),
            )
        title = escape(shown.subject or "Preview")
        return HTMLResponse(_PAGE.format(title=title, body=body, version=_quoted(version())))

    def html(_request: Request) -> Response:
        policy = "default-src 'none'; img-src data: https:; style-src 'unsafe-inline'; font-src https:"
        return HTMLResponse(mail().html, headers={"Content-Security-Policy": policy})

    def text(_request: Request) -> Response:
        return PlainTextResponse(mail().text)

    def raw(_request: Request) -> Response:
        return Response(mail().raw, media_type="text/plain; charset=utf-8")

    def told(_request: Request) -> Response:
        return JSONResponse({"version": version()})

    return Starlette(
        routes=[
            Route("/", page),
            Route("/mail.html", html),
            Route("/mail.txt", text),
            Route("/mail.eml", raw),
            Route("/version", told),
        ]
    )


def with_images(html: str, images: Mapping[str, Image]) -> str:
    """`html` whose embedded images are in the page itself, as a browser needs them."""
    for cid, image in images.items():
        if f"cid:{cid}" in html:
            data = base64.b64encode(image.data).decode()
            html = html.replace(f"cid:{cid}", f"data:{image.media_type};base64,{data}")
    return html


def _quoted(text: str) -> str:
    return '"' + "".join(sign for sign in text if sign.isalnum() or sign in ".-_") + '"'
