"""The words of single mails about a session: moved, off, a place is free, the waiting list."""

from __future__ import annotations

from ..prose.days import spoken

WORDS: dict[str, dict[str, tuple[str, str]]] = {
    "en": {
        "moved": (
            "Changed: {title}",
            "Hello,\n\nplease note what has changed: {title} is now\n\n{day} at {time} ({zone})\n{place}\n\nThis mail "
            "brings your calendar up to date. If that does not suit you, decline there or just answer this mail.\n\n"
            "{company}\n",
        ),
        "off": (
            "Called off: {title}",
            "Hello,\n\nwe are sorry: {title} on {day} at {time} ({zone}) does not take place. This mail takes it out "
            "of your calendar.\n\n{company}\n",
        ),
        "place": (
            "You have a place: {title}",
            "Hello,\n\nyou have a place in {title}:\n\n{day} at {time} ({zone})\n{place}\n\nIf you cannot come, "
            "decline in your calendar or answer this mail, so that somebody else can.\n\n{company}\n",
        ),
        "waiting": (
            "You are on the waiting list: {title}",
            "Hello,\n\nall places in {title} on {day} at {time} ({zone}) are taken. You are on the waiting list, and "
            "we write to you as soon as one is free. You need do nothing.\n\n{company}\n",
        ),
    },
    "de": {
        "moved": (
            "Geändert: {title}",
            "Guten Tag,\n\nbitte beachten Sie, was sich geändert hat: {title} ist jetzt\n\n{day} um {time} ({zone})\n"
            "{place}\n\nDiese Mail bringt Ihren Kalender auf den neuen Stand. Passt es Ihnen nicht, sagen Sie dort ab "
            "oder antworten Sie auf diese Mail.\n\n{company}\n",
        ),
        "off": (
            "Abgesagt: {title}",
            "Guten Tag,\n\nes tut uns leid: {title} am {day} um {time} ({zone}) findet nicht statt. Diese Mail nimmt "
            "den Termin aus Ihrem Kalender.\n\n{company}\n",
        ),
        "place": (
            "Sie haben einen Platz: {title}",
            "Guten Tag,\n\nSie haben einen Platz in {title}:\n\n{day} um {time} ({zone})\n{place}\n\nKönnen Sie nicht "
            "kommen, sagen Sie bitte im Kalender ab oder antworten Sie auf diese Mail, damit ein anderer kann."
            "\n\n{company}\n",
        ),
        "waiting": (
            "Sie stehen auf der Warteliste: {title}",
            "Guten Tag,\n\nalle Plätze in {title} am {day} um {time} ({zone}) sind vergeben. Sie stehen auf der "
            "Warteliste; sobald ein Platz frei wird, schreiben wir Ihnen. Sie brauchen nichts zu tun.\n\n{company}\n",
        ),
    },
}


def words_for(language: str, what: str) -> tuple[str, str]:
    """Subject and text of such a mail, in English where the language is not spoken here."""
    return WORDS[spoken(language)][what]
