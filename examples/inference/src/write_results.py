"""Adds the run's predictions to the result table, with the model's version."""

import argparse
import json

import job_session
import tables

COLUMNS = "RUN_ID VARCHAR, VERSION INTEGER, REGION VARCHAR, TRIP INTEGER, MINUTES FLOAT"


def main() -> None:
    """Write the results; those of an earlier attempt are replaced."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--result_table", required=True)
    table = parser.parse_args().result_table
    if not table.isidentifier():
        parser.error(f"{table!r} is not the name of a table")
    session, run = job_session.create(), tables.run_id()
    tables.rows(session, f"CREATE TABLE IF NOT EXISTS {table} ({COLUMNS})")
    tables.rows(session, f"DELETE FROM {table} WHERE RUN_ID = ?", run)
    ((count,),) = tables.rows(
        session,
        f"INSERT INTO {table} SELECT S.RUN_ID, C.VERSION, S.REGION, S.TRIP, S.MINUTES FROM {tables.SCORES} AS S"
        f" JOIN {tables.CHOSEN} AS C ON C.RUN_ID = S.RUN_ID WHERE S.RUN_ID = ?",
        run,
    )
    session.close()
    print(json.dumps({"rows_written": int(count), "result_table": table}))


if __name__ == "__main__":
    main()
