// What a page does beyond its HTML: "/" goes to the search, and names are suggested while one types.
const input = document.querySelector("input[data-suggest]");

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && input) {
    event.preventDefault();
    input.focus();
    input.select();
  }
});

// Fields without a value would only lengthen the address.
for (const form of document.querySelectorAll('form[method="get"]')) {
  form.addEventListener("submit", () => {
    for (const field of form.elements) field.disabled = field.disabled || (field.name && field.value === "");
  });
}

if (input) suggest(input);

function suggest(field) {
  const list = document.createElement("ul");
  Object.assign(list, { id: "suggestions", className: "suggestions", hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", field.labels[0]?.textContent ?? "");
  field.after(list);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-controls": list.id, "aria-expanded": "false", "aria-autocomplete": "list",
  })) field.setAttribute(name, value);

  let hits = [], chosen = -1, asked = 0, timer;

  const show = (open) => {
    list.hidden = !open;
    field.setAttribute("aria-expanded", String(open));
    if (!open) field.removeAttribute("aria-activedescendant");
  };
  const choose = (index) => {
    chosen = index;
    for (const [i, item] of [...list.children].entries()) item.setAttribute("aria-selected", String(i === index));
    if (index < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", list.children[index].id);
    list.children[index].scrollIntoView({ block: "nearest" });
  };
  const fill = () => {
    list.replaceChildren(...hits.map((hit, i) => {
      const item = document.createElement("li");
      item.id = `suggestion-${i}`;
      item.setAttribute("role", "option");
      const kind = document.createElement("small");
      kind.textContent = hit.also ? `${hit.label} · ${hit.also}` : hit.label;
      item.append(hit.name, kind);
      item.addEventListener("pointerdown", (event) => { event.preventDefault(); location.href = hit.href; });
      return item;
    }));
    choose(-1);
    show(hits.length > 0);
  };
  const ask = async () => {
    const number = ++asked, text = field.value.trim();
    if (!text) { hits = []; return fill(); }
    const url = new URL(field.dataset.suggest, location.href);
    url.searchParams.set("q", text);
    const answer = await fetch(url).catch(() => null);
    // Answers may overtake each other: the latest question counts.
    if (number !== asked || !answer?.ok) return;
    hits = (await answer.json()).hits;
    if (document.activeElement === field) fill();
  };

  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 120); });
  field.addEventListener("blur", () => show(false));
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return; // Pinyin is still being turned into characters.
    if (event.key === "Escape") return show(false);
    if (event.key === "Enter" && !list.hidden && chosen >= 0) {
      event.preventDefault();
      location.href = hits[chosen].href;
    }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && hits.length) {
      event.preventDefault();
      show(true);
      choose((chosen + (event.key === "ArrowDown" ? 1 : -1) + hits.length + (chosen < 0 && event.key === "ArrowUp" ? 1 : 0)) % hits.length);
    }
  });
}
