"""The words that mail programs put over a quotation, under it and under a mail, in some thirty languages.

Law: tables only, in lower case; `quote_marks` reads them. A language is added here and in a test.
"""

from __future__ import annotations

ORIGINAL = frozenset(
    (
        "original message", "original email", "original e-mail", "forwarded message", "reply message",
        "reply above this line", "begin forwarded message:",
        "ursprüngliche nachricht", "originalnachricht", "original-nachricht", "weitergeleitete nachricht",
        "antwort nachricht", "ursprüngliche e-mail", "anfang der weitergeleiteten nachricht:",
        "message d'origine", "message original", "message transféré", "message d’origine",
        "début du message transféré :", "début du message réexpédié :",
        "mensaje original", "mensaje reenviado", "messaggio originale", "messaggio inoltrato",
        "inizio messaggio inoltrato:", "oorspronkelijk bericht", "doorgestuurd bericht", "begin doorgestuurd bericht:",
        "mensagem original", "mensagem encaminhada", "ursprungligt meddelande", "originalmeddelande",
        "vidarebefordrat meddelande", "oprindelig meddelelse", "oprindelig besked", "original meddelelse",
        "videresendt meddelelse", "opprinnelig melding", "videresendt melding", "alkuperäinen viesti",
        "välitetty viesti", "wiadomość oryginalna", "oryginalna wiadomość", "wiadomość przekazana",
        "původní zpráva", "původní e-mail", "přeposlaná zpráva", "pôvodná správa", "eredeti üzenet",
        "továbbított üzenet", "mesaj original", "mesajul original", "mesaj redirecționat", "orijinal mesaj",
        "iletilen mesaj", "исходное сообщение", "пересылаемое сообщение", "пересланное сообщение",
        "вихідне повідомлення", "переслане повідомлення", "оригинално съобщение", "izvorna poruka",
        "originalna poruka", "αρχικό μήνυμα", "προωθημένο μήνυμα", "missatge original", "algne kiri",
        "pradinis laiškas", "sākotnējais ziņojums", "הודעה מקורית", "الرسالة الأصلية", "tin nhắn gốc", "thư gốc",
        "pesan asli", "原始邮件", "原始郵件", "转发邮件信息", "轉寄郵件",
        "元のメッセージ", "転送メッセージ", "원본 메시지",
    )
)  # fmt: skip
PROCESSED = ("original message processed by", "ursprüngliche nachricht bearbeitet mit")

INTROS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("on ",), (" wrote", "wrote:", " sent:")),
    (("am ", "em ", "den ", "der "), (" schrieb", " schrieben", " escreveu", " skrev", " geschrieben")),
    (("le ",), (" a écrit", " a ecrit")),
    (("el ",), (" escribió", " escribio", " va escriure")),
    (("il ", "in data ", "il giorno "), (" ha scritto",)),
    (("op ",), (" schreef", " heeft geschreven", " het volgende geschreven")),
    (
        ("d. ", "den ", "på ", "tirsdag", "ons", "man", "tir", "tor", "fre", "lør", "søn", "lör", "sön", "mån"),
        (" skrev", " følgende"),
    ),
    (
        ("w dniu ", "dnia ", "pon", "wt", "śr", "czw", "pt", "sob", "niedz"),
        (" napisał", " pisze", " napisała", " użytkownik"),
    ),
    (("dne ", "dňa ", "po ", "út ", "st ", "čt ", "pá ", "so ", "ne "), (" napsal", " odesílatel", " napísal")),
    (("ma ", "ti ", "ke ", "to ", "pe ", "la ", "su "), (" kirjoitti",)),
    (("vào ", "lúc "), (" đã viết",)),
    (("pada ",), (" menulis",)),
    (("dana ", "u "), (" napisao", " napisala", " je napisao", " je napisala", " je napisao/la")),
    (("στις ",), (" έγραψε",)),
    (("на ",), (" написа",)),
)
WROTE = (
    *dict.fromkeys(verb for _, verbs in INTROS for verb in verbs if verb not in (" sent:", " użytkownik")),
    " şunu yazdı", " tarihinde", " írta", " a scris", " написал", " пишет", " написала", " написав", " пише",
    " kirjutas", " rašė", " rakstīja", " כתב", " كتب", " เขียนว่า", "写道", "寫道", "のメール", "さんは書きました",
    "님이 작성",
)  # fmt: skip
"""What says "wrote"; where an address stands beside it, nothing else is asked of the line."""

