"""Measures the candidate's errors on the validation part of the dataset."""

import json

import job_session
import regression
import tables


def main() -> None:
    """Write the error next to the candidate; the graph looks at it before it registers the model."""
    session = job_session.create()
    weights, _ = tables.candidate(session)
    trips = tables.trips(session, "validation")
    rmse = regression.root_mean_square_error(weights, trips)
    tables.replace(session, tables.CANDIDATES, [(tables.run_id(), json.dumps(weights), rmse)])
    session.close()
    print(json.dumps({"validated_on": len(trips), "rmse": rmse}))


if __name__ == "__main__":
    main()
