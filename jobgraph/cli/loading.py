"""Reading job configurations for commands: from a file or a git revision, with or without an environment.

Knows where files, overlays and the stack's settings are. Must not know the rules for them, nor how they are shown.
"""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jobgraph.cli.application import note
from jobgraph.cli.stacks import OF_STACK, PROJECT_FILE, Stacks, places_of_settings, stacks_of
from jobgraph.config import reading
from jobgraph.config.overlays import ENVIRONMENTS, environment_names
from jobgraph.config.payloads import PayloadFolder
from jobgraph.errors import ConfigErrors, Mark, Problem, SettingsError, UsageError, perhaps
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from jobgraph.cli.application import Application
    from jobgraph.config.model import Config

# an error's place: a file, and perhaps line and column
_POSITION = re.compile(r"(.*?)(?::(\d+):(\d+))?")


def file_of(application: Application, file: str | None, environment: str | None = None) -> str:
    """Return a configuration's path: `file`, else the one that the stack `environment` deploys, else the project's own.

    The path is written as short as possible.

    Raises:
        UsageError: if the project's file or the stack's file cannot be read.
    """
    if file is not None:
        return file
    return _shortest(stacks_of(application.folder / PROJECT_FILE).configuration(environment))


def stack_of(application: Application, file: str | None, environment: str | None) -> str | None:
    """Return the stack that a command is for: `environment`, else the project's only stack, else the selected one.

    None if no stack has a file; the default settings apply then. The choice among several is told.

    Raises:
        UsageError: if there are several stacks and none is selected, or if the project's file cannot be read.
    """
    if environment is not None:
        return environment
    stacks = stacks_of(Path(file) if file is not None else application.folder / PROJECT_FILE)
    if not stacks.names:
        return None
    if len(stacks.names) == 1:
        return stacks.names[0]
    selected = stacks.selected(application.choice.environment)
    if selected is None:
        raise UsageError(
            "names, pools, warehouse and rates depend on the stack: which stack?",
            remedy=f"add --environment {stacks.names[0]}   (stacks: {', '.join(stacks.names)})",
        )
    note(f"Using the selected stack, {selected}; --environment chooses another.")
    return selected


def _shortest(path: Path) -> str:
    inside = path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd()) if inside else path)


def load(
    path: str, environment: str | None = None, *, strict: bool = False, payloads: PayloadFolder | None = None
) -> Config:
    """Read a job configuration; with an environment, apply its overlay and the settings of the stack of that name.

    `payloads` are where `reading.read` looks for them, unless said otherwise.

    Raises:
        ConfigErrors: lists all problems of the configuration.
        UsageError: if the file or the stack's file cannot be read, or there is no such environment.
    """
    settings, wrong = settings_or_error(Path(path), environment)
    pools, zone = (settings.pool_families, settings.region_timezone) if settings else (None, None)
    try:
        config = reading.read(path, pools, environment, region_timezone=zone, strict=strict, payloads=payloads)
    except ConfigErrors as error:
        base, overlay_environment = _overlaid(Path(path))
        if base is None and wrong is not None:
            raise ConfigErrors(path, [*as_problems(wrong), *error.problems]) from None
        if base is None:
            raise
        raise UsageError(
            f"this is not a complete job configuration: it is the overlay of {base.name} for {overlay_environment!r}",
            where=path,
            remedy=f"jobgraph validate {base} --environment {overlay_environment}",
        ) from None
    if wrong is not None:
        raise wrong
    return config


def settings_or_error(path: Path, environment: str | None) -> tuple[Settings | None, UsageError | None]:
    """Return the settings of the stack `environment`, or what is wrong with its file; two Nones if it has none.

    Raises:
        UsageError: if there is no such environment.
    """
    if environment is None:
        return None, None
    stacks = stacks_of(path)
    try:
        settings = stacks.settings(environment)
    except UsageError as error:
        return None, error
    if settings is None and environment not in _own_environments(path):
        raise _unknown(path, environment, stacks)
    return settings, None


