// The timeline: concurrency and packages, on two canvases that share one axis of time.

const ROW = 18;
const ROWS_SHOWN = 200;
const ZOOM_MAX = 400;
const AXIS = 22;
const LANE = 58;

const view = { from: 0, to: data.wallUs || 1, rows: [], selected: -1, all: false, hovered: -1 };

const gutter = (width) => Math.round(Math.min(250, width * 0.3));
const place = (us, left, width) => left + ((us - view.from) / (view.to - view.from)) * (width - left);
const timeAt = (x, left, width) => view.from + ((x - left) / (width - left)) * (view.to - view.from);

// Makes a canvas as sharp as the screen. Both are as wide as the room that the scroll bar of the rows leaves, so that
// their times stand above each other.
function prepare(canvas, height) {
  const width = byId("waterfall-size").clientWidth;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    canvas.style.height = `${height}px`;
    canvas.style.width = `${width}px`;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  pen.textBaseline = "middle";
  return { pen, width, height };
}

// Times for marks on the axis: 1, 2 or 5 times a power of ten, about a hundred pixels apart.
function marks(pixels) {
  const wanted = ((view.to - view.from) * 100) / Math.max(pixels, 100);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= wanted);
  const found = [];
  for (let at = Math.ceil(view.from / step) * step; at <= view.to; at += step) found.push(at);
  return { step, found };
}

const markText = (us, step) => (data.wallUs < 2e6 ? `${(us / 1e3).toFixed(step < 1e3 ? 2 : 0)} ms` : `${(us / 1e6).toFixed(step < 1e4 ? 3 : step < 1e6 ? 2 : 0)} s`);

// Series of numbers that change at certain times.
function series(spans) {
  const edges = spans.flatMap(([from, to]) => [[from, 1], [to, -1]]).sort((left, right) => left[0] - right[0] || left[1] - right[1]);
  const points = [[0, 0]];
  let [running, highest] = [0, 0];
  for (const [at, change] of edges) {
    running += change;
    highest = Math.max(highest, running);
    if (points[points.length - 1][0] === at) points[points.length - 1][1] = running;
    else points.push([at, running]);
  }
  return { points, highest };
}

function makeLanes() {
  const requests = data.packuments.filter((packument) => packument.sent !== undefined)
    .map((packument) => [packument.sent, packument.arrived ?? packument.answered ?? packument.sent]);
  const of = (field) => data.packages.filter((found) => found[field]).map((found) => found[field]);
  return [
    { name: "Requests in flight", part: "fetch", ...series([...requests, ...of("fetch")]) },
    { name: "Imports running", part: "import", ...series(of("import")) },
    { name: "Links running", part: "link", ...series(data.packages.flatMap((found) => found.links ?? [])) },
  ].filter((lane) => lane.highest > 0);
}

const lanes = makeLanes();

// How many there were at a time.
function valueAt({ points }, us) {
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle][0] <= us) low = middle;
    else high = middle - 1;
  }
  return points[low][1];
}

function drawConcurrency(colours) {
  const { pen, width, height } = prepare(byId("concurrency"), lanes.length * LANE + AXIS);
  const left = gutter(width);
  const { step, found } = marks(width - left);
  pen.fillStyle = colours.muted;
  pen.textAlign = "center";
  for (const at of found) {
    const x = Math.round(place(at, left, width)) + 0.5;
    pen.strokeStyle = colours.faint;
    pen.beginPath(); pen.moveTo(x, 0); pen.lineTo(x, height - AXIS + 4); pen.stroke();
    if (x < width - 26 && x > left + 10 || at === 0) pen.fillText(markText(at, step), Math.max(x, left + 16), height - AXIS / 2 + 1);
  }
  lanes.forEach((lane, index) => drawLane(pen, lane, index * LANE + 6, LANE - 14, left, width, colours));
}

function drawLane(pen, lane, top, tall, left, width, colours) {
  pen.textAlign = "left";
  pen.fillStyle = colours.text;
  pen.fillText(lane.name, 0, top + tall / 2 - 8);
  pen.fillStyle = colours.muted;
  pen.fillText(`at most ${count(lane.highest)}`, 0, top + tall / 2 + 8);
  const bottom = top + tall;
  pen.save();
  pen.beginPath(); pen.rect(left, top - 1, width - left, tall + 2); pen.clip();
  pen.beginPath();
  pen.moveTo(left, bottom);
  let value = valueAt(lane, view.from);
  const y = () => bottom - (value / Math.max(lane.highest, 1)) * tall;
  pen.lineTo(left, y());
  for (const [at, next] of lane.points) {
    if (at <= view.from) continue;
    if (at > view.to) break;
    const x = place(at, left, width);
    pen.lineTo(x, y());
    value = next;
    pen.lineTo(x, y());
  }
  pen.lineTo(width, y());
  pen.lineTo(width, bottom);
  pen.closePath();
  pen.globalAlpha = 0.3; pen.fillStyle = colours[lane.part]; pen.fill();
  pen.globalAlpha = 1; pen.strokeStyle = colours[lane.part]; pen.lineWidth = 1.25; pen.stroke(); pen.lineWidth = 1;
  pen.restore();
  pen.strokeStyle = colours.line;
  pen.beginPath(); pen.moveTo(left, bottom + 0.5); pen.lineTo(width, bottom + 0.5); pen.stroke();
}

// Cuts a name so that it fits; the version at its end is what tells it from others, so the middle goes.
function fitted(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let keep = Math.max(4, Math.floor((text.length * room) / pen.measureText(text).width) - 1);
  for (; keep > 4; keep -= 1) {
    const cut = `${text.slice(0, Math.ceil(keep * 0.6))}…${text.slice(text.length - Math.floor(keep * 0.4))}`;
    if (pen.measureText(cut).width <= room) return cut;
  }
  return text.slice(0, 4);
}

