"""The door: bids that their buyer could not pay are refused before the mechanism sees them."""

import numpy as np
import numpy.typing as npt

from markets.accounts.money import spendable
from markets.columns import Ints
from markets.refusals import InputError

ABOVE_BALANCE = "bid above balance"
"""The reason of a refusal."""


def admit(bids_micro: Ints, buyer: Ints, balances: Ints, credit_limit: int = 0) -> npt.NDArray[np.object_]:
    """Return why each row is refused, '' for a row that is admitted.

    A bid is refused if it is more than its buyer's balance and credit limit together. Each bid is judged
    alone: a buyer may bid its whole balance on several blocks, and what it wins above its balance is refused
    when it comes to settling (`markets.accounts.ledger.Ledger.settle`). The refused rows are for the record;
    the rest clear.

    Parameters
    ----------
    bids_micro : int64[R]
        Bids in micro-credits.
    buyer : int64[R]
        The buyer of each row.
    balances : int64[A]
        Balances by account, in micro-credits; organisations first.
    credit_limit : int
        How far below zero an organisation may go, in micro-credits.

    Returns
    -------
    object[R]
        '' or `ABOVE_BALANCE`.

    Raises
    ------
    InputError
        If the bids are not whole micro-credits, or bids and buyers differ in number.

    Examples
    --------
    >>> admit(np.array([5, 7]), np.array([0, 0]), np.array([6])).tolist()
    ['', 'bid above balance']
    """
    if len(bids_micro) != len(buyer):
        raise InputError(f"bids_micro must have as many rows as buyer ({len(buyer)}); got {len(bids_micro)}")
    if np.asarray(bids_micro).dtype.kind not in "iu":
        raise InputError(f"bids_micro must be whole micro-credits; got {np.asarray(bids_micro).dtype}")
    reasons = np.full(len(buyer), "", dtype=object)
    reasons[np.asarray(bids_micro) > spendable(np.asarray(balances), credit_limit)[buyer]] = ABOVE_BALANCE
    return reasons
