// Comforts of the guided set-up. Every step works without this file.

// The preview follows the form. Its address is replaced, so that Back leaves the page.
for (const form of document.querySelectorAll("[data-preview]")) {
  const frame = form.querySelector("iframe");
  form.querySelector("[data-show]").hidden = true;
  let waiting;
  const draw = () => {
    const asked = new URLSearchParams(new FormData(form));
    frame.contentWindow.location.replace(`${form.dataset.preview}?${asked}`);
  };
  form.addEventListener("input", ({ target }) => {
    if (["seen_width", "other_language"].includes(target.name)) return;
    clearTimeout(waiting);
    waiting = setTimeout(draw, 250);
  });
}

// What was typed is kept in the draft, whichever way one leaves.
for (const form of document.querySelectorAll("[data-keeps]")) {
  let typed = false;
  form.addEventListener("input", ({ target }) => {
    typed ||= !target.name.startsWith("seen_") && target.name != "other_language";
  });
  form.addEventListener("submit", ({ submitter }) => {
    if (!submitter.formTarget) typed = false;
  });
  const leave = (then) => {
    const button = Object.assign(document.createElement("button"), { name: "then", value: then });
    button.hidden = true;
    form.append(button);
    form.requestSubmit(button);
  };
  for (const link of document.querySelectorAll("a[data-step], a[data-step-back]")) {
    link.addEventListener("click", (event) => {
      if (!typed || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      leave(link.dataset.step || "back");
    });
  }
}

// The page that waits for the first visitor asks for them, and says so when they came.
for (const card of document.querySelectorAll("[data-waits]")) {
  card.querySelector("[data-scripted]").hidden = false;
  const ask = async () => {
    if (!document.hidden) {
      const answer = await fetch(card.dataset.waits).catch(() => null);
      if (answer?.ok && (await answer.json()).seen) return location.reload();
    }
    setTimeout(ask, 3000);
  };
  setTimeout(ask, 3000);
}
