"""What the programs say of themselves: their help, completion by a real bash, and the references that are
committed."""
import os
import pathlib
import pty
import re
import subprocess
import time
import unittest

from pipeline import BIN, SOURCE, eventually

MAINS = {"godwit-agent": "edge/main.cc", "godwit-relay": "cloud/main.cc", "godwit": "cloud/godwit_main.cc"}


def run(*argv):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=30, check=False)


def commands_of(program):
    text = run(BIN / program, "--help").stdout
    return re.findall(r"^  ([a-z][a-z-]*) ", text.split("Subcommands:\n")[1], re.MULTILINE)


class HelpTest(unittest.TestCase):
    def test_every_command_and_option_is_in_the_help(self):
        for program, main in MAINS.items():
            source = pathlib.Path(SOURCE / main).read_text()
            commands = commands_of(program)
            declared = re.findall(r'add_subcommand\(\s*"([a-z-]+)"', source)
            self.assertEqual(sorted(commands), sorted(declared))
            helps = {"": run(BIN / program, "--help")}
            helps |= {command: run(BIN / program, command, "--help") for command in commands}
            for command, done in helps.items():
                self.assertEqual((done.returncode, done.stderr), (0, ""), (program, command))
                self.assertIn(f"Usage: {program}", done.stdout)
                # Nothing without a word of what it does.
                for line in re.findall(r"^  -.*$", done.stdout, re.MULTILINE):
                    if not re.search(r"\S {2,}\S", line.strip()):
                        self.assertIn(line + "\n                              ", done.stdout)
            listed = "\n".join(done.stdout for done in helps.values())
            options = re.findall(r'add_(?:option|flag)\("(--[a-z-]+)"', source)
            self.assertGreater(len(options), 0)
            for option in options:
                self.assertRegex(listed, rf"(?m)^  {option}\b", program)

    def test_mistakes(self):
        for program in MAINS:
            done = run(BIN / program, "no-such-command")
            self.assertEqual(done.returncode, 78, done.stderr)
            self.assertIn("--help", done.stderr + done.stdout)


class CompletionTest(unittest.TestCase):
    def complete(self, *words):
        script = ('PATH=$0:$PATH; source <(godwit completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
                  '_godwit; printf "%s\\n" "${COMPREPLY[@]}"')
        done = run("bash", "--norc", "-c", script, BIN, *words)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_words(self):
        for program in MAINS:
            self.assertEqual(sorted(self.complete(program, "")), sorted(commands_of(program)))
        self.assertEqual(self.complete("godwit", "no"), ["nodes"])
        self.assertEqual(self.complete("godwit", "nodes", "--li"), ["--listen"])
        self.assertEqual(self.complete("godwit", "tail", "--color", ""), ["always", "never", "auto"])
        self.assertEqual(self.complete("godwit", "tail", "--color", "=", "al"), ["always"])
        self.assertEqual(self.complete("godwit", "completion", ""), ["bash"])
        self.assertEqual(self.complete("godwit", "tail", "--json", "--n"), ["--node"])
        self.assertEqual(self.complete("godwit", "tail", "--ca", ""), [])  # bash goes on with file names
        self.assertEqual(self.complete("godwit-agent", "once", "--format", "p"), ["prom"])
        self.assertEqual(self.complete("godwit-agent", "parse", "np"), ["npu-smi"])
        self.assertIn("--config", self.complete("godwit-agent", "run", "--"))
        self.assertIn("--config", self.complete("godwit-relay", "check", "--"))
        self.assertEqual(self.complete("godwit", "nodes", "--nothing-such"), [])

    def test_at_a_prompt(self):
        near, far = pty.openpty()
        child = subprocess.Popen(["bash", "--norc", "--noprofile", "-i"], stdin=far, stdout=far, stderr=far,
                                 start_new_session=True,
                                 env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PS1": "> ", "TERM": "dumb"})
        os.set_blocking(near, False)
        seen = []

        def shows(word):
            try:
                seen.append(os.read(near, 65536))
            except BlockingIOError:
                time.sleep(0.02)
            return word in b"".join(seen).decode(errors="replace")
        try:
            os.write(near, b"source <(godwit completion bash); echo rea''dy\n")
            eventually(lambda: shows("ready\r"), what="the prompt")
            os.write(near, b"godwit dec\t--sch\t")
            eventually(lambda: shows("godwit decode --schema "), what="two words completed")
        finally:
            child.kill()
            child.wait()
            os.close(near)
            os.close(far)


class ReferenceTest(unittest.TestCase):
    def test_references_are_what_the_programs_say(self):
        done = subprocess.run([SOURCE / "scripts/reference", "--check"], env={**os.environ, "GODWIT_BIN": str(BIN)},
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_metrics_are_complete(self):
        rows = re.findall(r"^\| `([^`]+)` \| (\w+) \| \S* ?\| .+ \|$", run(BIN / "godwit", "metrics").stdout, re.MULTILINE)
        names = re.findall(r'^    \{"([a-zA-Z_*0-9]+)", (gauge|counter|info|stateset),',
                           pathlib.Path(SOURCE / "transport/catalog.cc").read_text(), re.MULTILINE)
        self.assertGreater(len(names), 150)
        self.assertEqual(sorted(rows), sorted(names))

    def test_troubleshooting_quotes_what_the_logs_say(self):
        said = "".join(path.read_text() for layer in ("edge", "cloud", "transport")
                       for path in sorted((SOURCE / layer).rglob("*.cc")))
        said = re.sub(r'"\s*\n\s*"', "", said)
        text = (SOURCE / "deploy/TROUBLESHOOTING.md").read_text()
        rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
        rows += re.findall(r"(?s)## The damaged buffer.*", text)
        quotes = [q.replace("\n", " ") for row in rows for q in re.findall(r"(?s)`([^`]+)`", row) if q.count(" ") > 2]
        self.assertGreater(len(quotes), 18)
        for quote in quotes:
            with self.subTest(quote):
                self.assertIn(re.sub(r"^(jtop:|tegra:|npu_smi: npu-smi|nvidia_smi: nvidia-smi|uplink:) ", "", quote), said)


if __name__ == "__main__":
    unittest.main()
