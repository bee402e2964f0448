"""What holds for all tests. Of properties: a busy machine is no defect; thousands of cases are `make reliability`'s."""

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.golden")  # so that a failure shows the difference
settings.register_profile("unit", deadline=None, max_examples=30)
settings.load_profile("unit")
