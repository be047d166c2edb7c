"""Who sits where, what may be named until when, and what each may see."""

import dataclasses

import numpy as np
import pytest

from experiments.teaching.lecture.admission import ATTEMPTS, WINDOW, Admission, TooManyAttemptsError
from experiments.teaching.lecture.gallery import FIGURES, Gallery
from experiments.teaching.lecture.lecture import SEATS_AN_ADDRESS, Lecture, LectureError, Stage
from experiments.teaching.lecture.views import student_view, teacher_view
from tests.experiments.teaching.lecture.conftest import small_book, small_market


@pytest.fixture
def lecture(clock):
    return Lecture(small_market(), clock)


def prices(seat, factor=1.0):
    """The texts of a form filled in with a multiple of what everything is worth or costs."""
    return {question.key: f"{factor * question.limit:.6f}" for question in seat.questions}


def test_a_round_goes_from_lobby_to_results(lecture, clock):
    with pytest.raises(LectureError, match="Nobody"):
        lecture.start(30)
    ada, bob = lecture.join("Ada"), lecture.join("Bob")
    with pytest.raises(LectureError, match="whole number"):
        lecture.start(7.5)
    lecture.start(30)
    assert (lecture.stage, lecture.seconds_left) == (Stage.DEALING, 0)
    lecture.advance()
    assert (lecture.stage, lecture.seconds_left) == (Stage.OPEN, 30)
    with pytest.raises(LectureError, match="being played"):
        lecture.start(30)
    assert lecture.submit(ada, 1, prices(ada, 0.5)) == {}
    clock.now += 29
    lecture.extend(30)
    lecture.advance()
    assert (lecture.stage, lecture.seconds_left) == (Stage.OPEN, 31)
    clock.now += 31
    with pytest.raises(LectureError, match="Time is up"):
        lecture.submit(bob, 1, prices(bob))
    lecture.advance()
    result = lecture.results[0]
    assert lecture.stage is Stage.RESULTS
    assert result.by_hand == {ada.organisation}
    # Bob sent nothing: the strategy in his seat answered.
    orders = result.played.quoted
    own = result.consult.prospects.pairs.buyer[orders.row] == bob.organisation
    np.testing.assert_allclose(orders.bid[own] / 1e6, result.consult.offers.bid[orders.row[own]], atol=1e-6)
    lecture.start(30)
    lecture.advance()
    assert (lecture.number, ada.answers) == (2, None)
    with pytest.raises(LectureError, match="Time is up"):
        lecture.submit(ada, 1, {})
    lecture.close()
    lecture.advance()
    lecture.finish()
    with pytest.raises(LectureError, match="being played"):
        lecture.start(30)
    assert [one["profit"] for one in teacher_view(lecture)["totals"]] == pytest.approx(
        sum(one.played.profit[[0, 1]] for one in lecture.results)
    )
    assert [(one["rounds"], one["by_robot"]) for one in teacher_view(lecture)["totals"]] == [(2, 1), (2, 2)]


def test_people_bid_in_the_place_of_strategies_and_blank_is_no_bid(lecture):
    ada = lecture.join("Ada")
    lecture.start(30)
    lecture.advance()
    bids = [question for question in ada.questions if question.is_bid]
    said = {bids[0].key: " 0,25 "} | {question.key: "" for question in ada.questions[1:]}
    assert lecture.submit(ada, 1, said) == {}
    lecture.close()
    lecture.advance()
    quoted, pairs = lecture.results[0].played.quoted, lecture.results[0].consult.prospects.pairs
    own = pairs.buyer[quoted.row] == 0
    assert quoted.bid[own].tolist() == [250_000]
    assert pairs.seller[quoted.row[own]].tolist() == [bids[0].partner]
    assert not (pairs.seller[quoted.row] == 0).any()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.001", "You have 10.000 credits"),
        ("-0.1", "below 0"),
        ("cheap", "Write a number"),
        ("nan", "Write a number"),
        ("inf", "Write a number"),
        ("1_0", "Write a number"),
        ("٣", "Write a number"),
        ("1,5.0", "Write a number"),
        ("1e400", "Write a number"),
        ("1,000", "Do you mean 1.000 or 1000?"),
        ("12,500", "Do you mean 12.500 or 12500?"),
        ("1,000,000", "Write 1000000 without commas"),
    ],
)
def test_what_cannot_be_bid_is_refused_in_words_and_nothing_is_taken(lecture, text, why):
    ada = lecture.join("Ada")
    lecture.start(30)
    lecture.advance()
    key = ada.questions[0].key
    assert lecture.submit(ada, 1, {key: "10.000"}) == {}
    wrong = lecture.submit(ada, 1, {key: text})
    assert list(wrong) == [key]
    assert why in wrong[key]
    assert ada.answers[key] == 10.0


@pytest.mark.parametrize(
    ("text", "price"),
    [("1.000", 1.0), ("0,250", 0.25), ("1,5", 1.5), (",5", 0.5), ("2.", 2.0), ("+3", 3.0), ("1e-05", 1e-5)],
)
def test_a_price_can_be_typed_as_people_do(lecture, text, price):
    ada = lecture.join("Ada")
    lecture.start(30)
    lecture.advance()
    key = ada.questions[0].key
    assert lecture.submit(ada, 1, {key: text}) == {}
    assert ada.answers[key] == price


