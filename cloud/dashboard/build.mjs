// node build.mjs FOLDER: bundles the page into FOLDER (index.html and assets/, names with a hash of the content).
// `build` beside this file installs the libraries first.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2];
if (!folder) {
  console.error("usage: node build.mjs FOLDER");
  process.exit(64);
}
const out = path.resolve(folder);
await rm(path.join(out, "assets"), { recursive: true, force: true });
await mkdir(out, { recursive: true });

const result = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx", "src/early.ts"],
  outdir: path.join(out, "assets"),
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2020", "chrome100", "firefox100", "safari15"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

// src/index.html names its parts by {{main.js}}.
const names = Object.keys(result.metafile.outputs).map((file) => path.basename(file));
const html = (await readFile(path.join(here, "src/index.html"), "utf8")).replace(/\{\{(\w+)\.(\w+)\}\}/g, (_, name, type) => {
  const asset = names.find((n) => n.startsWith(`${name}-`) && n.endsWith(`.${type}`));
  if (!asset) throw new Error(`src/index.html names ${name}.${type}, which the build did not make`);
  return `/assets/${asset}`;
});
await writeFile(path.join(out, "index.html"), html);
