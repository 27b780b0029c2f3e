"""A real nats-server as a process, for one test."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perdure.config.settings import NatsSettings
from tests.support.binaries import binary
from tests.support.ports import free_port


@contextmanager
def nats_server(
    folder: Path, configuration: str = "", *, port: int | None = None, jetstream: bool = True
) -> Iterator[NatsSettings]:
    """Run a server that stores its streams in this folder.

    Args:
        folder: Holds its configuration, too.
        configuration: Further lines of its configuration file.
        port: By default a free one.
        jetstream: Whether it has JetStream.
    """
    file, port = folder / "nats.conf", port or free_port()
    file.write_text(configuration)
    command = [binary("nats-server"), "-c", str(file), "-a", "127.0.0.1", "-p", str(port), "-sd", str(folder)]
    command += ["-js"] if jetstream else []
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            yield NatsSettings(servers=(f"nats://127.0.0.1:{port}",))
        finally:
            server.terminate()
