"""The models of a run as files: which, under which names, and what each tells.

Core Objects: ModelsAt, models_now, files_of, MarketModels
"""

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from agents.learning.stack.parameters import Parameters
from agents.learning.stack.stock import Part
from agents.learning.tasks import Task
from markets.columns import Bools
from sim.cohort import Cohort
from sim.config.market import MarketConfig
from sim.laboratory.requests import Try
from sim.records.atomic import Write
from sim.records.run_folder import MODELS
from sim.saved_models.model_card import ModelCard, Origin, described_task
from sim.saved_models.model_file import content_of, encoded, file_name

LOCATIONS = ("data_home", "path", "factory")
"""Fields that say where data lie on the machine of a run: they mean nothing elsewhere, and are left out."""
SHARING = ("count", "share", "endowment")
"""Fields of a group of organisations that decide what of the data it owns."""


@dataclasses.dataclass(frozen=True)
class ModelsAt:
    """All models of a cohort as they were at some time, fleet by fleet: leaves ``[slots, ...]``.

    And lineages by world.
    """

    models: list[Parameters]
    lineages: list[Bools]


def models_now(cohort: Cohort, copied: bool = False) -> ModelsAt:
    """Return the models of a cohort; a copy stays what it is when these go on."""
    models = [fleet.models for fleet in cohort.laboratory.stock.fleets]
    if copied:
        models = [{name: leaf.clone() for name, leaf in leaves.items()} for leaves in models]
    return ModelsAt(models, [world.holdings.lineage.copy() for world in cohort.worlds])


class MarketModels:
    """Keeps the models that came to the market of the round being played: trained, and not yet merged.

    They are what trials measure.
    """

    def __init__(self, cohort: Cohort) -> None:
        self.cohort = cohort
        self.kept: ModelsAt | None = None

    def watch(self, phase: str) -> None:
        """Take note that a phase begins (see `sim.play.play`)."""
        if phase == Try.phase:
            self.kept = models_now(self.cohort, copied=True)


def files_of(cohort: Cohort, found: ModelsAt, within: str = MODELS) -> Iterator[tuple[str, Write]]:
    """Yield, for the model of every organisation of every world, its file's name and what fills it.

    Parameters
    ----------
    cohort : Cohort
        Whose models they are, after the round that the files tell.
    found : ModelsAt
        The models.
    within : str
        The folder within the run's.
    """
    number, scalings = cohort.config.organisations, cohort.laboratory.scalings
    networks, _ = cohort.config.networks()
    told = told_of_all(cohort.config, cohort.laboratory.task)
    for world, lineage in zip(cohort.worlds, found.lineages, strict=True):
        for organisation, slot in enumerate(world.slots.tolist()):
            origin = Origin(
                arm=world.config.setting.name,
                seed=cohort.laboratory.streams.seed,
                replicate=world.replicate,
                organisation=organisation,
                organisations=number,
                round=cohort.rounds_played,
                start=cohort.laboratory.started_from[slot],
            )
            [part] = cohort.laboratory.stock.parts([slot])
            card = partial(
                ModelCard,
                architecture=part.fleet.architecture.signature,
                network=dataclasses.asdict(networks[part.number]),
                lineage=lineage[organisation].nonzero()[0].tolist(),
                origin=origin,
                scaling=scalings[world.replicate].told(),
                **told,
            )
            write = partial(_write, part, found.models[part.number], card)
            place = f"{within}/{origin.arm}/{origin.replicate}/{file_name(organisation, number)}"
            yield place, write


def _write(part: Part, models: Parameters, card: Any, path: Path) -> None:
    tensors = own_tensors(part.fleet.architecture.module(models, int(part.slots[0])))
    path.write_bytes(encoded(tensors, card(content=content_of(tensors)).metadata()))


def own_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a plain module by name, without the frozen parameters, which all models share."""
    frozen = {
        name for name, leaf in module.named_parameters(remove_duplicate=False) if not leaf.requires_grad
    }
    return {name: leaf for name, leaf in module.state_dict().items() if name not in frozen}


def told_of_all(config: MarketConfig, task: Task) -> dict[str, Any]:
    """Return the fields of a card that all models of a configuration have in common."""
    parts = {name: dataclasses.asdict(getattr(config, name)) for name in ("data", "broker", "learning")}
    return {
        "task": described_task(task),
        "vocabulary": [*task.vocabulary],
        "world": {**parts, "data": _without_locations(parts["data"]), "groups": _shares(config)},
    }


def _shares(config: MarketConfig) -> dict[str, Any]:
    """Return the groups of a population as far as they decide who owns which examples."""
    groups = dataclasses.asdict(config.population)["groups"]
    return {name: {field: own[field] for field in SHARING} for name, own in groups.items()}


def _without_locations(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_locations(value) if isinstance(value, dict) else value
        for name, value in fields.items()
        if name not in LOCATIONS
    }
