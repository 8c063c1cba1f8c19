"""The supervisor: real child processes that serve, fail, crash and refuse to stop."""

import os
import signal
import sys
import time

import psutil
import pytest

from memori_cli.local import child_process
from memori_cli.local.processes import Service, Supervisor, free_port, free_ports
from memori_cli.local.server import LocalServerError

SERVER = """
import http.server, os

class Ready(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        status = int(os.environ.get("STATUS", "200"))
        self.send_response(status if self.path == "/readyz" else 404)
        self.end_headers()
        self.wfile.write(b"the database is away" if status != 200 else b"ready")

server = http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Ready)
print(os.environ.get("SAYS", "listening"), flush=True)
server.serve_forever()
"""
TALKS = "import os, time; print(os.environ['SAYS'], flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
TIDY = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print("tidied up", flush=True), sys.exit(0)))
print("up", flush=True)
signal.pause()
"""
PARENT = """
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
time.sleep(600)
"""


def service(name, code, **env):
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), **env}
    return Service(name, [sys.executable, "-c", code], environment, f"http://127.0.0.1:{port}/readyz")


@pytest.fixture
def heard():
    return []


@pytest.fixture
def exits():
    return []


@pytest.fixture
def supervise(heard, exits):
    made = []

    def make(*services, **options):
        supervisor = Supervisor(
            services,
            sink=lambda name, line: heard.append((name, line)),
            on_exit=lambda name, code: exits.append((name, code, time.monotonic())),
            **options,
        )
        made.append(supervisor)
        return supervisor

    yield make
    for each in made:
        each.stop_all(grace=0.1)


async def test_the_output_of_all_services_is_one_stream(supervise, heard, tmp_path, eventually):
    log = tmp_path / "services.log"
    supervisor = supervise(service("one", TALKS, SAYS="eins"), service("two", TALKS, SAYS="zwei"), log_file=log)
    supervisor.start_all()
    await eventually(lambda: {("one", "eins"), ("two", "zwei")} <= set(heard))
    assert {"one | eins", "two | zwei"} <= set(log.read_text().splitlines())
    assert supervisor.last_lines("one") == ["eins"]


async def test_a_service_does_not_stop_because_nobody_reads_its_output(tmp_path, eventually):
    def closed(name, line):
        raise BrokenPipeError

    log = tmp_path / "services.log"
    chatty = "import itertools, time\nfor i in itertools.count(): print(i, flush=True); time.sleep(0.01)"
    with Supervisor([service("chatty", chatty)], sink=closed, log_file=log) as supervisor:
        supervisor.start_all()
        await eventually(lambda: log.exists() and "chatty | 20\n" in log.read_text())
        assert supervisor.pid("chatty") is not None


def test_ready_means_that_every_ready_url_answers(supervise):
    supervisor = supervise(service("one", SERVER), service("two", SERVER))
    supervisor.start_all()
    supervisor.wait_ready(timeout=20)


def test_a_service_that_is_not_ready_in_time_is_named_with_its_answer_and_last_lines(supervise):
    supervisor = supervise(service("good", SERVER), service("bad", SERVER, STATUS="503", SAYS="my last words"))
    supervisor.start_all()
    supervisor.wait_ready("good", timeout=20)
    with pytest.raises(
        LocalServerError, match=r"(?s)^bad is not ready after 1 s.*503 the database is away.*my last"
    ) as e:
        supervisor.wait_ready(timeout=1)
    assert "good" not in str(e.value)


def test_a_service_that_ends_before_it_is_ready_is_reported_at_once(supervise):
    supervisor = supervise(service("broken", "print('no settings'); raise SystemExit(3)"))
    supervisor.start_all()
    before = time.monotonic()
    with pytest.raises(LocalServerError, match=r"(?s)^broken ended before it was ready.*no settings"):
        supervisor.wait_ready(timeout=60)
    assert time.monotonic() - before < 30


def test_a_program_that_is_not_there_is_named(supervise):
    supervisor = supervise(Service("absent", ["/no/such/program"], {}))
    with pytest.raises(LocalServerError, match="absent cannot be run from /no/such/program"):
        supervisor.start_all()


async def test_a_killed_service_comes_back(supervise, exits, eventually):
    supervisor = supervise(service("phoenix", SERVER), restart=True)
    supervisor.start_all()
    supervisor.wait_ready(timeout=20)
    first = supervisor.pid("phoenix")
    supervisor.kill("phoenix")
    await eventually(lambda: supervisor.pid("phoenix") not in {None, first})
    supervisor.wait_ready(timeout=20)
    assert [each[:2] for each in exits] == [("phoenix", -signal.SIGKILL)]


async def test_the_delay_grows_for_a_service_that_keeps_ending(supervise, exits, heard, eventually):
    supervisor = supervise(service("loop", "raise SystemExit(3)"), restart=True)
    supervisor.start_all()
    await eventually(lambda: len(exits) >= 3, timeout=20)
    first, second, third = (when for _, _, when in exits[:3])
    assert third - second > 1.5 * (second - first)
    assert ("loop", "ended by itself (exit 3)") in heard


async def test_without_restart_a_killed_service_stays_away_until_it_is_started(supervise, exits, eventually):
    supervisor = supervise(service("mortal", SERVER))
    supervisor.start_all()
    supervisor.wait_ready(timeout=20)
    supervisor.kill("mortal")
    assert supervisor.pid("mortal") is None
    await eventually(lambda: len(exits) == 1)
    supervisor.start("mortal")
    supervisor.wait_ready(timeout=20)
    with pytest.raises(LocalServerError, match="mortal is already started"):
        supervisor.start("mortal")


def test_a_stopped_service_is_not_restarted_and_no_exit_is_reported(supervise, exits):
    supervisor = supervise(service("one", SERVER), service("two", SERVER), restart=True)
    supervisor.start_all()
    supervisor.wait_ready(timeout=20)
    supervisor.stop("one")
    assert supervisor.pid("one") is None
    assert supervisor.pid("two") is not None
    assert exits == []


async def test_a_service_waiting_for_its_restart_can_be_stopped(supervise, exits, eventually):
    supervisor = supervise(service("loop", "raise SystemExit(3)"), restart=True)
    supervisor.start_all()
    await eventually(lambda: len(exits) == 2, timeout=20)
    before = time.monotonic()
    supervisor.stop("loop")
    assert time.monotonic() - before < 0.5, "it waited for the delay"


async def test_services_stop_in_reverse_order_each_in_good_order(supervise, heard, eventually):
    supervisor = supervise(service("one", TIDY), service("two", TIDY), service("three", TIDY))
    supervisor.start_all()
    await eventually(
        lambda: heard.count(("one", "up")) + heard.count(("two", "up")) + heard.count(("three", "up")) == 3
    )
    supervisor.stop_all()
    assert [name for name, line in heard if line == "tidied up"] == ["three", "two", "one"]


async def test_a_service_that_ignores_the_signal_is_killed_after_the_grace(supervise, heard, eventually):
    supervisor = supervise(service("stubborn", STUBBORN))
    supervisor.start_all()
    await eventually(lambda: ("stubborn", "up") in heard)
    before = time.monotonic()
    supervisor.stop_all(grace=0.3)
    assert supervisor.pid("stubborn") is None
    assert 0.3 <= time.monotonic() - before < 5


async def test_what_a_crashed_service_started_goes_with_it(supervise, heard, exits, eventually):
    supervisor = supervise(service("parent", PARENT))
    supervisor.start_all()
    await eventually(lambda: heard != [])
    grandchild = psutil.Process(int(heard[0][1]))
    os.kill(supervisor.pid("parent"), signal.SIGKILL)
    await eventually(lambda: not child_process.alive(grandchild))
    await eventually(lambda: [each[:2] for each in exits] == [("parent", -signal.SIGKILL)])


def test_free_ports_are_different():
    assert len(set(free_ports(50))) == 50
