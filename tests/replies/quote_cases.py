"""The public fixtures of four quote strippers, and replies of our own making with answers between quoted lines."""

from __future__ import annotations

import json
import random
import tarfile
from dataclasses import dataclass
from pathlib import Path

from outreach.replies.parse import parse_inbound
from outreach.replies.quote import strip_quotes

BY_CHOICE = {
    "dont_parse_quotations_for_forwarded_messages": "what is forwarded stands with the quotations: others wrote it",
    "readable_html_empty": "a reply that is all quotation is an empty reply",
}
"""Fixtures that take off no quotation where we do."""
ARCHIVE = Path(__file__).parent.parent / "corpus" / "quotes.tar.xz"
HEADS = (
    "On Tue, 1 Dec 2026 at 10:00, Acme Care <care@acme.example> wrote:",
    "Am Di., 1. Dez. 2026 um 10:00 Uhr schrieb Acme Care <care@acme.example>:",
    "Le mar. 1 déc. 2026 à 10:00, Acme Care <care@acme.example> a écrit :",
    "El mar, 1 dic 2026 a las 10:00, Acme Care (<care@acme.example>) escribió:",
    "Il giorno mar 1 dic 2026 alle ore 10:00 Acme Care <care@acme.example> ha scritto:",
    "Em ter., 1 de dez. de 2026 às 10:00, Acme Care <care@acme.example> escreveu:",
    "Op di 1 dec. 2026 om 10:00 schreef Acme Care <care@acme.example>:",
    "Den tis 1 dec. 2026 kl 10:00 skrev Acme Care <care@acme.example>:",
    "Den tirs. 1. dec. 2026 kl. 10.00 skrev Acme Care <care@acme.example>:",
    "W dniu wt., 1 gru 2026 o 10:00 Acme Care <care@acme.example> napisał(a):",
    "Dne út 1. 12. 2026 10:00 Acme Care <care@acme.example> napsal(a):",
    "ti 1. jouluk. 2026 klo 10.00 Acme Care (care@acme.example) kirjoitti:",
    "вт, 1 дек. 2026 г. в 10:00, Acme Care <care@acme.example> написал:",
    "вт, 1 груд. 2026 р. о 10:00 Acme Care <care@acme.example> пише:",
    "Acme Care <care@acme.example>, 1 Ara 2026 Sal, 10:00 tarihinde şunu yazdı:",
    "Acme Care <care@acme.example> ezt írta (időpont: 2026. dec. 1., K, 10:00):",
    "mar., 1 dec. 2026 la 10:00, Acme Care <care@acme.example> a scris:",
    "Στις Τρί 1 Δεκ 2026 στις 10:00 π.μ., ο χρήστης Acme Care <care@acme.example> έγραψε:",
    "Vào Th 3, 1 thg 12, 2026 vào lúc 10:00 Acme Care <care@acme.example> đã viết:",
    "Pada Sel, 1 Des 2026 pukul 10.00 Acme Care <care@acme.example> menulis:",
    "2026年12月1日(火) 10:00 Acme Care <care@acme.example>:",
    "Acme Care <care@acme.example> 于2026年12月1日周二 10:00写道：",
    "2026년 12월 1일 (화) 오전 10:00, Acme Care <care@acme.example>님이 작성:",
    "בתאריך יום ג׳, 1 בדצמ׳ 2026 ב-10:00 מאת Acme Care <care@acme.example>:",
)
"""What Gmail, Apple Mail and Thunderbird write over a quotation, in two dozen languages."""
BLOCKS = (
    "From: Acme Care\nSent: Tuesday, 1 December 2026 10:00\nTo: Ann\nSubject: Tips",
    "Von: Acme Care\nGesendet: Dienstag, 1. Dezember 2026 10:00\nAn: Ann\nBetreff: Tipps",
    "De : Acme Care\nEnvoyé : mardi 1 décembre 2026 10:00\nÀ : Ann\nObjet : Conseils",
    "De: Acme Care\nEnviado: martes, 1 de diciembre de 2026 10:00\nPara: Ann\nAsunto: Consejos",
    "Da: Acme Care\nInviato: martedì 1 dicembre 2026 10:00\nA: Ann\nOggetto: Consigli",
    "De: Acme Care\nEnviada em: terça-feira, 1 de dezembro de 2026 10:00\nPara: Ann\nAssunto: Dicas",
    "Van: Acme Care\nVerzonden: dinsdag 1 december 2026 10:00\nAan: Ann\nOnderwerp: Tips",
    "Från: Acme Care\nSkickat: den 1 december 2026 10:00\nTill: Ann\nÄmne: Tips",
    "Fra: Acme Care\nSendt: 1. december 2026 10:00\nTil: Ann\nEmne: Tips",
    "Lähettäjä: Acme Care\nLähetetty: tiistai 1. joulukuuta 2026 10.00\nVastaanottaja: Ann\nAihe: Vinkit",
    "Od: Acme Care\nWysłano: wtorek, 1 grudnia 2026 10:00\nDo: Ann\nTemat: Porady",
    "Od: Acme Care\nOdesláno: úterý 1. prosince 2026 10:00\nKomu: Ann\nPředmět: Tipy",
    "От: Acme Care\nОтправлено: 1 декабря 2026 г. 10:00\nКому: Ann\nТема: Советы",
    "Kimden: Acme Care\nGönderildi: 1 Aralık 2026 Salı 10:00\nKime: Ann\nKonu: İpuçları",
    "Feladó: Acme Care\nKüldve: 2026. december 1., kedd 10:00\nCímzett: Ann\nTárgy: Tippek",
    "De la: Acme Care\nTrimis: marți, 1 decembrie 2026 10:00\nCătre: Ann\nSubiect: Sfaturi",
    "Από: Acme Care\nΣτάλθηκε: Τρίτη, 1 Δεκεμβρίου 2026 10:00\nΠρος: Ann\nΘέμα: Συμβουλές",
    "发件人: Acme Care\n发送时间: 2026年12月1日 10:00\n收件人: Ann\n主题: 提示",
    "差出人: Acme Care\n送信日時: 2026年12月1日 10:00\n宛先: Ann\n件名: ヒント",
)
"""What Outlook writes over one."""


