"""One bidder under several names.

Against a rival for everything: M goods, one of each. The bidder's values of the goods are independent and
uniform on [0, 1] and add up; the rival wants all goods or none, and its value is uniform on [0, M]. For
copies: buyers of the same value, whose offers are the optimal prices of the others. Money is in credits.

Core Objects: false_name_revenue, false_name_profit, false_name_bid
"""


def false_name_revenue(goods: int, names: bool) -> float:
    """Return the expected revenue of Vickrey, Clarke and Groves: 3M/8 - 1/24, or with names M/4 + 1/12.

    With values a_j, s their sum and the rival's value V: under one name the bidder wins everything iff s >=
    V and pays V; under a name for each good, which bids a_j for it, it wins in the same cases and the name j
    pays what the others leave of V, (V - (s - a_j))^+, in sum less. Otherwise the rival pays s. The means are
    those of V over [0, s], or of what is above s - a_j, and E s^2 = M/12 + M^2/4. After M. Yokoo, Y. Sakurai
    and S. Matsubara (2004), Games and Economic Behavior 46.

    Parameters
    ----------
    goods : int
        M, at least 1.
    names : bool
        Whether the bidder has a name for each good, or one.
    """
    return goods / 4 + 1 / 12 if names else 3 * goods / 8 - 1 / 24


def false_name_profit(goods: int, names: bool) -> float:
    """Return the bidder's expected profit there: M/8 + 1/24, or with names M/4 - 1/12: (M - 1)/8 more."""
    return goods / 4 - 1 / 12 if names else goods / 8 + 1 / 24


def false_name_bid(buyers: int, names: int) -> float:
    """Return the share of the common value that false names bid against a deterministic optimal price.

    With n >= 2 buyers of the same value v, everybody is offered v. If one of them bids s v under m >= 1
    further names, its offer falls to s v while its other names, who see one bid of v more, are still offered
    v and buy nothing, for every s with (n - 1)/(n + m - 1) < s < n/(n + m - 1). This is the middle of that
    interval.

    False names: Yokoo, Sakurai and Matsubara (2004), Games and Economic Behavior 46.
    """
    return (buyers - 0.5) / (buyers + names - 1)
