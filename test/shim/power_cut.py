"""Power cuts for programs that run under the disk shim (disk_shim.h): a folder, and its shadow with
what is durable.

    disk = Disk(folder, shadow)      # shadow: outside the folder, a tmpfs is best
    disk.begin()                     # what lies in the folder now is durable; before the program starts
    ... start the program with disk.environment(library), let it run, SIGKILL it, wait for its end ...
    report = disk.cut(seed)          # the folder is now what a power cut could have left behind
    ... start the program again ...

After a cut each file has its synced contents, plus a subset of what was written since, chosen by the
seed: whole 4 KiB pages, some torn at 512-byte sectors, and the new size or the old one. A file that
was never synced may be there, in part or not at all. The same seed on the same two folders gives the
same result. As a program: power_cut.py FOLDER SHADOW SEED cuts and prints the report as JSON.
"""

import json
import pathlib
import random
import shutil
import sys

PAGE = 4096
SECTOR = 512


class Disk:
    def __init__(self, folder, shadow):
        self.folder = pathlib.Path(folder).resolve()
        self.shadow = pathlib.Path(shadow).resolve()

    def environment(self, library, control=None):
        """What to add to the program's environment."""
        environment = {
            "LD_PRELOAD": str(library),
            "DISK_SHIM_FOLDER": str(self.folder),
            "DISK_SHIM_SHADOW": str(self.shadow),
        }
        if control:
            environment["DISK_SHIM_CONTROL"] = str(control)
        return environment

    def begin(self):
        """Everything that is in the folder is durable."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.folder, self.shadow)

    def cut(self, seed):
        """The program has ended. Returns what the cut did to each file that had unsynced changes."""
        rng = random.Random(seed)
        # How much of what was not asked for reaches the disk differs from cut to cut.
        share = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        report = {"seed": seed, "share": share, "files": {}}
        names = {f.relative_to(root) for root in (self.folder, self.shadow)
                 for f in root.rglob("*") if f.is_file()}
        for name in sorted(names):
            if change := _cut_file(self.folder / name, self.shadow / name, rng, share):
                report["files"][str(name)] = change
        self.begin()
        return report


def set_control(control, fault):
    """Sets the fault of a running program ("" for none): replaces the control file in one step."""
    control = pathlib.Path(control)
    new = control.with_name(control.name + ".new")
    new.write_text(fault + "\n")
    new.rename(control)


def _read(path):
    return path.read_bytes() if path.is_file() else None


def _cut_file(path, shadow, rng, share):
    now, kept = _read(path), _read(shadow)
    if now == kept:
        return None
    if now is None:
        # Cannot be: the shim removes the shadow with the file. Something else removed it; it is back.
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(kept)
        return {"back": len(kept)}
    if kept is None:
        if rng.random() >= share:
            path.unlink()
            return {"gone": len(now)}
        kept = b""
    size = len(now) if rng.random() < share else len(kept)
    after = bytearray(kept[:size].ljust(size, b"\0"))
    change = {"old_size": len(kept), "new_size": len(now), "size": size,
              "pages_kept": 0, "pages_lost": 0, "pages_torn": 0}
    for at in range(0, size, PAGE):
        end = min(at + PAGE, size)
        if now[at:end] == after[at:end]:
            continue
        if rng.random() < 0.1 and 0 < share < 1:
            for sector in range(at, end, SECTOR):
                stop = min(sector + SECTOR, end)
                if rng.random() < share:
                    after[sector:stop] = now[sector:stop].ljust(stop - sector, b"\0")
            change["pages_torn"] += 1
        elif rng.random() < share:
            after[at:end] = now[at:end].ljust(end - at, b"\0")
            change["pages_kept"] += 1
        else:
            change["pages_lost"] += 1
    # In place: owner and mode stay.
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(after)
    return change


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    print(json.dumps(Disk(sys.argv[1], sys.argv[2]).cut(int(sys.argv[3])), indent=1))
