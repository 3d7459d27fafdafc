"""Files behind any URL, read with time limits, a few attempts, and errors in words: never a hang."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import fsspec

ATTEMPTS = 4
BACKOFF_S = 0.5  # doubled after each attempt
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 20  # without a byte

_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "TokenRetrievalError")
_ADVICE = (
    "give its store what it asks for (credentials, region, endpoint), correct the address, or name "
    "a copy on a path"
)

T = TypeVar("T")


class StoreError(OSError):
    """A store that does not give what it was asked for: the URL, what it said, what to do."""


class BadRead(Exception):
    """What was read is not what was asked for, in words; another attempt may be luckier."""


def open_store(url: str) -> tuple[Any, str]:
    """Return (file system, path in it): for S3 with time limits, and one request for each of our attempts.

    s3fs tries a read five times, inside of that each request five times, and botocore each of those again;
    from a server that says nothing an error came after an hour.

    Raises:
        StoreError: nothing here opens such URLs.
    """
    limits = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "retries": {"total_max_attempts": 1},
    }
    try:
        if not url.startswith("s3"):
            return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
        filesystem, name = fsspec.core.url_to_fs(url, config_kwargs=limits)
    except (ImportError, ValueError) as error:
        raise StoreError(f"{url}: cannot be read ({describe(error)}); {_ADVICE}") from None
    filesystem.retries = 1  # of this instance: no other is opened with these limits
    return filesystem, name


def attempts(url: str, work: Callable[[], T]) -> T:
    """Return what `work` returns, which reads `url`; where it fails it is tried again, a few times.

    A server that takes requests and says nothing costs `ATTEMPTS` times the read timeout and the waits
    between, 84 s.

    Raises:
        FileNotFoundError: there is no such file.
        StoreError: the store refuses, or the last attempt failed.
    """
    wrong = ""
    for attempt in range(ATTEMPTS):
        time.sleep(BACKOFF_S * 2 ** (attempt - 1) if attempt else 0)
        try:
            return work()
        except (FileNotFoundError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001 - stores raise their own kinds; the last is reported
            wrong = describe(error)
            if isinstance(error, PermissionError) or type(error).__name__ in _NO_CREDENTIALS:
                raise StoreError(f"{url}: cannot be read ({wrong}); {_ADVICE}") from None
    raise StoreError(f"{url}: could not be fetched in {ATTEMPTS} attempts, the last: {wrong}")


def describe(error: BaseException) -> str:
    """Return an error of a store in words."""
    if isinstance(error, IndexError):  # s3fs's own, over the arguments that a time limit's error lacks
        error = error.__context__ or error
    if isinstance(error, TimeoutError):
        return f"no byte for {READ_TIMEOUT_S} s"
    return str(error) if isinstance(error, BadRead) else f"{type(error).__name__}: {error}"


def read(url: str) -> bytes:
    """Return the bytes of a file at a path or URL.

    Raises:
        FileNotFoundError: there is none.
        StoreError: it is behind a URL and cannot be read, after a few attempts.
        OSError: it is a local file that cannot be read.
    """
    filesystem, name = open_store(url)
    if "://" not in url:
        return bytes(filesystem.cat_file(name))
    return attempts(url, lambda: bytes(filesystem.cat_file(name)))


def named_files(path: str) -> list[str]:
    """Return the files that a path, URL or glob names, sorted; none where it names none."""
    filesystem, pattern = fsspec.core.url_to_fs(path)
    names = [name for name in sorted(filesystem.glob(pattern)) if filesystem.isfile(name)]
    return [filesystem.unstrip_protocol(name) if "://" in path else name for name in names]
