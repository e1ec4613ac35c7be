"""The lakehouses of the tests of releases and of triage, to be read."""

from tests.releases.conftest import house, six
from tests.triage.conftest import planted

__all__ = ["house", "planted", "six"]
