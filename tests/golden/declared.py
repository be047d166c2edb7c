"""The golden records: which small worlds are recorded.

All is tiny: what counts is that everything occurs, not what is found.
"""

from typing import Any

from agents.learning.operators import MERGE_OPERATORS
from agents.strategies import STRATEGIES
from markets.mechanisms import MECHANISMS
from sim.baselines import BASELINES
from sim.settings import SETTINGS
from tests.golden.command_line import Run, Sweep
from tests.golden.induced_values import Induced, Sessions, Textbook
from tests.golden.kinds import over
from tests.golden.parameter_markets import Baselines, Contests, Cross, Worlds


def _table(name: str) -> dict[str, Any]:
    return {"dataset": {"name": "tabular", "table": name}, "standardise": True, "examples": None}


TINY: dict[str, Any] = {
    "organisations": 3,
    "device": "cpu",
    "data": {"examples": 300, "endowment": "class_skew", "kept": 0.3},
    "network": {"name": "mlp", "widths": [8]},
    "learning": {"optimiser": {"name": "adamw", "lr": 0.03}, "local_epochs": 4, "batch_size": 16},
    "setting": {"name": "competitive", "delivery": 1e-5, "demand": {"tau": 0.05}},
}
"""A world that learns in a tenth of a second, and in which nearly every rule finds somebody to trade."""

