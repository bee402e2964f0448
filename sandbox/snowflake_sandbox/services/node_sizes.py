"""What one node of a compute pool offers, by the pool's instance family."""

from __future__ import annotations

from snowflake_sandbox.services.machine import Demand

# Usable vCPUs and GiB of a node, by the size in the family's name (facts C5).
_NODES = {
    "CPU_X64_XS": (1, 6),
    "CPU_X64_S": (3, 13),
    "CPU_X64_M": (6, 28),
    "CPU_X64_SL": (14, 58),
    "CPU_X64_L": (28, 116),
    "GEN_X64_G2_2": (1, 6),
    "GEN_X64_G2_4": (3, 13),
    "GEN_X64_G2_8": (6, 28),
    "HIGHMEM_X64_S": (6, 58),
    "HIGHMEM_X64_M": (28, 240),
    "HIGHMEM_X64_L": (124, 984),
}
_OTHER_NODE = (6, 28)


def node_of(family: str) -> Demand:
    """Return what one node of an instance family offers."""
    cpu, memory = _NODES.get(family, _OTHER_NODE)
    return Demand(cpu, memory * 2**30)
