"""The tests. What several rooms share explains a failed assert as a test does: said here, before it
is imported.
"""

import pytest

pytest.register_assert_rewrite(
    "tests.credentials.contract", "tests.doctor.place", "tests.poetry_process", "tests.warm"
)
