import pytest

from memori_cli.local.stack import LocalStack


@pytest.fixture(scope="session")
def offline_stack(tmp_path_factory):
    """The whole system with the offline model, running, for evaluations that are told where it is."""
    home = tmp_path_factory.mktemp("running")
    home.chmod(0o711)
    with LocalStack(home, durable=False, restart=False, settings={"MEMORI_LLM_PROVIDER": "offline"}) as running:
        yield running
