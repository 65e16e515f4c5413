"""Small files: secrets that only their owner may read, ini files, JSON arguments."""

import json
import os
import re
import sys
from collections.abc import Mapping
from configparser import Error as IniError
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

from switchboard_cli.errors import usage

Ini = dict[str, dict[str, str]]

_TO_QUOTE = re.compile(r'[\r\n=;#"\[]|^\s|\s$')


def write_private(path: Path, text: str) -> None:
    """Mode 600 from the first byte, and whole or not at all. A link is followed, not replaced."""
    target = Path(os.path.realpath(path))
    draft = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise usage(f"Cannot write {path}", detail=error.strerror or str(error)) from error


def set_aside(path: Path) -> Path | None:
    """Rename what is at `path`, because it may be the only copy of a key. Returns the new name."""
    if not path.exists():
        return None
    number = 1
    while (aside := path.with_name(f"{path.name}.old{number if number > 1 else ''}")).exists():
        number += 1
    path.rename(aside)
    return aside


def read_text(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise usage(f"Cannot read the {what} {path}", detail=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise usage(f"The {what} {path} is not a text") from error


def read_ini(path: Path) -> Ini:
    """Empty if there is no such file. Values with newlines are JSON strings, as npm's `ini` has them."""
    if not path.is_file():
        return {}
    parser = RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
    try:
        parser.read_string(read_text(path, "file"), source=str(path))
    except IniError as error:
        raise usage(f"Cannot understand {path}", detail=str(error).splitlines()[0]) from error
    return {
        name: {key: _unquoted(value) for key, value in parser[name].items()} for name in parser.sections()
    }


def write_ini(path: Path, sections: Mapping[str, Mapping[str, str]]) -> None:
    lines: list[str] = []
    for name, values in sections.items():
        lines += ["", f"[{name}]"] if lines else [f"[{name}]"]
        lines += [f"{key}={_quoted(value)}" for key, value in values.items()]
    write_private(path, "\n".join(lines) + "\n")


def _quoted(value: str) -> str:
    return json.dumps(value) if _TO_QUOTE.search(value) else value


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value


def json_argument(value: str, what: str) -> Any:
    """JSON given as it is, as `@file`, or as `-` for the standard input."""
    if value == "-":
        text, where = sys.stdin.read(), "standard input"
    elif value.startswith("@"):
        text, where = read_text(Path(value[1:]).expanduser(), "file"), value[1:]
    else:
        text, where = value, what
    try:
        return json.loads(text)
    except ValueError as error:
        raise usage(f"{where} is not valid JSON", detail=str(error)) from error
