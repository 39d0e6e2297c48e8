"""finish.py OUT ARCH PROGRAM: strips OUT/tree/bin/PROGRAM into OUT/bin/PROGRAM, prints its sections, libraries
and largest functions, and writes OUT/bin/PROGRAM.spdx.json: what of Debian is in it (SPDX 2.3).

What is in it is read from the linker's map (archives) and from ninja's dependencies (header-only libraries),
not from a list."""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
from collections import Counter
from urllib.parse import quote

# SPDX expressions by Debian source package, as debian/copyright of each states for what is used here.
LICENCES = {
    "cli11": "BSD-3-Clause",
    "curl": "curl",
    "fmtlib": "MIT",
    "gcc-12": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "glibc": "LGPL-2.1-or-later",
    "libzstd": "BSD-3-Clause OR GPL-2.0-only",
    "linux": "GPL-2.0-only WITH Linux-syscall-note",
    "mosquitto": "EPL-2.0 OR BSD-3-Clause",
    "msgpack-cxx": "BSL-1.0",
    "nghttp2": "MIT",
    "nlohmann-json3": "MIT",
    "openssl": "Apache-2.0",
    "protozero": "BSD-2-Clause",
    "snappy": "BSD-3-Clause",
    "spdlog": "MIT",
    "sqlite3": "blessing",
    "yaml-cpp": "MIT",
}
# The library that is built from a source package, by the file it becomes.
BUILT = {"libcurl": "curl", "libmosquitto": "mosquitto", "libsqlite3": "sqlite3", "libzstd": "libzstd",
         "curl": "curl", "mosquitto": "mosquitto", "mqtt_protocol": "mosquitto", "sqlite3": "sqlite3",
         "zstd": "libzstd", "zstd_errors": "libzstd"}


def output(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, **options).stdout


def version_of_program(out):
    cache = (out / "tree/CMakeCache.txt").read_text()
    return re.search(r"^CMAKE_PROJECT_VERSION:\S+=(.*)$", cache, re.M)[1]


def archives_in(map_file):
    """{path of archive: bytes in the program} from GNU ld's map."""
    sizes, mapped = Counter(), False
    for line in open(map_file, errors="replace"):
        mapped = mapped or line.startswith("Linker script and memory map")
        found = mapped and re.match(r"^(?: \S+)?\s+(0x[0-9a-f]+)\s+(0x[0-9a-f]+)\s+(\S.*)$", line.rstrip())
        if not found or int(found[1], 16) == 0:
            continue
        archive = re.match(r"(.*\.a)\(.*\)$", found[3])
        sizes[archive[1] if archive else "own"] += int(found[2], 16)
    return sizes


def headers_of(tree, program):
    """Headers that the objects of the program were compiled from."""
    inputs = output("ninja", "-C", tree, "-t", "inputs", f"bin/{program}").split()
    objects = [name for name in inputs if name.endswith(".o")]
    lines = output("ninja", "-C", tree, "-t", "deps", *objects).splitlines()
    return {line.strip() for line in lines if line.startswith("    ")}


def deb_files(out):
    """{path in the sysroot: .deb it is from}"""
    owner = {}
    for deb in sorted((out / "debs").glob("*.deb")):
        for line in output("dpkg-deb", "-c", deb).splitlines():
            path = line.split(None, 5)[5].split(" -> ")[0]
            owner[path.removeprefix(".")] = deb
    return owner


def purl(name, version, arch):
    return f"pkg:deb/debian/{quote(name, safe='.-~')}@{quote(version, safe='.-~')}?arch={arch}&distro=debian-12"


def package(name, version, arch, source, source_version, checksum=None):
    source = source.removesuffix("-cross")
    if source not in LICENCES:
        sys.exit(f"finish.py: no licence is known for Debian's {source}; add it to LICENCES")
    entry = {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", f"{name}-{arch}"),
        "name": name,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": LICENCES[source],
        "licenseDeclared": LICENCES[source],
        "copyrightText": "NOASSERTION",
        "sourceInfo": f"Debian source package {source} {source_version}",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": purl(name, version, arch)}],
    }
    if checksum:
        entry["checksums"] = [{"algorithm": "SHA256", "checksumValue": checksum}]
    return entry


def from_deb(deb):
    name, version, arch, source = (output("dpkg-deb", "-f", deb, field).strip()
                                   for field in ("Package", "Version", "Architecture", "Source"))
    source, _, rest = (source or name).partition(" ")
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    return package(name, version, arch, source, rest.strip("() ") or version, digest)


