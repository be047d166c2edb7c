"""Requests to an application without a server; for tests of what it answers to whom."""

import asyncio
import json
from types import SimpleNamespace


def ask(application, method="GET", path="/", headers=None, body=b"", client="127.0.0.1", kind="http"):
    """Return the status and the headers, cookies and text of the answer to one request.

    A WebSocket that is let in has the status 101, one that is not 403.
    """
    path, _, query = path.partition("?")
    given = {"host": "127.0.0.1:8765"} | (headers or {})
    scope = {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()],
        "client": (client, 50_000),
        "server": ("127.0.0.1", 8765),
    }
    if kind == "websocket":
        arriving = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    else:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        arriving = [{"type": "http.request", "body": content, "more_body": False}]
    said = []

    async def receive():
        return arriving.pop(0) if arriving else {"type": "http.disconnect"}

    async def send(message):
        said.append(message)

    asyncio.run(application(scope, receive, send))
    first = said[0]
    if kind == "websocket":
        return SimpleNamespace(status=101 if first["type"] == "websocket.accept" else 403)
    lines = [(name.decode(), value.decode("latin-1")) for name, value in first["headers"]]
    cookies = dict(value.split(";")[0].split("=", 1) for name, value in lines if name == "set-cookie")
    text = b"".join(part.get("body", b"") for part in said[1:]).decode()
    return SimpleNamespace(status=first["status"], headers=dict(lines), cookies=cookies, text=text)
