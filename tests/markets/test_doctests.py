import doctest
import importlib
import pkgutil

import pytest

import markets
from markets.mechanisms import MECHANISMS

MODULES = [m.name for m in pkgutil.walk_packages(markets.__path__, "markets.")]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0


@pytest.mark.parametrize("name", list(MECHANISMS))
def test_every_mechanism_has_an_example(name):
    assert doctest.DocTestFinder().find(MECHANISMS[name])[0].examples
