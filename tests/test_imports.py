"""Who imports whom: layers import downward only, in no circle, and nothing hides that they would not."""

import ast
from pathlib import Path

import grimp
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

LAYERS = ("markets", "agents", "sim", "experiments")
"""Each may import those before it."""
WORLDS = {"ParameterMarket", "InducedMarket"}
PLAYERS = {"market", "induced", "play", "cohort"}
"""Modules of `sim` that are worlds or play them."""


@pytest.fixture(scope="module")
def graph():
    """Every import between two modules of the project; those for type checkers and within functions too."""
    return grimp.build_graph(*LAYERS, exclude_type_checking_imports=False, cache_dir=None)


def arrows(graph):
    return [(one, other) for one in graph.modules for other in graph.find_modules_directly_imported_by(one)]


def circles(modules, arrows):
    """Return the groups of modules that import each other, directly or by others."""
    place = {module: number for number, module in enumerate(modules)}
    rows, columns = ([place[arrow[end]] for arrow in arrows] for end in (0, 1))
    edges = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(modules),) * 2)
    count, group = connected_components(edges, connection="strong")
    found = [[modules[i] for i in np.flatnonzero(group == number)] for number in range(count)]
    return [sorted(circle) for circle in found if len(circle) > 1]


def test_nothing_is_imported_in_a_circle(graph):
    assert len(graph.modules) > 300
    assert circles(sorted(graph.modules), arrows(graph)) == []


def test_layers_import_downward_only(graph):
    layer = {name: number for number, name in enumerate(LAYERS)}
    upward = [
        (one, other) for one, other in arrows(graph) if layer[other.split(".")[0]] > layer[one.split(".")[0]]
    ]
    assert upward == []


def test_no_module_of_ours_is_imported_for_type_checkers_alone(graph):
    seen = grimp.build_graph(*LAYERS, exclude_type_checking_imports=True, cache_dir=None)
    assert set(arrows(graph)) == set(arrows(seen))


def test_circles_are_found():
    modules = ["a", "b", "c", "d"]
    assert circles(modules, [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]) == [["a", "b", "c"]]
    assert circles(modules, [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")]) == []


def test_no_function_takes_a_world_but_those_that_play_it():
    taking = []
    for path in (Path(__file__).parents[1] / "sim").rglob("*.py"):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(one, ast.arg) and one.annotation and path.stem not in PLAYERS:
                taking += [path.name] * any(world in ast.unparse(one.annotation) for world in WORLDS)
    assert taking == []
