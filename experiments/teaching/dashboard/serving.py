"""The server of pages for a browser: on the loopback address by default, and with no other contact.

Every answer carries a content security policy, so that a page can fetch nothing from anywhere else, and only
requests are answered that name this server and come from its own pages: no other website that is open in the
same browser can reach it. Connections that only wait, or are too many, are closed.

Core Objects: serve, Tunnel, solara_application
"""

import logging
import os
import socket
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from experiments.command_line.sentences import UserError
from experiments.teaching.dashboard.own_pages import OwnPagesOnly
from experiments.teaching.dashboard.solara_requests import SolaraRequests

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LOOPBACK = "127.0.0.1"
PORT = 8765
ASSETS = "/_solara/cdn"
"""Where Solara's pages look for the scripts and styles that are installed with it."""

MISSING = (
    "the pages need packages that are not installed: pip install 'parabourse[dashboard]', in a clone of the "
    "repository pip install -e '.[dashboard]'"
)


@dataclass(frozen=True)
class Tunnel:
    """How browsers elsewhere reach a server on this machine.

    Attributes
    ----------
    public : str, optional
        The origin by which they do, such as ``https://market.example``.
    proxy_headers : bool
        Whether a proxy on this machine is believed when it says for whom it asks.
    """

    public: str | None = None
    proxy_headers: bool = False


NO_TUNNEL = Tunnel()


def serve(
    application: "ASGIApp",
    host: str = LOOPBACK,
    port: int | None = None,
    *,
    pages: Collection[str] = ("/",),
    tunnel: Tunnel = NO_TUNNEL,
    sockets: bool = True,
    announce: Callable[[str], str] = "Open {} in a browser; Ctrl-C ends it.".format,
) -> None:
    """Answer requests until the process is interrupted.

    Parameters
    ----------
    application : ASGI application
        What to serve: of `solara_application`, or any of Starlette's.
    host : str
        The address of this machine to listen on; by default only this machine can reach the pages.
    port : int, optional
        The port; by default `PORT`, or a free one where that is taken. 0 is any free one.
    pages : collection of str
        The paths that can be opened by a link on another website.
    tunnel : Tunnel
        How browsers elsewhere reach this server; by default they do not.
    sockets : bool
        Whether the application has WebSockets; who asks for one is else answered as if it had not.
    announce : callable
        Makes what is printed once the server answers out of its URL.

    Raises
    ------
    UserError
        If the packages are not installed or the address cannot be listened on.
    KeyboardInterrupt
        When interrupted, after all connections are closed.
    """
    try:
        import uvicorn
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        from experiments.teaching.dashboard.connections import BoundedProtocol, Door
    except ImportError as error:
        raise UserError(MISSING) from error

    listening = Door(_listen(host, port))
    url = f"http://{host}:{listening.getsockname()[1]}/"
    origins = [tunnel.public] if tunnel.public else []
    names = [host, LOOPBACK, "localhost", *(urlsplit(origin).hostname or "" for origin in origins)]
    guarded = TrustedHostMiddleware(
        OwnPagesOnly(application, pages, origins), allowed_hosts=names, www_redirect=False
    )

    class Protocol(BoundedProtocol):
        door = listening

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            print(announce(url), flush=True)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Whoever is still connected is cut off, and that is no error.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            await super().shutdown(sockets=sockets)

    config = uvicorn.Config(
        guarded,
        loop="asyncio",
        http=Protocol,
        ws="auto" if sockets else "none",
        proxy_headers=tunnel.proxy_headers,
        forwarded_allow_ips=LOOPBACK,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    with listening:
        Server(config).run(sockets=[listening])


def solara_application(module: str) -> "ASGIApp":
    """Return the application that serves the Solara pages of a module; one a process.

    Parameters
    ----------
    module : str
        A module with a component `Page`, or with `routes`.

    Raises
    ------
    UserError
        If Solara or its offline assets are not installed.
    """
    os.environ["SOLARA_APP"] = module  # read when solara.server.app is imported
    try:
        import solara.settings as settings
        from starlette.applications import Starlette
        from starlette.routing import Mount
        from starlette.staticfiles import StaticFiles

        # Solara's own proxy of a content delivery network fetches what is missing, and deletes folders that
        # are asked for as files: it is never set up.
        settings.assets.proxy = False
        settings.assets.cdn = ASSETS
        import solara.server.settings as server
    except ImportError as error:
        raise UserError(MISSING) from error
    installed = server.assets.proxy_cache_dir
    if find_spec("solara_assets") is None or not installed.is_dir():
        raise UserError(MISSING)
    server.main.mode = "production"
    server.telemetry.mixpanel_enable = False
    server.theme.title = "Parabourse"
    server.theme.show_banner = False
    # A closed tab frees its world at once; one that only lost its connection may come back for so long.
    server.kernel.cull_timeout = "10m"
    warnings.filterwarnings("ignore", "Cookies with samesite=none require https")
    # Said of a component of Mesa's when it is imported.
    warnings.filterwarnings("ignore", ".*ComponentsView: `use_state` found despite early return")
    from solara.server.starlette import app

    routes = [Mount(ASSETS, StaticFiles(directory=installed)), Mount("", SolaraRequests(app))]
    return Starlette(routes=routes, lifespan=app.router.lifespan_context)


def _listen(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens; raise `UserError` where the address cannot be had."""
    for candidate in (PORT, 0) if port is None else (port,):
        try:
            return socket.create_server((host, candidate))
        except (OSError, OverflowError) as error:
            reason = error
    raise UserError(
        f"--host and --port must name a free address of this machine; got {host}:{port} ({reason})"
    )
