#!/usr/bin/env node
// Times deka beside bun and pnpm on a made-up monorepo, in one run, taking turns.
//
//   node benches/monorepo.mjs [--deka target/release/deka] [--tools deka,bun,pnpm] [--projects 200] [--rounds 7]
//                             [--scenarios cold,warm,noop,add,share] [--work DIR] [--peers DIR]
//
// The projects share 1,200 packages, which are made here and served on loopback, so nothing depends on the network;
// `--projects 10,50,200,500` shows how times grow. bun and pnpm are installed with npm into a temporary folder, or taken
// from --peers. Every tool has a HOME of its own, and no lifecycle scripts run. Measured are:
//
//   cold     no lockfile, nothing cached      the first install on a new machine
//   warm     lockfile and cache, no tree      a fresh checkout on a developer's machine
//   noop     everything in place              the install that nobody needed
//   add      a package that is new to all     `deka --filter PROJECT add PACKAGE`, another package each round
//   share    a package that others have       the same, with a package that stands in the lockfile already
//
// Printed are medians of the wall time and their ratio to the fastest tool that is not deka.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { EXTRA, PACKAGES, nameOf } from "./monorepo/packages.mjs";
import { writeProjects } from "./monorepo/projects.mjs";
import { inTurns, install, installFirst, makeSubject, programs, report, reset, run, temporaryFolder, wallTime } from "./turns.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    deka: { type: "string", default: join(here, "../target/release/deka") },
    tools: { type: "string", default: "deka,bun,pnpm" },
    projects: { type: "string", default: "200" },
    rounds: { type: "string", default: "7" },
    scenarios: { type: "string", default: "cold,warm,noop,add,share" },
    work: { type: "string", default: tmpdir() },
    peers: { type: "string" },
  },
});

const REMOVED = { cold: ["lock", "cache", "tree"], warm: ["tree"], noop: [] };
const ADDED = { add: (_, round) => nameOf(PACKAGES + round), share: (project) => unused(project) };

const rounds = Number(options.rounds);
if (rounds > EXTRA) throw new Error(`at most ${EXTRA} rounds: each adds a package that nobody had`);
const work = temporaryFolder(options.work, "deka-monorepo-");
const tools = programs(options.tools.split(","), options, work);
const server = spawn(process.execPath, [join(here, "monorepo/registry.mjs")], { stdio: ["pipe", "pipe", "inherit"] });
const registry = String((await once(server.stdout, "data"))[0]).trim();

for (const count of options.projects.split(",").map(Number)) {
  const subjects = Object.keys(tools).map((tool) => prepare(count, tool));
  // What is added stays, so those come last.
  const chosen = options.scenarios.split(",");
  const scenarios = [...Object.keys(REMOVED), ...Object.keys(ADDED)].filter((scenario) => chosen.includes(scenario));
  for (const scenario of scenarios) {
    const measure = scenario in REMOVED ? timeInstall : timeAdd;
    report(`${count} projects ${scenario}`, subjects, inTurns(subjects, rounds, (subject, round) => measure(subject, scenario, round)));
  }
}
server.stdin.end();

/** Makes the monorepo and a home for one tool and installs once, so that there is a lockfile to start from. */
function prepare(count, tool) {
  const subject = makeSubject(tool, tools[tool], join(work, String(count), tool));
  subject.projects = writeProjects(subject.project, count, registry);
  installFirst(subject);
  return subject;
}

function timeInstall(subject, scenario) {
  const removed = REMOVED[scenario];
  reset(subject, removed, ["", ...subject.projects.map(({ folder }) => folder)].map((folder) => join(subject.project, folder, "node_modules")));
  return wallTime(() => install(subject, removed.includes("lock") ? [] : ["--frozen-lockfile"]));
}

/** Adds a package to one project, in each round to another. */
function timeAdd({ tool, program, project: root, env, projects }, scenario, round) {
  const project = projects[(round * 37 + 5) % projects.length];
  const added = ADDED[scenario](project, round);
  const folder = join(root, project.folder);
  const [cwd, words] = tool === "bun" ? [folder, []] : [root, ["--filter", project.name]];
  const time = wallTime(() => run([program, ...words, "add", "--ignore-scripts", added], cwd, env));
  if (!readFileSync(join(folder, "package.json"), "utf8").includes(`"${added}"`)) throw new Error(`${tool} did not add ${added}`);
  createRequire(join(folder, "package.json")).resolve(added);
  return time;
}

/** Returns the most popular package that a project does not have. */
function unused({ dependencies }) {
  return Array.from({ length: PACKAGES }, (_, index) => nameOf(index)).find((name) => !dependencies.includes(name));
}