def test_the_teacher_closes_the_door_and_removes_several(lecture):
    seats = [lecture.join(name) for name in ("Ada", "Bob", "Cem")]
    lecture.open_door(False)
    with pytest.raises(LectureError, match="door is closed"):
        lecture.join("Dora")
    # Whoever has a seat is in, and keeps it.
    assert lecture.join("Ada", seats[0].token) is seats[0]
    with pytest.raises(LectureError, match="Tick"):
        lecture.remove([])
    lecture.remove([1, 2])
    assert [seat.name for seat in lecture.seats] == ["Ada"]
    lecture.open_door(True)
    assert lecture.join("Dora").organisation == 1


def test_a_device_has_one_seat_and_an_address_three(lecture):
    first = lecture.join("Ada", "phone", "10.0.0.5")
    assert lecture.join("Eve", "phone", "10.0.0.5") is first
    for number in range(SEATS_AN_ADDRESS - 1):
        lecture.join(f"Eve {number}", f"device {number}", "10.0.0.5")
    assert not teacher_view(lecture)["turned_away"]
    with pytest.raises(LectureError, match="3 people joined from your address"):
        lecture.join("Eva", "another", "10.0.0.5")
    assert lecture.places == 1
    assert teacher_view(lecture)["turned_away"]
    lecture.let_crowds_join()
    assert not teacher_view(lecture)["turned_away"]
    assert lecture.join("Eva", "another", "10.0.0.5").organisation == 3


def test_seats_belong_to_those_who_hold_their_token(lecture):
    names = ["Ada", "  Bob\n ", "x" * 24, "Dora"]
    seats = [lecture.join(name) for name in names]
    assert [seat.name for seat in seats] == ["Ada", "Bob", "x" * 24, "Dora"]
    assert all(lecture.seat_of(seat.token) is seat for seat in seats)
    assert lecture.seat_of("") is None
    with pytest.raises(LectureError, match="no free seat"):
        lecture.join("Eve")
    lecture.remove([1])
    assert lecture.seat_of(seats[1].token) is None
    for bad in ("", " ", "x" * 25, "ada", "\u3164", "\u200b", "!?"):
        with pytest.raises(LectureError, match="name"):
            lecture.join(bad)
    assert lecture.join("Eve").organisation == 1


def test_a_page_holds_nothing_that_others_alone_know(lecture, clock):
    ada = lecture.join("Ada")
    lecture.start(30)
    lecture.advance()
    before = student_view(lecture, ada)
    assert len(before["bids"]) == len(before["asks"]) == 3
    opened = lecture.opened
    consult = opened.consult
    prospects = consult.prospects
    pairs, appraisal = prospects.pairs, prospects.appraisal
    others = dataclasses.replace(
        appraisal,
        value=np.where(pairs.buyer == 0, appraisal.value, 77.0),
        cost=np.where(pairs.seller == 0, appraisal.cost, 77.0),
        welfare=appraisal.welfare + 77.0,
    )
    gain = np.where(pairs.buyer == 0, prospects.gain, 77.0)
    private = dataclasses.replace(prospects, appraisal=others, gain=gain)
    opened.consult = dataclasses.replace(consult, prospects=private)
    opened.balances[1:] = 77.0
    lecture._ask(ada, opened)
    assert student_view(lecture, ada) == before
    assert not before.get("results")


def test_who_guesses_waits_and_others_do_not(clock):
    admission = Admission(clock)
    assert admission.admits("phone", f" {admission.code[:3].lower()}-{admission.code[3:]}")
    for _ in range(ATTEMPTS):
        assert not admission.admits("guesser", "AAAAA")
    with pytest.raises(TooManyAttemptsError, match="wait"):
        admission.admits("guesser", admission.code)
    admission.forgive()
    for _ in range(ATTEMPTS):
        assert not admission.admits("guesser", "AAAAA")
    with pytest.raises(TooManyAttemptsError, match="wait"):
        admission.admits("guesser", admission.code)
    assert admission.admits("phone", admission.code)
    clock.now += WINDOW
    assert admission.admits("guesser", admission.code)
    assert admission.is_teacher(admission.key)
    assert not admission.is_teacher(admission.code)


@pytest.mark.filterwarnings("error")
def test_names_of_all_scripts_are_in_the_figure(clock):
    lecture = Lecture(small_book(), clock)
    names = ["$\\frac{$", "_Ada", "\u0646\u0648\u0631", "\u9648\u4f1f"]
    for name in names:
        lecture.join(name)
    lecture.start(30)
    lecture.advance()
    lecture.close()
    lecture.advance()
    svg = Gallery().svg(lecture.results[0], "seats").decode()
    for name in names:
        assert f">{name} (" in svg


def test_cards_are_dealt_to_buyers_and_sellers_in_turn(clock):
    lecture = Lecture(small_book(), clock)
    seats = [lecture.join(name) for name in "abcde"]
    assert [seat.organisation for seat in seats] == [0, 3, 1, 4, 2]
    lecture.start(30)
    lecture.advance()
    assert [[question.is_bid for question in seat.questions] for seat in seats[:2]] == [[True], [False]]
    assert seats[0].questions[0].partner is None
    lecture.remove([0])
    lecture.close()
    lecture.advance()
    gallery = Gallery()
    for name in FIGURES:
        assert gallery.svg(lecture.results[0], name).startswith(b"<?xml")
