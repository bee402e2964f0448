"""Rewrites of a query as a whole: its sources, groups, order and set operations. Pure, as the rest of the dialect."""
