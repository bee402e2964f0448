"""Makes a dataset of trips, the first three quarters for training and the rest, later in time, for validation."""

import argparse
import json
import random

import job_session
import tables


def main() -> None:
    """Write the dataset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trips", type=int, default=400)
    count = parser.parse_args().trips
    chance = random.Random(7)  # noqa: S311  # made-up trips; the same ones each time
    rows = []
    for number in range(count):
        distance, stops = round(chance.uniform(0.5, 20), 2), float(chance.randint(0, 6))
        minutes = 4 + 2.5 * distance + 1.5 * stops + chance.gauss(0, 1)
        part = "training" if number < count * 3 // 4 else "validation"
        rows.append((tables.run_id(), part, distance, stops, round(minutes, 2)))
    session = job_session.create()
    tables.replace(session, tables.TRIPS, rows)
    session.close()
    print(json.dumps({"trips": count}))


if __name__ == "__main__":
    main()
