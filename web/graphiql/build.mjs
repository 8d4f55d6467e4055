// Bundles GraphiQL and the workers of its editor into api/page/static/graphiql/.
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const outdir = fileURLToPath(new URL("../../api/page/static/graphiql/", import.meta.url));

await rm(outdir, { recursive: true, force: true });
await mkdir(outdir, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: {
    main: "src/main.jsx",
    "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
    "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
    "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
  },
  outdir,
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: "es2022",
  jsx: "automatic",
  loader: { ".ttf": "file" },
  chunkNames: "chunk-[hash]",
  assetNames: "[name]-[hash]",
  define: { "process.env.NODE_ENV": '"production"' },
  // The whole licence texts are written below instead.
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
for (const name of ["index.html", "page.css"]) {
  await cp(`${here}src/${name}`, `${outdir}${name}`);
}

// Whoever passes the bundle on passes on the licences of what is in it.
const folders = new Set();
for (const input of Object.keys(metafile.inputs)) {
  const found = input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//);
  if (found) folders.add(found[1]);
}
const texts = [];
for (const folder of [...folders].sort()) {
  const about = JSON.parse(await readFile(`${here}${folder}/package.json`, "utf8"));
  const files = (await readdir(`${here}${folder}`)).filter((name) => /^(licen[cs]e|notice|thirdparty)/i.test(name)).sort();
  const parts = await Promise.all(files.map((name) => readFile(`${here}${folder}/${name}`, "utf8")));
  texts.push(`${about.name} ${about.version} (${about.license})\n\n${parts.map((part) => part.trim()).join("\n\n")}\n`);
}
await writeFile(`${outdir}LICENSES.txt`, texts.join(`\n${"-".repeat(80)}\n\n`));
