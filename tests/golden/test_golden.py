"""Nothing that the records hold has changed: small worlds, played again, come out as they were."""

from pathlib import Path

import pytest

from tests.golden.__main__ import play, play_all
from tests.golden.declared import OTHER_WAYS, RECORDS
from tests.golden.files import RECORDED, differences

pytestmark = pytest.mark.xdist_group("golden")

HOW_TO = (
    "\n\nIf this is meant, renew the records and say in the commit which change and why:\n"
    "    python -m tests.golden renew NAMES"
)


@pytest.fixture(scope="module")
def portable(tmp_path_factory):
    """The folder of the records of models that learn, as they come out now; one process plays them all."""
    folder = tmp_path_factory.mktemp("portable")
    names = [name for name, record in RECORDS.items() if record.portable]
    play_all([*names, *(f"{name}.again" for name in OTHER_WAYS)], folder)
    return folder


def assert_as_recorded(name: str, now: Path) -> None:
    told = differences(RECORDED / name, now)
    assert not told, "\n".join(told) + HOW_TO


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_comes_out_as_it_was(name, request, tmp_path):
    if RECORDS[name].portable:
        folder = request.getfixturevalue("portable")
    else:
        play([name], folder := tmp_path)
    assert_as_recorded(name, folder / name)


@pytest.mark.parametrize("name", OTHER_WAYS)
def test_a_record_comes_out_the_same_another_way(name, portable):
    assert_as_recorded(name, portable / f"{name}.again")


def test_there_is_no_record_that_nobody_plays():
    assert {path.name for path in RECORDED.iterdir()} == set(RECORDS)
