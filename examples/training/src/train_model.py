"""Fits the model to the training part of the dataset."""

import json

import job_session
import regression
import tables


def main() -> None:
    """Write the model as this run's candidate."""
    session = job_session.create()
    trips = tables.trips(session, "training")
    weights = regression.fit(trips)
    tables.replace(session, tables.CANDIDATES, [(tables.run_id(), json.dumps(weights), None)])
    session.close()
    print(json.dumps({"trained_on": len(trips), "weights": weights}))


if __name__ == "__main__":
    main()
