// Makes a key in this browser, and offers its public half with a proof that the browser holds the other.
(() => {
  "use strict";
  const form = document.getElementById("enrol");
  const here = document.getElementById("here");
  const person = form.dataset.person;

  async function show() {
    const key = await keyStore.find(person);
    if (!key) {
      here.textContent = "This browser holds no key of yours.";
      return;
    }
    const accepted = document.querySelector(`[data-key="${CSS.escape(key.id)}"]`);
    here.textContent = `This browser holds your key ${key.id}${accepted ? "." : ", which is not accepted yet."}`;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const key = (await keyStore.find(person)) ?? (await keyStore.make(person));
      form.elements.public.value = key.publicKey;
      form.elements.proof.value = await key.sign({ type: "admin.enrolment", approver: person, public: key.publicKey });
      form.submit();
    } catch (error) {
      here.textContent = `No key could be made: ${error.message}`;
    }
  });
  show().catch((error) => { here.textContent = `The key cannot be read: ${error.message}`; });
})();
