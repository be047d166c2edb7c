"""The pages of a lecture: what a browser may ask for, and nothing else.

A student's browser proves itself with a cookie that joining gave it, the teacher's with one that the URL in
the terminal gave it. Pages ask `state` every second and fetch themselves again when its version changes.
"""

import ipaddress
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from experiments.teaching.lecture.admission import Admission, TooManyAttemptsError
from experiments.teaching.lecture.gallery import FIGURES, Gallery
from experiments.teaching.lecture.lecture import Lecture, LectureError, Seat, Stage
from experiments.teaching.lecture.messages import Act, Joining, Prices, read_message
from experiments.teaching.lecture.views import student_version, student_view, teacher_version, teacher_view

HERE = Path(__file__).parent
SEAT, TEACHER = "parabourse_seat", "parabourse_teacher"
"""Names of the cookies."""

PAGES = ("/", "/teacher")
FILES = {"lecture.css": "text/css", "lecture.js": "text/javascript"}
"""What pages need besides themselves, and of which kind it is."""

SHORT = 4096
"""Bytes that may be sent before the code is known to be right."""

SAID = {
    "forgive": "Everybody may try the code again at once.",
    "let_crowds_join": "Any number may join from one address.",
}
"""What the teacher is told of acts that do not show on the page."""

SLOWLY = 0.5
"""Seconds that the answer to a wrong code takes."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Pages are neither kept nor told to others, and show and run nothing but what this server sends as files."""

FIGURE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
"""A figure has its styles and pixels in itself."""


def application(lecture: Lecture, admission: Admission, public: str | None = None) -> Starlette:
    """Return the application that serves a lecture.

    Parameters
    ----------
    lecture : Lecture
        What is played.
    admission : Admission
        Its codes.
    public : str, optional
        The origin by which students reach it, if it is not the one by which the teacher does.
    """
    pages = _Pages(lecture, admission, public)
    routes = [
        Route("/", pages.student),
        Route("/join", pages.join, methods=["POST"]),
        Route("/state", pages.state),
        Route("/view", pages.view),
        Route("/prices", pages.prices, methods=["POST"]),
        Route("/teacher", pages.teacher),
        Route("/teacher/state", pages.teacher_state),
        Route("/teacher/view", pages.teacher_part),
        Route("/teacher/act", pages.act, methods=["POST"]),
        Route("/figures/{number}/{name}", pages.figure),
        *(Route(f"/static/{name}", _file(HERE / "static" / name, kind)) for name, kind in FILES.items()),
    ]
    return Starlette(routes=routes, exception_handlers={LectureError: _refusal, HTTPException: _failure})


