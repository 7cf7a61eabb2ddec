// What the comparisons share: programs that take turns, each with a home of its own, and the medians of their times.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const LOCKFILES = ["deka.lock", "bun.lock", "pnpm-lock.yaml"];

/** Makes a folder that goes when the process ends. */
export function temporaryFolder(parent, prefix) {
  const folder = mkdtempSync(join(resolve(parent), prefix));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Returns the program of each tool. Without a folder `peers` that has them, those that are not deka are installed with npm.
 * deka is copied, as when it is installed: a file that a linker has just written is mapped more slowly.
 */
export function programs(tools, { deka, peers }, work) {
  const others = tools.filter((tool) => tool !== "deka");
  const folder = peers ? resolve(peers) : join(work, "peers");
  if (!peers && others.length > 0) run(["npm", "install", "--silent", "--no-save", "--prefix", folder, ...others], work, process.env);
  const copy = join(work, "deka-copy");
  if (tools.includes("deka")) copyFileSync(resolve(deka), copy);
  return Object.fromEntries(tools.map((tool) => [tool, tool === "deka" ? copy : join(folder, "node_modules/.bin", tool)]));
}

/** Makes the folders of one tool; `base` is its own. */
export function makeSubject(tool, program, base) {
  const subject = { tool, program, project: join(base, "project"), home: join(base, "home") };
  mkdirSync(subject.project, { recursive: true });
  mkdirSync(subject.home, { recursive: true });
  const kept = Object.entries(process.env).filter(([name]) => !/^(XDG_|npm_|CI$|DEKA_)/i.test(name));
  return { ...subject, env: { ...Object.fromEntries(kept), HOME: subject.home } };
}

/** Installs the project of a subject. */
export function install({ program, project, env }, flags) {
  run([program, "install", "--ignore-scripts", ...flags], project, env);
}

/** Installs once and remembers the lockfile that came of it. */
export function installFirst(subject) {
  install(subject, []);
  subject.lock = LOCKFILES.map((name) => join(subject.project, name)).find(existsSync);
  subject.lockText = readFileSync(subject.lock);
}

/** Removes what a scenario leaves out (`lock`, `cache`, `tree`) and puts the first lockfile back where it stays. */
export function reset(subject, removed, trees) {
  if (removed.includes("tree")) trees.forEach((tree) => rmSync(tree, { recursive: true, force: true }));
  if (removed.includes("cache")) {
    rmSync(subject.home, { recursive: true, force: true });
    mkdirSync(subject.home);
  }
  const changed = !existsSync(subject.lock) || !readFileSync(subject.lock).equals(subject.lockText);
  if (removed.includes("lock")) rmSync(subject.lock, { force: true });
  else if (changed) writeFileSync(subject.lock, subject.lockText);
}

/** Measures every subject once a round, one after the other, and returns the median of each. */
export function inTurns(subjects, rounds, measure) {
  const times = subjects.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    subjects.forEach((subject, index) => times[index].push(measure(subject, round)));
  }
  return times.map(median);
}

/** Returns the wall time of some work in milliseconds; what was written before it is on the disk by then. */
export function wallTime(work) {
  run(["sync"], ".", process.env);
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Prints the medians of one scenario, and their ratio to the fastest tool that is not deka. */
export function report(title, subjects, medians) {
  const best = Math.min(...medians.filter((_, index) => subjects[index].tool !== "deka"));
  console.log(`\n${title}`);
  subjects.forEach(({ tool }, index) => {
    console.log(`  ${tool.padEnd(6)} ${medians[index].toFixed(1).padStart(9)} ms  ×${(medians[index] / best).toFixed(2)}`);
  });
}

/** Runs a program to its end and returns what it printed; a failure ends the comparison. */
export function run([program, ...args], cwd, env) {
  const ended = spawnSync(program, args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (ended.status !== 0) {
    console.error(`${program} ${args.join(" ")} failed:\n${ended.stdout}${ended.stderr}`);
    process.exit(1);
  }
  return ended.stdout;
}

function median(values) {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)];
}
