"""Applies the chosen model to the features of all regions."""

import json

import job_session
import tables


def main() -> None:
    """Write a score for each trip."""
    session = job_session.create()
    ((weights,),) = tables.rows(session, f"SELECT WEIGHTS FROM {tables.CHOSEN} WHERE RUN_ID = ?", tables.run_id())
    base, per_kilometre, per_stop = json.loads(weights)
    query = f"SELECT REGION, TRIP, DISTANCE, STOPS FROM {tables.FEATURES} WHERE RUN_ID = ?"
    scores = [
        (tables.run_id(), region, trip, distance, stops, base + per_kilometre * distance + per_stop * stops)
        for region, trip, distance, stops in tables.rows(session, query, tables.run_id())
    ]
    tables.replace(session, tables.SCORES, scores)
    session.close()
    print(json.dumps({"predictions": len(scores)}))


if __name__ == "__main__":
    main()
