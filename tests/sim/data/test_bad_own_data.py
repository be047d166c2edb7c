"""A user's own data that cannot be learnt from or divided: one sentence each."""

import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from markets.refusals import InputError
from markets.user_code import UserCodeError
from sim.config.data import DataConfig
from sim.data.datasets import DataError
from tests.sim.data.own_files import COUNT, ROWS, TEXTS, TOKENS, arrays, code, images, loaded, table

pytestmark = pytest.mark.usefixtures("folder")


class Harm:
    def __reduce__(self):
        return (print, ("unpickled",))


NAN = np.where(np.arange(COUNT)[:, None] == 5, np.nan, ROWS)
ONE_EACH = np.arange(COUNT)
NUMBER = {"task": "regression"}
BAD_ARRAYS = {
    "NaN": ({"inputs": NAN}, {}, "inputs must be finite numbers; got NaN or an infinity in row 5"),
    "infinite": ({"inputs": ROWS * 1e300}, {}, "inputs must be finite numbers"),
    "texts": ({"inputs": np.full((COUNT, 2), "a")}, {}, "inputs must be numbers; got <U1"),
    "complex": ({"inputs": ROWS * 1j}, {}, "inputs must be numbers; got complex128"),
    "none": ({"inputs": ROWS[:0]}, {}, r"inputs must be examples, .*; got shape \(0, 3\)"),
    "a scalar": ({"inputs": 3.0}, {}, r"inputs must be examples, one a row"),
    "too few labels": (
        {"labels": TEXTS[1:]},
        {},
        r"labels must be as many as inputs \(60\); got shape \(59,\)",
    ),
    "too few owners": ({"organisation": [1]}, {}, r"organisation must be as many as inputs \(60\)"),
    "owner unknown": ({"organisation": NAN[:, 0]}, {}, "organisation must have no missing value; got nan"),
    "label unknown": ({"labels": NAN[:, 0]}, {}, "labels must have no missing value; got nan in row 5"),
    "target unknown": ({"labels": NAN[:, 0]}, NUMBER, "labels must be finite numbers; got nan in row 5"),
    "infinite label": (
        {"labels": np.where(np.isnan(NAN[:, 0]), np.inf, 0.5 + ONE_EACH)},
        {},
        "labels must be finite numbers; got inf in row 5",
    ),
    "target of text": ({}, NUMBER, "labels must be one number an example for regression; got <U3"),
    "one target": ({"labels": ROWS[:, 0] * 0}, NUMBER, "labels must differ between examples; got 0.0"),
    "a class a row": (
        {"labels": ONE_EACH},
        {},
        "labels must name each class at least 3 times, .*; got '0' 1 times, 60 classes of 60 ",
    ),
    "a rare class": (
        {"labels": ONE_EACH > 57},
        {},
        "each class at least 3 times.* 'True' 2 times, 2 classes",
    ),
    "one class": ({"labels": ONE_EACH * 0}, {}, "labels must name at least two classes; got '0' alone"),
    "unnamed class": (
        {"labels": ONE_EACH % 3, "vocabulary": ["a", "b"]},
        {},
        "labels must be whole numbers below 2, .*; got '2'",
    ),
    "fractions as tokens": (
        {},
        {"task": "next_token"},
        r"inputs must be whole numbers of shape \[E, T\], tokens",
    ),
    "negative token": ({"inputs": TOKENS - 1, "labels": TOKENS}, {}, "tokens must be .* from 0 to 4; got -1"),
    "nameless token": ({"inputs": TOKENS, "labels": TOKENS, "vocabulary": ["a"]}, {}, "from 0 to 0; got 4"),
    "rows as tokens": (
        {"inputs": TOKENS, "labels": TOKENS * 1.0},
        {},
        "labels must be whole numbers of shape",
    ),
    "another name": (
        {"organization": ONE_EACH},
        {},
        "arrays must be among inputs, labels, .*; got 'organization'",
    ),
    "names of too few": ({"features": ["a"]}, {}, "features must name each of 3 inputs; got 1 names"),
    "objects": (
        {"labels": np.array([Harm()] * COUNT)},
        {},
        "must name arrays of numbers and texts, none of obj",
    ),
}


