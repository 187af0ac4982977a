"""The words by which a text is sorted, one module per language, each a table that a person can read and mend.

Law: a cue is lower-case words; "*" stands for the rest of a word, "…" for up to four words between. Weights: 3 decides,
2 speaks for it, 1 hints at it; minus speaks against. Leanings are log-odds that a text is a complaint.
"""

from .table import NO_CUES, CueTable, Found, compile_table, find_cues

__all__ = ["NO_CUES", "TABLES", "CueTable", "Found", "compile_table", "find_cues"]

from . import de, de_leanings, en, en_leanings, es, es_leanings, fr, fr_leanings

TABLES: dict[str, CueTable] = {
    "en": compile_table(en.CUES, en.URGENT, en.DENIALS, en.DEGREES, en_leanings.LEANINGS),
    "de": compile_table(de.CUES, de.URGENT, de.DENIALS, de.DEGREES, de_leanings.LEANINGS),
    "fr": compile_table(fr.CUES, fr.URGENT, fr.DENIALS, fr.DEGREES, fr_leanings.LEANINGS),
    "es": compile_table(es.CUES, es.URGENT, es.DENIALS, es.DEGREES, es_leanings.LEANINGS),
}
