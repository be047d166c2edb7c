"""Connections in bounds: how many a server holds, and how long a request may take.

A connection that only waits, for a request that does not come or does not end, gives way to the next one. So
neither idle nor slow connections, of which anybody can open hundreds, keep others out, and a process never
runs out of files, however few it may open.
"""

import asyncio
import errno
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 10.0
"""A request must be there, head and body, this long after the connection or the answer before it."""

ANSWER_SECONDS = 60.0
"""An answer must be made and fetched in this time."""

MOST = 1024
RESERVED = 64
"""Files that are left for everything but connections."""

SHARE = 0.75
"""Of all connections, how many one address may hold: a class can come through one."""

NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""What an operating system says when it cannot hold another connection."""

LINE_EVERY = 60.0
"""Seconds between two lines about connections that had to go."""


def most_connections() -> int:
    """Return how many connections this process can hold, by the files that it may open."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MOST
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if files == resource.RLIM_INFINITY else max(16, min(MOST, files - RESERVED))


class Door(socket.socket):
    """A listening socket that lets in no more than there is room for.

    It counts where an event loop accepts by itself, as that of asyncio does except for Windows' proactor.

    Parameters
    ----------
    listening : socket.socket
        Taken over.
    most : int, optional
        Connections at a time; by default what the open files allow.
    each : int, optional
        Of these, from one address; by default `SHARE`.
    clock : callable
        Seconds from any origin.

    Attributes
    ----------
    waiting : dict
        The connections that nobody is answering, or that do not fetch their answer, and since when, seconds.
    leaving : set
        Those that were told to go, until they are gone.
    """

    def __init__(
        self,
        listening: socket.socket,
        most: int | None = None,
        each: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(listening.family, listening.type, listening.proto, fileno=listening.detach())
        self.most = most or most_connections()
        self.each = each or max(1, int(SHARE * self.most))
        self.waiting: dict[BoundedProtocol, float] = {}
        self.leaving: set[BoundedProtocol] = set()
        self.inside: Counter[str] = Counter()
        self.clock = clock
        self._sent_away = 0
        self._said = -LINE_EVERY

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection and its address.

        Raises
        ------
        BlockingIOError
            If there is none for now; an event loop then asks again.
        """
        if self.leaving:
            raise BlockingIOError("those who were told to go have not gone yet")
        full = self.inside.total() >= self.most
        if full and self._make_room():
            raise BlockingIOError("somebody was told to go")
        try:
            accepted, address = super().accept()
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            # An event loop would say so in a traceback for each connection that it expects.
            if not self._make_room():
                self._tell("everywhere")
            raise BlockingIOError("no more files can be opened") from error
        crowded = self.inside[address[0]] >= self.each and not self._make_room(address[0])
        if full or crowded:
            accepted.close()
            self._tell(address[0])
            raise BlockingIOError("nobody can be told to go")
        return _Inside(self, address[0], accepted), address

    def _make_room(self, address: str | None = None) -> bool:
        """Tell one connection to go, of one address or of any; return whether one could be told.

        It is one that waits: rather one that has asked for nothing yet, of the address that holds most, and
        that has waited longest.
        """
        able = [one for one in self.waiting if address in (None, one.address)]
        if not able:
            return False
        last = min(able, key=lambda one: (one.answered, -self.inside[one.address], self.waiting[one]))
        self.leaving.add(last)
        del self.waiting[last]
        self._tell(last.address)
        last.transport.abort()
        return True

    def _tell(self, address: str) -> None:
        self._sent_away += 1
        if self.clock() < self._said + LINE_EVERY:
            return
        self._said = self.clock()
        print(
            f"parabourse: there are too many connections, lately from {address}: {self._sent_away} closed so "
            f"far (at most {self.most} at a time, {self.each} from one address).",
            file=sys.stderr,
            flush=True,
        )


class _Inside(socket.socket):
    """A connection that is counted until it is closed."""

    def __init__(self, door: Door, address: str, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self._counted: tuple[Counter[str], str] | None = (door.inside, address)
        door.inside[address] += 1

    def close(self) -> None:
        """Close, and make room for another."""
        if self._counted is not None:
            inside, address = self._counted
            inside[address] -= 1
            if not inside[address]:
                del inside[address]
            self._counted = None
        super().close()


class BoundedProtocol(H11Protocol):
    """HTTP with a time limit for each request and each answer; `door` is to be set by a subclass."""

    door: Door

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.address = ""
        self.answered = False
        self._asked: bool | None = None
        self._upgraded = False
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self._look()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self.answered = True
        self._look()

    def pause_writing(self) -> None:
        """Begin to wait until what was sent is fetched."""
        super().pause_writing()
        self.door.waiting.setdefault(self, self.door.clock())

    def resume_writing(self) -> None:
        """Go on with an answer that is being fetched."""
        super().resume_writing()
        if self._asked:
            self.door.waiting.pop(self, None)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; an answer that was being made has nobody to go to any more."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:  # the answer had begun, or is one that has no body
            self.transport.abort()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand over to another protocol, for as long as both sides like once they have agreed."""
        self._upgraded = True
        self._forget()
        super().handle_websocket_upgrade(event)
        # What the other protocol cannot read it neither answers nor closes.
        unread = not getattr(self.transport.get_protocol(), "handshake_initiated", True)
        self._limit = self.loop.call_later(0.0 if unread else REQUEST_SECONDS, self._end_without_agreement)

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room."""
        self._upgraded = True
        self._forget()
        self.door.leaving.discard(self)
        super().connection_lost(exc)

    def _end_without_agreement(self) -> None:
        if not getattr(self.transport.get_protocol(), "handshake_complete", False):
            self.transport.abort()

    def _look(self) -> None:
        """Set the time limit anew where one side has done its part."""
        asked = self.conn.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)
        if self._upgraded or asked is self._asked:
            return
        self._forget()
        self._asked = asked
        if not asked or self.flow.write_paused:
            self.door.waiting[self] = self.door.clock()
        fetching = asked or self.transport.get_write_buffer_size() > 0
        self._limit = self.loop.call_later(
            ANSWER_SECONDS if fetching else REQUEST_SECONDS, self.transport.abort
        )

    def _forget(self) -> None:
        self.door.waiting.pop(self, None)
        if self._limit is not None:
            self._limit.cancel()
