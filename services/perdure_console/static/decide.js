// Signs a decision with the key of this browser, over what the page shows: the digest is computed here, from that.
(() => {
  "use strict";
  const form = document.getElementById("decide");
  const problem = document.getElementById("unsigned");
  const { person, version } = form.dataset;
  const value = (name) => form.elements[name].value;
  let busy = false;

  function put(name, text) {
    const field = Object.assign(document.createElement("input"), { type: "hidden", name, value: text });
    form.append(field);
  }

  async function sign(choice) {
    if (version !== "2") throw new Error("This request is of an older kind: decide it with `perdure approve`.");
    const shown = JSON.parse(form.dataset.request);
    const digest = hexOf(await crypto.subtle.digest("SHA-256", canonicalForm(shown)));
    if (digest !== value("digest")) throw new Error("The request shows something else than its digest is about.");
    const key = await keyStore.find(person);
    if (!key) throw new Error("This browser holds no key of yours: make one on the page My key.");
    const decision = {
      type: "decisions",
      workflow_id: shown.workflow_id,
      request_id: shown.request_id,
      decision: choice,
      approver: person,
      comment: value("comment"),
      digest,
      first_run_id: value("first_run_id") || null,
      expires_at: null,
      nonce: crypto.randomUUID(),
      key_id: key.id,
    };
    const signature = await key.sign(decision);
    for (const [name, text] of Object.entries({ decision: choice, nonce: decision.nonce, key_id: key.id, signature })) put(name, text);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    problem.textContent = "";
    try {
      await sign(event.submitter.value);
      form.submit();
    } catch (error) {
      problem.textContent = error.message;
      busy = false;
    }
  });
})();
