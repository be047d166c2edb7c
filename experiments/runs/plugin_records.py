"""What a run's folder says of the plug-ins that it was played with, and how the run is read without them.

``plugins.json`` names each as it was typed, with the SHA-256 of its file, and describes the classes that
plug-ins registered. It is data: where a plug-in is not named again, a stand-in that can do nothing takes the
name of each of its classes while the records are read.

Core Objects: PLUGINS, record_of, files_of, check_named, as_named, stood_in
"""

import dataclasses
import inspect
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from agents.strategies import STRATEGIES
from experiments.command_line.sentences import UserError, one_sentence
from experiments.configuration.keys import Config
from experiments.configuration.plain_data import read_json
from experiments.configuration.plugins import is_factory, module_of, named
from markets.choices import CHOICES
from markets.mechanisms import MECHANISMS, Properties
from markets.refusals import InputError
from markets.registry import Registry
from markets.user_code import digest_of
from sim.consumers.payoffs import DownstreamMarket
from sim.records.atomic import Write, filled
from sim.records.run_folder import RecordError, RunFolder
from sim.settings import SETTINGS, Setting

PLUGINS = "plugins.json"
OURS = {"agents", "experiments", "markets", "sim"}
STRICT = ConfigDict(extra="forbid")
Plain = str | bool | int | float | None | list[str | bool | int | float | None]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]\w*$", max_length=200)]


@dataclass(frozen=True, config=STRICT)
class Described:
    """A class of a plug-in, as far as reading records needs it.

    Attributes
    ----------
    kind, name, doc : str
        The kind of its registry, its name there, and its docstring.
    fields : list of str
        Its fields.
    traits : dict
        What it says of itself in attributes that all of the kind have.
    properties : dict or None
        Of a mechanism.
    region : list of int or None
        Of a setting that was an arm of the run and places organisations itself: the region of each.
    """

    kind: str
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    doc: str
    fields: list[Identifier]
    traits: dict[Identifier, Plain]
    properties: dict[Identifier, Plain] | None = None
    region: list[Annotated[int, Field(ge=0)]] | None = None


@dataclass(frozen=True, config=STRICT)
class PluginRecord:
    """The plug-ins of a run: the SHA-256 of each file, of several where it was changed, and their classes."""

    files: dict[str, list[str]]
    classes: list[Described]


def record_of(config: Any, before: PluginRecord | None = None) -> dict[str, Write]:
    """Return the file that describes the plug-ins of this command, after those before, if there are any."""
    files = dict(before.files) if before else {}
    called = {_module(spec): spec for spec in files}
    for spec, digest in {**_factories(dataclasses.asdict(config)), **named()}.items():
        first = called.get(_module(spec), spec)
        digests = files.get(first, [])
        files[first] = digests if digests[-1:] == [digest] else [*digests, digest]
    if not files:
        return {}
    record = PluginRecord(files, [*_described(config)])
    return {PLUGINS: filled(json.dumps(dataclasses.asdict(record), indent=1))}


def files_of(run: RunFolder) -> dict[str, list[str]]:
    """Return the plug-ins that a run was played with, and the digests of each file."""
    record = _read(run)
    return record.files if record else {}


def check_named(run: RunFolder) -> PluginRecord | None:
    """Return the record of a run's plug-ins, all of which this command names again; tell changed files.

    Raises
    ------
    UserError
        If one is not named.
    """
    record = _read(run)
    absent = _absent(record.files if record else {})
    if absent:
        raise UserError(
            f"plugins must name {', '.join(absent)} again, which {run} was played with: what a folder names "
            f"is not imported; got {', '.join(named()) or 'none'}"
        )
    return record


def as_named(fields: Any, key: str = "") -> Any:
    """Return a configuration of a folder's, where functions are those of files that this command names.

    Its own paths could lead to any file that is called alike.

    Raises
    ------
    UserError
        If a file or module is not named.
    """
    if isinstance(fields, Mapping):
        return {name: as_named(of, f"{key}.{name}".lstrip(".")) for name, of in fields.items()}
    if isinstance(fields, list | tuple):
        return [as_named(of, key) for of in fields]
    if not (isinstance(fields, str) and is_factory(key) and (where := module_of(fields))):
        return fields
    now = next((spec for spec in named() if _module(spec) == _module(where)), None)
    if now is None:
        raise UserError(
            f"plugins must name {where} again, or {key} {fields}: what a folder names is not imported; got "
            f"{', '.join(named()) or 'none'}"
        )
    return f"{now}{fields[len(where) :]}"


@contextmanager
def stood_in(folders: Iterable[Path], checked: bool = True) -> Iterator[None]:
    """Let stand-ins take the names of classes of plug-ins that are absent, while records of runs are read."""
    records = [record for folder in folders if (record := _read(RunFolder(folder, checked))) is not None]
    files = {spec: digests for record in records for spec, digests in record.files.items()}
    names = _registries()
    for spec in _absent(files):
        print(f"parabourse: {spec} is not imported; the records say what is known of it.", file=sys.stderr)
    with ExitStack() as stack:
        for entry in (one for record in records for one in record.classes):
            registry = names.get(entry.kind)
            if registry is not None and entry.name not in registry:
                stack.enter_context(registry.lent(entry.name, _stand_in(registry, entry)))
        yield


