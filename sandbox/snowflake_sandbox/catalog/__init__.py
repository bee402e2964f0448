"""The catalog of objects: the declaration of a kind, the registration of kinds, and INFORMATION_SCHEMA."""
