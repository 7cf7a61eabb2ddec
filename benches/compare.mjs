#!/usr/bin/env node
// Times deka beside bun and pnpm on the same projects, in one run, taking turns.
//
//   node benches/compare.mjs [--deka target/release/deka] [--tools deka,bun,pnpm] [--fixtures small,next]
//                            [--scenarios cold,ci,resolve,warm,noop] [--rounds 5] [--registry URL] [--work DIR]
//
// bun and pnpm are installed with npm into a temporary folder. Every tool has a HOME of its own, and no lifecycle
// scripts run. Before each timed run, what the scenario leaves out is removed:
//
//   cold     no lockfile, nothing cached      the first install on a new machine
//   ci       a lockfile, nothing cached       a clean build machine
//   resolve  no lockfile, everything cached   the lockfile was thrown away
//   warm     lockfile and cache, no tree      a fresh checkout on a developer's machine
//   noop     everything in place              the install that nobody needed
//
// Without --registry the real network is measured, and `cold` and `ci` are as noisy as it is. Printed are medians of
// the wall time and their ratio to the fastest tool that is not deka.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

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
  },
});

const LOCKFILES = ["deka.lock", "bun.lock", "pnpm-lock.yaml"];
const REMOVED = { cold: ["lock", "cache", "tree"], ci: ["cache", "tree"], resolve: ["lock", "tree"], warm: ["tree"], noop: [] };

const work = mkdtempSync(join(options.work, "deka-compare-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));

const tools = options.tools.split(",");
const peers = tools.filter((tool) => tool !== "deka");
if (peers.length > 0) {
  run(["npm", "install", "--silent", "--no-save", "--prefix", join(work, "peers"), ...peers], work, process.env);
}
const programs = Object.fromEntries(
  tools.map((tool) => [tool, tool === "deka" ? resolve(options.deka) : join(work, "peers/node_modules/.bin", tool)]),
);

for (const fixture of options.fixtures.split(",")) {
  const subjects = tools.map((tool) => prepare(fixture, tool));
  for (const scenario of options.scenarios.split(",")) {
    const times = subjects.map(() => []);
    for (let round = 0; round < Number(options.rounds); round += 1) {
      subjects.forEach((subject, index) => times[index].push(time(subject, REMOVED[scenario])));
    }
    report(`${fixture} ${scenario}`, subjects, times.map(median));
  }
}

/** Makes a project and a home for one tool and installs once, so that there is a lockfile to start from. */
function prepare(fixture, tool) {
  const project = join(work, fixture, tool, "project");
  const home = join(work, fixture, tool, "home");
  mkdirSync(project, { recursive: true });
  mkdirSync(home, { recursive: true });
  copyFileSync(join(here, "fixtures", fixture, "package.json"), join(project, "package.json"));
  const registry = options.registry ?? run(["npm", "config", "get", "registry"], here, process.env).trim();
  writeFileSync(join(project, ".npmrc"), `registry=${registry}\n`);
  const kept = Object.entries(process.env).filter(([name]) => !/^(XDG_|npm_|CI$|DEKA_)/i.test(name));
  const subject = { tool, project, home, env: { ...Object.fromEntries(kept), HOME: home } };
  install(subject, []);
  subject.lock = LOCKFILES.map((name) => join(project, name)).find(existsSync);
  subject.lockText = readFileSync(subject.lock);
  return subject;
}

function install({ tool, project, env }, flags) {
  run([programs[tool], "install", "--ignore-scripts", ...flags], project, env);
}

/** Returns the wall time of one install in milliseconds. */
function time(subject, removed) {
  if (removed.includes("tree")) rmSync(join(subject.project, "node_modules"), { recursive: true, force: true });
  if (removed.includes("cache")) {
    rmSync(subject.home, { recursive: true, force: true });
    mkdirSync(subject.home);
  }
  const frozen = !removed.includes("lock");
  const changed = !existsSync(subject.lock) || !readFileSync(subject.lock).equals(subject.lockText);
  if (!frozen) rmSync(subject.lock, { force: true });
  else if (changed) writeFileSync(subject.lock, subject.lockText);
  run(["sync"], subject.project, subject.env);
  const start = process.hrtime.bigint();
  install(subject, frozen ? ["--frozen-lockfile"] : []);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

function report(title, subjects, medians) {
  const best = Math.min(...medians.filter((_, index) => subjects[index].tool !== "deka"));
  console.log(`\n${title}`);
  subjects.forEach(({ tool }, index) => {
    console.log(`  ${tool.padEnd(6)} ${medians[index].toFixed(1).padStart(9)} ms  ×${(medians[index] / best).toFixed(2)}`);
  });
}

function median(values) {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)];
}

function run([program, ...args], cwd, env) {
  const ended = spawnSync(program, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (ended.status !== 0) {
    console.error(`${program} ${args.join(" ")} failed:\n${ended.stdout}${ended.stderr}`);
    process.exit(1);
  }
  return ended.stdout;
}
