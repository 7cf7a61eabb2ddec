#!/usr/bin/env node
// Times `deka store verify` beside `b3sum` over the same files, taking turns, on two threads each.
//
//   node benches/verify.mjs --store DIR [--deka target/release/deka] [--b3sum b3sum] [--rounds 5] [--threads 2]
//
// The store has to be one that `deka store path` would print, filled by an install. Nothing in it is changed. The files
// are in the cache of the system after the first round, which does not count, so that hashing is measured and not the
// disk. Printed are medians of the wall time, and how fast deka is as a share of b3sum.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    store: { type: "string" },
    deka: { type: "string", default: join(here, "../target/release/deka") },
    b3sum: { type: "string", default: "b3sum" },
    rounds: { type: "string", default: "5" },
    threads: { type: "string", default: "2" },
  },
});
if (!options.store) throw new Error("--store names the store to look through");

// Both get the same files: objects that no tree names are not hashed by deka, so they are left out here.
const report = JSON.parse(execFileSync(options.deka, ["store", "verify", "--json", "--store-dir", options.store], { maxBuffer: 1 << 28 }));
const objects = join(options.store, "objects");
const files = readdirSync(objects).flatMap((shard) => readdirSync(join(objects, shard)).map((name) => join(objects, shard, name)));
const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
const work = mkdtempSync(join(tmpdir(), "deka-bench-"));
const list = join(work, "files");
writeFileSync(list, files.map((file) => `${file}\n`).join(""));

const cpus = `0-${Number(options.threads) - 1}`;
const tools = {
  deka: ["taskset", ["-c", cpus, options.deka, "store", "verify", "--store-dir", options.store]],
  b3sum: ["sh", ["-c", `xargs -a ${list} -n 1000000 -s 100000000 ${options.b3sum} --num-threads ${options.threads} > ${work}/sums 2>/dev/null || xargs -a ${list} ${options.b3sum} --num-threads ${options.threads} > ${work}/sums`]],
};
const times = { deka: [], b3sum: [] };
for (let round = 0; round <= Number(options.rounds); round++) {
  for (const [name, [program, args]] of Object.entries(tools)) {
    const begin = process.hrtime.bigint();
    const { status, stderr } = spawnSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
    if (round > 0) times[name].push(Number(process.hrtime.bigint() - begin) / 1e6);
  }
}
rmSync(work, { recursive: true });

const median = (values) => values.sort((one, other) => one - other)[Math.floor(values.length / 2)];
const [deka, b3sum] = [median(times.deka), median(times.b3sum)];
// A share of the bytes that each has hashed in its time.
const share = report.bytes / deka / (bytes / b3sum);
console.log(`${report.objects} of ${files.length} objects, ${(report.bytes / 1e6).toFixed(1)} of ${(bytes / 1e6).toFixed(1)} MB`);
console.log(`deka store verify  ${deka.toFixed(0)} ms`);
console.log(`b3sum              ${b3sum.toFixed(0)} ms`);
console.log(`speed of deka, as a share of b3sum: ${share.toFixed(2)}`);
