"""What the demo's customers answer: texts as people write them, short and long, with typos and signatures.

Law: only the words are made; each becomes a real reply to the very mail that was received (`reply_mail`).
"""

from __future__ import annotations

from .reply_mail import (
    Voice,
    as_abuse_report,
    as_bounce,
    as_out_of_office,
    as_reply,
    as_unsubscribe_mail,
)

__all__ = [
    "VOICES",
    "Voice",
    "as_abuse_report",
    "as_bounce",
    "as_out_of_office",
    "as_reply",
    "as_unsubscribe_mail",
    "voices_of",
]

VOICES: tuple[Voice, ...] = (
    Voice(
        "complaint",
        "descaling",
        "",
        """Hello,

I descaled the machine on Sunday exactly as your leaflet says and the amber light is still blinking. I did it
a second time on Monday, same result. That is two sachets and an hour of my life. The machine is eight months
old, this should not happen and I am really disappointed.

What am I supposed to do now?

{first}""",
    ),
    Voice(
        "complaint",
        "descaling",
        "descale light again!!",
        """third time this month that the light wants me to descale. our water is soft, I checked with the town. this
thing is broken or you just want to sell sachets. not funny anymore""",
    ),
    Voice(
        "complaint",
        "descaling",
        "",
        """Guten Tag,

seit dem letzten Entkalken kommt nur noch ein dünner Strahl heraus und die Pumpe ist furchtbar laut. Ich habe
alles genau nach Anleitung gemacht. Ich bin sehr verärgert, so etwas darf bei einer Maschine für diesen Preis nicht
passieren. Bitte kümmern Sie sich darum.

Mit freundlichen Grüßen
{first} {last}""",
        "de",
    ),
    Voice(
        "complaint",
        "descaling",
        "",
        """Nice tips, but the descaling programme stops after five minutes every single time and I have to start over. I
have wasted a whole afternoon on this. Please fix it or take the machine back.

Regards,
{first}

--\x20
{first} {last}
{last} & Daughters Joinery
+44 7700 900461""",
    ),
    Voice(
        "complaint",
        "app",
        "",
        """Since the last update the app loses my machine every night. Every morning I have to pair it again. I have
tried another phone and a new router, nothing helps. Honestly this is unacceptable for a 700 euro machine.""",
    ),
    Voice(
        "complaint",
        "app",
        "App does not work",
        """Hi there

the app shows "machine offline" since tuesday altough it stands right next to the router. I reinstaled it twice. Your
hotline put me on hold for 40 minutes and then hung up. I'm fed up.

{first}

Sent from my Galaxy""",
    ),
    Voice(
        "complaint",
        "app",
        "",
        """Leider funktioniert die App bei mir überhaupt nicht mehr. Nach der Aktualisierung stürzt sie beim Öffnen
sofort ab, und die Rezepte sind weg. Das ist ärgerlich, dafür habe ich nicht so viel Geld bezahlt.

Gruß, {first} {last}""",
        "de",
    ),
    Voice(
        "complaint",
        "app",
        "",
        """The wake-up timer in the app does not work. Machine cold at 6:30, again. What is it good for then?""",
    ),
    Voice(
        "complaint",
        "delivery",
        "Where are my beans",
        """My bean box was due on the 9th. The tracking has said "in transit" for eleven days now and nobody answers my
mails. This is the second late delivery in a row. Very poor service.

{first} {last}""",
    ),
    Voice(
        "complaint",
        "delivery",
        "",
        """das paket kam gestern völlig zerdrückt an und die tassen waren kaputt. ich möchte ersatz und zwar schnell.
so eine schlampige lieferung habe ich noch nie erlebt""",
        "de",
    ),
    Voice(
        "complaint",
        "billing",
        "charged twice",
        """You charged my card twice for the October box, 38.90 each. I wrote about it two weeks ago and got no answer.
I want my money back this week, otherwise I will dispute the payment with my bank.

{first} {last}""",
    ),
    Voice(
        "complaint",
        "billing",
        "",
        """I cancelled Acme Plus in September and I am still being billed for it. Please stop this and refund the two
invoices. I am not happy about having to ask for the third time.""",
    ),
    Voice(
        "question",
        "milk",
        "",
        """Hi, quick one: does the foam thing work with oat milk too, or only with the barista version? Mine stays flat
after a few seconds.

Thanks
{first}""",
    ),
    Voice(
        "question",
        "grinder",
        "Grinder",
        """Hello, which setting of the grinder would you recommend for dark Italian beans on the Brew One Pro? I am on 7
at the moment and it runs through in 22 seconds.""",
    ),
    Voice(
        "question",
        "warranty",
        "",
        """Guten Tag, ich habe meine Maschine im Mai 2025 gekauft. Wie lange gilt die Garantie, und brauche ich dafür
den Kassenbon? Vielen Dank für Ihre Auskunft!

{first} {last}""",
        "de",
    ),
    Voice(
        "question",
        "delivery",
        "",
        """We are moving to Leeds in January. How do I change the address for the bean box, and does it have to be
done before the next one is packed?""",
    ),
    Voice(
        "question",
        "energy",
        "",
        """Could you tell me how much power the machine takes when it is asleep? And can I set the auto-off without the
app?

Best wishes
{first} {last}""",
    ),
    Voice("question", "brewing", "", "Where do I find the roast date on your bags? I only see best before."),
    Voice("thanks", "", "", "Thank you, the bit about weighing the shot changed my mornings. Lovely mail!\n\n{first}"),
    Voice("thanks", "", "", "Super Tipps, vielen Dank! Endlich schmeckt der Espresso wie in Triest.", "de"),
    Voice(
        "thanks",
        "",
        "",
        """Just wanted to say that your colleague Tom was brilliant on the phone last week. The new gasket fits
perfectly. Keep these tips coming!

{first}""",
    ),
    Voice("thanks", "", "", "great, thx 👍"),
    Voice(
        "thanks",
        "",
        "",
        """Merci beaucoup for these tips, I read every one of them. The cold jug trick works wonderfully.

{first}""",
    ),
    Voice(
        "out_of_office",
        "",
        "Automatic reply: {}",
        """Thank you for your message. I am out of the office until Monday, 14 December, with no access to mail. In
urgent cases please contact my colleague Priya Shah.

Kind regards
{first} {last}""",
    ),
    Voice(
        "out_of_office",
        "",
        "Automatische Antwort: {}",
        """Guten Tag,

ich bin bis einschließlich 11. Dezember nicht im Büro. Ihre Nachricht wird nicht weitergeleitet.

Freundliche Grüße
{first} {last}""",
        "de",
    ),
    Voice("out_of_office", "", "Out of office Re: {}", "I'm on parental leave until March. Mails are not read."),
    Voice("unsubscribe_words", "", "", "Please take me off this list, I have sold the machine. Thanks."),
    Voice("unsubscribe_words", "", "Abmelden", "Bitte schicken Sie mir keine weiteren E-Mails. Danke", "de"),
)


def voices_of(kind: str) -> tuple[Voice, ...]:
    """The voices of one kind, in their order."""
    return tuple(voice for voice in VOICES if voice.kind == kind)
