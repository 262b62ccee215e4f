// Small comforts. Every page works without this file.

for (const form of document.querySelectorAll("[data-send-on-change]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const said = button.querySelector("[data-said]");
    try {
      await navigator.clipboard.writeText(source.textContent);
      said.textContent = said.dataset.said;
    } catch {
      getSelection().selectAllChildren(source);
      said.textContent = "Selected: press Ctrl+C";
    }
    said.setAttribute("role", "status");
  });
}

for (const details of document.querySelectorAll("[data-closes-outside]")) {
  document.addEventListener("click", (event) => {
    if (!details.contains(event.target)) details.open = false;
  });
  details.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      details.open = false;
      details.querySelector("summary").focus();
    }
  });
}

// The list of events makes a page on a phone very long.
for (const details of document.querySelectorAll("[data-open-on-desk]")) {
  details.open = matchMedia("(min-width: 641px)").matches;
}

for (const plot of document.querySelectorAll("[data-plot]")) {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  for (const column of plot.querySelectorAll(".column")) {
    const title = column.querySelector("title");
    const text = title.textContent;
    title.remove(); // or the browser shows it a second time
    column.addEventListener("pointerenter", () => {
      tip.textContent = text;
      tip.hidden = false;
    });
    column.addEventListener("pointermove", (event) => {
      const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
      const top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8);
      tip.style.left = `${Math.max(8, left)}px`;
      tip.style.top = `${Math.max(8, top)}px`;
    });
    column.addEventListener("pointerleave", () => {
      tip.hidden = true;
    });
  }
}

// A receipt file fills the field above it. The file itself is not sent.
for (const label of document.querySelectorAll("[data-reads-into]")) {
  label.hidden = false;
  const field = document.getElementById(label.dataset.readsInto);
  label.querySelector("input").addEventListener("change", async ({ target }) => {
    if (!target.files.length) return;
    field.value = await target.files[0].text();
    field.form.requestSubmit();
  });
}

// A long table is narrowed while one types; what the form itself finds is the same and more.
for (const field of document.querySelectorAll("[data-narrow]")) {
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const areas = [...document.getElementById(field.dataset.narrow)?.querySelectorAll("details") ?? []];
  const rows = areas.flatMap((area) => [...area.querySelectorAll("tbody tr")]);
  const texts = new Map(rows.map((row) => [row, plain(row.textContent)]));
  const before = areas.map((area) => area.open);
  field.addEventListener("input", () => {
    const wanted = plain(field.value).split(/\s+/);
    for (const row of rows) row.hidden = !wanted.every((word) => texts.get(row).includes(word));
    areas.forEach((area, index) => {
      area.hidden = !area.querySelector("tbody tr:not([hidden])");
      area.open = field.value ? true : before[index];
    });
  });
}
