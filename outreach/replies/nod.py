"""An answer that says no more than that the mail was read: "ok", "alles klar", a thumb.

Law: every word of it must be one of these; a text with one word more is for a person to read.
"""

from __future__ import annotations

import re

from .tokens import plain

MOST_WORDS = 6
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_NODS = frozenset(
    "ok okay k okey oki yes yep yeah ja jo jawohl oui si sí well fine good great perfect noted understood received got"
    " it will do alright all right sure cool super alles klar gut passt in ordnung einverstanden verstanden erhalten"
    " prima bestens d'accord c'est bien noté entendu compris reçu ça va parfait vale de acuerdo entendido recibido bien"
    " perfecto thanks thank you danke merci gracias schön noch mal nochmal".split()
)


def says_no_more_than_ok(text: str) -> bool:
    """Whether a text holds nothing but a short word of assent, or no word at all."""
    said = _WORD.findall(plain(text).lower())
    return len(said) <= MOST_WORDS and all(word in _NODS for word in said)
