"""Claims that hold for whatever is generated: `make reliability` runs them with a seed and a count, tests a few."""
