"""The golden records: which small worlds are recorded.

All is tiny: what counts is that everything occurs, not what is found.
"""

from typing import Any

from agents.learning.merge_operators import MERGE_OPERATORS
from agents.strategies import STRATEGIES
from markets.mechanisms import MECHANISMS
from sim.baselines import BASELINES
from sim.settings import SETTINGS
from tests.golden.kinds import (
    Baselines,
    Contests,
    Cross,
    Induced,
    Run,
    Sessions,
    Sweep,
    Textbook,
    Worlds,
    over,
)

TINY: dict[str, Any] = {
    "organisations": 3,
    "device": "cpu",
    "data": {"examples": 300},
    "network": {"name": "mlp", "widths": [8]},
    "learning": {"optimiser": {"name": "adamw", "lr": 0.01}},
    "setting": {"name": "competitive", "delivery": 1e-5, "demand": {"tau": 0.02}},
}
"""A world that learns in a tenth of a second."""

TYPED = (
    "organisations=3",
    "device=cpu",
    "rounds=2",
    "replicates=2",
    "data.examples=300",
    "network.widths=[8]",
    "learning.optimiser.lr=0.01",
    "setting.demand.tau=0.02",
)
"""The same from the command line."""

WHOLE_RUN = (
    *TYPED,
    "arms=[autarky,independent,competitive,cooperative]",
    "setting.royalties=nash",
    "population.mix={truthful:2,shading:1}",
    "broker.record_curves=true",
)

_LAYERS = {"blocks": "layers"}

_PAST: dict[str, Any] = {"name": "past_bids", "least": 2}

RULES: dict[str, Any] = {name: name for name in MECHANISMS} | {
    "monopoly_price": {"name": "monopoly_price", "prior": _PAST},
    "monopoly_price, exponential": {
        "name": "monopoly_price",
        "prior": {"name": "exponential", "scale": 0.3},
    },
    "myerson, lognormal": {"name": "myerson", "prior": {"name": "lognormal"}},
    "reserve_auction": {"name": "reserve_auction", "reserve": _PAST},
    "continuous_double_auction, gode_sunder": {"name": "continuous_double_auction", "variant": "gode_sunder"},
}
"""Every mechanism, and every prior."""


def licence_of(name: str) -> str:
    """Return the licence under which a rule is recorded: exclusive, where it serves that."""
    served = MECHANISMS.build(name.split(",")[0]).properties.licences
    return "exclusive" if "exclusive" in served else "copy"


def _rules() -> dict[str, Any]:
    return {
        name: {"mechanism": rule, "broker": {"licence": licence_of(name)}} for name, rule in RULES.items()
    }


_SHOUTERS = {
    "aa": 1,
    "gd": 1,
    "gdx": 1,
    "zip": 1,
    "zero_intelligence": 1,
    "zero_intelligence_unconstrained": 1,
}
_POPULATIONS: dict[str, tuple[str, dict[str, int]]] = {
    "shouters in a call market": ("k_double_auction", _SHOUTERS),
    "shouters one by one": ("continuous_double_auction", _SHOUTERS),
    "bidders": (
        "first_price",
        {
            "truthful": 1,
            "shading": 1,
            "equilibrium_first_price": 1,
            "equilibrium_all_pay": 1,
            "exp3": 1,
            "policy_gradient": 1,
        },
    ),
    "conspirators": ("second_price", {"truthful": 1, "ring": 2, "false_name": 2}),
    "sellers": (
        "chatterjee_samuelson",
        {
            "equilibrium_chatterjee_samuelson": 1,
            "reserve_learner": 1,
            "free_rider": 1,
            "poisoner": 1,
            "reseller": 1,
            "altruist": 1,
            "recluse": 1,
        },
    ),
}

_HIGHEST = {"highest": 1.0}
_KNOWS = {name: _HIGHEST for name in STRATEGIES if hasattr(STRATEGIES[name], "highest")}
"""What strategies are told of values on [0, 1], where they take it for granted that blocks are worth less."""

