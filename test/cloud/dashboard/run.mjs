// node run.mjs FOLDER: bundles the tests beside this file into FOLDER and runs them with node:test.
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const dashboard = path.join(here, "../../../cloud/dashboard");
const { buildSync } = createRequire(path.join(dashboard, "package.json"))("esbuild");
const out = path.resolve(process.argv[2]);
rmSync(out, { recursive: true, force: true });
const tests = readdirSync(here).filter((name) => name.endsWith("_test.ts"));
buildSync({
  entryPoints: tests.map((name) => path.join(here, name)),
  outdir: out, bundle: true, platform: "node", format: "esm", target: "node18", outExtension: { ".js": ".mjs" },
  nodePaths: [path.join(dashboard, "node_modules")], logLevel: "warning", sourcemap: "inline",
});
const files = tests.map((name) => path.join(out, name.replace(/\.ts$/, ".mjs")));
process.exit(spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" }).status ?? 1);
