"""Names that people can tell apart, as they are shown on one screen.

Core Objects: shown_name, looks
"""

import re
import unicodedata
from collections import defaultdict
from functools import cache, lru_cache

from confusable_homoglyphs.confusables import confusables_data

LONGEST_NAME = 24
MOST_MARKS = 4
"""Marks on one letter; more run into the lines around (Unicode Technical Standard 39, section 5.4)."""

INVISIBLE = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810)))
) | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Letters, digits and marks to Unicode, nothing to the eye; what is no letter at all goes anyway."""

BOXED = re.compile(r"(?:.* LATIN CAPITAL|REGIONAL INDICATOR SYMBOL) LETTER ([A-Z])")
"""Names of letters in boxes, circles and flags. Some of them are no compatible form of their letter."""


def shown_name(typed: str) -> str:
    """Return a name as it is shown: composed, on one line, without what cannot be seen.

    It is blank where what was typed is no name: too long, without letter or digit, or with heaps of marks.
    """
    # Much longer than any name, so that no work is spent on it.
    if len(typed) > 10 * LONGEST_NAME:
        return ""
    visible = (c for c in unicodedata.normalize("NFC", typed) if c not in INVISIBLE)
    name = " ".join("".join(c if c.isprintable() else " " for c in visible).split())
    marks = longest = 0
    for letter in unicodedata.normalize("NFD", name):
        marks = marks + 1 if unicodedata.category(letter) in ("Mn", "Me") else 0
        longest = max(longest, marks)
    tells = any(unicodedata.category(letter)[0] in "LN" for letter in name)
    return name if tells and len(name) <= LONGEST_NAME and longest <= MOST_MARKS else ""


@lru_cache(4096)
def looks(name: str) -> frozenset[str]:
    """Return what a name can be taken for; two names that share any of it look alike.

    Each is a skeleton (Unicode Technical Standard 39, section 4): letters in the place of all that look like
    them, in upper and in lower case, and nothing but letters, digits and marks.
    """
    # The compatible letter is not always what a letter looks like: a lunate sigma looks like C.
    forms = {unicodedata.normalize(form, _unboxed(name)) for form in ("NFC", "NFKC")}
    return frozenset(_skeleton(one).casefold() for form in forms for one in (form, form.casefold()))


def _unboxed(name: str) -> str:
    """Return a name with the letters in the place of symbols that are a letter in a box, circle or flag."""
    told = ((letter, BOXED.fullmatch(unicodedata.name(letter, ""))) for letter in name)
    return "".join(boxed[1] if boxed else letter for letter, boxed in told)


def _skeleton(text: str) -> str:
    prototypes = _prototypes()
    for _ in range(3):  # prototypes can consist of letters that have one
        text = "".join(prototypes.get(letter, letter) for letter in unicodedata.normalize("NFD", text))
    return "".join(c for c in text if unicodedata.category(c)[0] in "LNM" and c not in INVISIBLE)


@cache
def _prototypes() -> dict[str, str]:
    """Return for each letter the one text that stands for all that look like it.

    The library lists pairs, without their direction. In Unicode's table all of a class point to one
    prototype, so that it is what has most partners; in classes of two either will do.
    """
    alike: dict[str, set[str]] = defaultdict(set)
    for one, others in confusables_data.items():
        alike[_unmarked(one)].update(_unmarked(other["c"]) for other in others)
    prototypes: dict[str, str] = {}
    for start in sorted(alike):
        if start in prototypes:
            continue
        members, found = [start], {start}
        for member in members:
            fresh = sorted(alike[member] - found)
            members += fresh
            found.update(fresh)
        prototype = max(members, key=lambda member: (len(alike[member]), len(member), member))
        prototypes.update(dict.fromkeys(members, prototype))
    return {letter: prototype for letter, prototype in prototypes.items() if len(letter) == 1}


def _unmarked(text: str) -> str:
    """Return a text of the table without the marks of direction around it."""
    return unicodedata.normalize("NFD", text.replace("\u200e", ""))
