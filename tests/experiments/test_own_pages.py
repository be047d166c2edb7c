"""Other websites in the same browser can open a page, and do nothing else."""

import itertools

import pytest

pytest.importorskip("starlette", reason="needs starlette: pip install -e '.[dashboard]'")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from experiments.teaching.dashboard.own_pages import HEADERS, OwnPagesOnly
from tests.experiments.asgi import ask

HOST = "127.0.0.1:8765"
MODES = ("navigate", "no-cors", "cors", "same-origin", "websocket", None)
DESTINATIONS = ("document", "iframe", "image", "script", "empty", "websocket", None)


async def answer(request):
    return PlainTextResponse("answered")


async def accept(socket):
    await socket.accept()
    await socket.close()


@pytest.fixture(scope="module")
def guarded():
    routes = [
        Route("/{path:path}", answer, methods=["GET", "POST"]),
        WebSocketRoute("/{path:path}", accept),
    ]
    return OwnPagesOnly(Starlette(routes=routes), ("/", "/compare"), ("https://market.example",))


def fetched(site, mode, destination):
    told = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination}
    return {name: value for name, value in told.items() if value is not None}


def test_from_elsewhere_nothing_but_a_page_can_be_opened(guarded):
    answered = {
        (method, path, mode, destination)
        for method, path, site, mode, destination in itertools.product(
            ("GET", "POST"),
            ("/", "/compare", "/asset"),
            ("cross-site", "same-site", "new"),
            MODES,
            DESTINATIONS,
        )
        if ask(guarded, method, path, fetched(site, mode, destination)).status == 200
    }
    assert answered == {("GET", page, "navigate", "document") for page in ("/", "/compare")}


@pytest.mark.parametrize("site", ["same-origin", "none", None])
def test_own_pages_people_and_old_browsers_get_everything(guarded, site):
    for mode, destination in itertools.product(MODES, DESTINATIONS):
        assert ask(guarded, "GET", "/asset", fetched(site, mode, destination)).status == 200
    own = fetched(site, "cors", "empty") | {"origin": f"http://{HOST}"}
    assert ask(guarded, "POST", "/act", own).status == 200
    assert ask(guarded, path="/socket", headers=own, kind="websocket").status == 101


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:9",
        "http://localhost:8765",
        "null",
        "http://[",
        "",
        "https://",
    ],
)
def test_no_other_origin_gets_an_answer(guarded, origin):
    for site in (None, "same-origin", "cross-site"):
        headers = {"origin": origin} | fetched(site, "navigate", "document")
        assert ask(guarded, headers=headers).status == 403
        assert ask(guarded, headers=headers, kind="websocket").status == 403


def test_a_socket_says_for_whom_it_is(guarded):
    assert ask(guarded, kind="websocket").status == 403
    other_port = {"origin": f"http://{HOST}", "sec-fetch-site": "same-site"}
    assert ask(guarded, headers=other_port, kind="websocket").status == 403


def test_an_address_of_a_tunnel_is_an_own_origin(guarded):
    own = {"origin": "https://market.example", "sec-fetch-site": "same-origin"}
    assert ask(guarded, "POST", "/act", own).status == 200
    assert ask(guarded, "POST", "/act", own | {"origin": "http://market.example"}).status == 403


def test_browsers_hand_no_answer_to_other_websites(guarded):
    for headers in ({}, {"origin": "http://evil.example"}):
        told = ask(guarded, headers=headers).headers
        assert {name: told[name.lower()] for name in HEADERS} == HEADERS
