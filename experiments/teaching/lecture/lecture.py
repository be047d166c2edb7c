"""The lecture: who sits where, which round is open until when, and what the rounds came to.

It knows nothing of browsers. The pages call its methods from many threads; one thread calls `advance`, which
does all that takes long.

Core Objects: Lecture, Seat, Stage, LectureError
"""

import dataclasses
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from experiments.teaching.lecture.names import LONGEST_NAME, looks, shown_name
from experiments.teaching.lecture.questions import Answers, Question, offers_with, questions_of, read_answers
from experiments.teaching.lecture.results import RoundResult, judge
from experiments.teaching.lecture.rounds import OpenRound, World

SEATS_AN_ADDRESS = 3
"""Seats that an address of the network gets without the teacher's word: one device usually has one."""

SHORTEST_ROUND, LONGEST_ROUND = 5.0, 3600.0
"""Seconds between which a round can last."""


class LectureError(Exception):
    """Something that the person at the browser can mend; its message is one sentence."""


class Stage(StrEnum):
    """Where a lecture stands."""

    LOBBY = "lobby"
    DEALING = "dealing"
    OPEN = "open"
    CLEARING = "clearing"
    RESULTS = "results"
    FINISHED = "finished"
    BROKEN = "broken"


@dataclass(eq=False)
class Seat:
    """A person's place.

    Attributes
    ----------
    organisation : int
        What it plays.
    name : str
        What the person is called.
    token : str
        What its browser proves itself with.
    address : str
        Where it joined from; blank where that tells nothing.
    questions : list of Question
        What it is asked in the round that is open.
    answers : dict or None
        What it sent last in this round; None before it has sent anything.
    """

    organisation: int
    name: str
    token: str
    address: str = ""
    questions: list[Question] = field(default_factory=list)
    answers: Answers | None = None