RECORDS: dict[str, Any] = {
    "operators": Worlds(TINY, {name: {"learning": {"merge_operator": name}} for name in MERGE_OPERATORS}),
    "networks": Worlds(
        TINY,
        {
            "convnet, layers": {"network": {"name": "convnet", "channels": [4, 6]}, "broker": _LAYERS},
            "vgg": {"network": {"name": "vgg", "stages": [[4], [6]]}},
            "mlp of three layers, trunk": {"network": {"widths": [8, 6]}, "broker": {"blocks": "trunk"}},
            "sgd": {"learning": {"optimiser": {"name": "sgd", "lr": 0.05, "momentum": 0.9}}},
        },
    ),
    "mechanisms": Worlds(TINY, _rules()),
    "settings": Worlds(
        over(TINY, {"organisations": 4, "setting": {"regions": 2}}),
        {
            "equal royalties": {"arms": list(SETTINGS)},
            "proportional royalties": {"arms": ["cooperative"], "setting": {"royalties": "proportional"}},
            "shapley royalties": {
                "arms": ["cooperative"],
                "setting": {"royalties": "shapley", "royalty_permutations": 4},
            },
            "no royalties": {"arms": ["cooperative"], "setting": {"royalties": "none"}},
        },
    ),
    "populations": Worlds(
        TINY,
        {
            case: {
                "organisations": sum(mix.values()),
                "mechanism": rule,
                "population": {"mix": mix},
                "broker": {"licence": licence_of(rule)},
            }
            for case, (rule, mix) in _POPULATIONS.items()
        },
    ),
    "blocks": Worlds(
        TINY,
        {
            "layers": {"broker": _LAYERS},
            "one layer": {"broker": {"blocks": "layer0"}},
            "bundles of all layers": {"broker": _LAYERS | {"bundles": "whole"}, "mechanism": "vcg_bundles"},
            "adjacent layers, exclusive": {
                "network": {"widths": [8, 6]},
                "broker": _LAYERS | {"bundles": "adjacent", "licence": "exclusive"},
                "mechanism": "vcg_bundles",
            },
            "two copies, a demand of two": {"broker": _LAYERS | {"licence": "copies: 2", "demand": 2}},
        },
    ),
    "broker": Worlds(
        TINY,
        {
            "golden section": {"broker": {"weight_search": "golden", "record_curves": True}},
            "parabola": {"broker": {"weight_search": "quadratic", "record_curves": True}},
            "grid": {"broker": {"weight_range": [0.2, 0.8], "merge_weights": 4, "record_curves": True}},
            "average": {"learning": {"merge": "average"}},
            "without alignment": {"broker": {"alignment": "none"}},
            "from one start": {"learning": {"same_start": True, "reset_after_merge": False}},
            "weak trials": {"broker": {"trials": "weak"}},
            "no trials": {"broker": {"trials": "none"}, "mechanism": "nash_bargaining"},
            "own training": {"broker": {"resale": "forbidden"}},
            "a shortlist": {"organisations": 4, "broker": {"shortlist": 1}},
            "every second round": {"rounds": 3, "broker": {"start_round": 2, "every": 2}},
        },
    ),
    "data": Worlds(
        TINY,
        {
            "dirichlet": {"data": {"endowment": "dirichlet", "alpha": 1.0, "standardise": True}},
            "skewed classes": {"data": {"endowment": "class_skew", "kept": 0.3}},
            "skewed classes, shared": {
                "data": {"endowment": "class_skew", "disjoint": False, "sizes": [3, 1]},
            },
            "digits28": {"data": {"dataset": "digits28"}},
            "digits28_shifted": {"data": {"dataset": "digits28_shifted"}},
            "digits_and_turned": {"data": {"dataset": "digits_and_turned"}},
            "digits_and_parity": {"data": {"dataset": "digits_and_parity"}},
        },
    ),
    "baselines": Baselines(TINY, tuple(BASELINES)),
    "run": Run(WHOLE_RUN),
    "sweep": Sweep((*TYPED, "mechanism=first_price,nash_bargaining")),
    "cross": Cross(
        TINY
        | {
            "strategies": ["truthful", "zip"],
            "settings": ["independent", "cooperative"],
            "followers": 1,
            "rounds": 2,
            "replicates": 2,
        },
        "k_double_auction",
    ),
    "contests": Contests("reseller", "second price, one copy, own training"),
    "induced_mechanisms": Induced({"buyers": 3, "sellers": 3, "markets": 2}, _rules()),
    "induced_strategies": Induced(
        {"buyers": 3, "sellers": 3, "markets": 1, "values": {"name": "exponential"}},
        {
            name: {
                "mechanism": "k_double_auction",
                "costs": {"name": "schedule", "amounts": [0.1, 0.2, 0.4]},
                "population": {"mix": {name: 6}, "parameters": _KNOWS, "cash": 100.0},
            }
            for name in STRATEGIES
        },
        rounds=3,
    ),
    "sessions": Sessions(tuple(_SHOUTERS), {"highest": 10.0}),
    "textbook": Textbook(
        {
            "bargaining": {"pairs": 50},
            "commons": {"people": [2, 5], "groups": 20},
            "false_names": {"goods": [1, 2], "markets": 6},
            "gode_sunder": {"markets": 3, "steps": 200},
            "market": {"markets": 5, "rounds": 2},
            "mcafee": {"sizes": [1, 3], "markets": 20},
            "revenue_equivalence": {"bidders": [2, 3], "auctions": 40, "reserves": [0, 0.5]},
            "rsop": {"sizes": [2, 8], "auctions": 20},
            "smith": {"markets": 2, "days": 2, "steps": 40},
        }
    ),
}
"""Every golden record by name."""

OTHER_WAYS = {"run": Run(WHOLE_RUN, stop_after=1)}
"""Records that must come out the same when they are played in another way: here, a run that is resumed."""
