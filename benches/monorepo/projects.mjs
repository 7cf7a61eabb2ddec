#!/usr/bin/env node
// Writes a monorepo of made-up projects: every fifth is an app, the others are packages that apps and packages need.
//
//   node benches/monorepo/projects.mjs DIR --registry URL [--projects 200]
//
// Whatever the number of projects, together they need all packages: each of those that projects ask for has one project that
// does, and each project asks for some more that many have in common.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { numbers } from "./numbers.mjs";
import { DIRECT, nameOf, rangeOf } from "./packages.mjs";

const SHARED = 8;
const SHARED_DEV = 3;
const NEIGHBOURS = 3;

/** Writes the manifests of a monorepo and returns its projects: folder, name, names of dependencies. */
export function writeProjects(root, count, registry) {
  const workspaces = ["apps/*", "packages/*"];
  write(root, "package.json", { name: "made-up-monorepo", private: true, workspaces });
  writeFileSync(join(root, ".npmrc"), `registry=${registry}\n`);
  writeFileSync(join(root, "pnpm-workspace.yaml"), `packages:\n${workspaces.map((glob) => `  - ${glob}\n`).join("")}`);
  return Array.from({ length: count }, (_, index) => {
    const manifest = manifestOf(index, count);
    const folder = join(isApp(index) ? "apps" : "packages", `project-${index}`);
    write(join(root, folder), "package.json", manifest);
    return { folder, name: manifest.name, dependencies: Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }) };
  });
}

function manifestOf(index, count) {
  const next = numbers(100_000 + index);
  const chosen = new Set([0]);
  for (let direct = index; direct < DIRECT; direct += count) chosen.add(direct);
  // The square makes the first ones popular.
  const more = (wanted, set) => {
    for (let number = 0; number < wanted; number += 1) set.add(Math.floor(DIRECT * next() ** 2));
    return set;
  };
  more(SHARED, chosen);
  const dev = [...more(SHARED_DEV, new Set())].filter((direct) => !chosen.has(direct));
  const neighbours = new Set();
  for (let number = 0; number < NEIGHBOURS; number += 1) {
    const other = Math.floor(index * next());
    if (other < index && !isApp(other)) neighbours.add(other);
  }
  return {
    name: projectName(index),
    version: "1.0.0",
    private: true,
    scripts: { build: "node build.js" },
    dependencies: { ...needs(chosen), ...Object.fromEntries([...neighbours].map((other) => [projectName(other), "workspace:*"])) },
    devDependencies: needs(dev),
  };
}

function needs(packages) {
  return Object.fromEntries([...packages].map((index) => [nameOf(index), rangeOf(index)]).sort());
}

function isApp(index) {
  return index % 5 === 0;
}

function projectName(index) {
  return `@repo/project-${index}`;
}

function write(folder, file, content) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), JSON.stringify(content, null, 2) + "\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: { registry: { type: "string" }, projects: { type: "string", default: "200" } },
  });
  if (positionals.length !== 1 || !options.registry) throw new Error("usage: projects.mjs DIR --registry URL [--projects 200]");
  writeProjects(positionals[0], Number(options.projects), options.registry);
}
