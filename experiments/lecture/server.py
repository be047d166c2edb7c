"""The pages of a lecture: what a browser may ask for, and nothing else.

A student's browser proves itself with a cookie that joining gave it, the teacher's with one that the URL in
the terminal gave it. Pages ask `state` every second and fetch themselves again when its version changes.

Core Objects: application
"""

import json
import math
from pathlib import Path
from typing import Any

import anyio
import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from experiments.lecture.admission import Admission, TooManyAttemptsError
from experiments.lecture.gallery import FIGURES, Gallery
from experiments.lecture.lecture import Lecture, LectureError, Seat, Stage
from experiments.lecture.views import student_version, student_view, teacher_version, teacher_view

HERE = Path(__file__).parent
SEAT, TEACHER = "parabourse_seat", "parabourse_teacher"
"""Names of the cookies."""

LARGEST_BODY = 65_536
"""Bytes."""

SAID = {"forgive": "Everybody may try the code again at once."}
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


def application(lecture: Lecture, admission: Admission) -> Starlette:
    """Return the application that serves a lecture.

    Parameters
    ----------
    lecture : Lecture
        What is played.
    admission : Admission
        Its codes.
    """
    pages = _Pages(lecture, admission)
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
        Route("/figures/{number:int}/{name}", pages.figure),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    return Starlette(routes=routes, exception_handlers={LectureError: _refusal, HTTPException: _failure})


class _Pages:
    """The endpoints; all state is the lecture's and its codes'."""

    def __init__(self, lecture: Lecture, admission: Admission) -> None:
        self.lecture, self.admission = lecture, admission
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
        """Return the page to join with, or the page to play on."""
        seat = self._seat(request)
        if seat is None:
            return self._html("join.html.j2", {})
        return self._html("student.html.j2", student_view(self.lecture, seat))

    async def join(self, request: Request) -> Response:
        """Give whoever knows the code a seat, and its browser a cookie."""
        said = await _body(request)
        client = request.client.host if request.client else ""
        try:
            admitted = self.admission.admits(client, str(said.get("code", "")))
        except TooManyAttemptsError as error:
            raise HTTPException(429, str(error)) from error
        if not admitted:
            await anyio.sleep(SLOWLY)
            raise HTTPException(403, "That is not the code on the screen.")
        seat = self._seat(request) or self.lecture.join(str(said.get("name", "")))
        return _with_cookie(JSONResponse({}), SEAT, seat.token)

    async def state(self, request: Request) -> Response:
        """Tell which version of a student's page is the newest, and the time left."""
        return self._state(student_version(self.lecture, self._required_seat(request)))

    async def view(self, request: Request) -> Response:
        """Return what changes on a student's page."""
        view = student_view(self.lecture, self._required_seat(request))
        return self._html("student_part.html.j2", view)

    async def prices(self, request: Request) -> Response:
        """Take a student's prices for a round."""
        seat, said = self._required_seat(request), await _body(request)
        number, prices = said.get("round"), said.get("prices")
        if not isinstance(number, int) or not isinstance(prices, dict):
            raise HTTPException(400, "prices must be sent with their round")
        wrong = self.lecture.submit(seat, number, prices)
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
        said = await _body(request)
        number = said.get("number", 0)
        if not isinstance(number, int | float) or not math.isfinite(number):
            raise HTTPException(400, "Write a number.")
        acts = {
            "start": lambda: self.lecture.start(number),
            "extend": lambda: self.lecture.extend(number),
            "close": self.lecture.close,
            "finish": self.lecture.finish,
            "forgive": self.admission.forgive,
            "remove": lambda: self.lecture.remove(int(number)),
        }
        act = acts.get(str(said.get("act")))
        if act is None:
            raise HTTPException(400, f"act must be one of {', '.join(acts)}")
        act()
        return JSONResponse({"message": SAID.get(str(said["act"]), "")})

    def figure(self, request: Request) -> Response:
        """Return a figure of a round to the teacher, and once the lecture is over to all who played."""
        if not (self.lecture.stage is Stage.FINISHED and self._seat(request)):
            self._require_teacher(request)
        number, name = request.path_params["number"], request.path_params["name"]
        if not 1 <= number <= len(self.lecture.results) or name not in FIGURES:
            raise HTTPException(404)
        svg = self.gallery.svg(self.lecture.results[number - 1], name)
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
        return teacher_view(self.lecture) | {"code": self.admission.code, "url": str(request.base_url)}

    def _state(self, version: str) -> Response:
        return JSONResponse({"version": version, "seconds": self.lecture.seconds_left}, headers=HEADERS)

    def _html(self, template: str, view: dict[str, Any]) -> Response:
        return HTMLResponse(self.templates.get_template(template).render(view), headers=HEADERS)


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object that was sent; refuse what is none, or too large."""
    text = b""
    async for part in request.stream():
        text += part
        if len(text) > LARGEST_BODY:
            raise HTTPException(413, "too much was sent")
    try:
        said = json.loads(text)
    except ValueError as error:
        raise HTTPException(400, "what is sent must be JSON") from error
    if not isinstance(said, dict):
        raise HTTPException(400, "what is sent must be a JSON object")
    return said


def _percent(share: float) -> str:
    return "no share" if math.isnan(share) else f"{share:.0%}"


def _with_cookie(response: Response, name: str, value: str) -> Response:
    response.set_cookie(name, value, httponly=True, samesite="lax")
    return response


async def _refusal(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return JSONResponse({"message": str(error)}, status_code=409)


async def _failure(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)
    return JSONResponse({"message": error.detail}, status_code=error.status_code)
