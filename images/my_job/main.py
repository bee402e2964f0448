"""Runs one query and appends its result to a table: the example of a containerized job.

    main.py --query="select current_time() as time,'hello'" --result_table=results

Knows how a container logs in to Snowflake: with the token that Snowflake puts into it or, without one (on a laptop),
with user and password from the environment. Must not know anything of graphs except its own run.

Ends with 0 when done, 1 if Snowflake refuses the query or the table, 2 if called or configured incorrectly. Its last
line on standard output is a JSON object, which jobgraph's runner stores as the job's outputs. Without a runner
(`runner: direct`), it queries its run and sets the task's return value itself; job_run.py in images/runtime does so for
any other program.

Build and push it (`SHOW IMAGE REPOSITORIES` shows the repository's URL):

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

import verdicts  # type: ignore[import-not-found]  # next to this file in the image, in no package
from snowflake.connector.errors import Error as ConnectorError
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkClientException

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DONE, FAILED, MISUSED = 0, 1, 2
TOKEN_FILE = "/snowflake/session/token"  # noqa: S105  # a path, not a secret: where Snowflake puts the token
log = logging.getLogger("my-job")


# a table's name, perhaps with schema and database; it becomes part of a statement, since it cannot be bound
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
    """The arguments or the environment are invalid, so that the job cannot start."""


def table_name(text: str) -> str:
    """Return the text if it is a valid name of a table.

    Raises:
        argparse.ArgumentTypeError: if it is not.
    """
    if not TABLE_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a table")
    return text


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; end the program with 2 if they are invalid."""
    parser = argparse.ArgumentParser(description="Run a query and append its result to a table.")
    parser.add_argument("--query", required=True, help="the query to run")
    parser.add_argument(
        "--result_table", type=table_name, required=True, help="the table for its rows; made if there is none"
    )
    return parser.parse_args(argv)


def connection(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the connection's parameters, from the variables that Snowflake sets in a container and the job's own.

    A token is valid for minutes, so it is read right before the connection is opened.

    Raises:
        MisuseError: if there is neither a token nor user and password.
    """
    names = ("account", "host", "port", "protocol", "database", "schema", "warehouse")
    settings = {name: environment.get(f"SNOWFLAKE_{name.upper()}") for name in names}
    parameters: dict[str, Any] = {name: value for name, value in settings.items() if value}
    if "port" in parameters:
        parameters["port"] = int(parameters["port"])
    if tag := environment.get("JOB_QUERY_TAG"):
        # so that the query history shows the run, task and attempt of the job's own statements
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
    """Append the query's result to the table, and return the number of rows."""
    log.info(
        "connected: database=%s schema=%s warehouse=%s role=%s",
        session.get_current_database(),
        session.get_current_schema(),
        session.get_current_warehouse(),
        session.get_current_role(),
    )
    log.info("query [%s] goes into table [%s]", query, table)
    # without rows: this only creates the table, if there is none, with the columns of the query
    session.sql(query).limit(0).write.mode("append").save_as_table(table)
    # our own INSERT, because it returns the number of rows; Snowpark's writer does not
    (result,) = session.sql(f"INSERT INTO {table} {query}").collect()
    return int(result[0])


def find_out_run(session: Session, job: Mapping[str, Any]) -> None:
    """Query which run this is, its interval and its predecessors' values; tag the session's statements with it."""
    row = session.sql(RUN).collect()[0]
    log.info(
        "run %s, for what came in from %s to %s", row["RUN_GROUP"], row["SINCE"] or "the beginning", row["STARTED"]
    )
    # its attempt is in the task history, which requires a running warehouse: job_run.py shows how
    session.query_tag = f"jobgraph {job['graph']} {row['RUN_GROUP']} {job['task']}"
    for name in job.get("predecessors", ()):
        log.info("%s returned %s", name, session.sql(RETURNED, params=[name]).collect()[0]["RETURNED"])


def close(session: Session) -> None:
    """Close the session. A failure only causes a warning: the rows are written, or the error is known already."""
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
        log.error("%s", error)  # noqa: TRY400  # the text is complete; a traceback would only hide it
        return MISUSED
    except (SnowparkClientException, ConnectorError) as error:
        log.error("error from Snowflake: %s", " ".join(str(error).split()))  # noqa: TRY400  # as above
        return FAILED
    log.info("finished")
    sys.stdout.write(outputs + "\n")
    return DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
