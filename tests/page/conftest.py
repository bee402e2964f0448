"""The page in the process of the tests, against recorded rows, with no browser; and the site that browsers visit."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

import jobgraph.page
from jobgraph.page import board, connection
from tests.page.browsing import site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.account.client import Client

__all__ = ["shown", "site", "visit"]
APP = Path(jobgraph.page.__file__).with_name("app.py")
# Each run of an app reads the metadata of all installed packages, which takes longer than the page.
_manifests = functools.cache(manifest_scanner.scan_component_manifests)


@dataclass
class Visit:
    """Somebody who looks at the page: opens addresses, reads what it shows, uses its controls."""

    client: Client

    def open(self, **parameters: str) -> AppTest:
        """Open an address."""
        st.cache_resource.clear()
        app = AppTest.from_file(str(APP), default_timeout=120)
        for name, value in parameters.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception, app.exception
        return app

    def html(self, **parameters: str) -> str:
        """What an address shows, all of it."""
        return shown(self.open(**parameters))


def shown(app: AppTest) -> str:
    """All HTML of the page."""
    return "\n".join(element.proto.body for element in app.get("html"))


@pytest.fixture
def visit() -> Iterator[Visit]:
    """A visitor of a page whose client a test gives."""
    visitor = Visit(None)  # type: ignore[arg-type]  # a test sets it
    with (
        patch.object(connection, "open_client", lambda: visitor.client),
        patch.object(board, "_component", lambda: None),
        patch.object(manifest_scanner, "scan_component_manifests", _manifests),
        # a test before may have left a Snowpark session open, which would be taken for that of an app in Snowflake
        patch.object(connection, "_session", lambda: None),
    ):
        yield visitor
    st.cache_resource.clear()
