#!/usr/bin/env python3
"""The schemas against what C++ writes, what is published, and deliberate damage.

schema_test.py PROGRAM: PROGRAM FOLDER writes one full sample of each document into FOLDER.
"""
import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from validate import KINDS, faults

ROOT = pathlib.Path(__file__).resolve().parents[3]


def written():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROGRAM, folder], check=True)
        return {kind: json.loads((pathlib.Path(folder) / f"{kind}.json").read_text())
                for kind in KINDS}


def places(value, path=()):
    """Paths of all values below the root."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(
        value, list) else ()
    for key, item in items:
        yield path + (key,)
        yield from places(item, path + (key,))


def parent(document, path):
    for key in path[:-1]:
        document = document[key]
    return document


class Schemas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.documents = written()

    def test_documents_written_by_the_program_are_valid(self):
        for kind, document in self.documents.items():
            self.assertEqual(faults(kind, document), [], kind)

    def test_published_thread_sweeps_are_valid(self):
        count = 0
        for path in sorted((ROOT / "data" / "datasets").glob("*/*.json")):
            document = json.loads(path.read_text())
            if isinstance(document, dict) and document.get("kind", "threads") == "threads":
                self.assertEqual(faults("sweep", document), [], path.name)
                count += 1
        self.assertGreaterEqual(count, 40)

    def test_stored_results_of_machines_are_valid(self):
        paths = sorted((ROOT / "data" / "machines").glob("*.json"))
        self.assertGreaterEqual(len(paths), 1)
        for path in paths:
            self.assertEqual(faults("results", json.loads(path.read_text())), [], path.name)

    def test_every_quantity_that_a_probe_names_is_known(self):
        schema = json.loads((ROOT / "data" / "schema" / "results.schema.json").read_text())
        known = schema["$defs"]["point"]["properties"]["quantity"]["enum"]
        named = set()
        for path in [*(ROOT / "probes").glob("*.cc"), *(ROOT / "probes").glob("*.h")]:
            named.update(re.findall(r'quantity = "(\w+)"', path.read_text()))
        self.assertGreater(len(named), 3)
        self.assertEqual(named - set(known), set())

    def test_a_missing_field_is_a_fault(self):
        for kind in ("results", "recommendation", "comparison"):  # closed objects, every field required
            for path in places(self.documents[kind]):
                broken = copy.deepcopy(self.documents[kind])
                del parent(broken, path)[path[-1]]
                free = any(key in FREE_OBJECTS for key in path[:-1])
                if isinstance(path[-1], str) and not free and path[-1] not in OPTIONAL:
                    self.assertTrue(faults(kind, broken), path)

    def test_an_unknown_field_is_a_fault(self):
        for kind in ("results", "recommendation", "comparison"):
            for path in places(self.documents[kind]):
                broken = copy.deepcopy(self.documents[kind])
                target = parent(broken, path)[path[-1]]
                if isinstance(target, dict) and path[-1] not in FREE_OBJECTS:
                    target["bandwith"] = 1
                    self.assertTrue(faults(kind, broken), path)

    def test_a_value_of_another_type_is_a_fault(self):
        for kind, document in self.documents.items():
            for path in places(document):
                old = parent(document, path)[path[-1]]
                broken = copy.deepcopy(document)
                parent(broken, path)[path[-1]] = [] if isinstance(old, dict) else {"no": "such"}
                self.assertTrue(faults(kind, broken), (kind, path))

    def test_deliberate_damage_is_a_fault(self):
        def damage(kind, *path_and_value):
            broken = copy.deepcopy(self.documents[kind])
            *path, value = path_and_value
            parent(broken, path)[path[-1]] = value
            self.assertTrue(faults(kind, broken), path)

        damage("results", "schema_version", 2)
        damage("results", "state", "done")
        damage("results", "points", 0, "unit", "GB/s")
        damage("results", "points", 0, "verdict", "validity", "good")
        damage("results", "points", 0, "verdict", "reasons", 0, "code", "bad_luck")
        damage("results", "points", 0, "samples", 0, None)
        damage("results", "machine", "limits", "effective_cpus", 0)
        damage("results", "machine", "caches", 0, "bytes", -1)
        damage("recommendation", "models", 0, "decode", "confidence", "certain")
        damage("recommendation", "models", 0, "decode", "threads", 1.5)
        damage("recommendation", "models", 0, "decode", "expected", "regime", "fast")
        damage("sweep", "series", 0, "phase", "both")
        damage("sweep", "series", 0, "points", 0, "threads", 0)
        damage("sweep", "series", 0, "points", 0, "tokens_per_second", "12")
        damage("sweep", "series", 0, "points", 0, {"threads": 4})


# Objects whose keys are names, not fields.
FREE_OBJECTS = {"values", "notes", "facts", "libraries", "parameters", "hugetlb_free_pages",
                "seconds_by_term", "env", "marks", "seconds_factors"}
OPTIONAL = {"calibrated_profiles", "by_prompt", "rooflines", "scenario_name",
            "scenario",  # absent in documents of earlier builds
            "cloud_life_cycle", "cloud_zone"}  # absent where nobody asked for them

if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(argv=sys.argv)
