// Puts everything together.

function start() {
  const rows = makeRows();
  showHeader();
  showStages();
  showCritical();
  showSizes(rows);
  const isEmpty = rows.length === 0;
  if (isBlueprint) byId("packages-title").textContent = "Parts of the blueprint";
  for (const id of ["timeline", "tools", "packages"]) byId(id).hidden = isEmpty;
  if (data.outcome === "nothing-to-do" && isEmpty) for (const id of ["totals", "stages", "critical"]) byId(id).hidden = true;
  if (isEmpty) return;
  for (const part of PARTS.filter((part) => rows.some((row) => row.spans.some((span) => span.part === part)))) {
    byId("timeline-legend").append(element("li", {}, element("span", { className: "dot", style: { "--part": `var(--${part})` } }), PART_NAMES[part]));
  }
  const filter = () => { table.rows = choose(rows, byId("filter").value.trim().toLowerCase()); };
  filter();
  showColumns();
  showTable();
  byId("filter").addEventListener("input", () => { filter(); showTable(); });
  byId("zoom").addEventListener("input", (event) => zoomTo(data.wallUs / ZOOM_MAX ** (event.target.value / 100), (view.from + view.to) / 2));
  byId("reset").addEventListener("click", () => look(0, data.wallUs));
  byId("more").addEventListener("click", () => { view.all = !view.all; filter(); });
  byId("more-rows").addEventListener("click", () => { table.all = true; showTable(); });
  byId("waterfall").addEventListener("scroll", redraw, { passive: true });
  byId("waterfall").addEventListener("keydown", followKeys);
  byId("waterfall").addEventListener("blur", hideTip);
  followMouse(byId("waterfall"), hoverRows);
  followMouse(byId("concurrency"), hoverLanes);
  addEventListener("resize", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  drawNow();
}

start();
document.documentElement.dataset.ready = "true";
