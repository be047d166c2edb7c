"""A network of the user's own: any torch module that maps a batch to answers."""

from dataclasses import dataclass as value
from dataclasses import field
from functools import partial
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass
from torch import nn

from agents.learning.networks.base import NETWORKS, Network
from agents.learning.networks.module_modes import quietly
from agents.learning.networks.own_module import ModuleArchitecture
from agents.learning.tasks import Task
from markets.refusals import InputError
from markets.user_code import called, loaded

FACTORY = "network.factory"


@NETWORKS.register
@dataclass(frozen=True, config={"extra": "forbid"})
class Module(Network):
    """A module of one's own, made by a Python function.

    The function is called with the shape of an example and the number of answers K, and with `options`. It
    returns a `torch.nn.Module` that maps a batch ``[B, *S]`` to answers ``[B, K]``, or of tokens ``[B, T]``
    to those that come next ``[B, T, K]``; an object with the answers as ``logits`` serves too. K is the
    number of classes or tokens, and 2 where a number is predicted: its mean and the logarithm of its
    variance.

    What has ``requires_grad=False`` is held once for all organisations, and neither trained nor traded.
    Models run one after the other, so that company changes no bit of a model.

    Parameters
    ----------
    factory : str
        The function, as ``./nets.py:make`` or ``my_lab.nets:make``.
    options : dict
        Keyword arguments of it.
    """

    name: str = "module"
    factory: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    takes_tokens: ClassVar[bool] = True

    def bind(self, input_shape: tuple[int, ...], classes: int) -> ModuleArchitecture:
        """Return the architecture, the module of which is made when it is asked for.

        Raises
        ------
        InputError
            If there is no such function.
        """
        if not self.factory:
            raise InputError(
                f"{FACTORY} must name a function for network module, as ./nets.py:make; got {self.factory!r}"
            )
        function = loaded(self.factory, FACTORY)
        if not callable(function):
            raise InputError(f"{FACTORY} must name a function; {self.factory} is none")
        make = partial(function, tuple(input_shape), classes, **self.options)
        return ModuleArchitecture(input_shape, classes, make=_Make(self.factory, make), label=self.factory)

    def for_task(self, task: Task) -> ModuleArchitecture:
        """Return the architecture for a task; its module is made and tried at once.

        Raises
        ------
        InputError
            If there is no such function, or it returns no module that answers as it must.
        """
        architecture = super().for_task(task)
        assert isinstance(architecture, ModuleArchitecture)
        called(architecture.check, field=FACTORY, spec=self.factory)
        return architecture


@value(frozen=True)
class _Make:
    """Makes a module by the user's function."""

    factory: str
    make: partial[Any]

    def __call__(self) -> nn.Module:
        """Return a new module; ``InputError`` if it is none."""
        with quietly():
            made = called(self.make, field=FACTORY, spec=self.factory)
        if not isinstance(made, nn.Module):
            raise InputError(
                f"{FACTORY} must return a torch.nn.Module; {self.factory} returned {type(made).__name__}"
            )
        return made
