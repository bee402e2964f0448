"""Texts about a job configuration: its JSON Schema, the reference, problem reports, and the resolved file."""
