#!/usr/bin/env node
// Serves the made-up packages on loopback, from memory.
//
//   node benches/monorepo/registry.mjs [--port 0]
//
// Prints its address as soon as it answers, and ends when its stdin does.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { EXTRA, NEWEST, PACKAGES, VERSIONS, filesOf, manifestOf, nameOf, versionOf } from "./packages.mjs";
import { tarball } from "./tarball.mjs";

const { values: options } = parseArgs({ options: { port: { type: "string", default: "0" } } });
const RELEASED = "2024-01-01T00:00:00.000Z";

const server = createServer((request, response) => {
  const answer = answers.get(decodeURIComponent(request.url.slice(1)));
  if (!answer) return response.writeHead(404).end("{}");
  // As the registries of the world do: what they said may be believed for five minutes.
  const headers = { etag: answer.etag, "cache-control": "public, max-age=300", "content-type": answer.type };
  if (request.headers["if-none-match"] === answer.etag) return response.writeHead(304, headers).end();
  response.writeHead(200, { ...headers, "content-length": answer.body.length }).end(answer.body);
});
const answers = new Map();
server.keepAliveTimeout = 60_000;
server.listen(Number(options.port), "127.0.0.1", () => {
  const url = `http://127.0.0.1:${server.address().port}/`;
  for (let index = 0; index < PACKAGES + EXTRA; index += 1) publish(index, url);
  console.log(url);
});
process.stdin.resume().on("end", () => process.exit());

/** Only the newest version has a tarball: the others are there to be passed over. */
function publish(index, url) {
  const name = nameOf(index);
  const body = tarball(filesOf(index));
  const integrity = `sha512-${createHash("sha512").update(body).digest("base64")}`;
  const numbers = Array.from({ length: VERSIONS }, (_, number) => versionOf(number));
  const place = (version) => `${name}/-/${name.split("/").at(-1)}-${version}.tgz`;
  const version = (number) => ({ ...manifestOf(index, number), dist: { tarball: url + place(number), integrity } });
  const document = {
    name,
    "dist-tags": { latest: NEWEST },
    modified: RELEASED,
    time: Object.fromEntries(["created", "modified", ...numbers].map((key) => [key, RELEASED])),
    versions: Object.fromEntries(numbers.map((number) => [number, version(number)])),
  };
  keep(name, Buffer.from(JSON.stringify(document)), "application/json");
  keep(place(NEWEST), body, "application/octet-stream");
}

function keep(path, body, type) {
  answers.set(path, { body, type, etag: `"${createHash("sha1").update(body).digest("hex")}"` });
}
