"""The words of the mails that ask for a confirmation, or whether somebody still wants our newsletters.

Law: each says who writes, what follows from the button, and what follows from doing nothing.
"""

from __future__ import annotations

SUBJECTS = {"en": "Please confirm: {title}", "de": "Bitte bestätigen: {title}"}
TEXTS = {
    "en": """Hello,

somebody, you we hope, asked for “{title}” from {company} at this address.

{words}Is that right? Then please confirm it:
{link}

If it was not you, do nothing: you will get no mail of this list.

{company}
{postal}
""",
    "de": """Guten Tag,

jemand, hoffentlich Sie, hat „{title}“ von {company} für diese Adresse bestellt.

{words}Stimmt das? Dann bestätigen Sie es bitte:
{link}

Waren Sie es nicht, tun Sie nichts: Sie bekommen keine Mail von dieser Liste.

{company}
{postal}
""",
}
BACK_SUBJECTS = {"en": "Again, please confirm: {title}", "de": "Wieder, bitte bestätigen: {title}"}
BACK_TEXTS = {
    "en": """Hello,

somebody, you we hope, asked for “{title}” from {company} at this address, which had ended it.

{words}Would you like it again? Then please confirm it:
{link}

If it was not you, do nothing: it stays ended.

{company}
{postal}
""",
    "de": """Guten Tag,

jemand, hoffentlich Sie, hat „{title}“ von {company} für diese Adresse bestellt, die es beendet hatte.

{words}Möchten Sie es wieder? Dann bestätigen Sie es bitte:
{link}

Waren Sie es nicht, tun Sie nichts: es bleibt beendet.

{company}
{postal}
""",
}
STILL_SUBJECTS = {"en": "Shall we go on writing to you?", "de": "Sollen wir Ihnen weiter schreiben?"}
STILL_TEXTS = {
    "en": """Hello,

we have been sending you “{title}” for a while and do not know whether it reaches you.

Would you like to go on getting it? One click is enough:
{link}

Rather less often, by phone or by letter? Choose here:
{wishes}

If we hear nothing, we stop sending it. You can take it up again at any time.

{company}
{postal}
""",
    "de": """Guten Tag,

wir schicken Ihnen seit einiger Zeit „{title}“ und wissen nicht, ob es Sie erreicht.

Möchten Sie es weiter bekommen? Ein Klick genügt:
{link}

Lieber seltener, am Telefon oder per Brief? Wählen Sie hier:
{wishes}

Hören wir nichts, schicken wir es nicht mehr. Sie können es jederzeit wieder aufnehmen.

{company}
{postal}
""",
}
ANSWER = {
    "en": "Just answer this mail: a person reads it.",
    "de": "Antworten Sie auf diese Mail: ein Mensch liest sie.",
}
