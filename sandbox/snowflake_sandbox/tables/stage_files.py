"""Files of stages: PUT, GET, LIST, REMOVE. Client and sandbox share the machine, so the client itself copies files.

Knows folders and the response that makes a driver copy (location type LOCAL_FS) or transfer (stage_transfers.py); must
not know file formats (copy_into.py does).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import string
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.objects import stage
from snowflake_sandbox.result import LIST, SHOW, Result, ResultColumn, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.tables.file_patterns import FilePattern

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_REFERENCE = re.compile(r"""@(?:"(?:[^"]|"")*"|[^\s()';,/])+(?:/[^\s()';,]*)?""")
# A comment may follow the word (snowflake.core writes one); later, `/*` is part of a path.
_TRANSFER = re.compile(r"^(PUT|GET)\s+(?:/\*.*?\*/\s*)*(.*)$", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"""'(?:[^'\\]|\\.|'')*'|(?:"(?:[^"]|"")*"|\S)+""")
_LONGEST_PATH, _LONGEST_NAME = 1024, 255
# The name of a file that is being written.
_PARTIAL = re.compile(r"\.[0-9a-f]{16}\.partial")
# How many characters of a path that is too long appear in the error.
_LONGEST_EXCERPT = 60
# The match starts at the first of several blanks: a new search from each of them would take quadratic time.
_EQUALS = re.compile(r"(?<!\s)\s*=\s*")


def register(world: World) -> None:
    """Add the statements of this module."""
    world.statements |= {"PUT": _put, "GET": _get, "LIST": _list, "LS": _list, "REMOVE": _remove, "RM": _remove}
    world.statements["COPY FILES INTO"] = _copy_files


@dataclass(frozen=True)
class Location:
    """A location in a stage.

    Attributes:
        name: the stage's name as in LIST.
        root: the stage's folder.
        path: the text after the stage's name, without the slash; a prefix of file names.
    """

    name: str
    root: Path
    path: str
    stage: SnowflakeObject | None = None

    def files(self) -> list[Path]:
        """Return the files whose path starts with the location's, sorted; no links, which may lead out of the stage."""
        files = [path for path in self.root.rglob("*") if _is_file(path)]
        return sorted(path for path in files if str(path.relative_to(self.root)).startswith(self.path))

    def target(self, name: str) -> Path:
        """Return the path of a file or folder of the stage that is to be written.

        Raises:
            SnowflakeError: 001008 if a link leads out of the stage.
        """
        return inside(self.root, name)

    def room_for(self, name: str) -> Path:
        """Return the path of a file that is to be written, and create its folder; see `room_for` below."""
        return room_for(self.root, name)


def _is_file(path: Path) -> bool:
    """Whether a path is that of a file of the stage: no link, and not a part that a killed process has left."""
    return path.is_file() and not path.is_symlink() and _PARTIAL.fullmatch(path.name) is None


def remove_parts(folder: Path) -> None:
    """Remove what a process left that was killed while it wrote files of stages."""
    for path in folder.rglob(".*.partial"):
        if _PARTIAL.fullmatch(path.name):
            path.unlink(missing_ok=True)


def inside(root: Path, path: str) -> Path:
    """Return a path in a stage as a path on this machine.

    Raises:
        SnowflakeError: 001008 for a path that leaves the stage, by its text or through a link in the stage's folder;
            000002 for a path below a file, which is possible in a bucket but not in a folder.
    """
    place = root / normal(path)
    if not place.resolve().is_relative_to(root.resolve()):
        raise errors.invalid_value(path, "path")
    above = next((folder for folder in place.parents if folder.is_file() and folder.is_relative_to(root)), None)
    if above is not None:
        raise errors.not_supported(f"a path below the file {above.relative_to(root)} of the stage")
    return place


def room_for(root: Path, path: str) -> Path:
    """Return the path of a file that is to be written, and create its folder.

    Raises:
        SnowflakeError: as `inside`; 000002 if there is a folder with the file's name, which is possible in a bucket.
    """
    place = inside(root, path)
    if place.is_dir():
        raise errors.not_supported(f"a file called like the folder {path} of the stage")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


@contextmanager
def whole(place: Path) -> Iterator[Path]:
    """Yield a path beside a file's; what is written there becomes the file at the end, all of it or nothing.

    A full disk or the end of the process leaves the former file as it was. The name is that of no file of a stage.
    """
    partial = place.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        yield partial
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


