// Shows, hides and labels parts of the page; it draws and computes nothing. The page is complete without it.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const say = (words) => { document.getElementById("said").textContent = words; };
  all(".scripted").forEach((element) => { element.hidden = false; });

  // Tables: sorted by their headers, searched where they are long.
  Tablesort.extend("number", () => false, (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    return x === y ? 0 : Number.isNaN(x) - Number.isNaN(y) || y - x;
  });
  for (const table of all("table.sortable")) {
    new Tablesort(table);
    table.classList.add("sorted");
    for (const header of all("th", table)) {
      header.addEventListener("keydown", (event) => {
        if (event.key === " ") { event.preventDefault(); header.click(); }
      });
    }
    table.addEventListener("afterSort", () => {
      const header = table.querySelector("[aria-sort]");
      say(`Sorted by ${header.textContent}, ${header.getAttribute("aria-sort")}.`);
    });
    if (table.tBodies[0].rows.length > 6) addSearch(table);
  }

  function addSearch(table) {
    const box = table.parentElement;
    const label = document.createElement("label");
    label.className = "tools scripted";
    const field = document.createElement("input");
    field.type = "search";
    const title = table.closest("[aria-label]").getAttribute("aria-label");
    field.setAttribute("aria-label", `Find rows with (${title})`);
    label.append("Find rows with", field);
    box.before(label);
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase();
      for (const row of table.tBodies[0].rows) row.dataset.found = row.textContent.toLowerCase().includes(wanted);
      show();
    });
  }

  // The filter of the whole page: it hides all elements of a problem, rule or batch size that is not chosen.
  const form = document.querySelector(".filters");
  const boxes = form ? all("input", form) : [];

  function show() {
    const hidden = { problem: new Set(), rule: new Set(), batch: new Set() };
    for (const box of boxes) if (!box.checked) hidden[box.name].add(box.value);
    const off = (data) => Object.keys(hidden).some((name) => hidden[name].has(data[name])) || data.found === "false";
    for (const element of all("tr, section[data-problem], .answer[data-problem]")) element.hidden = off(element.dataset);
    for (const mark of all("g.mark")) {
      const gone = off(mark.dataset);
      if (mark.classList.contains("cover")) mark.querySelector("path").style.fill = gone ? "var(--paper)" : "none";
      else mark.style.display = gone ? "none" : "";
      mark.classList.toggle("off", gone);
    }
    const count = boxes.filter((box) => !box.checked).length;
    if (form) form.querySelector("output").textContent = count ? hiding(count) : "Everything is shown.";
  }

  function hiding(count) {
    const bare = all("fieldset", form).find((choices) => !choices.querySelector("input:checked"));
    const words = `${count} of ${boxes.length} hidden`;
    return bare ? `${words}: without a ${bare.querySelector("legend").textContent} nothing is left to show.` : `${words}.`;
  }

  if (form) {
    form.addEventListener("change", show);
    form.addEventListener("reset", () => setTimeout(show));
    form.addEventListener("submit", (event) => event.preventDefault());
    show();
  }

  // The unit that the rules are ranked in: sentences and tables of each were written beforehand.
  const unit = document.getElementById("unit");
  if (unit) {
    const choose = () => {
      for (const element of all("[data-unit]")) element.hidden = element.dataset.unit !== unit.value;
      for (const picture of all("figure[id$=standing] .picture[data-variant]")) picture.hidden = picture.dataset.variant !== unit.value;
      for (const select of all("figure[id$=standing] select")) select.value = unit.value;
      say(`Ranked by ${unit.value}.`);
    };
    unit.addEventListener("change", choose);
  }

  // Variants of a figure, drawn beforehand.
  for (const figure of all("figure")) {
    const choices = all("select[data-choice]", figure);
    const choose = () => {
      const wanted = choices.map((choice) => choice.value).join(" ");
      for (const picture of all(".picture", figure)) picture.hidden = picture.dataset.variant !== wanted;
    };
    for (const choice of choices) choice.addEventListener("change", choose);
    if (choices.length) choose();
  }

  // Shows the values of the point next to the pointer; the arrow keys go from point to point.
  const tip = document.getElementById("tip");
  const NEAR = 24;

  function points(picture) {
    const svg = picture.querySelector("svg");
    const place = svg.getScreenCTM();
    return all("g.mark[data-at]:not(.off)", svg).filter((mark) => !mark.parentElement.closest(".off")).flatMap((mark) => {
      const labels = mark.dataset.tips.split("|");
      return mark.dataset.at.split(" ").map((pair, number) => {
        const [x, y] = pair.split(",").map(Number);
        return { x: x * place.a + place.e, y: y * place.d + place.f, words: `${mark.dataset.name}\n${labels[number]}` };
      });
    });
  }

  function put(point) {
    tip.hidden = !point;
    if (!point) return;
    tip.textContent = point.words;
    tip.style.left = `${Math.max(0, Math.min(point.x + 12, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${point.y + 16 + tip.offsetHeight > innerHeight ? point.y - tip.offsetHeight - 8 : point.y + 16}px`;
  }

  const forgotten = [];
  for (const picture of all(".picture")) {
    let known = [];
    let current = -1;
    const forget = () => { known = []; put(null); };  // the known places are those in the window, so they change when it does
    forgotten.push(forget);
    picture.addEventListener("pointerenter", forget);
    picture.addEventListener("pointermove", (event) => {
      if (!known.length) known = points(picture);
      let [next, least] = [null, NEAR];
      for (const point of known) {
        const distance = Math.hypot(point.x - event.clientX, point.y - event.clientY);
        if (distance < least) [next, least] = [point, distance];
      }
      put(next);
    });
    for (const name of ["pointerleave", "blur", "scroll"]) picture.addEventListener(name, forget);
    picture.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      known = by ? points(picture) : known;
      if (!by || !known.length) return;
      event.preventDefault();
      current = current < 0 && by < 0 ? known.length - 1 : (current + by + known.length) % known.length;
      put(known[current]);
      say(known[current].words);
    });
  }
  for (const name of ["scroll", "resize"]) addEventListener(name, () => forgotten.forEach((forget) => forget()), { passive: true });
  addEventListener("keydown", (event) => { if (event.key === "Escape") put(null); });

  // Downloads: the picture as it is shown, the numbers of all rows. A spreadsheet takes text that begins with one of
  // these characters for a formula and would run it. An apostrophe before it makes it text.
  const text = (cell) => (/^[=+\-@\t\r]/.test(cell) && Number.isNaN(Number(cell)) ? `'${cell}` : cell);
  const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const csv = (table, full = table.closest(".data")) => [...table.rows]
    .map((row) => [...row.cells].map((cell) => quoted(text((full && cell.dataset.sort) || cell.textContent))).join(",") + "\n")
    .join("");
  const svg = (picture) => new XMLSerializer().serializeToString(picture.querySelector("svg"));

  for (const button of all("[data-download]")) {
    button.addEventListener("click", () => {
      const of = document.getElementById(button.dataset.of);
      const kind = button.dataset.download;
      const text = kind === "csv" ? csv(of.querySelector("table")) : svg(of.querySelector(".picture:not([hidden])"));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: kind === "csv" ? "text/csv" : "image/svg+xml" }));
      link.download = `${button.dataset.file}.${kind}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  }
})();
