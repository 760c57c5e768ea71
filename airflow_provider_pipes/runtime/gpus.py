"""Whether the GPUs that a step asked for are there, told before its own code fails on it in its way."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_pipes.errors import GpuError

GPU_COUNT_VARIABLE = "PIPES_GPU_COUNT"
"""Tells a step's process how many GPUs it must find before the user's code runs; 0 for no check."""

_SHOWING = ("NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")
_NVIDIA = re.compile(r"nvidia\d+\Z")
_AMD = re.compile(r"renderD\d+\Z")
_SMI_SECONDS = 10


@dataclass(frozen=True)
class Host:
    """Where GPUs are looked for.

    Attributes:
        variables: Of the process.
        devices: The folder of device files.
        proc: What the kernel tells.
    """

    variables: Mapping[str, str]
    devices: Path = Path("/dev")
    proc: Path = Path("/proc")

    def gpu_files(self) -> list[str]:
        """Return the device files that stand for a GPU each, as far as that can be known."""
        names = _names(self.devices)
        found = [str(self.devices / name) for name in names if _NVIDIA.match(name) or name == "dxg"]
        if "kfd" in names:
            folder = self.devices / "dri"
            found += [str(folder / name) for name in _names(folder) if _AMD.match(name)]
        return found

    def gpu_count(self, wanted: int) -> int:
        """Return how many GPUs a program would find, at most ``wanted``."""
        files = self.gpu_files()
        count = len(files)
        if files and (self.devices / "dxg").exists():
            count = wanted  # Windows shows all of its GPUs through this one file
        parts = [each for each in self._listed("NVIDIA_VISIBLE_DEVICES") if each.startswith("MIG-")]
        if files:
            count = max(count, len(parts))  # several parts of one GPU, which has but one file
        shown = self._shown_by_cuda(count)
        return min(wanted, count if shown is None else shown)

    def _listed(self, variable: str) -> list[str]:
        return [each.strip() for each in self.variables.get(variable, "").split(",")]

    def _shown_by_cuda(self, count: int) -> int | None:
        if "CUDA_VISIBLE_DEVICES" not in self.variables:
            return None
        shown = 0
        for each in self._listed("CUDA_VISIBLE_DEVICES"):
            # CUDA ignores what stands behind the first that it does not know.
            if not each or each.startswith("-") or (each.isdigit() and int(each) >= count):
                break
            shown += 1
        return min(shown, count)

    def description(self) -> str:
        """Return what this host has, for people to see what is amiss."""
        files = ", ".join(self.gpu_files()) or "none"
        told = [f"device files: {files}", *(self._variable(name) for name in _SHOWING)]
        driver = self._driver()
        told.append(f"driver: {driver}" if driver else f"no NVIDIA driver in {self.proc}")
        smi = self._smi()
        return "; ".join([*told, f"nvidia-smi -L: {smi}"] if smi else told)

    def _variable(self, name: str) -> str:
        return f"{name}={self.variables[name]!r}" if name in self.variables else f"{name} is not set"

    def _driver(self) -> str:
        try:
            return (self.proc / "driver/nvidia/version").read_text(errors="replace").splitlines()[0].strip()
        except (OSError, IndexError):
            return ""

    def _smi(self) -> str:
        import shutil
        import subprocess

        program = shutil.which("nvidia-smi", path=self.variables.get("PATH", os.defpath))
        if program is None:
            return ""
        try:
            done = subprocess.run(
                [program, "-L"], capture_output=True, text=True, errors="replace", timeout=_SMI_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        said = (done.stdout.strip() or done.stderr.strip()).splitlines()
        return ", ".join(each.strip() for each in said) or f"nothing, exit code {done.returncode}"


def check_gpus(step: str, host: Host | None = None) -> None:
    """Fail if the process does not find the GPUs that its step asked for.

    It fails as any error does, so that a retry may find a host that has them.

    Args:
        step: The step's name, for the message.
        host: Where to look, instead of here.

    Raises:
        GpuError: there are fewer; it says what was looked for, and what is there.
    """
    host = Host(os.environ) if host is None else host
    given = host.variables.get(GPU_COUNT_VARIABLE, "")
    if not given:
        return
    if not given.isdecimal():
        raise GpuError(f"{GPU_COUNT_VARIABLE} is {given!r}; expected a number of GPUs")
    wanted = int(given)
    found = host.gpu_count(wanted)
    if found >= wanted:
        return
    dev = host.devices
    raise GpuError(
        f"step {step!r} asked for {wanted} GPU{'s' * (wanted > 1)} and finds {found or 'none'}: looked for "
        f"{dev}/nvidia0, …, {dev}/dxg, and {dev}/kfd with {dev}/dri/renderD…, as CUDA_VISIBLE_DEVICES shows "
        f"them; this host has: {host.description()}; {_advice(host)}; for a device of another "
        f"kind, environment={{'{GPU_COUNT_VARIABLE}': '0'}} leaves out this check"
    )


def _advice(host: Host) -> str:
    if host.gpu_files():
        return (
            "ask for no more than the host has, or let CUDA_VISIBLE_DEVICES and NVIDIA_VISIBLE_DEVICES show "
            "more"
        )
    if (host.proc / "driver/nvidia/version").exists():
        return (
            "the host has a driver, but gave this container no GPU: install and configure the NVIDIA "
            "Container Toolkit there (in Kubernetes the device plugin, and runtimeClassName if it needs one)"
        )
    return "run the step on a host with a GPU and its driver, or set gpu_count=0"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder), key=lambda name: (len(name), name))
    except OSError:
        return []
