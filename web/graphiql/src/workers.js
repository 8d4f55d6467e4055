// The editor asks for its workers by label; build.mjs puts them beside this bundle.
const files = { graphql: "graphql.worker.js", json: "json.worker.js" };

globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(new URL(files[label] ?? "editor.worker.js", import.meta.url), { type: "module" }),
};
