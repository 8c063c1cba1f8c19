import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from embedding_worker.models.local import _yield_to_queries


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the priority is the process's")
@pytest.mark.parametrize(("before", "after"), [(0, 10), (15, 15)])
def test_a_batch_yields_to_queries_and_is_never_less_nice_than_before(before, after):
    def niceness():
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(before, os.getpriority(os.PRIO_PROCESS, thread)))
        _yield_to_queries()
        return os.getpriority(os.PRIO_PROCESS, thread)

    with ThreadPoolExecutor(1) as lane:
        assert lane.submit(niceness).result() == max(after, os.getpriority(os.PRIO_PROCESS, 0))
