"""Closed forms: what the rules do in the markets that can be solved by hand.

Tests, figures and lessons share them. One file a family of rules; everything can be imported from here.
"""

from markets.theory.assignment import (
    SHAPLEY_SHUBIK,
    HousingMarket,
    competitive_prices,
    vickrey_utilities,
)
from markets.theory.auctions import (
    all_pay_bid,
    all_pay_revenue_variance,
    auction_bidders_surplus,
    auction_revenue,
    first_price_bid,
    first_price_reply,
    first_price_revenue_variance,
    risk_averse_bid,
    second_price_revenue_variance,
)
from markets.theory.bargaining import (
    best_offer,
    chatterjee_samuelson_ask,
    chatterjee_samuelson_bid,
    chatterjee_samuelson_trade,
    posted_price_gains,
    threshold_trade,
)
from markets.theory.bundles import (
    AUSUBEL_MILGROM,
    least_core_revenue,
    package_gains,
    vickrey_payments,
)
from markets.theory.collusion import (
    ring_revenue,
)
from markets.theory.commons import (
    clarke_taxes,
    is_contribution_equilibrium,
    lindahl_prices,
    project_gains,
    samuelson_quantity,
    voluntary_contributions,
    warm_glow_contribution,
)
from markets.theory.cooperation import (
    airport_game,
    airport_shares,
    best_merge_weight,
    glove_game,
)
from markets.theory.copies import (
    equal_sharing_loss,
    posted_price_revenue,
    posted_price_welfare,
    random_sampling_revenue,
    single_price_revenue,
)
from markets.theory.double_auctions import (
    call_market_gains,
    call_market_interval,
    call_market_price,
    call_market_quantity,
    last_pair,
    mcafee_loss,
    mcafee_reduction,
    mcafee_revenue,
    trade_reduction_loss,
    trade_reduction_revenue,
    vickrey_deficit,
)
from markets.theory.false_names import (
    false_name_bid,
    false_name_profit,
    false_name_revenue,
)
from markets.theory.optimal_auctions import (
    expected_value,
    optimal_revenue,
    reserve_loss,
    reserve_revenue,
    uniform_price_revenue,
)
from markets.theory.private_information import (
    reading_error,
    reading_trade,
    segmented_offer,
)
