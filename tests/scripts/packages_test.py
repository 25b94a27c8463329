"""What can be known of the packages without building one: the texts say all that --help says, the
launcher finds its package and keeps the system's libraries out, the run script prefers a package,
and whatever is shipped is listed.   packages_test.py PROGRAM COMPILER"""
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "scripts/packages"
PROGRAM, COMPILER = sys.argv[1:3]
sys.path.insert(0, str(PACKAGES))
SPEC = importlib.util.spec_from_file_location("shipped", PACKAGES / "shipped.py")
shipped = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(shipped)


def run(*words, **more):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, **more)


def make_script(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n" + text)
    file.chmod(0o755)


class Texts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        table = run(PROGRAM, "--help").stdout.split("Commands")[1].split("\n\n")[0]
        cls.commands = re.findall(r"^  (\w+) ", table, re.MULTILINE)
        cls.flags = {name: set(re.findall(r"^  (?:-\w \[ )?(--[a-z][a-z0-9-]*)", run(PROGRAM, name, "--help").stdout,
                                          re.MULTILINE)) for name in cls.commands}

    def complete(self, *words):
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _memory_benchmark; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = run("bash", "-c", script, "bash", PACKAGES / "completion.bash", *words)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_help_is_understood(self):
        self.assertGreater(len(self.commands), 10)
        self.assertIn("--budget", self.flags["run"])

    def test_completion_lists_every_subcommand_and_flag(self):
        self.assertLessEqual(set(self.commands), self.complete("memory_benchmark", ""))
        for name in self.commands:
            self.assertLessEqual(self.flags[name], self.complete("memory_benchmark", name, "--"), name)

    def test_completion_knows_values_and_leaves_an_engines_command_alone(self):
        self.assertIn("llama.cpp", self.complete("memory_benchmark", "recommend", "r.json", "--format", "lla"))
        self.assertEqual(self.complete("memory_benchmark", "sweep", "--", "engine", "--"), set())

    def test_manual_names_every_subcommand_and_flag(self):
        page = (PACKAGES / "memory_benchmark.1").read_text()
        sections = {part.split(maxsplit=1)[0]: part.replace("\\-", "-")
                    for part in page.split("\n.SS ")[1:]}
        for name in self.commands:
            self.assertIn(name, sections)
            for flag in self.flags[name] - {"--help"}:
                self.assertIn(f"\\fB{flag}\\fR", sections[name], name)

    def test_both_are_what_the_programs_say(self):
        done = run(sys.executable, PACKAGES / "write_texts.py", PROGRAM, "--check")
        self.assertEqual(done.returncode, 0, done.stderr)


class Relocatable(unittest.TestCase):
    """A package of coreutils' programs under our names, laid out as ours are."""
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        base = pathlib.Path(cls.folder.name).resolve()
        (base / "bin").mkdir()
        for name, tool in (("memory_benchmark", "env"), ("machine", "readlink"), ("clock", "cat")):
            shutil.copy(shutil.which(tool), base / "bin" / name)
        built = run(COMPILER, "-std=c++20", "-static-pie", "-fPIE", PACKAGES / "launcher.cc", "-o",
                    base / "launcher")
        assert built.returncode == 0, built.stderr
        triplet = run(COMPILER, "-print-multiarch").stdout.strip()
        cls.package = base / "a package"
        laid = run(sys.executable, PACKAGES / "bundle.py", "--build", base, "--launcher", base / "launcher",
                   "--out", cls.package, "--triplet", triplet, "--version", "1.2.3", "memory_benchmark",
                   "machine", "clock", env={**os.environ, "SOURCE_DATE_EPOCH": "86400"})
        assert laid.returncode == 0, laid.stderr
        cls.program = cls.package / "bin/memory_benchmark"
        cls.probes = cls.package / "libexec/memory_benchmark"

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_it_is_found_through_links_of_any_name(self):
        for name in ("memory_benchmark", "mb"):
            with tempfile.TemporaryDirectory() as elsewhere:
                link = pathlib.Path(elsewhere) / name
                link.symlink_to(self.program)
                self.assertIn("started by us", run(link, "echo", "started by us").stdout)

    def test_the_environment_is_passed_on_as_it_is(self):
        given = {"LD_LIBRARY_PATH": "/nowhere", "A": "1"}
        self.assertEqual(run(self.program, env=given).stdout.split(), ["LD_LIBRARY_PATH=/nowhere", "A=1"])

    def test_libraries_are_the_packages_own(self):
        maps = run(self.probes / "clock", "/proc/self/maps").stdout
        files = {line.split(maxsplit=5)[5] for line in maps.splitlines() if len(line.split()) > 5}
        code = {file for file in files if ".so" in file}
        self.assertTrue(any("libc.so" in file for file in code), code)
        for file in code:
            self.assertTrue(file.startswith(str(self.package)), file)

    def test_the_loader_lies_where_the_campaign_looks_for_probes(self):
        loader = pathlib.Path(run(self.probes / "machine", "/proc/self/exe").stdout.strip())
        self.assertEqual(loader.parent.parent / "libexec/memory_benchmark", self.probes)
        self.assertFalse((loader.parent / "machine").exists())  # looked at first

    def test_programs_are_shown_under_their_names(self):
        self.assertEqual(run(self.probes / "clock", "/proc/self/comm").stdout.strip(), "clock")

    def test_arguments_and_exit_codes_pass(self):
        done = run(self.program, "sh", "-c", 'printf "<%s>" "$@"; exit 7', "sh", "a b", "", "c")
        self.assertEqual((done.stdout, done.returncode), ("<a b><><c>", 7))
        refused = run(self.program, "--no-such-flag").stderr  # coreutils name themselves by argv[0]
        self.assertTrue(refused.startswith(f"{self.program}: "), refused)

    def test_a_torn_package_and_a_bad_folder_say_what_to_do(self):
        with tempfile.TemporaryDirectory() as elsewhere:
            torn = pathlib.Path(elsewhere) / "torn/bin"
            torn.mkdir(parents=True)
            shutil.copy(self.program, torn / "memory_benchmark")
            done = run(torn / "memory_benchmark")
            self.assertEqual(done.returncode, 127)
            self.assertIn("unpack it again", done.stderr)
            bad = pathlib.Path(elsewhere) / "a:b/bin"
            bad.mkdir(parents=True)
            shutil.copy(self.program, bad / "memory_benchmark")
            self.assertIn("move it", run(bad / "memory_benchmark").stderr)

    def test_all_that_is_shipped_is_listed(self):
        documents = self.package / "share/doc/memory_benchmark"
        sbom = json.loads((documents / "memory_benchmark.spdx.json").read_text())
        self.assertEqual(sbom["creationInfo"]["created"], "1970-01-02T00:00:00Z")
        listed = {file["fileName"] for file in sbom["files"]}
        for file in (self.package / "lib").glob("*.so*"):
            self.assertIn(f"./lib/{file.name}", listed)
            self.assertTrue(any(f"lib/{file.name}" in package.get("comment", "") for package in sbom["packages"]),
                            file.name)
        identities = {one["SPDXID"] for one in [*sbom["packages"], *sbom["files"], sbom]}
        for relation in sbom["relationships"]:
            self.assertLessEqual({relation["spdxElementId"], relation["relatedSpdxElement"]}, identities)
        table = (documents / "THIRD_PARTY.md").read_text()
        for package in sbom["packages"][1:]:
            self.assertIn(f"| {package['name']} {package['versionInfo']} | {package['licenseConcluded']} ", table)
            self.assertTrue((documents / "third_party" / f"{package['name']}.copyright").exists())
        self.assertTrue((documents / "third_party/licences/LGPL-2.1").exists())

    def test_a_library_without_a_known_licence_is_refused(self):
        self.assertEqual(shipped.licence_of("libfmt10"), "MIT")
        self.assertEqual(shipped.licence_of("libhwloc15t64"), "BSD-3-Clause")
        with self.assertRaises(SystemExit):
            shipped.licence_of("libmystery1")


class RunScript(unittest.TestCase):
    """scripts/memory_benchmark.sh in a tree whose installer and cmake only say that they were called."""
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        base = pathlib.Path(folder.name).resolve()
        self.tree, self.tools, self.installed = base / "in/tree", base / "tools", base / "installed"
        (self.tree / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts/memory_benchmark.sh", self.tree / "scripts")
        make_script(self.tree / "scripts/install_packages.sh", "")
        make_script(self.tools / "cmake",
                    f"mkdir -p {self.tree}/build/release/bin; f={self.tree}/build/release/bin/memory_benchmark\n"
                    "printf '#!/bin/sh\\necho built \"$@\"\\n' > $f; chmod +x $f\n")

    def start(self, *words, **environment):
        path = f"{self.installed}:{self.tools}:/usr/bin:/bin"
        return run(self.tree / "scripts/memory_benchmark.sh", *words, cwd=self.tree.parent.parent,
                   env={"PATH": path, "HOME": "/nowhere", **environment})

    def program(self, file, name):
        make_script(file, f'[ "$1" = --version ] && {{ echo memory_benchmark {name}; exit; }}\n'
                          f'echo {name} "$@"\n')

    def test_without_a_package_it_builds(self):
        done = self.start("fit", "a.json")
        self.assertEqual(done.stdout, "built fit a.json\n")
        self.assertIn("built here", done.stderr)

    def test_an_installed_program_is_preferred_and_named(self):
        self.program(self.installed / "memory_benchmark", "4.5")
        done = self.start("16M", "run.log")
        self.assertEqual(done.stdout, "4.5 shm 16M run.log\n")
        self.assertIn(f"Running {self.installed}/memory_benchmark (memory_benchmark 4.5)", done.stderr)
        self.assertFalse((self.tree / "build").exists())

    def test_an_unpacked_package_is_found_beside_the_sources(self):
        unpacked = f"memory_benchmark-0.1.0-linux-{os.uname().machine}/bin/memory_benchmark"
        for folder in (self.tree.parent, self.tree, self.tree.parent.parent):  # the last is where we stand
            self.program(folder / unpacked, "unpacked")
            self.assertEqual(self.start("fit").stdout, "unpacked fit\n", folder)
            shutil.rmtree((folder / unpacked).parent.parent)

    def test_the_variable_forces_building(self):
        self.program(self.installed / "memory_benchmark", "4.5")
        self.assertEqual(self.start("fit", MEMORY_BENCHMARK_BUILD="1").stdout, "built fit\n")

    def test_a_program_that_does_not_run_is_passed_over(self):
        make_script(self.installed / "memory_benchmark", "exit 127\n")
        done = self.start("fit")
        self.assertEqual(done.stdout, "built fit\n")
        self.assertIn("passed over", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
