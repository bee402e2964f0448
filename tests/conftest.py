"""What holds for all tests: no example of Hypothesis fails for being slow, for a busy machine is no defect."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
