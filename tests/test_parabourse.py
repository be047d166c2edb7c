"""The face for Python users: a dozen names, and a tutorial that runs."""

import doctest

import parabourse


def test_the_face_is_a_dozen_names_or_so_and_nothing_else():
    public = {name for name in vars(parabourse) if not name.startswith("_")}
    assert public == set(parabourse.__all__)
    assert len(public) < 20


def test_the_tutorial_runs():
    found = doctest.testmod(parabourse)
    assert found.attempted > 10
    assert found.failed == 0
