"""Chooses the newest version of the model registry for this run."""

import json
import sys

import job_session
import tables
from snowflake.snowpark.exceptions import SnowparkSQLException


def main() -> int:
    """Note the version that all jobs of the run use, whatever is registered meanwhile."""
    session = job_session.create()
    try:
        newest = tables.rows(session, f"SELECT VERSION, WEIGHTS FROM {tables.MODELS} ORDER BY VERSION DESC LIMIT 1")
    except SnowparkSQLException as error:
        print(f"Error: the registry cannot be read; examples/training makes it: {error}")
        return 1
    if not newest:
        print("Error: the registry has no model; examples/training registers one")
        return 1
    version, weights = newest[0]
    tables.replace(session, tables.CHOSEN, [(tables.run_id(), int(version), weights)])
    session.close()
    print(json.dumps({"version": int(version)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