class _Pages:
    """The endpoints; all state is the lecture's and its codes'."""

    def __init__(self, lecture: Lecture, admission: Admission, public: str | None) -> None:
        self.lecture, self.admission, self.public = lecture, admission, public
        self.gallery = Gallery()
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "pages"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self.templates.filters |= {"credits": "{:.3f}".format, "percent": _percent}

    async def student(self, request: Request) -> Response:
        """Return the page to join with, and a cookie to be known by, or the page to play on."""
        seat = self._seat(request)
        if seat is None:
            page = self._html("join.html.j2", {})
            known = self.admission.is_device(request.cookies.get(SEAT, ""))
            return page if known else _with_cookie(page, SEAT, self.admission.new_device())
        return self._html("student.html.j2", student_view(self.lecture, seat))

    async def join(self, request: Request) -> Response:
        """Give the browser of whoever knows the code a seat."""
        client = request.client.host if request.client else ""
        try:
            self.admission.check_patience(client)
            said = await read_message(request, Joining, SHORT)
            admitted = self.admission.admits(client, said.code)
        except TooManyAttemptsError as error:
            raise HTTPException(429, str(error)) from error
        if not admitted:
            await anyio.sleep(SLOWLY)
            raise HTTPException(403, "That is not the code on the screen.")
        device = request.cookies.get(SEAT, "")
        if not self.admission.is_device(device):
            raise HTTPException(403, "Let your browser keep cookies of this page, and load it again.")
        self.lecture.join(said.name, device, "" if _is_own(client) else client)
        return JSONResponse({})

    async def state(self, request: Request) -> Response:
        """Tell which version of a student's page is the newest, and the time left."""
        return self._state(student_version(self.lecture, self._required_seat(request)))

    async def view(self, request: Request) -> Response:
        """Return what changes on a student's page."""
        view = student_view(self.lecture, self._required_seat(request))
        return self._html("student_part.html.j2", view)

    async def prices(self, request: Request) -> Response:
        """Take a student's prices for a round."""
        seat = self._required_seat(request)
        said = await read_message(request, Prices)
        wrong = self.lecture.submit(seat, said.round, said.prices)
        return JSONResponse({"wrong": wrong}, status_code=422 if wrong else 200)

    async def teacher(self, request: Request) -> Response:
        """Return the teacher's page; the key is taken out of the address, where a projector would show it."""
        key = request.query_params.get("key")
        if key is not None and self.admission.is_teacher(key):
            return _with_cookie(RedirectResponse("/teacher", 303), TEACHER, key)
        self._require_teacher(request)
        return self._html("teacher.html.j2", self._teacher_view(request))

    async def teacher_state(self, request: Request) -> Response:
        """Tell which version of the teacher's page is the newest, and the time left."""
        self._require_teacher(request)
        return self._state(teacher_version(self.lecture))

    async def teacher_part(self, request: Request) -> Response:
        """Return what changes on the teacher's page."""
        self._require_teacher(request)
        return self._html("teacher_part.html.j2", self._teacher_view(request))

    async def act(self, request: Request) -> Response:
        """Do what the teacher says."""
        self._require_teacher(request)
        said = await read_message(request, Act)
        acts: dict[str, Callable[[], None]] = {
            "start": lambda: self.lecture.start(said.number),
            "extend": lambda: self.lecture.extend(said.number),
            "close": self.lecture.close,
            "finish": self.lecture.finish,
            "forgive": self.admission.forgive,
            "shut": lambda: self.lecture.open_door(False),
            "unlock": lambda: self.lecture.open_door(True),
            "let_crowds_join": self.lecture.let_crowds_join,
            "remove": lambda: self.lecture.remove(said.organisations),
        }
        acts[said.act]()
        return JSONResponse({"message": SAID.get(said.act, "")})

    def figure(self, request: Request) -> Response:
        """Return a figure of a round to the teacher, and once the lecture is over to all who played."""
        if not (self.lecture.stage is Stage.FINISHED and self._seat(request)):
            self._require_teacher(request)
        number, name = request.path_params["number"], request.path_params["name"]
        result = next((one for one in self.lecture.results if str(one.number) == number), None)
        if result is None or name not in FIGURES:
            raise HTTPException(404)
        svg = self.gallery.svg(result, name)
        return Response(svg, media_type="image/svg+xml", headers=HEADERS | FIGURE_HEADERS)

    def _seat(self, request: Request) -> Seat | None:
        return self.lecture.seat_of(request.cookies.get(SEAT, ""))

    def _required_seat(self, request: Request) -> Seat:
        seat = self._seat(request)
        if seat is None:
            raise HTTPException(403, "Join first.")
        return seat

    def _require_teacher(self, request: Request) -> None:
        if not self.admission.is_teacher(request.cookies.get(TEACHER, "")):
            raise HTTPException(404)

    def _teacher_view(self, request: Request) -> dict[str, Any]:
        url = self.public or str(request.base_url)
        return teacher_view(self.lecture) | {"code": self.admission.code, "url": url}

    def _state(self, version: str) -> Response:
        return JSONResponse({"version": version, "seconds": self.lecture.seconds_left}, headers=HEADERS)

    def _html(self, template: str, view: dict[str, Any]) -> Response:
        return HTMLResponse(self.templates.get_template(template).render(view), headers=HEADERS)


def _file(path: Path, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers with a file, read once: no connection, however slow, holds it open."""
    content = path.read_bytes()

    async def answer(request: Request) -> Response:  # noqa: ARG001
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return answer


def _is_own(client: str) -> bool:
    """Return whether an address is this machine's own: that of a rehearsal, or of a tunnel's near end."""
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return False


def _percent(share: float) -> str:
    return "none (nothing to gain)" if math.isnan(share) else f"{share:.0%}"


def _with_cookie(response: Response, name: str, value: str) -> Response:
    response.set_cookie(name, value, httponly=True, samesite="lax")
    return response


async def _refusal(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return JSONResponse({"message": str(error)}, status_code=409)


async def _failure(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)
    return JSONResponse({"message": error.detail}, status_code=error.status_code)
