"""The commands `image build` and `image push`: build images, and push them to the stack's repository.

Knows where the folders of images are, and how a container engine is started. Must not know an engine's arguments, nor
the job that builds inside Snowflake (jobgraph.imaging).
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from jobgraph.account.client import AbsentError, SnowflakeClient
from jobgraph.account.queries import Statement
from jobgraph.cli import loading
from jobgraph.cli.application import Application, examples, note, say
from jobgraph.cli.stacks import PROJECT_FILE, stacks_of
from jobgraph.errors import RunFailedError, UsageError, perhaps
from jobgraph.imaging import building, digests, sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.account.client import Client
    from jobgraph.cli.watching import Clock
    from jobgraph.config.model import Config
    from jobgraph.imaging.sources import ImageFolder
    from jobgraph.settings import Settings

# How long the registry's password is valid; the engine stores it after the push.
_PASSWORD_SECONDS = 3600
_POLL_SECONDS = 1.0
_PENDING, _DONE = "PENDING", "DONE"
_ENDED = frozenset({_DONE, "FAILED", "CANCELLED", "INTERNAL_ERROR", "DELETED"})


@dataclass(frozen=True)
class _Work:
    """The images to build, which have a folder, and the stack's settings."""

    settings: Settings
    sources: Sequence[ImageFolder]
    environment: str | None


@click.group(short_help="Build and push the images of jobs.")
def image() -> None:
    """Build the images of jobs, and push them to the stack's repository."""


def _options(command: click.decorators.FC) -> click.decorators.FC:
    for option in (
        click.option(
            "--file", metavar="FILE", help="The job configuration; by default the one that the stack deploys."
        ),
        click.option(
            "--environment",
            "-e",
            metavar="NAME",
            help="The Pulumi stack whose images they are; by default the selected one.",
        ),
        click.argument("jobs", nargs=-1, metavar="[JOB...]"),
    ):
        command = option(command)
    return command


@image.command(
    short_help="Build them from their folders.",
    epilog=examples("jobgraph image build", "jobgraph image build t_myjob_1"),
)
@_options
@click.pass_context
def build(context: click.Context, jobs: tuple[str, ...], environment: str | None, file: str | None) -> None:
    """Build the images of jobs on this machine, with docker or podman. Nothing is pushed.

    The folder of an image is the one below images/ whose Dockerfile has the image's name as title, or with that name.
    """
    application: Application = context.obj
    work = _work(application, jobs, environment, file)
    engine = _engine()
    if engine is None:
        raise UsageError(
            "there is no container engine on the PATH (docker, podman)",
            remedy="install one; or use `jobgraph image push`, which builds inside Snowflake without one",
        )
    for source in work.sources:
        _run(building.build(engine, source, f"{source.name}:{source.tag}"))
        say(f"{source.reference}: built as {source.name}:{source.tag}")


@image.command(
    short_help="Push what the repository lacks.",
    epilog=examples(
        "jobgraph image push",
        "jobgraph image push t_myjob_1 --environment prod",
        "jobgraph image push --inside --pool PR_STD_POOL_XS",
    ),
)
@_options
@click.option("--inside", is_flag=True, help="Build inside Snowflake, even if there is a container engine here.")
@click.option(
    "--pool", metavar="NAME", help="Compute pool for builds inside Snowflake; by default the stack's first one."
)
@click.option(
    "--if-there", is_flag=True, help="Exit with 0 if the repository does not exist yet: before a first deploy."
)
@click.pass_context
def push(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    jobs: tuple[str, ...],
    environment: str | None,
    file: str | None,
    *,
    inside: bool,
    pool: str | None,
    if_there: bool,
) -> None:
    """Build the images of jobs, and push those that the stack's repository lacks.

    The tag is a hash of the folder's content and never moves. The digest is written to `image_digests` in the
    stack's file, so the next `pulumi up` runs exactly this image; commit the file. Without a container engine here,
    or with --inside, a Snowflake job builds it on a compute pool.
    """
    application: Application = context.obj
    work = _work(application, jobs, environment, file)
    client = application.client
    registry = _registry(client, work.settings)
    if registry is None:
        if if_there:
            note("The image repository does not exist yet: the first deploy creates it. Then push, and deploy again.")
            return
        raise UsageError("the image repository does not exist yet", remedy="pulumi up creates it; then push")
    engine = None if inside else _engine()
    first_pool = work.settings.pool_names[0]
    pushed: dict[str, str] = {}
    for source in work.sources:
        digest = _digest(client, work.settings, source)
        if digest is None:
            if engine is None:
                _build_inside(client, application.clock, work.settings, source, pool or first_pool, registry)
            else:
                _push(client, engine, source, registry)
            digest = _digest(client, work.settings, source)
        if digest is None:
            raise RunFailedError(f"{source.name}:{source.tag} is not in {registry} although it was pushed")
        pushed[source.reference] = digest
        say(f"{source.reference}: {source.name}:{source.tag} {digest}")
    _write(application, work, pushed)


