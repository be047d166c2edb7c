"""Who may come in: the join code, the teacher's key, devices, and patience with those who guess.

Core Objects: Admission, TooManyAttemptsError
"""

import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable

LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Those that nobody mistakes for another."""

ATTEMPTS = 6
"""Wrong codes that one client may send in `WINDOW` seconds."""

WINDOW = 60.0
CLIENTS = 10_000
"""Clients whose wrong codes are remembered; beyond that the oldest are forgotten."""


class TooManyAttemptsError(Exception):
    """A client sent too many wrong codes; its message is one sentence."""


class Admission:
    """The codes of one lecture.

    Parameters
    ----------
    clock : callable
        Seconds from any origin.

    Attributes
    ----------
    code : str
        What students type to join: 6 of `LETTERS`, one of 887 million.
    key : str
        What the teacher's page is opened with: 192 random bits.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.code = "".join(secrets.choice(LETTERS) for _ in range(6))
        self.key = secrets.token_urlsafe(24)
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._wrong: dict[str, deque[float]] = {}

    def check_patience(self, client: str) -> None:
        """Raise `TooManyAttemptsError` for a client that has sent too many wrong codes."""
        wrong = self._wrong.get(client, deque())
        while wrong and wrong[0] <= self._clock() - WINDOW:
            wrong.popleft()
        if len(wrong) >= ATTEMPTS:
            raise TooManyAttemptsError("Too many wrong codes: wait a minute, then try again.")

    def admits(self, client: str, code: str) -> bool:
        """Return whether a code is the join code; case, blanks and hyphens do not count.

        Raises
        ------
        TooManyAttemptsError
            If the client has sent too many wrong codes: the code is then not even looked at.
        """
        self.check_patience(client)
        wrong = self._wrong.get(client, deque())
        said = "".join(letter for letter in code.upper() if letter not in " -")
        if secrets.compare_digest(said.encode(errors="replace"), self.code.encode()):
            return True
        wrong.append(self._clock())
        self._wrong.pop(client, None)
        self._wrong[client] = wrong
        while len(self._wrong) > CLIENTS:
            del self._wrong[next(iter(self._wrong))]
        return False

    def forgive(self) -> None:
        """Forget all wrong codes: who had to wait may try again."""
        self._wrong.clear()

    def new_device(self) -> str:
        """Return what a browser is known by from now on."""
        name = secrets.token_urlsafe(16)
        return f"{name}.{self._signature(name)}"

    def is_device(self, device: str) -> bool:
        """Return whether a browser was given that by this lecture."""
        name, _, signature = device.partition(".")
        return secrets.compare_digest(signature.encode(), self._signature(name).encode())

    def is_teacher(self, key: str) -> bool:
        """Return whether a key is the teacher's."""
        return secrets.compare_digest(key.encode(), self.key.encode())

    def _signature(self, name: str) -> str:
        return hmac.digest(self._secret, name.encode(), "sha256").hex()
