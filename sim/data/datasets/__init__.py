"""Datasets: a class in `DATASETS` each; its `load` returns `Examples`.

Core Objects: DATASETS, Dataset, Examples, DataError
"""

from markets.registry import Registry, import_submodules
from sim.data.datasets.base import DataError, Dataset, Examples

DATASETS: Registry[Dataset] = Registry("dataset", Dataset)

import_submodules(__name__, list(__path__))
