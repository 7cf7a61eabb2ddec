// The upper part of the page: totals, stages, the critical path, sizes.

function showHeader() {
  const { totals } = data;
  const title = `${data.command} in ${clean(data.project)}`;
  document.title = `${title} · timings`;
  byId("title").textContent = title;
  const ended = new Date(data.endedMs);
  byId("subtitle").textContent = `${ended.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" })} · deka ${data.version}`;
  byId("wall").textContent = time(data.wallUs);
  const notices = {
    failed: `The install failed (${data.error}). This is what happened until then.`,
    "nothing-to-do": "There was nothing to do: node_modules is as package.json and the lockfile ask.",
    "lockfile-only": "Only the lockfile was written.",
    installed: isBlueprint && "This tree was built before, and its blueprint was carried out: part by part, without a look at each package.",
  };
  const notice = notices[data.outcome];
  if (notice) {
    byId("notice").textContent = notice;
    byId("notice").className = data.outcome;
    byId("notice").hidden = false;
  }
  for (const [name, value, more] of tiles()) {
    byId("totals").append(element("div", {}, element("dd", { className: "more" }, more), element("dd", {}, value), element("dt", {}, name)));
  }
  byId("footer").textContent = `Times are since the program started. Pool of ${plural(data.threads, "thread")}.`;
}

// The numbers at the top: name, value and what there is to say of it.
function tiles() {
  const { totals } = data;
  const packages = ["Packages", count(data.inTree ?? totals.slots), data.inTree === null ? "" : "in the tree"];
  if (isBlueprint) return [packages, ["Put in place", count(totals.slots), "by a blueprint"], ["Downloaded", bytes(totals.downloadedBytes), "nothing was missing"]];
  const { packumentsCached: fresh, packumentsConfirmed: confirmed, packumentsFetched: misses } = totals;
  const asked = fresh + confirmed + misses;
  const retries = totals.retries ? `, ${plural(totals.retries, "retry", "retries")}` : "";
  return [
    packages,
    ["Put in place", count(totals.slots), `${plural(totals.linkedFiles ?? 0, "file")} linked`],
    ["In the store before", count(totals.inStore), `${plural(totals.imported, "package")} had to come`],
    ["Downloaded", bytes(totals.downloadedBytes), `${plural(totals.tarballs, "tarball")}${retries}`],
    ["Imported", bytes(totals.importedBytes), plural(totals.imported, "package")],
    ["Metadata from the cache", asked ? `${count(asked - misses)} of ${count(asked)}` : "none asked",
      [fresh && `${count(fresh)} fresh`, confirmed && `${count(confirmed)} confirmed`, misses && plural(misses, "miss", "misses")].filter(Boolean).join(", ")],
  ];
}

function showStages() {
  for (const { part, timeUs } of data.stages.filter((stage) => stage.timeUs > 0)) {
    const style = { "--part": `var(--${part})` };
    byId("stage-bar").append(element("span", { style: { background: `var(--${part})`, flex: `${timeUs} 0 0` }, title: `${PART_NAMES[part]} ${time(timeUs)}` }));
    byId("stage-legend").append(element("li", {}, element("span", { className: "dot", style }), PART_NAMES[part],
      element("b", {}, time(timeUs)), element("span", { className: "muted" }, percent(timeUs / data.wallUs))));
  }
}

const EVENTS = { packument: "packument of", tarball: "tarball of", stream: "download and import of", import: "import of", link: "link of", step: "" };
const WAITS = {
  packument: "waiting for its turn", tarball: "waiting for a connection", stream: "waiting for a thread", import: "waiting for a thread",
  link: "waiting for the index and a thread", step: "in between",
};

// So many packages one after the other on the same thread are shown as one line, which unfolds.
const RUN_FOLDED = 6;