@dataclass(frozen=True)
class Case:
    """A fixture: what its own tests hold to be the person's words, in every form that they allow."""

    source: str
    name: str
    kind: str
    text: str
    own: tuple[str, ...]

    def stripped(self) -> str:
        if self.kind == "mail":
            mail = parse_inbound(self.text.encode())
            return strip_quotes(mail.text, mail.html).text
        return strip_quotes("", self.text).text if self.kind == "html" else strip_quotes(self.text).text

    @property
    def right(self) -> bool:
        got = _bare(self.stripped())
        return any(got == _bare(own) for own in self.own)

    @property
    def lost(self) -> list[str]:
        """Lines that every allowed form has, and ours has not."""
        got = _bare(self.stripped())
        return [line for line in min(self.own, key=len).splitlines() if _bare(line) not in got]


def load_cases() -> list[Case]:
    """Every fixture."""
    with tarfile.open(ARCHIVE) as archive:
        file = archive.extractfile("quotes/cases.jsonl")
        assert file is not None
        rows = [json.loads(line) for line in file.read().decode().splitlines()]
    return [Case(row["from"], row["name"], row["kind"], row["text"], tuple(row["own"])) for row in rows]


def inline_replies(count: int, seed: int) -> list[tuple[str, list[str]]]:
    """(reply, its answers): between quoted lines, tightly or not, above and below, under a head in some language."""
    dice = random.Random(seed)
    words = "yes no never it leaks again since monday 12 litres ja nein oui merci please call me see below why".split()
    asked = "does the amber light come on after sixty litres or sooner please tell us how many cups you have".split()
    made = []
    for _ in range(count):
        answers: list[str] = []
        lines: list[str] = []
        if dice.random() < 0.5:
            lines += [_say(dice, words, answers), ""]
        lines += [dice.choice(HEADS), *([""] if dice.random() < 0.5 else [])]
        for _ in range(dice.randint(1, 5)):
            lines += [
                "> " + " ".join(dice.choices(asked, k=dice.randint(1, 14))).capitalize() + dice.choice("?.")
                for _ in range(dice.randint(1, 4))
            ]
            around = [""] if dice.random() < 0.6 else []
            lines += [*around, _say(dice, words, answers), *around]
        made.append(("\n".join(lines), answers))
    return made


def _say(dice: random.Random, words: list[str], answers: list[str]) -> str:
    said = " ".join(dice.choices(words, k=dice.randint(1, 9))).capitalize() + dice.choice(("", ".", "!", "?"))
    if dice.random() < 0.05:
        said = "https://photos.example/" + str(dice.randint(1, 999))
    answers.append(said)
    return said


def _bare(text: str) -> str:
    return "".join(text.split())