class Lecture:
    """A market in which some seats are played by people.

    Parameters
    ----------
    world : ParameterMarket or InducedMarket
        The market, before its first round; from now on it consults.
    clock : callable
        Seconds from any origin.

    Attributes
    ----------
    lock : threading.RLock
        To hold while reading several attributes that must fit together.
    stage : Stage
        Where the lecture stands.
    number : int
        The round that is played or was played last, from 1; 0 before the first.
    seats : list of Seat
        In the order in which people joined.
    opened : OpenRound or None
        The round that is open.
    results : list of RoundResult
        The rounds that were played.
    door_open : bool
        Whether anybody can still join.
    crowds : bool
        Whether more than `SEATS_AN_ADDRESS` can join from one address.
    turned_away : bool
        Whether somebody could not join for that reason.
    trouble : str
        Why the lecture cannot go on, where it is broken.
    """

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        world.consults = True
        self.world = world
        self.lock = threading.RLock()
        self.stage = Stage.LOBBY
        self.number = 0
        self.seats: list[Seat] = []
        self.opened: OpenRound | None = None
        self.results: list[RoundResult] = []
        self.door_open, self.crowds, self.turned_away = True, False, False
        self.trouble = ""
        self._clock = clock
        self._seating = world.seats
        self._seconds = 0.0
        self._deadline = 0.0

    @property
    def seconds_left(self) -> float:
        """Seconds until the open round closes; 0 where none is open."""
        return max(0.0, self._deadline - self._clock()) if self.stage is Stage.OPEN else 0.0

    @property
    def places(self) -> int:
        """How many people can still join."""
        return self.world.organisations - len(self.seats)

    def join(self, name: str, token: str = "", address: str = "") -> Seat:
        """Give a person the first free seat, from which it plays at once if a round is open.

        Parameters
        ----------
        name : str
            What the person wants to be called.
        token : str
            What its browser proves itself with: whose browser has a seat gets that one; by default a new one.
        address : str
            Where it joins from; blank where that tells nothing.

        Raises
        ------
        LectureError
            If the door is closed, no seat is free, too many joined from there, or the name is none or looks
            like another.
        """
        with self.lock:
            held = self.seat_of(token)
            if held is not None:
                return held
            name = self._allowed_name(name)
            if not self.door_open:
                raise LectureError("The door is closed: ask your teacher to open it.")
            if not self.places or self.stage is Stage.FINISHED:
                raise LectureError("There is no free seat: ask your teacher.")
            from_there = sum(bool(address) and seat.address == address for seat in self.seats)
            if from_there >= SEATS_AN_ADDRESS and not self.crowds:
                self.turned_away = True
                raise LectureError(
                    f"{from_there} people joined from your address: ask your teacher to let more join."
                )
            taken = {seat.organisation for seat in self.seats}
            free = next(one for one in self._seating if one not in taken)
            seat = Seat(
                organisation=free, name=name, token=token or secrets.token_urlsafe(32), address=address
            )
            if self.opened is not None:
                self._ask(seat, self.opened)
            self.seats.append(seat)
            return seat

    def seat_of(self, token: str) -> Seat | None:
        """Return whose browser proves itself with a token, compared in constant time."""
        with self.lock:
            found = [s for s in self.seats if secrets.compare_digest(s.token.encode(), token.encode())]
        return found[0] if found else None

    def remove(self, organisations: Collection[int]) -> None:
        """Take seats away, for whoever joins next; what was sent from them in the open round is dropped."""
        with self.lock:
            if not organisations:
                raise LectureError("Tick first who is to be removed.")
            self.seats = [seat for seat in self.seats if seat.organisation not in organisations]

    def open_door(self, wide: bool) -> None:
        """Let people join, or no longer; who has a seat keeps it."""
        with self.lock:
            self.door_open = wide

    def let_crowds_join(self) -> None:
        """Let any number join from one address, as a class does that reaches this machine through one."""
        with self.lock:
            self.crowds = True

    def start(self, seconds: float) -> None:
        """Start a round in which people have so many seconds to decide.

        Raises
        ------
        LectureError
            If nobody has joined, a round is being played, or the seconds are not allowed.
        """
        with self.lock:
            self._require("A round is being played.", Stage.LOBBY, Stage.RESULTS)
            if not self.seats:
                raise LectureError("Nobody has joined yet.")
            if not SHORTEST_ROUND <= seconds <= LONGEST_ROUND or seconds % 1:
                limits = f"{SHORTEST_ROUND:.0f} to {LONGEST_ROUND:.0f}"
                raise LectureError(f"A round lasts a whole number of seconds, from {limits}.")
            self._seconds = seconds
            self.number += 1
            self.stage = Stage.DEALING

    def extend(self, seconds: float) -> None:
        """Give everybody more time; a negative number takes some."""
        with self.lock:
            self._require("No round is open.", Stage.OPEN)
            if not abs(seconds) <= LONGEST_ROUND:
                raise LectureError(f"A round lasts at most {LONGEST_ROUND:.0f} seconds.")
            self._deadline += seconds

    def close(self) -> None:
        """End the time of the open round."""
        with self.lock:
            self._require("No round is open.", Stage.OPEN)
            self._deadline = self._clock()

    def finish(self) -> None:
        """End the lecture: nobody plays any more, and everybody may see everything."""
        with self.lock:
            self._require("A round is being played.", Stage.LOBBY, Stage.RESULTS)
            self.stage = Stage.FINISHED

    def submit(self, seat: Seat, number: int, said: Mapping[str, object]) -> dict[str, str]:
        """Take a person's prices for a round, in the place of what it sent before.

        Returns
        -------
        dict
            What is wrong with them, a sentence for each key; if anything is, nothing was taken.

        Raises
        ------
        LectureError
            If that round is not open, or no longer.
        """
        with self.lock:
            if self.opened is None or number != self.number or not self.seconds_left:
                raise LectureError("Time is up: this round takes no more prices.")
            answers, wrong = read_answers(seat.questions, said, self.funds(seat.organisation))
            if not wrong:
                seat.answers = answers
            return wrong

    def funds(self, organisation: int) -> float:
        """Return what an organisation can pay in the open round, credits."""
        assert self.opened is not None
        return float(self.opened.balances[organisation]) + self.world.config.population.credit_limit

    def advance(self) -> None:
        """Do what is due: deal the round that was started, or clear the one whose time is up."""
        with self.lock:
            if self.stage is Stage.OPEN and not self.seconds_left:
                self.stage = Stage.CLEARING
            stage, opened = self.stage, self.opened
        if stage is Stage.DEALING:
            self._deal()
        elif stage is Stage.CLEARING and opened is not None:
            self._clear(opened)

    def break_off(self, trouble: str) -> None:
        """End the lecture because it cannot go on."""
        with self.lock:
            self.stage, self.trouble = Stage.BROKEN, trouble

    def _deal(self) -> None:
        opened = OpenRound(self.world)
        with self.lock:
            self.opened = opened
            for seat in self.seats:
                self._ask(seat, opened)
            self._deadline = self._clock() + self._seconds
            self.stage = Stage.OPEN

    def _clear(self, opened: OpenRound) -> None:
        with self.lock:
            names = {seat.organisation: seat.name for seat in self.seats}
            decided = {s.organisation: (s.questions, s.answers) for s in self.seats if s.answers is not None}
        offers = offers_with(opened.consult, list(decided.values()))
        result = judge(opened, offers, names, decided)
        result = dataclasses.replace(result, income=opened.close(offers))
        with self.lock:
            self.opened = None
            self.results.append(result)
            self.stage = Stage.RESULTS

    def _ask(self, seat: Seat, opened: OpenRound) -> None:
        seat.questions = questions_of(opened.consult, self.world.mechanism.venue, seat.organisation)
        seat.answers = None

    def _allowed_name(self, typed: str) -> str:
        name = shown_name(typed)
        if not name:
            raise LectureError(f"Choose a name of 1 to {LONGEST_NAME} letters or digits.")
        for seat in self.seats:
            if looks(name) & looks(seat.name):
                like = "" if name == seat.name else f", which looks like {name}"
                raise LectureError(f"Somebody is already called {seat.name}{like}: choose another name.")
        return name

    def _require(self, otherwise: str, *stages: Stage) -> None:
        if self.stage not in stages:
            raise LectureError(otherwise)
