"""Opens the pages that render_pages writes in a headless Chromium: from a file, under their own
policy, with and without scripts, light and dark, wide and narrow. Exit code 77 where there is no
Chromium. Usage: page_test.py RENDER_PAGES"""
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
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
CHARTS = {"prefill", "decode", "by_prompt", "shares", "levers", "timeline", "bandwidth_threads",
          "working_set", "attention", "dispatch", "shm"}
WIDE_CHARTS = CHARTS | {"placement", "latency", "loaded_latency", "counters_ipc", "counters_l3",
                        "roofline_prefill", "roofline_decode"}

# Presses a button of a chart's tools by its text; "" where there is none.
PRESS = """(function (id, text) {
  var tools = document.querySelector('#chart-' + id + ' .tools');
  var button = Array.from(tools.querySelectorAll('button')).find(function (b) {
    return b.textContent === text; });
  if (!button) { return ''; }
  button.click();
  button = Array.from(tools.querySelectorAll('button')).find(function (b) {
    return b.textContent === text; });
  return button.getAttribute('aria-pressed') || 'pressed';
})(%s, %s)"""
PICTURES = """Object.fromEntries(
  Array.from(document.querySelectorAll('canvas[data-chart]')).map(function (canvas) {
    return [canvas.dataset.chart, canvas.toDataURL()]; }))"""


