"""The page in Snowflake: deployed with the stack, shown from the files that Snowflake copied, gone with the setting."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.lifecycle.stack import PLACE, choose, names, unchanged

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

# Packages of this machine that an app in Snowflake does not have.
ABSENT = ("cronsim", "pulumi", "rich", "duckdb", "fakesnow")
VISIT = f"""
import os, sys
for name in {ABSENT!r}:
    sys.modules[name] = None
from snowflake.snowpark import Session
from streamlit.testing.v1 import AppTest
keys = ("account", "host", "port", "protocol", "user", "password", "role", "warehouse", "database", "schema")
Session.builder.configs({{key: os.environ["SNOWFLAKE_" + key.upper()] for key in keys}}).create()
for view in ("graphs", "grid", "run", "cost", "why", "changes"):
    app = AppTest.from_file(sys.argv[1], default_timeout=60)
    app.query_params["view"] = view
    app.query_params["graph"] = "container_jobs"
    app.run()
    assert not app.exception, app.exception
    assert not app.error, app.error[0].value
    shown = " ".join(str(getattr(element, "proto", "")) for element in app.main)
    assert "container_jobs" in shown, shown
    import jobgraph
    print(view, jobgraph.__file__)
"""


def test_the_page_is_deployed_shown_and_removed(fresh: Project) -> None:
    fresh.query("CREATE ROLE ANALYST")
    choose(fresh, page=True, page_roles=["ANALYST"])
    fresh.up()
    (app,) = fresh.query(f"SHOW STREAMLITS IN SCHEMA {PLACE}")
    assert (app["name"], app["title"], app["query_warehouse"]) == ("JOBGRAPH_PAGE", "jobgraph", "SMALL_WAREHOUSE")
    (described,) = fresh.query(f"DESCRIBE STREAMLIT {PLACE}.JOBGRAPH_PAGE")
    assert described["live_version_location_uri"]
    rows = fresh.query("SHOW GRANTS TO ROLE ANALYST")
    granted = {(row["privilege"], row["granted_on"]) for row in rows}
    assert granted == {("USAGE", "DATABASE"), ("USAGE", "SCHEMA"), ("USAGE", "STREAMLIT")}
    unchanged(fresh)

    fresh.jobgraph("run", "--only", "t_myjob_1", "--wait")
    (main,) = (fresh.folder / ".jobgraph" / "sandbox" / "streamlits").rglob("streamlit_app.py")
    visited = subprocess.run(
        [sys.executable, "-P", "-c", VISIT, main],
        env=fresh.environment,
        cwd=fresh.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert visited.returncode == 0, visited.stderr[-3000:]
    homes = {line.split()[1] for line in visited.stdout.splitlines()}
    assert len(homes) == 1
    assert "jobgraph-page-" in homes.pop()

    choose(fresh, page=False)
    fresh.up()
    assert names(fresh, f"SHOW STREAMLITS IN SCHEMA {PLACE}") == []
    assert fresh.query(f"LIST @{PLACE}.JOBS/page") == []
    assert fresh.query("SHOW GRANTS TO ROLE ANALYST") == []
