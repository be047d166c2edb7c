"""``parabourse dashboard --lecture``: make the market, open the door, and keep the time.

Core Objects: run_lecture, model_world, textbook_world
"""

import dataclasses
import ipaddress
import socket
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

import torch

from experiments.command_line.sentences import UserError
from experiments.configuration.composition import check_world, compose_config, set_up_hydra
from experiments.configuration.overrides import check_grammar
from experiments.studies.textbook.application import compose_preset, set_up_textbook
from experiments.studies.textbook.presets.market import MarketPreset
from experiments.teaching.dashboard.serving import LOOPBACK, MISSING, Tunnel, serve
from experiments.teaching.lecture.admission import Admission
from sim.market import ParameterMarket
from sim.textbook.induced_market import InducedConfig, InducedMarket

PRESET = "experiment=lecture"


def run_lecture(
    overrides: Sequence[str],
    host: str = LOOPBACK,
    port: int | None = None,
    *,
    textbook: bool = False,
    public: str | None = None,
    proxy_headers: bool = False,
) -> int:
    """Serve a lecture until it is interrupted; return the exit code.

    Parameters
    ----------
    overrides : sequence of str
        KEY=VALUE, of the configuration of a run over the preset `PRESET`, or of a textbook market.
    host : str
        The address to listen on; by default nobody but this machine can reach it.
    port : int, optional
        The port; by default the dashboard's, or a free one where that is taken. 0 is any free one.
    textbook : bool
        Whether people hold cards with induced values in the place of models.
    public : str, optional
        The address by which students reach this machine through a tunnel, such as ``https://market.example``.
    proxy_headers : bool
        Whether a proxy on this machine is believed when it says for whom it asks.

    Raises
    ------
    UserError
        If the packages are missing, or the address or the configuration is not allowed.
    """
    try:
        from experiments.teaching.lecture.clock import keep_time
        from experiments.teaching.lecture.lecture import Lecture
        from experiments.teaching.lecture.server import PAGES, application
    except ImportError as error:
        raise UserError(MISSING) from error
    _check_address(host)
    origin = None if public is None else _origin(public)
    torch.set_num_threads(1)
    world = textbook_world(overrides) if textbook else model_world(overrides)
    lecture, admission = Lecture(world), Admission()
    threading.Thread(target=keep_time, args=(lecture,), daemon=True).start()
    serve(
        application(lecture, admission, origin),
        host,
        port,
        pages=PAGES,
        tunnel=Tunnel(origin, proxy_headers),
        sockets=False,
        announce=lambda url: _announcement(url.rstrip("/"), admission, host, origin),
    )
    return 0


def textbook_world(overrides: Sequence[str]) -> InducedMarket:
    """Return one market of those that overrides of ``parabourse textbook market`` stand for."""
    set_up_textbook()
    preset = compose_preset("market", overrides)
    assert isinstance(preset, MarketPreset)
    own = {field.name: getattr(preset, field.name) for field in dataclasses.fields(InducedConfig)}
    return InducedMarket(InducedConfig(**own | {"markets": 1}), seed=preset.seed)


def model_world(overrides: Sequence[str]) -> ParameterMarket:
    """Return the market that overrides stand for, in the one setting in which people play.

    Raises
    ------
    UserError
        If nobody could decide anything in it.
    """
    set_up_hydra()
    for override in overrides:
        if check_grammar(override).is_sweep_override():
            raise UserError(f"a lecture plays one market: give each key one value; got {override!r}")
    own_preset = any(override.startswith("experiment=") for override in overrides)
    config = compose_config(list(overrides) if own_preset else [PRESET, *overrides])
    market = config.market()
    if market.setting.cooperates or not market.setting.trades:
        raise UserError(
            f"setting must be competitive or independent for a lecture, since elsewhere organisations decide "
            f"nothing; got {market.setting.name!r}"
        )
    check_world(market, 1, config.seed)
    return ParameterMarket(market, seed=config.seed)


def _check_address(host: str) -> None:
    """Raise `UserError` for what is no single address: pages must know by which name they are called."""
    try:
        single = not ipaddress.IPv4Address(host).is_unspecified
    except ValueError:
        single = False
    if not single:
        raise UserError(
            f"--host must be the IPv4 address of this machine on the network of the class, such as "
            f"192.168.1.20; got {host!r}"
        )
    try:
        socket.create_server((host, 0)).close()
    except OSError as error:
        raise UserError(
            f"--host must be an IPv4 address that this machine has (`ip addr` or ipconfig tells them); "
            f"{host} is not one of them"
        ) from error


def _origin(public: str) -> str:
    """Return the origin of an address, as browsers name it; raise `UserError` if it is none."""
    try:
        parts = urlsplit(public.strip().lower())
        plain = parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/")
        if plain and not (parts.query or parts.fragment or "@" in parts.netloc or parts.port == 0):
            default = f":{80 if parts.scheme == 'http' else 443}"
            return f"{parts.scheme}://{parts.netloc.removesuffix(default)}"
    except ValueError:
        pass
    raise UserError(
        f"--url must be an address without a path, such as https://market.example; got {public!r}"
    )


def _announcement(url: str, admission: Admission, host: str, public: str | None = None) -> str:
    alone = ipaddress.IPv4Address(host).is_loopback
    reach = (
        "Only this machine can reach these pages."
        if alone
        else "Anyone on that network who has the code can join; nothing is encrypted on the way."
    )
    if public is not None:
        reach = f"Anyone who reaches {public} and has the code can join."
    elif host == LOOPBACK:
        reach += " --host ADDRESS opens them to a network."
    return (
        f"Students open  {public or url}\nJoin code      {admission.code}\n"
        f"Your own page  {url}/teacher?key={admission.key}  (keep it to yourself)\n{reach} Ctrl-C ends it."
    )
