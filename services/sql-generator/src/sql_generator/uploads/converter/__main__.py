import json
import sys
from pathlib import Path
from typing import Any

from sql_generator.sources import one_line
from sql_generator.sources.worker.sandbox import Bounds, restrict_this_process
from sql_generator.uploads.converter import ConversionLimits, Refused
from sql_generator.uploads.converter.converting import convert

_ADDRESS_SPACE = 3 * 1024 * 1024 * 1024


def main() -> None:
    request = json.load(sys.stdin.buffer)
    limits = ConversionLimits(**request["limits"])
    # The staged rows and the database are no larger than what they come from, unpacked.
    restrict_this_process(Bounds(_ADDRESS_SPACE, 2 * limits.expanded_bytes), limits.seconds)
    try:
        path, folder = Path(request["path"]), Path(request["folder"])
        for progress in convert(request["kind"], request["name"], path, folder, limits):
            _say(progress=round(progress, 3))
    except Refused as error:
        _say(error=one_line(str(error)))
    except MemoryError:
        _say(error="it takes more memory than a file may")
    except OSError as error:
        _say(error=f"it takes more room than a file may ({error.strerror})")
    else:
        _say()


def _say(**said: Any) -> None:
    print(json.dumps(said), flush=True)  # noqa: T201  # the answer


main()
