"""A small shop to ask questions of: customers, products, orders, order items and returns, generated from a seed."""

from memori_cli.sample.database import VERSION, Summary, create

__all__ = ["VERSION", "Summary", "create"]
