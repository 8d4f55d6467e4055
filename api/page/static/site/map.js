// A card's map: the graph's own geometries, and nothing else. What is in view is asked for again as the view moves.
const place = document.getElementById("map");
const note = document.getElementById("map-note");
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const ink = dark
  ? { ground: "#1a2123", area: "#2b3638", edge: "#4d5d60", line: "#5a6a6d", text: "#c9d3d2", focus: "#f0bd6c" }
  : { ground: "#f3f5f2", area: "#e2e8e4", edge: "#b5c2bc", line: "#c3cbc7", text: "#3d4a4d", focus: "#b35c00" };
const NONE = { type: "FeatureCollection", features: [] };

try {
  const { Map, NavigationControl, Popup } = await import(new URL(place.dataset.home, location.href));
  draw(Map, NavigationControl, Popup);
} catch (error) {
  failed(error);
}

function failed(error) {
  note.textContent = place.dataset.failed;
  console.warn(error);
}

function draw(Map, NavigationControl, Popup) {
  const focus = JSON.parse(place.dataset.focus);
  const [west, south, east, north] = place.dataset.box.split(",").map(Number);
  const shown = focus.features.map((feature) => feature.properties.id);
  const kind = (wanted) => ["match", ["geometry-type"], wanted, true, false];
  const AREAS = ["Polygon", "MultiPolygon"], LINES = ["LineString", "MultiLineString"], POINTS = ["Point", "MultiPoint"];
  const layers = [
    { id: "ground", type: "background", paint: { "background-color": ink.ground } },
    { id: "areas", source: "around", type: "fill", filter: kind(AREAS), paint: { "fill-color": ink.area, "fill-opacity": 0.55 } },
    { id: "edges", source: "around", type: "line", filter: kind(AREAS), paint: { "line-color": ink.edge, "line-width": 1 } },
    { id: "focus-areas", source: "focus", type: "fill", filter: kind(AREAS), paint: { "fill-color": ink.focus, "fill-opacity": 0.22 } },
    { id: "lines", source: "around", type: "line", filter: kind(LINES), paint: { "line-color": ink.line, "line-width": 3 } },
    { id: "points", source: "around", type: "circle", filter: kind(POINTS), paint: { "circle-color": ink.edge, "circle-radius": 4 } },
    {
      id: "names", source: "around", type: "symbol", minzoom: 13, filter: ["!", ["in", ["get", "id"], ["literal", shown]]],
      layout: { "text-field": ["get", "name"], "text-font": ["sans-serif"], "text-size": 11, "text-padding": 6, "text-max-width": 8 },
      paint: { "text-color": ink.text, "text-halo-color": ink.ground, "text-halo-width": 1.5 },
    },
    { id: "focus-lines", source: "focus", type: "line", filter: kind([...AREAS, ...LINES]), paint: { "line-color": ink.focus, "line-width": 2.5 } },
    { id: "focus-points", source: "focus", type: "circle", filter: kind(POINTS), paint: { "circle-color": ink.focus, "circle-radius": 7, "circle-stroke-color": ink.ground, "circle-stroke-width": 2 } },
    {
      id: "focus-names", source: "focus", type: "symbol",
      layout: { "text-field": ["get", "name"], "text-font": ["sans-serif"], "text-size": 13, "text-anchor": "top", "text-offset": [0, 0.8], "text-allow-overlap": true },
      paint: { "text-color": ink.text, "text-halo-color": ink.ground, "text-halo-width": 2 },
    },
  ];
  const map = new Map({
    container: place,
    style: { version: 8, sources: { around: { type: "geojson", data: NONE }, focus: { type: "geojson", data: focus } }, layers },
    bounds: [[west, south], [east, north]],
    fitBoundsOptions: { padding: 60, maxZoom: 15.5 },
    attributionControl: false,
    cooperativeGestures: false,
    scrollZoom: false,
    dragRotate: false,
    localIdeographFontFamily: '"Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif',
  });
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.on("error", (event) => failed(event.error));

  let asked = 0;
  const look = async () => {
    const number = ++asked, view = map.getBounds();
    const url = new URL(place.dataset.around, location.href);
    const clip = (value, most) => Math.max(-most, Math.min(most, value)).toFixed(6);
    url.searchParams.set("bbox", [clip(view.getWest(), 180), clip(view.getSouth(), 90), clip(view.getEast(), 180), clip(view.getNorth(), 90)]);
    const answer = await fetch(url).catch(() => null);
    if (number !== asked) return;
    if (!answer?.ok) { note.textContent = place.dataset.failed; return; }
    const found = await answer.json();
    map.getSource("around").setData(found);
    note.textContent = found.note;
    place.dataset.shown = found.shown;
  };
  map.on("load", look);
  map.on("moveend", look);
  const hit = ["points", "lines", "areas"];
  map.on("click", (event) => {
    const [feature] = map.queryRenderedFeatures(event.point, { layers: hit });
    if (!feature) return;
    const { name, label, href, id } = feature.properties;
    const body = document.createElement("div"), link = document.createElement("a");
    Object.assign(link, { href, textContent: name || id });
    body.append(link, ` · ${label}`);
    new Popup({ maxWidth: "16rem" }).setLngLat(event.lngLat).setDOMContent(body).addTo(map);
  });
  map.on("mousemove", (event) => {
    map.getCanvas().style.cursor = map.queryRenderedFeatures(event.point, { layers: hit }).length ? "pointer" : "";
  });
}