def normal(path: str) -> str:
    """Return a path in a stage without empty parts; a slash at its end is preserved.

    >>> normal("/etc//passwd")
    'etc/passwd'

    Raises:
        SnowflakeError: 001008 for `..`, also as `%2e%2e`, for a backslash, for control characters, and for a path that
            is too long (guess: 1,024 bytes as in S3; each part is limited by this machine's file names).
    """
    decoded = unquote(path)
    if ".." in decoded.split("/") or "\\" in decoded or any(letter < " " for letter in decoded):
        raise errors.invalid_value(path, "path")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    sizes = [len(part.encode(errors="surrogatepass")) for part in parts]
    if sum(sizes) + len(sizes) > _LONGEST_PATH or max(sizes, default=0) > _LONGEST_NAME or not _is_text(path):
        raise errors.invalid_value(path[:_LONGEST_EXCERPT] + "…", "path")
    return "/".join(parts) + ("/" if parts and path.endswith("/") else "")


def _is_text(path: str) -> bool:
    """Whether a path has no lone surrogate, which the name of a file cannot contain."""
    return not any("\ud800" <= letter <= "\udfff" for letter in path)


def read_location(reader: Reader) -> str:
    """Read a stage reference: `@db.schema.stage/path`, quoted or not, or bound."""
    if reader.peek() in ("", "?") and not reader.at_end:
        return reader.string()
    start = reader.tokens[reader.index].start if not reader.at_end else len(reader.text)
    reference = _REFERENCE.match(reader.text, start)
    if reference is None:
        raise reader.unexpected()
    while not reader.at_end and reader.tokens[reader.index].start < reference.end():
        reader.index += 1
    return reference[0]


def locate(call: Call, reference: str, *privileges: str) -> Location:
    """Return the location of a stage reference.

    Raises:
        SnowflakeError: 002003 unknown stage, 003001 missing privilege, 001003 missing `@`.
    """
    written, path = _parts(reference)
    return _location(call, call.session.resolve(written, ObjectScope.SCHEMA, "stage"), path, privileges)


def import_location(call: Call, user: ObjectName, reference: str) -> Location:
    """Return the location that a procedure's IMPORTS name; a stage's name is resolved in the procedure's own schema.

    Raises:
        SnowflakeError: as `locate` with the privilege READ, which the role of the call's session needs.
    """
    written, path = _parts(reference)
    name = ObjectName(written.name, written.schema or user.schema, written.database or user.database)
    return _location(call, name, path, ("READ",))


def _parts(reference: str) -> tuple[ObjectName, str]:
    """Return the stage's name as written, and the path in the stage."""
    if not reference.startswith("@"):
        raise errors.syntax_error(reference, 0)
    if reference.startswith(("@~", "@%")):
        raise errors.not_supported("user and table stages (@~, @%)")
    name_text, _, path = split(reference[1:])
    return Reader(name_text).object_name(), path


def _location(call: Call, name: ObjectName, path: str, privileges: tuple[str, ...]) -> Location:
    with call.world.store.reading() as tx:
        holder = catalog.get(tx, "STAGE", name)
    access.require(call, privileges, holder)
    return Location(name.name.lower(), stage.folder(call.world, holder), normal(path), holder)


def text_of(call: Call, reference: str) -> str:
    """Return the text of a file in a stage.

    Raises:
        SnowflakeError: 002003 if there is no such file, and the errors of `locate`.
    """
    return _file(locate(call, reference, "READ"), reference).read_text()


def import_file(call: Call, user: ObjectName, reference: str) -> Path:
    """Return a file that a procedure's IMPORTS name.

    Raises:
        SnowflakeError: 002003 if there is no such file, and the errors of `import_location`.
    """
    return _file(import_location(call, user, reference), reference)


def _file(location: Location, reference: str) -> Path:
    file = location.target(location.path)
    if not location.path or not file.is_file():
        raise errors.does_not_exist("File", reference)
    return file


def split(text: str) -> tuple[str, str, str]:
    """Return the stage's name, and the path after the first slash outside of quotes."""
    quoted = False
    for position, letter in enumerate(text):
        quoted ^= letter == '"'
        if letter == "/" and not quoted:
            return text[:position], "/", text[position + 1 :]
    return text, "", ""


def _arguments(call: Call) -> tuple[str, str, dict[str, str]]:
    """Return both operands of PUT or GET, and the options. By a pattern: the lexer treats `//` as a comment."""
    matched = _TRANSFER.match(call.text)
    # Not by the pattern: it would look for the end anew behind each of many blanks.
    operands_text = matched[2].rstrip(f"{string.whitespace};") if matched else ""
    words = [_unquoted(word) for word in _WORD.findall(_EQUALS.sub("=", operands_text))]
    binds = iter(call.binds[key] for key in sorted(call.binds))
    operands = [next(binds, "") if word == "?" else word for word in words[:2]]
    if len(operands) < 2:  # noqa: PLR2004  # source and target
        raise errors.syntax_error("<EOF>", len(call.text))
    pairs = (word.split("=", 1) for word in words[2:] if "=" in word)
    return operands[0], operands[1], {name.upper(): _option(name, value) for name, value in pairs}


def _option(name: str, value: str) -> str:
    value = _unquoted(value)
    return value if name.upper() == "PATTERN" else value.upper()


