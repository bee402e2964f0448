"""What one node of a compute pool offers, by the pool's instance family."""

from __future__ import annotations

from dataclasses import dataclass

from snowflake_sandbox.services.machine import Demand

# Usable vCPUs, GiB and GPUs of a node (developer-guide/snowpark-container-services/instance-families). Where clouds
# differ, the larger node.
_SIZES = {"2": (1, 6, 0), "4": (3, 13, 0), "8": (6, 28, 0), "16": (14, 58, 0), "32": (28, 116, 0)}
_NODES = {
    "CPU_X64_XS": (1, 6, 0),
    "CPU_X64_S": (3, 13, 0),
    "CPU_X64_M": (6, 28, 0),
    "CPU_X64_SL": (14, 58, 0),
    "CPU_X64_L": (28, 116, 0),
    **{f"GEN_X64_G2_{size}": node for size, node in _SIZES.items()},
    **{f"GEN_ARM_G1_{size}": node for size, node in _SIZES.items()},
    "HIGHMEM_X64_S": (6, 58, 0),
    "HIGHMEM_X64_M": (28, 240, 0),
    "HIGHMEM_X64_SL": (92, 654, 0),
    "HIGHMEM_X64_L": (124, 984, 0),
    "MEM_X64_G2_8": (6, 58, 0),
    "MEM_X64_G2_32": (28, 240, 0),
    "MEM_X64_G2_64": (60, 492, 0),
    "MEM_X64_G2_96": (92, 652, 0),
    "MEM_X64_G2_192": (188, 1436, 0),
    "GPU_NV_XS": (3, 26, 1),
    "GPU_NV_S": (6, 28, 1),
    "GPU_NV_SM": (32, 424, 1),
    "GPU_NV_M": (44, 178, 4),
    "GPU_NV_L": (92, 1112, 8),
    "GPU_NV_2M": (68, 858, 2),
    "GPU_NV_3M": (44, 424, 2),
    "GPU_NV_SL": (92, 858, 4),
    "GPU_L40S_G1_8": (6, 58, 1),
    "GPU_L40S_G1_16": (14, 116, 1),
    "GPU_L40S_G1_48": (44, 368, 4),
    "GPU_L40S_G1_192": (188, 1436, 8),
    "GPU_R6K_G1_8": (6, 58, 1),
    "GPU_R6K_G1_16": (14, 116, 1),
    "GPU_R6K_G1_32": (28, 240, 1),
    "GPU_R6K_G1_48": (44, 490, 2),
    "GPU_R6K_G1_96": (92, 984, 4),
    "GPU_R6K_G1_192": (188, 1843, 8),
    "GPU_A100_G1_12": (10, 77, 1),
    "GPU_A100_G1_48": (44, 324, 4),
    "GPU_GCP_NV_L4_1_24G": (6, 28, 1),
    "GPU_GCP_NV_L4_4_24G": (44, 178, 4),
    "GPU_GCP_NV_A100_8_40G": (92, 654, 8),
}
_OTHER_NODE = (6, 28, 8)


@dataclass(frozen=True)
class Node(Demand):
    """What one node offers: CPUs, bytes of memory, GPUs."""

    gpu: int = 0


def node_of(family: str) -> Node:
    """Return what one node of an instance family offers."""
    cpu, memory, gpu = _NODES.get(family, _OTHER_NODE)
    return Node(cpu, memory * 2**30, gpu)


def too_much(cpu: float, memory: float, gpu: int, family: str) -> list[str]:
    """Return each resource of which one instance requests more than a node of the family has, with both amounts."""
    node = node_of(family)
    compared = (("cpu", cpu, node.cpu), ("memory", memory, node.memory), ("nvidia.com/gpu", gpu, node.gpu))
    return [f"{name} {wanted:g}, of which a node has {most:g}" for name, wanted, most in compared if wanted > most]
