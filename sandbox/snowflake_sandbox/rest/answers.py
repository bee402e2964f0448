"""Rows of SHOW as JSON objects of the published client: the columns and their form.

Pure. Contains only the fields that the client's models have, and the different names that some models use.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _text(value: Any) -> Any:
    return None if value is None else str(value)


def name(text: Any) -> Any:
    """Return a name as requests contain it: quoted if necessary."""
    return (
        text
        if text is None or re.fullmatch(r"[A-Z_][A-Z0-9_$]*", str(text))
        else '"' + str(text).replace('"', '""') + '"'
    )


def _lower(value: Any) -> Any:
    return None if value is None else str(value).lower()


def _whole(value: Any) -> Any:
    return None if value in (None, "") else int(value)


def _flag(value: Any) -> Any:
    return value if value is None or isinstance(value, bool) else str(value).upper() in ("Y", "YES", "TRUE")


_COMMON = "name owner comment owner_role_type created_on"
_FIELDS: dict[str, str] = {
    "databases": f"{_COMMON} is_default? is_current? origin options retention_time#",
    "schemas": f"{_COMMON} is_default? is_current? database_name options retention_time#",
    "warehouses": (
        f"{_COMMON} state type size warehouse_size=size auto_suspend# auto_resume~ is_default? is_current?"
        " started_clusters# running# queued# min_cluster_count# max_cluster_count# scaling_policy resumed_on updated_on"
    ),
    "compute-pools": (
        "name owner comment created_on state min_nodes# max_nodes# instance_family num_services# num_jobs#"
        " auto_suspend_secs# auto_resume? active_nodes# idle_nodes# target_nodes# resumed_on updated_on is_exclusive?"
        " application error_code status_message"
    ),
    "stages": f"{_COMMON} url has_credentials? has_encryption_key? region cloud",
    "image-repositories": "name database_name schema_name created_on repository_url owner owner_role_type",
    "images": "created_on image_name tags digest image_path",
    "services": (
        f"{_COMMON} status compute_pool database_name schema_name dns_name current_instances# target_instances#"
        " min_instances# max_instances# auto_resume? query_warehouse is_job? is_async_job? spec_digest updated_on"
    ),
    "containers": (
        "database_name schema_name service_name service_status instance_id instance_status container_name status"
        " message image_name image_digest restart_count# start_time"
    ),
    "instances": (
        "database_name schema_name service_name service_status instance_id status spec_digest creation_time start_time"
    ),
    "files": "name size# md5 last_modified",
}
_READ: dict[str, Callable[[Any], Any]] = {"#": _whole, "?": _flag, "~": _lower}


def answer(family: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the family's JSON object."""
    fields: dict[str, Any] = {}
    for word in _FIELDS[family].split():
        field, _, column = word.rstrip("#?~").partition("=")
        fields[field] = _READ.get(word[-1], _text)(row.get(column or field))
    if "name" in fields and family != "files":
        fields["name"] = name(fields["name"])
    if family == "services":
        fields["spec"] = {"spec_type": "from_inline", "spec_text": str(row.get("spec") or "")}
    return fields
