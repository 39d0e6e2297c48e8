#!/usr/bin/python3
"""build.py FOLDER: CloudCore, and EdgeHub with EventBus, of KubeEdge as programs FOLDER/cloudcore and FOLDER/edgecore, from
their Go modules. KubeEdge's fork of Kubernetes, which edged alone needs, is replaced by Kubernetes itself."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

VERSION = "v1.23.0"
HERE = pathlib.Path(__file__).resolve().parent
ENVIRONMENT = {**os.environ, "GOFLAGS": "-mod=mod"}
# Has no entry of its last patch in the checksum database.
EARLIER = {"k8s.io/dynamic-resource-allocation": "v0.32.0"}


def module_folder():
    run = subprocess.run(["go", "mod", "download", "-json", f"github.com/kubeedge/kubeedge@{VERSION}"], check=False,
                         capture_output=True, text=True, env=ENVIRONMENT)
    about = json.loads(run.stdout)
    assert "Dir" in about, about.get("Error")
    return pathlib.Path(about["Dir"])


def replacements(text):
    for line in text[text.index("replace ("):].splitlines():
        if "=>" not in line:
            continue
        old, new = (side.split("//")[0].strip() for side in line.split("=>"))
        name = old.split()[0]
        fork = re.match(r"github.com/kubeedge/kubernetes(?:/staging/src/\S+)? v1\.(\d+\.\d+)-", new)
        if fork:
            new = f"{name} v{'1' if name == 'k8s.io/kubernetes' else '0'}.{fork[1]}"
        # Released with Kubernetes, and still: not those that it has left behind, nor what lies in KubeEdge's own tree.
        left = name in ("k8s.io/csi-api", "k8s.io/node-api", "k8s.io/repo-infra", "k8s.io/heapster", "k8s.io/gengo",
                        "k8s.io/utils")
        if not left and not new.startswith("./"):
            yield f"\t{old} => {name + ' ' + EARLIER[name] if name in EARLIER else new}"


def build(folder):
    folder.mkdir(parents=True, exist_ok=True)
    replace = "\n".join(replacements((module_folder() / "go.mod").read_text()))
    require = "\n".join(f"\tgithub.com/kubeedge/{m} {VERSION}" for m in ("kubeedge", "api", "beehive"))
    (folder / "go.mod").write_text(f"module core\n\ngo 1.23.0\n\nrequire (\n{require}\n)\n\nreplace (\n{replace}\n)\n")
    for part in ("cloud", "edge"):
        if (folder / f"{part}core").exists():
            continue
        shutil.copytree(HERE / part, folder / part, dirs_exist_ok=True)
        subprocess.run(["go", "build", "-p", "2", "-ldflags", "-s -w", "-o", f"{part}core", f"./{part}"], cwd=folder,
                       check=True, env=ENVIRONMENT)


if __name__ == "__main__":
    build(pathlib.Path(sys.argv[1]))
