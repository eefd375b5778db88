"""A PostgreSQL server that a test may restart, freeze and break."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


class Cluster:
    """One server under a folder.

    Args:
        programs: Folder of initdb and pg_ctl.
        folder: Where it lives; root gives it to the user `postgres`.
        port: On 127.0.0.1.
    """

    def __init__(self, programs: Path, folder: Path, port: int) -> None:
        self._programs = programs
        self._folder = folder
        self._port = port
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def create(self) -> None:
        """Make and start it."""
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres", "postgres")
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        settings = f"port={self._port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\n"
        with (self._folder / "data" / "postgresql.conf").open("a") as file:
            file.write(settings)
        self.start()

    def start(self) -> None:
        """Start and wait until it answers."""
        self._run("pg_ctl", "-D", "data", "-l", "server.log", "-w", "-t", "60", "start")

    def stop(self, mode: str) -> None:
        """Stop: `smart`, `fast`, or `immediate`, which is a crash."""
        self._run("pg_ctl", "-D", "data", "-m", mode, "-w", "-t", "60", "stop")

    def _run(self, program: str, *words: str) -> None:
        command = [str(self._programs / program), *words]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # Its own output would keep a pipe open as long as the server lives.
        subprocess.run(command, cwd=self._folder, check=True, stdout=subprocess.DEVNULL, timeout=90)