TYPED = (
    "organisations=3",
    "device=cpu",
    "rounds=2",
    "replicates=2",
    "data.examples=300",
    "data.endowment=class_skew",
    "network.widths=[8]",
    "learning.optimiser.lr=0.03",
    "learning.local_epochs=4",
    "setting.demand.tau=0.05",
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

_DEALT = {"endowment": "iid"}
_RANGES = {"name": "by_feature", "feature": 36, "cut": "ranges", "mixed": 0.2}
_CONVNET: dict[str, Any] = {"name": "convnet", "channels": [4, 6]}
_VGG: dict[str, Any] = {"name": "vgg", "stages": [[4], [6]]}
_RESNET: dict[str, Any] = {"name": "resnet", "channels": 4}

_SLOWLY: dict[str, Any] = {"optimiser": {"name": "adamw", "lr": 0.01}}

_PAST: dict[str, Any] = {"name": "past_bids", "least": 2}

RULES: dict[str, Any] = {name: name for name in MECHANISMS} | {
    "monopoly_price": {"name": "monopoly_price", "prior": _PAST},
    "reserve_auction": {"name": "reserve_auction", "reserve": _PAST},
}
"""Every mechanism by name."""

SCALED: dict[str, Any] = {
    "myerson": {"name": "myerson", "prior": {"name": "uniform", "high": 0.05}},
    "myerson_satterthwaite": {"name": "myerson_satterthwaite", "high": 0.05},
    "private_bargaining": {"name": "private_bargaining", "high": 0.05},
}
"""Rules whose defaults are for values on [0, 1], when they sell blocks, which are worth less."""

VARIANTS: dict[str, Any] = {
    "monopoly_price, exponential": {
        "name": "monopoly_price",
        "prior": {"name": "exponential", "scale": 0.3},
    },
    "myerson, lognormal": {"name": "myerson", "prior": {"name": "lognormal"}},
    "monopoly_price, empirical": {
        "name": "monopoly_price",
        "prior": {"name": "empirical", "sample": [0.3, 0.5, 0.9]},
    },
    "reserve_auction, of the seller": {"name": "reserve_auction", "reserve": _PAST | {"pool": "seller"}},
    "continuous_double_auction, gode_sunder": {"name": "continuous_double_auction", "variant": "gode_sunder"},
    "rubinstein, buyer first": {"name": "rubinstein", "first_mover": "buyer", "outside": "none"},
    "nash_bargaining, alone": {"name": "nash_bargaining", "disagreement": "none"},
    "kalai_smorodinsky, alone": {"name": "kalai_smorodinsky", "disagreement": "none"},
    "provision_point, proportional": {"name": "provision_point", "cost": 0.2, "excess": "proportional"},
    "take_it_or_leave_it, buyer": {"name": "take_it_or_leave_it", "proposer": "buyer"},
    "muda, vickrey": {"name": "muda", "rationing": "vickrey"},
    "clarke_pivot, equal shares": {"name": "clarke_pivot", "cost": 0.2, "shares": "equal"},
    "sbba, buyers": {"name": "sbba", "lottery": "buyers"},
}
"""Other fields of theirs, and every prior; recorded on induced values alone."""


def licence_of(rule: Any) -> str:
    """Return the licence under which a rule is recorded: exclusive, where it serves that."""
    served = MECHANISMS.build(rule).properties.licences
    return "exclusive" if "exclusive" in served else "copy"


def _worlds_of(rules: dict[str, Any]) -> dict[str, Any]:
    """Return a case for each rule."""
    return {
        case: {"mechanism": rule, "broker": {"licence": licence_of(rule)}} for case, rule in rules.items()
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

_GROUPS: dict[str, Any] = {
    "stay": {"count": 2, "cash": 0.5, "learning": {"flops": 1e5}},
    "come": {"count": 2, "enter": 2, "network": _CONVNET, "costs": {"flops": 0}},
    "go": {
        "count": 2,
        "leave": 3,
        "strategy": {"name": "shading", "fraction": 0.2},
        "network": {"name": "mlp", "widths": [5]},
        "learning": {"optimiser": {"name": "sgd", "lr": 0.05}, "batch_size": 8, "local_epochs": 2},
    },
}

_AVERAGING = [name for name in BASELINES if hasattr(BASELINES[name], "schedule")]

_ADAPTED: dict[str, Any] = {
    "network": {"name": "module", "factory": "tests.agents.learning.own_nets:Adapted"},
    "learning": {"merge_operator": {"name": "lora_svd", "inner": "down", "outer": "up"}},
}
"""Adapters on a base that all share."""

RECORDS: dict[str, Any] = {
    "operators": Worlds(
        TINY,
        {name: {"learning": {"merge_operator": name}} for name in MERGE_OPERATORS} | {"lora_svd": _ADAPTED},
    ),
    "networks": Worlds(
        TINY,
        {
            "convnet, layers": {"network": _CONVNET, "broker": _LAYERS},
            "convnet, regmean": {
                "network": _CONVNET | {"pooling": "average"},
                "learning": {"merge_operator": "regmean"},
            },
            "vgg": {"network": _VGG},
            "vgg, fisher": {"network": _VGG, "learning": {"merge_operator": "fisher"}},
            "resnet": {"network": _RESNET, "learning": _SLOWLY},
            "resnet, ties": {"network": _RESNET, "learning": _SLOWLY | {"merge_operator": "ties"}},
            "mlp of three layers, trunk": {"network": {"widths": [8, 6]}, "broker": {"blocks": "trunk"}},
            "sgd": {"learning": {"optimiser": {"name": "sgd", "lr": 0.05, "momentum": 0.9}}},
            "own module, regmean": {
                "network": {"name": "module", "factory": "tests.agents.learning.own_nets:flattened"},
                "learning": {"merge_operator": "regmean"},
            },
            "own module, dropout and statistics": {
                "network": {
                    "name": "module",
                    "factory": "tests.agents.learning.own_nets:normalised",
                    "options": {"dropout": 0.2},
                },
                "broker": _LAYERS,
            },
        },
    ),
    "mechanisms": Worlds(
        over(TINY, {"organisations": 4, "arms": ["independent"]}), _worlds_of(RULES | SCALED)
    ),
    "settings": Worlds(
        over(TINY, {"organisations": 4, "setting": {"regions": 2, "demand": {"tau": 0.02}}}),
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
            "average": {"broker": {"weight_search": "half"}},
            "without alignment": {"broker": {"alignment": "none"}},
            "from one start": {"learning": {"same_start": True, "reset_after_merge": False}},
            "weak trials": {"broker": {"trials": "weak"}},
            "no trials": {"broker": {"trials": "none"}, "mechanism": "nash_bargaining"},
            "own training": {"broker": {"resale": "forbidden"}},
            "hardly any money": {"mechanism": "nash_bargaining", "population": {"cash": 5e-4}},
            "on credit": {"population": {"cash": 0.0, "credit_limit": 0.01}},
            "a shortlist": {"organisations": 4, "broker": {"shortlist": 1}},
            "every second round": {"rounds": 3, "broker": {"start_round": 2, "every": 2}},
        },
    ),
    "groups": Worlds(
        over(TINY, {"arms": ["autarky", "competitive", "cooperative"], "mechanism": "nash_bargaining"}),
        {
            "three networks, two rules of learning, entry and exit": {
                "organisations": 6,
                "rounds": 3,
                "population": {"groups": _GROUPS},
                "costs": {"flops": 1e-9},
            },
            "a trade network in two regions": {
                "organisations": 5,
                "setting": {"regions": 2},
                "population": {
                    "groups": {
                        "near": {"count": 2, "region": 1, "partners": "region"},
                        "far": {"count": 3, "partners": ["far", [0, 2]], "endowment": "iid", "share": 2},
                    }
                },
            },
        },
    ),
    "data": Worlds(
        TINY,
        {
            "dealt like cards": {"data": _DEALT | {"sizes": [3, 1]}},
            "dirichlet": {"data": _DEALT | {"endowment": "dirichlet", "alpha": 1.0, "standardise": True}},
            "skewed classes, shared": {"data": {"disjoint": False, "sizes": [3, 1]}},
            "sizes by a power law": {"data": _DEALT | {"endowment": "sizes"}},
            "quantiles": {"data": _DEALT | {"endowment": "by_feature"}},
            "ranges": {"data": _DEALT | {"endowment": _RANGES}},
            "digits28": {"data": {"dataset": "digits28"}},
            "digits28_shifted": {"data": {"dataset": "digits28_shifted"}},
            "digits_and_turned": {"data": _DEALT | {"dataset": "digits_and_turned"}},
            "mnist1d": {"data": _DEALT | {"dataset": "mnist1d"}},
            "breast_cancer": {"data": _DEALT | _table("breast_cancer")},
            "wine": {"data": _DEALT | _table("wine")},
            "iris": {"data": _DEALT | _table("iris")},
            "diabetes": {"data": _DEALT | _table("diabetes")},
            "digits_and_parity": {"data": _DEALT | {"dataset": "digits_and_parity"}},
        },
    ),
    "baselines": Baselines(
        TINY | {"broker": {"start_round": 2}},
        {name: name for name in BASELINES}
        | {f"{name}, when there is a market": {"name": name, "schedule": "market"} for name in _AVERAGING},
    ),
    "run": Run(WHOLE_RUN),
    "sweep": Sweep((*TYPED, "mechanism=first_price,nash_bargaining")),
    "cross": Cross(
        TINY
        | {
            "organisations": 4,
            "strategies": ["truthful", "zip"],
            "settings": ["independent", "cooperative"],
            "followers": 1,
            "rounds": 2,
            "replicates": 2,
        },
        "k_double_auction",
    ),
    "contests": Contests("reseller", "second price, one copy, own training"),
    "induced_mechanisms": Induced({"buyers": 3, "sellers": 3, "markets": 2}, _worlds_of(RULES | VARIANTS)),
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
    "sessions": Sessions(
        tuple({"name": name, "highest": 10.0} if name in _KNOWS else {"name": name} for name in _SHOUTERS),
        ("persistent", "gode_sunder"),
    ),
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
