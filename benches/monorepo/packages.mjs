// Packages that exist nowhere else: their names, what they depend on, their files.
//
// The first DIRECT of them are what projects ask for. Each of the rest is needed by at least one before it, so that whoever
// needs all of the first needs all PACKAGES. Behind those stand EXTRA ones that nobody needs yet. DEKA_BENCH_PACKAGES in the
// environment says how many there are.

import { numbers } from "./numbers.mjs";

export const PACKAGES = Number(process.env.DEKA_BENCH_PACKAGES ?? 1200);
export const DIRECT = PACKAGES / 4;
export const EXTRA = 50;
/** Each package has as many versions, so that what the registry says is about as long as for real ones; ranges take the newest. */
export const VERSIONS = 12;
export const NEWEST = versionOf(VERSIONS - 1);

const CHILDREN = childrenOfAll();

/** Returns the name of a package; every fourth has a scope. */
export function nameOf(index) {
  return index % 4 === 3 ? `@made-up/part-${index}` : `made-up-${index}`;
}

export function versionOf(number) {
  return `1.${number}.0`;
}

/** Returns a range that the newest version of a package satisfies. */
export function rangeOf(index) {
  return `^1.${index % VERSIONS}.0`;
}

/** Returns the manifest of one version. Every twentieth package has the first one as a peer, as parts of a framework do. */
export function manifestOf(index, version) {
  const dependencies = Object.fromEntries(CHILDREN[index].map((child) => [nameOf(child), rangeOf(child)]));
  const peers = index % 20 === 10 ? { peerDependencies: { [nameOf(0)]: "^1.0.0" } } : {};
  return { name: nameOf(index), version, license: "MIT", main: "index.js", dependencies, ...peers };
}

/** Returns the files of the newest version by path: about 20 on average, most of them short, a few long. */
export function filesOf(index) {
  const next = numbers(index + 1);
  const files = { "package.json": JSON.stringify(manifestOf(index, NEWEST), null, 2), "index.js": "module.exports = require('./lib/0.js');\n" };
  const count = 2 + Math.floor(56 * next() ** 2);
  for (let number = 0; number < count; number += 1) {
    files[`lib/${number % 3 === 2 ? `deep-${number % 7}/` : ""}${number}.js`] = source(next, 4 + Math.floor(120 * next() ** 3));
  }
  return files;
}

/** Returns as many of the packages that projects ask for as it takes to need at least so many in all, modest ones first. */
export function directsFor(count) {
  const alone = Array.from({ length: DIRECT }, (_, index) => [index, need(index, new Set()).size]);
  const needed = new Set();
  const directs = [];
  for (const [index] of alone.sort((left, right) => left[1] - right[1])) {
    if (needed.size >= count) break;
    need(index, needed);
    directs.push(index);
  }
  return { directs, needed: needed.size };
}

/** Adds a package and all that it needs to those that are known to be needed. */
function need(index, needed) {
  if (!needed.has(index)) {
    needed.add(index);
    CHILDREN[index].forEach((child) => need(child, needed));
  }
  return needed;
}

function source(next, lines) {
  return Array.from({ length: lines }, () => {
    const value = Math.floor(next() * 2 ** 32);
    return `exports.value${value % 997} = () => "${value.toString(36)}".repeat(${value % 7});\n`;
  }).join("");
}

function childrenOfAll() {
  const children = Array.from({ length: PACKAGES }, () => []);
  const next = numbers(7);
  for (let index = DIRECT; index < PACKAGES; index += 1) children[Math.floor(next() * index)].push(index);
  for (let index = 0; index < PACKAGES; index += 1) {
    const more = Math.floor(4 * next());
    for (let count = 0; count < more; count += 1) {
      const child = Math.max(DIRECT, index + 1) + Math.floor(next() * (PACKAGES - index));
      if (child < PACKAGES && !children[index].includes(child)) children[index].push(child);
    }
  }
  const extra = Array.from({ length: EXTRA }, (_, count) => [DIRECT + count, DIRECT + 2 * count + 1]);
  return [...children, ...extra];
}
