"""The server of pages for a browser: on the loopback address by default, and with no other contact.

Every answer carries a content security policy, so that a page can fetch nothing from anywhere else, and only
requests are answered that name this server and come from its own pages: no other website that is open in the
same browser can reach it.

Core Objects: serve, solara_application
"""

import os
import socket
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from experiments.sentences import UserError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
PORT = 8765
POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""Solara's pages need inline scripts, and templates that the browser compiles; nothing from elsewhere."""
MISSING = (
    "the pages need packages that are not installed: pip install 'parabourse[dashboard]', in a clone of the "
    "repository pip install -e '.[dashboard]'"
)


def serve(
    application: "ASGIApp",
    host: str = LOOPBACK,
    port: int | None = None,
    *,
    names: Sequence[str] = (),
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
    names : sequence of str
        Further names by which browsers may call this server, beside `host` and localhost.
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
    except ImportError as error:
        raise UserError(MISSING) from error

    listening = _listen(host, port)
    url = f"http://{host}:{listening.getsockname()[1]}/"
    guarded = TrustedHostMiddleware(
        OwnPagesOnly(application), allowed_hosts=[host, LOOPBACK, "localhost", *names], www_redirect=False
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            print(announce(url), flush=True)

    config = uvicorn.Config(guarded, log_level="error", access_log=False, timeout_graceful_shutdown=1)
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
        import solara.server.settings as server
        import solara.settings as settings
    except ImportError as error:
        raise UserError(MISSING) from error
    if find_spec("solara_assets") is None:
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
    # What is not among the assets is looked for here, in vain, and never on the content delivery network.
    settings.assets.cdn = f"http://{LOOPBACK}:9/"
    from solara.server.starlette import app

    return app


class OwnPagesOnly:
    """Refuses what pages of other origins send, and forbids own pages to fetch anything from elsewhere."""

    def __init__(self, application: "ASGIApp") -> None:
        self.application = application

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request or connection."""
        from starlette.datastructures import Headers, MutableHeaders
        from starlette.responses import PlainTextResponse
        from starlette.websockets import WebSocketClose

        if scope["type"] not in ("http", "websocket"):
            await self.application(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            refusal = PlainTextResponse("Requests of other websites are not answered.", status_code=403)
            await (refusal if scope["type"] == "http" else WebSocketClose())(scope, receive, send)
            return

        async def send_with_policy(message: "Message") -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("Content-Security-Policy", POLICY)
            await send(message)

        await self.application(scope, receive, send_with_policy)


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
