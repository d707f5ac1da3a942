import { svelte } from "@sveltejs/vite-plugin-svelte";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { defineConfig, type Plugin } from "vite";

const HERE = import.meta.dirname;
const OUT = join(HERE, "../src/danqing/server/static");

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((one) =>
    one.isDirectory() ? files(join(folder, one.name)) : [join(folder, one.name)],
  );
}

/** sha256 over names and contents of what the page is made of; tests/surfaces/test_page.py counts the same. */
function stamp(): string {
  const sources = [...files(join(HERE, "src")), ...files(join(HERE, "public"))];
  sources.push(...["index.html", "package.json", "package-lock.json", "vite.config.ts"].map((name) => join(HERE, name)));
  const hash = createHash("sha256");
  for (const path of sources.sort()) hash.update(relative(HERE, path).split(sep).join("/") + "\0").update(readFileSync(path));
  return hash.digest("hex");
}

const stamped: Plugin = {
  name: "stamp",
  closeBundle: () => writeFileSync(join(OUT, "source.sha256"), stamp() + "\n"),
};

export default defineConfig({
  plugins: [svelte(), stamped],
  build: { outDir: OUT, emptyOutDir: true, target: "es2022", modulePreload: { polyfill: false } },
  server: { proxy: { "/api": { target: "http://127.0.0.1:7860", ws: true } } },
});
