"""Job configurations made from the quickstart's JSON list or from a live graph."""
