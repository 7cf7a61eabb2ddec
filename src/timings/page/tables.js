// The table of packages, and what points into the timeline: mouse, keys, tooltip.

const ALL_COLUMNS = [
  { name: "Package", value: (row) => row.name, text: (row) => row.name },
  { name: "Packument ms", value: (row) => row.packument && (row.packument.answered ?? row.packument.wanted) - row.packument.wanted, text: milliseconds },
  { name: "Download ms", value: (row) => row.fetch && length(row.fetch), text: milliseconds },
  { name: "Tarball", value: (row) => row.bytes || undefined, text: bytes },
  { name: "Import ms", value: (row) => row.import && length(row.import), text: milliseconds },
  { name: "Unpacked", value: (row) => row.unpacked || undefined, text: bytes },
  { name: "Files", value: (row) => row.files || undefined, text: count },
  { name: "Link ms", value: (row) => (row.links.length ? sum(row.links) : undefined), text: milliseconds },
];

const TABLE_SHOWN = 100;
const table = { columns: [], column: 0, down: true, all: false, rows: [] };

function showColumns() {
  // What nobody measured would be an empty column. The rest is sorted by downloads, or else by links.
  table.columns = ALL_COLUMNS.filter((column) => table.rows.some((row) => column.value(row) !== undefined));
  const named = (name) => table.columns.findIndex((column) => column.name === name);
  table.column = Math.max(0, named("Download ms") < 0 ? named("Link ms") : named("Download ms"));
  table.columns.forEach((column, index) => {
    const button = element("button", { type: "button" }, column.name);
    button.addEventListener("click", () => {
      table.down = table.column === index ? !table.down : index !== 0;
      table.column = index;
      showTable();
    });
    byId("columns").append(element("th", { scope: "col" }, button));
  });
}

function showTable() {
  const { value } = table.columns[table.column];
  const isText = table.column === 0;
  const order = (left, right) => (isText ? value(left).localeCompare(value(right)) : (value(left) ?? -1) - (value(right) ?? -1));
  const sorted = [...table.rows].sort((left, right) => (table.down ? order(right, left) : order(left, right)));
  [...byId("columns").children].forEach((head, index) => {
    if (index === table.column) head.setAttribute("aria-sort", table.down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  });
  const lines = sorted.slice(0, table.all ? sorted.length : TABLE_SHOWN).map((row) => {
    const cells = table.columns.map((column, index) => {
      const found = column.value(row);
      return element("td", index === 0 ? { title: row.name } : {}, found === undefined ? "–" : index === 0 ? column.text(row) : column.text(found));
    });
    return element("tr", {}, ...cells);
  });
  byId("body").replaceChildren(...lines);
  byId("more-rows").hidden = table.all || sorted.length <= TABLE_SHOWN;
  byId("more-rows").textContent = `Show all ${count(sorted.length)}`;
}

function tip(event, title, lines) {
  const box = byId("tip");
  const cells = lines.map(([what, took, since, more]) => element("tr", {}, element("td", {}, what), element("td", { className: "number" }, took),
    element("td", { className: "muted" }, since === undefined ? "" : `at ${time(since)}`), element("td", { className: "muted" }, more)));
  box.replaceChildren(element("strong", {}, title), element("table", {}, element("tbody", {}, ...cells)));
  box.hidden = false;
  const [wide, tall] = [box.offsetWidth, box.offsetHeight];
  box.style.left = `${Math.max(4, Math.min(event.clientX + 16, innerWidth - wide - 8))}px`;
  box.style.top = `${event.clientY + 18 + tall > innerHeight ? Math.max(4, event.clientY - tall - 12) : event.clientY + 18}px`;
}

const hideTip = () => { byId("tip").hidden = true; };

function rowAt(event) {
  const box = byId("waterfall");
  const index = Math.floor((event.clientY - box.getBoundingClientRect().top + box.scrollTop - 2) / ROW);
  return index >= 0 && index < view.rows.length ? index : -1;
}

function hoverRows(event) {
  view.hovered = rowAt(event);
  redraw();
  if (view.hovered < 0) return hideTip();
  tip(event, view.rows[view.hovered].name, describe(view.rows[view.hovered]));
}

function hoverLanes(event) {
  const box = byId("concurrency").getBoundingClientRect();
  const left = gutter(box.width);
  const x = event.clientX - box.left;
  if (x < left) return hideTip();
  const at = timeAt(x, left, box.width);
  tip(event, `at ${time(at)}`, lanes.map((lane) => [lane.name, count(valueAt(lane, at)), undefined, ""]));
}

// Zoom and movement by the mouse, the same on both canvases.
function followMouse(target, hover) {
  let began;
  const xOf = (event) => event.clientX - target.getBoundingClientRect().left;
  const at = (event) => timeAt(xOf(event), gutter(target.clientWidth), target.clientWidth);
  target.addEventListener("pointermove", hover);
  target.addEventListener("pointerleave", () => { view.hovered = -1; hideTip(); redraw(); });
  target.addEventListener("pointerdown", (event) => { began = event.button === 0 ? { x: xOf(event), us: at(event) } : undefined; });
  target.addEventListener("pointerup", (event) => {
    if (began && Math.abs(xOf(event) - began.x) > 6) look(Math.min(began.us, at(event)), Math.max(began.us, at(event)));
    else if (began && target.id === "waterfall") select(rowAt(event));
    began = undefined;
  });
  target.addEventListener("dblclick", () => look(0, data.wallUs));
  target.addEventListener("wheel", (event) => {
    const span = view.to - view.from;
    if (event.ctrlKey || event.metaKey) zoomTo(span * 1.2 ** Math.sign(event.deltaY), at(event));
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const shift = (Math.sign(event.deltaX || event.deltaY) * span) / 12;
      look(view.from + shift, view.to + shift);
    } else return;
    event.preventDefault();
  }, { passive: false });
}

