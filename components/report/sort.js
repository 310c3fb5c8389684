(() => {
  "use strict";
  const collator = new Intl.Collator("en", { numeric: true });
  const value = (row, i) => {
    const cell = row.cells[i], key = cell.dataset.key;
    return key === undefined ? cell.textContent.trim() : key === "" ? null : Number(key);
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b);
  const sort = (table, head, i) => {
    const up = head.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0];
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = Array.from(body.rows, (row) => ({ row, key: value(row, i) }));
    rows.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return up ? compare(a.key, b.key) : compare(b.key, a.key);
    });
    body.append(...rows.map((one) => one.row));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length < 2) continue;
    Array.from(table.tHead.rows[0].cells, (head, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head, i));
      head.append(button);
    });
  }
})();