def as_problems(error: UsageError) -> list[Problem]:
    """Return the problems of a file of a stack, each with its line as far as the error or the file shows it."""
    if isinstance(error, ConfigErrors):
        return [_in_short(problem) for problem in error.problems]
    file, line, column = _POSITION.fullmatch(error.where).groups()  # type: ignore[union-attr]  # it matches any text
    mark = Mark(_shortest(Path(file)), int(line or 1), int(column or 1))
    if not isinstance(error, SettingsError):
        return [Problem(mark, OF_STACK, "", " ".join(error.message.split()), error.remedy)]
    places = places_of_settings(Path(file))
    remedy = "correct it; docs/account.md explains every setting"
    return [
        Problem(Mark(mark.file, *places.get(name, (1, 1))), OF_STACK, f"jobgraph:settings.{name}", text, remedy)
        for name, text in error.wrong
    ]


def deployed_files(application: Application) -> tuple[str, ...]:
    """Return the configurations that the project's stacks deploy; the project's own, if it exists, is the first.

    Raises:
        UsageError: if the project's file or a stack's file cannot be read.
    """
    stacks = stacks_of(application.folder / PROJECT_FILE)
    own = stacks.configuration(None)
    files = dict.fromkeys([own, *(_configuration(stacks, name) for name in stacks.names)])
    overlaid_files = [file for file in files if file != own and file.is_file()]
    return tuple(
        _shortest(file) for file in ([own, *overlaid_files] if own.is_file() or not overlaid_files else overlaid_files)
    )


def _in_short(problem: Problem) -> Problem:
    return replace(problem, mark=replace(problem.mark, file=_shortest(Path(problem.mark.file))))


def _configuration(stacks: Stacks, stack: str) -> Path:
    """Return the file that a stack deploys; the project's own if the stack's file is broken, which `load` reports."""
    try:
        return stacks.configuration(stack)
    except UsageError:
        return stacks.configuration(None)


def environments_of(path: str) -> tuple[str, ...]:
    """Return the environments of a configuration, sorted: those of its file, its overlays, and its stacks.

    Raises:
        ConfigErrors: if the file is not YAML.
        UsageError: if the file or a stack's file cannot be read.
    """
    file = Path(path)
    stacks = stacks_of(file)
    deploying = {name for name in stacks.names if _configuration(stacks, name).resolve() == file.resolve()}
    return tuple(sorted(deploying | _own_environments(file)))


def _own_environments(path: Path) -> set[str]:
    """Return the environments that the file itself names, or that have an overlay beside it."""
    root = reading.compose(path.read_bytes() if path.is_file() else b"{}", str(path))
    start, end = f"{path.stem}.", path.suffix
    files = [file.name for file in path.parent.glob(f"*.*{end}")] if end else []
    overlays = {
        name[len(start) : -len(end)] for name in files if name.startswith(start) and len(name) > len(start + end)
    }
    return overlays.union(environment_names(root))


def _overlaid(path: Path) -> tuple[Path | None, str]:
    """Return the file that `path`, by its name, is an overlay of, and the environment; None if it does not exist."""
    stem, _, environment = path.stem.rpartition(".")
    base = path.parent / f"{stem}{path.suffix}"
    return (base, environment) if stem and base.is_file() else (None, "")


def _unknown(path: Path, environment: str, stacks: Stacks) -> UsageError:
    # Pulumi names a stack in full as organization/project/stack
    hint = perhaps(environment.rpartition("/")[2], stacks.names)
    files = f"neither Pulumi.{environment}.yaml, nor {path.stem}.{environment}{path.suffix}"
    return UsageError(
        f"there is no environment {environment!r}{hint}",
        where=str(path),
        cause=f"there is {files}, nor `{environment}` in the file's `{ENVIRONMENTS}`",
        remedy=f"stacks in {stacks.stack_folder}: {', '.join(stacks.names) or 'none'}",
    )


def at(application: Application, source: str, environment: str | None) -> Config:
    """Read a configuration from `source`: a file, a git revision, or `REVISION:PATH`.

    Raises:
        ConfigErrors: with everything that is wrong in it.
        UsageError: if it is neither a file nor a revision with such a file.
    """
    return with_settings(application, source, environment)[0]