// Events and the waiting between them, as lines; a run of packages that waited for each other's thread is one of them.
function criticalLines() {
  const lines = [];
  // A gap of a few microseconds is none.
  const wait = (from, to, name) => { if (to - from > data.wallUs / 500) lines.push({ name, wait: true, parts: [{ part: "rest", span: [from, to] }] }); };
  let before = 0;
  for (const { part, event, label, span } of data.critical) {
    wait(before, span[0], WAITS[event]);
    const last = lines[lines.length - 1];
    if (last && last.run && (event === "import" || event === "link")) last.parts.push({ part, event, label, span });
    else lines.push({ run: event === "import" || event === "link", parts: [{ part, event, label, span }] });
    before = span[1];
  }
  if (data.critical.length) wait(before, data.wallUs, "the end");
  return lines.flatMap((line) => (line.parts.length < RUN_FOLDED ? line.parts.map((part) => ({ ...line, parts: [part] })) : [line]));
}

function criticalLine({ name, wait, parts }) {
  const bars = parts.map(({ part, span: [from, to] }) => element("span", {
    style: { "--part": `var(--${part})`, left: `${(from / data.wallUs) * 100}%`, width: `${((to - from) / data.wallUs) * 100}%` },
  }));
  const took = sum(parts.map((part) => part.span));
  return element("li", { className: wait ? "wait" : "" }, name, element("div", { className: "track", "aria-hidden": "true" }, ...bars),
    element("span", { className: "number" }, time(took)), element("span", { className: "number muted share" }, percent(took / data.wallUs)));
}

function showCritical() {
  const named = ({ part, event, label }) => element("span", { title: clean(label) },
    element("span", { className: "dot", style: { "--part": `var(--${part})` } }),
    element("i", {}, EVENTS[event] ? `${EVENTS[event]} ` : ""), clean(label));
  const list = byId("critical-list");
  for (const line of criticalLines()) {
    const { name, parts } = line;
    if (name || parts.length === 1) {
      list.append(criticalLine({ ...line, name: name ? element("span", {}, name) : named(parts[0]) }));
      continue;
    }
    const fold = element("button", { type: "button", "aria-expanded": "false" }, `${count(parts.length)} in a row, each waiting for a free thread`);
    const folded = parts.map((part) => criticalLine({ name: named(part), parts: [part] }));
    folded.forEach((item) => { item.hidden = true; });
    fold.addEventListener("click", () => {
      folded.forEach((item) => { item.hidden = !item.hidden; });
      fold.setAttribute("aria-expanded", String(!folded[0].hidden));
    });
    list.append(criticalLine({ ...line, name: element("span", {}, fold) }), ...folded);
  }
  byId("critical").hidden = data.critical.length === 0;
}

const SIZES_SHOWN = 15;

function showSizes(rows) {
  const size = (row) => Math.max(row.unpacked ?? 0, row.bytes ?? 0);
  const largest = rows.filter((row) => size(row) > 0).sort((left, right) => size(right) - size(left));
  byId("sizes").hidden = largest.length === 0;
  if (!largest.length) return;
  const list = byId("size-list");
  const head = ["", "", "tarball", "unpacked"].map((text, at) => element("span", { className: at === 1 ? "track-head" : "number" }, text));
  list.append(element("li", { className: "head" }, ...head));
  const shown = largest.slice(0, SIZES_SHOWN);
  const widest = size(shown[0]);
  const line = (name, tarball, unpacked) => {
    const bar = (value) => element("span", { style: { width: `${Math.min(100, (value / widest) * 100)}%` } });
    const track = element("div", { className: "track", style: { "--part": "var(--import)" }, "aria-hidden": "true" }, bar(unpacked), bar(tarball));
    list.append(element("li", {}, element("span", { title: name }, name), track, element("span", { className: "number" }, tarball ? bytes(tarball) : "–"),
      element("span", { className: "number" }, unpacked ? bytes(unpacked) : "–")));
  };
  shown.forEach((row) => line(row.name, row.bytes ?? 0, row.unpacked ?? 0));
  const others = largest.slice(SIZES_SHOWN);
  if (others.length) {
    const total = (field) => others.reduce((all, row) => all + (row[field] ?? 0), 0);
    const [tarball, unpacked] = [total("bytes"), total("unpacked")];
    list.append(element("li", { className: "muted" }, element("span", {}, `${plural(others.length, "other")} together`), element("span", { className: "track-head" }),
      element("span", { className: "number" }, bytes(tarball)), element("span", { className: "number" }, bytes(unpacked))));
  }
}
