"""`outreach why`: the door to it stands beside `outreach plan`, in `cli.plan`."""

from __future__ import annotations

from .plan import why_app

__all__ = ["why_app"]
