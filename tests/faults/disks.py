"""Disks that fill up, and files whose permissions count for root too."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

SIZE = "128m"
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


def heed_permissions() -> None:
    """Lets what is started next be refused a file whose mode refuses it, even as root."""
    libc = ctypes.CDLL(None)
    for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
        libc.prctl(_PR_CAPBSET_DROP, capability)


class Disk:
    """A folder whose disk can be filled.

    A small filesystem of its own where this machine lets us mount one (root in most containers):
    then the kernel says ENOSPC. Elsewhere ``is_real`` is False, and ``full`` holds the service to
    a size of files instead, as ``limited`` does anywhere: the kernel says EFBIG for the same write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)]
        self.is_real = subprocess.run(command, capture_output=True, check=False).returncode == 0

    def close(self) -> None:
        if self.is_real:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @contextlib.contextmanager
    def full(self, pid: int) -> Iterator[None]:
        """No write of ``pid`` and its children finds room here while the block runs."""
        if not self.is_real:
            with limited(pid, self.folder):
                yield
            return
        filler = self.folder / "filler"
        try:
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * 4096)
            yield
        finally:
            filler.unlink()


@contextlib.contextmanager
def limited(pid: int, folder: Path) -> Iterator[None]:
    """No process of ``pid`` can make a file of ``folder`` longer while the block runs."""
    shortest = min(path.stat().st_size for path in folder.iterdir() if path.stat().st_size)
    processes = [psutil.Process(pid), *psutil.Process(pid).children()]
    for process in processes:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (shortest, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for process in processes:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