def _work(application: Application, jobs: tuple[str, ...], environment: str | None, file: str | None) -> _Work:
    """Return the images to build.

    Raises:
        UsageError: if a job or a folder does not exist.
    """
    environment = loading.stack_of(application, file, environment)
    path = loading.file_of(application, file, environment)
    config, settings = loading.with_settings(application, path, environment)
    folders = sources.titles(sources.image_folders(application.folder))
    own, foreign = sources.sources(_references(config, settings, jobs), folders)
    for reference in foreign:
        note(f"{reference} has no folder below images/: it is not built here.")
    if not own:
        raise UsageError(
            "none of these images has a folder",
            where=path,
            remedy=f"images with one: {', '.join(sorted(folders)) or 'none'}; it needs a Dockerfile below images/",
        )
    return _Work(settings, own, environment)


def _references(config: Config, settings: Settings, jobs: tuple[str, ...]) -> list[str]:
    jobs_by_name = {job.name: job for graph in config.graphs for job in graph.jobs}
    names = {**jobs_by_name, **{job.key.upper(): job for job in jobs_by_name.values()}}
    unknown = [name for name in jobs if name.upper() not in names]
    if unknown:
        raise UsageError(
            f"there is no job {unknown[0]!r}{perhaps(unknown[0], names)}",
            remedy=f"name one of {', '.join(sorted(jobs_by_name))}, or none for all of them",
        )
    chosen = [names[name.upper()] for name in jobs] if jobs else list(jobs_by_name.values())
    return [settings.runtime_image if job.payload is not None else job.image for job in chosen]


def _engine() -> str | None:
    """Return the container engine that answers; None if none does."""
    for engine in building.ENGINES:
        if shutil.which(engine) and subprocess.run([engine, "info"], capture_output=True, check=False).returncode == 0:
            return engine
    return None


def _run(command: Sequence[str], password: str | None = None) -> None:
    done = subprocess.run(command, input=password, text=True, check=False)
    if done.returncode:
        raise RunFailedError(f"{' '.join(command[:2])} ended with {done.returncode}; its output is above")


def _registry(client: Client, settings: Settings) -> str | None:
    try:
        rows = client.rows(Statement(building.show_repository(settings)))
    except AbsentError:
        return None
    return next((str(row["repository_url"]) for row in rows), None)


def _digest(client: Client, settings: Settings, source: ImageFolder) -> str | None:
    """Return the digest of an image with that content in the repository; None if it was never pushed."""
    for row in client.rows(Statement(building.show_images(settings))):
        tags = [tag.strip() for tag in str(row["tags"] or "").split(",")]
        if str(row["image_name"]).lower() == source.name and source.tag in tags:
            return str(row["digest"])
    return None


def _push(client: Client, engine: str, source: ImageFolder, registry: str) -> None:
    target = f"{registry}/{source.name}:{source.tag}"
    _run(building.build(engine, source, target))
    if isinstance(client, SnowflakeClient):
        secret = building.password(client.new_token(), _PASSWORD_SECONDS)
        _run(building.login(engine, registry.partition("/")[0]), secret)
    _run(building.push(engine, target))


def _build_inside(  # noqa: PLR0913, PLR0917  # the image, the place of the build, and the clock
    client: Client, clock: Clock, settings: Settings, source: ImageFolder, pool: str, registry: str
) -> None:
    note(f"{source.reference}: building inside Snowflake, on compute pool {pool} ...")
    client.rows(Statement(building.drop_job(settings, source)))
    client.rows(Statement(building.create_stage(settings)))
    for statement in building.uploads(settings, source):
        client.rows(Statement(statement))
    client.rows(Statement(building.build_inside(settings, source, pool, registry)))
    state = _PENDING
    while state not in _ENDED:
        clock.sleep(_POLL_SECONDS)
        state = str(client.rows(Statement(building.describe_job(settings, source)))[0]["status"])
    if state != _DONE:
        log = str(client.rows(Statement(building.log_of_job(settings, source)))[0]["LOG"])
        raise RunFailedError(f"{source.name} was not built: the job ended {state}. The end of its log:\n{log}")
    client.rows(Statement(building.drop_job(settings, source)))
    client.rows(Statement(building.drop_stage(settings)))


def _write(application: Application, work: _Work, pushed: dict[str, str]) -> None:
    if work.environment is None:
        note(f"No stack has a file to which they could be written. image_digests: {pushed}")
        return
    file = stacks_of(application.folder / PROJECT_FILE).file(work.environment)
    text = file.read_text("utf-8")
    changed = digests.with_digests(text, pushed, str(file))
    if changed != text:
        file.write_text(changed, "utf-8")
        note(f"{file.name} has the digests now: commit it, and deploy with pulumi up.")
