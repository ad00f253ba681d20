const theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
for (const data of document.querySelectorAll('script[id^="data-"]')) {
  const options = {actions: false, defaultStyle: false, renderer: "svg", tooltip: {theme}};
  const chart = document.getElementById("chart-" + data.id.slice("data-".length));
  vegaEmbed(chart, fitted(JSON.parse(data.textContent), chart.clientWidth), options);
}

// Panels stand in as many columns as the page has room for.
function fitted(specification, width) {
  if (specification.columns > 1) {
    const axis = 45, panel = specification.spec.width + specification.spacing;
    specification.columns = Math.min(specification.columns, Math.max(1, Math.floor((width - axis) / panel)));
  }
  return specification;
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
