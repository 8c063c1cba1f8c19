"""Whatever happens to the process that started them, no server stays, and the next start works."""

import json
import os
import signal
import subprocess
import sys

import pytest

from memori_cli.local import child_process
from memori_cli.local.nats import EmbeddedNats
from memori_cli.local.postgres import EmbeddedPostgres

SCRIPT = """
import json, pwd, signal, sys, types
from pathlib import Path
from memori_cli.local import child_process, postgres as postgres_module, unprivileged
from memori_cli.local.nats import EmbeddedNats
from memori_cli.local.postgres import EmbeddedPostgres
from memori_cli.local.processes import Service, Supervisor

folder, ties = Path(sys.argv[1]), sys.argv[2]
if ties == "none":
    child_process.sys = types.SimpleNamespace(platform="an operating system without parent-death signals")
if ties == "another user":
    nobody = pwd.getpwnam("nobody")
    postgres_module.account = lambda data: unprivileged.Account(nobody.pw_uid, nobody.pw_gid)
postgres, nats = EmbeddedPostgres(folder / "postgres", durable=False), EmbeddedNats(folder / "nats")
supervisor = Supervisor([Service("service", [sys.executable, "-c", "import time; time.sleep(600)", str(folder)], {})])
postgres.start()
postgres.create_database("kept")
nats.start()
supervisor.start_all()
print(json.dumps([postgres.pid, nats.pid, supervisor.pid("service")]), flush=True)
signal.pause()
"""


@pytest.fixture
def start_in_another_process(server_folder):
    started = []

    def start(ties):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(server_folder), ties], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        marks = (server_folder / "postgres" / "cluster", server_folder / "nats" / "nats.conf", server_folder)
        pids = json.loads(process.stdout.readline())
        found = [child_process.find(pid, str(mark)) for pid, mark in zip(pids, marks, strict=True)]
        assert all(found)
        started.extend(found)
        return process, found

    yield start
    for each in started:
        if isinstance(each, subprocess.Popen):
            each.stdout.close()
            each.kill()
            each.wait()
        elif child_process.alive(each):
            each.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
@pytest.mark.parametrize(
    "ties",
    ["same user", pytest.param("another user", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can"))],
)
async def test_nothing_outlives_a_killed_parent(start_in_another_process, server_folder, eventually, ties):
    parent, children = start_in_another_process(ties)
    os.kill(parent.pid, signal.SIGKILL)
    await eventually(lambda: not any(child_process.alive(child) for child in children))
    with EmbeddedPostgres(server_folder / "postgres") as postgres, EmbeddedNats(server_folder / "nats"):
        postgres.drop_database("kept")


async def test_servers_that_outlived_their_parent_are_stopped_at_the_next_start(
    start_in_another_process, server_folder
):
    parent, (old_postgres, old_nats, _) = start_in_another_process("none")
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert child_process.alive(old_postgres)
    assert child_process.alive(old_nats)
    with EmbeddedPostgres(server_folder / "postgres") as postgres, EmbeddedNats(server_folder / "nats"):
        assert not child_process.alive(old_postgres)
        assert not child_process.alive(old_nats)
        postgres.drop_database("kept")
