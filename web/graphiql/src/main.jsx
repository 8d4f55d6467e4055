import "./workers.js";
import "graphiql/style.css";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { createRoot } from "react-dom/client";

// The page lies where the questions go, so that it works under any prefix; ?query=, ?variables= and ?headers= fill the editors.
const asked = new URLSearchParams(window.location.search);
const fetcher = createGraphiQLFetcher({ url: window.location.pathname });

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={[HISTORY_PLUGIN]}
    initialQuery={asked.get("query") ?? undefined}
    initialVariables={asked.get("variables") ?? undefined}
    initialHeaders={asked.get("headers") ?? undefined}
    defaultEditorToolsVisibility={asked.get("headers") ? "headers" : "variables"}
  />,
);
