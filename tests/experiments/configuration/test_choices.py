"""A class of one's own is chosen by its name, and its fields are keys below it."""

import numpy as np
import pytest
from pydantic.dataclasses import dataclass

from agents.learning.alignment.base import Unaligned
from agents.learning.operations.weight_searches.golden import GoldenSection
from experiments.command_line.cli import main
from experiments.command_line.explaining.keys import keys_of
from experiments.configuration.composition import check_cells, compose_config, set_up_hydra
from experiments.configuration.loading import forget_composed
from sim.config.broker import BrokerConfig
from sim.config.data import load_examples
from sim.data.datasets import DATASETS, Dataset, Examples
from tests.experiments.conftest import refused


@pytest.fixture
def blobs(monkeypatch):
    """A dataset with fields of its own."""
    monkeypatch.setattr(DATASETS, "_classes", dict(DATASETS._classes))

    @DATASETS.register
    @dataclass(frozen=True, config={"extra": "forbid"})
    class Blobs(Dataset):
        """Images of one brightness a class.

        Parameters
        ----------
        each : int
            Images of a class.
        tints : list of float
            The brightness of each class, in [0, 1].
        """

        name: str = "blobs"
        each: int = 20
        tints: tuple[float, ...] = (0.2, 0.8)

        def load(self):
            classes = len(self.tints)
            labels = np.tile(np.arange(classes), self.each)
            inputs = np.array(self.tints, dtype=np.float32)[labels].reshape(-1, 1, 1, 1)
            return Examples(inputs, labels, classes, [f"tint {k}" for k in range(classes)], "a test")

    set_up_hydra()
    forget_composed()


def test_a_datasets_own_fields_are_keys(blobs, own_folder, capsys):
    few = ["data.dataset=blobs", "data.dataset.each=30", "data.dataset.tints=[0,0.5,1]"]
    for typed in (few, few[::-1], ["data.dataset={name:blobs,each:30,tints:[0,0.5,1]}"]):
        examples = load_examples(compose_config(typed).data)
        assert (examples.inputs.shape, examples.classes) == ((90, 1, 1, 1), 3)
    assert len(load_examples(compose_config(few[:1]).data).labels) == 40
    cells = check_cells([*few, "data.dataset.each=20,30", "seed=1,2"])
    assert [len(load_examples(cell.data).labels) for cell in cells] == [60, 60, 90, 90]
    keys = {key.path: key for key in keys_of(compose_config([]))}
    assert "blobs" in keys["data.dataset"].kind
    assert (keys["data.dataset.each"].owner, keys["data.dataset.each"].default) == ("blobs", "20")
    tiny = ["organisations=2", "rounds=1", "replicates=2", "network.widths=[4]", "run.figures=false"]
    assert main(["run", *few, *tiny]) == 0
    capsys.readouterr()
    assert "data.dataset.each must be allowed by dataset blobs, whose fields are each, tints" in refused(
        capsys, "run", *few, "data.dataset.each=many"
    )
    assert "data.dataset.size must be allowed by dataset blobs" in refused(
        capsys, "run", *few, "data.dataset.size=3"
    )
    assert "data.dataset.size must be allowed by dataset digits, whose fields are none" in refused(
        capsys, "run", "data.dataset.size=3"
    )


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("data.endowment.kept=2", "data.endowment.kept must be allowed by endowment class_skew"),
        (
            "data.endowment={kept:0.1}",
            "must be one of auto, by_feature, by_owner, class_skew, dirichlet, iid, sizes; got None",
        ),
        ("broker.weight_search=guess", "must be one of golden, grid, half, quadratic; got 'guess'"),
        (
            "broker.weight_search.points=2",
            "weight_search.points must be allowed by weight search grid",
        ),
        (
            "setting.royalties=fair",
            "setting.royalties must be one of equal, nash, none",
        ),
        ("broker.bundles=some", "broker.bundles must be one of adjacent, none, whole; got 'some'"),
        (
            "broker.blocks=layer9",
            "must be one of chosen, layers, model, trunk, or among layer0",
        ),
        (
            "data.endowment=null",
            "must be one of auto, by_feature, by_owner, class_skew, dirichlet, iid, sizes; got None",
        ),
    ],
)
def test_what_chooses_nothing_is_refused(typed, told, own_folder, capsys):
    assert told in refused(capsys, "run", typed)


def test_every_choice_has_its_fields_as_keys_and_shares_those_of_its_group():
    set_up_hydra()
    config = compose_config(
        [
            *(
                "broker.weight_search=quadratic",
                "broker.weight_search.points=5",
                "broker.weight_range=[0,0.9]",
            ),
            *("setting=cooperative", "setting.royalties=shapley", "setting.royalties.permutations=7"),
            *("data.endowment=dirichlet", "data.alpha=2", "broker.blocks=layer1+layer0"),
        ]
    )
    search, rule = config.broker.search(), config.market().setting.royalty_rule()
    assert (search.name, search.points, search.least, search.most) == ("quadratic", 5, 0.0, 0.9)
    assert (rule.name, rule.permutations) == ("shapley", 7)
    assert config.data.rule().alpha == 2
    assert config.broker.cut_of_blocks().layers == ["layer1", "layer0"]
    keys = {key.path: key for key in keys_of(compose_config([]))}
    assert keys["broker.blocks"].kind == "one of chosen, layers, model, trunk, or names of layers of the " + (
        "network joined by +"
    )
    assert keys["broker.weight_search.points"].owner == "quadratic"
    assert "data.endowment.kept" not in keys  # It is data.kept.


def test_a_priors_fields_are_keys():
    set_up_hydra()
    typed = ["mechanism=myerson", "mechanism.prior=uniform", "mechanism.prior.high=0.5"]
    assert compose_config(typed).mechanism.prior.support == (0.0, 0.5)
    cells = check_cells([*typed, "mechanism.prior.high=0.25,0.5"])
    assert [cell.mechanism.prior.high for cell in cells] == [0.25, 0.5]


def test_an_object_chooses_itself():
    config = BrokerConfig(weight_search=GoldenSection(most=0.5), alignment=Unaligned(), weight_range=[0.5, 1])
    assert config.search() == GoldenSection(most=0.5)
    assert config.alignment == Unaligned()
    with pytest.raises(ValueError, match=r"broker.alignment must be one of none, weight_matching; got 3"):
        BrokerConfig(alignment=3)
