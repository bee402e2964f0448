"""Statements in flight, their history and their results."""
