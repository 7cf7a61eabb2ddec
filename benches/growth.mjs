#!/usr/bin/env node
// Shows how the time of each kind of install grows with the number of packages, for deka and others, in one run.
//
//   node benches/growth.mjs [--deka target/release/deka] [--tools deka,bun] [--sizes 10,30,100,300,1000,3000] [--rounds 5]
//                           [--scenarios cold,ci,resolve,warm,noop] [--svg FILE] [--work DIR] [--peers DIR]
//
// The packages are made here and served on loopback (see monorepo/packages.mjs). Printed are medians of the wall time and,
// for deka, the exponent between one size and the next: time ~ packages^exponent, so that 1 is linear and less is better.
// --svg draws all of it, both axes logarithmic.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { draw } from "./growth/plot.mjs";
import { inTurns, install, installFirst, makeSubject, programs, reset, temporaryFolder, wallTime } from "./turns.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    deka: { type: "string", default: join(here, "../target/release/deka") },
    tools: { type: "string", default: "deka,bun" },
    sizes: { type: "string", default: "10,30,100,300,1000,3000" },
    rounds: { type: "string", default: "5" },
    scenarios: { type: "string", default: "cold,ci,resolve,warm,noop" },
    svg: { type: "string" },
    work: { type: "string", default: tmpdir() },
    peers: { type: "string" },
  },
});
const REMOVED = { cold: ["lock", "cache", "tree"], ci: ["cache", "tree"], resolve: ["lock", "tree"], warm: ["tree"], noop: [] };

const sizes = options.sizes.split(",").map(Number);
// The packages read this when they are imported, here and in the registry.
process.env.DEKA_BENCH_PACKAGES = String(4 * Math.ceil(Math.max(...sizes) / 4));
const { directsFor, nameOf, rangeOf } = await import("./monorepo/packages.mjs");

const work = temporaryFolder(options.work, "deka-growth-");
const tools = programs(options.tools.split(","), options, work);
const server = spawn(process.execPath, [join(here, "monorepo/registry.mjs")], { stdio: ["pipe", "pipe", "inherit"] });
const registry = String((await once(server.stdout, "data"))[0]).trim();

const points = [];
for (const size of sizes) {
  const { directs, needed } = directsFor(size);
  const subjects = Object.keys(tools).map((tool) => prepare(tool, directs, needed));
  for (const scenario of options.scenarios.split(",")) {
    const medians = inTurns(subjects, Number(options.rounds), (subject) => timeInstall(subject, scenario));
    subjects.forEach(({ tool }, index) => points.push({ scenario, tool, packages: needed, ms: medians[index] }));
  }
}
server.stdin.end();
print();
if (options.svg) writeFileSync(options.svg, draw(points));

/** Makes a project that comes to so many packages, and installs it once, so that there is a lockfile to start from. */
function prepare(tool, directs, needed) {
  const subject = makeSubject(tool, tools[tool], join(work, String(needed), tool));
  const dependencies = Object.fromEntries(directs.map((index) => [nameOf(index), rangeOf(index)]));
  writeFileSync(join(subject.project, "package.json"), JSON.stringify({ name: "growth", private: true, dependencies }));
  writeFileSync(join(subject.project, ".npmrc"), `registry=${registry}\n`);
  installFirst(subject);
  return subject;
}

function timeInstall(subject, scenario) {
  const removed = REMOVED[scenario];
  reset(subject, removed, [join(subject.project, "node_modules")]);
  return wallTime(() => install(subject, removed.includes("lock") ? [] : ["--frozen-lockfile"]));
}

function print() {
  for (const scenario of options.scenarios.split(",")) {
    console.log(`\n${scenario.padEnd(9)}${Object.keys(tools).map((tool) => `${tool} ms`.padStart(12)).join("")}    exponent`);
    let before;
    for (const { packages, ms } of points.filter((point) => point.scenario === scenario && point.tool === Object.keys(tools)[0])) {
      const of = (tool) => points.find((point) => point.scenario === scenario && point.tool === tool && point.packages === packages).ms;
      const exponent = before ? (Math.log(ms / before.ms) / Math.log(packages / before.packages)).toFixed(2) : "";
      console.log(`${String(packages).padStart(8)} ${Object.keys(tools).map((tool) => of(tool).toFixed(1).padStart(12)).join("")}    ${exponent.padStart(8)}`);
      before = { packages, ms };
    }
  }
}
