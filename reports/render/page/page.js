/* Draws the charts that the page's JSON block defines and lets one model be chosen. It formats and
   computes no figure: texts, ticks and units come ready from the report. */
(function () {
  "use strict";
  var root = document.documentElement;
  var charts = JSON.parse(document.getElementById("charts").textContent);
  var drawn = {};
  root.classList.add("js");

  function colour(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }
  function faded(hex, share) {
    var n = parseInt(hex.slice(1), 16);
    return "rgba(" + (n >> 16) + "," + ((n >> 8) & 255) + "," + (n & 255) + "," + share + ")";
  }
  var shapes = ["circle", "rect", "triangle", "rectRot", "rectRounded", "triangle"];

  function measured(series, theme) {
    var own = theme.series[series.colour % theme.series.length];
    var valid = series.points.map(function (p) { return p.verdict === "valid"; });
    return {
      label: series.label, data: series.points, borderColor: own, borderWidth: 2,
      shape: shapes[series.colour % shapes.length],
      borderDash: series.dashed ? [5, 4] : [], showLine: series.style !== "points", tension: 0, intervals: true,
      pointStyle: series.points.map(function (p) {
        return p.verdict === "invalid" ? "crossRot" : shapes[series.colour % shapes.length];
      }),
      pointRotation: series.colour % shapes.length === 5 ? 180 : 0, pointRadius: 4.5, pointHoverRadius: 6, pointBorderColor: own, pointBorderWidth: 1.6,
      pointBackgroundColor: valid.map(function (ok) {
        return ok ? own : theme.card;
      })
    };
  }
  function model(series, theme) {
    var own = theme.series[series.colour % theme.series.length];
    var few = series.points.length <= 4;
    var banded = series.points.some(function (p) { return p.low !== undefined; });
    var edge = function (key) {
      return {
        label: "", band: true, borderWidth: 0, pointRadius: 0, pointHitRadius: 0, tension: 0,
        data: series.points.map(function (p) { return { x: p.x, y: p[key] }; }),
        backgroundColor: faded(own, 0.16), fill: key === "low" ? "+1" : false
      };
    };
    return (banded ? [edge("low"), edge("high")] : []).concat([{
      label: series.label, common: series.common, data: series.points, borderColor: own, borderWidth: 2.6, tension: 0,
      pointStyle: "circle", pointRadius: few ? 3 : 0, pointHitRadius: 8, pointHoverRadius: 5,
      pointBackgroundColor: own, pointBorderColor: own
    }]);
  }
  function spans(series, theme) {
    var own = theme.series[series.colour % theme.series.length];
    return {
      label: series.label, backgroundColor: faded(own, 0.88), grouped: false, pointStyle: "rect",
      barPercentage: 0.82, categoryPercentage: 0.95, borderRadius: 2, borderSkipped: false,
      data: series.points, parsing: { xAxisKey: "span", yAxisKey: "at" }
    };
  }
  function bars(series, theme) {
    var own = theme.series[series.colour % theme.series.length];
    return {
      label: series.label, data: series.points, backgroundColor: faded(own, 0.88), pointStyle: "rect",
      intervals: true, categoryPercentage: 0.72, barPercentage: 0.9, borderRadius: 3,
      parsing: { xAxisKey: "y", yAxisKey: "at" }
    };
  }

  /* Intervals of measured points: a thin line with short feet, upright or along a bar. */
  var intervals = {
    id: "intervals",
    afterDatasetsDraw: function (chart) {
      var context = chart.ctx, lying = chart.options.indexAxis === "y";
      var scale = lying ? chart.scales.x : chart.scales.y;
      chart.data.datasets.forEach(function (set, index) {
        if (!set.intervals || !chart.isDatasetVisible(index)) { return; }
        context.save();
        context.strokeStyle = lying ? chart.$theme.ink : set.borderColor;
        context.lineWidth = 1.3;
        chart.getDatasetMeta(index).data.forEach(function (element, i) {
          var point = set.data[i];
          if (point.low === undefined || !isFinite(element.x)) { return; }
          var ends = [scale.getPixelForValue(point.low), scale.getPixelForValue(point.high)];
          var side = lying ? element.y : element.x;
          var to = function (verb, along, across) {
            context[verb](lying ? along : across, lying ? across : along);
          };
          context.beginPath();
          to("moveTo", ends[0], side);
          to("lineTo", ends[1], side);
          ends.forEach(function (end) {
            to("moveTo", end, side - 3);
            to("lineTo", end, side + 3);
          });
          context.stroke();
        });
        context.restore();
      });
    }
  };
  /* Vertical marks with their labels, the ring of the advised count, the unit above the y axis. */
  var marks = {
    id: "marks",
    beforeDatasetsDraw: function (chart) {
      var context = chart.ctx, area = chart.chartArea;
      chart.$bands.forEach(function (band, index) {
        if (index % 2) { return; }
        var left = chart.scales.x.getPixelForValue(band.from);
        context.save();
        context.fillStyle = chart.$theme.wash;
        context.fillRect(left, area.top, chart.scales.x.getPixelForValue(band.to) - left,
          area.bottom - area.top);
        context.restore();
      });
      chart.$marks.forEach(function (mark) {
        var x = chart.scales.x.getPixelForValue(mark.x);
        context.save();
        context.strokeStyle = mark.y === undefined ? chart.$theme.muted : chart.$theme.series[1];
        context.setLineDash([2, 4]);
        context.lineWidth = 1.2;
        context.beginPath();
        context.moveTo(x, area.top);
        context.lineTo(x, area.bottom);
        context.stroke();
        context.restore();
      });
    },
    afterDatasetsDraw: function (chart) {
      var context = chart.ctx, area = chart.chartArea, row = 0;
      context.save();
      context.font = "12px " + chart.$theme.font;
      context.fillStyle = chart.$theme.muted;
      context.textBaseline = "alphabetic";
      context.textAlign = "left";
      context.fillText(chart.$unit, chart.scales.y.left + 2, area.top - 11);
      chart.$bands.forEach(function (band) {
        var left = chart.scales.x.getPixelForValue(band.from) + 4;
        var room = chart.scales.x.getPixelForValue(band.to) - left - 4;
        /* A narrow band keeps the words that fit. */
        var words = band.label.split(" ");
        while (words.length > 1 && context.measureText(words.join(" ")).width > room) { words.pop(); }
        context.fillText(words.join(" "), left, area.top + 12);
      });
      if (chart.$bands.length) { row = 1; }
      chart.$marks.forEach(function (mark) {
        var advised = mark.y !== undefined;
        var x = chart.scales.x.getPixelForValue(mark.x);
        var own = advised ? chart.$theme.series[1] : chart.$theme.muted;
        if (advised) {
          context.strokeStyle = own;
          context.lineWidth = 2.2;
          context.beginPath();
          context.arc(x, chart.scales.y.getPixelForValue(mark.y), 9, 0, 2 * Math.PI);
          context.stroke();
        }
        var width = context.measureText(mark.label).width;
        var left = x + 6 + width <= area.right ? x + 6 : x - 6 - width;
        var at = advised ? area.bottom - 9 : area.top + 12 + 16 * (row++ % 4);
        context.fillStyle = faded(chart.$theme.card, 0.82);
        context.fillRect(left - 2, at - 11, width + 4, 15);
        context.fillStyle = own;
        context.fillText(mark.label, left, at);
      });
      context.fillStyle = chart.$theme.ink;
      chart.data.datasets.forEach(function (set, index) {
        if (!chart.isDatasetVisible(index)) { return; }
        chart.getDatasetMeta(index).data.forEach(function (element, i) {
          var label = set.data[i].label;
          if (label && set.data[i].span) {
            var end = element.x + 6, wide = context.measureText(label).width;
            context.fillText(label, end + wide <= area.right ? end : element.x - 6 - wide,
              element.y + 4);
          } else if (label) {
            /* Sides alternate: close points would cover each other's figures. */
            var left = index % 2 ? element.x - 12 - context.measureText(label).width : element.x + 12;
            context.fillText(label, left, element.y + 4);
          }
        });
      });
      context.restore();
    }
  };

  function theme() {
    return {
      ink: colour("--ink"), muted: colour("--muted"), line: colour("--line"),
      card: colour("--card"), wash: colour("--wash"), font: colour("--sans"),
      series: ["--s0", "--s1", "--s2", "--s3", "--s4", "--s5"].map(colour)
    };
  }
  function axis(definition, look) {
    var scale = {
      type: definition.logarithmic ? "logarithmic" : "linear",
      title: { display: Boolean(definition.title), text: definition.title, color: look.muted },
      grid: { display: false, drawBorder: true, borderColor: look.line },
      ticks: { color: look.muted, autoSkip: false, maxRotation: 0 }
    };
    if (definition.max > definition.min) {
      scale.min = definition.min;
      scale.max = definition.max;
    }
    scale.afterBuildTicks = function (built) {
      /* A narrow screen shows every second or third tick, always with room for its label. */
      var longest = Math.max.apply(null, definition.ticks.map(function (t) { return t.label.length; }));
      var room = Math.max(1, Math.floor((built.chart.width - 60) / (longest * 7 + 10)));
      var step = Math.ceil(definition.ticks.length / room);
      built.ticks = definition.ticks.filter(function (t, i) { return i % step === 0; })
        .map(function (t) { return { value: t.at, label: t.label }; });
    };
    scale.ticks.callback = function (value, index, ticks) { return ticks[index].label; };
    return scale;
  }
  var flipped = {}; /* ids of charts whose scale the reader changed */
  function isLogarithmic(chart) {
    return chart.y.logarithmic !== Boolean(flipped[chart.id]);
  }
  function lies(chart) {
    return chart.series[0].style === "bars" || chart.series[0].style === "spans";
  }
  /* A tooltip as wide as the chart, broken at spaces. */
  function wrapped(text, columns) {
    var lines = [""];
    text.split(" ").forEach(function (word) {
      var last = lines[lines.length - 1];
      if (last && last.length + word.length + 1 > columns) {
        lines.push(word);
      } else {
        lines[lines.length - 1] = last ? last + " " + word : word;
      }
    });
    return lines;
  }
  function options(chart, look) {
    var isBars = lies(chart);
    var value = {
      type: isLogarithmic(chart) ? "logarithmic" : "linear",
      /* Of half the range (Chart.js), so a tenth of the height for each line of labels. */
      beginAtZero: true, grace: 24 * chart.label_rows + "%",
      grid: { color: look.line, drawBorder: false, drawTicks: false },
      ticks: { color: look.muted, padding: 6, maxTicksLimit: 7, format: { useGrouping: false } }
    };
    /* Chart.js knows of values alone, not of the intervals that are drawn around them. */
    chart.series.forEach(function (series) {
      series.points.forEach(function (point) {
        if (point.high > (value.suggestedMax || 0)) { value.suggestedMax = point.high; }
      });
    });
    if (chart.y.max > chart.y.min) { value.max = chart.y.max; }
    if (isLogarithmic(chart)) {
      /* Only the decades: the ticks between them say nothing more. */
      value.afterBuildTicks = function (built) {
        var decades = built.ticks.filter(function (t) {
          return Math.abs(Math.log10(t.value) - Math.round(Math.log10(t.value))) < 1e-9;
        });
        if (decades.length > 1) { built.ticks = decades; }
      };
      value.ticks.callback = function (tick) { return String(tick); };
    }
    return {
      animation: false, responsive: true, maintainAspectRatio: false,
      layout: { padding: { top: 24, right: 10 } },
      interaction: { mode: "nearest", intersect: false }, indexAxis: isBars ? "y" : "x",
      /* Bars lie, so that the names of what they show stand upright at any width. */
      scales: isBars ? {
        x: value,
        y: {
          type: "category", labels: chart.x.ticks.map(function (t) { return t.label; }),
          grid: { display: false, borderColor: look.line },
          ticks: { color: look.muted, autoSkip: false }
        }
      } : { x: axis(chart.x, look), y: value },
      plugins: {
        legend: { display: false },
        tooltip: {
          filter: function (item) { return item.raw.text !== undefined; },
          usePointStyle: true, displayColors: true, padding: 10, boxPadding: 4,
          callbacks: {
            title: function (items) { return items.length ? items[0].dataset.label : ""; },
            label: function (item) {
              var common = item.dataset.common;
              return wrapped(item.raw.text + (common ? ", " + common : ""), Math.max(24, Math.floor(item.chart.width / 8) - 6));
            }
          }
        }
      }
    };
  }
  function draw(canvas, chart) {
    var look = theme(), sets = [], owned = [];
    if (drawn[canvas.dataset.chart]) { drawn[canvas.dataset.chart].destroy(); }
    chart.series.forEach(function (series, index) {
      var first = sets.length;
      if (series.style === "bars") {
        series.points.forEach(function (p) { p.at = chart.x.ticks[p.x].label; });
        sets.push(bars(series, look));
      } else if (series.style === "spans") {
        series.points.forEach(function (p) {
          p.at = chart.x.ticks[p.x].label;
          p.span = [p.from, p.from + p.y];
        });
        sets.push(spans(series, look));
      } else if (series.style === "model") {
        sets = sets.concat(model(series, look));
      } else {
        sets.push(measured(series, look));
      }
      owned[index] = sets.slice(first).map(function (set, i) { return first + i; });
    });
    var rows = chart.x.ticks.length;
    if (lies(chart) && rows > 6) {
      canvas.parentNode.style.height = 6 + 1.75 * rows + "rem";
    }
    Chart.defaults.font.family = look.font;
    Chart.defaults.font.size = 12;
    var options_ = options(chart, look);
    /* Known to the plugins before the first drawing. */
    var carry = {
      id: "carry",
      beforeInit: function (made) {
        made.$theme = look;
        made.$marks = chart.marks;
        made.$bands = chart.bands;
        made.$unit = chart.y.title;
      }
    };
    drawn[canvas.dataset.chart] = new Chart(canvas, {
      type: lies(chart) ? "bar" : "line", data: { datasets: sets }, options: options_,
      plugins: [carry, marks, intervals]
    });
    fillTools(canvas, chart, owned);
  }

  function button(text, pressed, act) {
    var made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    if (pressed !== undefined) { made.setAttribute("aria-pressed", String(pressed)); }
    made.addEventListener("click", act);
    return made;
  }
  /* The picture as it stands, on the card's ground and under its title. */
  function picture(canvas, chart) {
    var made = document.createElement("canvas"), context = made.getContext("2d");
    var scale = canvas.width / canvas.clientWidth, head = Math.round(34 * scale), look = theme();
    made.width = canvas.width;
    made.height = canvas.height + head;
    context.fillStyle = look.card;
    context.fillRect(0, 0, made.width, made.height);
    context.fillStyle = look.ink;
    context.font = "600 " + Math.round(15 * scale) + "px " + look.font;
    context.fillText(chart.title, Math.round(10 * scale), Math.round(22 * scale));
    context.drawImage(canvas, 0, head);
    return made.toDataURL("image/png");
  }
  /* Under each chart: its series as switches, the scale, the picture to keep. */
  function fillTools(canvas, chart, owned) {
    var tools = canvas.parentNode.nextElementSibling;
    tools.textContent = "";
    var legend = document.createElement("span");
    legend.className = "legend";
    chart.series.forEach(function (series, index) {
      var made = button(series.label, true, function () {
        var on = made.getAttribute("aria-pressed") !== "true";
        made.setAttribute("aria-pressed", String(on));
        owned[index].forEach(function (set) { drawn[chart.id].setDatasetVisibility(set, on); });
        drawn[chart.id].update();
      });
      var key = document.createElement("i");
      key.className = "t" + series.colour % 6 + " k" + series.colour % 6;
      made.insertBefore(key, made.firstChild);
      legend.appendChild(made);
    });
    tools.appendChild(legend);
    if (chart.series[0].style !== "spans") {
      tools.appendChild(button("Logarithmic scale", isLogarithmic(chart), function () {
        flipped[chart.id] = !flipped[chart.id];
        draw(canvas, chart);
        tools.querySelector(".legend ~ button").focus();
      }));
    }
    tools.appendChild(button("Save as PNG", undefined, function () {
      var link = document.createElement("a");
      link.download = chart.id + ".png";
      link.href = picture(canvas, chart);
      link.click();
    }));
  }

  /* A model is a family and a quantisation; the second list offers what is stored of the first. */
  var family = document.getElementById("model"), chooser = document.getElementById("quantisation");
  var offers = chooser ? Array.from(chooser.options) : [];
  function offerQuantisations() {
    var kept = chooser.selectedOptions.length ? chooser.selectedOptions[0].textContent : "";
    chooser.textContent = "";
    offers.forEach(function (option) {
      if (option.dataset.family !== family.value) { return; }
      chooser.appendChild(option);
      option.selected = option.textContent === kept;
    });
    if (chooser.selectedIndex < 0) { chooser.selectedIndex = 0; }
    chooser.disabled = chooser.options.length < 2;
  }
  function drawAll(everything) {
    document.querySelectorAll("canvas[data-chart]").forEach(function (canvas) {
      var any = false;
      charts.forEach(function (chart) {
        if (chart.id !== canvas.dataset.chart) { return; }
        var wanted = chart.model === -1 || (chooser && chart.model === Number(chooser.value));
        any = any || wanted;
        canvas.closest("figure").hidden = !any;
        if (wanted && (everything || chart.model !== -1)) { draw(canvas, chart); }
      });
    });
  }
  function choose() {
    document.querySelectorAll("[data-model]").forEach(function (part) {
      if (part.tagName === "TR") {
        part.classList.toggle("chosen", part.dataset.model === chooser.value);
      } else {
        part.hidden = part.dataset.model !== chooser.value;
      }
    });
  }
  function chosen() {
    choose();
    drawAll(false);
  }
  if (chooser) {
    /* A page that is loaded again starts with the leading model, whatever the reader chose before. */
    family.autocomplete = chooser.autocomplete = "off";
    offerQuantisations();
    family.addEventListener("change", function () {
      offerQuantisations();
      chosen();
    });
    chooser.addEventListener("change", chosen);
    choose();
  }
  drawAll(true);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    drawAll(true);
  });
  window.addEventListener("beforeprint", function () {
    Object.keys(drawn).forEach(function (id) { drawn[id].resize(); });
  });

  document.querySelectorAll("button.copy").forEach(function (button) {
    button.addEventListener("click", function () {
      var pre = button.parentNode.querySelector("pre");
      var range = document.createRange();
      range.selectNodeContents(pre);
      var selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      /* The older way also works where a file page has no clipboard. */
      button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
      window.setTimeout(function () { button.textContent = "Copy"; }, 1600);
    });
  });
}());
