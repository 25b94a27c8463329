"""check_layers.py accepts the house as it is and names every include that breaks the table."""
import importlib.util
import pathlib
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("check_layers", ROOT / "scripts/check_layers.py")
check_layers = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check_layers)


class CheckLayers(unittest.TestCase):
    def problems_of(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_layers.check(pathlib.Path(folder))

    def test_the_house_obeys(self):
        self.assertEqual(check_layers.check(ROOT), [])

    def test_an_include_upwards_is_named(self):
        found = self.problems_of({"data/plan/plan.cc": '#include "reports/model/fit.h"\n'})
        self.assertEqual(len(found), 1)
        self.assertIn("data/plan/plan.cc:1", found[0])

    def test_documents_and_system_do_not_know_each_other(self):
        self.assertTrue(self.problems_of(
            {"data/documents/a.cc": '#include "data/system/files.h"\n'}))

    def test_a_probe_is_not_linked_by_the_campaign(self):
        self.assertTrue(self.problems_of(
            {"probes/campaign/a.cc": '#include "probes/core/arena.h"\n'}))

    def test_core_knows_of_workloads_only_the_team(self):
        self.assertEqual(self.problems_of(
            {"probes/core/a.h": '#include "workloads/team.h"\n'}), [])
        self.assertTrue(self.problems_of(
            {"probes/core/a.h": '#include "workloads/kernels/stream_read.h"\n'}))

    def test_hwloc_stands_in_one_file(self):
        found = self.problems_of({"probes/core/a.cc": "#include <hwloc.h>\n",
                                  "probes/core/b.cc": "#include <hwloc.h>\n"})
        self.assertEqual(len(found), 1)
        self.assertIn("one file only", found[0])

    def test_a_socket_stands_in_its_file_only(self):
        text = "#include <netinet/in.h>\n#include <sys/socket.h>\n"
        self.assertEqual(self.problems_of({"probes/core/http.cc": text}), [])
        for file in ("probes/core/limits.cc", "reports/cli/run.cc", "data/system/child.cc"):
            self.assertEqual(len(self.problems_of({file: text})), 2, file)

    def test_a_foreign_library_is_refused(self):
        self.assertTrue(self.problems_of({"data/plan/a.cc": "#include <Eigen/Dense>\n"}))


if __name__ == "__main__":
    unittest.main()
