"""References to container images: whether Snowflake can run them, their repository, and their full path.

Knows docs.snowflake.com/en/developer-guide/snowpark-container-services/working-with-registry-repository. Must not know
which image a job runs.
"""

from __future__ import annotations

import re

_NAME = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_VERSION = r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64}"
_HOST = r"(?:[a-z0-9-]+\.)+snowflakecomputing\.(?:com|cn)"
# The first three parts of a path are database, schema and repository; the rest is the image's name.
IMAGE_REFERENCE = re.compile(
    rf"(?:(?:{_HOST})?/(?P<repository>(?:[a-z_][a-z0-9_]{{0,254}}/){{3}})(?:{_NAME}/)*)?(?P<image>{_NAME})"
    rf"(?P<version>{_VERSION})"
)
_VERSION_AT_END = re.compile(rf"(?:{_VERSION})$")
_IN_SNOWFLAKE = re.compile(rf"(?:{_HOST})?/")


def image_path(reference: str, repository: str) -> str:
    """Return the full path of an image; a bare `name:tag` belongs to `repository` (`/db/schema/name`)."""
    return reference if "/" in reference else f"{repository}/{reference}"


def image_repository(reference: str) -> str:
    """Return the full name of the repository in an image's path, in upper case; empty for a bare `name:tag`."""
    match = IMAGE_REFERENCE.fullmatch(reference)
    return match["repository"].strip("/").replace("/", ".").upper() if match and match["repository"] else ""


def image_problem(reference: str) -> tuple[str, str]:
    """Return why Snowflake cannot run an image of this name, and the remedy; two empty texts if it can."""
    if IMAGE_REFERENCE.fullmatch(reference):
        return "", ""
    name = _VERSION_AT_END.sub("", reference)
    if IMAGE_REFERENCE.fullmatch(f"{name}:1"):
        issue = f"the image `{name}` needs its version"
        return issue, f"write the tag that you pushed, as {name}:1.0.0, or a digest, as {name}@sha256:..."
    if reference != reference.lower() and IMAGE_REFERENCE.fullmatch(f"{name.lower()}:1"):
        return "Snowflake keeps names of images and their repositories in lower case", f"write {reference.lower()}"
    if "/" in reference and not _IN_SNOWFLAKE.match(reference):
        bare = reference.rpartition("/")[2]
        issue = "this image is not in a Snowflake image repository, and Snowflake runs no other"
        remedy = f"push it into the stack's repository and write {bare}, or write /database/schema/repository/{bare}"
        return issue, remedy
    issue = "this is not the name of an image: a name in lower case, and a tag or digest"
    return issue, "write my_job_image:1.1.0 (in the stack's repository), or /database/schema/repository/name:1.0.0"
