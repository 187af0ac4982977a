"""Links that are counted on their way, and the picture by which an opened mail is known.

Law: a click leads to a stored row and nowhere else, so that nobody can lend our name to another place; HEAD counts
nothing; no cookie is set, and the place that is reached is not told from where.
"""

from __future__ import annotations

import base64
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..delivery.touch import Fetch
from ..work.touches import follow
from ..work.workspace import Workspace
from .pages import WORDS, choose_language, page

PICTURE = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One clear pixel."""
MOST = 100_000


def clicked(request: Request) -> Response:
    """On to where the link leads; 404 for what is no link of ours."""
    text = request.path_params["number"]
    number = int(text) if text.isascii() and text.isdigit() and 0 < int(text[:6]) < MOST and len(text) <= 5 else 0
    url = follow(_workspace(request), request.path_params["token"], number, _fetch(request)) if number else None
    if not url:
        return _unknown(request)
    return Response(status_code=302, headers={"location": quote(url, safe=":/%#?=@[]!$&'()*+,;~")})


def opened(request: Request) -> Response:
    """The picture, whoever asks; it is noted where the mail is one of ours."""
    follow(_workspace(request), request.path_params["token"], 0, _fetch(request))
    return Response(PICTURE, media_type="image/gif")


def _fetch(request: Request) -> Fetch:
    said = request.headers
    purpose = " ".join(said.get(name, "") for name in ("sec-purpose", "purpose", "x-moz", "x-purpose"))
    return Fetch(request.method, said.get("user-agent", "")[:400], _workspace(request).clock(), None, purpose=purpose)


def _unknown(request: Request) -> Response:
    identity = _workspace(request).settings.identity
    language = choose_language(request.headers.get("accept-language"), identity.language)
    words = WORDS[language]
    return HTMLResponse(page(language, identity.company, words["unknown"], [words["unknown_line"]]), 404)


def _workspace(request: Request) -> Workspace:
    found: Workspace = request.app.state.workspace
    return found