function drawRows(colours) {
  const box = byId("waterfall");
  const whole = Math.max(view.rows.length * ROW + 4, ROW);
  byId("waterfall-size").style.height = `${whole}px`;
  const { pen, width, height } = prepare(byId("rows"), Math.min(whole, 618));
  const left = gutter(width);
  pen.strokeStyle = colours.faint;
  for (const at of marks(width - left).found) {
    const x = Math.round(place(at, left, width)) + 0.5;
    pen.beginPath(); pen.moveTo(x, 0); pen.lineTo(x, height); pen.stroke();
  }
  const first = Math.floor(box.scrollTop / ROW);
  const last = Math.min(view.rows.length, first + Math.ceil(height / ROW) + 1);
  for (let index = first; index < last; index += 1) drawRow(pen, index, index * ROW - box.scrollTop + 2, left, width, colours);
}

function drawRow(pen, index, top, left, width, colours) {
  const row = view.rows[index];
  const middle = top + ROW / 2;
  if (index === view.selected || index === view.hovered) {
    pen.fillStyle = colours.faint;
    pen.fillRect(0, top, width, ROW);
  }
  if (index === view.selected) {
    pen.fillStyle = colours.focus;
    pen.fillRect(0, top, 3, ROW);
  }
  pen.textAlign = "left";
  pen.fillStyle = colours.text;
  pen.fillText(fitted(pen, row.name, left - 18), 7, middle + 1);
  pen.save();
  pen.beginPath(); pen.rect(left, top, width - left, ROW); pen.clip();
  pen.fillStyle = colours.line;
  const [start, end] = [place(row.from, left, width), place(row.to, left, width)];
  pen.fillRect(start, middle - 0.5, Math.max(end - start, 1), 1);
  for (const { part, from, to } of row.spans) {
    const x = place(from, left, width);
    pen.fillStyle = colours[part];
    pen.fillRect(x, top + 4, Math.max(place(to, left, width) - x, 1.5), ROW - 8);
  }
  pen.restore();
}

let isDrawing = false;

// Draws once in a frame, however often it is asked.
function redraw() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => { isDrawing = false; drawNow(); });
}

function drawNow() {
  const colours = palette();
  // The rows first: they decide whether there is a scroll bar.
  drawRows(colours);
  drawConcurrency(colours);
}

// Shows another stretch of time, which stays inside of the install.
function look(from, to) {
  const span = Math.min(Math.max(to - from, data.wallUs / ZOOM_MAX, 1), data.wallUs || 1);
  view.from = Math.min(Math.max(from, 0), (data.wallUs || 1) - span);
  view.to = view.from + span;
  byId("zoom").value = (Math.log((data.wallUs || 1) / span) / Math.log(ZOOM_MAX)) * 100;
  redraw();
}

function zoomTo(span, around) {
  const share = (around - view.from) / (view.to - view.from);
  look(around - span * share, around + span * (1 - share));
}

// Chooses what is shown: the filter's rows by their start, or of many the ones that took longest.
function choose(rows, filter) {
  const found = rows.filter((row) => row.name.toLowerCase().includes(filter));
  const longest = view.all ? found : [...found].sort((left, right) => right.active - left.active).slice(0, ROWS_SHOWN);
  view.rows = longest.sort((left, right) => left.from - right.from || left.to - right.to);
  [view.selected, view.hovered] = [-1, -1];
  const more = byId("more");
  more.hidden = found.length <= ROWS_SHOWN;
  more.textContent = view.all ? `Show the ${ROWS_SHOWN} longest only` : `Show all ${count(found.length)}`;
  byId("shown").textContent = found.length === rows.length && view.rows.length === rows.length
    ? plural(rows.length, "row") : `${count(view.rows.length)} of ${plural(rows.length, "row")}`;
  redraw();
  return found;
}

// What there is to say of a row, line by line: what, how long, since when.
function describe(row) {
  const lines = [];
  const { packument } = row;
  if (packument) {
    const how = packument.sent === undefined ? "from the cache" : packument.bytes ? bytes(packument.bytes) : packument.arrived ? "confirmed" : "no answer";
    lines.push(["Packument", time((packument.answered ?? packument.arrived ?? packument.wanted) - packument.wanted), packument.wanted, how]);
  }
  if (row.fetch) {
    if (row.ordered !== undefined) lines.push(["Wait", time(Math.max(row.fetch[0] - row.ordered, 0)), row.ordered, "for a connection"]);
    lines.push(["Download", time(length(row.fetch)), row.fetch[0], row.bytes ? bytes(row.bytes) : ""]);
  }
  if (row.import) lines.push(["Import", time(length(row.import)), row.import[0], row.unpacked ? `${bytes(row.unpacked)} in ${plural(row.files ?? 0, "file")}` : ""]);
  if (row.ready !== undefined && !row.import) lines.push(["Store", "", row.ready, "had it already"]);
  row.links.slice(0, 4).forEach((span) => lines.push(["Link", time(length(span)), span[0], row.files ? plural(row.files, "file") : ""]));
  if (row.links.length > 4) lines.push(["Link", time(sum(row.links.slice(4))), row.links[4][0], `${row.links.length - 4} more times`]);
  if (row.script) lines.push(["Script", time(length(row.script)), row.script[0], ""]);
  if (row.retries) lines.push(["Retries", count(row.retries), undefined, ""]);
  return lines;
}
