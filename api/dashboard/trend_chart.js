// Columns over time, by Chart.js: high urgency hatched at the foot, everything else plain above it.

const HATCH = 8; // pixels

/** A chart on `canvas`; it takes its colours from the style sheet, and follows a change of theme. */
export class TrendChart {
  constructor(canvas) {
    this.canvas = canvas;
    this.chart = new globalThis.Chart(canvas, configuration());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    this.paint();
  }

  /** Show columns, each `{label, count, high}`. */
  show(columns) {
    const { data } = this.chart;
    data.labels = columns.map((column) => column.label);
    data.datasets[0].data = columns.map((column) => column.high);
    data.datasets[1].data = columns.map((column) => column.count - column.high);
    this.chart.update();
  }

  /** Take the colours of the theme that is on. */
  paint() {
    const colour = colours();
    const { data, options } = this.chart;
    data.datasets[0].backgroundColor = hatched(this.canvas, colour("high"), colour("surface"));
    data.datasets[0].borderColor = colour("high");
    data.datasets[1].backgroundColor = colour("bar");
    for (const axis of Object.values(options.scales)) {
      axis.ticks.color = colour("muted");
      axis.grid.color = colour("line");
    }
    Object.assign(options.plugins.tooltip, {
      backgroundColor: colour("text"),
      titleColor: colour("surface"),
      bodyColor: colour("surface"),
      footerColor: colour("surface"),
    });
    this.chart.update();
  }
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

function hatched(canvas, ink, paper) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = HATCH;
  const pen = tile.getContext("2d");
  pen.fillStyle = paper;
  pen.fillRect(0, 0, HATCH, HATCH);
  pen.strokeStyle = ink;
  pen.lineWidth = 3;
  for (const shift of [-HATCH, 0, HATCH]) {
    pen.moveTo(shift - 1, HATCH + 1);
    pen.lineTo(shift + HATCH + 1, -1);
  }
  pen.stroke();
  return canvas.getContext("2d").createPattern(tile, "repeat");
}

function configuration() {
  const columns = { stack: "tickets", categoryPercentage: 0.86, barPercentage: 0.94 };
  return {
    type: "bar",
    data: {
      labels: [],
      datasets: [
        { label: "high urgency", data: [], ...columns, borderWidth: 1 },
        { label: "others", data: [], ...columns },
      ],
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: {
          stacked: true,
          grid: { display: false },
          ticks: { maxRotation: 0, autoSkipPadding: 12 },
        },
        y: {
          stacked: true,
          beginAtZero: true,
          grid: {},
          ticks: { precision: 0, maxTicksLimit: 5 },
          border: { display: false },
        },
      },
      plugins: {
        legend: { display: false },
        tooltip: {
          displayColors: false,
          callbacks: {
            footer: (items) => `all: ${items.reduce((sum, item) => sum + item.parsed.y, 0)}`,
          },
        },
      },
    },
  };
}
