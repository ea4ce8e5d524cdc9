// Draws packed geometry on a Leaflet map, with a head, a panel of layers and popups.
// Whatever comes from data is set as text, never as HTML.
var webmap = (function () {
  "use strict";

  const HALF_WORLD = 20037508.342789244; // half the width of Web Mercator, m
  const LONG = 45; // letters from which a text in a popup is a sentence
  const PHONE = 760; // narrower pages, px, get the panel at the foot

  // ---- unpacking ---------------------------------------------------------------------

  // Whole numbers, seven bits to a byte, the lowest bits first.
  function numbers(base64) {
    const raw = atob(base64);
    const out = new Uint32Array(raw.length);
    let count = 0, value = 0, shift = 0;
    for (let i = 0; i < raw.length; i++) {
      const byte = raw.charCodeAt(i);
      value |= (byte & 127) << shift;
      shift += 7;
      if (byte < 128) { out[count++] = value >>> 0; value = shift = 0; }
    }
    return out.subarray(0, count);
  }

  function running(sizes) {
    const ends = new Uint32Array(sizes.length);
    let sum = 0;
    sizes.forEach((size, i) => { ends[i] = sum += size; });
    return ends;
  }

  // Features with coordinates in pixels of zoom 0, so that a zoom is one multiplication.
  function features(packed) {
    const deltas = numbers(packed.deltas), count = deltas.length / 2;
    const x = new Float64Array(count), y = new Float64Array(count);
    const step = 128 * packed.resolution / HALF_WORLD;
    let east = 0, north = 0;
    for (let i = 0; i < count; i++) {
      const dx = deltas[2 * i], dy = deltas[2 * i + 1];
      x[i] = 128 + step * (east += (dx >>> 1) ^ -(dx & 1));
      y[i] = 128 - step * (north += (dy >>> 1) ^ -(dy & 1));
    }
    const ones = () => new Uint32Array(count).fill(1);
    const partEnd = running(packed.sizes === null ? ones() : numbers(packed.sizes));
    const featureEnd = running(packed.parts === null ? ones() : numbers(packed.parts));
    const length = featureEnd.length, box = new Float64Array(4 * length);
    for (let i = 0; i < length; i++) {
      let west = Infinity, top = Infinity, right = -Infinity, bottom = -Infinity;
      const last = i < length && featureEnd[i] ? partEnd[featureEnd[i] - 1] : 0;
      for (let v = i && featureEnd[i - 1] ? partEnd[featureEnd[i - 1] - 1] : 0; v < last; v++) {
        west = Math.min(west, x[v]); right = Math.max(right, x[v]);
        top = Math.min(top, y[v]); bottom = Math.max(bottom, y[v]);
      }
      box.set([west, top, right, bottom], 4 * i);
    }
    const columns = {};
    for (const [name, column] of Object.entries(packed.columns)) {
      // Without codes every feature has a text of its own.
      columns[name] = { values: column.values, codes: column.codes && numbers(column.codes) };
    }
    return {
      kind: packed.kind, length, x, y, partEnd, featureEnd, box,
      text: (name, i) => columns[name].values[columns[name].codes ? columns[name].codes[i] : i],
    };
  }

  // ---- layers ------------------------------------------------------------------------

  // A canvas that Leaflet moves and scales; subclasses say how to draw on it.
  const CanvasLayer = L.Renderer.extend({
    options: { padding: 0.25, order: 0 },

    initialize: function (data, options) {
      L.Renderer.prototype.initialize.call(this, options);
      this.data = data;
    },
    onAdd: function (map) {
      L.Renderer.prototype.onAdd.call(this, map);
      shown(map).push(this);
      shown(map).sort((a, b) => b.options.order - a.options.order);
    },
    onRemove: function (map) {
      shown(map).splice(shown(map).indexOf(this), 1);
      L.Renderer.prototype.onRemove.call(this, map);
    },
    _initContainer: function () {
      this._container = L.DomUtil.create("canvas", "webmap-canvas");
      this._container.style.zIndex = 100 + this.options.order;
    },
    _destroyContainer: function () {
      this._container.remove();
      delete this._container;
    },
    _update: function () {
      if (this._map._animatingZoom && this._bounds) { return; }
      L.Renderer.prototype._update.call(this);
      const size = this._bounds.getSize();
      const ratio = this._map.webmapRatio || Math.min(window.devicePixelRatio || 1, 2);
      const canvas = this._container;
      L.DomUtil.setPosition(canvas, this._bounds.min);
      canvas.width = ratio * size.x;
      canvas.height = ratio * size.y;
      canvas.style.width = size.x + "px";
      canvas.style.height = size.y + "px";
      const pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      // A feature's pixel on the canvas is world * scale - origin.
      const origin = this._map.getPixelOrigin().add(this._bounds.min);
      this.draw(pen, Math.pow(2, this._map.getZoom()), origin, size);
      this.fire("update");
    },
    _updatePaths: function () {},
    redraw: function () { if (this._map) { this._update(); } },
    // Symbols are smaller when the whole region is shown and grow with the zoom.
    grow: function () {
      const steps = this._map.getZoom() - (this._map.webmapHome || this._map.getZoom());
      return this.data.kind === "point" ? Math.min(1.3, Math.max(0.4, 0.5 + 0.16 * steps))
        : Math.min(1.8, Math.max(0.7, 0.85 + 0.15 * steps));
    },
    hit: function () { return -1; },
  });

  function shown(map) { return map.webmapShown || (map.webmapShown = []); }

  // Points, lines or polygons, each in the style of its class.
  const Shapes = CanvasLayer.extend({
    options: { classes: [], of: "", popup: null, tooltip: null, casing: null, aim: 0 },

    initialize: function (data, options) {
      CanvasLayer.prototype.initialize.call(this, data, options);
      this.selected = -1;
      this._of = numbers(options.of);
      this._members = options.classes.map(() => []);
      // A feature of no class is not in the layer.
      this._of.forEach((number, i) => this._members[number] && this._members[number].push(i));
    },

    draw: function (pen, scale, origin, size) {
      const margin = 20, box = this.data.box, grow = this.grow();
      const west = (origin.x - margin) / scale, right = (origin.x + size.x + margin) / scale;
      const top = (origin.y - margin) / scale, bottom = (origin.y + size.y + margin) / scale;
      const inView = (i) => box[4 * i] <= right && box[4 * i + 2] >= west
        && box[4 * i + 1] <= bottom && box[4 * i + 3] >= top;
      const place = { scale, x: origin.x, y: origin.y };
      pen.lineJoin = pen.lineCap = "round";
      const groups = this._members.map((members) => members.filter(inView));
      if (this.options.casing) {
        groups.forEach((members, number) => {
          const style = this.options.classes[number];
          this._lines(pen, place, members, this.options.casing, style.width * grow + 2);
        });
      }
      const fromLast = groups.map((members, number) => [members, number]).reverse();
      fromLast.forEach(([members, number]) => {
        const style = this.options.classes[number];
        if (this.data.kind === "line") {
          pen.setLineDash(style.dash ? [2.5 * style.width * grow, 2 * style.width * grow] : []);
          this._lines(pen, place, members, style.stroke, style.width * grow);
          pen.setLineDash([]);
        } else if (this.data.kind === "point") {
          this._points(pen, place, members, style, style.radius * grow);
        } else {
          this._polygons(pen, place, members.reverse(), style, grow);
        }
      });
      if (this.selected >= 0 && this.options.highlight) {
        pen.beginPath();
        this._trace(pen, place, this.selected);
        pen.strokeStyle = this.options.highlight;
        pen.lineWidth = 3;
        pen.stroke();
      }
    },

    // Adds one feature to the path, leaving out steps too short to be seen.
    _trace: function (pen, place, i) {
      const { x, y, partEnd, featureEnd, kind } = this.data;
      for (let part = i ? featureEnd[i - 1] : 0; part < featureEnd[i]; part++) {
        const first = part ? partEnd[part - 1] : 0, last = partEnd[part] - 1;
        let atX = x[first] * place.scale - place.x, atY = y[first] * place.scale - place.y;
        pen.moveTo(atX, atY);
        for (let v = first + 1; v <= last; v++) {
          const toX = x[v] * place.scale - place.x, toY = y[v] * place.scale - place.y;
          if (v === last || Math.abs(toX - atX) + Math.abs(toY - atY) > 0.8) {
            pen.lineTo(toX, toY);
            atX = toX; atY = toY;
          }
        }
        if (kind === "polygon") { pen.closePath(); }
      }
    },

    _lines: function (pen, place, members, colour, width) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      for (let from = 0; from < members.length; from += 400) { // long paths are slow to stroke
        pen.beginPath();
        members.slice(from, from + 400).forEach((i) => this._trace(pen, place, i));
        pen.stroke();
      }
    },

    _points: function (pen, place, members, style, radius) {
      pen.fillStyle = style.fill;
      pen.strokeStyle = style.stroke || style.fill;
      pen.lineWidth = style.width || 0;
      for (const i of members) {
        const atX = this.data.x[i] * place.scale - place.x;
        const atY = this.data.y[i] * place.scale - place.y;
        if (radius < 2) {
          pen.fillRect(atX - radius, atY - radius, 2 * radius, 2 * radius);
          continue;
        }
        pen.beginPath();
        pen.arc(atX, atY, radius, 0, 2 * Math.PI);
        pen.fill();
        if (style.width && radius > 2.5) { pen.stroke(); }
      }
    },

    _polygons: function (pen, place, members, style, grow) {
      const least = style.least * grow, box = this.data.box;
      for (const i of members) {
        const wide = (box[4 * i + 2] - box[4 * i]) * place.scale;
        const high = (box[4 * i + 3] - box[4 * i + 1]) * place.scale;
        pen.beginPath();
        if (wide < least && high < least) {
          const midX = (box[4 * i] + box[4 * i + 2]) / 2 * place.scale - place.x;
          const midY = (box[4 * i + 1] + box[4 * i + 3]) / 2 * place.scale - place.y;
          pen.rect(midX - least / 2, midY - least / 2, least, least);
        } else {
          this._trace(pen, place, i);
        }
        if (style.fill) {
          pen.fillStyle = style.fill;
          pen.globalAlpha = style.opacity;
          pen.fill("evenodd");
          pen.globalAlpha = 1;
        }
        // Around what is tiny, an outline would hide the colour.
        if (style.width && Math.max(wide, high) > 6 * style.width) {
          pen.strokeStyle = style.stroke;
          pen.lineWidth = style.width;
          pen.stroke();
        }
      }
    },

    // Whether a place in pixels of zoom 0 lies inside a polygon.
    inside: function (i, at) {
      const { x, y, partEnd, featureEnd } = this.data;
      let inside = false;
      for (let part = i ? featureEnd[i - 1] : 0; part < featureEnd[i]; part++) {
        const first = part ? partEnd[part - 1] : 0, last = partEnd[part];
        for (let v = first, u = last - 1; v < last; u = v++) {
          if ((y[v] > at.y) !== (y[u] > at.y)
            && at.x < (x[u] - x[v]) * (at.y - y[v]) / (y[u] - y[v]) + x[v]) {
            inside = !inside;
          }
        }
      }
      return inside;
    },

    // The feature under a place in pixels of zoom 0, or -1; reach is in the same unit.
    hit: function (at, reach, scale) {
      const { x, y, partEnd, featureEnd, box, kind, length } = this.data;
      const largest = (name) =>
        Math.max(...this.options.classes.map((style) => style[name])) * this.grow() / scale;
      const wider = kind === "point" ? reach + largest("radius")
        : kind === "line" ? reach : largest("least") / 2;
      let found = -1, nearest = Infinity;
      for (let i = 0; i < length; i++) {
        if (this._of[i] >= this._members.length || at.x < box[4 * i] - wider || at.x > box[4 * i + 2] + wider
          || at.y < box[4 * i + 1] - wider || at.y > box[4 * i + 3] + wider) { continue; }
        let distance = Infinity;
        if (kind === "polygon") {
          const small = box[4 * i + 2] - box[4 * i] < 2 * wider
            && box[4 * i + 3] - box[4 * i + 1] < 2 * wider;
          distance = small || this.inside(i, at) ? 0 : Infinity;
        } else {
          for (let part = i ? featureEnd[i - 1] : 0; part < featureEnd[i]; part++) {
            const first = part ? partEnd[part - 1] : 0, last = partEnd[part];
            for (let v = first, u = last - 1; v < last; u = v++) {
              if (kind === "point" || v > first) {
                distance = Math.min(distance, toSegment(at, x[u], y[u], x[v], y[v]));
              }
            }
          }
        }
        if (distance <= wider && distance < nearest) { found = i; nearest = distance; }
      }
      return found;
    },
  });

  function toSegment(at, x0, y0, x1, y1) {
    const dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy;
    const along = square ? ((at.x - x0) * dx + (at.y - y0) * dy) / square : 0;
    const t = Math.min(1, Math.max(0, along));
    return Math.hypot(x0 + t * dx - at.x, y0 + t * dy - at.y);
  }

  // Names beside points, the first ones first; a name that would cover another is left out.
  const Labels = CanvasLayer.extend({
    options: { classes: [], of: "", column: "name" },

    initialize: function (data, options) {
      CanvasLayer.prototype.initialize.call(this, data, options);
      this._of = numbers(options.of);
    },

    draw: function (pen, scale, origin, size) {
      const zoom = this._map.getZoom() - (this._map.webmapHome || this._map.getZoom());
      const taken = [];
      // The part of the canvas that is seen; the rest is there for when the map is moved.
      const view = this._map.containerPointToLayerPoint([0, 0]).subtract(this._bounds.min);
      const across = this._map.getSize().x, smaller = across < PHONE ? 2 : 0;
      pen.lineJoin = "round";
      pen.textBaseline = "middle";
      for (let i = 0; i < this.data.length; i++) {
        const style = this.options.classes[this._of[i]];
        if (zoom < style.from || zoom > style.to) { continue; }
        const x = this.data.x[i] * scale - origin.x, y = this.data.y[i] * scale - origin.y;
        if (x < 0 || y < 0 || x > size.x || y > size.y) { continue; }
        const text = this.data.text(this.options.column, i);
        const high = style.size - smaller;
        pen.font = `${style.weight} ${high}px system-ui, "Segoe UI", Arial, sans-serif`;
        const wide = pen.measureText(text).width;
        const free = ([left, dy]) => [left - 4, y + dy - high * 0.65, left + wide + 4,
          y + dy + high * 0.65];
        const clear = (box) => !taken.some(
          (t) => t[0] < box[2] && t[2] > box[0] && t[1] < box[3] && t[3] > box[1]);
        const middle = x - wide / 2, places = style.dot
          ? [[x + 6, 0], [x - 6 - wide, 0]]
          : [[middle, 0], [middle, -high], [middle, high], [x, 0], [x - wide, 0],
            [x - wide, -high], [x - wide, high], [x, -high], [x, high]];
        // What is in view is named in whole or not at all.
        const seen = x >= view.x && x <= view.x + across;
        const whole = ([left]) => !seen || (left >= view.x && left + wide <= view.x + across);
        const place = places.find((one) => whole(one) && clear(free(one)));
        if (!place) { continue; }
        const [left, dy] = place, box = free(place);
        taken.push(box);
        pen.strokeStyle = "rgba(255, 255, 255, 0.9)";
        pen.lineWidth = 3.5;
        pen.fillStyle = style.colour;
        if (style.dot) {
          pen.beginPath();
          pen.arc(x, y, 2.5, 0, 2 * Math.PI);
          pen.stroke();
          pen.fill();
        }
        pen.strokeText(text, left, y + dy);
        pen.fillText(text, left, y + dy);
      }
    },
  });

  // ---- words on the page -------------------------------------------------------------

  function node(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) { made.className = className; }
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  function section(layer, i) {
    const popup = layer.options.popup, text = (column) => layer.data.text(column, i);
    const body = node("div", "webmap-section");
    if (popup.table) {
      const head = node("tr", "", ...popup.table.head.map((word) => node("th", "", word)));
      const rows = popup.table.rows.map((row) => node("tr", "",
        node("th", "", row[0]), ...row.slice(1).map((column) => node("td", "", text(column)))));
      body.append(node("table", "webmap-table",
        popup.table.caption ? node("caption", "", text(popup.table.caption)) : null,
        node("thead", "", head), node("tbody", "", ...rows)));
    }
    const pairs = popup.rows.map(([label, column]) => [label, text(column)])
      .filter(([, words]) => words !== null);
    // Sentences are read before figures, and over the whole width.
    const long = ([, words]) => words.length > LONG;
    const list = (className, rows) => rows.length ? node("dl", className,
      ...rows.flatMap(([label, words]) => [node("dt", "", label), node("dd", "", words)])) : null;
    for (const part of [list("webmap-long", pairs.filter(long)),
      list("", pairs.filter((pair) => !long(pair)))]) {
      if (part) { body.append(part); }
    }
    return { title: popup.lead + text(popup.title), body };
  }

  // How wide a feature looks, px; points grow with the zoom.
  function apparent(layer, i, scale) {
    if (layer.data.kind === "point") { return 3 * scale / Math.pow(2, layer._map.webmapHome); }
    const [west, top, right, bottom] = layer.data.box.subarray(4 * i, 4 * i + 4);
    return Math.max(right - west, bottom - top) * scale;
  }

  // Shows what lies under a click. The first that is large enough to be aimed at is open;
  // the others are folded below it.
  function popups(map, words) {
    map.on("click", (event) => {
      const { at, reach, scale } = where(map, event.latlng, 8);
      const found = shown(map).filter((layer) => layer.options.popup)
        .map((layer) => [layer, layer.hit(at, reach, scale)]).filter(([, i]) => i >= 0)
        .sort(([a], [b]) => b.options.aim - a.options.aim);
      if (!found.length) { return; }
      const aimed = found.find(([layer, i]) => apparent(layer, i, scale) >= 24)
        || found[found.length - 1];
      tell(map, event.latlng, aimed, found.filter((one) => one !== aimed));
    });
    map.on("popupopen popupclose", (event) => map.getContainer().classList
      .toggle("webmap-telling", event.type === "popupopen"));
    map.on("popupopen", (event) => {
      const close = event.popup.getElement().querySelector(".leaflet-popup-close-button");
      if (close) { close.setAttribute("aria-label", words.close); }
      // What can be scrolled can be reached by keyboard.
      const content = event.popup.getElement().querySelector(".leaflet-popup-content");
      const heading = content.querySelector("h2");
      content.tabIndex = 0;
      content.setAttribute("role", "region");
      content.setAttribute("aria-label", heading ? heading.textContent : words.close);
    });
    map.on("popupclose", () => select(map, []));
  }

  function tell(map, latlng, aimed, others) {
    const open = section(...aimed);
    const parts = [node("div", "", node("h2", "", open.title), open.body)];
    for (const { title, body } of others.map((one) => section(...one))) {
      parts.push(node("details", "", node("summary", "", title), body));
    }
    const size = map.getSize(), above = map.webmapHead ? map.webmapHead.offsetHeight : 0;
    const below = size.x < PHONE ? map.webmapFoot || 0 : 0;
    L.popup({
      maxWidth: Math.min(340, size.x - 40),
      minWidth: Math.min(230, size.x - 60),
      maxHeight: Math.max(160, Math.min(size.y * 0.6, size.y - above - below - 110)),
      autoPanPaddingTopLeft: [10, above + 16],
      autoPanPaddingBottomRight: [10, below + 40],
    }).setLatLng(latlng).setContent(node("div", "webmap-popup", ...parts)).openOn(map);
    select(map, aimed);
  }

  // Goes to one feature, and shows its layer and what is known of it.
  function visit(map, layer, i) {
    const box = layer.data.box.subarray(4 * i, 4 * i + 4);
    if (!(box[0] <= box[2])) { return; }
    if (!map.hasLayer(layer)) { layer.addTo(map); }
    if (map.webmapFold && map.getSize().x < PHONE) { map.webmapFold(); }
    see(map, box);
    tell(map, map.unproject(anchor(map, layer, i, box), 0), [layer, i], []);
  }

  // Shows a box of zoom 0's pixels in the free part of the map.
  function see(map, box) {
    const bounds = L.latLngBounds(
      map.unproject([box[0], box[3]], 0), map.unproject([box[2], box[1]], 0));
    map.closePopup();
    map.fitBounds(bounds, { ...free(map), animate: false, maxZoom: map.webmapHome + 5 });
  }

  // A place of the feature to point at: its middle if that is in it, else that of its widest part.
  function anchor(map, layer, i, box) {
    const middle = L.point((box[0] + box[2]) / 2, (box[1] + box[3]) / 2);
    const { x, y, partEnd, featureEnd, kind } = layer.data;
    if (kind !== "polygon" || layer.inside(i, middle)) { return middle; }
    let best = middle, widest = -1;
    for (let part = i ? featureEnd[i - 1] : 0; part < featureEnd[i]; part++) {
      const first = part ? partEnd[part - 1] : 0, last = partEnd[part];
      let west = Infinity, right = -Infinity, top = Infinity, bottom = -Infinity;
      for (let v = first; v < last; v++) {
        west = Math.min(west, x[v]); right = Math.max(right, x[v]);
        top = Math.min(top, y[v]); bottom = Math.max(bottom, y[v]);
      }
      const wide = (right - west) * (bottom - top);
      if (wide > widest) {
        widest = wide;
        best = L.point((west + right) / 2, (top + bottom) / 2);
      }
    }
    return best;
  }

  function where(map, latlng, pixels) {
    const scale = Math.pow(2, map.getZoom());
    return { at: map.project(latlng, 0), reach: pixels / scale, scale };
  }

  function select(map, [chosen, number]) {
    shown(map).forEach((layer) => {
      const selected = layer === chosen ? number : -1;
      if (layer.options.highlight && layer.selected !== selected) {
        layer.selected = selected;
        layer.redraw();
      }
    });
  }

  // With a mouse: a hand over what can be clicked, and its name.
  function tooltips(map) {
    if (!window.matchMedia("(hover: hover)").matches) { return; }
    const tip = L.tooltip({ direction: "top", offset: [0, -8], opacity: 1 });
    let waiting = null;
    map.on("mousemove", (event) => {
      if (!waiting) { window.requestAnimationFrame(show); }
      waiting = event.latlng;
    });
    map.on("mouseout movestart zoomstart", () => { waiting = null; tip.remove(); });
    function show() {
      if (!waiting) { return; }
      const { at, reach, scale } = where(map, waiting, 4);
      let text = null, hand = false;
      for (const layer of shown(map)) {
        if (!layer.options.popup) { continue; }
        const i = layer.hit(at, reach, scale);
        hand = hand || i >= 0;
        if (i >= 0 && layer.options.tooltip) {
          text = layer.data.text(layer.options.tooltip, i);
          break;
        }
      }
      map.getContainer().classList.toggle("webmap-hand", hand);
      if (text === null) { tip.remove(); } else {
        tip.setContent(node("span", "", text)).setLatLng(waiting).addTo(map);
      }
      waiting = null;
    }
  }

  // ---- the map -----------------------------------------------------------------------

  // Whole zoom steps only where there are tiles to be sharp.
  function map(id, online) {
    const made = L.map(id, {
      center: [0, 0], zoom: 1, maxZoom: 17, zoomControl: false, attributionControl: false,
      zoomSnap: online ? 1 : 0.25, wheelPxPerZoomLevel: 90, maxBoundsViscosity: 0.8,
      fadeAnimation: false,
    });
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(made);
    if (online) { L.control.attribution({ prefix: false }).addTo(made); }
    return made;
  }

  // The margins that head and panel take of the map.
  function free(map) {
    const size = map.getSize(), narrow = size.x < PHONE;
    const height = map.webmapHead ? map.webmapHead.offsetHeight : 0;
    const width = map.webmapPanel && !narrow ? map.webmapPanel.offsetWidth + 10 : 0;
    return {
      paddingTopLeft: [12, Math.min(height + 16, size.y / 2)],
      paddingBottomRight: [12 + width, narrow ? (map.webmapFoot || 0) + 34 : 34],
    };
  }

  // Shows the bounds in the part of the map that head and panel leave free.
  function fit(map, bounds) {
    map.fitBounds(bounds, { animate: false, ...free(map) });
    map.webmapHome = map.getZoom();
    map.setMinZoom(Math.floor(map.webmapHome) - 2);
    map.webmapBounds = L.latLngBounds(bounds).pad(1);
    map.setMaxBounds(map.webmapBounds);
    shown(map).forEach((layer) => layer.redraw());
  }

  // The last step of every page.
  function start(map, bounds, words) {
    L.control.zoom({
      position: "bottomleft", zoomInTitle: words.zoomIn, zoomOutTitle: words.zoomOut,
    }).addTo(map);
    fit(map, bounds);
    popups(map, words);
    tooltips(map);
  }

  return {
    PHONE, map, features, start, node, numbers, shown, see, visit, free,
    shapes: (data, options) => new Shapes(data, options),
    labels: (data, options) => new Labels(data, options),
  };
}());