// Marks a row and says what there is to say of it.
function select(index) {
  if (!view.rows.length || index < 0) return;
  view.selected = Math.min(index, view.rows.length - 1);
  const row = view.rows[view.selected];
  const lines = describe(row).map(([what, took, since, more]) => [what, took, since === undefined ? "" : `at ${time(since)}`, more].filter(Boolean).join(" "));
  byId("spoken").textContent = `${row.name}: ${lines.join("; ")}`;
  const box = byId("waterfall");
  const top = view.selected * ROW;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + ROW * 2 > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW * 2 - box.clientHeight;
  redraw();
}

function followKeys(event) {
  const span = view.to - view.from;
  const middle = (view.from + view.to) / 2;
  const keys = {
    ArrowDown: () => select(view.selected + 1),
    ArrowUp: () => select(Math.max(view.selected - 1, 0)),
    PageDown: () => select(view.selected + 20),
    PageUp: () => select(Math.max(view.selected - 20, 0)),
    Home: () => select(0),
    End: () => select(view.rows.length - 1),
    ArrowLeft: () => look(view.from - span / 8, view.to - span / 8),
    ArrowRight: () => look(view.from + span / 8, view.to + span / 8),
    "+": () => zoomTo(span / 1.5, middle),
    "=": () => zoomTo(span / 1.5, middle),
    "-": () => zoomTo(span * 1.5, middle),
    Escape: () => look(0, data.wallUs),
  };
  const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
  if (!act) return;
  act();
  if (view.selected >= 0 && event.key !== "Escape") {
    const box = byId("waterfall").getBoundingClientRect();
    const clientY = box.top + (view.selected + 1) * ROW - byId("waterfall").scrollTop;
    tip({ clientX: box.left + gutter(box.width), clientY }, view.rows[view.selected].name, describe(view.rows[view.selected]));
  } else hideTip();
  event.preventDefault();
}
