"""Pushes the folder from which an image is built, as an image of one layer, to the sandbox's registry.

Reads the same variables as Snowflake's builder: BUILD_CONTEXT, IMAGE_REGISTRY_URL, IMAGE_NAME and IMAGE_TAG.
"""

import base64
import hashlib
import io
import json
import os
import sys
import tarfile
from pathlib import Path
from urllib.request import Request, urlopen

CONTEXT_LAYER = "application/vnd.snowflake-sandbox.context.v1.tar"


def layer(folder: Path) -> bytes:
    """Return the folder as a tar archive, which depends only on names, modes and contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = tarfile.TarInfo(str(path.relative_to(folder)))
                content = path.read_bytes()
                entry.size, entry.mode = len(content), 0o755 if os.access(path, os.X_OK) else 0o644
                archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def main() -> None:
    """Build and push."""
    context = Path(os.environ["BUILD_CONTEXT"])
    if not (context / "Dockerfile").is_file():
        sys.exit(f"there is no Dockerfile in {context}")
    # the registry is part of the sandbox, whatever host the URL contains
    registry = f"http://{os.environ['SNOWFLAKE_HOST']}:{os.environ['SNOWFLAKE_PORT']}"
    name = f"{os.environ['IMAGE_REGISTRY_URL'].split('/', 1)[1]}/{os.environ['IMAGE_NAME']}"
    token = Path(os.environ["SNOWFLAKE_TOKEN_FILE_PATH"]).read_text().strip()
    login = base64.b64encode(f"0sessiontoken:{token}".encode()).decode()

    def send(method: str, path: str, content: bytes) -> None:
        request = Request(f"{registry}/v2/{name}/{path}", content, {"Authorization": f"Basic {login}"}, method=method)  # noqa: S310  # the sandbox itself
        urlopen(request).close()  # noqa: S310  # the sandbox itself

    def push(content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        send("POST", f"blobs/uploads/?digest={digest}", content)
        return {"digest": digest, "size": len(content)}

    config = push(json.dumps({"architecture": "amd64", "os": "linux"}).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
        "layers": [{"mediaType": CONTEXT_LAYER, **push(layer(context))}],
    }
    send("PUT", f"manifests/{os.environ['IMAGE_TAG']}", json.dumps(manifest, sort_keys=True).encode())
    print(f"pushed {name}:{os.environ['IMAGE_TAG']}")


main()
