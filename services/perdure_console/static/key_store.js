// The person's key: Ed25519, not extractable, in this browser's IndexedDB; not even this page can read it.
const keyStore = (() => {
  "use strict";
  const settled = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  async function store(mode) {
    const opening = indexedDB.open("perdure", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    return (await settled(opening)).transaction("keys", mode).objectStore("keys");
  }

  async function described(pair) {
    const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
    const id = hexOf(await crypto.subtle.digest("SHA-256", raw)).slice(0, 16);
    const sign = async (value) => base64Of(await crypto.subtle.sign("Ed25519", pair.privateKey, canonicalForm(value)));
    return { id, publicKey: base64Of(raw), sign };
  }

  return {
    async find(person) {
      const pair = await settled((await store("readonly")).get(person));
      return pair ? described(pair) : null;
    },
    async make(person) {
      const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
      await settled((await store("readwrite")).put(pair, person));
      return described(pair);
    },
  };
})();
