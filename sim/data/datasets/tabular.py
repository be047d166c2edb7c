"""Tables that come with scikit-learn."""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from sim.data.datasets import DATASETS
from sim.data.datasets.base import Dataset, Examples
from sim.data.datasets.own.arrays import Given, examples_of

TABLES: dict[str, Callable[..., Any]] = {
    "breast_cancer": load_breast_cancer,
    "diabetes": load_diabetes,
    "iris": load_iris,
    "wine": load_wine,
}


@DATASETS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Tabular(Dataset):
    """A table that comes with scikit-learn; no cache.

    ``breast_cancer`` (569 tumours by 30 measurements, benign or malignant), ``wine`` (178 wines by 13, three
    growers), ``iris`` (149 flowers by 4, three species; one that is there twice is left out) and ``diabetes``
    (442 patients by 10; a number, the disease's progression within a year, is to be foretold).

    Parameters
    ----------
    table : str
        Which one (tabular).
    """

    name: str = "tabular"
    table: Annotated[str, Field(pattern="^(breast_cancer|diabetes|iris|wine)$")] = "breast_cancer"

    def load(self) -> Examples:
        """Return the examples, [E, F], numbers as they were measured."""
        is_number = self.table == "diabetes"
        bunch = TABLES[self.table](**{"scaled": False} if is_number else {})
        names = () if is_number else tuple(str(name) for name in bunch.target_names)
        given = Given(
            inputs=bunch.data,
            labels=bunch.target,
            source=f"scikit-learn {TABLES[self.table].__name__}",
            features=tuple(str(name) for name in bunch.feature_names),
            numbers=np.ones(bunch.data.shape[1], dtype=bool),
            vocabulary=names,
            label="progression" if is_number else "labels",
        )
        return examples_of(given, "regression" if is_number else "classification", "drop")
