#!/usr/bin/env node
// Packs the store of a project and brings it back, beside `tar | zstd -3` of the same files.
//
//   node benches/pack.mjs --project DIR [--deka target/release/deka] [--registry URL] [--rounds 3] [--level 3] [--work DIR]
//
// The project is installed into a store of its own, and its node_modules removed, so that nothing links the objects. `tar`
// reads them in two orders: as they lie in the store, by their hashes, and as the packages have them. Printed are medians of the wall time.

import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    project: { type: "string" },
    deka: { type: "string", default: join(here, "../target/release/deka") },
    registry: { type: "string" },
    rounds: { type: "string", default: "3" },
    level: { type: "string", default: "3" },
    work: { type: "string", default: tmpdir() },
  },
});
if (!options.project) throw new Error("name the project: --project DIR");

const folder = mkdtempSync(join(resolve(options.work), "deka-pack-"));
const project = join(folder, "project");
const store = join(folder, "store");
const modules = join(project, "node_modules");
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

function run(program, ...words) {
  const start = performance.now();
  const done = spawnSync(program, words, { cwd: project, encoding: "utf8", env: { ...process.env, HOME: folder, DEKA_STORE_DIR: store } });
  if (done.status !== 0) throw new Error(`${program} ${words.join(" ")}: ${done.stderr}`);
  return { ms: performance.now() - start, out: done.stdout };
}

const deka = (...words) => run(resolve(options.deka), ...words);
const shell = (script) => run("sh", "-c", script);
const median = (times) => times.sort((one, other) => one - other)[Math.floor(times.length / 2)];
const remove = (path) => rmSync(path, { recursive: true, force: true });

cpSync(options.project, project, { recursive: true, filter: (path) => !path.includes("node_modules") });
if (options.registry) writeFileSync(join(project, ".npmrc"), `registry=${options.registry}\n`);
deka("install", "--ignore-scripts");

const zstd = `zstd -q -${options.level} -T${availableParallelism()} -f -o ${folder}/packed.tar.zst`;
const archives = {
  "tar | zstd, by package": () => shell(`tar -cf - -C ${modules}/.deka . | ${zstd}`).ms,
  "tar | zstd, by hash": () => shell(`tar -cf - -C ${store}/objects . | ${zstd}`).ms,
};
const rows = Object.fromEntries(
  Object.entries(archives).map(([name, archive]) => {
    const times = Array.from({ length: Number(options.rounds) }, archive);
    return [name, { ms: median(times), bytes: statSync(`${folder}/packed.tar.zst`).size }];
  }),
);

const times = { pack: [], restore: [], warm: [] };
let report;
for (let round = 0; round < Number(options.rounds); round++) {
  remove(modules);
  remove(join(store, "packs"));
  const packed = deka("store", "pack", "--older-than", "0", "--level", options.level, "--json");
  times.pack.push(packed.ms);
  report = JSON.parse(packed.out);
  times.restore.push(deka("install", "--ignore-scripts", "--offline", "--frozen-lockfile").ms);
  remove(modules);
  times.warm.push(deka("install", "--ignore-scripts", "--offline", "--frozen-lockfile").ms);
}
rows["deka store pack"] = { ms: median(times.pack), bytes: report.packBytes };

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
console.log(`${report.files} files, ${megabytes(report.looseBytes)} MB, ${readdirSync(join(store, "packs")).length} pack(s), level ${options.level}`);
for (const [name, { ms, bytes }] of Object.entries(rows)) {
  const share = ((100 * bytes) / report.looseBytes).toFixed(1);
  console.log(`${name.padEnd(24)}${ms.toFixed(0).padStart(7)} ms${(report.looseBytes / 1e3 / ms).toFixed(0).padStart(6)} MB/s${megabytes(bytes).padStart(8)} MB${share.padStart(6)} %`);
}
console.log(`install that brings all back ${median(times.restore).toFixed(0)} ms, warm install ${median(times.warm).toFixed(0)} ms`);