def with_settings(application: Application, source: str, environment: str | None) -> tuple[Config, Settings]:
    """Read a configuration as `at` does, and the settings of the stack beside it.

    Without an environment, or if the stack has no file, the settings are the defaults. From then on, the command
    connects only to the stack's account.

    Raises:
        ConfigErrors: with everything that is wrong in it.
        UsageError: if it is neither a file nor a revision with such a file, or the stack's file cannot be used.
    """
    if Path(source).is_file():
        if environment is not None:
            application.choice = replace(application.choice, stack=stacks_of(Path(source)).account(environment))
        return load(source, environment), _settings(Path(source), environment)
    revision, _, path = source.partition(":")
    top = Path(_git(Path.cwd(), "rev-parse", "--show-toplevel").decode().strip())
    inside = path
    if not path or path.startswith(("./", "../", "/")):  # relative to this folder, as git reads it
        inside = _from_top(top.resolve(), (Path.cwd() / (path or file_of(application, None, environment))).resolve())
    commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", of=source)
    archive = _git(top, "archive", "--format=tar", commit.decode().strip())
    with tempfile.TemporaryDirectory(prefix="jobgraph-") as folder:
        # git makes an archive that cannot be opened if the revision has no files; the file does not exist then
        with suppress(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter=_safe)  # noqa: S202  # the filter is tarfile's safe one, but skips bad members
        config = _load_unpacked(Path(folder), top, inside, f"{revision}:", environment)
        return config, _settings(Path(folder) / inside, environment)


def deploying(path: str, environment: str | None) -> Settings | None:
    """Return the settings that a file is deployed with: those of the stack, else the defaults; None if unknown."""
    if environment is None:
        return None if stacks_of(Path(path)).names else Settings()
    return stacks_of(Path(path)).settings(environment)


def _settings(path: Path, environment: str | None) -> Settings:
    settings = stacks_of(path).settings(environment) if environment is not None else None
    return settings or Settings()


def _from_top(top: Path, place: Path) -> str:
    """Return the path of a file relative to the top of its repository.

    Raises:
        UsageError: if the file is not in the repository.
    """
    if not place.is_relative_to(top):
        remedy = "give the command in a folder of the repository that holds the file, or name two files"
        raise UsageError(f"is not in the repository {top}", where=str(place), remedy=remedy)
    return place.relative_to(top).as_posix()


def _safe(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """Return a member of a revision's archive made safe to unpack; None for links that lead out of the repository."""
    try:
        return tarfile.data_filter(member, folder)
    except tarfile.FilterError:
        return None


def _payloads(folder: Path, unpacked: Path, file: Path) -> PayloadFolder:
    """Return the payloads of a revision's file: the same files that a deploy of the project takes, as they were then.

    `unpacked` is the file within the unpacked revision, `file` the same file within the repository.
    """
    present, project = PayloadFolder(file.parent, reading.project_of(file)), reading.project_of(unpacked)
    # a project whose Pulumi.yaml is in no revision, or above the repository
    if not (project.is_relative_to(folder.absolute()) and (project / PROJECT_FILE).is_file()):
        project = folder
    return PayloadFolder(unpacked.parent, project, present)


def _load_unpacked(folder: Path, top: Path, path: str, revision: str, environment: str | None) -> Config:
    """Read a file of a revision of the repository `top` that was unpacked into `folder`; problems name the revision."""
    payloads = _payloads(folder, folder / path, top / path)
    try:
        return replace(load(str(folder / path), environment, payloads=payloads), file=f"{revision}{path}")
    except ConfigErrors as error:
        raise ConfigErrors(
            f"{revision}{path}", [_moved(problem, folder, revision) for problem in error.problems]
        ) from None
    except UsageError as error:
        where = error.where.replace(f"{folder}/", revision)
        raise UsageError(error.message, where=where, cause=error.cause, remedy=error.remedy) from None


def _moved(problem: Problem, folder: Path, revision: str) -> Problem:
    file = problem.mark.file.replace(f"{folder}/", revision)
    return replace(problem, mark=replace(problem.mark, file=file))


def _git(folder: Path, *arguments: str, of: str | None = None) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    except FileNotFoundError as error:
        raise UsageError("git is not on the PATH", remedy="install git, or name two files") from error
    except subprocess.CalledProcessError as error:
        message = f"{of!r} is neither a file nor a revision of git"
        if of is None:
            message = error.stderr.decode(errors="replace").strip()
        remedy = "name a file, a revision as HEAD~1, or a file of a revision as HEAD~1:FILE"
        raise UsageError(message, remedy=remedy) from error
    return done.stdout
