"""Portable kernels: the instructions that every x86-64 processor has, and a process that computes with them.

Training sums float32 numbers. In which order it does so depends on the instructions that the libraries
choose for the processor, and with the order the last bits, now and then a micro-credit. A process in this
environment has one order everywhere. What it needs has to be said before the libraries are loaded.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

X86 = platform.machine() in ("x86_64", "AMD64")
ROOT = Path(__file__).parents[2]

PORTABLE = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_CORETYPE": "Nehalem",
    "OPENBLAS_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-FMA,-FMA_Usable,-FMA4,-FMA4_Usable",
}

SOME: dict[str, dict[str, str]] = {
    "the processor's own": {},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"},
    "SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"},
}
"""Kernels that differ from the portable ones, to see what depends on them."""


def play_elsewhere(names: Iterable[str], folder: Path, kernels: Mapping[str, str] = PORTABLE) -> None:
    """Play records in a process of their own with the kernels that `kernels` asks for.

    Raises
    ------
    RuntimeError
        If the process fails; the message is what it said.
    """
    command = [sys.executable, "-W", "ignore", "-m", "tests.golden", "play", str(folder), *names]
    environment = os.environ | kernels | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"golden records cannot be played ({done.returncode}):\n{done.stdout}{done.stderr}"
        )
