"""The language that a text seems to be in: function words counted, other scripts told by their letters.

Law: an honest "" where nothing tells; a guess decides which cues are tried, never what is done.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_STOP_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": """
            the and is are was were to of in it you your my have has not that this with for on but can could
            would please thank thanks hello hi dear regards i we me do does did don't doesn't isn't i'm it's why
            how what when where be been get got just from there they them if no will out very about after again
            great love a as an at by or so he she his her him who which what's that's than then too now some any all
            because were would should had our us these those been being more most only just own same such well good
            nice
            need want like works working worked work really still never always ever every everything nothing
            something
            going know think make made see use used new old first last back over down off before until again thing
            things really i've i'll can't won't couldn't wouldn't let's here's there's you're they're we're haven't
            hasn't
            wasn't product order email account app phone service bad best better problem issue help
            """,
        "de": """
            der die das und ist sind war nicht ich sie ihr ihre mein meine es ein eine einen zu mit für auf aber
            kann bitte danke vielen dank hallo liebe lieber gruß grüße grüssen haben habe hat wir uns was wie
            wann wo warum noch schon von dem den im am vom zum zur wenn keine kein nur auch sehr bei nach seit
            doch mir mich wird werden sich guten tag freundlichen mehr leider aus kam kommt gemacht machen hier
            jetzt nein ja heute gestern morgen wieder unter über dem des an als dann dass weil ob man alles nichts nie
            immer endlich einfach kein keinen habt ihr euer eure euch ins ihnen ihrer meiner diese dieser dieses doch
            woche wochen monat gerät könnt können könnten hatte hätte würde möchte will muss darf soll gibt geht steht
            gar mal hab hiermit
            """,
        "fr": """
            le la les et est sont je vous votre vos mon ma mes ne pas que qui un une des du de en pour avec dans
            mais il elle nous merci bonjour bonsoir cordialement peut pouvez ce cette c'est j'ai n'est sur au
            aux plus très comment pourquoi quand où suis être avoir fait depuis toujours s'il plaît salut
            beaucoup rien jamais encore tout tous toute cela ça chez leur nos notre votre alors donc déjà après avant
            sous sans voudrais faut fait vont était êtes merci ai ont aussi personne jour jours semaine quel quelle
            svp d'avance
            """,
        "es": """
            el la los las y es son no que un una de en por para con su sus mi mis me se lo le pero está estoy
            tengo muy más gracias hola buenos días saludos cómo cuándo dónde qué favor puedo puede han hay ya
            desde cuando porque todo al del este esta quiero necesito nada nunca nadie sin ni yo sobre entre otra otro
            vez hace ahora también cada mucho tiene tienen hasta ser fue era dos nos os les ha he si donde quien
            buenas pedido máquina
            """,
        "it": """
            il lo gli e è sono non che un una di in per con mi vi si ma del della dei grazie ciao buongiorno
            salve saluti come quando dove perché più molto vostro vostra ho hai abbiamo questo questa anche nel
            nella cordiali
            """,
        "nl": """
            de het een en is zijn niet ik u uw mijn dat dit met voor op maar kan kunt graag bedankt dank hallo
            beste groet groeten van naar wij ons waarom hoe wanneer waar nog al heeft heb ook meer wordt bij
            geen
            """,
        "pt": """
            o os as e é são não que um uma de em por para com seu sua meu minha mas está estou tenho muito mais
            obrigado obrigada olá bom dia cumprimentos como quando onde porque já também isso você do da no na
            """,
        "pl": """
            i jest są nie się na w z do że to jak czy mam mi proszę dziękuję dzień dobry witam pozdrawiam
            dlaczego kiedy gdzie już ale dla od po przez bardzo jestem
            """,
        "sv": """
            och är inte jag ni er min mitt det den ett en som på med för men kan tack hej hälsningar vi oss
            varför hur när var av till har från också mycket
            """,
        "da": """
            og er ikke jeg du i min det den et en som på med for men kan tak hej hilsen vi os hvorfor hvordan
            hvornår hvor af til har fra også meget mange
            """,
        "cs": """
            a je jsou ne se na v z do že to jak mám mi prosím děkuji dobrý den zdravím proč kdy kde už ale pro
            od po jsem velmi
            """,
        "tr": """
            ve bir bu için değil ne nasıl merhaba teşekkürler teşekkür ederim lütfen ama çok ben siz mi var yok
            neden zaman iyi günler
            """,
    }.items()
}
_SCRIPTS = (
    ("CYRILLIC", "ru"),
    ("GREEK", "el"),
    ("ARABIC", "ar"),
    ("HEBREW", "he"),
    ("HANGUL", "ko"),
    ("HIRAGANA", "ja"),
    ("KATAKANA", "ja"),
    ("CJK", "zh"),
    ("THAI", "th"),
    ("DEVANAGARI", "hi"),
)
_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def guess_language(text: str) -> str:
    """The ISO 639-1 code of the language that `text` seems to be in, or "" where nothing tells.

    Function words are counted; another script than the Latin tells by itself. Only the first 5,000 characters
    count.
    """
    head = text[:5000]
    if not head.isascii() and (script := _script(head)):
        return script
    words = [word.replace("’", "'") for word in _TOKEN.findall(head.lower())]
    words += [part for word in words if "'" in word for part in word.split("'")]
    hits = {language: sum(word in known for word in words) for language, known in _STOP_WORDS.items()}
    first, second = sorted(hits.values(), reverse=True)[:2]
    if first == 0 or first == second or (first == 1 and len(words) > 4):
        return ""
    return max(hits, key=lambda language: hits[language])


def _script(text: str) -> str:
    letters = [char for char in text if char.isalpha()]
    counts = Counter(unicodedata.name(char, "").partition(" ")[0] for char in letters if not char.isascii())
    for script, language in _SCRIPTS:
        if counts[script] * 3 > len(letters):
            return language
    return ""
