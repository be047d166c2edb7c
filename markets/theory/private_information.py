"""What one pair gains when each side knows its own number, and of the other's what it is told.

Values and costs are independent and uniform on [0, 1]; money is in credits.

Core Objects: reading_trade, segmented_offer, reading_error
"""


def reading_trade() -> tuple[float, float, float]:
    """Return what comes of one pair that bargains by readings of equal power and prior alone.

    The readings are (3c + 1)/4 of the seller and 3v/4 of the buyer, so the price 3(v + c)/8 + 1/8 and a deal
    iff 5c <= 3v + 1 and 5v >= 3c + 1. The deals lost of those with v >= c are two triangles, with the corners
    (1/2, 1/2), (1, 1), (1, 4/5) and (1/2, 1/2), (0, 0), (1/5, 0) in (v, c): each of the area 1/20, v - c
    being 1/15 in the mean. So a deal in five is lost, and 1 of 25 parts of the gains: little is lost by deals
    in which there is little.

    Returns
    -------
    probability, gains, buyer : float
        Of a deal, 2/5; expected from it, 4/25; and the buyer's half of that.
    """
    probability = 1 / 2 - 2 / 20
    gains = 1 / 6 - 2 * (1 / 20) * (1 / 15)
    return probability, gains, gains / 2


def segmented_offer(cells: int) -> tuple[float, float, float]:
    """Return what comes of the offer of a seller without cost that is told in which of n equal cells v lies.

    In the first cell it asks the middle, in all others the lower end. Of the value 1/2 in the mean it has
    (2n^2 - 2n + 1)/(4n^2), from 1/4 to all; the buyer (4n - 3)/(8n^2): 1/8 without information, 5/32 with two
    cells, and less than 1/8 from four cells on. Some information helps both, more of it the seller alone.

    Returns
    -------
    probability, seller, buyer : float
        Of a deal, 1 - 1/(2n), and what each side gains.

    Notes
    -----
    D. Bergemann, B. Brooks and S. Morris (2015), American Economic Review 105, bound what segments can do:
    the seller never has less than without them, and both together at most everything.
    """
    n = cells
    return 1 - 1 / (2 * n), (2 * n**2 - 2 * n + 1) / (4 * n**2), (4 * n - 3) / (8 * n**2)


def reading_error(cells: int, power: float = 0.5) -> float:
    """Return the mean squared distance of a seller's reading, at no cost, from the Nash price.

    Told in which of n equal cells the value lies, it takes the middle for it: (1 - a)^2/(12 n^2), as the
    value is uniform within the cell. Told cells that nest, it never knows less (the law of total variance).
    """
    return (1 - power) ** 2 / (12 * cells**2)
