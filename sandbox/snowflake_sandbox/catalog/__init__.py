"""The catalog of objects: the anatomy of a kind, its registration, and INFORMATION_SCHEMA."""
