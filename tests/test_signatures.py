"""No function asks for eight things or more: what travels together is one value.

A record (a dataclass) may have as many fields as it needs, and its class methods that return one as many
parameters.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("agents", "experiments", "markets", "sim")
MOST = 7
Function = ast.FunctionDef | ast.AsyncFunctionDef


def asked_for(function: Function) -> list[str]:
    """Return the parameters of a function, `self` and `cls` left out."""
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


def constructors(class_: ast.ClassDef) -> set[Function]:
    """Return the class methods of a dataclass that return one."""
    found = set()
    record = any("dataclass" in ast.unparse(d) or "value" in ast.unparse(d) for d in class_.decorator_list)
    for function in (f for f in class_.body if isinstance(f, Function)):
        other_way = "classmethod" in [ast.unparse(d) for d in function.decorator_list] and function.returns
        if other_way and record and ast.unparse(other_way).strip("'\"") in (class_.name, "Self"):
            found.add(function)
    return found


def too_long(tree: ast.Module) -> Iterator[Function]:
    """Yield the functions of a module, nested ones too, that ask for too much."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    free = {function for class_ in classes for function in constructors(class_)}
    for node in ast.walk(tree):
        if isinstance(node, Function) and node not in free and len(asked_for(node)) > MOST:
            yield node


def test_no_function_asks_for_eight_things() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}({', '.join(asked_for(function))})"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for function in too_long(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f(a, b, c, d, e, f, g): ...", []),
        ("def f(a, b, c, d, *, e, f, g, h): ...", ["f"]),
        ("async def f(a, b, c, d, e, f, g, h): ...", ["f"]),
        ("class A:\n def m(self, a, b, c, d, e, f, g): ...", []),
        ("class A:\n def __init__(self, a, b, c, d, e, f, g, h): ...", ["__init__"]),
        ("class A:\n @classmethod\n def of(cls, a, b, c, d, e, f, g, h) -> 'A': ...", ["of"]),
        ("@dataclass\nclass A:\n @classmethod\n def of(cls, a, b, c, d, e, f, g, h) -> 'A': ...", []),
        ("@dataclass\nclass A:\n @classmethod\n def of(cls, a, b, c, d, e, f, g, h) -> int: ...", ["of"]),
        ("def f():\n def g(a, b, c, d, e, f, g, h): ...", ["g"]),
    ],
)
def test_what_counts(code: str, found: list[str]) -> None:
    assert [function.name for function in too_long(ast.parse(code))] == found
