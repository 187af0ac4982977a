"""The lines that mail programs put before, around and after a quotation, in a dozen languages.

Law: each test looks at one short line (or three joined) with plain string operations, so that no crafted line can
make it slow.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 400
_ORIGINAL = frozenset(
    (
        "original message", "original email", "forwarded message", "reply message", "reply above this line",
        "ursprüngliche nachricht", "originalnachricht", "original-nachricht", "weitergeleitete nachricht",
        "message d'origine", "message original", "message transféré", "mensaje original", "mensaje reenviado",
        "messaggio originale", "messaggio inoltrato", "oorspronkelijk bericht", "doorgestuurd bericht",
        "mensagem original", "mensagem encaminhada", "ursprungligt meddelande", "originalmeddelande",
        "oprindelig meddelelse", "oprindelig besked", "original meddelelse", "opprinnelig melding",
        "alkuperäinen viesti",
        "wiadomość oryginalna", "oryginalna wiadomość", "původní zpráva", "původní e-mail", "eredeti üzenet",
        "mesaj original", "orijinal mesaj", "исходное сообщение", "пересылаемое сообщение",
        "begin forwarded message:", "anfang der weitergeleiteten nachricht:", "début du message transféré :",
    )
)  # fmt: skip
_INTROS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("on ",), (" wrote",)),
    (("am ", "em ", "den ", "der "), (" schrieb", " schrieben", " escreveu", " skrev", " geschrieben")),
    (("le ",), (" a écrit", " a ecrit")),
    (("el ",), (" escribió", " escribio")),
    (("il ", "in data ", "il giorno "), (" ha scritto", " ha scritto")),
    (("op ",), (" schreef", " heeft geschreven", " het volgende geschreven")),
    (
        ("d. ", "den ", "på ", "tirsdag", "ons", "man", "tor", "fre", "lør", "søn", "lör", "sön"),
        (" skrev", " følgende"),
    ),
    (("w dniu ", "dnia ", "pon", "wt", "śr", "czw", "pt", "sob", "niedz"), (" napisał", " pisze", " napisała")),
    (("dne ", "po ", "út ", "st ", "čt ", "pá ", "so ", "ne "), (" napsal", " odesílatel")),
    (("ma ", "ti ", "ke ", "to ", "pe ", "la ", "su "), (" kirjoitti",)),
    (("",), (" şunu yazdı", " tarihinde", " írta", " a scris", " написал", " пишет", " написала", "写道", "寫道")),
    (("",), ("のメール", "さんは書きました", "님이 작성")),
)
_FIELDS = frozenset(
    (
        "from", "sent", "date", "to", "cc", "subject", "reply-to",
        "von", "gesendet", "datum", "an", "betreff", "kopie",
        "de", "envoyé", "date d'envoi", "à", "objet", "envoyé le", "enviado", "enviado el", "fecha", "para", "asunto",
        "da", "inviato", "data", "a", "oggetto", "van", "verzonden", "aan", "onderwerp", "enviada em", "assunto",
        "från", "skickat", "till", "ämne", "fra", "sendt", "til", "emne", "lähettäjä", "lähetetty", "aihe",
        "od", "wysłano", "do", "temat", "odesláno", "komu", "předmět", "kimden", "gönderildi", "kime", "konu",
        "от", "отправлено", "кому", "тема", "дата", "发件人", "发送时间", "收件人", "主题", "差出人", "宛先", "件名",
    )
)  # fmt: skip
_LINKS = ("http://", "https://", "mailto:", "www.", "cid:", "image:", "bild:")
_MOBILE = (
    "sent from my ", "sent from outlook", "sent from yahoo", "sent from mail for windows", "sent with proton",
    "sent via the ", "sent via mobile", "get outlook for ", "von meinem ", "gesendet von mein", "gesendet von outlook",
    "gesendet von mail für windows", "gesendet mit der ", "gesendet mit outlook", "von unterwegs gesendet",
    "diese nachricht wurde von meinem", "envoyé de mon ", "envoyé depuis ", "envoyé à partir de ",
    "télécharger outlook", "enviado desde ",
    "enviado do meu ", "obtener outlook", "inviato da ", "verzonden vanaf ", "verstuurd vanaf ", "skickat från ",
    "sendt fra ", "lähetetty ", "wysłano z ", "wysłane z ", "odesláno z ", "отправлено с ", "iphoneから送信",
    "outlook für ", "holen sie sich outlook",
)  # fmt: skip


def is_original_mark(line: str) -> bool:
    """ "-----Original Message-----" and its translations."""
    bare = line.strip(" \t>*").lower()
    if not bare or len(bare) > LONGEST:
        return False
    return bare.strip("-–—_= ") in _ORIGINAL and (bare[0] in "-–—_=" or bare.endswith(":"))


def is_separator(line: str) -> bool:
    """A rule of dashes or underscores."""
    bare = line.strip(" \t>")
    return len(bare) >= 5 and not bare.strip("-_=*–— ")


def is_intro(lines: Sequence[str], number: int) -> bool:
    """ "On 3 May, Ann wrote:" at this line; it may be broken over three."""
    joined = ""
    for line in lines[number : number + 3]:
        bare = line[: LONGEST + 1].strip(" >*")
        if not joined and not any(char.isdigit() or char == "@" for char in bare):
            return False
        joined = f"{joined} {bare}" if joined else bare
        if not bare or len(joined) > LONGEST:
            return False
        if joined.endswith((":", "：")):
            return _says_who_wrote(joined.lower())
        if joined.strip(" -").endswith(" wrote") and "@" in joined:
            return True
    return False


def _says_who_wrote(line: str) -> bool:
    if not any(char.isdigit() for char in line) and "@" not in line:
        return False
    if "@" in line and len(line) < 200 and _looks_dated(line):
        return True
    return any(line.startswith(begins) and any(verb in line for verb in verbs) for begins, verbs in _INTROS)


def _looks_dated(line: str) -> bool:
    """A day, a year and a time of day stand in it: what mail programs of any language write over a quotation."""
    digits = "".join(char if char.isdigit() else " " for char in line).split()
    return len(digits) >= 4 and any(len(part) == 4 and part[:2] in ("19", "20") for part in digits)


def is_header_field(line: str) -> bool:
    """ "From: …", "Gesendet: …": a line of a header block as mail programs quote it."""
    name, colon, _ = line[:60].replace("\xa0", " ").strip(" \t>*").partition(":")
    return bool(colon) and name.strip(" *").lower() in _FIELDS


def is_noise(line: str) -> bool:
    """A line without words of anybody: links, numbers of links, placeholders of pictures, rules, blanks."""
    words = [word.strip("*[](){}<>.,|•·–—_=-").lower() for word in line.strip(" >").split()]
    said = [word for word in words if word]
    if not said:
        return not any(char in "!?👍👎🙏😀😡❤" for char in line)
    if len(said) == 1 and said[0].isdigit() and "[" in line:
        return True
    return all(word.startswith(_LINKS) or (word.isdigit() and "[" in line) for word in said)


def is_mobile_signature(line: str) -> bool:
    """ "Sent from my iPhone" and what other programs append."""
    return len(line) < 120 and line.strip(" \t_-*<>[]").lower().startswith(_MOBILE)
