"""The words of the contact form, by language.

Law: every language says everything; what is wrong is said with what to do.
"""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Write to us",
        "intro": "A person reads every message and answers by e-mail.",
        "name": "Your name",
        "optional": "(optional)",
        "email": "Your e-mail address",
        "email_hint": "We use it for the answer, and put it on no list.",
        "subject": "What is it about?",
        "message": "Your message",
        "send": "Send",
        "wrong": "Not sent yet",
        "email_fault": "Write your e-mail address, such as ann@example.com.",
        "message_fault": "Write what you want to tell us.",
        "long_fault": "This is more than 5,000 letters: shorten it, or send it by e-mail.",
        "again": "Please press Send once more: your words are all still here.",
        "trap": "A field that must stay empty was filled in, perhaps by your browser. It is empty now: please press "
        "Send again.",
        "busy": "Many messages came from here just now. Your words are still here: please send them in ten minutes.",
        "trap_label": "Leave this empty",
        "done": "Thank you",
        "done_line": "Your message has reached {company}. A person reads it and answers by e-mail.",
    },
    "de": {
        "title": "Schreiben Sie uns",
        "intro": "Ein Mensch liest jede Nachricht und antwortet per E-Mail.",
        "name": "Ihr Name",
        "optional": "(freiwillig)",
        "email": "Ihre E-Mail-Adresse",
        "email_hint": "Wir nutzen sie für die Antwort und setzen sie auf keine Liste.",
        "subject": "Worum geht es?",
        "message": "Ihre Nachricht",
        "send": "Absenden",
        "wrong": "Noch nicht gesendet",
        "email_fault": "Geben Sie Ihre E-Mail-Adresse an, etwa anna@example.com.",
        "message_fault": "Schreiben Sie, was Sie uns sagen möchten.",
        "long_fault": "Das sind mehr als 5.000 Zeichen: kürzen Sie es, oder senden Sie es per E-Mail.",
        "again": "Bitte drücken Sie noch einmal auf Absenden: Ihr Text ist vollständig erhalten.",
        "trap": "Ein Feld, das leer bleiben muss, war ausgefüllt, vielleicht vom Browser. Jetzt ist es leer: bitte "
        "noch einmal absenden.",
        "busy": "Von hier kamen gerade viele Nachrichten. Ihr Text ist erhalten: bitte senden Sie ihn in zehn Minuten.",
        "trap_label": "Bitte leer lassen",
        "done": "Vielen Dank",
        "done_line": "Ihre Nachricht ist bei {company} angekommen. Ein Mensch liest sie und antwortet per E-Mail.",
    },
}
