"""The devices that are compiled for, none of which has to be there: two generations of TPU and two of CUDA.

A TPU's topology has a name. Of a GPU the compiler wants the figures below; they are NVIDIA's, and those that XLA keeps
for its own tests (openxla/xla, xla/backends/gpu/target_config/specs).
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass
from typing import Any

from jax.experimental import topologies

# What the TPU's compiler would else ask the metadata server of a machine in the cloud for; other processes may compile
# at the same time, there being no TPU to share; and no logs of its own.
_ALONE = {
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "TPU_LOG_DIR": "disabled",
    "TPU_MIN_LOG_LEVEL": "3",
}


class Missing(Exception):
    """The compiler is not installed."""


@dataclass(frozen=True)
class Target:
    """A device to compile for.

    Attributes:
      platform: JAX's name of the backend.
      compiler: The package that holds the compiler.
      topology: Its name, for a TPU.
      description: What the compiler has to know, for a GPU.
      options: What it has to be told besides.
    """

    platform: str
    compiler: str
    topology: str = ""
    description: str = ""
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def version(self) -> str:
        """The compiler's version."""
        return importlib.metadata.version(self.compiler)

    @functools.cached_property
    def device(self) -> Any:
        """A device that can only be compiled for. Raises Missing."""
        try:
            self.version  # noqa: B018
        except importlib.metadata.PackageNotFoundError:
            raise Missing(f"{self.compiler} is not installed; `make test-{self.platform}` brings it") from None
        if self.platform == "tpu":
            for name, value in _ALONE.items():
                os.environ.setdefault(name, value)
            return topologies.get_topology_desc(self.topology, "tpu").devices[0]
        return topologies.get_topology_desc(
            "", self.platform, target_config=self.description, topology="1x1x1"
        ).devices[0]


def _gpu(
    name: str, major: int, cores: int, units: int, shared: int, shared_of_one: int, bandwidth: int, l2: int
) -> str:
    """What the compiler has to know of a GPU with 80 GB, as a text of its protocol buffer `GpuTargetConfigProto`."""
    fields = {
        "threads_per_block_limit": 1024,
        "threads_per_warp": 32,
        "threads_per_core_limit": 2048,
        "registers_per_block_limit": 65536,
        "registers_per_core_limit": 65536,
        "block_dim_limit_x": 2**31 - 1,
        "block_dim_limit_y": 65535,
        "block_dim_limit_z": 65535,
        "thread_dim_limit_x": 1024,
        "thread_dim_limit_y": 1024,
        "thread_dim_limit_z": 64,
        "device_memory_size": 80 * 10**9,
        "shared_memory_per_block": 48 << 10,
        "shared_memory_per_block_optin": shared_of_one << 10,
        "shared_memory_per_core": shared << 10,
        "core_count": cores,
        "fpus_per_core": units,
        "memory_bandwidth": bandwidth * 10**9,
        "l2_cache_size": l2 << 20,
        "clock_rate_ghz": 1.5,
    }
    numbers = " ".join(f"{key}: {value}" for key, value in fields.items())
    versions = 'runtime_version: "12.9.0" driver_version: "12.9.0" compile_time_toolkit_version: "12.9.0"'
    return (
        f"gpu_device_info {{ {numbers} {versions} cuda_compute_capability {{ major: {major} }} }} "
        f'platform_name: "CUDA" dnn_version_info {{ major: 9 minor: 10 }} device_description_str: "{name}"'
    )


# To choose among kernels by running them takes a device.
_UNTUNED = (("xla_gpu_autotune_level", 0),)
_CUDA = "jax-cuda12-pjrt"

TARGETS: dict[str, Target] = {
    "tpu v5e": Target("tpu", "libtpu", "v5e:2x2"),
    "tpu v6e": Target("tpu", "libtpu", "v6e:2x2"),
    "cuda A100": Target("cuda", _CUDA, "", _gpu("A100", 8, 108, 64, 164, 163, 2039, 40), _UNTUNED),
    "cuda H100": Target("cuda", _CUDA, "", _gpu("H100", 9, 132, 128, 228, 227, 3352, 50), _UNTUNED),
}
