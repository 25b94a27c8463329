"""Opens the pages that render_pages writes in a headless Chromium: from a file, under their own
policy, with and without scripts, light and dark, wide and narrow. Exit code 77 where there is no
Chromium. Usage: page_test.py RENDER_PAGES"""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser, find_chromium  # noqa: E402

# A canvas counts as drawn when a fair share of its pixels is not empty and several colours are there.
CANVASES = """
Array.from(document.querySelectorAll('canvas[data-chart]')).map(function (canvas) {
  var pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  var inked = 0, colours = new Set();
  for (var i = 0; i < pixels.length; i += 4) {
    if (pixels[i + 3] > 0) {
      ++inked;
      if (pixels[i + 3] === 255) {
        colours.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]);
      }
    }
  }
  return {id: canvas.dataset.chart, inked: inked, colours: colours.size,
          visible: canvas.offsetHeight > 100};
})"""
CHARTS = {"prefill", "decode", "bandwidth_threads", "working_set", "attention", "dispatch", "shm"}


class PageTest(unittest.TestCase):
    def setUp(self):
        self.browser = BROWSER

    def expect_quiet(self, path):
        self.assertEqual(self.browser.problems, [])
        outside = [url for url in self.browser.requests
                   if not url.startswith("data:") and not url.endswith(os.path.basename(path))]
        self.assertEqual(outside, [], "the page asked for something")

    def expect_drawn(self):
        drawn = self.browser.evaluate(CANVASES)
        self.assertEqual({canvas["id"] for canvas in drawn}, CHARTS)
        for canvas in drawn:
            self.assertTrue(canvas["visible"], canvas)
            self.assertGreater(canvas["inked"], 1500, canvas)
            self.assertGreater(canvas["colours"], 3, canvas)

    def test_every_chart_draws_at_every_width_and_in_both_themes(self):
        for name in ("small", "smt"):
            path = os.path.join(FOLDER, name + ".html")
            for width in (1280, 360):
                for dark in (False, True):
                    with self.subTest(name=name, width=width, dark=dark):
                        self.browser.open(path, width=width, dark=dark)
                        self.expect_drawn()
                        self.expect_quiet(path)
                        self.assertLessEqual(
                            self.browser.evaluate("document.documentElement.scrollWidth"), width,
                            "the page scrolls sideways")

    def test_choosing_a_model_changes_answer_charts_and_settings(self):
        path = os.path.join(FOLDER, "smt.html")
        self.browser.open(path)
        look = """(function () {
          var shown = Array.from(document.querySelectorAll('article[data-model]'))
            .filter(function (a) { return !a.hidden; });
          return {articles: shown.length, title: shown[0].querySelector('h1').textContent,
                  picture: document.querySelector('canvas[data-chart=decode]').toDataURL(),
                  settings: Array.from(document.querySelectorAll('#engines details'))
                    .filter(function (d) { return !d.hidden; }).length};
        })()"""
        before = self.browser.evaluate(look)
        self.browser.evaluate("""(function () {
          var chooser = document.getElementById('model');
          chooser.value = '4';
          chooser.dispatchEvent(new Event('change'));
        })()""")
        after = self.browser.evaluate(look)
        self.assertEqual((before["articles"], after["articles"]), (1, 1))
        self.assertEqual(before["title"], "Qwen3 4B, Q4_0")
        self.assertEqual(after["title"], "Llama 3.1 8B, Q4_0")
        self.assertNotEqual(before["picture"], after["picture"])
        self.assertEqual((before["settings"], after["settings"]), (1, 1))
        self.expect_quiet(path)

    def test_without_scripts_the_answer_pictures_and_tables_are_there(self):
        path = os.path.join(FOLDER, "small.html")
        self.browser.open(path, scripts=False)
        self.assertEqual(self.browser.evaluate("document.documentElement.className"), "")
        self.assertIn("threads", self.browser.evaluate(
            "document.querySelector('article:not([hidden])').innerText"))
        self.assertEqual(self.browser.evaluate(
            "getComputedStyle(document.querySelector('.plot')).display"), "none")
        self.assertGreaterEqual(
            self.browser.evaluate("document.querySelectorAll('figure table').length"), len(CHARTS))
        if HAS_GNUPLOT:
            widths = self.browser.evaluate(
                "Array.from(document.querySelectorAll('noscript img'))"
                ".map(function (i) { return i.naturalWidth; })")
            self.assertEqual(len(widths), len(CHARTS))
            self.assertTrue(all(width > 300 for width in widths), widths)
        self.expect_quiet(path)

    def test_hostile_documents_run_nothing(self):
        path = os.path.join(FOLDER, "hostile.html")
        self.browser.open(path)
        self.assertIsNone(self.browser.evaluate("window.harm === undefined ? null : 1"))
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('script').length"), 3)
        self.assertEqual(self.browser.evaluate("document.querySelectorAll('img[src=x]').length"), 0)
        self.expect_drawn()
        self.expect_quiet(path)

    def test_it_prints(self):
        path = os.path.join(FOLDER, "small.html")
        self.browser.open(path, media="print")
        self.assertEqual(self.browser.evaluate(
            "getComputedStyle(document.querySelector('nav')).display"), "none")
        document = self.browser.call("Page.printToPDF", preferCSSPageSize=True)["data"]
        self.assertGreater(len(document), 20000)


if __name__ == "__main__":
    PROGRAM = find_chromium()
    if PROGRAM is None:
        print("skipped: no Chromium; apt install chromium")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="memory_benchmark-pages-") as FOLDER:
        subprocess.run([sys.argv[1], FOLDER], check=True)
        HAS_GNUPLOT = os.path.exists(os.path.join(FOLDER, "small.png"))
        with Browser(PROGRAM) as BROWSER:
            RESULT = unittest.main(argv=[sys.argv[0]], exit=False).result
    sys.exit(0 if RESULT.wasSuccessful() else 1)
