"""The pages as HTML Tidy and axe-core judge them: no error of markup, no serious violation of what
people with screen readers, keyboards or weak eyes need (contrast AA among it), in both themes. Each
judge that is not installed skips its tests by name; exit code 77 where neither is.
Usage: validity_test.py RENDER_PAGES"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser, find_chromium  # noqa: E402

PAGES = ("small", "smt", "nodes", "hostile", "compare")
# Page, dark, width: the judge takes seconds a page, and colours are those of the theme alone.
VIEWS = (("small", False, 1280), ("nodes", True, 360), ("compare", False, 1280))


def find_axe():
    """axe.min.js as scripts/install_packages.sh --tests installs it, or where AXE_CORE says."""
    named = os.environ.get("AXE_CORE")
    home = pathlib.Path(os.environ.get("HOME", "/root"))
    path = pathlib.Path(named) if named else (
        home / ".cache/memory_benchmark/axe/node_modules/axe-core/axe.min.js")
    return path if path.is_file() else None


class Markup(unittest.TestCase):
    @unittest.skipUnless(shutil.which("tidy"), "tidy is not installed")
    def test_tidy_finds_nothing(self):
        for name in PAGES:
            with self.subTest(page=name):
                done = subprocess.run(["tidy", "-quiet", "-errors", "--show-body-only", "no",
                                       os.path.join(FOLDER, name + ".html")],
                                      capture_output=True, text=True, timeout=60)
                said = [line for line in done.stderr.splitlines() if line.strip()]
                self.assertEqual((done.returncode, said), (0, []))

    @unittest.skipUnless(shutil.which("tidy"), "tidy is not installed")
    def test_tidy_does_find_what_is_wrong(self):
        with tempfile.NamedTemporaryFile("w", suffix=".html") as broken:
            broken.write("<!doctype html><title>x</title><table><tr><td><div></table>")
            broken.flush()
            self.assertNotEqual(subprocess.run(["tidy", "-quiet", "-errors", broken.name],
                                               capture_output=True, timeout=60).returncode, 0)


@unittest.skipUnless(find_chromium(), "no Chromium is installed")
@unittest.skipUnless(find_axe(), "axe-core is not installed")
class Accessibility(unittest.TestCase):
    def violations(self, browser):
        return browser.evaluate("""(async function () {
          var found = await axe.run(document, {resultTypes: ['violations']});
          return found.violations
            .filter(function (v) { return v.impact === 'serious' || v.impact === 'critical'; })
            .map(function (v) {
              return v.id + ': ' + v.help + ': ' + v.nodes.slice(0, 3).map(function (n) {
                return n.target.join(' ') + ' ' + (n.any[0] ? n.any[0].message : '');
              }).join(' | ');
            });
        })()""")

    def test_axe_finds_nothing_serious(self):
        source = find_axe().read_text()
        with Browser(find_chromium()) as browser:
            for name, dark, width in VIEWS:
                with self.subTest(page=name, dark=dark, width=width):
                    browser.open(os.path.join(FOLDER, name + ".html"), dark=dark, width=width)
                    browser.evaluate("""document.querySelectorAll('details')
                        .forEach(function (d) { d.open = true; })""")
                    browser.evaluate(source + ";0")
                    self.assertEqual(self.violations(browser), [])

    def test_axe_does_find_what_is_wrong(self):
        source = find_axe().read_text()
        with Browser(find_chromium()) as browser:
            browser.open(os.path.join(FOLDER, "small.html"))
            browser.evaluate("""document.querySelectorAll('main p').forEach(
                function (p) { p.style.color = '#eeeeee'; p.style.background = '#ffffff'; })""")
            browser.evaluate(source + ";0")
            self.assertIn("color-contrast", " ".join(self.violations(browser)))


if __name__ == "__main__":
    if not shutil.which("tidy") and not (find_chromium() and find_axe()):
        print("skipped: neither tidy nor axe-core with Chromium; scripts/install_packages.sh --tests")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="memory_benchmark-pages-") as FOLDER:
        subprocess.run([sys.argv[1], FOLDER], check=True)
        RESULT = unittest.main(argv=[sys.argv[0]], exit=False, verbosity=2).result
    sys.exit(0 if RESULT.wasSuccessful() else 1)
