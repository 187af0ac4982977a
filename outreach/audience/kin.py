"""Who may belong together: one postal address and last name are likely a household, one domain a company.

Law: it only suggests, with its reason; nobody is put anywhere but by a person. A domain at which many people have their
mail is no company.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..groups import GroupKind, group_name
from .duplicates import KNOWN, mended
from .headings import postal_of
from .places import fold

_MORE_FREE = (
    "1und1.de aim.com aol.de aon.at bigpond.com blueyonder.co.uk bol.com.br charter.net chello.at cox.net duck.com "
    "earthlink.net email.com email.de eml.cc free-mail.de gmx.com gmx.eu gmx.org hey.com home.nl "
    "hotmail.be hotmail.nl hushmail.com inbox.com inbox.lv inode.at juno.com kabelmail.de libero.com mac.com mail.de "
    "mail.ru mailbox.org mailfence.com myyahoo.com naver.com neuf.fr nifty.com ntlworld.com o2.co.uk o2.pl online.de "
    "online.fr optonline.net outlook.at outlook.it planet.nl pm.me posteo.de posteo.net qq.com rambler.ru "
    "riseup.net rogers.com sapo.pt seznam.cz sky.com snafu.de sunrise.ch sympatico.ca talktalk.net telenet.be "
    "telia.com terra.es tin.it tiscali.it tuta.com tutanota.com tutanota.de uol.com.br ukr.net unitybox.de versanet.de "
    "virginmedia.com vodafone.de vodafonemail.de vp.pl wp.pl xs4all.nl yahoo.at yahoo.ca yahoo.co.in yahoo.com.br "
    "yandex.com yandex.ru zohomail.com 126.com 163.com aruba.it alice.it ono.com numericable.fr club-internet.fr "
    "bbox.fr skynet.be proximus.be hispeed.ch gmx.li a1.net liwest.at"
)
FREE_MAIL = frozenset(KNOWN) | frozenset(_MORE_FREE.split())
"""Domains at which anybody may have their mail."""


def clue_to(kind: GroupKind, address: str, last_name: str, post: str, attributes: Mapping[str, Any]) -> tuple[str, str]:
    """What a customer shares with others of a group, and the name that the group could bear; ("", "") for nothing.

    `post`: their postal address, where it is kept apart from their attributes. What their attribute `household` or
    `company` says is the surest.
    """
    named = group_name(attributes.get(kind.value))
    if named:
        return f"{kind.value}:{fold(named)}", named
    if kind is GroupKind.HOUSEHOLD:
        place = post or postal_of(attributes)
        family = fold(last_name)
        return (f"home:{family}:{fold(place)}", f"{last_name}, {place}") if family and fold(place) else ("", "")
    domain = address.rpartition("@")[2].lower()
    free = not domain or domain in FREE_MAIL or mended(domain) in FREE_MAIL
    return ("", "") if free else (f"domain:{domain}", domain)


NAMED = "in their attributes"
WHY = {"address": "the same last name at the same postal address", "domain": "addresses at one domain"}
"""Why people may belong together, by the word for it; beside these, that they name the same group (`named`)."""


def clue_words(clue: str) -> str:
    """Why people who share this clue may belong together, in words."""
    sort = clue.partition(":")[0]
    return WHY.get("address" if sort == "home" else sort, f"the same {sort} {NAMED}")
