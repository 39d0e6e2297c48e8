// node embed.mjs FOLDER FILE.cc: writes the files of FOLDER, as they are and gzip'd, as the C++ source that
// cloud/web_page.h asks for.
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { gzipSync } from "node:zlib";

const types = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};

const [folder, target] = process.argv.slice(2);
if (!target) {
  console.error("usage: node embed.mjs FOLDER FILE.cc");
  process.exit(64);
}

async function filesIn(at) {
  const found = [];
  for (const entry of await readdir(path.join(folder, at), { withFileTypes: true })) {
    const name = `${at}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await filesIn(name)));
    else found.push(name);
  }
  return found.sort();
}

/** A C++ string literal; octal, since it has at most three digits. */
function literal(bytes) {
  const lines = [];
  for (let i = 0; i < bytes.length; i += 64) {
    let line = "";
    for (const byte of bytes.subarray(i, i + 64)) line += `\\${byte.toString(8).padStart(3, "0")}`;
    lines.push(`    "${line}"`);
  }
  return lines.join("\n") || '    ""';
}

const rows = [];
for (const name of await filesIn("")) {
  const type = types[path.extname(name)];
  if (!type) throw new Error(`${name}: no content type is known; add it to ${import.meta.url}`);
  const bytes = await readFile(path.join(folder, name));
  const gzip = gzipSync(bytes, { level: 9 });
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
  rows.push(`    {"${name}", "${type}", "${hash}",\n     {\n${literal(bytes)},\n     ${bytes.length}},\n     {\n${literal(gzip)},\n     ${gzip.length}}},\n`);
}
if (!rows.length) throw new Error(`${folder}: no files`);
await writeFile(target, `// Made by cloud/dashboard/embed.mjs.
#include "cloud/web_page.h"

namespace godwit {

std::span<const WebAsset> web_assets() {
  static const WebAsset assets[] = {
${rows.join("")}  };
  return assets;
}

}  // namespace godwit
`);
