"""Solara is asked nothing that it fails on, and believes no proxy, since there is none."""

import pytest

pytest.importorskip("starlette", reason="needs starlette: pip install -e '.[dashboard]'")

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute

from experiments.teaching.dashboard.solara_requests import SolaraRequests
from tests.experiments.asgi import ask

KERNEL, CLOSE = "/jupyter/api/kernels/1/channels", "/_solara/api/close/1"


async def answer(request):
    if request.url.path == CLOSE:
        assert request.query_params["session_id"]
    return JSONResponse(sorted(request.headers))


async def accept(socket):
    assert socket.query_params["session_id"]
    await socket.accept()
    await socket.close()


@pytest.fixture(scope="module")
def application():
    routes = [
        Route("/{path:path}", answer, methods=["GET", "POST"]),
        WebSocketRoute("/{path:path}", accept),
    ]
    return SolaraRequests(Starlette(routes=routes))


@pytest.mark.parametrize("query", ["", "?", "?session_id", "?session_id=", "?x=1", "?%ff"])
def test_who_names_no_page_is_refused(application, query):
    assert ask(application, path=KERNEL + query, kind="websocket").status == 403
    assert ask(application, "POST", CLOSE + query).status == 400


def test_who_names_a_page_is_answered(application):
    assert ask(application, path=f"{KERNEL}?session_id=1", kind="websocket").status == 101
    assert ask(application, "POST", f"{CLOSE}?x=2&session_id=1").status == 200


def test_nothing_is_said_in_the_name_of_a_proxy(application):
    proxied = ("X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "Script-Name", "X-Script-Name")
    told = ask(application, headers=dict.fromkeys(proxied, "evil") | {"X-Own": "1"})
    assert told.text == '["host","x-own"]'
