"""Rewrites of whole queries: sources, groups, order and set operations. Pure, like the rest of the dialect."""
