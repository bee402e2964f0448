"""One file per kind of object. Empty on purpose: registration.py lists them, so that any file here may import any."""
