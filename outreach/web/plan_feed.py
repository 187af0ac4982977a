"""The team's calendar of the plan, under a secret link.

Law: who does not know the secret learns nothing, not even that there is a feed. A look ahead costs seconds where there
are many customers, so one is kept for ten minutes, and only one is made at a time.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..work.agenda import read_agenda
from ..work.team_calendar import DAYS, PATH, calendar_of, is_feed_token
from ..work.workspace import Workspace

ROUTE = f"{PATH}/{{token}}.ics"
FRESH = timedelta(minutes=10)


class Feed:
    """The calendar as it was made last."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._made: tuple[datetime, bytes] | None = None

    def read(self) -> bytes:
        """The calendar, at most ten minutes old."""
        with self._lock:
            now = self._workspace.clock()
            if self._made is None or not timedelta() <= now - self._made[0] < FRESH:
                self._made = now, calendar_of(self._workspace, read_agenda(self._workspace, days=DAYS))
            return self._made[1]


def plan_feed(request: Request) -> Response:
    """The feed, for whoever has the link."""
    if not is_feed_token(request.app.state.workspace, request.path_params["token"]):
        raise HTTPException(404)
    feed: Feed = request.app.state.feed
    return Response(feed.read(), media_type="text/calendar; charset=utf-8")
