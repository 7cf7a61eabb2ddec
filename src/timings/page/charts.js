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
  };
  const notice = notices[data.outcome];
  if (notice) {
    byId("notice").textContent = notice;
    byId("notice").className = data.outcome;
    byId("notice").hidden = false;
  }
  const asked = totals.packumentsCached + totals.packumentsConfirmed + totals.packumentsFetched;
  const misses = totals.packumentsFetched;
  const files = totals.linkedFiles ?? 0;
  const tiles = [
    ["Packages", count(data.inTree ?? totals.slots), data.inTree === null ? "" : "in the tree"],
    ["Put in place", count(totals.slots), totals.linkedFiles === null ? "" : plural(files, "file") + " linked"],
    ["In the store before", count(totals.inStore), plural(totals.imported, "package") + " had to come"],
    ["Downloaded", bytes(totals.downloadedBytes), `${plural(totals.tarballs, "tarball")}${totals.retries ? `, ${plural(totals.retries, "retry").replace("retrys", "retries")}` : ""}`],
    ["Imported", bytes(totals.importedBytes), plural(totals.imported, "package")],
    ["Metadata from the cache", asked ? `${count(asked - misses)} of ${count(asked)}` : "none asked",
      asked ? `${count(totals.packumentsCached)} fresh, ${count(totals.packumentsConfirmed)} confirmed, ${plural(misses, "miss").replace("misss", "misses")}` : ""],
  ];
  for (const [name, value, more] of tiles) {
    byId("totals").append(element("div", {}, element("dd", { className: "more" }, more), element("dd", {}, value), element("dt", {}, name)));
  }
  byId("footer").textContent = `Times are since the program started. Pool of ${plural(data.threads, "thread")}.`;
}

function showStages() {
  for (const { part, timeUs } of data.stages) {
    const style = { "--part": `var(--${part})` };
    if (timeUs > 0) {
      byId("stage-bar").append(element("span", { style: { background: `var(--${part})`, flex: `${timeUs} 0 0` }, title: `${PART_NAMES[part]} ${time(timeUs)}` }));
    }
    byId("stage-legend").append(element("li", {}, element("span", { className: "dot", style }), PART_NAMES[part],
      element("b", {}, time(timeUs)), element("span", { className: "muted" }, percent(timeUs / data.wallUs))));
  }
}

const EVENTS = { packument: "packument of", tarball: "tarball of", import: "import of", link: "link of", step: "" };
const WAITS = {
  packument: "waiting for its turn", tarball: "waiting for a connection", import: "waiting for a thread",
  link: "waiting for the index and a thread", step: "in between",
};

function showCritical() {
  const list = byId("critical-list");
  const line = (label, part, [from, to], isWait) => {
    const bar = element("span", { style: { left: `${(from / data.wallUs) * 100}%`, width: `${((to - from) / data.wallUs) * 100}%` } });
    const track = element("div", { className: "track", style: { "--part": `var(--${part})` }, "aria-hidden": "true" }, bar);
    const [amount, share] = [time(to - from), percent((to - from) / data.wallUs)];
    list.append(element("li", { className: isWait ? "wait" : "" }, label, track, element("span", { className: "number" }, amount),
      element("span", { className: "number muted share" }, share)));
  };
  let before = 0;
  for (const { part, event, label, span } of data.critical) {
    // A gap of a few microseconds is none.
    if (span[0] - before > data.wallUs / 500) line(element("span", {}, WAITS[event]), part, [before, span[0]], true);
    const name = element("span", { title: clean(label) }, element("span", { className: "dot", style: { "--part": `var(--${part})` } }),
      element("i", {}, EVENTS[event] ? `${EVENTS[event]} ` : ""), clean(label));
    line(name, part, span, false);
    before = span[1];
  }
  if (data.critical.length && data.wallUs - before > data.wallUs / 500) line(element("span", {}, "the end"), "rest", [before, data.wallUs], true);
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
    list.append(element("li", { className: "muted" }, element("span", {}, `${plural(others.length, "other")} together`), element("span", {}),
      element("span", { className: "number" }, bytes(tarball)), element("span", { className: "number" }, bytes(unpacked))));
  }
}
