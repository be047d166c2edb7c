"""Buyers who do not play by the rules.

Core Objects: ring_revenue, false_name_bid
"""


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


def false_name_bid(buyers: int, names: int) -> float:
    """Return the share of the common value that false names bid against a deterministic optimal price.

    With n >= 2 buyers of the same value v, everybody is offered v. If one of them bids s v under m >= 1
    further names, its offer falls to s v while its other names, who see one bid of v more, are still offered
    v and buy nothing, for every s with (n - 1)/(n + m - 1) < s < n/(n + m - 1). This is the middle of that
    interval.

    False names: Yokoo, Sakurai and Matsubara (2004), Games and Economic Behavior 46.
    """
    return (buyers - 0.5) / (buyers + names - 1)
