"""Collects the features of a region's trips that wait for a prediction."""

import argparse
import json
import random

import job_session
import tables


def main() -> None:
    """Write the features."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--region", required=True)
    parser.add_argument("--trips", type=int, default=50)
    wanted = parser.parse_args()
    chance = random.Random(wanted.region)  # noqa: S311  # made-up trips; the same ones each time
    found = [
        (tables.run_id(), wanted.region, number, round(chance.uniform(0.5, 20), 2), float(chance.randint(0, 6)))
        for number in range(wanted.trips)
    ]
    session = job_session.create()
    tables.replace(session, tables.FEATURES, found, wanted.region)
    session.close()
    print(json.dumps({"region": wanted.region, "trips": len(found)}))


if __name__ == "__main__":
    main()