def from_source(out, source):
    changelog = out / "sources" / source / "debian/changelog"
    version = output("dpkg-parsechangelog", "-l", changelog, "-S", "Version").strip()
    return package(source, version, "source", source, version)


def from_compiler(path):
    owner = output("dpkg", "-S", os.path.realpath(path)).split(": ")[0]
    fields = output("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}\t${source:Package}\t"
                    "${source:Version}\n", owner).splitlines()[0].split("\t")
    return package(*fields)


def parts_of(out, archives, headers):
    """[(SPDX package, how it is in)]: each once, linked before included."""
    sysroot, owner, parts = str((out / "sysroot").resolve()), deb_files(out), {}
    for relation, paths in (("STATIC_LINK", archives), ("CONTAINS", headers)):
        for path in sorted(paths):
            real = os.path.realpath(out / "tree" / path)
            if real.startswith(sysroot + "/usr/local/"):
                tail = pathlib.Path(real.removeprefix(sysroot + "/usr/local/")).parts[1]
                entry = from_source(out, BUILT[tail.partition(".")[0]])
            elif real.startswith(sysroot):
                entry = from_deb(owner[real.removeprefix(sysroot)])
            elif relation == "STATIC_LINK" and "/gcc" in real:
                entry = from_compiler(real)
            else:
                continue
            parts.setdefault(entry["SPDXID"], (entry, relation))
    return [parts[key] for key in sorted(parts)]


def sbom(out, arch, program, version, parts):
    digest = hashlib.sha256((out / "bin" / program).read_bytes()).hexdigest()
    created = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.timezone.utc)
    root = {
        "SPDXID": f"SPDXRef-{program}", "name": program, "versionInfo": version,
        "packageFileName": program, "primaryPackagePurpose": "APPLICATION", "supplier": "NOASSERTION",
        "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "Apache-2.0",
        "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION",
        "checksums": [{"algorithm": "SHA256", "checksumValue": digest}],
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:generic/{program}@{version}?arch={arch}"}],
    }
    relations = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                  "relatedSpdxElement": root["SPDXID"]}]
    relations += [{"spdxElementId": root["SPDXID"], "relationshipType": relation,
                   "relatedSpdxElement": entry["SPDXID"]} for entry, relation in parts]
    return {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{program}-{version}-linux-{arch}",
        "documentNamespace": f"urn:godwit:sbom:{program}:{arch}:sha256:{digest}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: godwit-build-static"]},
        "packages": [root] + [entry for entry, _ in parts], "relationships": relations,
    }


def report(program, arch, tools, tree_file, file, archives):
    print(f"\n{program} {arch}: {file.stat().st_size} bytes")
    rows = [line.split()[:2] for line in output(f"{tools}-size", "-A", file).splitlines()[2:] if line]
    largest = sorted(((int(size), name) for name, size in rows if name != "Total"), reverse=True)[:7]
    print("  sections   " + ", ".join(f"{name} {size >> 10} KiB" for size, name in largest))
    by_library = Counter()
    for path, size in archives.items():
        by_library[pathlib.Path(path).name] += size
    print("  libraries  " + ", ".join(f"{name} {size >> 10} KiB" for name, size in by_library.most_common(12)))
    symbols = [line.split(None, 3) for line in
               output(f"{tools}-nm", "-C", "-S", "--size-sort", "-r", tree_file).splitlines()]
    print("  largest symbols")
    for fields in [f for f in symbols if len(f) == 4][:10]:
        print(f"    {int(fields[1], 16):8d}  {fields[3][:90]}")


def main(out, arch, program):
    out = pathlib.Path(out)
    tools = {"arm64": "aarch64-linux-gnu", "amd64": "x86_64-linux-gnu"}[arch]
    tree_file, file = out / "tree/bin" / program, out / "bin" / program
    file.parent.mkdir(exist_ok=True)
    output(f"{tools}-strip", "--strip-all", "-R", ".comment", "-o", file, tree_file)
    archives = archives_in(f"{tree_file}.map")
    report(program, arch, tools, tree_file, file, archives)
    libraries = [path for path in archives if path != "own" and not path.startswith(("edge/", "transport/", "cloud/"))]
    parts = parts_of(out, libraries, headers_of(out / "tree", program))
    document = sbom(out, arch, program, version_of_program(out), parts)
    (out / "bin" / f"{program}.spdx.json").write_text(json.dumps(document, indent=1) + "\n")
    print(f"  contains   {', '.join(entry['name'] + ' ' + entry['versionInfo'] for entry, _ in parts)}")


main(*sys.argv[1:])
