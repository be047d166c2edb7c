"""The clock of a lecture."""

import time

from experiments.command_line.sentences import one_sentence
from experiments.teaching.lecture.lecture import Lecture

TICK = 0.1
"""Seconds between two looks at it."""


def keep_time(lecture: Lecture) -> None:
    """Do what is due in the lecture, for ever."""
    while True:
        try:
            lecture.advance()
        except Exception as error:
            lecture.break_off(one_sentence(error))
            raise
        time.sleep(TICK)
