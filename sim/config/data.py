"""Which examples there are and who gets them, as a configuration."""

import dataclasses
from dataclasses import field
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from markets.choices import LATER, Choice, is_unset
from markets.refusals import InputError
from sim.data.datasets import DATASETS, Dataset, Examples
from sim.data.datasets.own.arrays import Duplicates, TaskName
from sim.data.endowments import ENDOWMENTS, EndowmentRule
from sim.data.endowments.base import Groups, Positive, Share

Fraction = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
DATASET = Choice("data.dataset", DATASETS, shares=True)
ENDOWMENT = Choice("data.endowment", ENDOWMENTS, shares=True)


@dataclass(frozen=True, config={"extra": "forbid"})
class DataConfig:
    """Which examples there are and who gets them.

    Parameters
    ----------
    dataset : str or mapping
        The name of a dataset, or a mapping of its own fields with its ``name``.
    data_home : str or None
        Folder of the cache of downloads; scikit-learn's own by default.
    examples : int or None
        Size of a stratified subset to use, of each task and without copies (see `sim.data.division`); all by
        default.
    standardise : bool
        Whether models see inputs less their mean, in units of their deviation, in the place of inputs as they
        are, as pixels in [0, 1]. These are the dataset's usual ones, or else those of the endowments: of each
        column of a table, of each channel of images.
    endowment : str or mapping
        The name of a rule, or a mapping of its own fields with its ``name``. ``iid``: stratified shares.
        ``class_skew``: everything of the classes of one's group, a fraction `kept` of the others.
        ``dirichlet``: the shares of every class are drawn. ``by_feature``: everybody owns a range of one
        feature. ``sizes``: sizes fall by a power law. ``by_owner``: the data say who owns what. ``auto``: the
        last one where they do, otherwise iid.
    groups : int
        Groups of classes and of organisations (class_skew).
    kept : float
        Fraction kept of each class outside one's group, in [0, 1] (class_skew).
    alpha : float
        Concentration, the smaller the less alike (dirichlet).
    disjoint : bool
        Whether the pool is shared out first, so that no two organisations own the same example; if not,
        everybody starts from the whole pool (class_skew).
    sizes : list of float
        Relative sizes of the shares of the pool (iid, auto, class_skew), repeated over the organisations:
        ``[3, 1]`` gives every second one a third of its neighbour's; all alike by default.
    validation, test : float
        Fractions of the examples, in (0, 1), that sum to less than 1; the pool has the rest.
    path : str or None
        Where a user's own data are, from the folder of the command (file, folder).
    label : str or None
        The column of a table that is to be foretold; ``label`` by default (file, module).
    factory : str or None
        The function that returns a user's own data, ``./file.py:name`` or ``module:name``, from the folder of
        the command (module).
    options : dict
        What the function is called with, by keyword (module).
    task : str or None
        What is to be learnt of a user's own data: ``classification``, ``regression`` or ``next_token``; by
        default what the labels speak of (file, module).
    duplicates : str
        What becomes of equal inputs in a user's own data: ``refuse``, ``drop`` all but the first, ``keep``
        (file, folder, module).
    """

    dataset: Annotated[Any, DATASET] = "digits"
    data_home: str | None = None
    examples: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    standardise: bool = False
    endowment: Annotated[Any, ENDOWMENT] = "iid"
    groups: Groups = 2
    kept: Share = 0.1
    alpha: Positive = 0.5
    disjoint: bool = True
    sizes: list[Positive] = field(default_factory=list)
    validation: Fraction = 0.2
    test: Fraction = 0.2
    path: str | None = field(default=None, metadata=LATER)
    label: str | None = field(default=None, metadata=LATER)
    factory: str | None = field(default=None, metadata=LATER)
    options: dict[str, Any] = field(default_factory=dict, metadata=LATER)
    task: TaskName = field(default=None, metadata=LATER)
    duplicates: Duplicates = field(default="refuse", metadata=LATER)

    def __post_init__(self) -> None:
        source, rule = self.source(), self.rule()
        for own in dataclasses.fields(self):
            is_own = own.metadata == LATER and not is_unset(own, getattr(self, own.name))
            if is_own and own.name not in {one.name for one in dataclasses.fields(source)}:  # type: ignore[arg-type]
                raise InputError(
                    f"data.{own.name} must be left alone for dataset {source.name}, which has no such field; "
                    f"got {getattr(self, own.name)!r}"
                )
        if self.sizes and not takes_sizes(self.endowment):
            raise InputError(f"data.sizes must be empty for endowment {rule.name}; got {self.sizes}")
        if self.validation + self.test >= 1:
            raise InputError(
                f"data.validation + data.test must be less than 1; got {self.validation} + {self.test}"
            )

    def source(self) -> Dataset:
        """Return the dataset."""
        dataset: Dataset = DATASET.build(self.dataset, vars(self))
        return dataset

    def rule(self) -> EndowmentRule:
        """Return the rule of endowments, with the fields that it shares with this configuration."""
        rule: EndowmentRule = ENDOWMENT.build(self.endowment, vars(self))
        return rule


def takes_sizes(endowment: Any) -> bool:
    """Return whether the rule that `DataConfig.endowment` names can share out by relative sizes."""
    cls: Any = ENDOWMENTS[ENDOWMENT.name_of(endowment)]
    return "sizes" in {own.name for own in dataclasses.fields(cls)}


_LOADED: dict[tuple[str, str], Examples] = {}
"""The examples that were loaded last, by their dataset and the digest of a user's own."""


def load_examples(config: DataConfig) -> Examples:
    """Return all examples of the configured dataset; `sim.data.division.divide` takes the subset."""
    source = config.source()
    what = (repr(source), source.digest())
    if what not in _LOADED:
        _LOADED.clear()
        _LOADED[what] = source.load()
    return _LOADED[what]