FROM = frozenset(
    "from|von|de|da|van|från|fra|lähettäjä|od|kimden|от|від|feladó|šalje|från|από|expeditor|de la|发件人|寄件者|差出人"
    "|보낸 사람|מאת|من|từ|dari|nuo|saatja|remitente".split("|")
)
WHEN = frozenset(
    "sent|date|gesendet|datum|envoyé|enviado|enviada|inviato|data|verzonden|skickat|sendt|lähetetty|wysłano|odesláno"
    "|odoslané|gönderildi|отправлено|дата|надіслано|küldve|poslano|στάλθηκε|trimis|fecha|dato|date d'envoi|envoyé le"
    "|enviado el|enviado em|enviada em|发送时间|寄件日期|送信日時|보낸 날짜|נשלח|تاريخ الإرسال|đã gửi|dikirim|išsiųsta"
    "|saadetud".split("|")
)
SUBJECT = frozenset(
    "subject|betreff|objet|asunto|oggetto|onderwerp|assunto|ämne|emne|aihe|temat|předmět|predmet|konu|тема|tárgy|θέμα"
    "|subiect|subjek|tema|teema|assumpte|主题|主旨|件名|제목|נושא|الموضوع|chủ đề".split("|")
)
OTHERS = frozenset(
    "to|cc|bcc|reply-to|an|kopie|à|para|a|aan|till|til|do|komu|kime|кому|címzett|προς|prima|către|kepada|copie à"
    "|收件人|收件者|宛先|받는 사람|אל|إلى|đến|копия|copie|kopia|kópia".split("|")
)
FIELDS = FROM | WHEN | SUBJECT | OTHERS

LINKS = ("http://", "https://", "mailto:", "www.", "cid:", "image:", "bild:")
MY_DEVICE = "sent from my "
DEVICES = frozenset(
    "iphone ipad ipod android samsung galaxy blackberry mobile phone handheld smartphone tablet windows verizon huawei"
    " xiaomi pixel oneplus treo droid htc nokia sony motorola moto lg t-mobile xperia redmi mac macbook cell cellphone"
    " device telephone".split()
)
MOBILE = (
    "sent from outlook", "sent from yahoo", "sent from mail for windows", "sent with proton",
    "sent via the ", "sent via mobile", "sent from samsung", "sent from proton", "sent from aol", "sent from gmail",
    "sent from mobile", "sent with sparrow",
    "get outlook for ", "von meinem ", "gesendet von mein", "gesendet von outlook",
    "gesendet von mail für windows", "gesendet mit der ", "gesendet mit outlook", "von unterwegs gesendet",
    "diese nachricht wurde von meinem", "envoyé de mon ", "envoyé depuis ", "envoyé à partir de ",
    "télécharger outlook", "enviado desde ", "enviado do meu ", "obtener outlook", "inviato da ", "verzonden vanaf ",
    "verstuurd vanaf ", "skickat från ", "sendt fra ", "lähetetty ", "wysłano z ", "wysłane z ", "odesláno z ",
    "отправлено с ", "iphoneから送信", "发自我的", "從我的", "나의 iphone", "outlook für ", "holen sie sich outlook",
    "iphone'umdan gönderildi", "trimis de pe ", "az iphone-omról", "надіслано з ",
)  # fmt: skip
LIST_FOOTERS = (
    "mailing list", "mailman/listinfo", "you received this message because you are subscribed",
    "you are receiving this because", "reply to this email directly", "to unsubscribe from this group",
)  # fmt: skip
"""What a list's server writes under a mail that passes through it."""
