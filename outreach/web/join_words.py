"""The words of the page on which people sign up for a list, by language."""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Get “{name}”",
        "company_line": "From {company}, by e-mail.",
        "email": "Your e-mail address",
        "email_hint": "You can end it at any time, by a link in every mail.",
        "send": "Yes, I want it",
        "wrong": "Not done yet",
        "email_fault": "Write your e-mail address, such as ann@example.com.",
        "again": "Please press the button once more: your address is still here.",
        "changed": "What you agree to has other words now. Please read them and press the button again.",
        "trap": "A field that must stay empty was filled in, perhaps by your browser. It is empty now: please press "
        "the button again.",
        "busy": "Many sign-ups came from here just now. Your address is still here: please try in ten minutes.",
        "trap_label": "Leave this empty",
        "done": "Thank you",
        "asked": "Look into your mail",
        "asked_line": "If we may write to this address, a mail is on its way there. Press the button to which it "
        "leads, and “{name}” from {company} will reach you. Until then nothing is sent.",
        "done_line": "“{name}” from {company} will reach you from now on. If you had ended it before, a mail asks "
        "first whether you want it again.",
        "small": "An address that gets it already, or to which we may not write, gets no mail. Nothing has come after "
        "ten minutes? Look where your mail program puts spam.",
    },
    "de": {
        "title": "„{name}“ bekommen",
        "company_line": "Von {company}, per E-Mail.",
        "email": "Ihre E-Mail-Adresse",
        "email_hint": "Sie können es jederzeit beenden, mit einem Link in jeder Mail.",
        "send": "Ja, das möchte ich",
        "wrong": "Noch nicht fertig",
        "email_fault": "Geben Sie Ihre E-Mail-Adresse an, etwa anna@example.com.",
        "again": "Bitte drücken Sie noch einmal auf den Knopf: Ihre Adresse steht noch da.",
        "changed": "Das, dem Sie zustimmen, lautet jetzt anders. Bitte lesen Sie es und drücken Sie noch einmal den "
        "Knopf.",
        "trap": "Ein Feld, das leer bleiben muss, war ausgefüllt, vielleicht vom Browser. Jetzt ist es leer: bitte "
        "drücken Sie noch einmal auf den Knopf.",
        "busy": "Von hier kamen gerade viele Anmeldungen. Ihre Adresse steht noch da: bitte versuchen Sie es in zehn "
        "Minuten.",
        "trap_label": "Bitte leer lassen",
        "done": "Vielen Dank",
        "asked": "Sehen Sie in Ihre Mail",
        "asked_line": "Dürfen wir an diese Adresse schreiben, ist eine Mail dorthin unterwegs. Drücken Sie den Knopf, "
        "zu dem sie führt, und „{name}“ von {company} erreicht Sie. Bis dahin wird nichts gesendet.",
        "done_line": "„{name}“ von {company} erreicht Sie ab jetzt. Hatten Sie es früher beendet, fragt zuerst eine "
        "Mail, ob Sie es wieder möchten.",
        "small": "Eine Adresse, die es schon bekommt oder an die wir nicht schreiben dürfen, bekommt keine Mail. Ist "
        "nach zehn Minuten nichts da? Sehen Sie dort nach, wohin Ihr Mailprogramm Spam legt.",
    },
}
