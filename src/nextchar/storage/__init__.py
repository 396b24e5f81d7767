"""Files on disk: regular files only, written whole or not at all, and safe from a power failure.

    regular.py     the policy of reading and appending: no links, no devices, limits
    files.py       atomic files
    folders.py     atomic folders, and folders whose entries are flushed
    temporary.py   temporary entries: their names, their locks, and the removal of dead ones
    json_files.py  JSON objects with bounds

This package imports only the errors of nextchar.
"""

from nextchar.storage.files import (
    appending,
    atomic_file,
    flush_folder,
    storage_errors,
    write_bytes,
)
from nextchar.storage.folders import (
    atomic_folder,
    in_the_way_error,
    is_in_the_way,
    locked_folder,
    make_folder,
)
from nextchar.storage.json_files import parse_json, parse_object, read_json, write_json
from nextchar.storage.regular import open_regular, read_regular, refuse_links
from nextchar.storage.temporary import remove_leftovers

__all__ = [
    "appending",
    "atomic_file",
    "atomic_folder",
    "flush_folder",
    "in_the_way_error",
    "is_in_the_way",
    "locked_folder",
    "make_folder",
    "open_regular",
    "parse_json",
    "parse_object",
    "read_json",
    "read_regular",
    "refuse_links",
    "remove_leftovers",
    "storage_errors",
    "write_bytes",
    "write_json",
]
