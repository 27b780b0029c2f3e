import subprocess
import sys

import pytest

from perdure.codec_server.listening import refuse_plain_http
from perdure.errors import WrongArgument


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.0.9"])
def test_without_a_certificate_it_listens_on_this_machine(host: str) -> None:
    refuse_plain_http(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "codec.example.org", ""])  # noqa: S104 (refused)
def test_without_a_certificate_no_other_machine_reaches_it(host: str) -> None:
    with pytest.raises(WrongArgument, match="over the network in plain text: give both"):
        refuse_plain_http(host)


def test_the_command_refuses_before_anything_else() -> None:
    program = [sys.executable, "-m", "perdure.codec_server", "--tokens=none", "--origin=http://localhost"]

    refused = subprocess.run([*program, "--host", "0.0.0.0"], capture_output=True, text=True, check=False)  # noqa: S104 (refused)

    assert refused.returncode == 2
    assert "--host 0.0.0.0 without --certificate and --key would send tokens" in refused.stderr
