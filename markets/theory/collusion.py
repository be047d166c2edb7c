"""Buyers who agree not to outbid each other."""


def ring_revenue(bidders: int, members: int) -> float:
    """Return the expected revenue of a second-price auction in which k of n bidders are a ring.

    Only the member with the highest value bids: 1 - 1/(n - k + 1) - (n - k)/(n (n + 1)), values uniform on
    [0, 1]. Nothing is left of it where all are members; with k = 1 it is (n - 1)/(n + 1). The second highest
    of the bids is at most x if all values are (x^n), or all but one: the ring's bid above x and no other
    ((1 - x^k) x^(n - k)), or one outsider's ((n - k) (1 - x) x^(n - 1)).

    Graham and Marshall (1987), J. Political Economy 95.
    """
    n, k = bidders, members
    return 1 - 1 / (n - k + 1) - (n - k) / (n * (n + 1))
