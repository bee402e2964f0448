"""The account that the kit is tried on: a sandbox that answers over HTTP."""

from tests.sandbox.conftest import service

__all__ = ["service"]
