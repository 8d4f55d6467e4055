// Copies MapLibre GL as its package has it into api/page/static/maplibre/: modules that a browser loads as they are.
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = `${here}node_modules/maplibre-gl/dist/`;
const outdir = fileURLToPath(new URL("../../api/page/static/maplibre/", import.meta.url));

await rm(outdir, { recursive: true, force: true });
await mkdir(outdir, { recursive: true });
for (const name of ["maplibre-gl.mjs", "maplibre-gl-worker.mjs"]) {
  // Without its source map, which is five times as large and is not shipped, a browser's inspector would ask in vain.
  const text = await readFile(`${dist}${name}`, "utf8");
  await writeFile(`${outdir}${name}`, text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n"));
}
await cp(`${dist}maplibre-gl.css`, `${outdir}maplibre-gl.css`);

// Whoever passes the modules on passes on the licences of what is bundled in them.
const lock = JSON.parse(await readFile(`${here}package-lock.json`, "utf8"));
const texts = [];
for (const [folder, about] of Object.entries(lock.packages)) {
  if (!folder || about.dev) continue;
  const own = JSON.parse(await readFile(`${here}${folder}/package.json`, "utf8"));
  const parts = [];
  for (const name of ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "license"]) {
    parts.push(await readFile(`${here}${folder}/${name}`, "utf8").catch(() => ""));
  }
  texts.push(`${own.name} ${own.version} (${own.license})\n\n${parts.find(Boolean) ?? ""}`.trim());
}
await writeFile(`${outdir}LICENSES.txt`, `${texts.join(`\n\n${"-".repeat(80)}\n\n`)}\n`);
