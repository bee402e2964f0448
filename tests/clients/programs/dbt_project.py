"""dbt: a project with seeds, models of every materialization, tests, a snapshot and documentation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from steps import LOGIN, errors_of, step

folder = Path(tempfile.mkdtemp())
FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nmodels:\n  shop:\n    +materialized: view\n",
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n    dev: "
    + json.dumps(
        {
            "type": "snowflake",
            **{key: LOGIN[key] for key in ("account", "user", "password", "role", "host", "port", "protocol")},
            "database": "DBT",
            "schema": "SHOP",
            "warehouse": "WH",
            "threads": 4,
            "query_tag": "dbt",
        }
    )
    + "\n",
    "seeds/orders.csv": "id,customer,amount,ordered_at\n1,ann,10.5,2026-01-02\n"
    "2,bob,20,2026-01-03\n3,ann,5,2026-01-04\n",
    "models/staged.sql": "select id, upper(customer) as customer, amount, ordered_at::date as day"
    " from {{ ref('orders') }}\n",
    "models/totals.sql": "{{ config(materialized='table') }}\n"
    "select customer, sum(amount) as total, count(*) as orders from {{ ref('staged') }} group by customer\n",
    "models/events.sql": "{{ config(materialized='incremental', unique_key='id') }}\n"
    "select id, day, amount from {{ ref('staged') }}\n"
    "{% if is_incremental() %} where day >= (select max(day) from {{ this }}) {% endif %}\n",
    "models/appended.sql": "{{ config(materialized='incremental', incremental_strategy='delete+insert',"
    " unique_key='id',"
    " transient=false, on_schema_change='append_new_columns') }}\nselect id, day from {{ ref('staged') }}\n",
    "models/inlined.sql": "{{ config(materialized='ephemeral') }}\n"
    "select max(total) as most from {{ ref('totals') }}\n",
    "models/top.sql": "{{ config(materialized='table') }}\n"
    "select most, current_timestamp() as at from {{ ref('inlined') }}\n",
    "models/schema.yml": "version: 2\nmodels:\n  - name: totals\n    description: what a customer's orders sum up to\n"
    "    config: {persist_docs: {relation: true, columns: true}}\n    columns:\n"
    "      - {name: customer, description: who, data_tests: [unique, not_null]}\n"
    "  - name: events\n    columns:\n"
    "      - name: id\n        data_tests: [unique, {relationships: {arguments: {to: ref('orders'), field: id}}}]\n"
    "  - name: staged\n    columns:\n"
    "      - name: customer\n        data_tests: [{accepted_values: {arguments: {values: [ANN, BOB]}}}]\n",
    "models/filtered.py": "def model(dbt, session):\n    dbt.config(materialized='table')\n"
    "    return dbt.ref('staged').filter('ID > 1')\n",
    "tests/no_negative.sql": "select * from {{ ref('totals') }} where total < 0\n",
    "snapshots/orders.sql": "{% snapshot orders_history %}\n"
    "{{ config(unique_key='id', strategy='check', check_cols=['amount'], target_schema='HISTORY') }}\n"
    "select * from {{ ref('orders') }}\n{% endsnapshot %}\n",
    "macros/grants.sql": "{% macro count_of(name) %}{% set rows = run_query('select count(*) from ' ~ ref(name)) %}"
    "{{ log('rows=' ~ rows.columns[0].values()[0], info=true) }}{% endmacro %}\n",
}


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def dbt(*words: str) -> str:
    program = str(Path(sys.executable).with_name("dbt"))
    ended = subprocess.run(
        [program, "--no-use-colors", "--no-send-anonymous-usage-stats", *words, "--profiles-dir", "."],
        cwd=folder,
        env={**os.environ, "SNOWFLAKE_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if ended.returncode:
        raise RuntimeError(errors_of(ended.stdout + ended.stderr))
    return ended.stdout


def results() -> list[str]:
    """The states of the nodes of the last command."""
    nodes = json.loads((folder / "target" / "run_results.json").read_text())["results"]
    return sorted({node["status"] for node in nodes})


def ended(*words: str) -> list[str]:
    dbt(*words)
    return results()


def failure(*words: str) -> str:
    try:
        return dbt(*words)
    except RuntimeError as error:
        return str(error)


def query(text: str) -> Any:
    import snowflake.connector  # noqa: PLC0415  # of dbt's own environment

    with snowflake.connector.connect(**LOGIN, warehouse="WH") as connection:
        return [tuple(row) for row in connection.cursor().execute(text).fetchall()]


def changed_snapshot() -> Any:
    write({"seeds/orders.csv": FILES["seeds/orders.csv"].replace("20,2026-01-03", "25,2026-01-03")})
    dbt("seed")
    dbt("snapshot")
    return query("select count(*), count(dbt_valid_to) from DBT.HISTORY.ORDERS_HISTORY")


def full_catalog() -> bool:
    dbt("docs", "generate")
    catalog = json.loads((folder / "target" / "catalog.json").read_text())
    assert not catalog["errors"], catalog["errors"]
    return {"model.shop.totals", "seed.shop.orders"} <= set(catalog["nodes"] | catalog["sources"])


write(FILES)
step("create", lambda: query("create database DBT") + query("create warehouse if not exists WH"))
step("debug", lambda: "All checks passed" in dbt("debug"), expected=True)
step("seed", lambda: ended("seed"), ["success"])
step("run", lambda: ended("run"), ["success"])
step("rows", lambda: query("select CUSTOMER, TOTAL from DBT.SHOP.TOTALS order by 1")[0][0], "ANN")
step("run again", lambda: ended("run"), ["success"])
step("incremental rows", lambda: query("select count(*) from DBT.SHOP.EVENTS"), [(3,)])
step("full refresh", lambda: ended("run", "--full-refresh", "--select", "events"), ["success"])
step("test", lambda: ended("test"), ["pass"])
step("snapshot", lambda: ended("snapshot"), ["success"])
step("snapshot of a change", changed_snapshot, [(4, 1)])


def longer_column() -> Any:
    """A snapshot of a table whose column became longer than the snapshot's."""
    query("create or replace table DBT.SHOP.NOTES as select 1 as ID, 'a'::varchar(3) as NOTE")
    write(
        {
            "models/sources.yml": "version: 2\nsources:\n"
            "- {name: notes, database: DBT, schema: SHOP, tables: [{name: NOTES}]}\n",
            "snapshots/notes.sql": "{% snapshot notes_history %}{{ config(unique_key='ID', strategy='check',"
            " check_cols='all', target_schema='HISTORY') }}\n"
            "select * from {{ source('notes', 'NOTES') }}{% endsnapshot %}",
        }
    )
    dbt("snapshot", "--select", "notes_history")
    query("create or replace table DBT.SHOP.NOTES as select 1 as ID, 'longer'::varchar(30) as NOTE")
    dbt("snapshot", "--select", "notes_history")
    return query("select NOTE from DBT.HISTORY.NOTES_HISTORY order by DBT_VALID_FROM")


step("a Python model", lambda: query("select count(*) from DBT.SHOP.FILTERED"), [(2,)])
step("snapshot of a longer column", longer_column, [("a",), ("longer",)])
step("docs generate", full_catalog, expected=True)
step("comments", lambda: query("show tables like 'TOTALS' in DBT.SHOP")[0][5], "what a customer's orders sum up to")
step("run-operation", lambda: "rows=3" in dbt("run-operation", "count_of", "--args", "{name: orders}"), expected=True)
step("build", lambda: ended("build"), ["pass", "success"])
step("show", lambda: "ANN" in dbt("show", "--select", "totals"), expected=True)
write(
    {
        "models/dynamic.sql": "{{ config(materialized='dynamic_table', target_lag='1 hour',"
        " snowflake_warehouse='WH') }}\n"
        "select * from {{ ref('staged') }}\n"
    }
)
step(
    "a dynamic table is refused by name",
    lambda: "Unsupported feature 'CREATE DYNAMIC TABLE'" in failure("run", "--select", "dynamic"),
    expected=True,
)
write({"models/broken.sql": "select nope from {{ ref('orders') }}\n"})
step("a broken model", lambda: "invalid identifier" in failure("run", "--select", "broken").lower(), expected=True)
