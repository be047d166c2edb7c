"""From what was typed after ``parabourse cross`` to a validated configuration."""

from collections.abc import Sequence

from omegaconf import OmegaConf

from experiments.command_line.sentences import UserError
from experiments.configuration.choices import register_schema
from experiments.configuration.composing import composed, composing, without_hydra
from experiments.configuration.composition import set_up_hydra
from experiments.configuration.overrides import check_grammar
from experiments.studies.cross.config import CrossConfig


def compose_cross(overrides: Sequence[str]) -> tuple[CrossConfig, str]:
    """Return the configuration that overrides stand for, validated, and the same as YAML.

    Raises
    ------
    UserError, hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, InputError
        Whatever is wrong with them.
    """
    for override in overrides:
        if override.startswith("-"):
            raise UserError(f"parabourse cross takes KEY=VALUE and --output FOLDER; got {override!r}")
        if check_grammar(override).is_sweep_override():
            raise UserError(
                "a key must have one value, and a list brackets, as in mechanisms=[dop,rsop]; "
                f"got {override!r}"
            )
    set_up_hydra()
    register_schema("schema_cross", CrossConfig)
    with composing():
        whole = without_hydra(composed("cross", overrides))
    config = CrossConfig(**OmegaConf.to_container(whole, resolve=True))  # type: ignore[arg-type]
    return config, OmegaConf.to_yaml(whole, resolve=True)
