"""Several hosts on this machine: network namespaces around a switch, whose cables can be pulled.

Nothing of it is seen outside, and nothing outside from within. It is gone with this process.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from functools import cache

import pytest

TOOLS = ("ip", "unshare", "nsenter")
ISOLATED = ("unshare", "--user", "--map-root-user", "--net")


@cache
def why_not() -> str | None:
    """Say why this machine has no such hosts, if it has none."""
    for tool in TOOLS:
        if shutil.which(tool) is None:
            return f"{tool} is missing"
    try:
        with Network(1):
            return None
    except subprocess.CalledProcessError as error:
        return f"no hosts can be made here: {error.stderr.strip()}"


class Network:
    """Hosts from 1 on, with the addresses 10.77.0.1 and so on. Host 0 is the switch."""

    def __init__(self, hosts: int) -> None:
        self._ends = ExitStack()
        self._hosts: list[int] = []
        try:
            self._hosts.append(self._hold(*ISOLATED))
            self._ip(0, "link", "add", "switch", "type", "bridge")
            self._ip(0, "link", "set", "switch", "up")
            for number in range(1, hosts + 1):
                self._hosts.append(self._hold(*self.at(0), "unshare", "--net"))
                ends = ("peer", "name", "cable", "netns", str(self._hosts[number]))
                self._ip(0, "link", "add", f"host-{number}", "type", "veth", *ends)
                self._ip(0, "link", "set", f"host-{number}", "master", "switch")
                self._ip(number, "address", "add", f"{self.address(number)}/24", "dev", "cable")
                self._ip(number, "link", "set", "lo", "up")
                self._ip(number, "link", "set", "cable", "up")
                self.plug(number)
        except BaseException:
            self._ends.close()
            raise

    def address(self, host: int) -> str:
        return f"10.77.0.{host}"

    def at(self, host: int) -> tuple[str, ...]:
        """Give what to put before a command, for it to run there."""
        target = str(self._hosts[host])
        return ("nsenter", "--target", target, "--user", "--net", "--preserve-credentials")

    def pull(self, host: int) -> None:
        """Pull the cable: what is sent is lost, and nobody is told."""
        self._ip(0, "link", "set", f"host-{host}", "nomaster")

    def plug(self, host: int) -> None:
        """Plug it in again."""
        self._ip(0, "link", "set", f"host-{host}", "master", "switch")
        self._ip(0, "link", "set", f"host-{host}", "up")

    def _ip(self, host: int, *command: str) -> None:
        call([*self.at(host), "ip", *command])

    def _hold(self, *command: str) -> int:
        """Keep a namespace: it is there as long as something is in it."""
        # It says that it has begun, and ends with its input.
        process = subprocess.Popen(
            [*command, "sh", "-c", "echo; read end"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._ends.callback(process.communicate)
        assert process.stdout is not None
        if not process.stdout.readline():
            code, (_, said) = process.wait(), process.communicate()
            raise subprocess.CalledProcessError(code, command, stderr=said)
        return process.pid

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()


def call(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def need_network() -> None:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
