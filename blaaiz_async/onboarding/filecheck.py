"""Files named in rows: found, kept inside the input's folder, and judged by their content."""

import stat
from pathlib import Path

from blaaiz_async.errors import Fault
from blaaiz_async.services.files import MAX_FILE_BYTES, content_type_of

__all__ = ["FileRefusedError", "find_file"]

_HEAD = 16
"""Bytes that tell what a file is."""


class FileRefusedError(Exception):
    """Why a file can't be sent: `rule` and a remedy, without the path."""

    def __init__(self, rule: str, message: str) -> None:
        self.rule = rule
        super().__init__(message)

    def at(self, field: str) -> Fault:
        """Return this as the fault of a field."""
        return Fault(field=field, rule=self.rule, message=str(self))


def find_file(folder: Path, given: str) -> Path:
    """Find a file that a row names and check it (contract/customers.yaml presigned_upload_put).

    Args:
        folder: the input's folder. Neither `..` nor a symbolic link may lead out of it.
        given: path relative to it.

    Returns:
        The path, resolved.

    Raises:
        FileRefusedError: it isn't there, lies outside, is empty or too large, or isn't a JPEG, PNG or PDF by its content.
    """
    root = folder.resolve()
    try:
        path = (root / given).resolve()
        inside = path.is_relative_to(root)
        found = path.stat() if inside else None
    except (OSError, ValueError, RuntimeError):  # no such file, a NUL in the name, a loop of links
        raise FileRefusedError("missing_file", "no such file; the path is relative to the input file") from None
    if found is None:
        raise FileRefusedError("path_escape", "leads out of the input file's folder; put the file into it")
    if not stat.S_ISREG(found.st_mode):
        raise FileRefusedError("not_a_file", "isn't a file")
    if found.st_size == 0:
        raise FileRefusedError("empty_file", "the file is empty")
    if found.st_size > MAX_FILE_BYTES:
        raise FileRefusedError("too_large", f"the file is larger than {MAX_FILE_BYTES // (1024 * 1024)} MB")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        raise FileRefusedError("unreadable_file", "the file can't be opened; check its permissions") from None
    if content_type_of(head) is None:
        raise FileRefusedError("not_an_image", "by its content the file is no JPEG, PNG or PDF, whatever its name says")
    return path
