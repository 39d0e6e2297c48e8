"""The static programs that scripts/build-static made, and how they run here: those of the other architecture
under qemu-user."""
import os
import pathlib
import platform
import shutil

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ARCH = os.environ.get("GODWIT_STATIC_ARCH", "arm64")
STATIC_BIN = SOURCE / "build" / f"static-{ARCH}" / "bin"
MACHINES = {"arm64": ("aarch64", 183), "amd64": ("x86_64", 62)}
MACHINE, ELF_MACHINE = MACHINES[ARCH]
NATIVE = platform.machine() == MACHINE
EMULATOR = [] if NATIVE else [shutil.which(f"qemu-{MACHINE}-static")]
