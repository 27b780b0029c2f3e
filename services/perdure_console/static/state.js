// Says when the page is not live, so that nobody takes what was for what is; and connects again where htmx gives up.
(() => {
  "use strict";
  const state = document.getElementById("state");
  const live = document.getElementById("live");
  if (!live) return;
  const againAfter = 1000; // milliseconds
  const now = () => new Date().toLocaleTimeString();
  let seen = now();
  let connected = false;

  function show(text) {
    if (text && !state.hidden) return;
    state.textContent = text;
    state.hidden = !text;
  }
  function isLive() {
    seen = now();
    show("");
  }
  const gone = () => show(`The console does not answer. This is how things were at ${seen}.`);

  function again() { // htmx repeats only connections that once stood
    gone();
    setTimeout(() => { if (!connected) htmx.trigger(live, "again"); }, againAfter);
  }

  live.addEventListener("htmx:before:response", (event) => { // an error is no content
    const type = event.detail.ctx.response.raw.headers.get("Content-Type") ?? "";
    if (!type.includes("text/event-stream")) event.preventDefault();
  });
  live.addEventListener("htmx:sse:before:connection", () => { connected = true; });
  live.addEventListener("htmx:sse:after:connection", isLive);
  live.addEventListener("htmx:sse:after:message", (event) => { if (!event.detail.message.event) isLive(); });
  live.addEventListener("htmx:sse:error", gone);
  live.addEventListener("htmx:sse:close", () => { connected = false; again(); });
  live.addEventListener("htmx:finally:request", () => { if (!connected) again(); });
  live.addEventListener("stale", () => show(`The bus does not answer. This is how things were at ${seen}.`));
})();
