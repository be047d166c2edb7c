"""Accounts: money, and the ledger that keeps it."""
