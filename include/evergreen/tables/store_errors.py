"""What a table's store says when it does not answer."""

from __future__ import annotations

import re

from evergreen.errors import EvergreenError, StoreUnavailableError
from evergreen.files import is_s3

_COLOURS = r"\x1b\[[0-9;]*m|↳"  # how Delta Lake draws its errors


class store_errors:
    """Turn a store that does not answer into a retryable error."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        unreachable = isinstance(error, OSError) and not isinstance(error, FileNotFoundError | EvergreenError)
        if unreachable and is_s3(self._uri):
            raise StoreUnavailableError(
                "a table's store did not answer",
                found=f"{self._uri}: {' '.join(re.sub(_COLOURS, '', str(error)).split())[:500]}",
                allowed="a bucket that answers and that these credentials may use",
                remedy="check EVERGREEN_S3_ENDPOINT_URL, the AWS credentials and the bucket name, then run again",
            ) from error
