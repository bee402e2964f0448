"""The page as an app in Snowflake: which files it needs, and what is sent."""

from __future__ import annotations

import pytest

from jobgraph.components.page import sources
from jobgraph.errors import UsageError
from jobgraph.plan import page
from jobgraph.settings import Settings, read_settings

SETTINGS = Settings()
# Snowflake takes a statement of one megabyte.
LARGEST_STATEMENT = 1_000_000


def test_the_app_is_made_with_its_runtime_named() -> None:
    plan = page.page(SETTINGS, sources())
    (folder,) = {file.name.rpartition("/")[0] for file in plan.files}
    place = '"PR_CONTAINER_ORCHESTRATION"."PUBLIC"'
    assert plan.create == " ".join(
        (
            f"""CREATE OR REPLACE STREAMLIT {place}."JOBGRAPH_PAGE" FROM '@{place}."JOBS"/{folder}'""",
            "MAIN_FILE = 'streamlit_app.py'",
            'QUERY_WAREHOUSE = "SMALL_WAREHOUSE"',
            "RUNTIME_NAME = 'SYSTEM$WAREHOUSE_RUNTIME'",
            "TITLE = 'jobgraph' COMMENT = 'jobgraph: graphs, runs and logs'",
        )
    )
    assert plan.go_live == f'ALTER STREAMLIT {place}."JOBGRAPH_PAGE" ADD LIVE VERSION FROM LAST'
    assert plan.drop == f'DROP STREAMLIT IF EXISTS {place}."JOBGRAPH_PAGE"'
    assert [(grant.privileges, grant.object_type) for grant in plan.grants] == [
        (("USAGE",), "DATABASE"),
        (("USAGE",), ""),
        (("USAGE",), "STREAMLIT"),
    ]
    assert all(len(file.write) < LARGEST_STATEMENT for file in plan.files)


def test_only_what_the_page_needs_is_sent() -> None:
    paths = set(page.needed(sources()))
    assert {
        "jobgraph/page/app.py",
        "jobgraph/page/assets/board.css",
        "jobgraph/page/assets/board.js",
        "jobgraph/cost/rates.yaml",
        "jobgraph/runs/graph_run.py",
    } <= paths
    others = ("jobgraph/cli/", "jobgraph/components/", "jobgraph/deploy/", "jobgraph/preview/")
    assert not [path for path in paths if path.startswith(others)]


def test_a_change_is_another_folder() -> None:
    texts = sources()
    changed = {**texts, "jobgraph/page/assets/board.css": texts["jobgraph/page/assets/board.css"] + "/**/"}
    other = {**texts, "jobgraph/cli/views.py": ""}
    assert page.page(SETTINGS, changed).create != page.page(SETTINGS, texts).create
    assert page.page(SETTINGS, other) == page.page(SETTINGS, texts)


def test_a_module_that_is_missing_is_told() -> None:
    texts = {path: text for path, text in sources().items() if path != "jobgraph/page/board.py"}
    with pytest.raises(ValueError, match=r"the page imports jobgraph\.page\.board"):
        page.page(SETTINGS, texts)


def test_viewers_of_no_page_are_a_mistake() -> None:
    with pytest.raises(UsageError, match="page_roles says who may view the page, but the page is not deployed"):
        read_settings({"page_roles": ["ANALYST"]}, "Pulumi.dev.yaml")
