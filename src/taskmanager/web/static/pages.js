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

  const ATTEND = "[data-attend], [aria-invalid=true]";
  const focusOn = (element) => {
    if (!element) return false;
    element.focus();
    if (element.readOnly) element.select();
    return true;
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

  // One answer settles several parts, each with an event of its own: the focus moves once, when all are there.
  let settled = [];
  document.addEventListener("htmx:afterSettle", (event) => {
    settled.push(event.target);
    if (settled.length > 1) return;
    const asked = event.detail.requestConfig && event.detail.requestConfig.elt;
    setTimeout(() => {
      const parts = settled.filter((part) => part.isConnected && document.getElementById("main").contains(part));
      settled = [];
      if (!hadFocus || !asked) return;
      hadFocus = false;
      const first = (selector) => parts.map((part) => part.querySelector(selector)).find(Boolean);
      // what went wrong comes first; else htmx has found what had the focus, if it is still there
      if (focusOn(first(ATTEND)) || document.activeElement !== document.body) return;
      const wanted = asked.dataset.focus && document.getElementById(asked.dataset.focus);
      focusOn(wanted) || focusOn(first("[tabindex='-1'], a, button")) || focusOn(document.getElementById("main"));
    });
  });

  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => { if (!isPoll(event.detail)) say(lost); });
  }

  focusOn(document.querySelector(`main :is(${ATTEND})`));
})();
