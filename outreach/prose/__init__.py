"""Prose: HTML to plain text, the language of a text, word shingles.

Law: every function is linear in its input and never raises on any string. Nesting is capped before the
native parser sees it (RELIABILITY, "What comes in is hostile"); nothing is ever fetched.
"""

from .html import Links, html_to_text, parse_html, tree_to_text, wrap
from .language import guess_language
from .words import shingles, words_of

__all__ = ["Links", "guess_language", "html_to_text", "parse_html", "shingles", "tree_to_text", "words_of", "wrap"]
