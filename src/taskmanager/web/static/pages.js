"use strict";
// Beside htmx: where the focus goes after a part of the page was replaced, and what is said when nothing was.
(() => {
  const said = () => document.getElementById("said");
  const say = (text) => {
    const line = document.createElement("p");
    line.textContent = text;
    said().replaceChildren(line);
  };
  const lost = "The server did not answer. Nothing of what you typed is lost: try again.";
  const isPoll = (detail) => detail.requestConfig && detail.requestConfig.verb === "get";
  let hadFocus = false;

  const focusOn = (element) => {
    if (element) element.focus({ preventScroll: element.matches("[tabindex='-1']") });
    return Boolean(element);
  };

  document.addEventListener("htmx:beforeSwap", (event) => {
    const detail = event.detail;
    // an answer that is no page of ours, such as a balancer's, takes the place of nothing
    if (detail.xhr.status >= 400 && !detail.serverResponse.includes('id="main"')) {
      detail.shouldSwap = false;
      if (!isPoll(detail)) say(lost);
    }
    hadFocus = detail.target.contains(document.activeElement);
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    const asked = event.detail.requestConfig && event.detail.requestConfig.elt;
    const swapped = event.detail.elt;
    if (!hadFocus || !asked || document.activeElement !== document.body) return;
    hadFocus = false;
    const wanted = asked.dataset.focus && document.getElementById(asked.dataset.focus);
    focusOn(swapped.querySelector("[aria-invalid=true]")) || focusOn(wanted) ||
      focusOn(swapped.querySelector("[tabindex='-1'], a, button")) || focusOn(document.getElementById("main"));
  });

  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => { if (!isPoll(event.detail)) say(lost); });
  }

  focusOn(document.querySelector("main [aria-invalid=true]"));
})();
