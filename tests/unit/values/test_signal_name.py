"""Names of signals."""

import pytest

from perdure.values.signal_name import signal_name


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (40, "signal 40"), (200, "signal 200")])
def test_a_signal_without_a_name_has_its_number(number: int, name: str) -> None:
    assert signal_name(number) == name