def _absent(files: Mapping[str, list[str]]) -> list[str]:
    """Return the plug-ins of a run that this command does not name; tell those whose file is another one."""
    today = {_module(spec): digest for spec, digest in named().items()}
    for spec, digests in files.items():
        if today.get(_module(spec), digests[-1]) != digests[-1]:
            print(f"parabourse: {spec} was changed after the run was played with it.", file=sys.stderr)
    return [spec for spec in files if _module(spec) not in today]


def _factories(fields: Any, key: str = "") -> dict[str, str]:
    """Return the files and modules of the functions that a configuration names, with their digests."""
    if isinstance(fields, Mapping):
        inner = (_factories(of, f"{key}.{name}".lstrip(".")) for name, of in fields.items())
        return {spec: one for found in inner for spec, one in found.items()}
    if isinstance(fields, list | tuple):
        return {spec: one for of in fields for spec, one in _factories(of, key).items()}
    where = module_of(fields) if isinstance(fields, str) and is_factory(key) else ""
    return {where: digest_of(where, key)} if where else {}


def _module(spec: str) -> str:
    """Return what a plug-in is called, from whatever folder its file is named."""
    return Path(spec).name if "/" in spec or spec.endswith(".py") else spec


def _read(run: RunFolder) -> PluginRecord | None:
    if not run.has(PLUGINS):
        return None
    try:
        return TypeAdapter(PluginRecord).validate_python(read_json(run, PLUGINS))
    except ValidationError as error:
        raise RecordError(
            f"{run.path / PLUGINS} must say what plug-ins a run has; it does not ({one_sentence(error)})"
        ) from error


def _registries() -> dict[str, Registry[Any]]:
    every = [STRATEGIES, *(choice.registry for choice in CHOICES.values())]
    return {registry.kind: registry for registry in every}


def _described(config: Any) -> Iterator[Described]:
    for kind, registry in _registries().items():
        for name in registry:
            cls = registry[name]
            if cls.__module__.partition(".")[0] not in OURS:
                fields = [field for field in _fields(cls) if field != "name"]
                traits = {trait: getattr(cls, trait) for trait in _traits(registry, cls)}
                told = cls.__doc__ or ""
                yield Described(
                    kind, name, told, fields, traits, _properties(cls), _region(cls, name, config)
                )


def _fields(cls: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []


def _traits(registry: Registry[Any], cls: type[Any]) -> list[str]:
    """Return the names of the plain attributes, beside fields, that all classes of a kind may set."""
    names = [name for name in _declared(registry) if not name.startswith("_") and name not in _fields(cls)]
    return sorted(name for name in names if isinstance(getattr(cls, name, None), str | bool | int | float))


def _declared(registry: Registry[Any]) -> set[str]:
    """Return the names of what classes of a kind have that is no method."""
    every = [(one, inspect.get_annotations(one)) for one in registry.base.__mro__[:-1]]
    return {
        name
        for one, annotated in every
        for name in {*vars(one), *annotated}
        if not callable(vars(one).get(name)) and not isinstance(vars(one).get(name), property)
    }


def _properties(cls: type[Any]) -> dict[str, Any] | None:
    if not issubclass(cls, MECHANISMS.base):
        return None
    try:
        told = dataclasses.asdict(cls().properties)
    except Exception:  # A rule may have fields that must be given; then nothing is claimed of it.
        return None
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}


def _region(cls: type[Any], name: str, config: Any) -> list[int] | None:
    if not (isinstance(config, Config) and name in config.arms and issubclass(cls, Setting)):
        return None
    if cls.downstream is Setting.downstream:
        return None
    return [int(region) for region in config.market().in_setting(name).downstream().region]


def _stand_in(registry: Registry[Any], entry: Described) -> type[Any]:
    """Return a class with the name, the fields and the traits of another, which can do nothing."""
    base: Any = registry.base
    if strange := set(entry.traits) - _declared(registry):
        raise RecordError(f"{PLUGINS} must describe a {entry.kind} by its traits; got {min(strange)}")
    own = [name for name in entry.fields if name not in _fields(base) and not hasattr(base, name)]
    body: dict[str, Any] = {
        "__doc__": entry.doc or f"A {entry.kind} of a plug-in that is not imported.",
        "__module__": __name__,
        "__annotations__": {"name": str, **dict.fromkeys(own, Any)},
        **dict.fromkeys(own),
        **entry.traits,
        "name": entry.name,
    }
    if registry is MECHANISMS:
        told = _as_properties(entry)
        body["properties"] = property(lambda _: told)
    if registry is SETTINGS and entry.region is not None:
        region = entry.region
        body["downstream"] = lambda self, *_: DownstreamMarket(np.array(region), self.demand)
    cls: Any = dataclass(frozen=True)(type(base)(entry.name, (base,), body))
    cls.__abstractmethods__ = frozenset()
    return cast(type[Any], cls)


def _as_properties(entry: Described) -> Properties:
    unknown: dict[str, Any] = {
        "budget": "deficit",
        "individually_rational": False,
        "copy_means": "",
        "exclusive_means": "",
        "reference": "",
        "bundles": True,
    }
    fields: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in (entry.properties or unknown).items()
    }
    try:
        return Properties(**fields)
    except (InputError, TypeError) as error:
        raise RecordError(
            f"{PLUGINS} must describe a mechanism's properties; {one_sentence(error)}"
        ) from error
