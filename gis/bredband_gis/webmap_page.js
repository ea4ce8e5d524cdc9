// The page around the map: its head with search and printing, the panel of layers and lists.
// Whatever comes from data is set as text, never as HTML.
(function (webmap) {
  "use strict";

  const { node, shown, PHONE } = webmap;
  const HITS = 12; // proposals of a search

  function control(map, position, element) {
    const made = L.control({ position });
    made.onAdd = () => {
      L.DomEvent.disableClickPropagation(element);
      L.DomEvent.disableScrollPropagation(element);
      return element;
    };
    return made.addTo(map);
  }

  function button(className, text, act) {
    const made = node("button", className, text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  // ---- the head ----------------------------------------------------------------------

  // Title, a few figures, what the reader must know before believing them, and tools.
  function head(map, spec, places) {
    const facts = spec.facts.map(
      ([value, label]) => node("div", "", node("dd", "", value), node("dt", "", label)));
    const tools = [
      spec.search ? search(map, spec.search, places) : null,
      spec.print ? printing(map, spec.print) : null,
    ].filter((tool) => tool);
    const box = node("header", "webmap-head",
      node("div", "", node("h1", "", spec.title), node("p", "", spec.subtitle)),
      facts.length ? node("dl", "webmap-facts", ...facts) : null,
      tools.length ? node("div", "webmap-tools", ...tools) : null,
      ...spec.notices.map((text) => node("p", "webmap-notice", text)));
    map.webmapHead = box;
    return control(map, "topleft", box);
  }

  // Letters without their marks, so that overkalix finds Överkalix.
  function plain(text) {
    return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  }

  // Every named place once for each of its words: what is typed may start any of them.
  function search(map, spec, places) {
    const known = [];
    places.forEach(({ data, layer, name, detail, kind }) => {
      for (let i = 0; i < data.length; i++) {
        const text = data.text(name, i);
        if (text === null || !(data.box[4 * i] <= data.box[4 * i + 2])) { continue; }
        known.push({ data, layer, i, text, plain: plain(text),
          detail: (detail && data.text(detail, i)) || kind });
      }
    });
    const input = node("input"), list = node("ul", "webmap-hits"), said = node("p", "webmap-said");
    input.type = "search";
    input.placeholder = spec.label;
    input.autocomplete = "off";
    list.id = "webmap-hits";
    list.hidden = true;
    said.setAttribute("role", "status");
    for (const [name, value] of Object.entries({
      role: "combobox", "aria-label": spec.label, "aria-autocomplete": "list",
      "aria-controls": list.id, "aria-expanded": false,
    })) { input.setAttribute(name, value); }
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", spec.label);
    let hits = [], at = -1;

    function find(text) {
      const wanted = plain(text.trim());
      if (!wanted) { return []; }
      const first = [], later = [];
      for (const one of known) {
        if (one.plain.startsWith(wanted)) { first.push(one); }
        else if (one.plain.includes(" " + wanted) || one.plain.includes("-" + wanted)) {
          later.push(one);
        }
        if (first.length >= HITS) { break; }
      }
      return [...first, ...later].slice(0, HITS);
    }
    function close() {
      list.hidden = true;
      input.setAttribute("aria-expanded", false);
      input.removeAttribute("aria-activedescendant");
      at = -1;
    }
    function mark(number) {
      at = number;
      [...list.children].forEach((item, i) => item.setAttribute("aria-selected", i === at));
      if (at >= 0) {
        input.setAttribute("aria-activedescendant", list.children[at].id);
        list.children[at].scrollIntoView({ block: "nearest" });
      } else { input.removeAttribute("aria-activedescendant"); }
    }
    function go(one) {
      input.value = one.text;
      close();
      if (one.layer && one.layer.options.popup) { webmap.visit(map, one.layer, one.i); }
      else { webmap.see(map, one.data.box.subarray(4 * one.i, 4 * one.i + 4)); }
    }
    input.addEventListener("input", () => {
      hits = find(input.value);
      at = -1;
      list.replaceChildren(...hits.map((one, i) => {
        const item = node("li", "", node("span", "", one.text), node("span", "", one.detail || ""));
        item.id = "webmap-hit-" + i;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", false);
        // The field keeps the focus, so that the list stays open until the click.
        item.addEventListener("mousedown", (event) => event.preventDefault());
        item.addEventListener("click", () => go(one));
        return item;
      }));
      list.hidden = !hits.length;
      input.setAttribute("aria-expanded", Boolean(hits.length));
      said.textContent = input.value.trim() && !hits.length ? spec.none : "";
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { close(); }
      if (event.key === "Enter" && hits.length && !list.hidden) { go(hits[Math.max(at, 0)]); }
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && hits.length) {
        event.preventDefault();
        list.hidden = false;
        input.setAttribute("aria-expanded", true);
        mark((at + step + hits.length) % hits.length);
      }
    });
    input.addEventListener("blur", close);
    return node("div", "webmap-search", input, list, said);
  }

  // ---- printing ----------------------------------------------------------------------

  // Lying, less 10 mm on each side; and how many dots of the map there are to a pixel.
  const PAPER = { A4: [277, 190, 3], A3: [400, 277, 2.5] };
  const MM = 96 / 25.4;

  // Lays the page out for paper: the map with its head, and what the shown layers mean below.
  function printing(map, spec) {
    const style = document.head.appendChild(node("style"));
    const choice = node("select", "", ...Object.keys(PAPER).map((name) => node("option", "", name)));
    choice.setAttribute("aria-label", spec.paper);
    let before = null;
    function lay() {
      if (before) { return; }
      const box = map.getContainer(), [wide, high, ratio] = PAPER[choice.value];
      before = { center: map.getCenter(), zoom: map.getZoom(), seen: seen() };
      style.textContent = `@page { size: ${choice.value} landscape; margin: 10mm; }`
        + ` body.webmap-paper #${box.id} { width: ${wide}mm; height: ${high}mm; }`;
      document.body.classList.add("webmap-paper");
      map.webmapRatio = ratio;
      // Nothing outside the sheet: the canvases would be needlessly large.
      shown(map).forEach((layer) => { layer.options.padding = 0; });
      map.invalidateSize({ animate: false, pan: false });
      // What was seen between head and panel is seen, in the part that they leave on paper.
      const legend = squeeze(map.webmapPanel, wide * MM * 0.36, high * MM - 20);
      const foot = settle(box, legend);
      map.setMaxBounds(null);
      map.setMinZoom(0);
      map.fitBounds(before.seen, {
        animate: false, paddingTopLeft: [0, map.webmapHead.offsetHeight + 12],
        paddingBottomRight: [legend + 10, foot + 34],
      });
      shown(map).forEach((layer) => layer.redraw());
    }
    // Makes the legend fit the sheet, in two columns before the letters become small.
    function squeeze(panel, width, height) {
      if (!panel) { return 0; }
      const fits = () => Math.min(1, width / panel.offsetWidth, height / panel.offsetHeight);
      panel.classList.toggle("webmap-columns", fits() < 0.6);
      panel.style.zoom = fits();
      return panel.getBoundingClientRect().width;
    }
    // Puts head and sources to the left of the legend; gives the height of the sources.
    function settle(box, legend) {
      box.style.setProperty("--webmap-legend", legend + "px");
      const imprint = box.querySelector(".webmap-imprint");
      if (!imprint) { return 0; }
      box.style.setProperty("--webmap-imprint", imprint.offsetHeight + "px");
      return imprint.offsetHeight;
    }
    function seen() {
      const { paddingTopLeft: first, paddingBottomRight: last } = webmap.free(map);
      const corner = map.getSize().subtract(last);
      return L.latLngBounds(map.containerPointToLatLng(first), map.containerPointToLatLng(corner));
    }
    function restore() {
      if (!before) { return; }
      document.body.classList.remove("webmap-paper");
      style.textContent = "";
      map.webmapRatio = null;
      if (map.webmapPanel) {
        map.webmapPanel.style.zoom = "";
        map.webmapPanel.classList.remove("webmap-columns");
      }
      shown(map).forEach((layer) => { delete layer.options.padding; });
      map.setMinZoom(Math.floor(map.webmapHome) - 2);
      map.invalidateSize({ animate: false, pan: false });
      map.setView(before.center, before.zoom, { animate: false });
      map.setMaxBounds(map.webmapBounds);
      shown(map).forEach((layer) => layer.redraw());
      before = null;
    }
    window.addEventListener("beforeprint", lay);
    window.addEventListener("afterprint", restore);
    const start = button("", spec.label, () => { lay(); window.print(); restore(); });
    return node("div", "webmap-print", start, choice);
  }

  // ---- the panel ---------------------------------------------------------------------

  function swatch(kind, style, casing) {
    const mark = node("span", "webmap-swatch webmap-" + kind);
    if (kind === "line") {
      const dash = style.dash ? "dashed" : "solid";
      mark.style.borderTop = `${Math.max(1, style.width)}px ${dash} ${style.stroke}`;
      if (casing) { mark.style.boxShadow = `0 0 0 1px ${casing}`; }
    } else {
      mark.style.background = style.fill || "none";
      mark.style.opacity = Math.max(0.4, style.opacity);
      if (style.width) { mark.style.border = `1px solid ${style.stroke}`; }
    }
    if (kind === "point") {
      mark.style.width = mark.style.height = 2 * style.radius + "px";
    }
    return mark;
  }

  function legend(layer) {
    const { classes, notes, casing } = layer.options;
    const items = (classes || []).filter((style) => style.label).map((style) => node("li", "",
      node("span", "webmap-key", swatch(layer.data.kind, style, casing)), style.label));
    return node("div", "webmap-legend", items.length ? node("ul", "", ...items) : null,
      ...(notes || []).map((text) => node("p", "", text)));
  }

  // What a layer of a single class without a name of its own looks like.
  function sample(layer) {
    const { classes } = layer.options || {};
    if (!layer.data || !classes || classes.length !== 1 || classes[0].label !== "") { return null; }
    const key = node("span", "webmap-key", swatch(layer.data.kind, classes[0]));
    key.setAttribute("aria-hidden", true);
    return key;
  }

  // A layer's switch and, while it is shown, what its colours mean.
  function entry(map, layer, name, input, others) {
    const words = layer.options && layer.data ? legend(layer) : node("div", "webmap-legend");
    const row = node("div", "webmap-entry", node("label", "", input, name, sample(layer)), words);
    const sync = () => {
      input.checked = map.hasLayer(layer);
      words.hidden = !input.checked || !words.hasChildNodes();
      row.classList.toggle("webmap-off", !input.checked);
    };
    input.addEventListener("change", () => {
      others().forEach((one) => one.remove());
      if (input.checked) { layer.addTo(map); } else { layer.remove(); }
    });
    layer.on("add remove", () => window.setTimeout(sync));
    sync();
    return row;
  }

  // Layers of which one is shown at a time, chosen by what it says in several respects.
  function choices(map, group, layers) {
    const members = group.layers.map((key) => layers[key]);
    const input = node("input");
    input.type = "checkbox";
    const pickers = group.choices.map(([label, words]) => {
      const select = node("select", "", ...words.map((word, i) => {
        const option = node("option", "", word);
        option.value = i;
        return option;
      }));
      return { select, row: node("label", "webmap-choice", node("span", "", label), select) };
    });
    // The number of each member in every respect; members that do not exist are left out.
    const keys = group.keys.map((key) => key.join());
    const wanted = () => members[keys.indexOf(pickers.map(({ select }) => select.value).join())];
    const words = node("div", "");
    const none = node("p", "webmap-legend", group.none);
    const row = node("div", "webmap-entry", node("label", "", input, group.name),
      ...pickers.map((picker) => picker.row), words);
    const sync = () => {
      const on = members.findIndex((layer) => map.hasLayer(layer));
      if (on >= 0) {
        group.keys[on].forEach((value, i) => { pickers[i].select.value = value; });
      }
      // Paper has no fields to choose in: it tells what is chosen.
      pickers.forEach(({ select, row: line }) => {
        line.dataset.chosen = select.selectedOptions[0].text;
      });
      input.checked = on >= 0;
      row.classList.toggle("webmap-off", on < 0);
      words.replaceChildren(...(on >= 0 ? [legend(members[on])] : wanted() ? [] : [none]));
    };
    const change = () => {
      members.forEach((one) => one.remove());
      if (input.checked && wanted()) { wanted().addTo(map); }
      window.setTimeout(sync);
    };
    input.addEventListener("change", change);
    pickers.forEach(({ select }) => select.addEventListener("change", () => {
      input.checked = true;
      change();
    }));
    members.forEach((layer) => layer.on("add remove", () => window.setTimeout(sync)));
    sync();
    return row;
  }

  function layerList(map, spec, layers) {
    const body = node("div", "webmap-body");
    spec.groups.forEach((group, number) => {
      const field = node("fieldset", group.paper ? "" : "webmap-screen",
        node("legend", "", group.title));
      if (group.choices) {
        field.append(choices(map, group, layers));
        body.append(field);
        return;
      }
      const members = group.layers.map((key) => layers[key]);
      group.layers.forEach((key, at) => {
        const input = node("input");
        input.type = group.single ? "radio" : "checkbox";
        input.name = "webmap-group-" + number;
        const others = () => group.single ? members.filter((one) => one !== members[at]) : [];
        field.append(entry(map, members[at], spec.names[key], input, others));
      });
      body.append(field);
    });
    spec.texts.forEach(([title, lines]) => body.append(node("details", "", node("summary", "", title),
      ...lines.map((line) => node("p", "", line)))));
    return body;
  }

  // Features in order, each with a few figures; a click goes to it. One may pick a part.
  function ranking(map, spec, layer) {
    const text = (column, i) => layer.data.text(column, i);
    const order = webmap.numbers(spec.order);
    const list = node("ol", "webmap-list"), count = node("p", "webmap-said");
    count.setAttribute("role", "status");
    const rows = Array.from(order, (i) => {
      const facts = spec.columns.map((column) => text(column, i)).filter((value) => value);
      const item = node("li", "", button("", "", () => webmap.visit(map, layer, i)));
      item.firstChild.append(node("span", "webmap-rank", text(spec.rank, i) || "–"),
        node("span", "", node("strong", "", text(spec.title, i)),
          node("span", "", facts.join(" · "))));
      return [item, spec.part ? text(spec.part.column, i) : null];
    });
    const show = (part) => {
      const chosen = rows.filter((row) => !part || row[1] === part);
      list.replaceChildren(...chosen.slice(0, spec.most).map((row) => row[0]));
      count.textContent = chosen.length > spec.most ? spec.more : "";
    };
    let picker = null;
    if (spec.part) {
      const parts = [...new Set(rows.map((row) => row[1]))].filter((value) => value);
      parts.sort((a, b) => a.localeCompare(b, document.documentElement.lang));
      const all = node("option", "", spec.part.all);
      all.value = "";
      const select = node("select", "", all, ...parts.map((name) => {
        const option = node("option", "", name);
        option.value = name;
        return option;
      }));
      select.addEventListener("change", () => show(select.value));
      picker = node("label", "webmap-choice", node("span", "", spec.part.label), select);
    }
    show("");
    return node("div", "webmap-body", picker, count, list);
  }

  // Folded pages under each other, one of them open: the layers, and lists of what they hold.
  function panel(map, spec, layers) {
    const box = node("section", "webmap-panel");
    box.setAttribute("aria-label", spec.title);
    const pages = [[spec.title, layerList(map, spec, layers)],
      ...spec.lists.map((one) => [one.name, ranking(map, one, layers[one.layer])])];
    const opens = pages.map(([title, body], number) => {
      body.id = number ? "webmap-panel-list-" + number : "webmap-panel-body";
      const toggle = button("webmap-toggle", "", () => show(body.hidden ? number : -1));
      toggle.append(node("span", "", title), node("span", "webmap-arrow"));
      toggle.setAttribute("aria-controls", body.id);
      const part = node("div", "webmap-page", toggle, body);
      box.append(part);
      return (state) => {
        body.hidden = !state;
        part.classList.toggle("webmap-closed", !state);
        toggle.setAttribute("aria-expanded", state);
        toggle.title = state ? spec.close : number ? title : spec.open;
      };
    });
    function show(number) {
      opens.forEach((open, i) => open(i === number));
      // On a phone the head makes room for an open page.
      map.getContainer().classList.toggle("webmap-reading", number >= 0);
    }
    show(map.getSize().x >= PHONE ? 0 : -1);
    map.webmapPanel = box;
    map.webmapFold = () => show(-1);
    const made = control(map, "topright", box);
    const toggles = [...box.querySelectorAll(".webmap-toggle")];
    map.webmapFoot = toggles.reduce((sum, one) => sum + one.offsetHeight, 0);
    map.getContainer().style.setProperty("--webmap-foot", map.webmapFoot + "px");
    if (spec.imprint) {
      map.getContainer().append(node("p", "webmap-imprint", spec.imprint));
    }
    return made;
  }

  Object.assign(webmap, { head, panel });
}(webmap));
