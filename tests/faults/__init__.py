"""The real service, started as an operator starts it, while something breaks.

``House`` is one installation with its visitors, who keep what was acknowledged to them. A fault is
whatever a test does to it meanwhile; ``House.check`` says afterwards whether a promise was broken.
"""

import pytest

pytest.register_assert_rewrite("tests.faults.both", "tests.faults.house")
