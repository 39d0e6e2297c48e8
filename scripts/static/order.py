"""Puts what runs all the time in front in the static agent's code, so that it fills few pages:
  order.py script TOOLS       the linker script of TOOLS-ld with the pieces of order.txt first, on standard output
  order.py train RELAY_FILE   makes order.txt anew from two minutes of the static amd64 agent under valgrind's callgrind; with
                              --add, what was there stays

The kernel maps code 64 KiB and more at a time, around each page that is used. A piece is an input section, of a function
or of a member of an archive, as a pattern of GNU ld. A piece that no longer exists is ignored, and code that is not
named lies behind: the list may age, at the price of some memory."""
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right

HERE = pathlib.Path(__file__).resolve().parent
ORDER = HERE / "order.txt"
BUILT = HERE.parents[1] / "build/static-amd64/tree/bin/godwit-agent"
# What callgrind does not see: the code that stands on arm64 for x86's own, the variants of libc for CPUs that valgrind is
# not (AVX-512), and what is seldom but not only at the start: exceptions, threads and children.
ALWAYS = [
    "*libcrypto.a:libcrypto-lib-aesv8-armx.o(.text)", "*libcrypto.a:libcrypto-lib-aes-gcm-armv8_64.o(.text)",
    "*libgcc.a:*(.text .text.*)", "*libgcc_eh.a:*(.text .text.*)", "*libstdc++.a:eh_*.o(.text .text.*)",
    "*libc.a:*(.text.evex)", "*libc.a:*(.text.evex512)",
    *(f"*libc.a:{name}.o(.text)" for name in (
        "mem*", "strlen*", "strchr*", "strcmp*", "strncmp*", "strnlen*", "strrchr*", "strcpy*", "stpcpy*", "*strerror*",
        "*setjmp", "*longjmp*", "*unwind*", "pthread_*", "sig*", "libc_sigaction", "get*id", "setpgid", "sleep", "ctype",
        "cxa_atexit", "arc4random", "fdopendir", "dl-find_object", "dl-exception", "getaddrinfo",
        "execve", "execvpe", "rewinddir", "lstat64", "pread64", "mktime"))]
# Of the first minute only the start is left out; then every collector has run several times.
START_S, WATCHED_S = 45, 75


def pieces_in(map_file):
    """[(address, end, piece)] of code, from GNU ld's map."""
    found, section, mapped = [], None, False
    for line in open(map_file, errors="replace"):
        mapped = mapped or line.startswith("Linker script and memory map")
        if not mapped:
            continue
        name = re.match(r"^ (\.text\S*)", line)
        section = name[1] if name else section
        place = re.match(r"^(?: \.text\S*)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S+)$", line.rstrip())
        if place and section and int(place[2], 16):
            member = re.search(r"([^/]+\.a)\(([^)]+)\)$", place[3])
            if member or section != ".text":
                piece = f"*{member[1]}:{member[2]}({section})" if member else f"*({section})"
                found.append((int(place[1], 16), int(place[1], 16) + int(place[2], 16), piece))
        if not re.match(r"^ \.text\S*$", line.rstrip()):
            section = None
    return sorted(found)


def watch(relay_file, log):
    sys.path.insert(0, str(HERE.parents[1] / "test/static"))
    from everything import running
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-instr=yes", "--compress-pos=no",
                "--compress-strings=no", f"--callgrind-out-file={log}"]
    with running(BUILT, relay_file, valgrind) as (_, agent):
        for wait, then in ((START_S, "on"), (WATCHED_S, "off")):
            time.sleep(wait)
            subprocess.run(["callgrind_control", "-i", then, str(agent.child.pid)], check=True, capture_output=True)


def train(relay_file, *options):
    pieces = pieces_in(f"{BUILT}.map")
    starts, ran = [start for start, _, _ in pieces], set()
    with tempfile.NamedTemporaryFile("r", errors="replace") as log:
        watch(relay_file, log.name)
        for line in open(log.name, errors="replace"):
            address = re.match(r"^0x([0-9a-f]+) ", line)
            if address:
                at = bisect_right(starts, int(address[1], 16)) - 1
                if at >= 0 and int(address[1], 16) < pieces[at][1]:
                    ran.add(pieces[at][2])
    print(f"{len(ran)} pieces, {sum(end - start for start, end, piece in pieces if piece in ran)} bytes")
    # Assembler files of the other architecture differ in the end of their names only.
    ran = {piece.replace("-x86_64.o(", "-*.o(") for piece in ran}
    if "--add" in options:
        ran |= set(ORDER.read_text().splitlines())
    ORDER.write_text("".join(f"{piece}\n" for piece in sorted(ran)))


def script(tools):
    shown = subprocess.run([f"{tools}-ld", "-static", "--verbose"], check=True, capture_output=True, text=True).stdout
    default = shown.split("=" * 50)[1].lstrip("=")
    trained = ORDER.read_text().splitlines()
    # What the optimiser makes of a function has another name in each build.
    plain = [re.sub(r"(\.(lto_priv|constprop|isra|part)\.\d+)+\)$", ")", piece) for piece in trained]
    first = "".join(f"    {piece}\n" for piece in dict.fromkeys(trained + plain + ALWAYS))
    head, opening, tail = re.split(r"(\n  \.text +:\n  \{\n)", default)
    # edge/start_up_pages.cc asks where the rest begins.
    sys.stdout.write(f"{head}{opening}{first}    godwit_rest_of_code = .;\n{tail}")


{"train": train, "script": script}[sys.argv[1]](*sys.argv[2:])
