"use strict";

// What goes wrong is left where a test finds it.
addEventListener("error", (event) => { document.documentElement.dataset.error = event.message; });

const PARTS = ["resolve", "fetch", "import", "link", "scripts", "rest"];
const PART_NAMES = { resolve: "Resolve", fetch: "Fetch", import: "Import", link: "Link", scripts: "Scripts", rest: "Rest" };

const data = JSON.parse(document.getElementById("data").textContent);

// A blueprint knows no files and no packages, only parts.
const isBlueprint = data.totals.slots > 0 && data.totals.linkedFiles === null;

const byId = (id) => document.getElementById(id);

// Names come from packages that anybody may have written: what could reorder or hide text is shown as a number.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const clean = (text) => text.replace(UNSAFE, (letter) => `\\u{${letter.codePointAt(0).toString(16)}}`);

// Makes an element. Text is only ever set as text.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "style") for (const [property, text] of Object.entries(value)) made.style.setProperty(property, text);
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const count = (number) => grouped.format(number);
const plural = (number, noun, nouns = `${noun}s`) => `${count(number)} ${number === 1 ? noun : nouns}`;

// Microseconds as a time that is easy to read, with three figures or so.
function time(us) {
  if (us < 9995) return `${(us / 1e3).toFixed(2)} ms`;
  if (us < 99950) return `${(us / 1e3).toFixed(1)} ms`;
  if (us < 999500) return `${(us / 1e3).toFixed(0)} ms`;
  return `${(us / 1e6).toFixed(us < 9995000 ? 2 : 1)} s`;
}

// Microseconds as milliseconds, for columns of numbers.
const milliseconds = (us) => (us / 1e3).toFixed(1);

function bytes(number) {
  if (number < 1e3) return `${number} B`;
  if (number < 1e6) return `${(number / 1e3).toFixed(1)} kB`;
  if (number < 1e9) return `${(number / 1e6).toFixed(1)} MB`;
  return `${(number / 1e9).toFixed(2)} GB`;
}

const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(share * 100).toFixed(1)} %`);
const length = (span) => (span ? span[1] - span[0] : 0);
const sum = (spans) => spans.reduce((total, span) => total + length(span), 0);

// The colours of the page as it is shown now.
function palette() {
  const style = getComputedStyle(document.documentElement);
  const names = ["text", "muted", "line", "faint", "panel", "focus", ...PARTS];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// What is drawn and listed: one row for each package, and for packuments that led to none.
function makeRows() {
  const taken = new Set();
  const rows = data.packages.map((found) => {
    const packument = found.packument === undefined ? undefined : data.packuments[found.packument];
    if (packument) taken.add(found.packument);
    return row({ ...found, packument, name: clean(found.name) });
  });
  data.packuments.forEach((packument, index) => {
    if (!taken.has(index)) rows.push(row({ name: clean(packument.name), packument, links: [] }));
  });
  for (const step of data.steps.filter((step) => step.part === "scripts")) {
    rows.push(row({ name: clean(step.label), script: step.span, links: [] }));
  }
  return rows.filter((row) => row.spans.length > 0);
}

function row(found) {
  const spans = [];
  const add = (part, span) => { if (span) spans.push({ part, from: span[0], to: Math.max(span[1], span[0]) }); };
  const { packument } = found;
  if (packument) add("resolve", [packument.wanted, packument.answered ?? packument.arrived ?? packument.wanted]);
  add("fetch", found.fetch);
  add("import", found.import);
  const links = found.links ?? [];
  links.forEach((span) => add("link", span));
  add("scripts", found.script);
  const from = Math.min(...spans.map((span) => span.from), found.ordered ?? Infinity);
  const to = Math.max(...spans.map((span) => span.to), 0);
  const active = spans.reduce((total, span) => total + span.to - span.from, 0);
  return { ...found, links, spans, from, to, active };
}
