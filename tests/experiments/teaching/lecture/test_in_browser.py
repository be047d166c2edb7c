"""A lecture round in three browsers, and a fourth that was not invited."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from experiments.teaching.dashboard.serving import serve
from experiments.teaching.lecture.admission import ATTEMPTS, Admission
from experiments.teaching.lecture.clock import keep_time
from experiments.teaching.lecture.lecture import Lecture
from tests.experiments.browser import browser, needs_chromium
from tests.experiments.teaching.lecture.conftest import small_market

pytestmark = [needs_chromium, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def hall():
    """A lecture that is served, and a browser: `visit` opens a page of somebody new."""
    from experiments.teaching.lecture.server import application

    lecture, admission, listening = Lecture(small_market()), Admission(), threading.Event()
    served = SimpleNamespace(lecture=lecture, admission=admission, asked=[])

    def announce(url):
        served.url = url
        listening.set()
        return url

    pages = application(lecture, admission)
    for target, arguments in (
        (serve, {"application": pages, "port": 0, "announce": announce}),
        (keep_time, {"lecture": lecture}),
    ):
        threading.Thread(target=target, kwargs=arguments, daemon=True).start()
    assert listening.wait(30)
    with browser(served.asked) as visit:
        served.visit = lambda: visit(served.url, width=390)
        yield served


def join(page, code, name):
    page.fill("[name=code]", code)
    page.fill("[name=name]", name)
    page.click("text=Join >> nth=-1")


def test_a_round_in_three_browsers(hall):
    lecture = hall.lecture
    teacher, ada, bob = hall.visit(), hall.visit(), hall.visit()
    teacher.goto(f"{hall.url}teacher?key={hall.admission.key}")
    assert hall.admission.key not in teacher.url
    join(ada, hall.admission.code.lower(), "Ada")
    join(bob, hall.admission.code, "<b>Bob</b>")
    for page in (ada, bob):
        page.wait_for_selector("text=You are in.")
    teacher.wait_for_selector("text=<b>Bob</b>")
    for name in ("Cem", "Dora"):
        lecture.join(name)
        teacher.wait_for_selector(f"text={name}")
        teacher.check(f".tick[data-name={name}]")
    # Ticks outlive a new version of the page.
    teacher.click("text=Remove who is ticked")
    teacher.wait_for_selector("text=Cem", state="detached")
    assert [seat.name for seat in lecture.seats] == ["Ada", "<b>Bob</b>"]
    teacher.click("text=Close it")
    teacher.wait_for_selector("text=The door is closed")
    late = hall.visit()
    join(late, hall.admission.code, "Late")
    late.wait_for_selector("text=The door is closed")
    teacher.click("text=Start round 1")
    for page in (ada, bob):
        page.wait_for_selector("text=Send my prices")

    bid = lecture.seats[0].questions[0]
    card = ada.locator(".question").first
    assert f"Worth {bid.limit:.3f} credits" in card.inner_text()
    card.locator("input").fill("11")
    assert "You have 10.000 credits" in card.inner_text()
    card.locator("input").fill("1,000")
    assert "Do you mean 1.000 or 1000?" in card.inner_text()
    card.locator("input").fill("9")
    assert "More than it is worth to you" in card.inner_text()
    assert ada.locator("details p", has_text="the most that you would pay").is_visible()
    for page, seat, factor in ((ada, lecture.seats[0], 0.5), (bob, lecture.seats[1], 0.8)):
        for question in seat.questions:
            page.fill(f"#{question.key}", f"{factor * question.limit:.6f}")
        page.click("text=Send my prices")
        page.wait_for_selector("text=Sent.")
    ada.reload()
    assert ada.input_value(f"#{bid.key}") == f"{0.5 * bid.limit:.6f}".rstrip("0")
    teacher.wait_for_selector("text=2 of 2 have sent")
    teacher.click("text=Close now")
    for page in (teacher, ada, bob):
        page.wait_for_selector("text=Result of round 1")

    report = lecture.world.report
    assert np.abs(lecture.results[0].played.profit[:2]).min() > 0.01
    trades = report.tables["trades"]
    for page, who in ((ada, 0), (bob, 1)):
        bought, sold = (trades["settled"] & (trades[side] == who) for side in ("buyer", "seller"))
        gained = (trades["measured_value"] - trades["paid"])[bought].sum()
        earned = (trades["received"] - trades["measured_cost"])[sold].sum()
        assert page.inner_text(".big") == f"{gained + earned:.3f}"
        assert f"this round: {report.tables['organisations']['profit'][who]:.3f} credits" in page.inner_text(
            "dl"
        )
        assert page.locator(".trades li", has_text="You bought").count() == bought.sum()
        assert page.locator(".trades li", has_text="You sold").count() == sold.sum()
        assert page.context.request.get(f"{hall.url}figures/1/market").status == 404
    assert f"realised {report.totals['allocative_efficiency']:.0%} of the gains" in teacher.inner_text("main")
    assert f"{report.totals['gains_first_best']:.3f}" in teacher.inner_text("main")
    teacher.click("text=Finish")
    ada.wait_for_selector("text=Round 1, everybody")
    # It fails if one is not there. Waiting for a function would need what these pages forbid: eval.
    drawn = "Promise.all([...document.images].map((image) => image.decode()))"
    for page in (teacher, ada):
        page.wait_for_selector("figure")
        page.evaluate(drawn)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert hall.asked
    assert all(url.startswith((hall.url, "data:")) for url in hall.asked)


def test_who_was_not_invited_sees_nothing_and_moves_nothing(hall):
    page = hall.visit()
    for _ in range(2):
        join(page, "WRONG1", "Eve")
        page.wait_for_selector("text=That is not the code")
    ask = page.context.request
    forbidden = {"state": 403, "view": 403, "teacher": 404, "teacher?key=guess": 404, "teacher/state": 404}
    forbidden |= {"teacher/view": 404, "figures/1/market": 404, "static/../server.py": 404, "etc": 404}
    assert {path: ask.get(hall.url + path).status for path in forbidden} == forbidden
    assert ask.post(hall.url + "prices", data={"round": 1, "prices": {}}).status == 403
    assert ask.post(hall.url + "teacher/act", data={"act": "finish"}).status == 404
    # Neither another name for this machine nor another website's page gets an answer.
    assert "'unsafe" not in ask.get(hall.url).headers["content-security-policy"]
    assert ask.get(hall.url, headers={"Host": "evil.example"}).status == 400
    assert ask.post(hall.url + "join", data={}, headers={"Origin": "http://evil.example"}).status == 403
    for _ in range(ATTEMPTS):
        last = ask.post(hall.url + "join", data={"code": "WRONG1", "name": "Eve"})
    assert (last.status, last.json()["message"][:8]) == (429, "Too many")
    assert not any(seat.name == "Eve" for seat in hall.lecture.seats)
