"""`jobconfig.yaml`: reading it, checking it, and its data model."""