def _unquoted(word: str) -> str:
    return word[1:-1].replace("\\'", "'").replace("\\\\", "\\") if word.startswith("'") else word


def _transfer(call: Call, command: str, location: Location, folder: Path, sources: list[str], **fields: Any) -> Result:
    if call.session.copies_files and not call.session.bodies:
        info = {"locationType": "LOCAL_FS", "location": str(folder), "path": location.path, "creds": {}}
    else:
        names = sources if command == "DOWNLOAD" else None
        info = call.world.parts["stage transfers"].stage_info(call.session, folder, names)
    data = {
        "command": command,
        "src_locations": sources,
        "stageInfo": info,
        "encryptionMaterial": [],
        "parallel": 4,
        **fields,
    }
    return Result(
        (), (), SHOW, data={key: value for key, value in data.items() if value != []} | {"src_locations": sources}
    )


def _put(call: Call) -> Result:
    source, target, options = _arguments(call)
    location = locate(call, target, "WRITE")
    # The file's own name is appended, even if the path does not end with a slash.
    folder = location.room_for(f"{location.path}/_").parent
    return _transfer(
        call,
        "UPLOAD",
        location,
        folder,
        [_local_path(source)],
        autoCompress=options.get("AUTO_COMPRESS", "TRUE") == "TRUE",
        sourceCompression=options.get("SOURCE_COMPRESSION", "auto_detect").lower(),
        overwrite=options.get("OVERWRITE", "FALSE") == "TRUE",
    )


def _get(call: Call) -> Result:
    source, target, options = _arguments(call)
    location = locate(call, source, "READ")
    matcher = FilePattern(call.world.data, options.get("PATTERN"))
    names = [str(path.relative_to(location.root)) for path in location.files()]
    chosen = [name for name in names if matcher.fullmatch(name)]
    return _transfer(call, "DOWNLOAD", location, location.root, chosen, localLocation=_local_path(target))


def _local_path(text: str) -> str:
    return text.removeprefix("file://")


def _list(call: Call) -> Result:
    location, paths = _matching(call, "READ")
    return Result(
        (ResultColumn("name"), ResultColumn("size", "fixed"), ResultColumn("md5"), ResultColumn("last_modified")),
        [_listed(location, path) for path in paths],
        LIST,
    )


def _matching(call: Call, *privileges: str) -> tuple[Location, list[Path]]:
    """Read `@stage/path [PATTERN = '…']`; return the location, and the files there whose names in LIST match."""
    location = locate(call, read_location(call.reader), *privileges)
    matcher = FilePattern(call.world.data)
    if call.reader.accept("PATTERN"):
        call.reader.accept("=")
        matcher = FilePattern(call.world.data, call.reader.string())
    call.reader.end()
    return location, [path for path in location.files() if matcher.fullmatch(_listed_name(location, path))]


def _listed_name(location: Location, path: Path) -> str:
    return f"{location.name}/{path.relative_to(location.root)}"


def _listed(location: Location, path: Path) -> tuple[Any, ...]:
    content = path.read_bytes()
    modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return (
        _listed_name(location, path),
        len(content),
        hashlib.md5(content, usedforsecurity=False).hexdigest(),
        format_datetime(modified, usegmt=True),
    )


def _copy_files(call: Call) -> Result:
    """COPY FILES INTO @target FROM @source [FILES = (…)] [PATTERN = '…']: keeps paths relative to the source."""
    reader = call.reader
    target = locate(call, read_location(reader), "WRITE")
    reader.expect("FROM")
    source = locate(call, read_location(reader), "READ")
    matcher, chosen = FilePattern(call.world.data), None
    while not reader.at_end:
        if reader.accept("PATTERN ="):
            matcher = FilePattern(call.world.data, reader.string())
        elif reader.accept("FILES ="):
            chosen = reader.string_list()
        else:
            reader.expect("DETAILED_OUTPUT =")
            reader.boolean()
    folder = source.path if source.path.endswith("/") else source.path.rpartition("/")[0]
    rows = []
    with ExitStack() as copies:  # all files, or none
        for path in source.files():
            name = str(path.relative_to(source.root)).removeprefix(folder).lstrip("/")
            is_chosen = chosen is None or name in chosen
            if is_chosen and matcher.fullmatch(str(path.relative_to(source.root))):
                place = "/".join(part for part in (target.path.strip("/"), name) if part)
                shutil.copyfile(path, copies.enter_context(whole(target.room_for(place))))
                rows.append((place,))
    return Result(columns("file"), rows, SHOW)


def _remove(call: Call) -> Result:
    location, paths = _matching(call, "WRITE")
    rows = []
    for path in paths:
        rows.append((_listed_name(location, path), "removed"))
        path.unlink()
    return Result(columns("name result"), rows, SHOW)
