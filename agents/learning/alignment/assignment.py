"""Linear assignments of many pairs at once: which unit of the other model each own unit is matched with.

On a CPU they are solved one by one by scipy, exactly and in tens of microseconds each. On an accelerator that
would take every table through one core of the host; there, an auction assigns all pairs together in parallel
rounds: every unit without a match bids for its best one what it gains over its second best and a bit more,
and prices rise until nobody is left. The bit more, epsilon, starts large and shrinks (epsilon scaling), so
that prices move in few rounds.

Source: Bertsekas (1988), "The auction algorithm: a distributed relaxation method for the assignment
problem", Annals of Operations Research 14, in its parallel (Jacobi) form: the total found is within h times
the last epsilon of the greatest, and where all totals that differ do so by more, it is the greatest.

Core Objects: best_assignments, auction_assignments
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

FIRST_EPSILON, EPSILON_RATIO = 0.25, 8.0
"""The first epsilon as a share of the spread of a table, and by what it is divided from phase to phase."""
LAST_EPSILON = 1e-9
"""The last epsilon as a share of the spread of a table, where the type has enough digits."""
DIGITS_LEFT = 32
"""Least epsilon in units of the type's rounding: smaller ones would be lost in sums with a price."""
ROUNDS_BETWEEN_CHECKS = 8
"""An accelerator is asked only so often whether all units are matched: every answer has to be waited for."""
MOST_ROUNDS_A_UNIT = 200
"""Rounds of a phase, a unit, after which what is left is matched in any order; never seen in use."""


def best_assignments(worth: Tensor) -> Tensor:
    """Return for each table the permutation of greatest total, int64 ``[P, h]``.

    Row i of table p is matched with column ``result[p, i]``.

    Parameters
    ----------
    worth : Tensor
        Finite tables ``[P, h, h]``. On a CPU they are solved by scipy, O(h^3) each; elsewhere by
        `auction_assignments`.
    """
    if worth.device.type != "cpu":
        return auction_assignments(worth)
    tables = worth.numpy()
    found = np.empty(worth.shape[:2], np.int64)
    for row, table in zip(found, tables, strict=True):
        row[:] = linear_sum_assignment(table, maximize=True)[1]
    return torch.from_numpy(found)


def auction_assignments(worth: Tensor) -> Tensor:
    """Return what `best_assignments` returns, by an auction of all tables at once on their device.

    Cost: a few hundred rounds for h up to 128, each a handful of operations on the tables not yet done.

    Parameters
    ----------
    worth : Tensor
        Finite tables ``[P, h, h]``. The total of a table found is at most h times `LAST_EPSILON` of the
        table's spread below the greatest (in float32: h times `DIGITS_LEFT` roundings).
    """
    pairs, units, _ = worth.shape
    found = torch.zeros(pairs, units, dtype=torch.int64, device=worth.device)
    if units < 2 or not pairs:
        return found
    worth = worth - worth.amin((1, 2), keepdim=True)  # prices need the digits
    spread = worth.amax((1, 2))
    last = max(LAST_EPSILON, DIGITS_LEFT * torch.finfo(worth.dtype).eps)
    price = torch.zeros_like(worth[:, 0])
    for phase in range(math.ceil(math.log(FIRST_EPSILON / last, EPSILON_RATIO)) + 1):
        epsilon = spread * max(last, FIRST_EPSILON * EPSILON_RATIO**-phase)
        rows = torch.arange(pairs, device=worth.device)
        auction = _Auction.start(worth, price, epsilon)
        for turn in range(1, MOST_ROUNDS_A_UNIT * units):
            auction.round()
            if turn % ROUNDS_BETWEEN_CHECKS:
                continue
            done = auction.done
            kept = torch.nonzero(~done).squeeze(1)
            if len(kept) == len(rows):
                continue
            over = torch.nonzero(done).squeeze(1)
            price[rows[over]], found[rows[over]] = auction.price[over], auction.matches[over]
            if not len(kept):
                break
            rows, auction = rows[kept], auction.take(kept)
        else:
            price[rows], found[rows] = auction.price, auction.completed()
    return found


@dataclass
class _Auction:
    """A phase of the auction for P tables.

    `match` has the column of every row and `owner` the row of every column, ``[P, h + 1]``; h is nobody, and
    place h is where writes to nobody go.
    """

    worth: Tensor
    price: Tensor
    epsilon: Tensor
    match: Tensor
    owner: Tensor

    @classmethod
    def start(cls, worth: Tensor, price: Tensor, epsilon: Tensor) -> "_Auction":
        """Return an auction in which nobody is matched, at prices ``[P, h]``."""
        pairs, units, _ = worth.shape
        nobody = torch.full((pairs, units + 1), units, dtype=torch.int64, device=worth.device)
        # where all is worth the same, an epsilon of 0 would let bidders circle
        smallest = torch.finfo(worth.dtype).tiny
        return cls(worth, price.clone(), epsilon.clamp(min=smallest).unsqueeze(1), nobody, nobody.clone())

    @property
    def units(self) -> int:
        """Rows of a table, h."""
        return self.worth.shape[1]

    @property
    def matches(self) -> Tensor:
        """Columns of the rows, ``[P, h]``."""
        return self.match[:, : self.units]

    @property
    def done(self) -> Tensor:
        """Whether all rows of a table are matched, bool ``[P]``."""
        return (self.matches < self.units).all(1)

    def take(self, rows: Tensor) -> "_Auction":
        """Return the auction of some tables."""
        columns = (self.worth, self.price, self.epsilon, self.match, self.owner)
        return _Auction(*(column.index_select(0, rows) for column in columns))

    def round(self) -> None:
        """Let every row without a match bid, and give each column to its highest bidder, in place.

        Of equal bidders the first row wins, so that a round has one outcome in whatever order it is computed.
        """
        free = self.matches == self.units
        best, column = (self.worth - self.price.unsqueeze(1)).topk(2, dim=2)
        wanted = column[:, :, 0]
        bid = self.price.gather(1, wanted) + (best[:, :, 0] - best[:, :, 1]) + self.epsilon
        bid.masked_fill_(~free, -torch.inf)
        highest = torch.full_like(self.price, -torch.inf).scatter_reduce_(1, wanted, bid, "amax")
        row = torch.arange(self.units, device=bid.device)
        winners = torch.where(free & (bid == highest.gather(1, wanted)), row, self.units)
        winner = torch.full_like(wanted, self.units).scatter_reduce_(1, wanted, winners, "amin")
        sold = winner < self.units
        before = self.owner[:, : self.units]
        self.match.scatter_(1, torch.where(sold, before, self.units), self.units)
        self.match.scatter_(1, winner, row.expand_as(winner))
        before.copy_(torch.where(sold, winner, before))
        self.price.copy_(torch.where(sold, highest, self.price))

    def completed(self) -> Tensor:
        """Return the matches, those still open filled up in the order of rows and columns, ``[P, h]``."""
        found = self.matches.clone()
        open_rows, open_columns = found == self.units, self.owner[:, : self.units] == self.units
        # as many rows as columns are open in a table, so that both lists run in step
        found[open_rows] = torch.nonzero(open_columns)[:, 1]
        return found
