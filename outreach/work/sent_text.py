"""The text of the very mail that a reply answers, rendered again: what we sent is subtracted from what came back.

Law: a mail that cannot be rendered any more costs the subtraction, never the reply.
"""

from __future__ import annotations

from sqlmodel import Session

from ..errors import OutreachError
from ..store.customers import load_customers
from ..store.replies import made_of
from .letter import open_press
from .press import LetterPress
from .workspace import Workspace

MOST_PRESSES = 20
UNPRINTABLE = (OutreachError, LookupError, TypeError, ValueError, AttributeError)
"""An edition from before some change of ours may lack anything."""


class SentTexts:
    """Renders mails again, and keeps the presses of the last editions at hand."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._presses: dict[int, LetterPress | None] = {}

    def of(self, session: Session, delivery_id: int | None) -> str | None:
        """The text part of a delivery's mail with its subject, or None where it cannot be had."""
        delivery = made_of(session, delivery_id) if delivery_id is not None else None
        if delivery is None or delivery.customer_id is None:
            return None
        customer = load_customers(session, [delivery.customer_id]).get(delivery.customer_id)
        press = self._press(session, delivery.edition_id)
        if press is None or customer is None or not customer.address:
            return None
        try:
            rendered = press.render(customer, delivery.public_id, delivery.choices)
        except UNPRINTABLE:
            return None
        return f"{rendered.subject}\n{rendered.preheader}\n{rendered.text}"

    def _press(self, session: Session, edition_id: int) -> LetterPress | None:
        if edition_id not in self._presses:
            if len(self._presses) >= MOST_PRESSES:
                self._presses.pop(next(iter(self._presses)))
            try:
                self._presses[edition_id] = open_press(session, self.workspace, edition_id)
            except UNPRINTABLE:
                self._presses[edition_id] = None
        return self._presses[edition_id]
