"""The question below an answer that solves a case: "did this fix it?", and its two links.

Law: the mail asks, it does not take silence for a yes; each link opens a page with a button and changes nothing itself.
"""

from __future__ import annotations

WORDS = {
    "en": {
        "with_links": "Did this fix it? Please tell us, on a page with one button:\n\n  Yes: {yes}\n\n  No:  {no}\n\n"
        "We do not take silence for a yes. You can also just answer this mail (case {case}).",
        "without": "Did this fix it? Please answer this mail with a yes or a no; we do not take silence for a yes "
        "(case {case}).",
    },
    "de": {
        "with_links": "Ist es damit gelöst? Bitte sagen Sie es uns, auf einer Seite mit einem Knopf:\n\n"
        "  Ja:   {yes}\n\n  Nein: {no}\n\n"
        "Schweigen verstehen wir nicht als Ja. Sie können auch einfach auf diese Mail antworten (Fall {case}).",
        "without": "Ist es damit gelöst? Bitte antworten Sie auf diese Mail mit Ja oder Nein; Schweigen verstehen wir "
        "nicht als Ja (Fall {case}).",
    },
}


def ask_fixed(text: str, case_id: int, page: str, language: str) -> str:
    """`text` with the question below it. `page` is the address of its page, "" where none can be reached."""
    words = WORDS.get(language.partition("-")[0].lower(), WORDS["en"])
    asked = words["with_links" if page else "without"].format(yes=f"{page}/yes", no=f"{page}/no", case=case_id)
    return f"{text.rstrip()}\n\n----\n{asked}"
