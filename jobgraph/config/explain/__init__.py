"""A job configuration explained: its JSON Schema, the reference, problem reports, and the file written out."""
