"""Parabourse from Python: markets for the parameters of models, without a command line.

A market is a Mesa model. Any field of `MarketConfig` can be given by name; ``parabourse explain`` lists them:

>>> from parabourse import ParameterMarket
>>> market = ParameterMarket(organisations=2, mechanism="first_price", data={"examples": 400}, seed=0)
>>> market.step()
>>> sorted(market.report.tables)
['ledger', 'orders', 'organisations', 'rounds', 'trades', 'trials']

A `Cohort` plays the same organisations, data and initial weights in several settings, so that every
difference between them is paired, and returns the tables of all rounds as DataFrames:

>>> from parabourse import Cohort, MarketConfig
>>> config = MarketConfig(organisations=2, mechanism="first_price", data={"examples": 400})
>>> tables = Cohort(config, arms=("autarky", "competitive"), replicates=2, seed=0).run(rounds=1)
>>> tables["rounds"].groupby("arm").size().to_dict()
{'autarky': 2, 'competitive': 2}

An `InducedMarket` holds the same rules and strategies against theory, with cards in the place of models:

>>> from parabourse import InducedMarket
>>> textbook = InducedMarket(buyers=3, sellers=3, markets=100, mechanism="mcafee", seed=0)
>>> textbook.step()
>>> bool((textbook.report.paid.sum(axis=1) >= textbook.report.received.sum(axis=1)).all())
True

What can be chosen by name is in registries, and what is registered in one of them can be chosen:

>>> from parabourse import MECHANISMS, SETTINGS, STRATEGIES, check_mechanism, check_strategy
>>> list(SETTINGS)
['autarky', 'competitive', 'cooperative', 'independent']
>>> check_strategy(STRATEGIES.build({"name": "shading", "fraction": 0.2}))

There is a check for networks bound to data, datasets, merge operators and settings, too: each raises an
``AssertionError`` with a sentence that says what is broken.
"""

from agents.conformance import check_strategy
from agents.learning.conformance import check_architecture
from agents.learning.networks import NETWORKS
from agents.learning.operators import MERGE_OPERATORS
from agents.learning.operators.conformance import check_operator
from agents.strategies import STRATEGIES
from markets.checks.conformance import check_mechanism
from markets.mechanisms import MECHANISMS
from sim.cohort import Cohort
from sim.config.market import MarketConfig
from sim.data.conformance import check_dataset
from sim.data.datasets import DATASETS
from sim.market import ParameterMarket
from sim.saved_models.loading import load_model
from sim.settings import SETTINGS
from sim.settings.conformance import check_setting
from sim.textbook.induced_market import InducedMarket

__all__ = [
    "DATASETS",
    "MECHANISMS",
    "MERGE_OPERATORS",
    "NETWORKS",
    "SETTINGS",
    "STRATEGIES",
    "Cohort",
    "InducedMarket",
    "MarketConfig",
    "ParameterMarket",
    "check_architecture",
    "check_dataset",
    "check_mechanism",
    "check_operator",
    "check_setting",
    "check_strategy",
    "load_model",
]
