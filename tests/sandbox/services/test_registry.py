"""The image registry as a container engine uses it: what is pushed is listed, and only who may can push."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from snowflake_sandbox.protocol import registry_api
from snowflake_sandbox.services import registry
from snowflake_sandbox.services.images import ImageError

from tests.sandbox.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACE = "registry_d/public/repo"


class Pusher:
    """The requests of `docker push`."""

    def __init__(self, port: int, user: str = "SANDBOX_ADMIN", password: str = PASSWORD) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._login = base64.b64encode(f"{user}:{password}".encode()).decode()

    def send(self, method: str, path: str, content: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
        headers = {"Authorization": f"Basic {self._login}"}
        try:
            with urlopen(Request(f"{self._address}{path}", content, headers, method=method)) as answer:  # noqa: S310  # this machine
                return answer.status, dict(answer.headers), answer.read()
        except HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()

    def blob(self, name: str, content: bytes) -> dict[str, Any]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        status, headers, _ = self.send("POST", f"/v2/{name}/blobs/uploads/", b"")
        assert status == 202
        half = len(content) // 2
        status, headers, _ = self.send("PATCH", headers["location"], content[:half])
        assert status == 202
        status, _, _ = self.send("PUT", f"{headers['location']}?digest={digest}", content[half:])
        assert status == 201
        return {"digest": digest, "size": len(content)}

    def image(self, name: str, tag: str) -> tuple[int, str]:
        config = self.blob(name, b'{"os": "linux"}')
        layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **self.blob(name, b"a layer")}]
        manifest = json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode()
        status, headers, _ = self.send("PUT", f"/v2/{name}/manifests/{tag}", manifest)
        return status, headers.get("docker-content-digest", "")


@pytest.fixture(scope="module")
def port(service: Any) -> Iterator[int]:
    with service.connect() as connection, connection.cursor() as cursor:
        for statement in (
            "CREATE DATABASE REGISTRY_D",
            "CREATE IMAGE REPOSITORY REGISTRY_D.PUBLIC.REPO",
            "CREATE ROLE PULLER",
            "CREATE USER PULLS PASSWORD = 'Pull-only-1' DEFAULT_ROLE = 'PULLER'",
            "GRANT ROLE PULLER TO USER PULLS",
            "GRANT READ ON IMAGE REPOSITORY REGISTRY_D.PUBLIC.REPO TO ROLE PULLER",
        ):
            cursor.execute(statement)
    yield service.port
    with service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DROP DATABASE REGISTRY_D")


def listed(service: Any) -> dict[str, str]:
    with service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW IMAGES IN IMAGE REPOSITORY REGISTRY_D.PUBLIC.REPO")
        return {f"{row[1]}:{row[2]}": row[3] for row in cursor.fetchall()}


def test_what_is_pushed_is_listed_with_its_digest_and_can_be_pulled(service: Any, port: int) -> None:
    engine = Pusher(port)
    status, digest = engine.image(f"{PLACE}/team/job", "v1")
    assert status == 201
    assert listed(service)["team/job:v1"] == digest
    for reference in ("v1", digest):
        status, headers, content = engine.send("GET", f"/v2/{PLACE}/team/job/manifests/{reference}")
        assert (status, headers["docker-content-digest"]) == (200, digest)
    layer = json.loads(content)["layers"][0]["digest"]
    assert engine.send("GET", f"/v2/{PLACE}/team/job/blobs/{layer}")[2] == b"a layer"
    assert json.loads(engine.send("GET", f"/v2/{PLACE}/team/job/tags/list")[2])["tags"] == ["v1"]


def test_a_moved_tag_is_another_digest(service: Any, port: int) -> None:
    engine = Pusher(port)
    _, first = engine.image(f"{PLACE}/moving", "v1")
    config = engine.blob(f"{PLACE}/moving", b'{"os": "linux", "more": 1}')
    manifest = json.dumps({"schemaVersion": 2, "config": config, "layers": []}).encode()
    engine.send("PUT", f"/v2/{PLACE}/moving/manifests/v1", manifest)
    assert listed(service)["moving:v1"] not in {first, ""}


@pytest.mark.parametrize(
    ("user", "password", "status"),
    [("PULLS", "Pull-only-1", 403), ("PULLS", "wrong", 401), ("NOBODY", "x", 401), ("0sessiontoken", "x", 401)],
)
def test_who_may_not_write_does_not(port: int, user: str, password: str, status: int) -> None:
    assert Pusher(port, user, password).send("POST", f"/v2/{PLACE}/job/blobs/uploads/", b"")[0] == status


def test_what_is_wrong_with_a_push_is_said(port: int) -> None:
    engine = Pusher(port)
    blob = f"sha256:{'0' * 64}"
    assert engine.send("POST", f"/v2/{PLACE}/job/blobs/uploads/?digest={blob}", b"other")[0] == 400
    manifest = json.dumps({"config": {"digest": blob}, "layers": []}).encode()
    status, _, content = engine.send("PUT", f"/v2/{PLACE}/job/manifests/v1", manifest)
    assert (status, json.loads(content)["errors"][0]["code"]) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert engine.send("PUT", f"/v2/{PLACE}/job/manifests/v1", b"no json")[0] == 400
    assert engine.send("POST", "/v2/registry_d/public/nope/job/blobs/uploads/", b"")[0] == 404
    assert engine.send("GET", f"/v2/{PLACE}/job/blobs/../../../etc/passwd")[0] == 404


@pytest.mark.parametrize("name", ["\u0416", "A B", "A%0D%0A:"])
def test_a_database_of_any_name_takes_images(service: Any, port: int, name: str) -> None:
    """Its name comes back in a header, which cannot hold it as it is."""
    engine = Pusher(port)
    with service.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
        cursor.execute(f'CREATE IMAGE REPOSITORY "{name}".PUBLIC.REPO')
        assert engine.image(f"{quote(name)}/public/repo/job", "v1")[0] == 201
        cursor.execute(f'DROP DATABASE "{name}"')


@pytest.mark.parametrize("digest", ["\ud800", "sha256:x", "", ["sha256:"], None])
def test_a_manifest_names_digests(port: int, digest: object) -> None:
    for manifest in (
        {"config": {"digest": digest}, "layers": []},
        {"config": {"digest": digest}, "layers": [{"mediaType": "a/b", "digest": digest}]},
    ):
        content = json.dumps(manifest).encode()
        assert Pusher(port).send("PUT", f"/v2/{PLACE}/job/manifests/v1", content)[0] == 400


def test_a_session_token_logs_in_as_snowflakes_own_command_does(service: Any, port: int) -> None:
    with service.connect() as connection:
        token = connection.rest._token_request("ISSUE")["data"]["sessionToken"]
        word = json.dumps({"token": token, "expires_in": 60})
        assert Pusher(port, "0sessiontoken", word).image(f"{PLACE}/by_token", "v1")[0] == 201


def test_who_reads_one_repository_does_not_get_what_another_holds(service: Any, port: int) -> None:
    with service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE IMAGE REPOSITORY REGISTRY_D.PUBLIC.SECRET_REPO")
    engine, puller = Pusher(port), Pusher(port, "PULLS", "Pull-only-1")
    secret = engine.blob("registry_d/public/secret_repo/job", b"of another repository")["digest"]
    text = json.dumps({"config": {"digest": secret}, "layers": []}).encode()
    status, headers, _ = engine.send("PUT", "/v2/registry_d/public/secret_repo/job/manifests/v1", text)
    assert status == 201
    for digest in (secret, headers["docker-content-digest"]):
        assert engine.send("GET", f"/v2/registry_d/public/secret_repo/job/blobs/{digest}")[0] == 200
        assert puller.send("GET", f"/v2/{PLACE}/job/blobs/{digest}")[0] == 404
        assert puller.send("GET", f"/v2/{PLACE}/job/manifests/{digest}")[0] == 404
    # nor by a manifest that names its blobs
    assert engine.send("PUT", f"/v2/{PLACE}/thief/manifests/v1", text)[0] == 400


def test_a_digest_that_lies_keeps_nothing(service: Any, port: int) -> None:
    engine = Pusher(port)
    before = set((service.world.folder / "registry").glob("sha256-*"))
    content = b"not what its digest says"
    assert engine.send("POST", f"/v2/{PLACE}/job/blobs/uploads/?digest=sha256:{'1' * 64}", content)[0] == 400
    assert set((service.world.folder / "registry").glob("sha256-*")) == before


def test_who_may_not_log_in_cannot_send_a_body(port: int) -> None:
    """The answer comes before the body has been sent: nothing of it is taken into memory."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("POST", f"/v2/{PLACE}/job/blobs/uploads/")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", f"/v2/{PLACE}/job/manifests/v1"), ("POST", "/v2/d/public/nobodys/job/blobs/uploads/"), ("GET", "/v2/")],
)
def test_a_body_that_nothing_needs_is_not_taken(port: int, method: str, path: str) -> None:
    """The answer comes when 8 MiB of the 1 GiB announced have been sent, or before."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path)
    connection.putheader("Authorization", f"Basic {base64.b64encode(f'SANDBOX_ADMIN:{PASSWORD}'.encode()).decode()}")
    connection.putheader("Content-Length", str(1 << 30))
    connection.endheaders()
    with suppress(ConnectionError):
        connection.send(b"x" * (8 << 20))
    assert connection.getresponse().status in {404, 413}
    connection.close()


def test_a_token_of_any_shape_is_refused(port: int) -> None:
    assert Pusher(port, "0sessiontoken", "[" * 20_000).send("GET", "/v2/")[0] == 401


def test_uploads_that_are_large_together_are_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_api, "_LARGEST_UPLOADS", 100)
    engine = Pusher(port)
    _, first, _ = engine.send("POST", f"/v2/{PLACE}/job/blobs/uploads/", b"x" * 90)
    _, second, _ = engine.send("POST", f"/v2/{PLACE}/job/blobs/uploads/", b"x" * 90)
    assert engine.send("PATCH", first["location"], b"more")[0] == 404
    assert engine.send("PATCH", second["location"], b"more")[0] == 202


def test_uploads_that_never_end_are_given_up(port: int) -> None:
    engine = Pusher(port)
    _, first, _ = engine.send("POST", f"/v2/{PLACE}/job/blobs/uploads/", b"")
    for _ in range(64):
        engine.send("POST", f"/v2/{PLACE}/job/blobs/uploads/", b"")
    assert engine.send("PATCH", first["location"], b"more")[0] == 404


@pytest.mark.parametrize(
    "change",
    [
        {"mediaType": "a/b\r\nX-Evil: 1"},
        {"mediaType": ["x"]},
        {"layers": [{"digest": 7, "mediaType": "a/b"}]},
        {"layers": [{"digest": "sha256:../../x", "mediaType": "a/b"}]},
        {"layers": [7]},
        {"config": "x"},
    ],
)
def test_a_manifest_of_any_shape_is_refused(port: int, change: dict[str, Any]) -> None:
    engine = Pusher(port)
    whole = {"config": engine.blob(f"{PLACE}/odd", b"{}"), "layers": []}
    status, _, _ = engine.send("PUT", f"/v2/{PLACE}/odd/manifests/v1", json.dumps(whole | change).encode())
    assert status == 400


def _archive(*members: tuple[str, bytes | str]) -> bytes:
    """A folder as it is pushed: a file has bytes, a link the text of where it leads."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
    return packed.getvalue()


