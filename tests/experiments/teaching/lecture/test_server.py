"""What browsers may ask of a lecture, and what becomes of everything else that is sent."""

import pytest

pytest.importorskip("starlette", reason="needs starlette: pip install -e '.[dashboard]'")

from experiments.teaching.lecture import server
from experiments.teaching.lecture.admission import ATTEMPTS, Admission
from experiments.teaching.lecture.lecture import Lecture, Stage
from experiments.teaching.lecture.server import SEAT, SHORT, TEACHER, application
from tests.experiments.asgi import ask
from tests.experiments.teaching.lecture.conftest import small_book

STUDENT, NEIGHBOUR = "192.168.1.7", "192.168.1.8"
DEEP = [b"[" * 60_000, b'{"a":' * 10_000, b'{"code":' + b"[" * 4000, b"[" * 4000 + b"]" * 4000]
ODD = [
    b"",
    b"null",
    b"3",
    b'"code"',
    b"[]",
    b"{",
    b"\xff",
    b'{"code":null}',
    b'{"code":1}',
    b'{"code":"\\ud800"}',
]


@pytest.fixture
def hall(monkeypatch):
    """A lecture, its codes and its pages, which answer wrong codes at once."""
    monkeypatch.setattr(server, "SLOWLY", 0.0)
    lecture, admission = Lecture(small_book()), Admission()
    pages = application(lecture, admission)

    class Hall:
        def device(self):
            return ask(pages).cookies[SEAT]

        def post(self, path, body, cookie="", client=STUDENT):
            return ask(pages, "POST", path, {"cookie": cookie}, body, client)

        def join(self, name, device=None, client=STUDENT, code=None):
            said = {"code": admission.code if code is None else code, "name": name}
            return self.post("/join", said, f"{SEAT}={self.device() if device is None else device}", client)

        def act(self, body):
            return self.post("/teacher/act", body, f"{TEACHER}={admission.key}")

        def get(self, path, cookie=""):
            return ask(pages, path=path, headers={"cookie": cookie})

    hall = Hall()
    hall.lecture, hall.admission = lecture, admission
    return hall


@pytest.mark.parametrize("body", DEEP + ODD)
def test_whatever_is_sent_gets_a_sentence(hall, body):
    device = f"{SEAT}={hall.device()}"
    assert hall.post("/join", body, device).status in (400, 413)
    hall.join("Ada", device.split("=")[1])
    assert hall.post("/prices", body, device).status in (400, 413)
    assert hall.act(body).status in (400, 413)
    # Without code, seat or key nothing is looked at.
    assert hall.post("/prices", body).status == 403
    assert hall.post("/teacher/act", body).status == 404
    assert len(hall.lecture.seats) == 1


def test_before_the_code_is_right_little_may_be_sent_and_nothing_once_it_was_wrong_too_often(hall):
    assert hall.join("x" * SHORT).status == 413
    assert [hall.join("Eve", code="WRONG1").status for _ in range(ATTEMPTS)] == [403] * ATTEMPTS
    for body in DEEP:
        assert hall.post("/join", body).status == 429
    assert hall.join("Eve").status == 429
    assert hall.join("Ada", client=NEIGHBOUR).status == 200


@pytest.mark.parametrize(
    "number", ["1" + "0" * 400, "1" + "0" * 5000, "1e999", "-1e999", "NaN", "null", '"30"', "[30]", "true"]
)
def test_the_teachers_number_is_a_number(hall, number):
    for act in ("start", "extend"):
        refused = hall.act(f'{{"act": "{act}", "number": {number}}}'.encode())
        assert refused.status == 400
        assert "message" in refused.text
    assert hall.lecture.stage is Stage.LOBBY


@pytest.mark.parametrize("seconds", [1e300, 1e6, 4, 7.5, -30, 0])
def test_seconds_are_those_of_a_round(hall, seconds):
    hall.join("Ada")
    refused = hall.act({"act": "start", "number": seconds})
    assert (refused.status, "A round lasts" in refused.text) == (409, True)


def test_a_device_has_one_seat_however_often_it_joins(hall):
    device = hall.device()
    assert hall.join("Ada", device).status == 200
    assert hall.join("Eve", device).status == 200
    assert [seat.name for seat in hall.lecture.seats] == ["Ada"]
    assert "Ada" in hall.get("/", f"{SEAT}={device}").text
    # Who brings no cookie of this lecture would get a seat with every click.
    for made_up in ("", "x", device[:-1], device.replace(".", ".."), Admission().new_device(), "\xe9.\xe9"):
        assert hall.join("Eve", made_up).status == 403
    assert len(hall.lecture.seats) == 1


def test_one_address_takes_three_seats_and_this_machine_any(hall):
    joined = [hall.join(f"Eve {number}").status for number in "1234"]
    assert joined == [200, 200, 200, 409]
    assert hall.join("Ada", client=NEIGHBOUR).status == 200
    assert (
        "somebody else from there could not" in hall.get("/teacher", f"{TEACHER}={hall.admission.key}").text
    )
    hall.act({"act": "remove", "organisations": [seat.organisation for seat in hall.lecture.seats]})
    assert [hall.join(name, client="127.0.0.1").status for name in ("Ada", "Bob", "Cem", "Dora")] == [200] * 4


def test_the_teacher_closes_and_opens_the_door_and_removes_several(hall):
    devices = [hall.device() for _ in range(3)]
    for name, device in zip(("Ada", "Bob", "Cem"), devices, strict=True):
        hall.join(name, device)
    assert hall.act({"act": "shut"}).status == 200
    assert (hall.join("Dora", client=NEIGHBOUR).status, hall.join("Ada", devices[0]).status) == (409, 200)
    assert hall.act({"act": "remove", "organisations": []}).status == 409
    gone = [seat.organisation for seat in hall.lecture.seats[1:]]
    assert hall.act({"act": "remove", "organisations": gone}).status == 200
    assert [seat.name for seat in hall.lecture.seats] == ["Ada"]
    assert hall.get("/state", f"{SEAT}={devices[1]}").status == 403
    assert hall.act({"act": "unlock"}).status == 200
    assert hall.join("Bob", devices[1]).status == 200


@pytest.mark.parametrize("number", ["0", "2", "-1", "1.0", "01", "9" * 5000, "\u0661", "x"])
def test_figures_of_no_round_are_not_there(hall, number):
    assert hall.get(f"/figures/{number}/market", f"{TEACHER}={hall.admission.key}").status == 404


def test_pages_have_their_two_files_and_no_other(hall):
    kinds = {"lecture.css": "text/css", "lecture.js": "text/javascript"}
    for name, kind in kinds.items():
        told = hall.get(f"/static/{name}")
        assert told.text == (server.HERE / "static" / name).read_text()
        assert told.headers["content-type"].startswith(kind)
    for name in ("", "../server.py", "..%2fserver.py", "lecture.js\0", "LECTURE.JS"):
        assert hall.get(f"/static/{name}").status == 404


def test_students_are_told_the_address_of_the_tunnel():
    admission = Admission()
    pages = application(Lecture(small_book()), admission, "https://market.example")
    cookie = {"cookie": f"{TEACHER}={admission.key}"}
    assert "https://market.example" in ask(pages, path="/teacher", headers=cookie).text
