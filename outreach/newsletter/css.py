"""CSS written into style attributes by premailer, and what of the CSS must stay in the head.

Law: nothing is fetched and no file is read; at-rules (media queries, fonts) survive in a <style> that premailer
leaves alone, as does a <style media="…">, their declarations marked !important, else the inlined ones would win.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import lru_cache

_STYLE = re.compile(r"<style\b([^>]*)>(.*?)</style\s*>", re.IGNORECASE | re.DOTALL)
_MEDIA = re.compile(r"""\bmedia\s*=\s*["']?([^"'>]*)""", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STRUCTURE = re.compile(r"[+~]|:(?:first|last|only|nth|not|has|empty|is|where|root)\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\[\s*([\w-]+)[^\]]*\]")
_DECLARATION = re.compile(r"""((?:[^;"'(){}]|"[^"]*"|'[^']*'|\((?:[^()"']|"[^"]*"|'[^']*')*\))+)(;|$)""")
_SIGN = re.compile(
    r"""[{};]|@[\w-]+|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\burl\((?!\s*["'])[^)\n]{0,5000}\)""",
    re.IGNORECASE | re.DOTALL,
)
"""What begins or ends a rule, and what hides such signs: a text in quotation marks, an address (CSS Syntax 4.3)."""
_SELECTOR = re.compile(r"(?<![^{}])([^{}]++)\{")  # begun at a brace alone: else each letter of a block is a beginning
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Selectors:
    """What decides which rule meets which element: `attributes` by name, `structural` the first that looks beside."""

    attributes: frozenset[str]
    structural: str


@lru_cache(maxsize=16)
def inline_css(page: str) -> str:
    """`page`, a whole HTML document, with its CSS in style attributes. Doctype and all outside <html> is kept.

    The last pages are remembered: what is checked, tried and then frozen in one process is inlined once.
    """
    from premailer import Premailer  # lazy: 335 ms, and only a freeze needs it

    before, root, after = split_page(page)
    with _one_at_a_time:
        inlined: str = Premailer(
            _keep_at_rules(root),
            allow_network=False,
            allow_loading_external_files=False,
            strip_important=False,
            disable_validation=True,
            cssutils_logging_level=60,
        ).transform(pretty_print=False)
    return before + inlined + after


def split_page(page: str) -> tuple[str, str, str]:
    """What stands before <html>, the element itself, and what follows it."""
    start = re.search(r"<html\b", page, re.IGNORECASE)
    end = page.lower().rfind("</html>")
    if start is None or end < start.start():
        return "", page, ""
    return page[: start.start()], page[start.start() : end + 7], page[end + 7 :]


def read_selectors(page: str) -> Selectors:
    """The selectors of the CSS that will be inlined."""
    attributes: set[str] = set()
    structural = ""
    for style in _STYLE.finditer(page):
        if "data-premailer" in style[1]:
            continue
        plain, _ = _split_at_rules(_COMMENT.sub("", style[2]))
        for selector in _SELECTOR.findall(plain):
            attributes.update(name.lower() for name in _ATTRIBUTE.findall(selector))
            bare = _ATTRIBUTE.sub("", selector)
            structural = structural or (bare.strip() if _STRUCTURE.search(bare) else "")
    return Selectors(frozenset(attributes), structural)


def _keep_at_rules(page: str) -> str:
    def moved(style: re.Match[str]) -> str:
        if "data-premailer" in style[1]:
            return style[0]
        media = _MEDIA.search(style[1])
        if media is not None and media[1].strip() not in ("", "all", "screen"):  # premailer leaves it where it is
            return f"<style{style[1]}>{_important(_COMMENT.sub('', style[2]))}</style>"
        plain, rules = _split_at_rules(_COMMENT.sub("", style[2]))
        kept = f'<style type="text/css" data-premailer="ignore">{rules}</style>' if rules else ""
        return f"<style{style[1]}>{plain}</style>{kept}"

    return _STYLE.sub(moved, page)


def _split_at_rules(css: str) -> tuple[str, str]:
    """The plain rules and the at-rules of a style sheet without comments.

    What stands in quotation marks, in url(…) or in a block begins no rule, such as the "@2x" of an image's name.
    """
    plain, rules, at, place, depth = [], [], 0, 0, 0
    while (sign := _SIGN.search(css, place)) is not None:
        place = sign.end()
        if sign[0] == "{":
            depth += 1
        elif sign[0] == "}":
            depth = max(0, depth - 1)
        elif sign[0].startswith("@") and depth == 0:
            plain.append(css[at : sign.start()])
            at = place = _end_of_rule(css, place)
            rule = css[sign.start() : at]
            rules.append(_important(rule) if sign[0].lower() in ("@media", "@supports") else rule)
    plain.append(css[at:])
    return "".join(plain), "\n".join(rules)


def _end_of_rule(css: str, at: int) -> int:
    """Where a rule ends that begins before `at`; the semicolons in the address of a font end nothing."""
    depth = 0
    for sign in _SIGN.finditer(css, at):
        if sign[0] == "{":
            depth += 1
        elif sign[0] == "}":
            depth -= 1
            if depth <= 0:
                return sign.end()
        elif sign[0] == ";" and depth == 0:
            return sign.end()
    return len(css)


def _important(rule: str) -> str:
    def block(found: re.Match[str]) -> str:
        return "{" + _DECLARATION.sub(declaration, found[1]) + "}"

    def declaration(found: re.Match[str]) -> str:
        words = found[1].rstrip()
        if ":" not in words or words.lower().endswith("!important"):
            return found[0]
        return f"{words} !important{found[2]}"

    return re.sub(r"\{([^{}]*)\}", block, rule)
