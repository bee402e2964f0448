"""The instance families of compute pools: what a container can have of a node.

Knows Snowflake's table (docs.snowflake.com/en/sql-reference/sql/create-compute-pool), with the part of a node that
containers get on AWS; other clouds differ a little. Must not know jobs or pools.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

GIB = 2**30
_UNITS = {"M": 10**6, "Mi": 2**20, "G": 10**9, "Gi": GIB}


@dataclass(frozen=True)
class Node:
    """A node's processors, memory in GiB and GPUs."""

    cpu: int
    memory: int
    gpu: int = 0


_SIZES = {"2": Node(1, 6), "4": Node(3, 13), "8": Node(6, 28), "32": Node(28, 116)}

FAMILIES: dict[str, Node] = {
    "CPU_X64_XS": Node(1, 6),
    "CPU_X64_S": Node(3, 13),
    "CPU_X64_M": Node(6, 28),
    "CPU_X64_SL": Node(14, 58),
    "CPU_X64_L": Node(28, 116),
    **{f"GEN_X64_G2_{size}": node for size, node in _SIZES.items()},
    **{f"GEN_ARM_G1_{size}": node for size, node in _SIZES.items()},
    "HIGHMEM_X64_S": Node(6, 58),
    "HIGHMEM_X64_M": Node(28, 240),
    "HIGHMEM_X64_L": Node(124, 984),
    "MEM_X64_G2_8": Node(6, 58),
    "MEM_X64_G2_32": Node(28, 240),
    "GPU_NV_S": Node(6, 28, 1),
    "GPU_NV_M": Node(44, 178, 4),
    "GPU_NV_L": Node(92, 1112, 8),
    "GPU_L40S_G1_8": Node(6, 58, 1),
}


def has_gpu(family: str) -> bool:
    """Tell whether the nodes of a family have GPUs, whether or not it is in the table."""
    return family.startswith("GPU_")


def cpus(text: str) -> float:
    """Return processors of `0.5` or `500m`."""
    return int(text[:-1]) / 1000 if text.endswith("m") else float(text)


def size_bytes(text: str) -> float:
    """Return the bytes of `512Mi` or `2Gi`.

    Raises:
        ValueError: if it is no size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(M|Mi|G|Gi)", text)
    if found is None:
        raise ValueError(f"no size: {text!r}")
    return float(found[1]) * _UNITS[found[2]]
