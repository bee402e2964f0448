"""One file per kind of object. Empty on purpose: registration.py lists the kinds, so files here may import others."""
