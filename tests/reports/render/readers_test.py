"""Every format of `recommend --format` held against stored text, and given to the program that will
read it: jq, systemd-analyze, promtool, kubectl, docker-compose, libgomp, numactl, taskset, a shell.
A reader that is not installed skips its test by name. With --update the stored text is written.
Usage: readers_test.py WRITE_SETTINGS OPENMP_PROGRAM GOLDEN_FOLDER [--update]"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

README = pathlib.Path(__file__).resolve().parents[3] / "README.md"
MACHINES = ("masks", "nodes", "quota")
JSON_FORMATS = ("json", "llama-cpp-python", "llama-crab", "ollama-request", "openvino", "onnxruntime")


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"{program} is not installed")


def read(machine, name):
    return (FOLDER / machine / name).read_text()


def run(*command, text="", env=None):
    done = subprocess.run(command, input=text, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done


def lines(text):
    return [line for line in text.splitlines() if line and not line.startswith("#")]


class Golden(unittest.TestCase):
    def test_every_format_reads_as_stored(self):
        for machine in MACHINES:
            made = {path.name for path in (FOLDER / machine).iterdir()}
            stored = {path.name for path in (GOLDEN / machine).iterdir()}
            self.assertEqual(made - {"json"}, stored)
            for name in sorted(stored):
                with self.subTest(machine=machine, format=name):
                    self.assertEqual(read(machine, name), (GOLDEN / machine / name).read_text())

    def test_a_quota_names_no_cpu(self):
        for path in sorted((FOLDER / "quota").iterdir()):
            if path.name == "json":  # has fields of these names
                continue
            text = "\n".join(lines(path.read_text()))
            for word in ("cpuset", "CPUAffinity", "physcpubind", "taskset -c", "--cpu-strict", "-Cr",
                         "GOMP_CPU_AFFINITY", "OMP_PLACES", "thread_affinities"):
                self.assertNotIn(word, text, path.name)


class Readme(unittest.TestCase):
    def test_its_table_has_every_format_and_shows_what_is_written(self):
        """Rows | `FORMAT` | `a line of it` |, for the machine of the folder masks."""
        rows = dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", README.read_text(), re.MULTILINE))
        made = {path.name for path in (FOLDER / "masks").iterdir()}
        self.assertLessEqual(made, set(rows))
        for name in sorted(made):
            for example in re.findall("`([^`]+)`", rows[name]):
                with self.subTest(format=name):
                    self.assertIn(example, read("masks", name))


class Readers(unittest.TestCase):
    def test_json_is_json(self):
        for machine in MACHINES:
            for name in JSON_FORMATS:
                json.loads(read(machine, name))

    @needs("jq")
    def test_jq_finds_the_counts(self):
        self.assertEqual(run("jq", ".n_threads", text=read("masks", "llama-cpp-python")).stdout, "5\n")
        self.assertEqual(run("jq", ".options.num_thread", text=read("quota", "ollama-request")).stdout,
                         "2\n")
        self.assertEqual(run("jq", "-r", ".CPU.INFERENCE_NUM_THREADS",
                             text=read("quota", "openvino")).stdout, "2\n")
        for machine in MACHINES:
            for name in JSON_FORMATS:
                run("jq", ".", text=read(machine, name))

    def test_onnxruntime_has_an_affinity_for_all_threads_but_one(self):
        options = json.loads(read("masks", "onnxruntime"))
        self.assertEqual(len(options["session.intra_op_thread_affinities"].split(";")),
                         options["intra_op_num_threads"] - 1)

    @needs("systemd-analyze")
    def test_systemd_takes_the_drop_in_without_a_word(self):
        for machine in MACHINES:
            with tempfile.TemporaryDirectory() as folder:
                unit = pathlib.Path(folder) / "engine.service"
                unit.write_text("[Unit]\nDescription=engine\n[Service]\nExecStart=/bin/true\n")
                drop_in = pathlib.Path(folder) / "engine.service.d"
                drop_in.mkdir()
                (drop_in / "threads.conf").write_text(read(machine, "systemd"))
                # It exits 0 on unknown keys: only silence is consent.
                self.assertEqual(run("systemd-analyze", "verify", "--man=no", str(unit)).stderr, "")
                (drop_in / "threads.conf").write_text("[Service]\nCPUAfinity=1\n")
                done = run("systemd-analyze", "verify", "--man=no", str(unit))
                self.assertIn("CPUAfinity", done.stderr, "the reader does not read the drop-in")

    @needs("promtool")
    def test_promtool_takes_the_metrics(self):
        for machine in MACHINES:
            run("promtool", "check", "metrics", text=read(machine, "prometheus"))

    @needs("kubectl")
    def test_kubectl_lists_the_environment(self):
        for machine in MACHINES:
            listed = run("kubectl", "set", "env", "--local", "-f",
                         str(FOLDER / machine / "kubernetes"), "--list").stdout
            self.assertIn("OMP_NUM_THREADS=", listed)

    @needs("docker-compose")
    def test_docker_compose_takes_the_service(self):
        for machine in MACHINES:
            shown = run("docker-compose", "-f", str(FOLDER / machine / "docker-compose"),
                        "config").stdout
            self.assertIn("OMP_NUM_THREADS", shown)
            self.assertEqual("cpuset" in shown, machine != "quota")

    def test_libgomp_takes_the_variables(self):
        if not OPENMP:
            self.skipTest("this build has no OpenMP")
        for machine in MACHINES:
            for name in ("openmp", "pytorch"):
                given = dict(line.removeprefix("export ").split("=", 1)
                             for line in lines(read(machine, name)))
                given = {key: value.strip("'") for key, value in given.items()}
                done = run(OPENMP, env={**os.environ, **given, "OMP_DISPLAY_ENV": "true"})
                self.assertIn(f"OMP_NUM_THREADS = '{given['OMP_NUM_THREADS']}'", done.stderr)
                self.assertNotIn("Invalid", done.stderr)

    @needs("numactl")
    def test_numactl_and_taskset_take_a_list_of_this_machine(self):
        here = sorted(os.sched_getaffinity(0))[0]
        line = lines(read("masks", "numactl"))[-1].split()
        self.assertTrue(line[1].startswith("--physcpubind="), line)
        run("numactl", f"--physcpubind={here}", "true")
        run("taskset", "-c", str(here), "true")
        self.assertIn("--membind=0", lines(read("nodes", "numactl"))[-1])

    def test_a_shell_takes_exports_and_scripts(self):
        for machine in MACHINES:
            for name in ("shell", "pytorch", "openmp", "rayon", "vllm", "llama.cpp-env", "slurm",
                         "llama.cpp", "llama-bench", "docker", "numactl", "taskset"):
                run("sh", "-n", text=read(machine, name))
            done = run("sh", text=read(machine, "rayon") + 'echo "$RAYON_NUM_THREADS"\n')
            self.assertRegex(done.stdout, "^[0-9]+\n$")

    def test_csv_is_csv(self):
        import csv
        rows = list(csv.DictReader(read("masks", "csv").splitlines()))
        self.assertEqual([row["phase"] for row in rows], ["prefill", "decode"])
        self.assertGreater(float(rows[0]["tokens_per_second"]), 0)


if __name__ == "__main__":
    update = "--update" in sys.argv
    WRITE, OPENMP, GOLDEN = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    with tempfile.TemporaryDirectory() as made:
        FOLDER = pathlib.Path(made)
        run(WRITE, made)
        if update:
            for machine in MACHINES:
                shutil.rmtree(GOLDEN / machine, ignore_errors=True)
                shutil.copytree(FOLDER / machine, GOLDEN / machine,
                                ignore=shutil.ignore_patterns("json"))
        program = unittest.main(argv=sys.argv[:1], exit=False, verbosity=2)
    sys.exit(0 if program.result.wasSuccessful() else 1)
