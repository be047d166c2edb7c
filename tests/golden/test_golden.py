"""Nothing that the records hold has changed: small worlds, played again, come out as they were."""

import pytest

from tests.golden.__main__ import play, play_all
from tests.golden.declared import OTHER_WAYS, RECORDS
from tests.golden.files import OTHER_KERNELS, RECORDED, USUAL, differences
from tests.golden.kernels import SOME, X86, play_elsewhere

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


def assert_as_recorded(name, now, tolerance=USUAL):
    told = differences(RECORDED / name, now, tolerance)
    assert not told, "\n".join(told) + HOW_TO


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_comes_out_as_it_was(name, request, tmp_path):
    if RECORDS[name].portable:
        # Other families of processors have no instructions in common with those that made the records.
        assert_as_recorded(name, request.getfixturevalue("portable") / name, USUAL if X86 else OTHER_KERNELS)
    else:
        play([name], tmp_path)
        assert_as_recorded(name, tmp_path / name)


@pytest.mark.parametrize("name", OTHER_WAYS)
def test_a_record_comes_out_the_same_another_way(name, portable):
    assert_as_recorded(name, portable / f"{name}.again", USUAL if X86 else OTHER_KERNELS)


def test_there_is_no_record_that_nobody_plays():
    assert {path.name for path in RECORDED.iterdir()} == set(RECORDS)


@pytest.mark.slow
@pytest.mark.skipif(not X86, reason="the kernels are those of x86-64")
@pytest.mark.parametrize("kernels", SOME)
def test_other_kernels_change_nothing_but_last_digits(kernels, tmp_path):
    play_elsewhere(RECORDS, tmp_path, SOME[kernels])
    for name, record in RECORDS.items():
        assert_as_recorded(name, tmp_path / name, OTHER_KERNELS if record.portable else USUAL)


@pytest.mark.slow
def test_induced_values_need_no_portable_kernels(tmp_path):
    names = [name for name, record in RECORDS.items() if not record.portable]
    play_elsewhere(names, tmp_path)
    for name in names:
        assert_as_recorded(name, tmp_path / name)
