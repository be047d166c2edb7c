"""Names that look alike are one name, and names that do not are not."""

import itertools
import unicodedata

import pytest
from confusable_homoglyphs.confusables import confusables_data

from experiments.teaching.lecture.lecture import Lecture, LectureError
from experiments.teaching.lecture.names import LONGEST_NAME, looks, shown_name
from tests.experiments.teaching.lecture.conftest import small_book

ALIKE = [
    ("Ada", "\u0410d\u0430"),  # Cyrillic
    ("Ada", "ADA"),
    ("Ida", "lda"),
    ("Bob", "B0b"),
    ("Tom", "Torn"),
    ("Ada 1", "Ada l"),
    ("Ada", "A\u034fda"),  # an invisible mark
    ("Ada", "Ada\ufe0f"),
    ("Ada", "Ada\u2800"),  # a blank of Braille
    ("Ada", "Ada."),
    ("Ada", "\U0001d400\U0001d41d\U0001d41a"),  # mathematical letters
    ("Ada", "\uff21\uff44\uff41"),  # full width
    ("fin", "\ufb01n"),
    ("Zo\xeb", "Zoe\u0308"),
    ("\u0391\u03bd\u03bd\u03b1", "Avva"),  # Greek
    ("\u53e3", "\u30ed"),
    ("Cem", "\u03f9em"),  # a lunate sigma
    ("Cem", "\U0001f172em"),  # white in a black square
    ("Cem", "\U0001f152em"),  # white in a black circle
    ("Cem", "\U0001f1e8em"),  # of flags
    ("Cem", "\u24b8em"),
]
UNLIKE = [
    "Ada",
    "Bob",
    "Bob 2",
    "Ali",
    "All",
    "Zoe",
    "Zo\xeb",
    "Mia",
    "\u041c\u0430\u0448\u0430",
    "\u9648\u4f1f",
]


@pytest.mark.parametrize(("name", "other"), ALIKE)
def test_a_name_that_looks_like_another_is_taken(name, other):
    for first, second in ((name, other), (other, name)):
        lecture = Lecture(small_book())
        lecture.join(first)
        with pytest.raises(LectureError, match="already called"):
            lecture.join(second)


def test_names_that_differ_to_the_eye_differ():
    assert not [pair for pair in itertools.combinations(UNLIKE, 2) if looks(pair[0]) & looks(pair[1])]


def test_every_pair_of_letters_in_unicodes_table_looks_alike():
    def told(text):
        return all(unicodedata.category(c)[0] in "LN" for c in unicodedata.normalize("NFKD", text))

    pairs = [
        (one, other["c"])
        for one, others in confusables_data.items()
        for other in others
        if told(one) and told(other["c"])
    ]
    assert len(pairs) > 5000
    # Where normalisation makes another letter of one, that letter decides: a ligature is its letters.
    apart = [pair for pair in pairs if not looks(f"x{pair[0]}") & looks(f"x{pair[1]}")]
    assert len(apart) < 0.02 * len(pairs), apart


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  Bob\n ", "Bob"),
        ("\ud800x", "x"),
        ("\u202eadA", "adA"),
        ("A\u200bda", "A da"),
        ("Ada\ufe0f", "Ada"),
        ("Zoe\u0308", "Zo\xeb"),
        ("\u0646\u0648\u0631", "\u0646\u0648\u0631"),
        ("x" * LONGEST_NAME, "x" * LONGEST_NAME),
        ("x" * (LONGEST_NAME + 1), ""),
        ("x " * 1_000_000, ""),
        ("A" + "\u0301" * 5, ""),
        ("\u0301", ""),
        ("\u3164", ""),
        ("!?", ""),
        ("\U0001f469\u200d\U0001f393", ""),
        ("", ""),
    ],
)
def test_a_name_is_shown_as_it_looks(typed, shown):
    assert shown_name(typed) == shown
