"""The server itself: who gets in, for how long, and what other websites in a browser can reach."""

import errno
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install -e '.[dashboard]'")

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from experiments.teaching.dashboard import connections
from experiments.teaching.dashboard.serving import LOOPBACK, Tunnel, serve
from tests.experiments.browser import browser, needs_chromium

HEAD = b"GET /asset HTTP/1.1\r\nHost: 127.0.0.1\r\n"
UPGRADE = (
    b"GET /live HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
FEW = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from experiments.teaching.dashboard.serving import serve
async def page(request): return PlainTextResponse("answered")
serve(Starlette(routes=[Route("/asset", page)]), port=0, announce=lambda url: url)
"""


def start(**options):
    """Serve an application that writes down what it is asked; return its port and what it wrote."""
    asked, ready = [], threading.Event()
    told = SimpleNamespace(asked=asked)

    async def answer(request):
        if request.url.path != "/favicon.ico":  # browsers ask for it on their own account
            asked.append((request.method, request.url.path, request.client.host))
        if request.url.path == "/large":
            return PlainTextResponse("x" * 30_000_000)
        body = len(await request.body())
        return PlainTextResponse(f"answered {body}")

    async def accept(connection):
        asked.append(("SOCKET", connection.url.path))
        await connection.accept()
        async for text in connection.iter_text():
            await connection.send_text(text)

    def announce(url):
        told.url, told.port = url, int(url.split(":")[-1].strip("/"))
        ready.set()
        return url

    routes = [
        Route("/{path:path}", answer, methods=["GET", "POST"]),
        WebSocketRoute("/{path:path}", accept),
    ]
    arguments = {"application": Starlette(routes=routes), "port": 0, "announce": announce} | options
    threading.Thread(target=serve, kwargs=arguments, daemon=True).start()
    assert ready.wait(60)
    return told


def connect(port, sent=b""):
    opened = socket.create_connection((LOOPBACK, port), timeout=60)
    opened.sendall(sent)
    return opened


def answer_of(opened):
    """Return all that arrives until the other side closes."""
    parts = []
    try:
        while part := opened.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def asks(port, headers=b"Connection: close\r\n"):
    with connect(port, HEAD + headers + b"\r\n") as opened:
        return answer_of(opened)


@pytest.fixture(scope="module")
def small():
    """A server with room for eight connections, six of them from one address, and little patience."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "REQUEST_SECONDS", 0.5)
        with pytest.MonkeyPatch.context() as room:
            room.setattr(connections, "most_connections", lambda: 8)
            told = start()
        yield told


def test_a_request_must_come_and_end_in_time(small):
    for begun in (b"", HEAD, HEAD + b"Content-Length: 9\r\n\r\nabc", b"POST / HTTP/1.1\r\n"):
        with connect(small.port, begun) as opened:
            assert answer_of(opened) == b""
    # Also after an answer, and however often a byte arrives.
    with connect(small.port, HEAD + b"\r\n") as opened:
        assert answer_of(opened).endswith(b"answered 0")
    with connect(small.port, HEAD + b"X-Long: ") as opened:
        alive = True
        while alive:
            try:
                opened.sendall(b"x")
                opened.settimeout(0.05)
                alive = opened.recv(1) != b""
            except TimeoutError:
                pass
            except OSError:
                alive = False
    assert asks(small.port).endswith(b"answered 0")


def test_sockets_stay_open(small):
    upgrade = UPGRADE % (small.port, small.port)
    with connect(small.port, upgrade + b"\r\n") as opened, connect(small.port) as patient:
        assert opened.recv(4096).startswith(b"HTTP/1.1 101")
        assert answer_of(patient) == b""  # twice the patience has passed for the socket
        opened.sendall(b"\x81\x82\x00\x00\x00\x00hi")
        assert opened.recv(4) == b"\x81\x02hi"


NONSENSE = [
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
]


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
def test_nonsense_behind_the_head_of_a_request_leaves_no_traceback(method, capfd):
    told = start()  # in this test, so that its log is seen
    for rest in NONSENSE:
        head, _, nonsense = rest.partition(b"\r\n\r\n")
        # Before the body is looked at there is an answer.
        begun = method + b" /large HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n\r\n"
        with connect(told.port, begun + nonsense) as opened:
            answer_of(opened)
        with connect(told.port, begun) as opened:
            assert opened.recv(12) == b"HTTP/1.1 200"
            opened.sendall(nonsense)
            answer_of(opened)
    assert asks(told.port).endswith(b"answered 0")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "unreadable",
    [b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"X: " + b"a" * 40_000 + b"\r\n"],
    ids=["length", "chunked", "long"],
)
def test_a_handshake_that_cannot_be_read_ends(unreadable, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 600.0)
    told = start()
    with connect(told.port, UPGRADE % (told.port, told.port) + unreadable + b"\r\n") as opened:
        assert answer_of(opened) == b""
    assert told.asked == []


def test_where_there_are_no_sockets_handshakes_are_plain_requests():
    told = start(sockets=False)
    upgrade = UPGRADE.replace(b"Upgrade\r\n", b"Upgrade, close\r\n", 1) % (told.port, told.port)
    with connect(told.port, upgrade + b"\r\n") as opened:
        assert answer_of(opened).endswith(b"answered 0")


def test_who_does_not_fetch_its_answers_gives_way(capfd, monkeypatch):
    monkeypatch.setattr(connections, "most_connections", lambda: 8)
    told = start()
    slow = []
    for _ in range(12):
        slow.append(connect(told.port, b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))
        assert slow[-1].recv(12) == b"HTTP/1.1 200"
    assert asks(told.port).endswith(b"answered 0")
    for opened in slow:
        opened.close()
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == 1


