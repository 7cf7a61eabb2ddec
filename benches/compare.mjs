#!/usr/bin/env node
// Times deka beside bun and pnpm on the same projects, in one run, taking turns.
//
//   node benches/compare.mjs [--deka target/release/deka] [--tools deka,bun,pnpm] [--fixtures small,next]
//                            [--scenarios cold,ci,resolve,warm,noop] [--rounds 5] [--registry URL] [--work DIR] [--peers DIR]
//
// bun and pnpm are installed with npm into a temporary folder, or taken from --peers. Every tool has a HOME of its own,
// and no lifecycle scripts run. Before each timed run, what the scenario leaves out is removed:
//
//   cold     no lockfile, nothing cached      the first install on a new machine
//   ci       a lockfile, nothing cached       a clean build machine
//   resolve  no lockfile, everything cached   the lockfile was thrown away
//   warm     lockfile and cache, no tree      a fresh checkout on a developer's machine
//   noop     everything in place              the install that nobody needed
//
// Without --registry the real network is measured, and `cold` and `ci` are as noisy as it is. Printed are medians of
// the wall time and their ratio to the fastest tool that is not deka.

import { copyFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { inTurns, install, installFirst, makeSubject, programs, report, reset, run, temporaryFolder, wallTime } from "./turns.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    deka: { type: "string", default: join(here, "../target/release/deka") },
    tools: { type: "string", default: "deka,bun,pnpm" },
    fixtures: { type: "string", default: "small,next" },
    scenarios: { type: "string", default: "cold,ci,resolve,warm,noop" },
    rounds: { type: "string", default: "5" },
    registry: { type: "string" },
    work: { type: "string", default: tmpdir() },
    peers: { type: "string" },
  },
});

const REMOVED = { cold: ["lock", "cache", "tree"], ci: ["cache", "tree"], resolve: ["lock", "tree"], warm: ["tree"], noop: [] };

const work = temporaryFolder(options.work, "deka-compare-");
const tools = programs(options.tools.split(","), options, work);
const registry = options.registry ?? run(["npm", "config", "get", "registry"], here, process.env).trim();

for (const fixture of options.fixtures.split(",")) {
  const subjects = Object.keys(tools).map((tool) => prepare(fixture, tool));
  for (const scenario of options.scenarios.split(",")) {
    report(`${fixture} ${scenario}`, subjects, inTurns(subjects, Number(options.rounds), (subject) => time(subject, REMOVED[scenario])));
  }
}

/** Makes a project and a home for one tool and installs once, so that there is a lockfile to start from. */
function prepare(fixture, tool) {
  const subject = makeSubject(tool, tools[tool], join(work, fixture, tool));
  copyFileSync(join(here, "fixtures", fixture, "package.json"), join(subject.project, "package.json"));
  writeFileSync(join(subject.project, ".npmrc"), `registry=${registry}\n`);
  installFirst(subject);
  return subject;
}

/** Returns the wall time of one install in milliseconds. */
function time(subject, removed) {
  reset(subject, removed, [join(subject.project, "node_modules")]);
  return wallTime(() => install(subject, removed.includes("lock") ? [] : ["--frozen-lockfile"]));
}
