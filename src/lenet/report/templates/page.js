const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
for (const data of document.querySelectorAll('script[id^="data-"]')) {
  const options = {actions: false, defaultStyle: false, renderer: "svg", tooltip: {theme}};
  const chart = document.getElementById("chart-" + data.id.slice("data-".length));
  vegaEmbed(chart, fitted(JSON.parse(data.textContent), chart.clientWidth), options);
}

// Panels stand in as many columns as the page has room for.
function fitted(specification, width) {
  if (specification.hconcat) fitHalves(specification, width);
  if (specification.columns > 1) {
    const axis = 50, panel = specification.spec.width + specification.spacing;
    specification.spec.width = Math.min(specification.spec.width, width - axis);
    specification.columns = Math.min(specification.columns, Math.max(1, Math.floor((width - axis) / panel)));
  }
  return specification;
}

// Two charts with the same rows: side by side, or one below the other, where both need the rows' names.
function fitHalves(specification, width) {
  const names = 185, gap = 60, [left, right] = specification.hconcat;
  const isNarrow = width < 800, room = isNarrow ? width - names - 20 : (width - names - gap) / 2;
  left.width = right.width = Math.min(left.width, room);
  if (!isNarrow) return;
  const {axis} = left.layer[0].encoding.y;
  right.layer.filter(({encoding}) => encoding.y).forEach(({encoding}) => {
    encoding.y.axis = axis;
    if (encoding.color) Object.assign(encoding.color.legend, {orient: "bottom", direction: "vertical"});
  });
  right.layer = right.layer.filter(({mark}) => mark.type !== "text"); // no room: the colours and the table tell it
  specification.vconcat = [left, right];
  delete specification.hconcat;
}

// Cells with a data-value are sorted by number, others by text; empty ones stay at the end.
function compare(a, b, direction) {
  if (a.value === "" || b.value === "") return (a.value === "") - (b.value === "");
  return direction * (a.isNumber ? a.value - b.value : a.value.localeCompare(b.value));
}

for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const direction = header.ariaSort === "ascending" ? -1 : 1;
      headers.forEach((each) => { each.ariaSort = null; });
      header.ariaSort = direction === 1 ? "ascending" : "descending";
      const rows = [...table.tBodies[0].rows].map((row) => {
        const cell = row.cells[column];
        return {row, isNumber: "value" in cell.dataset, value: cell.dataset.value ?? cell.textContent};
      });
      rows.sort((a, b) => compare(a, b, direction));
      table.tBodies[0].append(...rows.map((each) => each.row));
    });
  });
}

// What is folded up is printed too.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
