// Makes a package's tarball in memory.

import { gzipSync } from "node:zlib";

const BLOCK = 512;

/** Returns the gzipped tar of files given by path, below the folder `package` as registries have them. */
export function tarball(files) {
  const parts = Object.entries(files).flatMap(([path, text]) => {
    const body = Buffer.from(text);
    return [header(`package/${path}`, body.length), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)];
  });
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]));
}

/** Returns the header of one plain file (ustar): fields at fixed places, numbers in octal. */
function header(path, size) {
  const block = Buffer.alloc(BLOCK);
  const octal = (value, at, length) => block.write(value.toString(8).padStart(length - 1, "0"), at);
  block.write(path, 0);
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(499162500, 136, 12);
  block.write(" ".repeat(8) + "0", 148);
  block.write("ustar\u000000", 257);
  octal(block.reduce((sum, byte) => sum + byte, 0), 148, 7);
  return block;
}
