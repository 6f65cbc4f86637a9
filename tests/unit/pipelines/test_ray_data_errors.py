"""What Ray Data makes of our errors, and what is read out of it again."""

from __future__ import annotations

from domain.errors import IndexUnavailableError
from pipelines.ray_calls import retryable_named_in

TRACEBACK = """\x1b[36mray::MapBatches(Store)\x1b[39m (pid=7, ip=127.0.0.1)
  File "pipelines/bulk.py", line 150, in store
domain.errors.IndexUnavailableError: the index writer is starting

The above exception was the direct cause of the following exception:

ray.exceptions.UserCodeException: UDF failed to process a data block.
"""


def test_an_error_that_passes_is_found_below_ray_datas_own() -> None:
    found = retryable_named_in(TRACEBACK)

    assert isinstance(found, IndexUnavailableError)
    assert found.message == "the index writer is starting"


def test_an_error_of_the_code_is_none_that_passes() -> None:
    assert retryable_named_in("ValueError: no such thing") is None