@pytest.mark.parametrize(("fields", "others", "told"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_arrays_that_cannot_be_learnt_from_are_told_in_a_sentence(fields, others, told, capsys):
    config = arrays(**fields) | others
    with pytest.raises(DataError, match=told):
        loaded(config)
    assert "unpickled" not in capsys.readouterr().out


def without(*names):
    return {"dataset": {"name": "file", "ignore": [*names]}}


BAD_TABLES = {
    "no label": ({}, {"label": "price"}, "data.label must name a column among age, sex, label; got 'price'"),
    "NaN": ({"age": NAN[:, 0]}, {}, "column age must have no missing value; got 1, the first in row 5"),
    "missing category": (
        {"sex": [None, *TEXTS[1:]]},
        {},
        "column sex must have no missing value; got 1, .* row 0",
    ),
    "missing label": (
        {"label": [None, *TEXTS[1:]]},
        {},
        "label must have no missing value; got (nan|None) in row 0",
    ),
    "dates": (
        {"day": pd.date_range("2020-01-01", periods=COUNT)},
        {},
        r"column day must hold numbers, or texts as categories; got Timestamp .*ignore=\[day\]",
    ),
    "infinite": (
        {"age": [1e300, *ROWS[1:, 0]]},
        {},
        r"age must hold numbers of float32; got 1e\+300 in row 0",
    ),
    "ignored": ({}, without("id"), "data.dataset.ignore must be among age, .*; got 'id'"),
    "nothing else": ({}, without("age", "sex"), "table must have a column beside 'label'"),
}


@pytest.mark.parametrize(("columns", "others", "told"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_tables_that_cannot_be_learnt_from_are_told_in_a_sentence(columns, others, told):
    config = table("mine.parquet", **columns) | others
    with pytest.raises(DataError, match=told):
        loaded(config)


def test_a_column_of_too_many_values_is_no_category():
    pd.DataFrame({"name": [f"Mr {k}" for k in range(200)], "label": [0, 1] * 100}).to_csv("mine.csv")
    with pytest.raises(
        DataError, match=r"column name must have at most 100 values .*; got 200 .*categories=codes"
    ):
        loaded({"dataset": "file", "path": "mine.csv"})


def test_files_that_cannot_be_read_are_told_in_a_sentence(folder):
    (folder / "mine.npz").write_bytes(b"PK no archive")
    (folder / "mine.csv").write_bytes(b"")
    (folder / "mine.parquet").write_bytes(b"no table")
    (folder / "mine.pkl").write_bytes(pickle.dumps(Harm()))
    for path, told in {
        "mine.npz": r"data.path must name arrays of numbers and texts.*; got mine\.npz",
        "mine.csv": r"data.path must name a table that can be read; got mine\.csv",
        "mine.parquet": r"data.path must name a table that can be read; got mine\.parquet",
        "mine.pkl": r"must name a file that ends in \.npz, \.csv, \.tsv, \.parquet, from .*; got 'mine\.pkl'",
        "absent.npz": r"must name a file that ends in .*; got 'absent\.npz'",
        None: "must name a file that ends in .*; got None",
    }.items():
        with pytest.raises(DataError, match=told):
            loaded({"dataset": "file", "path": path})


def test_folders_without_images_are_told_in_a_sentence(folder):
    with pytest.raises(DataError, match=r"data.path must name a folder that holds .*; got 'images'"):
        loaded({"dataset": "folder", "path": "images"})
    (folder / "images" / "cat").mkdir(parents=True)
    with pytest.raises(
        DataError, match=r"data.path must hold a folder of images for each class; .* with 1 folders"
    ):
        loaded({"dataset": "folder", "path": "images"})
    config = images(((9, 7), (5, 5)))
    with pytest.raises(
        DataError, match=r"images must be of one size, .*; got cat/0.png of \(9, 7\) and dog/1.png"
    ):
        loaded(config)
    with pytest.raises(DataError, match=r"data.dataset.size must be height and width, or empty; got \[4\]"):
        loaded(config | {"dataset": {"name": "folder", "size": [4]}})
    (folder / "images" / "cat" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"images must be files that can be read; got .*cat/0.png"):
        loaded(config)
    (folder / "images" / "cat" / "0.png").unlink()
    Image.fromarray(np.zeros((9, 7), np.int32)).save(folder / "images" / "cat" / "0.tif")
    with pytest.raises(DataError, match=r"images must have eight bits a channel; got .*cat/0.tif of mode I"):
        loaded(config)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def load(): return 3", "data.factory must return a pair of .*; got int from"),
        ("def load(): return 'mnist'", "data.factory must return .*; got str"),
        ("def load(): return np.zeros((3, 4))", "data.factory must return .*; got ndarray"),
        ("def load(): return [1, 2]", "data.factory must return .*; got list"),
        ("def load(): return {'x': 1}", r"arrays must be among inputs, .*; got 'x' in \./mine\.py:load"),
        ("load = 3", "data.factory must name a function; got ./mine.py:load, int"),
        ("other = 3", "data.factory must name something that is in ./mine.py; got 'load'"),
        (
            "def load(): return [(np.zeros(k % 2 + 1), k % 2) for k in range(9)]",
            r"inputs must have one shape; got items of \(1,\) and \(2,\)",
        ),
    ],
)
def test_functions_that_return_no_examples_are_told_in_a_sentence(text, told):
    with pytest.raises(InputError, match=told):
        loaded(code(text))


def test_what_a_users_function_raises_is_no_sentence():
    texts = ("def load(): return 1 / 0", "def load(): return open('absent').read()", "1 / 0")
    for name, text in zip("abc", texts, strict=True):
        with pytest.raises(UserCodeError, match=rf"the code of data\.factory=\./{name}\.py"):
            loaded(code(text, name))


def test_fields_of_own_data_do_not_go_with_data_that_have_none():
    with pytest.raises(
        ValueError, match=r"data.path must be left alone for dataset digits, .*; got 'mine.npz'"
    ):
        DataConfig(path="mine.npz")
    with pytest.raises(ValueError, match=r"data.factory must be left alone for dataset file"):
        DataConfig(dataset="file", path="mine.npz", factory="a:b")
    with pytest.raises(DataError, match=r"data.factory must name a function, as ./mine.py:load; got None"):
        loaded({"dataset": "module"})
