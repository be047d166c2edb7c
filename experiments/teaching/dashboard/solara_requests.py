"""What Solara is asked: nothing that it fails on, and nothing in the name of a proxy."""

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

OF_PROXIES = (b"forwarded", b"x-forwarded-", b"script-name", b"x-script-name")
"""How headers begin that a proxy writes. No proxy is before the dashboard, and Solara would believe them: the
first that asks could move all pages to another path."""

OF_A_PAGE = ("/jupyter/api/kernels/", "/_solara/api/close/")
"""Paths that say in their query for which page they ask."""


class SolaraRequests:
    """Passes on to Solara what its own pages can ask.

    Parameters
    ----------
    application : ASGI application
        Solara's.
    """

    def __init__(self, application: "ASGIApp") -> None:
        self.application = application

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request or connection."""
        from starlette.responses import PlainTextResponse
        from starlette.websockets import WebSocketClose

        if scope["type"] in ("http", "websocket"):
            if scope["path"].startswith(OF_A_PAGE) and not _names_a_page(scope):
                refusal = WebSocketClose() if scope["type"] == "websocket" else PlainTextResponse("", 400)
                await refusal(scope, receive, send)
                return
            headers = [one for one in scope["headers"] if not one[0].lower().startswith(OF_PROXIES)]
            scope = {**scope, "headers": headers}
        await self.application(scope, receive, send)


def _names_a_page(scope: "Scope") -> bool:
    return bool(parse_qs(scope["query_string"].decode("latin-1")).get("session_id"))
