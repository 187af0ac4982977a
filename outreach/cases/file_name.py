"""A name under which a stranger's file may be saved.

Law: the name decides nothing: no folder, no hidden file, no device of Windows, no sign that turns the text around, and
no ending by which a desk's computer would run it.
"""

from __future__ import annotations

import unicodedata

LONGEST_BYTES = 120
DANGEROUS = frozenset(
    "exe com scr pif bat cmd ps1 psm1 vbs vbe js jse mjs wsf wsh hta msi msp msc cpl lnk url scf reg inf jar jnlp apk"
    " app dmg pkg command desktop sh bash zsh csh py pyw pl rb php html htm xhtml shtml svg xml mht mhtml chm hlp docm"
    " dotm xlsm xltm xlam pptm potm ppam iso img vhd vhdx dll sys ocx gadget application appref-ms library-ms"
    " settingcontent-ms webloc one onepkg xll slk iqy".split()
)
SAFE_END = ".saved"
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)))
)


def is_dangerous(name: str) -> bool:
    """Whether a computer might run a file of this name when it is opened."""
    return name.rstrip(". ").rpartition(".")[2].lower() in DANGEROUS


def safe_name(name: str, number: int) -> str:
    """The name to save it under; `number` names one that has none. A file that could be run gets another ending."""
    plain = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    kept = "".join(sign if _is_plain(sign) else "_" for sign in plain)
    kept = " ".join(kept.split()).strip(" .").lstrip(".-~ ")
    if not kept or not any(sign.isalnum() for sign in kept):
        kept = f"attachment-{number}"
    if kept.partition(".")[0].strip().lower() in _DEVICES:
        kept = f"_{kept}"
    kept = _shortened(kept)
    return kept + SAFE_END if is_dangerous(kept) else kept


def numbered(name: str, copy: int) -> str:
    """The same name for a further file of this name: photo.jpg, photo-2.jpg."""
    if copy == 1:
        return name
    stem, dot, ending = name.rpartition(".")
    return f"{stem}-{copy}{dot}{ending}" if dot and stem else f"{name}-{copy}"


def _is_plain(sign: str) -> bool:
    return (
        sign.isprintable() and sign not in '<>:"|?*%$`' and unicodedata.category(sign) not in ("Cf", "Co", "Cn", "Cs")
    )


def _shortened(name: str) -> str:
    """At most `LONGEST_BYTES`, its ending kept."""
    if len(name.encode()) <= LONGEST_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending.encode()) > 16:
        stem, dot, ending = name, "", ""
    room = LONGEST_BYTES - len(f"{dot}{ending}".encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .") + dot + ending
