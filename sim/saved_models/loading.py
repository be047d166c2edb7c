"""Models of files as plain torch modules.

Core Objects: load_model, architecture_of
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from agents.learning.networks import NETWORKS, Architecture, Network
from markets.choices import built
from markets.refusals import InputError
from sim.saved_models.fitting import fitted, read_model
from sim.saved_models.model_card import ModelCard, task_of

CODE = "factory"
"""The field by which a network names code of a user's own."""


def load_model(path: str | os.PathLike[str], network: Any = None) -> nn.Module:
    """Return the model of a file that a run wrote, as a plain torch module in evaluation mode.

    Nothing that the file names is imported: a network of one's own is named here again.

    Parameters
    ----------
    path : str or path
        The file.
    network : str, mapping or Network, optional
        The network, as ``network=`` of the command line takes it; by default the one that the file tells.

    Raises
    ------
    InputError
        If it is no such file, its tensors are not what was written, or do not fit the network.

    Examples
    --------
    >>> load_model("runs/duopoly/models/competitive/0/organisation_00.safetensors")  # doctest: +SKIP
    """
    saved = read_model(Path(path))
    if saved.card is None:
        raise InputError(
            f"{saved.path} must have the metadata that a run writes; it has none: make its module and load "
            f"its tensors with safetensors.torch.load_file"
        )
    architecture = architecture_of(saved.card, saved.path, network)
    leaves = {name: leaf.unsqueeze(0) for name, leaf in fitted(saved, architecture).items()}
    return architecture.module(leaves, 0).eval()


def architecture_of(card: ModelCard, path: Path, network: Any = None) -> Architecture:
    """Return the architecture of a file's model, for the task that the file tells.

    Raises
    ------
    InputError
        If the network must be named, is not known, or does not fit the task.
    """
    own = network_of(card, path) if network is None else _network(network)
    return own.for_task(task_of(card, path))


def network_of(card: ModelCard, path: Path) -> Network:
    """Return the network that a file tells.

    Raises
    ------
    InputError
        If it is made by code, which must be named by whoever reads the file.
    """
    if card.network.get(CODE) is not None:
        raise InputError(
            f"network must be given for {path}, whose network is made by code: {CODE} {card.network[CODE]!r}"
        )
    try:
        return _network(card.network)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _network(network: Any) -> Network:
    if isinstance(network, Network):
        return network
    fields = dict(network) if isinstance(network, Mapping) else {"name": network}
    if not isinstance(fields.get("name"), str) or fields["name"] not in NETWORKS:
        raise InputError(f"network must be one of {', '.join(NETWORKS)}; got {fields.get('name')!r}")
    return built("network", NETWORKS, fields)
