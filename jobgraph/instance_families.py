"""The instance families of compute pools: the processors, memory and GPUs that a node offers to containers.

Knows Snowflake's tables (docs.snowflake.com/en/developer-guide/snowpark-container-services/instance-families). Where
clouds differ, the table has the larger node, so that no size is refused that one of the clouds offers. Must not know
jobs or pools.
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


_SIZES = {"2": Node(1, 6), "4": Node(3, 13), "8": Node(6, 28), "16": Node(14, 58), "32": Node(28, 116)}

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
    "HIGHMEM_X64_SL": Node(92, 654),
    "HIGHMEM_X64_L": Node(124, 984),
    "MEM_X64_G2_8": Node(6, 58),
    "MEM_X64_G2_32": Node(28, 240),
    "MEM_X64_G2_64": Node(60, 492),
    "MEM_X64_G2_96": Node(92, 652),
    "MEM_X64_G2_192": Node(188, 1436),
    "GPU_NV_XS": Node(3, 26, 1),
    "GPU_NV_S": Node(6, 28, 1),
    "GPU_NV_SM": Node(32, 424, 1),
    "GPU_NV_M": Node(44, 178, 4),
    "GPU_NV_L": Node(92, 1112, 8),
    "GPU_NV_2M": Node(68, 858, 2),
    "GPU_NV_3M": Node(44, 424, 2),
    "GPU_NV_SL": Node(92, 858, 4),
    "GPU_L40S_G1_8": Node(6, 58, 1),
    "GPU_L40S_G1_16": Node(14, 116, 1),
    "GPU_L40S_G1_48": Node(44, 368, 4),
    "GPU_L40S_G1_192": Node(188, 1436, 8),
    "GPU_R6K_G1_8": Node(6, 58, 1),
    "GPU_R6K_G1_16": Node(14, 116, 1),
    "GPU_R6K_G1_32": Node(28, 240, 1),
    "GPU_R6K_G1_48": Node(44, 490, 2),
    "GPU_R6K_G1_96": Node(92, 984, 4),
    "GPU_R6K_G1_192": Node(188, 1843, 8),
    "GPU_A100_G1_12": Node(10, 77, 1),
    "GPU_A100_G1_48": Node(44, 324, 4),
    "GPU_GCP_NV_L4_1_24G": Node(6, 28, 1),
    "GPU_GCP_NV_L4_4_24G": Node(44, 178, 4),
    "GPU_GCP_NV_A100_8_40G": Node(92, 654, 8),
}


def cpus(text: str) -> float:
    """Return the number of processors in a text such as `0.5` or `500m`."""
    return int(text[:-1]) / 1000 if text.endswith("m") else float(text)


def size_bytes(text: str) -> float:
    """Return the number of bytes in a text such as `512Mi` or `2Gi`.

    Raises:
        ValueError: if the text is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(M|Mi|G|Gi)", text)
    if match is None:
        raise ValueError(f"no size: {text!r}")
    return float(match[1]) * _UNITS[match[2]]
