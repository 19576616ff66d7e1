"""The dashboard as its users start it, and the browser of the system."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

from waiting import until

ROOT = Path(__file__).parents[2]
#: What Chromium needs to run in a container and to keep to itself.
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]


def find_chromium() -> str | None:
    """Where Chromium is, if anywhere."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Server:
    """One `streamlit run` on a port and a home of its own; may be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.home.parent.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "dashboard/app.py",
            "--server.headless",
            "true",
            "--server.port",
            str(self.port),
        ]
        with (self.home.parent / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, "L0ENGINE_HOME": str(self.home)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._healthy, 180, lambda: (self.home.parent / "server.log").read_text())

    def kill(self) -> None:
        """As a crash would: no time to say goodbye."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2) as answer:
                return bool(answer.read() == b"ok")
        except OSError:
            return False
