"""Processes write at random while Redis is stopped, cut off, restarted, wiped and failed over.

In the end all replicas, all local views and Redis say the same; every update was seen whole; and
what was acknowledged is there, unless Redis itself was made to forget it.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from agreement import content_in, eventually
from helpers import LONGER, PATIENCE
from proxy import Proxy
from servers import Server

PROCESSES = 3
SECONDS = 5.0 * LONGER


class Process:
    def __init__(self, url: str, name: str, seed: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "checked_process.py", url, name, str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
        )
        assert self._read() == "joined\n"

    def ask(self, what: str) -> dict:
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def _read(self) -> str:
        return self._process.stdout.readline()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)
        self._process.stdin.close()
        self._process.stdout.close()


def stop_it(stage, pick):
    stage.server.send(signal.SIGSTOP)
    time.sleep(pick.uniform(0.1, 0.6))
    stage.server.send(signal.SIGCONT)


def cut_a_line(stage, pick):
    proxy = pick.choice(stage.proxies)
    proxy.cut()
    time.sleep(pick.uniform(0.1, 0.5))
    proxy.mend()


def drop_all_lines(stage, pick):
    for proxy in stage.proxies:
        proxy.drop()


def lose_answers(stage, pick):
    for proxy in stage.proxies:
        proxy.loses = lambda answer: b"done" in answer and random.random() < 0.2
    time.sleep(0.4)
    for proxy in stage.proxies:
        proxy.loses = lambda _answer: False


def kill_clients(stage, pick):
    with stage.server.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        client.script_flush()


def restart_it(stage, pick):
    stage.server.kill()
    time.sleep(pick.uniform(0.0, 0.4))
    stage.server.start()


def wipe_it(stage, pick):
    with stage.server.client() as client:
        client.flushall()


def evict_a_key(stage, pick):
    part = pick.choice(["state", "content", "stream", "versions", "owners", "writers", "beats"])
    with stage.server.client() as client:
        client.delete(f"change-buffers:{{checked}}:{part}")


def fail_over(stage, pick):
    new = stage.start()
    with new.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", str(stage.server.port))
        eventually(lambda: client.info("replication")["master_link_status"] == "up")
        # From here on nothing gets there any more.
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        time.sleep(pick.uniform(0.0, 0.3))
        client.execute_command("REPLICAOF", "NO", "ONE")
    for proxy in stage.proxies:
        proxy.lead_to(new.port)
    stage.server.kill()
    stage.server = new


GENTLE = [stop_it, cut_a_line, drop_all_lines, lose_answers, kill_clients, restart_it]
ROUGH = [*GENTLE, wipe_it, evict_a_key, fail_over]


@pytest.mark.usefixtures("servers_there")
@pytest.mark.timeout((180 + 60 * LONGER) * PATIENCE)
@pytest.mark.parametrize(
    ("events", "seed"), [(GENTLE, 1), (ROUGH, 2), (ROUGH, 3)], ids=["gentle", "rough", "rougher"]
)
def test_all_agree_in_the_end(tmp_path, events, seed):
    pick = random.Random(seed)
    with ExitStack() as stack:

        def start(*options):
            folder = tmp_path / f"server-{pick.random()}"
            # What is acknowledged is on disk.
            durable = ("--appendonly", "yes", "--appendfsync", "always")
            return stack.enter_context(Server(folder, *durable, *options))

        server = start()
        proxies = [stack.enter_context(Proxy(server.port)) for _ in range(PROCESSES)]
        stage = SimpleNamespace(server=server, proxies=proxies, start=start)
        processes = [
            stack.enter_context(Process(proxy.url, "checked", number))
            for number, proxy in enumerate(proxies)
        ]
        end = time.monotonic() + SECONDS
        left = list(events)
        pick.shuffle(left)
        while time.monotonic() < end or left:
            event = left.pop() if left else pick.choice(events)
            event(stage, pick)
            time.sleep(pick.uniform(0.1, 0.5))
        # All is well again; what is acknowledged from here on must be there in any case.
        before = [process.ask("state") for process in processes]
        eventually(
            lambda: all(
                process.ask("state")["acknowledged"] > state["acknowledged"]
                for process, state in zip(processes, before, strict=True)
            )
        )
        for process in processes:
            process.ask("stop")

        def states():
            return [process.ask("state") for process in processes]

        def all_the_same():
            with stage.server.client() as client:
                content = content_in(client, "checked")
            return all(
                state["content"] == state["viewed"] == content
                and not state["pending"]
                and (state["epoch"], state["version"]) == (first["epoch"], first["version"])
                for found in [states()]
                for first in [found[0]]
                for state in found
            )

        eventually(all_the_same, "all say the same")
        final = states()
        assert [state["torn"] for state in final] == [[]] * PROCESSES
        assert [state["errors"] for state in final] == [[]] * PROCESSES
        content = final[0]["content"]
        for number, state in enumerate(final):
            assert state["acknowledged"] <= content[f"sure.{number}"] <= state["tried"]
        if events is GENTLE:
            # Each count was made once at most, and each that was acknowledged once at least.
            assert content["count"] >= sum(state["counted"] for state in final)
        assert not any(key.startswith("passing.") for key in content)
        assert sum(state["lost"] for state in final) > 0
