"""Keeps the candidate under the next version, with its metrics."""

import json

import job_session
import tables


def main() -> None:
    """Add a version to the registry."""
    session = job_session.create()
    weights, rmse = tables.candidate(session)
    tables.create(session, tables.MODELS)
    newest = session.sql(f"SELECT MAX(VERSION) FROM {tables.MODELS} WHERE RUN_ID <> ?", params=[tables.run_id()])
    version = int(newest.collect()[0][0] or 0) + 1
    tables.replace(session, tables.MODELS, [(version, tables.run_id(), json.dumps(weights), rmse)])
    session.close()
    print(json.dumps({"version": version, "rmse": rmse}))


if __name__ == "__main__":
    main()
