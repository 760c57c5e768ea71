from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_pipes.errors import GpuError
from airflow_provider_pipes.runtime.gpus import Host, check_gpus

DRIVER = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15"


def host(root: Path, *devices: str, **variables: str) -> Host:
    """A host with these device files and variables."""
    for each in devices:
        file = root / "dev" / each
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return Host({"PATH": str(root / "bin"), **variables}, root / "dev", root / "proc")


def refusal(found: Host) -> str:
    with pytest.raises(GpuError) as caught:
        check_gpus("train", found)
    return str(caught.value)


TWO = ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-modeset")


@pytest.mark.parametrize(
    ("devices", "variables", "count"),
    [
        (TWO, {}, 2),
        (("nvidia7",), {}, 1),
        (TWO, {"CUDA_VISIBLE_DEVICES": "1,0"}, 2),
        (TWO, {"CUDA_VISIBLE_DEVICES": "1"}, 1),
        (TWO, {"CUDA_VISIBLE_DEVICES": "GPU-4f2,GPU-77a"}, 2),
        (TWO, {"CUDA_VISIBLE_DEVICES": "0,-1,1"}, 1),
        (TWO, {"CUDA_VISIBLE_DEVICES": "0,5,1"}, 1),
        (TWO, {"CUDA_VISIBLE_DEVICES": ""}, 0),
        (TWO, {"CUDA_VISIBLE_DEVICES": "-1"}, 0),
        (TWO, {"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, 1),
        (("nvidia0",), {"NVIDIA_VISIBLE_DEVICES": "MIG-1,MIG-2"}, 2),
        ((), {"NVIDIA_VISIBLE_DEVICES": "MIG-1,MIG-2"}, 0),
        (("dxg",), {}, 4),
        (("dxg",), {"CUDA_VISIBLE_DEVICES": ""}, 0),
        (("kfd", "dri/renderD128", "dri/renderD129", "dri/card0"), {}, 2),
        (("dri/renderD128",), {}, 0),
        (("nvidiactl", "nvidia-uvm"), {}, 0),
    ],
)
def test_gpus_are_counted_as_a_program_would_find_them(
    tmp_path: Path, devices: tuple[str, ...], variables: dict[str, str], count: int
) -> None:
    assert host(tmp_path, *devices, **variables).gpu_count(4) == count
    if count:
        check_gpus("train", host(tmp_path, *devices, **variables, PIPES_GPU_COUNT=str(count)))
    if count < 4:
        assert "asked for 4 GPUs" in refusal(host(tmp_path, *devices, **variables, PIPES_GPU_COUNT="4"))


@pytest.mark.parametrize("variables", [{}, {"PIPES_GPU_COUNT": ""}, {"PIPES_GPU_COUNT": "0"}])
def test_nothing_is_checked_where_nothing_was_asked_for(tmp_path: Path, variables: dict[str, str]) -> None:
    check_gpus("train", host(tmp_path, **variables))


def test_a_host_without_a_gpu_says_what_was_looked_for_and_what_it_has(tmp_path: Path) -> None:
    said = refusal(host(tmp_path, PIPES_GPU_COUNT="1", NVIDIA_VISIBLE_DEVICES="void"))
    dev, proc = tmp_path / "dev", tmp_path / "proc"
    assert said == (
        f"step 'train' asked for 1 GPU and finds none: looked for {dev}/nvidia0, …, {dev}/dxg, "
        f"and {dev}/kfd with {dev}/dri/renderD…, as CUDA_VISIBLE_DEVICES shows them; "
        "this host has: device files: none; NVIDIA_VISIBLE_DEVICES='void'; CUDA_VISIBLE_DEVICES is not set; "
        f"no NVIDIA driver in {proc}; run the step on a host with a GPU and its driver, or set gpu_count=0; "
        "for a device of another kind, environment={'PIPES_GPU_COUNT': '0'} leaves out this check"
    )


def test_a_driver_without_a_device_points_to_the_container_toolkit(tmp_path: Path) -> None:
    version = tmp_path / "proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.write_text(f"{DRIVER}\nGCC version: 12\n")
    said = refusal(host(tmp_path, PIPES_GPU_COUNT="1"))
    assert f"driver: {DRIVER};" in said
    assert "gave this container no GPU: install and configure the NVIDIA Container Toolkit" in said


def test_fewer_than_asked_for_points_to_what_hides_them(tmp_path: Path) -> None:
    said = refusal(host(tmp_path, *TWO, PIPES_GPU_COUNT="2", CUDA_VISIBLE_DEVICES="0"))
    assert "asked for 2 GPUs and finds 1" in said
    assert f"device files: {tmp_path}/dev/nvidia0, {tmp_path}/dev/nvidia1;" in said
    assert "CUDA_VISIBLE_DEVICES='0'" in said
    assert "let CUDA_VISIBLE_DEVICES and NVIDIA_VISIBLE_DEVICES show more" in said


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'GPU 0: H100 (UUID: GPU-1)'; echo 'GPU 1: H100'", "GPU 0: H100 (UUID: GPU-1), GPU 1: H100;"),
        ("echo 'could not talk to the driver' >&2; exit 9", "could not talk to the driver;"),
        ("exit 6", "nothing, exit code 6;"),
    ],
)
def test_what_nvidia_smi_says_is_told(tmp_path: Path, script: str, told: str) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert f"nvidia-smi -L: {told}" in refusal(host(tmp_path, PIPES_GPU_COUNT="3"))


def test_a_count_that_is_no_number_is_told(tmp_path: Path) -> None:
    assert (
        refusal(host(tmp_path, PIPES_GPU_COUNT="-2")) == "PIPES_GPU_COUNT is '-2'; expected a number of GPUs"
    )
