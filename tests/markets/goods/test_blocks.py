import dataclasses

import pytest

from markets.goods.blocks import UNLIMITED, Licence, Listing, ParameterBlock

BLOCK = ParameterBlock("3/stem", "weights", "stem", "mlp", owner=3, lineage=(1, 3), cost=1e9)


@pytest.mark.parametrize(
    ("text", "capacity"), [("copy", UNLIMITED), ("exclusive", 1), ("copies: 3", 3), ("copies:12", 12)]
)
def test_licence_capacity(text, capacity):
    assert Licence.parse(text).capacity == capacity


@pytest.mark.parametrize("text", ["", "copies", "copies: 0", "copies: -1", "shared", "copies: 2.5"])
def test_licence_refuses_other_texts_in_one_sentence(text):
    with pytest.raises(ValueError, match="licence must be 'copy', 'exclusive' or 'copies: k'") as error:
        Licence.parse(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("fields", [("copies", None), ("copies", 0), ("exclusive", 2), ("lease", None)])
def test_licence_fields_go_together(fields):
    with pytest.raises(ValueError, match=r"^licence\."):
        Licence(*fields)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "cow"},
        {"owner": -1},
        {"cost": float("nan")},
        {"cost": -1.0},
        {"position": ""},
        {"block_id": ""},
    ],
)
def test_block_names_the_field_that_is_wrong(change):
    with pytest.raises(ValueError, match=rf"^block\.{next(iter(change))} "):
        dataclasses.replace(BLOCK, **change)


@pytest.mark.parametrize("change", [{"reserve": -0.1}, {"reserve": float("inf")}, {"seller": -1}])
def test_listing_names_the_field_that_is_wrong(change):
    listing = Listing(0, 3, BLOCK)
    assert listing.licence.capacity == UNLIMITED
    with pytest.raises(ValueError, match=rf"^listing\.{next(iter(change))} "):
        dataclasses.replace(listing, **change)


def test_copies_are_as_many_as_a_licence_can_state():
    assert Licence.parse(f"copies: {UNLIMITED}").capacity == UNLIMITED
    for copies in (0, UNLIMITED + 1):
        with pytest.raises(ValueError, match=r"licence\.copies must be from 1 to 2\*\*62"):
            Licence("copies", copies)
    for text in ("copies: 0", f"copies: {UNLIMITED + 1}", "copies: " + "9" * 5000):
        with pytest.raises(ValueError, match=r"licence must be 'copy', 'exclusive' or 'copies: k'"):
            Licence.parse(text)
