"""The chart rendered for every example: by helm where it is at hand, and as it was rendered last (golden/)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

CHART = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = {"defaults": None} | {path.stem: path for path in sorted((CHART / "examples").glob("*.yaml"))}


@pytest.fixture(scope="session")
def helm():
    """Runs helm; skips where there is none (`make helm` fetches it)."""
    program = shutil.which("helm") or shutil.which(
        "helm", path=CHART.parent / ".memori" / "helm" / "node_modules" / ".bin"
    )
    if program is None:
        pytest.skip("helm is not at hand: `make helm` fetches it")

    def run(*arguments):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def rendered():
    """Renders an example."""

    def render(helm, name):
        values = [] if EXAMPLES[name] is None else ["--values", EXAMPLES[name]]
        return helm("template", "memori", CHART, "--namespace", "memori", "--kube-version", "1.35.0", *values)

    return render


def objects_of(name):
    """The objects of an example, as they were rendered last."""
    return [each for each in yaml.safe_load_all((GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")) if each]


def updating():
    """Whether golden files are to be written anew."""
    return bool(os.environ.get("UPDATE_GOLDEN"))
