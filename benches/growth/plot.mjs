// Draws times over numbers of packages as SVG: a panel a scenario, a line a tool, both axes logarithmic.

const PANEL = { width: 250, height: 190, left: 46, bottom: 30, top: 26, right: 10 };
const COLOURS = ["#0b7a75", "#c2571a", "#5b5bd6", "#7a7a7a"];

/** Returns the text of an SVG file. Each point has a `scenario`, a `tool`, a number of `packages` and a time in `ms`. */
export function draw(points) {
  const scenarios = [...new Set(points.map((point) => point.scenario))];
  const tools = [...new Set(points.map((point) => point.tool))];
  const panels = scenarios.map((scenario, index) => panel(scenario, points, tools, index * PANEL.width));
  const names = tools.map((tool, index) => `<text x="${PANEL.left + index * 70}" y="${PANEL.height + 14}" fill="${COLOURS[index]}">${tool}</text>`);
  const [width, height] = [scenarios.length * PANEL.width, PANEL.height + 24];
  const style = "text{font:11px system-ui,sans-serif}.dim{fill:#888}.grid{stroke:#8884;stroke-width:1}";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"><style>${style}</style>
<rect width="100%" height="100%" fill="#fff"/>
${[...panels, ...names].join("\n")}
</svg>
`;
}

function panel(scenario, points, tools, left) {
  const across = scale(points.map((point) => point.packages), left + PANEL.left, left + PANEL.width - PANEL.right);
  const up = scale(points.map((point) => point.ms), PANEL.height - PANEL.bottom, PANEL.top);
  const right = left + PANEL.width - PANEL.right;
  const grid = up.marks.map((ms) => {
    const y = up.at(ms).toFixed(1);
    return `<path class="grid" d="M${left + PANEL.left} ${y}H${right}"/><text class="dim" x="${left + PANEL.left - 4}" y="${y}" text-anchor="end" dominant-baseline="middle">${ms}</text>`;
  });
  const below = across.marks.map((count) => `<text class="dim" x="${across.at(count).toFixed(1)}" y="${PANEL.height - PANEL.bottom + 14}" text-anchor="middle">${count}</text>`);
  const lines = tools.map((tool, index) => {
    const own = points.filter((point) => point.scenario === scenario && point.tool === tool);
    const path = own.map(({ packages, ms }) => `${across.at(packages).toFixed(1)} ${up.at(ms).toFixed(1)}`).join("L");
    return `<path d="M${path}" fill="none" stroke="${COLOURS[index]}" stroke-width="2"/>`;
  });
  const title = `<text x="${left + PANEL.left}" y="14" font-weight="600">${scenario}, ms by packages</text>`;
  return [title, ...grid, ...below, ...lines].join("\n");
}

/** Returns where a value stands between two places, and the powers of ten between the values. */
function scale(values, from, to) {
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const at = (value) => from + ((Math.log10(value) - low) / (high - low || 1)) * (to - from);
  const marks = [];
  for (let power = Math.ceil(low - 1e-9); power <= high; power += 1) marks.push(10 ** power);
  return { at, marks };
}
