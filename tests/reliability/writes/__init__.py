"""Faults at every durable write of the sandbox."""
