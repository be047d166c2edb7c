"""Who may ask: a server's own pages, and whoever opens one of them; no other website in the same browser."""

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""Solara's pages need inline scripts, and templates that the browser compiles; nothing from elsewhere."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer that does not say otherwise: browsers hand none of it to other websites."""

OWN = (None, "same-origin", "none")
"""What `Sec-Fetch-Site` says of own pages and of people; nothing in old browsers, and without encryption
except on the own machine."""


class OwnPagesOnly:
    """Refuses what other websites make a browser ask for, and forbids own pages to fetch from elsewhere.

    Browsers say where a request comes from, by `Origin` or `Sec-Fetch-Site`. From elsewhere only a page can
    be opened, as a link does; another port or another name of the same machine is elsewhere.

    Parameters
    ----------
    application : ASGI application
        What answers all other requests.
    pages : collection of str
        The paths of the pages.
    origins : collection of str
        Origins of own pages beside the address that a request names, such as ``https://market.example``.
    """

    def __init__(
        self, application: "ASGIApp", pages: Collection[str] = ("/",), origins: Collection[str] = ()
    ) -> None:
        self.application = application
        self.pages = pages
        self.origins = origins

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request or connection."""
        from starlette.datastructures import Headers, MutableHeaders
        from starlette.requests import ClientDisconnect
        from starlette.responses import PlainTextResponse
        from starlette.websockets import WebSocketClose

        if scope["type"] not in ("http", "websocket"):
            await self.application(scope, receive, send)
            return

        async def send_with_headers(message: "Message") -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        if self._is_own(scope, headers) or self._opens_a_page(scope, headers):
            with suppress(ClientDisconnect):  # who asked has gone, and nobody waits for an answer
                await self.application(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            refusal = PlainTextResponse("Requests of other websites are not answered.", status_code=403)
            await refusal(scope, receive, send_with_headers)

    def _is_own(self, scope: "Scope", headers: "Headers") -> bool:
        origin = headers.get("origin")
        if origin is None:
            # No browser opens a socket without saying for whom.
            return scope["type"] == "http" and headers.get("sec-fetch-site") in OWN
        own = origin in self.origins or origin.partition("://")[2] == headers.get("host")
        return own and headers.get("sec-fetch-site") in OWN

    def _opens_a_page(self, scope: "Scope", headers: "Headers") -> bool:
        return (
            scope["type"] == "http"
            and scope["method"] in ("GET", "HEAD")
            and scope["path"] in self.pages
            and headers.get("origin") is None
            and (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
        )
