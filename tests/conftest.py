"""What holds for all property tests: a busy machine is no defect; the thousands of cases are `make reliability`'s."""

from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=40)
settings.load_profile("unit")