_DOCKERFILE = ("Dockerfile", b"FROM x\nCOPY a /a\nCMD true\n")


@pytest.mark.parametrize(
    "members",
    [
        [_DOCKERFILE, ("../../../credentials.json", b"stolen")],
        [_DOCKERFILE, ("a", "../../../../credentials.json"), ("a", b"stolen")],
        [_DOCKERFILE, ("a", "."), ("a/b", b"through a link")],
        [_DOCKERFILE, ("/".join(["d" * 200] * 6), b"deep")],
        [_DOCKERFILE, *((f"a{number}", b"") for number in range(30))],
        [_DOCKERFILE, ("a", bytes(2000))],
    ],
    ids=["above", "link out", "through a link", "deep", "many", "large"],
)
def test_a_pushed_folder_unpacks_inside_its_place(
    service: Any, port: int, monkeypatch: pytest.MonkeyPatch, members: list[tuple[str, bytes | str]]
) -> None:
    monkeypatch.setattr(registry, "_MOST_FILES", 20)
    monkeypatch.setattr(registry, "_LARGEST_CONTEXT", 1000)
    engine = Pusher(port)
    layer = {"mediaType": registry.CONTEXT_LAYER, **engine.blob(f"{PLACE}/evil", _archive(*members))}
    manifest = json.dumps({"config": engine.blob(f"{PLACE}/evil", b"{}"), "layers": [layer]}).encode()
    assert engine.send("PUT", f"/v2/{PLACE}/evil/manifests/v1", manifest)[0] == 201
    folder = service.world.folder
    before = {path for path in folder.rglob("*") if "sha256-" not in path.name}
    with pytest.raises(ImageError, match="cannot be unpacked"):
        service.world.parts["services"].registry.find(f"/{PLACE}/evil:v1")
    assert {path for path in folder.rglob("*") if "sha256-" not in path.name} == before


def test_two_jobs_that_need_the_same_pushed_image_at_once_both_get_it(
    service: Any, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, both = Pusher(port), threading.Barrier(2)
    layer = {
        "mediaType": registry.CONTEXT_LAYER,
        **engine.blob(f"{PLACE}/twice", _archive(_DOCKERFILE, ("a", b"content"))),
    }
    manifest = json.dumps({"config": engine.blob(f"{PLACE}/twice", b"{}"), "layers": [layer]}).encode()
    assert engine.send("PUT", f"/v2/{PLACE}/twice/manifests/v1", manifest)[0] == 201

    def meet(_: tarfile.TarFile) -> None:
        with suppress(threading.BrokenBarrierError):  # where only one unpacks it, nobody comes
            both.wait(0.5)

    monkeypatch.setattr(registry, "_check_size", meet)
    find = service.world.parts["services"].registry.find
    with ThreadPoolExecutor(2) as jobs:
        first, second = jobs.map(find, [f"/{PLACE}/twice:v1"] * 2)
    assert first == second
    assert list(service.world.folder.rglob("*.part")) == []