class PageTest(unittest.TestCase):
    def setUp(self):
        self.browser = BROWSER

    def expect_quiet(self, path):
        self.assertEqual(self.browser.problems, [])
        outside = [url for url in self.browser.requests
                   if not url.startswith("data:") and not url.endswith(os.path.basename(path))]
        self.assertEqual(outside, [], "the page asked for something")

    def press(self, chart, text):
        return self.browser.evaluate(PRESS % (json.dumps(chart), json.dumps(text)))

    def expect_drawn(self, charts):
        drawn = self.browser.evaluate(CANVASES)
        self.assertEqual({canvas["id"] for canvas in drawn}, charts)
        for canvas in drawn:
            self.assertTrue(canvas["visible"], canvas)
            self.assertGreater(canvas["inked"], 1500, canvas)
            self.assertGreater(canvas["colours"], 3, canvas)

    def test_every_chart_draws_at_every_width_and_in_both_themes(self):
        for name, charts in (("small", CHARTS), ("smt", CHARTS), ("nodes", WIDE_CHARTS)):
            path = os.path.join(FOLDER, name + ".html")
            for width in (1280, 360):
                for dark in (False, True):
                    with self.subTest(name=name, width=width, dark=dark):
                        self.browser.open(path, width=width, dark=dark)
                        self.expect_drawn(charts)
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

    def test_a_changed_figure_changes_its_chart(self):
        self.browser.open(os.path.join(FOLDER, "nodes.html"))
        before = self.browser.evaluate(PICTURES)
        self.browser.open(os.path.join(FOLDER, "nodes.html"))
        self.assertEqual(self.browser.evaluate(PICTURES), before, "drawing is not repeatable")
        self.browser.open(os.path.join(FOLDER, "changed.html"))
        after = self.browser.evaluate(PICTURES)
        self.assertEqual(set(before), WIDE_CHARTS)
        for chart in sorted(WIDE_CHARTS):
            self.assertNotEqual(before[chart], after[chart], chart)

    def test_a_model_is_chosen_with_its_quantisation(self):
        path = os.path.join(FOLDER, "nodes.html")
        self.browser.open(path)
        look = """(function () {
          var list = document.getElementById('quantisation');
          return {offers: Array.from(list.options).map(function (o) { return o.textContent; }),
                  chosen: list.selectedOptions[0].textContent, disabled: list.disabled,
                  title: document.querySelector('article:not([hidden]) h1').textContent,
                  decode: document.querySelector('canvas[data-chart=decode]').toDataURL()};
        })()"""
        change = """(function () {
          var list = document.getElementById(%s);
          list.selectedIndex = Array.from(list.options)
            .findIndex(function (o) { return o.textContent === %s; });
          list.dispatchEvent(new Event('change'));
        })()"""
        before = self.browser.evaluate(look)
        self.assertEqual(before["offers"], ["Q4_0", "Q8_0"])
        self.browser.evaluate(change % ("'quantisation'", "'Q8_0'"))
        after = self.browser.evaluate(look)
        self.assertEqual((before["title"], after["title"]), ("Qwen3 4B, Q4_0", "Qwen3 4B, Q8_0"))
        self.assertNotEqual(before["decode"], after["decode"])
        self.browser.evaluate(change % ("'model'", "'Gemma 3 1B'"))
        other = self.browser.evaluate(look)
        self.assertEqual((other["title"], other["offers"], other["disabled"]),
                         ("Gemma 3 1B, Q4_0", ["Q4_0"], True))
        self.expect_quiet(path)

    def test_a_tooltip_says_value_interval_samples_and_verdict(self):
        path = os.path.join(FOLDER, "nodes.html")
        self.browser.open(path)
        place = self.browser.evaluate("""(function () {
          var canvas = document.querySelector('canvas[data-chart=bandwidth_threads]');
          canvas.scrollIntoView({behavior: 'instant', block: 'center'});
          var box = canvas.getBoundingClientRect();
          var point = Chart.getChart(canvas).getDatasetMeta(0).data[1];
          return {x: box.left + point.x, y: box.top + point.y};
        })()""")
        before = self.browser.evaluate(PICTURES)["bandwidth_threads"]
        self.browser.call("Input.dispatchMouseEvent", type="mouseMoved", **place)
        shown = self.browser.evaluate("""new Promise(function (done) {
          requestAnimationFrame(function () { requestAnimationFrame(function () {
            var tooltip = Chart.getChart(
              document.querySelector('canvas[data-chart=bandwidth_threads]')).tooltip;
            done(tooltip.opacity > 0 ? tooltip.body[0].lines.join(' ') : '');
          }); }); })""")
        self.assertRegex(shown, r"^2 threads.*: 42.0 GB/s \(95 % interval .* to .*\), 9 samples, valid$")
        self.assertNotEqual(self.browser.evaluate(PICTURES)["bandwidth_threads"], before)
        self.expect_quiet(path)

    def test_a_legend_switches_its_series(self):
        path = os.path.join(FOLDER, "nodes.html")
        self.browser.open(path)
        for chart, series in (("decode", "predicted, with 90 % interval"), ("shares", "weights"),
                              ("bandwidth_threads", "copy"), ("shm", "1 thread")):
            with self.subTest(chart=chart):
                before = self.browser.evaluate(PICTURES)[chart]
                self.assertEqual(self.press(chart, series), "false")
                self.assertNotEqual(self.browser.evaluate(PICTURES)[chart], before)
                self.assertEqual(self.press(chart, series), "true")
                self.assertEqual(self.browser.evaluate(PICTURES)[chart], before)
        self.expect_quiet(path)

    def test_the_scale_switches_between_linear_and_logarithmic(self):
        path = os.path.join(FOLDER, "nodes.html")
        self.browser.open(path)
        kind = """Chart.getChart(document.querySelector('canvas[data-chart=%s]'))
            .options.scales.y.type"""
        for chart, first in (("decode", "linear"), ("dispatch", "logarithmic")):
            other = {"linear": "logarithmic", "logarithmic": "linear"}[first]
            before = self.browser.evaluate(PICTURES)[chart]
            self.assertEqual(self.browser.evaluate(kind % chart), first)
            self.press(chart, "Logarithmic scale")
            self.assertEqual(self.browser.evaluate(kind % chart), other)
            self.assertNotEqual(self.browser.evaluate(PICTURES)[chart], before)
            self.press(chart, "Logarithmic scale")
            self.assertEqual(self.browser.evaluate(PICTURES)[chart], before)
        self.assertEqual(self.press("shares", "Logarithmic scale"), "", "shares have no such scale")
        self.expect_quiet(path)

    def test_every_interval_lies_inside_its_chart(self):
        for name in ("small", "smt", "nodes", "compare"):
            self.browser.open(os.path.join(FOLDER, name + ".html"))
            outside = self.browser.evaluate("""(function () {
              var seen = 0, outside = [];
              document.querySelectorAll('canvas[data-chart]').forEach(function (canvas) {
                var chart = Chart.getChart(canvas);
                var scale = chart.options.indexAxis === 'y' ? chart.scales.x : chart.scales.y;
                chart.data.datasets.forEach(function (set) {
                  set.data.forEach(function (point) {
                    if (!set.intervals || point.high === undefined) { return; }
                    seen += 1;
                    if (point.high > scale.max) {
                      outside.push([canvas.dataset.chart, set.label, point.high, scale.max]);
                    }
                  });
                });
              });
              return {seen: seen, outside: outside};
            })()""")
            self.assertGreater(outside["seen"], 0, name)
            self.assertEqual(outside["outside"], [], name)

    def test_a_chart_is_saved_as_a_png(self):
        path = os.path.join(FOLDER, "nodes.html")
        self.browser.open(path)
        with tempfile.TemporaryDirectory() as kept:
            self.browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=kept)
            self.press("decode", "Save as PNG")
            file = os.path.join(kept, "decode.png")
            for _ in range(100):
                if os.path.exists(file) and os.path.getsize(file) > 0:
                    break
                time.sleep(0.1)
            with open(file, "rb") as saved:
                data = saved.read()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        width, height = struct.unpack(">II", data[16:24])
        self.assertGreater(width, 300)
        self.assertGreater(height, 300)
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
        drawn = {canvas["id"] for canvas in self.browser.evaluate(CANVASES) if canvas["inked"] > 1500}
        self.assertLessEqual(CHARTS, drawn)
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
