"""Goods: blocks, licences and packages."""
