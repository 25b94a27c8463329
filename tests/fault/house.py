"""What the scripts of this folder share: the built programs among stand-ins for the probes, one
child with a deadline, and what must not be left behind.

A copy of memory_benchmark beside links to fake_probe (tests/probes/campaign) under the probes'
names does a whole `run` in a fraction of a second: everything but the measuring is real.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import zlib

PROBES = ["machine", "stream_bandwidth", "matmul_throughput", "attention_kv", "dispatch_overhead",
          "shm_bandwidth", "core_to_core", "smt_interference", "decode_scaling", "prefill_scaling",
          "cache_latency", "peak_compute", "loaded_latency", "clock"]
GOOD_CODES = {0, 1, 2, 3, 4, 5, 7}  # DESIGN, section 7
HANG_SECONDS = 30
JOURNAL = "campaign.journal"


def fake_house(folder, bin_folder):
    """A folder with memory_benchmark and stand-ins for all probes; returns the program."""
    folder.mkdir(parents=True)
    program = folder / "memory_benchmark"
    shutil.copy2(bin_folder / "memory_benchmark", program)
    for name in PROBES:
        (folder / name).symlink_to(bin_folder / "fake_probe")
    return program


class Ended:
    """How a child ended; `code` is negative for a signal, None when it had to be killed."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def bad(self):
        """Why this is no orderly end, or ''."""
        if self.code is None:
            return f"hung for {HANG_SECONDS} s"
        if self.code < 0:
            return f"killed by {signal.Signals(-self.code).name}"
        return "" if self.code in GOOD_CODES else f"exit code {self.code}"


def environment(more=None, path=True):
    """Ours without what would make runs differ; without PATH there is no gnuplot to wait for."""
    made = {key: value for key, value in os.environ.items() if not key.startswith("FA")}
    if not path:
        made["PATH"] = "/nowhere"
    made.update(more or {})
    return made


def run(argv, env=None, on_start=None, seconds=HANG_SECONDS, cwd=None, preexec=None):
    begin = time.monotonic()
    child = subprocess.Popen([str(word) for word in argv], env=env, cwd=cwd, preexec_fn=preexec,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, start_new_session=True)
    try:
        if on_start:
            on_start(child)
        out, err = child.communicate(timeout=seconds)
        code = child.returncode
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        code = None
    return Ended(code, out.decode(errors="replace"), err.decode(errors="replace"),
                 time.monotonic() - begin)


def names_in_shm():
    return {entry for entry in os.listdir("/dev/shm")}


def processes_of(folder):
    """Processes whose first argument lies in `folder`; a moment is given to those that are dying."""
    wanted = str(folder).encode()
    for _ in range(50):
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if (entry / "cmdline").read_bytes().startswith(wanted):
                    found.append(int(entry.name))
            except OSError:
                pass
        if not found:
            return []
        time.sleep(0.02)
    return found


def journal_lines(path):
    """(lines whose checksum is right, number of the others)."""
    good, torn = [], 0
    if not path.exists():
        return good, torn
    for line in path.read_bytes().split(b"\n"):
        if not line:
            continue
        try:
            right = int(line[:8], 16) == zlib.crc32(line[9:]) and line[8:9] == b" "
        except ValueError:
            right = False
        if right:
            good.append(line[9:].decode())
        else:
            torn += 1
    return good, torn


def load(path):
    """The document, or a text that says why it cannot be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        return f"{path}: {error}"


def leftovers(folder, allowed):
    """Names in `folder` that nobody asked for."""
    if not folder.exists():
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.name not in allowed)


def temporary(prefix):
    return tempfile.TemporaryDirectory(prefix=prefix, dir=os.environ.get("TMPDIR", "/tmp"))


def is_temporary_file(name):
    return re.fullmatch(r"\..*\.\d+\.\d+\.tmp", name) is not None
