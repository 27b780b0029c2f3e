"""Moves this process into a mount namespace of its own: its small disks vanish with it, however it ends."""

import os
import shutil
import subprocess
import sys
import tempfile
from typing import Final

from perdure.errors import SetupError

__all__ = ["enter_own_mounts", "mount_tmpfs"]

_ENTERED: Final = "CHAOS_HAS_OWN_MOUNTS"
_AS_ROOT: Final = ("--mount",)
_AS_USER: Final = ("--user", "--map-current-user", "--keep-caps", "--mount")


def enter_own_mounts() -> None:
    """Start this program again in a mount namespace, by util-linux's ``unshare``; returns there.

    Raises:
        SetupError: The machine does not let this user mount anything, or is no Linux.
    """
    if os.environ.get(_ENTERED):
        return
    unshare = shutil.which("unshare")
    if sys.platform != "linux" or unshare is None:
        raise SetupError("The fault disk mounts small disks: it needs Linux and util-linux's `unshare`.")
    command = [unshare, *(_AS_ROOT if os.geteuid() == 0 else _AS_USER), "--"]
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run([*command, *_mount(folder, 1)], capture_output=True, text=True, check=False)  # noqa: S603 (our own arguments)
    if tried.returncode:
        raise SetupError(f"The fault disk mounts small disks, which this machine denies: {tried.stderr.strip()}")
    os.execve(unshare, [*command, sys.executable, *sys.orig_argv[1:]], os.environ | {_ENTERED: "1"})  # noqa: S606 (no shell)


def mount_tmpfs(folder: str, mebibytes: int) -> None:
    """Mount a disk in memory on a folder.

    Raises:
        SetupError: It cannot be mounted.
    """
    tried = subprocess.run(_mount(folder, mebibytes), capture_output=True, text=True, check=False)  # noqa: S603 (our own arguments)
    if tried.returncode:
        raise SetupError(f"No disk can be mounted on {folder}: {tried.stderr.strip()}")


def _mount(folder: str, mebibytes: int) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", folder]
