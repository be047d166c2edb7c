"""The configuration of a run: dataclasses hold keys, defaults and limits; the YAML in `conf/` only chooses.

Core Objects: Config, RunConfig, FigureConfig, PlayConfig, CellsConfig, parse
"""

from dataclasses import field
from typing import Annotated

from omegaconf import DictConfig, OmegaConf
from pydantic import Field, field_validator, model_validator
from pydantic.dataclasses import dataclass

from markets.choices import names_in
from sim.config.market import STRICT, MarketConfig
from sim.settings import SETTINGS


@dataclass(frozen=True, config=STRICT)
class FigureConfig:
    """How figures look on paper.

    Parameters
    ----------
    width : float
        Width of every figure, inches; the height follows. A column of a journal has about 3.5.
    font_size : float
        Size of the text, points; lines and markers go with it.
    pdf : bool
        Whether every figure is saved as PDF too, with its text as text, beside PNG and SVG.
    """

    width: Annotated[float, Field(ge=2, le=40)] = 8.0
    font_size: Annotated[float, Field(ge=4, le=60)] = 13.0
    pdf: bool = False


@dataclass(frozen=True, config=STRICT)
class RunConfig:
    """How a run is carried out; nothing here changes a number in its tables.

    Parameters
    ----------
    figures : bool
        Whether to draw the figures and write the report at the end.
    figure : FigureConfig
        How the figures look.
    threads : int or None
        Threads that torch uses; None is torch's own choice. One is fastest for small networks, and the only
        good choice where several runs share the cores.
    progress : bool
        Whether to show a progress bar on a terminal.
    tracker : str
        Who else is told the metrics of every round: ``none``, ``tensorboard``, ``mlflow`` or ``wandb`` (see
        `experiments.runs.trackers`).
    save_models : str
        Which models are written as files of their own, in ``models/``: ``final``, those after the last round;
        ``every_round``, also those that came to the market of each round, trained and not yet merged;
        ``none``; or ``auto``: ``final`` for a run, ``none`` for the cells of a sweep.
    """

    figures: bool = True
    figure: FigureConfig = field(default_factory=FigureConfig)
    threads: Annotated[int | None, Field(ge=1, le=256)] = 1
    progress: bool = True
    tracker: Annotated[str, Field(pattern="^(none|tensorboard|mlflow|wandb)$")] = "none"
    save_models: Annotated[str, Field(pattern="^(auto|none|final|every_round)$")] = "auto"


Replicates = Annotated[int, Field(le=10_000)]


@dataclass(frozen=True, config=STRICT)
class PlayConfig:
    """How long and how often worlds are played.

    Parameters
    ----------
    rounds : int
        Rounds to play.
    replicates : int
        Independent repetitions of every arm: other data, other initial weights.
    seed : int
        Root of all random streams.
    """

    rounds: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    replicates: Annotated[Replicates, Field(ge=1)] = 3
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0


@dataclass(frozen=True, config=STRICT)
class CellsConfig(PlayConfig):
    """The same where cells are compared, each by an interval over its replicates.

    Parameters
    ----------
    jobs : int
        Processes that share the work. Numbers do not depend on it.
    """

    replicates: Annotated[Replicates, Field(ge=2)] = 5
    jobs: Annotated[int, Field(ge=1, le=256)] = 1


@dataclass(frozen=True, config=STRICT)
class Config(MarketConfig, PlayConfig):
    """Everything that a run is made of.

    Parameters
    ----------
    arms : list of str
        Settings to compare; by default autarky and the chosen setting.
    run : RunConfig
        How the run is carried out; nothing here changes a number in its tables.
    plugins : list of str
        Python files and modules of your own that register further choices, imported before anything is
        composed: ``plugins=[./my_rules.py,my_lab.rules]``. Every command takes them; `resume` and `report`
        import only those that are named with them.
    """

    arms: list[str] = field(default_factory=lambda: ["autarky", "competitive"])
    run: RunConfig = field(default_factory=RunConfig)
    plugins: list[str] = field(default_factory=list)

    @field_validator("arms")
    @classmethod
    def _known_arms(cls, value: list[str]) -> list[str]:
        return names_in("arms", value, SETTINGS)

    @model_validator(mode="after")
    def _worlds_fit(self) -> "Config":
        market = self.market()
        for arm in self.arms:
            market.in_setting(arm)
        return self


def parse(composed: DictConfig) -> Config:
    """Return the validated configuration of what Hydra composed.

    Raises
    ------
    pydantic.ValidationError
        If a key is unknown or a value not allowed.
    """
    return Config(**OmegaConf.to_container(composed, resolve=True))  # type: ignore[arg-type]
