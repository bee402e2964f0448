"""Imports job configurations from the quickstart's JSON list or from a live graph."""