def test_no_more_files_is_one_line_and_no_traceback(monkeypatch, capfd):
    told = start()
    patient = connect(told.port, HEAD)
    full = [OSError(errno.EMFILE, "Too many open files")] * 3
    accept = socket.socket.accept

    def accept_or_fail(listening):
        if full:
            raise full.pop()
        return accept(listening)

    monkeypatch.setattr(socket.socket, "accept", accept_or_fail)
    assert asks(told.port).endswith(b"answered 0")
    assert full == []
    patient.close()
    assert len(capfd.readouterr().err.strip().splitlines()) == 1


def test_who_only_waits_gives_way(capfd, monkeypatch):
    monkeypatch.setattr(connections, "most_connections", lambda: 8)
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 600.0)
    told = start()
    idle = [connect(told.port, HEAD) for _ in range(40)]
    for _ in range(20):
        assert asks(told.port).endswith(b"answered 0")
    for opened in idle[:34]:
        assert answer_of(opened) == b""
        opened.close()
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "from 127.0.0.1" in said[0]
    assert "at most 8 at a time, 6 from one address" in said[0]
    for opened in idle[34:]:
        opened.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of open files")
def test_four_hundred_half_open_connections_do_not_stop_a_server_with_256_files():
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", FEW],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as server:
        port = int(re.search(r":(\d+)/", server.stdout.readline())[1])
        half_open = [connect(port, HEAD) for _ in range(400)]
        for _ in range(5):
            assert asks(port).endswith(b"answered")
        for opened in half_open:
            opened.close()
        server.terminate()
        said = server.communicate(timeout=60)[1]
    assert len(said.strip().splitlines()) == 1
    assert "at most 192 at a time, 144 from one address" in said


def test_who_leaves_in_the_middle_of_a_request_is_not_spoken_of(capfd, monkeypatch):
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.5)
    small = start()
    for _ in range(5):
        connect(small.port, b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nabc").close()
    assert asks(small.port).endswith(b"answered 0")
    with connect(small.port) as patient:
        assert answer_of(patient) == b""
    assert capfd.readouterr().err == ""


def test_the_door_counts_who_leaves(small):
    for _ in range(30):
        assert asks(small.port).endswith(b"answered 0")
    assert asks(small.port, b"Host: 127.0.0.1:9\r\nConnection: close\r\n").startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(("believed", "client"), [(False, "127.0.0.1"), (True, "203.0.113.9")])
def test_proxies_are_believed_only_if_asked_for(believed, client):
    told = start(tunnel=Tunnel(proxy_headers=believed))
    asks(told.port, b"X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\nConnection: close\r\n")
    assert told.asked == [("GET", "/asset", client)]


@pytest.mark.parametrize(
    "host", [b"evil.example", b"127.0.0.1.evil.example", b"evil.example:127.0.0.1", b"", b"[::1]", b"*"]
)
def test_other_names_of_this_machine_are_not_answered(small, host):
    with connect(small.port, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n") as opened:
        assert answer_of(opened).startswith(b"HTTP/1.1 400")


ATTACK = """<!DOCTYPE html><title>elsewhere</title><body><script>
const victim = "VICTIM";
const tries = ["img", "script", "iframe", "embed", "video", "link"].map((kind) => new Promise((done) => {
  const element = document.createElement(kind);
  element.onload = element.onerror = done;
  if (kind === "link") { element.rel = "stylesheet"; element.href = victim + kind; }
  else if (kind === "embed") { element.src = victim + kind; setTimeout(done, 300); }
  else element.src = victim + kind;
  document.body.append(element);
}));
for (const options of [{}, { mode: "no-cors" }, { method: "POST", mode: "no-cors", body: "{}" },
                       { headers: { "X-Own": "1" } }, { credentials: "include", mode: "no-cors" }])
  tries.push(fetch(victim + "fetch", options).catch(() => 0));
tries.push(new Promise((done) => {
  const socket = new WebSocket(victim.replace("http", "ws") + "socket");
  socket.onopen = socket.onerror = socket.onclose = done;
}));
navigator.sendBeacon(victim + "beacon", "{}");
Promise.all(tries).then(() => { document.title = "tried"; });
</script>
<form method="POST" action="VICTIMform"><button id="form">form</button></form>
<a id="asset" href="VICTIMasset">asset</a><a id="page" href="VICTIM">page</a></body>"""


@pytest.fixture(scope="module")
def elsewhere():
    """Another website on this machine, whose page tries all that a page can; returns its port."""
    pages = {}

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(pages["attack"].encode())

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer((LOOPBACK, 0), Elsewhere) as website:
        threading.Thread(target=website.serve_forever, daemon=True).start()
        yield SimpleNamespace(port=website.server_port, pages=pages)
        website.shutdown()


@needs_chromium
@pytest.mark.xdist_group("browser")
def test_another_website_reaches_nothing_and_links_still_work(elsewhere):
    told = start(pages=("/",))
    elsewhere.pages["attack"] = ATTACK.replace("VICTIM", told.url)
    with browser([]) as visit:
        # Another port is another origin of the same site, another name another site.
        for name in ("127.0.0.1", "localhost"):
            page = visit(f"http://{name}:{elsewhere.port}/")
            page.wait_for_function("document.title === 'tried'")
            assert told.asked == []
            for link in ("#form", "#asset"):
                page.click(link)
                page.wait_for_selector("text=Requests of other websites are not answered.")
                page.goto(f"http://{name}:{elsewhere.port}/nothing")
            assert told.asked == []
            page.click("#page")
            page.wait_for_selector("text=answered")
            assert told.asked == [("GET", "/", "127.0.0.1")]
            page.evaluate("fetch('/own').then(r => r.text())")
            assert told.asked.pop() == ("GET", "/own", "127.0.0.1")
            told.asked.clear()
