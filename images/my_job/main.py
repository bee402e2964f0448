"""Runs one query and appends its result to a table: the example of a containerized job.

    main.py --query="select current_time() as time,'hello'" --result_table=results

Knows how a container logs in to Snowflake: with the token that Snowflake puts into it, or, where there is none (on
a laptop), with user and password from the environment. Must not know anything of graphs, but which run it is part of.

Ends with 0 when done, 1 when Snowflake refuses the query or the table, 2 when called or configured wrongly. Its last
line on standard output is a JSON object, which jobgraph's runner keeps as the job's outputs. Without a runner (`runner:
direct`), nobody has told it its run, and nobody hands on what it returns: it asks and does both itself. images/runtime
has a program (job_run.py) that does so for any other.

Build and push it (`SHOW IMAGE REPOSITORIES` tells the repository's URL):

    docker build --platform linux/amd64 -t <repository_url>/my_job_image:1.1.0 images/my_job
    docker login <registry_host> -u <user>
    docker push <repository_url>/my_job_image:1.1.0
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import verdicts  # type: ignore[import-not-found]  # lies beside this file in the image, in no package
from snowflake.connector.errors import Error as ConnectorError
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkClientException

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DONE, FAILED, MISUSED = 0, 1, 2
TOKEN_FILE = "/snowflake/session/token"  # noqa: S105  # a path, not a secret: where Snowflake puts the token
log = logging.getLogger("my-job")


# a table's name, perhaps with schema and database; it becomes part of a statement, where it cannot be bound
TABLE_NAME = re.compile(r'(?:(?:[A-Za-z_][\w$]*|"[^"]+")\.){0,2}(?:[A-Za-z_][\w$]*|"[^"]+")')


# set by jobgraph's specification for a job that is its task's own statement
DIRECT = "JOB_DIRECT"
# neither needs a warehouse
RUN = (
    "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID') AS RUN_GROUP,"
    " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP') AS STARTED,"
    " SYSTEM$TASK_RUNTIME_INFO('LAST_SUCCESSFUL_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP') AS SINCE"
)
RETURNED = "SELECT SYSTEM$GET_PREDECESSOR_RETURN_VALUE(?) AS RETURNED"


class MisuseError(Exception):
    """The arguments or the environment are such that the job cannot start."""


def table_name(text: str) -> str:
    """Return the text if it is the name of a table.

    Raises:
        argparse.ArgumentTypeError: if it is none.
    """
    if not TABLE_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a table")
    return text


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; ends the program with 2 if they are wrong."""
    parser = argparse.ArgumentParser(description="Run a query and append its result to a table.")
    parser.add_argument("--query", required=True, help="the query to run")
    parser.add_argument(
        "--result_table", type=table_name, required=True, help="the table for its rows; made if there is none"
    )
    return parser.parse_args(argv)


def connection(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return how to connect, by the variables that Snowflake sets in a container, and the job's own.

    A token lives for minutes, so it is read right before the connection is made.

    Raises:
        MisuseError: if there is neither a token nor user and password.
    """
    names = ("account", "host", "port", "protocol", "database", "schema", "warehouse")
    settings = {name: environment.get(f"SNOWFLAKE_{name.upper()}") for name in names}
    parameters: dict[str, Any] = {name: value for name, value in settings.items() if value}
    if "port" in parameters:
        parameters["port"] = int(parameters["port"])
    if tag := environment.get("JOB_QUERY_TAG"):
        # so that the query history tells the job's own statements by run, task and attempt
        parameters["session_parameters"] = {"QUERY_TAG": tag}
    token = Path(environment.get("SNOWFLAKE_TOKEN_FILE_PATH", TOKEN_FILE))
    if token.exists():
        return parameters | {"authenticator": "oauth", "token": token.read_text().strip()}
    try:
        login = {"user": environment["SNOWFLAKE_USER"], "password": environment["SNOWFLAKE_PASSWORD"]}
    except KeyError as missing:
        raise MisuseError(
            f"no token in {token}, and no {missing.args[0]} in the environment: no way to log in"
        ) from None
    role = environment.get("SNOWFLAKE_ROLE")
    return parameters | login | ({"role": role} if role else {})


def run(session: Session, query: str, table: str) -> int:
    """Append the query's result to the table, and return how many rows that were."""
    log.info(
        "connected: database=%s schema=%s warehouse=%s role=%s",
        session.get_current_database(),
        session.get_current_schema(),
        session.get_current_warehouse(),
        session.get_current_role(),
    )
    log.info("query [%s] goes into table [%s]", query, table)
    # no rows yet: this only makes the table, if there is none, with the columns of the query
    session.sql(query).limit(0).write.mode("append").save_as_table(table)
    # an INSERT of our own, because it tells how many rows it wrote; Snowpark's writer keeps that to itself
    (result,) = session.sql(f"INSERT INTO {table} {query}").collect()
    return int(result[0])


def find_out_run(session: Session, job: Mapping[str, Any]) -> None:
    """Ask which run this is, for what interval, and what came before; tag the session's statements with it."""
    row = session.sql(RUN).collect()[0]
    log.info(
        "run %s, for what came in from %s to %s", row["RUN_GROUP"], row["SINCE"] or "the beginning", row["STARTED"]
    )
    # its attempt is in the task history, for which a warehouse would have to be awake: job_run.py shows how
    session.query_tag = f"jobgraph {job['graph']} {row['RUN_GROUP']} {job['task']}"
    for name in job.get("predecessors", ()):
        log.info("%s returned %s", name, session.sql(RETURNED, params=[name]).collect()[0]["RETURNED"])


def close(session: Session) -> None:
    """Close the session. Should that fail, the rows are written or the error is known all the same: only warn."""
    try:
        session.close()
    except (SnowparkClientException, ConnectorError) as error:
        log.warning("the session was not closed: %s", " ".join(str(error).split()))


def main(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the job and return its exit code."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    options = arguments(argv)
    log.info("started, attempt %s of run %s", environment.get("JOB_ATTEMPT", "1"), environment.get("RUN_GROUP_ID", "-"))
    try:
        direct = json.loads(environment.get(DIRECT, "null"))
        session = Session.builder.configs(connection(environment)).create()
        try:
            if direct:
                find_out_run(session, direct)
            rows = run(session, options.query, options.result_table)
            outputs = json.dumps({"rows_written": rows, "result_table": options.result_table})
            if direct:
                value = verdicts.verdicts(outputs, direct.get("conditions", ())) + outputs
                session.sql("CALL SYSTEM$SET_RETURN_VALUE(?)", params=[value]).collect()
        finally:
            close(session)
    except (MisuseError, ValueError) as error:
        log.error("%s", error)  # noqa: TRY400  # the text says it all; a traceback would only hide it
        return MISUSED
    except (SnowparkClientException, ConnectorError) as error:
        log.error("error from Snowflake: %s", " ".join(str(error).split()))  # noqa: TRY400  # as above
        return FAILED
    log.info("finished")
    sys.stdout.write(outputs + "\n")
    return DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
