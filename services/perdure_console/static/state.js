// Says when the page is not live, so that nobody takes what was for what is.
(() => {
  "use strict";
  const state = document.getElementById("state");
  if (!state) return;
  const since = () => new Date().toLocaleTimeString();
  let seen = since();

  function show(text) {
    if (text && !state.hidden) return;
    state.textContent = text;
    state.hidden = !text;
  }
  const live = () => { seen = since(); show(""); };
  document.addEventListener("htmx:sse:after:connection", live);
  document.addEventListener("htmx:sse:after:message", (event) => { if (!event.detail.message.event) live(); });
  document.addEventListener("stale", () => show(`The bus does not answer. This is how things were at ${seen}.`));
  document.addEventListener("htmx:sse:error", () => show(`The console does not answer. This is how things were at ${seen}.`));
})();
