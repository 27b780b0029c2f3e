// Keys: j and k choose a row, a and r go to Approve and Reject, / goes to the search box.
(() => {
  "use strict";
  const typing = (element) => element.matches("input, textarea, select");
  const rows = () => [...document.querySelectorAll("[data-row]")];

  function choose(step) {
    const all = rows();
    const now = all.indexOf(document.activeElement);
    const next = now < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + step, 0), all.length - 1);
    all[next]?.focus();
  }

  function decide(name) {
    const button = document.querySelector(`#decide button.${name}`);
    if (button) button.focus();
    else if (document.activeElement.matches("[data-row]")) location.assign(`${document.activeElement.href}#${name}`);
  }

  const acts = {
    j: () => choose(1),
    k: () => choose(-1),
    a: () => decide("approve"),
    r: () => decide("reject"),
    "/": () => document.getElementById("find").focus(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(document.activeElement) || !acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });
  if (["#approve", "#reject"].includes(location.hash)) decide(location.hash.slice(1));
})();
