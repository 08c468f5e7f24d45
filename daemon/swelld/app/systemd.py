"""Telling systemd how the daemon fares, where it wants to know (Type=notify, WatchdogSec)."""

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


class Systemd:
    """The socket that NOTIFY_SOCKET names; does nothing where there is none."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        microseconds = environ.get("WATCHDOG_USEC", "")
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.alive_every = float(microseconds) / 2e6 if microseconds.isdigit() and ours else None
        """Seconds between two signs of life: half of what systemd waits for; None if it does not watch."""

    def ready(self) -> None:
        """The scenarios are armed and the server listens."""
        self._tell("READY=1")

    def reloading(self, monotonic: float) -> None:
        """A configuration is being read; `ready` ends that."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic * 1e6)}")

    def stopping(self) -> None:
        """Runs are being drained."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """Still working."""
        self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._tell(f"STATUS={text}")

    def _tell(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
                wire.connect(address)
                wire.send(message.encode())
        except OSError as error:
            log.warning("systemd does not hear of %s: %s", message.partition("\n")[0], error)
