"""The rules of exchange: goods, orders, mechanisms, the door and the ledger.

A library of pure rules over numpy columns. Nothing here knows of models, agents or files.
"""
