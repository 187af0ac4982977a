"""The wish to leave as a bare command: asked before anything else, of machine mail too.

Law: a line that says nothing but "unsubscribe" is done at once, in every language that is listed here; a longer text
is judged by its cues. Mail programs send the command for their users (RFC 2369 3.2).
"""

from __future__ import annotations

import re

from .tokens import plain

REPLY_MARK = re.compile(
    r"^(?:\s*(?:re|aw|antw|fw|fwd|wg|tr|rv|sv|vs|odp|res|r|rif|svar|enc)(?:\[\d+\])?\s*:)+\s*", re.IGNORECASE
)
SHORT = 80
"""Characters that a command may have."""
_COMMANDS = frozenset(
    "unsubscribe unsubscribed unsubscribing stop remove cancel leave optout opt-out signoff abmelden abmeldung"
    " abbestellen"
    " abbestellung austragen stopp désabonner desabonner désabonnement desabonnement désinscrire desinscrire"
    " désinscription"
    " desinscription désabonnez désinscrivez baja cancelar afmelden afmelding uitschrijven avregistrera remover"
    " disiscrivimi disiscrizione cancellatemi cancellami отписаться отписка wypisz wypisać afmeld odhlásit".split()
)
_PHRASES = tuple(
    tuple(phrase.split())
    for phrase in (
        *(
            "opt out",
            "opt me out",
            "unsubscribe me",
            "melden sie ab",
            "me désabonner",
            "dar de baja",
            "darme de baja",
            "denme de baja",
        ),
        *("cancelar suscripción", "cancelar la suscripción", "cancelar a subscrição", "cancelar subscrição"),
        *("cancelar inscrição", "vorrei cancellarmi", "cancellarmi dalla newsletter", "cancellatemi dalla lista"),
        *("annullare iscrizione", "geen nieuwsbrief meer", "nieuwsbrief opzeggen", "avsluta prenumeration"),
        *("avsluta prenumerationen", "avregistrera mig", "afmeld nyhedsbrev", "afmeld mig", "wypisanie z newslettera"),
        *("wypisz mnie", "rezygnuję z newslettera", "zrušit odběr", "aboneliği iptal", "aboneliğimi iptal"),
        *("отписаться от рассылки", "отпишите меня", "toglietemi dalla lista", "non voglio più ricevere"),
        *("geen mails meer", "geen e-mails meer", "não quero receber", "não quero mais receber", "wypisanie mnie"),
    )
)
_BARE = tuple(
    tuple(phrase.split()) for phrase in ("remove me", "stop it", "stop this", "sign off", "take me off", "no more")
)
"""Commands that are none once they have another object: "no more foam", "stop it leaking"."""
_OBJECTS = frozenset(
    "of from off your these those all any list lists mailing newsletters email emails e-mail e-mails mail mails"
    " messages spam mailings it is right at once immediately my address".split()
)
_POLITE = frozenset(
    "please pls plz thanks thank you hi hello dear now bitte danke hallo merci svp gracias por favor mich me kindly"
    " graag prego grazie obrigado obrigada proszę proszę o tak tack per the this newsletter veuillez de"
    " quero".split()
)
_GREETINGS = frozenset(
    "hi hello hey hallo dear there team all everyone good morning afternoon evening day guten tag morgen abend moin"
    " servus liebes bonjour bonsoir salut hola buenos buenas días tardes ciao buongiorno hej olá".split()
)
_WORD = re.compile(r"[\w'-]+")


def greets(subject: str) -> bool:
    """Whether a subject is no more than a greeting, which says nothing of what the message is about."""
    words = _WORD.findall(subject.lower())
    return bool(words) and _GREETINGS.issuperset(words)


def asks_to_leave(text: str, subject: str) -> bool:
    """Whether it says nothing but "unsubscribe": a bare command in the text, or in the subject over an empty"
    " text."""
    line = text.strip()
    if not line:
        return not REPLY_MARK.match(subject) and is_command(subject)
    return len(line) < SHORT and is_command(line)


def is_command(line: str) -> bool:
    """Whether a short line is a command to leave, politeness aside."""
    if "?" in line:
        return False
    said = _WORD.findall(plain(line))
    words = [word for word in said if word not in _POLITE]
    if len(words) == 1 and words[0] in _COMMANDS:
        return True
    if any(_holds(said, phrase) and _POLITE.union(phrase, _OBJECTS).issuperset(said) for phrase in _BARE):
        return True
    return len(said) <= 8 and any(_holds(said, phrase) and len(said) <= len(phrase) + 4 for phrase in _PHRASES)


def _holds(said: list[str], phrase: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(tuple(said[at : at + size]) == phrase for at in range(len(said) - size + 1))
